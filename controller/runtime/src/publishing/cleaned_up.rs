//! What is left over on a forge: branches that never got a pull request, and pull requests whose base is gone.
//!
//! Must not touch what a person wrote: a branch goes only where its one commit is kubeopt's.

use std::collections::BTreeSet;

use kubeopt_forge::{ExpectedHead, PullRequest, PullRequestState};
use kubeopt_history::{OutboxEntry, OutboxStep};
use kubeopt_model::pull_request::Marker;
use kubeopt_model::{Problem, RepositoryId};

use super::closing::{BASE_GONE, Moment};
use super::merges::Merges;
use super::publish::{is_own, own_pull_requests};
use crate::edges::Edges;
use crate::proposing::Decided;

/// A branch without a pull request is waited for so long: its proposal usually comes again with the next pass, and a forge
/// that opens none may be mended tomorrow.
const ORPHAN_S: i64 = 86_400;

impl Edges {
    /// Deletes branches of kubeopt's own that a pass pushed and no pull request came of, where their proposal does not come
    /// any more. Only those that the journal knows: a lost database leaves them.
    pub(super) async fn delete_orphans(
        &self,
        repository: &RepositoryId,
        pulls: &[PullRequest],
        decided: &Decided,
        moment: Moment<'_>,
    ) -> Result<(), Problem> {
        let outbox = self.journal.outbox().await.map_err(|error| error.problem())?;
        let drafts = decided.proposals.iter().map(|proposal| &proposal.draft);
        let has_one: BTreeSet<&str> = drafts
            .filter(|draft| &draft.repository == repository)
            .map(|draft| draft.branch.as_str())
            .chain(pulls.iter().map(|pull| pull.head_branch.as_str()))
            .collect();
        let is_orphan = |entry: &&OutboxEntry| {
            let is_unfinished = matches!(entry.step, OutboxStep::Planned | OutboxStep::Pushed { .. });
            &entry.repository == repository
                && is_unfinished
                && entry.at_unix_s + ORPHAN_S <= moment.now.as_second()
                && !has_one.contains(entry.branch.as_str())
        };
        for entry in outbox.iter().filter(is_orphan) {
            self.delete_orphan(entry).await?;
        }
        Ok(())
    }

    async fn delete_orphan(&self, entry: &OutboxEntry) -> Result<(), Problem> {
        let OutboxEntry { repository, branch, .. } = entry;
        let forge = self.forge(repository)?.forge.as_ref();
        let head = forge.branch(repository, branch).await.map_err(|error| error.problem())?;
        if let Some(head) = head {
            if !is_own(&head) {
                return Ok(());
            }
            self.may_write()?;
            let expected = ExpectedHead::At(head.oid);
            let deleted = forge.delete_branch(repository, branch, &expected).await;
            deleted.map_err(|error| error.problem())?;
            tracing::info!(%repository, branch, "deleted a branch of which no pull request came");
        }
        self.journal.forget(repository, branch).await.map_err(|error| error.problem())
    }

    /// Closes pull requests whose base branch is not there any more, once that was seen for a while.
    pub(crate) async fn close_baseless(&self, moment: Moment<'_>, merges: &mut Merges) {
        let repositories: BTreeSet<&RepositoryId> =
            moment.sites.traces.iter().filter(|(_, trace)| trace.is_err()).map(|((id, _), _)| id).collect();
        for repository in repositories {
            match self.baseless(repository, moment).await {
                Ok(closed) => merges.closed.extend(closed),
                // Why a repository could not be read is told by whoever read it.
                Err(problem) => {
                    tracing::debug!(%repository, "its bases were not looked at: {}", problem.text)
                }
            }
        }
    }

    async fn baseless(
        &self,
        repository: &RepositoryId,
        moment: Moment<'_>,
    ) -> Result<Vec<(RepositoryId, u64, String)>, Problem> {
        let forge = self.forge(repository)?.forge.as_ref();
        let failed = moment.sites.traces.iter().filter(|((id, _), trace)| id == repository && trace.is_err());
        let mut gone = BTreeSet::new();
        for branch in failed.filter_map(|((_, branch), _)| branch.as_deref()) {
            let head = forge.branch(repository, branch).await.map_err(|error| error.problem())?;
            if head.is_none() {
                gone.insert(branch);
            }
        }
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        let pulls = own_pull_requests(forge, repository).await?;
        let is_baseless = |pull: &&PullRequest| {
            pull.state == PullRequestState::Open
                && gone.contains(pull.base.as_str())
                && Marker::find(&pull.body).is_some()
        };
        let mut closed = Vec::new();
        for pull in pulls.iter().filter(is_baseless) {
            let reason = format!("its base branch `{}` is gone", pull.base);
            if self.has_stood(repository, pull, &BASE_GONE, moment.now).await?
                && self.close(repository, pull, &reason, moment).await?
            {
                closed.push((repository.clone(), pull.number, reason));
            }
        }
        Ok(closed)
    }
}
