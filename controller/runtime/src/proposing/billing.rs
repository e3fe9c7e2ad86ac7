//! What each proposal takes off the bill, by itself and together with the others: nodes go whole, so savings of several
//! proposals are packed jointly and never added up.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::cost::{BillDelta, ProposedBill};
use kubeopt_model::{ClusterFacts, ClusterName};

use super::change_set::ChangeSet;
use super::proposal::{Proposal, Proven};
use crate::pricing::on_the_bill;
use crate::seen::Seen;

/// What each of the change sets takes off the bill, in their order.
pub(crate) fn bills(proven: Vec<Proven>, seen: &Seen) -> Vec<(Proven, ProposedBill)> {
    let mut together = Together { seen, known: BTreeMap::new() };
    let clusters: Vec<BTreeSet<&ClusterName>> =
        proven.iter().map(|one| clusters_of(&one.change_set)).collect();
    let bills: Vec<ProposedBill> = (0..proven.len())
        .map(|own| {
            let beside: Vec<usize> =
                (0..proven.len()).filter(|at| !clusters[*at].is_disjoint(&clusters[own])).collect();
            let sets = |indices: &[usize]| -> Vec<&ChangeSet> {
                indices.iter().map(|at| &proven[*at].change_set).collect()
            };
            let others = beside.len() - 1;
            ProposedBill {
                alone: bill(&sets(&[own]), seen),
                others,
                together: (others > 0).then(|| together.bill(&beside, &sets(&beside))),
            }
        })
        .collect();
    proven.into_iter().zip(bills).collect()
}

/// What leaves the bill with all proposals; none without a proposal.
pub(crate) fn bill_of(proposals: &[Proposal], seen: &Seen) -> Option<BillDelta> {
    let sets: Vec<&ChangeSet> = proposals.iter().map(|proposal| &proposal.change_set).collect();
    (!sets.is_empty()).then(|| bill(&sets, seen))
}

/// Bills of sets of proposals that are known already: most proposals of a pass have the same others.
struct Together<'a> {
    seen: &'a Seen,
    known: BTreeMap<Vec<usize>, BillDelta>,
}

impl Together<'_> {
    fn bill(&mut self, which: &[usize], sets: &[&ChangeSet]) -> BillDelta {
        self.known.entry(which.to_vec()).or_insert_with(|| bill(sets, self.seen)).clone()
    }
}

fn bill(sets: &[&ChangeSet], seen: &Seen) -> BillDelta {
    let facts: &BTreeMap<ClusterName, ClusterFacts> = &seen.clusters;
    let all = sets.iter().flat_map(|set| &set.recommendations);
    on_the_bill(all, facts, &seen.prices)
}

fn clusters_of(change_set: &ChangeSet) -> BTreeSet<&ClusterName> {
    let members = change_set.recommendations.iter().flat_map(|recommendation| &recommendation.members);
    members.map(|member| &member.container.workload.cluster).collect()
}
