//! Git objects, the sources of Flux and Argo CD, and the renderer's client.
//!
//! Three concerns, one folder or file each:
//! - [`store`] and [`snapshot`]: a cache of bare repositories; the files of a commit are read from its trees, nothing
//!   is ever checked out. `smart` is the fetch, over HTTP or over [`ssh`].
//! - [`sources`], [`flux`], [`argo`], [`allow`], [`entry`], [`giturl`]: from a live object to repository, branch and
//!   folder; [`release`]: from an object to a chart and its values. Pure.
//! - [`render`]: both ends of the child process that turns a folder into manifests; [`charts`] are what Helm renders.
//!
//! Must not know: what a field means or how it is edited, what a forge is, how a cluster is asked.

pub mod allow;
mod annotation;
pub mod argo;
mod argo_overlay;
pub mod bare;
mod cache;
pub mod charts;
pub mod codes;
pub mod entry;
pub mod error;
#[cfg(test)]
mod fixture;
pub mod flux;
mod flux_artifacts;
mod flux_release;
mod flux_source;
mod folder;
pub mod giturl;
mod known;
mod listing;
mod local;
pub mod nesting;
pub mod quota;
pub mod release;
pub mod render;
mod revision;
mod smart;
pub mod snapshot;
pub mod sources;
#[cfg(test)]
mod sources_fixture;
pub mod ssh;
pub mod store;
mod unresolved;

pub use allow::path_allowed;
pub use entry::detect_renderer;
pub use error::GitError;
pub use giturl::{GitUrl, parse_git_url};
pub use quota::StoreLimits;
pub use release::{release_of_object, releases, settle_origins};
pub use render::{
    HelmArguments, HelmBinary, KustomizeBinary, RenderLimits, RenderRequest, Rendered, Renderer, Sandbox,
    serve_one,
};
pub use snapshot::{Skipped, SkippedWhy, Snapshot};
pub use sources::{Sources, find_sources, resolve_sources};
pub use ssh::{KnownHosts, SshAddress, SshClient, SshPolicy};
pub use store::{GitStore, Location, Remote};
