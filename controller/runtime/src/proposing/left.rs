//! Containers that are left as they are, and why.

use kubeopt_model::recommendation::Member;
use kubeopt_model::{ContainerId, NoRecommendation, Recommendation, WorkloadId};

use super::demand::{Candidate, Unit};

/// Says among the reasons for leaving something that a person asked for it.
pub(crate) const IGNORED: &str = "ignored";

/// Containers of one workload that are left as they are.
#[derive(Debug, Clone)]
pub struct Left {
    /// The workload.
    pub workload: WorkloadId,
    /// The containers.
    pub containers: Vec<ContainerId>,
    /// Why.
    pub why: NoRecommendation,
}

pub(super) fn leave_all(unit: &Unit, why: NoRecommendation) -> Vec<Left> {
    unit.candidates.iter().map(|candidate| leave(candidate, why.clone())).collect()
}

pub(super) fn leave(candidate: &Candidate, why: NoRecommendation) -> Left {
    Left { workload: candidate.workload.id.clone(), containers: vec![candidate.id()], why }
}

/// Every container of a recommendation that cannot be proposed.
pub(super) fn leave_members(recommendation: &Recommendation, why: &NoRecommendation) -> Vec<Left> {
    let one = |member: &Member| Left {
        workload: member.container.workload.clone(),
        containers: vec![member.container.clone()],
        why: why.clone(),
    };
    recommendation.members.iter().map(one).collect()
}
