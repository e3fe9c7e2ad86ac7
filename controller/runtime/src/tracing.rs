//! *Tracing*: which line of which file sets each value. The files of one commit go in, a [`RepositoryTrace`] comes out.
//!
//! [`trace_repository`] is the way in: entry points are found or given (`discover`, `overridden`), values are replaced by
//! marks (`marking`), what carries marks is rendered as often as it takes (`rounds`, `rendering`) or, where nobody can
//! render, read as it is written (`unrendered`), and the marks that arrive tell the lines (`trace`).
//!
//! Must not know what a value should be, who proposes it, or any forge, metric or store: nothing in here uses
//! `proposing`, `publishing`, `offline` or `edges`.
//!
//! The crate `tracing`, which writes logs, is another thing: this folder is always called `crate::tracing`.

mod at_hand;
mod charts;
mod computed;
mod discover;
mod entry_point;
mod hidden;
mod kept_traces;
mod layers;
mod marking;
mod offers;
mod origins;
mod overridden;
mod rendering;
mod repository_trace;
mod rounds;
mod scale_targets;
mod sites;
mod trace;
mod tree;
mod unrendered;
mod view;

pub use charts::{
    AskedChart, ChartChoices, ChartFiles, Charts, ChosenChart, ListedRepository, PublishedCharts,
};
pub use entry_point::{EntryPoint, entry_point};
pub use kept_traces::{TraceCache, TraceKey};
pub use origins::{Locate, Origins};
pub use rendering::{Part, Rendering, Tools, render_request};
pub use repository_trace::RepositoryTrace;
pub use sites::{TreeIndex, trace_everything, trace_repository};
pub use trace::EntryTrace;
pub use unrendered::{Unrendered, Written};
pub use view::View;

pub(crate) use marking::is_in_container;
pub(crate) use origins::objects_of;
pub(crate) use rendering::{at_once, is_of_release, render_entry};
pub(crate) use scale_targets::{TargetTracer, TracedTarget};
pub(crate) use sites::{unknown_readers, unrendered_readers};
