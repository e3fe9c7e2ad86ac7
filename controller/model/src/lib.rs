//! The vocabulary of kubeopt: plain values that every stage shares.
//!
//! No IO, no async, no clock and no randomness: a stage takes these values, and `now`, and returns these values.
//! Words have one meaning each; the list stands in ARCHITECTURE.md.

pub mod agents;
pub mod binding;
pub mod change;
pub mod cluster;
pub mod confidence;
pub mod cost;
pub mod edit;
pub mod explanation;
pub mod finding;
pub mod foretold;
pub mod gpu;
pub mod java;
pub mod load;
pub mod names;
pub mod outcome;
pub mod pod;
pub mod policy;
pub mod problem;
pub mod pull_request;
pub mod quantity;
pub mod recommendation;
pub mod release;
mod repo_path;
mod resource_list;
pub mod scale;
pub mod selection;
pub mod source;
pub mod trace;
pub mod usage;
pub mod vpa;
pub mod workload;

pub use binding::{Binding, ForgeName, SourceMapping};
pub use change::Change;
pub use cluster::ClusterFacts;
pub use confidence::StatedConfidence;
pub use cost::{CapacityCost, Money, Prices};
pub use edit::{ChangedField, EditedFile, FieldEdit, FileSet, Verification};
pub use explanation::{Confidence, Explanation, RiskCode, RiskNote, WordedBy};
pub use finding::Finding;
pub use foretold::{Foretold, ForetoldHour, ForetoldLoad, PeakQuantiles};
pub use names::{ClusterName, ContainerName, InvalidName, Namespace, ObjectName};
pub use outcome::{Outcome, Settled, Watched};
pub use policy::EffectivePolicy;
pub use problem::{Place, Problem};
pub use quantity::{Amount, Bound, Bytes, Field, InvalidQuantity, MilliCores, Resource, Unit};
pub use recommendation::{NoRecommendation, Reason, Recommendation};
pub use release::{Release, ValuesLayer};
pub use scale::{ChangedTarget, ScaleTarget, TargetChange, TargetEdit};
pub use source::{EditSite, FieldPath, RepoPath, RepositoryId, Source, Step, TracedField};
pub use trace::UsageTrace;
pub use usage::{ContainerUsage, Coverage, Window};
pub use workload::{Container, ContainerId, ContainerRole, Resources, Workload, WorkloadId, WorkloadKind};

/// An instant in UTC; the only notion of time in the pure crates.
pub type Timestamp = jiff::Timestamp;
