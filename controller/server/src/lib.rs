//! HTTP in: health, metrics, webhooks of forges, and the pages of the local forge.
//!
//! Every answer carries strict security headers, every request has a limit in bytes and in time. Pages are served to
//! this machine only. Must not know templates, Git or clusters: what pages hold comes through [`Pages`], and who signed a
//! delivery is told by [`Webhooks`].

pub mod codes;
pub mod error;
pub mod metrics;
pub mod pages;
pub mod readiness;
pub mod serve;
pub mod token;
pub mod webhooks;

mod agent_metrics;
mod guard;
mod routes;

pub use agent_metrics::AgentFigures;
pub use error::ServerError;
pub use metrics::Metrics;
pub use pages::{Asset, Page, Pages, PullRequestAt};
pub use readiness::Readiness;
pub use routes::{App, router};
pub use serve::serve;
pub use token::FormToken;
pub use webhooks::{Delivery, NotTaken, WEBHOOK_BYTES_MAX, WebhookDoor, Webhooks, WorthALook};
