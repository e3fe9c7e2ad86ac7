//! What guardrails look at beside the recommendation.

use kubeopt_model::{ClusterFacts, ClusterName, EffectivePolicy};

use crate::promised::Promised;

/// What guardrails look at beside the recommendation.
#[derive(Debug, Clone, Copy)]
pub struct AdmitContext<'a> {
    /// The policy of the recommendation's scalars.
    pub policy: &'a EffectivePolicy,
    /// Facts of every cluster that members run in. Where they are missing, nothing is bounded by them.
    pub facts: &'a [&'a ClusterFacts],
    /// What was admitted before in the same pass asks for.
    pub promised: &'a Promised,
}

impl<'a> AdmitContext<'a> {
    /// The facts of a cluster.
    pub(crate) fn facts_of(&self, cluster: &ClusterName) -> Option<&'a ClusterFacts> {
        self.facts.iter().copied().find(|facts| &facts.cluster == cluster)
    }
}
