//! The last stage: drafts become branches and pull requests, one step at a time, each noted in the outbox before the
//! next. Every step can be repeated: after a kill at any point, the next pass finds on the forge what is done.

use kubeopt_forge::{
    BranchHead, BranchWrite, CommitOptions, ExpectedHead, Forge, NewPullRequest, Person, PullRequest,
    PullRequestQuery, PullRequestUpdate, Signing, StateFilter,
};
use kubeopt_history::{OutboxEntry, OutboxStep};
use kubeopt_model::pull_request::{Marker, PullRequestDraft};
use kubeopt_model::{Problem, RepositoryId, Timestamp};
use kubeopt_report::MODEL_CREDIT;

use super::arrange::Written;
use super::manners::{Verdict, judge};
use super::onboard::Waiting;
use super::published::Published;
use crate::codes;
use crate::edges::Edges;
use crate::orders::{AllOrders, Orders, Redo};
use crate::proposing::Proposal;

/// All branches of kubeopt begin so.
pub const BRANCH_PREFIX: &str = "kubeopt/";

/// Author and committer of kubeopt's commits. Commits of others on its branches are people's.
pub(crate) fn author() -> Person {
    Person { name: "kubeopt".to_owned(), email: "bot@kubeopt.dev".to_owned() }
}

impl Edges {
    /// Publishes proposals, one after the other. A forge that fails leaves a problem; the others go on. The problems are of
    /// what stands beside pull requests that are there.
    pub async fn publish(
        &self,
        proposals: &[Proposal],
        orders: &AllOrders,
        waiting: &Waiting,
        now: Timestamp,
    ) -> (Vec<Published>, Vec<Problem>) {
        self.progress.stage("publishing", Some(proposals.len() as u64));
        let (mut published, mut problems) = (Vec::new(), Vec::new());
        for proposal in proposals {
            let key = (proposal.draft.repository.clone(), proposal.draft.branch.clone());
            if let Some(problem) = waiting.get(&key) {
                published.push(Published::Waiting(problem.clone()));
                continue;
            }
            let one = self.publish_one(proposal, orders, now, &mut problems).await;
            published.push(one.unwrap_or_else(Published::Failed));
            self.progress.step();
        }
        (published, problems)
    }

    async fn publish_one(
        &self,
        proposal: &Proposal,
        orders: &AllOrders,
        now: Timestamp,
        problems: &mut Vec<Problem>,
    ) -> Result<Published, Problem> {
        let draft = &proposal.draft;
        let forge = self.forge(&draft.repository)?.forge.as_ref();
        let pulls = own_pull_requests(forge, &draft.repository).await?;
        let policy = &proposal.change_set.policy;
        let none = Orders::default();
        let orders = orders.of(&draft.repository).unwrap_or(&none);
        let verdict = judge(draft, &pulls, policy, orders, now);
        let find = |number: u64| pulls.iter().find(|pull| pull.number == number).cloned();
        let mut redo = Redo::Anew;
        let entry = self.outbox_entry(draft).await?;
        // An earlier run began this very proposal and did not note its end.
        let is_unfinished = entry.as_ref().is_some_and(|entry| entry.step != OutboxStep::Announced);
        let existing = match verdict {
            Verdict::Wait(problem) => return Ok(Published::Waiting(problem)),
            Verdict::Unchanged(number) if !is_unfinished => {
                let mut pull = find(number).ok_or_else(|| gone(number))?;
                if gains_words(draft, &pull) {
                    self.may_write()?;
                    let body =
                        PullRequestUpdate { body: Some(draft.body.clone()), ..PullRequestUpdate::default() };
                    let told = forge.update_pull_request(&draft.repository, number, &body).await;
                    pull = told.map_err(|error| error.problem())?;
                }
                // The database was lost and knows of it since this pass: whoever opened it may have been killed before its
                // statuses were put. People are not asked again: one may have taken a review request away.
                if entry.is_some_and(|entry| entry.at_unix_s == now.as_second()) {
                    let written = Written { proposal, pull: &pull, before: None, is_new: false, orders };
                    problems.extend(self.arrange(forge, &written).await);
                }
                return Ok(Published::Unchanged(pull));
            }
            Verdict::Redo(number, how) => {
                redo = how;
                find(number)
            }
            Verdict::Unchanged(number) | Verdict::Update(number) => find(number),
            Verdict::Open => None,
        };
        let before = existing.clone();
        let published = self.write(forge, draft, existing, redo, now).await?;
        if let Published::Opened(pull) | Published::Updated(pull) = &published {
            let is_new = before.is_none() || is_unfinished;
            let written = Written { proposal, pull, before: before.as_ref(), is_new, orders };
            problems.extend(self.arrange(forge, &written).await);
            self.note(draft, OutboxStep::Announced, now).await?;
        }
        Ok(published)
    }

    /// How far the proposal has come as the outbox knows it.
    pub(super) async fn outbox_entry(
        &self,
        draft: &PullRequestDraft,
    ) -> Result<Option<OutboxEntry>, Problem> {
        let outbox = self.journal.outbox().await.map_err(|error| error.problem())?;
        let is_it =
            |entry: &OutboxEntry| entry.repository == draft.repository && entry.branch == draft.branch;
        Ok(outbox.into_iter().find(is_it))
    }

