//! What of a change set keeps the rest from being proven: recommendations that fail alone, and those that could not be
//! rendered and would make a draft of it all.

use kubeopt_model::edit::ProvenBy;
use kubeopt_model::{Problem, Recommendation, Verification};

use super::change_set::{ChangeSet, only};
use super::proposal::Proven;
use super::prove::prove;
use crate::codes;
use crate::edges::Edges;
use crate::located::Sites;

/// A change set without some of its recommendations.
pub(crate) struct Apart {
    /// What is left of it.
    pub(crate) rest: ChangeSet,
    /// What is not in it any more, each with the reason.
    pub(crate) gone: Vec<(Recommendation, Problem)>,
}

/// Takes out what was not rendered, where something else was: proven changes do not wait for it. None where all was, or
/// nothing.
pub(crate) fn unrendered_apart(proven: &Proven) -> Option<Apart> {
    let change_set = &proven.change_set;
    let reason = |one: &Recommendation| proven.verifications.iter().find(|proof| leaves_open(proof, one));
    let rest = only(change_set, |one| reason(one).is_none())?;
    let gone = change_set.recommendations.iter();
    let gone = gone.filter_map(|one| Some((one.clone(), not_rendered(reason(one)?)))).collect();
    Some(Apart { rest, gone })
}

/// Whether a proof shows a field of the recommendation and could not be rendered.
fn leaves_open(proof: &Verification, recommendation: &Recommendation) -> bool {
    matches!(proof.by, ProvenBy::NotRendered(_))
        && recommendation.members.iter().any(|member| {
            proof.changed.iter().any(|field| {
                field.container == member.container.container
                    && field.workload.describes(&member.container.workload)
            })
        })
}

fn not_rendered(proof: &Verification) -> Problem {
    let text = format!(
        "{}: {}; the other changes of the pull request are proven and do not wait for it",
        proof.entry, proof.by
    );
    let help = "install kustomize and helm, and list the repository of a chart under `charts` in kubeopt.yaml; it is proposed by itself, as a draft, where its group has nothing else";
    Problem::new(codes::UNRENDERED, text, help)
}

impl Edges {
    /// Takes out what cannot be proven even alone. None where that is all of it, or nothing.
    pub(crate) async fn unproven_apart(&self, change_set: &ChangeSet, sites: &Sites) -> Option<Apart> {
        let trace = sites.trace(&change_set.repository, &change_set.base)?;
        let mut gone = Vec::new();
        for recommendation in &change_set.recommendations {
            let alone = only(change_set, |one| one == recommendation)?;
            if let Err(problem) = prove(&alone, trace, self.tools(&sites.objects)).await {
                gone.push((recommendation.clone(), problem));
            }
        }
        if gone.is_empty() {
            return None;
        }
        let rest = only(change_set, |one| !gone.iter().any(|(other, _)| one == other))?;
        Some(Apart { rest, gone })
    }
}
