//! The policy: one file as a layer, all layers together as the effective policy of one workload. Knows no forge, no
//! cluster and no controller configuration.

pub(crate) mod document;
mod effective;
mod environment;
mod explain;
mod file;
mod finding_words;
mod key;
pub(crate) mod keys;
mod layered;
pub(crate) mod life_cycle;
mod manifest;
pub(crate) mod manner_words;
mod objects;
mod selector;
pub(crate) mod words;

pub use effective::{Asked, Layer, Subject, effective_policy};
pub use environment::{KnownEnvironment, environment_in, environment_of};
pub use explain::{ExplainedKey, Explanation, Said, Standing, explain_policy, keys_named, not_allowed};
pub use file::{OPERATOR_LAYER, POLICY_FILE_NAME, PolicyFile, policy_paths};
pub(crate) use file::{Owner, check_layer};
pub use keys::{EffectiveKey, effective_keys};
pub use kubeopt_model::policy::Environment;
pub use objects::{ClusterPolicies, POLICY_KIND};
