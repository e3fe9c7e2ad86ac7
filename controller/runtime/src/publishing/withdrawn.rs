//! Closes pull requests of kubeopt's own that nothing stands behind any more, because of what people asked for: all of it
//! is to be left alone, or each workload has one of its own now. What only failed to come this time stays open.

use std::collections::BTreeSet;

use kubeopt_forge::{PullRequest, PullRequestState};
use kubeopt_model::pull_request::Marker;
use kubeopt_model::{NoRecommendation, RepositoryId};

use super::closing::Moment;
use super::merges::Merges;
use crate::edges::Edges;
use crate::orders::Orders;
use crate::proposing::{Decided, IGNORED, Left};

/// What is known of one repository.
#[derive(Clone, Copy)]
pub(crate) struct There<'a> {
    pub(crate) repository: &'a RepositoryId,
    /// kubeopt's, all states, as they were when the pass began.
    pub(crate) pulls: &'a [PullRequest],
    /// What people asked for.
    pub(crate) orders: &'a Orders,
}

impl Edges {
    /// Closes what nothing stands behind any more in one repository, and deletes what is left over there.
    pub(crate) async fn withdraw(
        &self,
        there: There<'_>,
        decided: &Decided,
        moment: Moment<'_>,
        merges: &mut Merges,
    ) {
        let There { repository, pulls, orders } = there;
        let proposed: BTreeSet<&str> = decided
            .proposals
            .iter()
            .filter(|proposal| &proposal.draft.repository == repository)
            .map(|proposal| proposal.draft.branch.as_str())
            .collect();
        merges.problems.extend(self.delete_orphans(repository, pulls, decided, moment).await.err());
        let open = pulls.iter().filter(|pull| {
            pull.state == PullRequestState::Open
                && !proposed.contains(pull.head_branch.as_str())
                && !orders.standing.held.contains_key(&pull.number)
                && !merges.closed.iter().any(|(of, number, _)| of == repository && *number == pull.number)
        });
        for pull in open.collect::<Vec<_>>() {
            let Some(reason) = reason(pull, orders, decided) else { continue };
            match self.close(repository, pull, &reason, moment).await {
                Ok(true) => merges.closed.push((repository.clone(), pull.number, reason)),
                Ok(false) => {}
                Err(problem) => merges.problems.push(problem),
            }
        }
    }
}

/// Why nothing stands behind it; none where something may.
fn reason(pull: &PullRequest, orders: &Orders, decided: &Decided) -> Option<String> {
    let marker = Marker::find(&pull.body)?;
    if orders.split.contains(&(marker.base.clone(), marker.group.clone())) {
        return Some("each workload has a pull request of its own now".to_owned());
    }
    let containers: BTreeSet<&str> = marker.fields.iter().map(|field| field.container.as_str()).collect();
    let mut reasons: Vec<String> = Vec::new();
    for container in containers {
        let speaks = |left: &&Left| left.containers.iter().any(|id| id.to_string() == container);
        let mut left = decided.left.iter().filter(speaks);
        reasons.push(left.find_map(|left| for_good(&left.why))?);
    }
    reasons.sort();
    reasons.dedup();
    match reasons.as_slice() {
        [] => None,
        [one] => Some(format!("all of it is {one}")),
        [one, ..] => Some(format!("all of it is {one}, or otherwise not wanted any more")),
    }
}

/// The reason, as an adjective's clause, where it does not pass by itself.
fn for_good(why: &NoRecommendation) -> Option<String> {
    match why {
        NoRecommendation::Refused { guardrail, text } if guardrail == IGNORED => Some(text.clone()),
        NoRecommendation::Disabled { by } => Some(format!("switched off by {by}")),
        NoRecommendation::AlreadyRight => Some("right as it stands by now".to_owned()),
        NoRecommendation::Refused { .. }
        | NoRecommendation::NoUsage
        | NoRecommendation::TooLittleHistory { .. }
        | NoRecommendation::TooFewRuns { .. }
        | NoRecommendation::ScaledOnThisResource { .. }
        | NoRecommendation::NotEditable(_)
        | NoRecommendation::NoSource(_)
        | NoRecommendation::TooSmall
        | NoRecommendation::PartialData { .. } => None,
    }
}
