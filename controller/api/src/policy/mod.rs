//! The policy: one file as a layer, all layers together as the effective policy of one workload. Knows no forge, no
//! cluster and no controller configuration.

mod allowed;
mod asked;
mod check;
pub(crate) mod document;
mod effective;
mod environment;
mod explain;
mod file;
mod finding_words;
mod key;
pub(crate) mod keys;
mod layer;
mod layered;
pub(crate) mod life_cycle;
mod manifest;
pub(crate) mod manner_words;
mod objects;
mod said;
pub(crate) mod selector;
pub(crate) mod words;

pub use asked::{Asked, Subject};
pub(crate) use check::check_layer;
pub use effective::effective_policy;
pub use environment::{KnownEnvironment, environment_in, environment_of};
pub use explain::{ExplainedKey, Explanation, explain_policy, keys_named, not_allowed};
pub(crate) use file::Owner;
pub use file::{OPERATOR_LAYER, POLICY_FILE_NAME, PolicyFile, policy_paths};
pub use keys::{EffectiveKey, effective_keys};
pub use kubeopt_model::policy::Environment;
pub use layer::Layer;
pub use objects::{ClusterPolicies, POLICY_KIND};
pub use said::{Said, Standing};
