//! A unit under its policy.

use std::collections::BTreeMap;

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::{Problem, RepoPath};

use super::demand::Unit;

/// A unit with the policy of its paths.
#[derive(Debug, Clone)]
pub(crate) struct Governed {
    /// The containers that share scalars.
    pub(crate) unit: Unit,
    /// What all layers say.
    pub(crate) policy: EffectivePolicy,
    /// For each entry point of containers that share a scalar with another: what all layers say, those of its own folder
    /// too, or why these cannot be read.
    pub(crate) overlays: BTreeMap<RepoPath, Result<EffectivePolicy, Problem>>,
}
