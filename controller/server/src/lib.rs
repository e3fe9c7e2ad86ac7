//! HTTP in: health, metrics, and the pages of the local forge.
//!
//! Every answer carries strict security headers, every request has a limit in bytes and in time. Pages are served to
//! this machine only. Must not know templates, Git or clusters: what pages hold comes through [`Pages`].

pub mod codes;
pub mod error;
pub mod metrics;
pub mod pages;
pub mod readiness;
pub mod serve;
pub mod token;

mod guard;
mod routes;

pub use error::ServerError;
pub use metrics::Metrics;
pub use pages::{Asset, Page, Pages, PullRequestAt};
pub use readiness::Readiness;
pub use routes::{App, router};
pub use serve::serve;
pub use token::FormToken;
