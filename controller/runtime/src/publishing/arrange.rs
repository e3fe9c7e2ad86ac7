//! What stands beside a pull request once it is written: labels, people who are asked, and statuses on its commit. Nothing
//! of it keeps a pull request from being there; what cannot be had is told.

use kubeopt_forge::{Asked, Declined, Forge, ForgeError, PullRequest, Status, StatusState};
use kubeopt_model::policy::PullRequestPolicy;
use kubeopt_model::pull_request::Marker;
use kubeopt_model::{Problem, RepositoryId};
use kubeopt_policy::Voices;

use super::voices::{self, status_of_policy, voices_of};
use crate::codes;
use crate::edges::Edges;
use crate::orders::Orders;
use crate::proposing::Proposal;

/// Says whether the rendering differs in nothing but what is proposed.
const VERIFY: &str = "kubeopt/verify";

/// A pull request that was written.
pub(super) struct Written<'a> {
    pub(super) proposal: &'a Proposal,
    /// As the forge has it now.
    pub(super) pull: &'a PullRequest,
    /// As it was before, if it was there.
    pub(super) before: Option<&'a PullRequest>,
    /// Nobody was asked yet.
    pub(super) is_new: bool,
    pub(super) orders: &'a Orders,
}

impl Edges {
    /// Sets labels, asks people and puts statuses; gives what could not be had.
    pub(super) async fn arrange(&self, forge: &dyn Forge, written: &Written<'_>) -> Vec<Problem> {
        let repository = &written.proposal.draft.repository;
        let mut problems = Vec::new();
        let policy = &written.proposal.change_set.policy.pull_requests;
        if let Some(before) = written.before {
            problems.extend(self.set_labels(forge, written, before).await);
        }
        if written.is_new {
            let wanted = policy.reviewers.iter().chain(&written.proposal.owners).cloned().collect();
            problems.extend(self.ask(forge, repository, written.pull.number, wanted, policy).await);
        }
        let verify = verify_status(written.proposal);
        problems.extend(self.put(forge, repository, &written.pull.head_oid, &verify).await);
        problems.extend(self.judge_policy(forge, written).await);
        problems
    }

    /// Puts the status of the policy on what was just written; what is only looked at gets it with the judgement of its merge.
    async fn judge_policy(&self, forge: &dyn Forge, written: &Written<'_>) -> Option<Problem> {
        let Written { proposal, pull, orders, .. } = *written;
        let repository = &proposal.draft.repository;
        let voices = match proposal.change_set.policy.approval.may_ask() {
            false => Ok(Voices::default()),
            true => {
                let heads = &self.heads;
                // What a review speaks of was written before: where the forge does not tell of which head, of none.
                let asked = voices::Asked { proposal, pull, orders, heads, written_unix_s: i64::MAX };
                voices_of(forge, &asked).await
            }
        };
        match voices {
            Ok(voices) => {
                let status = status_of_policy(proposal, &voices, None);
                self.put(forge, repository, &pull.head_oid, &status).await
            }
            Err(error) => Some(untold(repository, "who approved", &error)),
        }
    }

    async fn set_labels(
        &self,
        forge: &dyn Forge,
        written: &Written<'_>,
        before: &PullRequest,
    ) -> Vec<Problem> {
        let draft = &written.proposal.draft;
        let marker = Marker::find(&before.body);
        let is_same = marker.as_ref().is_some_and(|marker| marker.proposal == draft.marker.proposal);
        let mut set_before = marker.map(|marker| marker.labels).unwrap_or_default();
        // Other values need another approval.
        if !is_same {
            set_before.push(written.proposal.change_set.policy.approval.label.clone());
        }
        let asked = Asked { wanted: draft.labels.clone(), set_before };
        if let Err(problem) = self.may_write() {
            return vec![problem];
        }
        match forge.labels(&draft.repository, written.pull.number, &asked).await {
            Ok(arranged) => declined(&draft.repository, written.pull.number, "label", arranged.declined),
            Err(error) => vec![untold(&draft.repository, "labels", &error)],
        }
    }

    async fn ask(
        &self,
        forge: &dyn Forge,
        repository: &RepositoryId,
        number: u64,
        reviewers: Vec<String>,
        policy: &PullRequestPolicy,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Err(problem) = self.may_write() {
            return vec![problem];
        }
        if !reviewers.is_empty() {
            let asked = Asked { wanted: reviewers, set_before: Vec::new() };
            match forge.reviewers(repository, number, &asked).await {
                Ok(arranged) => problems.extend(declined(repository, number, "review", arranged.declined)),
                Err(error) => problems.push(untold(repository, "reviewers", &error)),
            }
        }
        if !policy.assignees.is_empty() {
            let asked = Asked { wanted: policy.assignees.clone(), set_before: Vec::new() };
            match forge.assignees(repository, number, &asked).await {
                Ok(arranged) => {
                    problems.extend(declined(repository, number, "assignment", arranged.declined))
                }
                Err(error) => problems.push(untold(repository, "assignees", &error)),
            }
        }
        problems
    }

    pub(super) async fn put(
        &self,
        forge: &dyn Forge,
        repository: &RepositoryId,
        oid: &str,
        status: &Status,
    ) -> Option<Problem> {
        if let Err(problem) = self.may_write() {
            return Some(problem);
        }
        let put = forge.set_status(repository, oid, status).await;
        put.err().map(|error| untold(repository, &status.context, &error))
    }
}

fn verify_status(proposal: &Proposal) -> Status {
    let unproven = proposal.verifications.iter().filter(|proof| proof.by.not_rendered().is_some()).count();
    let entries = proposal.verifications.len();
    let (state, description) = match unproven {
        0 => {
            let text = format!(
                "{entries} of {entries} entry points compared before and after: nothing else differs"
            );
            (StatusState::Success, text)
        }
        _ => (
            StatusState::Pending,
            format!("{unproven} of {entries} entry points could not be rendered, so it is not proven"),
        ),
    };
    Status { context: VERIFY.to_owned(), state, description, url: None }
}

fn declined(repository: &RepositoryId, number: u64, what: &str, declined: Vec<Declined>) -> Vec<Problem> {
    let problem = |declined: Declined| {
        let text = format!("{repository} #{number} has no {what} of `{}`: {}", declined.name, declined.why);
        let help = "correct the name in the policy, or give kubeopt's account the right to do it";
        Problem::new(codes::NOT_ARRANGED, text, help)
    };
    declined.into_iter().map(problem).collect()
}

fn untold(repository: &RepositoryId, what: &str, error: &ForgeError) -> Problem {
    let problem = error.problem();
    Problem::new(codes::NOT_ARRANGED, format!("{what} in {repository}: {}", problem.text), problem.help)
}
