//! Usage from the Prometheus family, read in bulk; from node agents, alone or beside it; where there is neither, from
//! metrics-server, sampled.
//!
//! Input: a slice of time and the owners of pods. Output: series of samples, handed to a sink while they arrive.
//! This crate knows nothing of storage, recommendations or repositories. Queries do not grow with the number of
//! containers: each asks for all containers of the selected namespaces at once, `by (namespace, pod, container)`.

pub mod aftermath;
pub mod codes;
pub mod error;
pub mod metrics_server;
pub mod nodes;
pub mod oom;
pub mod owners;
pub mod prometheus;
pub mod query;
pub mod recorded;
pub mod source;

mod attempt;
mod gpu;
mod intake;
mod moments;
mod past_owners;
mod pod_names;
mod remote_read;
mod scanner;
mod slice;
mod window_signs;

#[cfg(test)]
mod tests;

pub use aftermath::{SignsAsked, SignsRead};
pub use error::ObserveError;
pub use metrics_server::{MetricsServer, MomentReader};
pub use nodes::{NodeAgents, NodeCounts, NodeReader};
pub use owners::PodOwners;
pub use prometheus::{Prometheus, PrometheusOptions};
pub use query::{LabelMatcher, Selector};
pub use recorded::RecordedMetrics;
pub use source::{
    Emptiness, MetricsSource, Reach, SLICE_SECONDS_MAX, STARTUP_S, STEP_S, SliceReport, SourceFacts,
};
