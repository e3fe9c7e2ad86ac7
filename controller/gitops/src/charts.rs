//! Charts: what they depend on, their archives, and where published ones come from.
//!
//! - [`dependencies`]: what a chart needs beside its own files. Pure.
//! - [`archive`]: from the bytes of an archive to its files. Pure.
//! - [`version`]: versions and ranges as Helm reads them. Pure.
//! - [`store`]: published charts, fetched over the one HTTP client, checked by digest, kept on disk.

mod access;
pub mod archive;
pub mod dependencies;
mod digest;
mod index;
mod refusals;
mod registry;
pub mod store;
#[cfg(test)]
mod store_tests;
pub mod version;

pub use archive::{UnpackLimits, unpack};
pub use dependencies::{Dependency, chart_name, dependencies, missing_dependencies};
pub use store::{ChartAccess, ChartStore, FetchedChart, NOT_FETCHED, PublishedChart, base_url};