    pub(super) async fn write(
        &self,
        forge: &dyn Forge,
        draft: &PullRequestDraft,
        existing: Option<PullRequest>,
        redo: Redo,
        now: Timestamp,
    ) -> Result<Published, Problem> {
        let repository = &draft.repository;
        let head = forge.branch(repository, &draft.branch).await.map_err(|error| error.problem())?;
        if let Some(head) = &head
            && !is_own(head)
            && redo == Redo::Anew
        {
            return Ok(Published::Waiting(edited_by_person(draft, head, existing.as_ref())));
        }
        self.note(draft, OutboxStep::Planned, now).await?;
        self.may_write()?;
        let head = forge
            .regenerate_branch(repository, &branch_write(draft, head.as_ref(), now))
            .await
            .map_err(|error| error.problem())?;
        self.heads.note(repository, &draft.branch, &draft.marker.proposal, &head.oid);
        self.note(draft, OutboxStep::Pushed { oid: head.oid }, now).await?;
        self.may_write()?;
        let was_open = existing.is_some();
        let pull = match existing {
            Some(pull) => forge.update_pull_request(repository, pull.number, &update(draft, &pull)).await,
            None => forge.open_pull_request(repository, &new_pull_request(draft)).await,
        };
        let pull = pull.map_err(|error| error.problem())?;
        self.note(draft, OutboxStep::Opened { number: pull.number }, now).await?;
        Ok(if was_open { Published::Updated(pull) } else { Published::Opened(pull) })
    }

    /// Asked right before each write.
    pub(crate) fn may_write(&self) -> Result<(), Problem> {
        if self.permit.may_write() {
            return Ok(());
        }
        let help = "nothing to do: the one that leads goes on from here";
        Err(Problem::new(codes::NOT_LEADER, "another controller has taken the lead", help))
    }

    pub(super) async fn note(
        &self,
        draft: &PullRequestDraft,
        step: OutboxStep,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let entry = OutboxEntry {
            repository: draft.repository.clone(),
            base: draft.base.clone(),
            branch: draft.branch.clone(),
            group: draft.marker.group.clone(),
            proposal: draft.marker.proposal.clone(),
            step,
            at_unix_s: now.as_second(),
        };
        self.journal.note(&entry).await.map_err(|error| error.problem())
    }
}

/// kubeopt's pull requests of a repository, all states.
///
/// # Errors
/// As the forge.
pub(crate) async fn own_pull_requests(
    forge: &dyn Forge,
    repository: &RepositoryId,
) -> Result<Vec<PullRequest>, Problem> {
    let query = PullRequestQuery::with_prefix(BRANCH_PREFIX, StateFilter::All);
    forge.pull_requests(repository, &query).await.map_err(|error| error.problem())
}

/// Whether the commit at the head of a branch is kubeopt's.
pub(crate) fn is_own(head: &BranchHead) -> bool {
    head.is_by(&author().email)
}

fn branch_write(draft: &PullRequestDraft, head: Option<&BranchHead>, now: Timestamp) -> BranchWrite {
    BranchWrite {
        base: draft.base.clone(),
        base_oid: draft.base_oid.clone(),
        branch: draft.branch.clone(),
        message: draft.commit_message.clone(),
        files: draft.files.clone(),
        by: author(),
        at_unix_s: now.as_second(),
        expected: head.map_or(ExpectedHead::Absent, |head| ExpectedHead::At(head.oid.clone())),
        options: CommitOptions {
            sign_off: draft.commits.signoff,
            signing: if draft.commits.signed { Signing::Required } else { Signing::Never },
        },
    }
}

fn new_pull_request(draft: &PullRequestDraft) -> NewPullRequest {
    NewPullRequest {
        title: draft.title.clone(),
        is_draft: draft.is_draft || draft.opens_as_draft,
        body: draft.body.clone(),
        head: draft.branch.clone(),
        base: draft.base.clone(),
        labels: draft.labels.clone(),
    }
}

/// Whether it is a draft follows the proof: it is set or taken off when the proof is lost or found, and only then. In
/// between it is for people to say that an unproven one is ready, or that a proven one is not.
fn update(draft: &PullRequestDraft, there: &PullRequest) -> PullRequestUpdate {
    let was_draft = Marker::find(&there.body).is_some_and(|marker| marker.not_rendered);
    PullRequestUpdate {
        title: Some(draft.title.clone()),
        is_draft: (was_draft != draft.is_draft).then_some(draft.is_draft),
        body: Some(draft.body.clone()),
        state: None,
    }
}

/// The very same proposal, worded by a model since: only its text changes.
fn gains_words(draft: &PullRequestDraft, there: &PullRequest) -> bool {
    let worded = |body: &str| body.matches(MODEL_CREDIT).count();
    Marker::find(&there.body).is_some_and(|marker| marker.proposal == draft.marker.proposal)
        && worded(&draft.body) > worded(&there.body)
}

fn edited_by_person(draft: &PullRequestDraft, head: &BranchHead, pull: Option<&PullRequest>) -> Problem {
    let place = pull.map_or(format!("branch `{}`", draft.branch), |pull| format!("#{}", pull.number));
    let text = format!(
        "a person committed {} to {place}; kubeopt leaves it alone",
        &head.oid[..head.oid.len().min(8)]
    );
    let help = "merge or close it; or comment `/kubeopt recreate`, and kubeopt throws those commits away and starts anew";
    Problem::new(codes::EDITED_BY_PERSON, text, help)
}

fn gone(number: u64) -> Problem {
    Problem::new(codes::NOT_PROVEN, format!("#{number} is gone"), "the next pass looks again")
}

#[cfg(test)]
mod tests;
