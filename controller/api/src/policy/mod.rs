//! The policy: one file as a layer, all layers together as the effective policy of one workload. Knows no forge, no
//! cluster and no controller configuration.

pub(crate) mod document;
mod effective;
mod file;
pub(crate) mod keys;
mod selector;
pub(crate) mod words;

pub use effective::{Layer, Subject, effective_policy};
pub(crate) use file::check_layer;
pub use file::{POLICY_FILE_NAME, PolicyFile, policy_paths};
pub use keys::{EffectiveKey, effective_keys};
