//! *Offline*: what `kubeopt trace` and `kubeopt set` do with a folder. No cluster, no forge, no history.
//!
//! `trace_path` traces a folder and reports its fields, `select` reads what people write to mean containers, and
//! `set_fields` edits, proves and writes.
//!
//! Must not know of a pass: nothing in here uses `edges`, `publishing` or the pipeline. A value comes from the person who
//! asks; the proof is the one of `proposing`.

mod select;
mod set_fields;
mod trace_path;

pub use select::read_selection;
pub use set_fields::{ProvenEdit, Wanted, prove_set, write_files};
pub use trace_path::{EntryLines, FieldLine, FieldState, Place, TraceReport, report, to_json, trace_place};
