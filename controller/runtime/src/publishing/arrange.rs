//! What stands beside a pull request once it is written: labels, people who are asked, and statuses on its commit. Nothing
//! of it keeps a pull request from being there; what cannot be had is told.

use kubeopt_forge::{Asked, Declined, Forge, ForgeError, Permission, PullRequest, Status, StatusState};
use kubeopt_model::policy::PullRequestPolicy;
use kubeopt_model::pull_request::Marker;
use kubeopt_model::{Problem, RepositoryId};
use kubeopt_policy::{ChangeSize, Says, Voice, approval_missing, approval_needed, count_voices};

use crate::codes;
use crate::edges::Edges;
use crate::orders::Orders;
use crate::proposing::Proposal;

/// Says whether the rendering differs in nothing but what is proposed.
const VERIFY: &str = "kubeopt/verify";

/// Says whether the policy lets it be merged.
const POLICY: &str = "kubeopt/policy";

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
        problems.extend(self.judge_policy(forge, written.proposal, written.pull, written.orders).await);
        problems
    }

    /// Puts the status of the policy; it follows approvals, so it may change while the pull request does not.
    pub(super) async fn judge_policy(
        &self,
        forge: &dyn Forge,
        proposal: &Proposal,
        pull: &PullRequest,
        orders: &Orders,
    ) -> Vec<Problem> {
        let repository = &proposal.draft.repository;
        match policy_status(forge, proposal, pull, orders).await {
            Ok(status) => self.put(forge, repository, &pull.head_oid, &status).await.into_iter().collect(),
            Err(error) => vec![untold(repository, "who approved", &error)],
        }
    }

    async fn set_labels(
        &self,
        forge: &dyn Forge,
        written: &Written<'_>,
        before: &PullRequest,
    ) -> Vec<Problem> {
        let draft = &written.proposal.draft;
        let mut set_before = Marker::find(&before.body).map(|marker| marker.labels).unwrap_or_default();
        // Other values need another approval.
        set_before.push(written.proposal.change_set.policy.approval.label.clone());
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

    async fn put(
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

/// Whether enough people approve these values.
async fn policy_status(
    forge: &dyn Forge,
    proposal: &Proposal,
    pull: &PullRequest,
    orders: &Orders,
) -> Result<Status, ForgeError> {
    let policy = &proposal.change_set.policy;
    let needed = approval_needed(&ChangeSize::of(&proposal.change_set.recommendations), policy);
    let status =
        |state, description: String| Status { context: POLICY.to_owned(), state, description, url: None };
    if needed.is_none() {
        return Ok(status(StatusState::Success, "no approval is needed beside the merge".to_owned()));
    }
    let repository = &proposal.draft.repository;
    let key = (pull.number, proposal.draft.marker.proposal.clone());
    let mut people = Vec::new();
    for person in orders.standing.approved.get(&key).into_iter().flatten() {
        let may_write = match forge.permission(repository, person).await {
            Ok(may) => may >= Permission::Write,
            Err(ForgeError::Forbidden { .. } | ForgeError::NotFound { .. }) => false,
            Err(error) => return Err(error),
        };
        people.push((person.as_str(), may_write));
    }
    // Who set a label is not told by all forges; it is the word of one person, and goes when the values change.
    if pull.labels.contains(&policy.approval.label) {
        people.push(("the label", true));
    }
    let voices = people.into_iter().map(|(person, may_write)| Voice {
        person,
        says: Says::Yes,
        may_write,
        is_bot: false,
        is_current: true,
    });
    let voices = count_voices(voices);
    Ok(match approval_missing(needed.as_ref(), &voices) {
        Some(missing) => status(StatusState::Pending, missing),
        None => {
            let names: Vec<&str> = voices.approving.iter().map(String::as_str).collect();
            status(StatusState::Success, format!("approved by {}", names.join(", ")))
        }
    })
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
