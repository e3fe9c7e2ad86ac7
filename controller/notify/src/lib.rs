//! Notices to people and programs: Slack, Teams, Discord, PagerDuty, and any HTTP receiver that checks a signature.
//!
//! What a service is sent is made by pure functions, within its limits and harmless whatever names and texts hold. A
//! [`Notifier`] queues it, sends it with patience for a day, and keeps what could not be delivered where people can list it.
//! Addresses are secrets: they stand in files and in no log. This crate knows no cluster, repository or forge, and nothing
//! waits for it.

pub mod codes;
pub mod destination;
pub mod error;
mod heading;
pub mod notice;
pub mod notifier;
pub mod queue;

mod discord;
mod pagerduty;
mod render;
mod sender;
mod signature;
mod slack;
mod teams;
mod text;
mod webhook;

pub use destination::{Destination, Filter, Service};
pub use error::NotifyError;
pub use notice::{Notice, NoticeKind, NoticeState, Severity};
pub use notifier::{Delivered, Notifier};
pub use queue::{Backlog, DeadLetter};
pub use render::{Rendered, render};
pub use signature::{DELIVERY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};
