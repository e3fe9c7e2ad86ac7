//! Merging on a local forge: a real merge commit, three-way, by libgit2.

use git2::{Commit, MergeOptions, Oid};

use super::storage::{OWN_NAME, Storage, failed};
use super::{branches, records};
use crate::error::ForgeError;
use crate::judgement::MergeOrder;
use crate::pull_request::{PullRequest, PullRequestState};

/// A merge that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeCommit {
    /// Its id.
    pub oid: String,
    /// The branch that it was made on.
    pub base: String,
}

/// A person merges it.
pub(super) fn merge(storage: &Storage, number: u64, by: &str) -> Result<MergeCommit, ForgeError> {
    let pull = records::find(storage, number)?;
    if pull.state != PullRequestState::Open {
        return Err(ForgeError::Conflict { what: format!("pull request {number} is not open") });
    }
    let head = commit_of(storage, &pull.head_branch)?;
    let message = format!("Merge pull request #{number} from {}\n\n{}", pull.head_branch, pull.title);
    land(storage, &pull, by, &head, &message)
}

/// kubeopt merges it, while its head is the one that was decided about.
pub(super) fn merge_as_ordered(
    storage: &Storage,
    number: u64,
    order: &MergeOrder,
) -> Result<String, ForgeError> {
    let order = order.stored()?;
    let pull = records::find(storage, number)?;
    if let Some(merged) = order.merged_already(&pull)? {
        return Ok(merged);
    }
    let head = commit_of(storage, &pull.head_branch)?;
    if head.id().to_string() != order.head_oid {
        return Err(ForgeError::Conflict { what: format!("branch `{}` has moved", pull.head_branch) });
    }
    let message = format!("{}\n\n{}", order.title, order.message);
    land(storage, &pull, OWN_NAME, &head, message.trim()).map(|merge| merge.oid)
}

/// Puts one commit of the base on top of both sides. Whoever moves the base in between is not overwritten.
fn land(
    storage: &Storage,
    pull: &PullRequest,
    by: &str,
    head: &Commit<'_>,
    message: &str,
) -> Result<MergeCommit, ForgeError> {
    if pull.is_draft {
        return Err(ForgeError::Draft { number: pull.number });
    }
    let base = commit_of(storage, &pull.base)?;
    let oid = merge_commit(storage, pull, by, [&base, head], message)?;
    storage.swap(&branches::reference(&pull.base), Some(base.id()), oid)?.or_conflict(&pull.base)?;
    records::mark_merged(storage, pull.number, oid)?;
    Ok(MergeCommit { oid: oid.to_string(), base: pull.base.clone() })
}

fn merge_commit(
    storage: &Storage,
    pull: &PullRequest,
    by: &str,
    [base, head]: [&Commit<'_>; 2],
    message: &str,
) -> Result<Oid, ForgeError> {
    let mut options = MergeOptions::new();
    options.fail_on_conflict(false);
    let mut index = storage.git.merge_commits(base, head, Some(&options)).map_err(failed)?;
    if index.has_conflicts() {
        let what = format!("`{}` and `{}` changed the same lines", pull.head_branch, pull.base);
        return Err(ForgeError::Conflict { what });
    }
    let tree = index.write_tree_to(&storage.git).map_err(failed)?;
    let tree = storage.git.find_tree(tree).map_err(failed)?;
    let who = storage.signature(by, "merge@localhost", storage.now.as_second())?;
    storage.git.commit(None, &who, &who, message, &tree, &[base, head]).map_err(failed)
}

fn commit_of<'a>(storage: &'a Storage, branch: &str) -> Result<Commit<'a>, ForgeError> {
    let oid =
        branches::oid(storage, branch)?.ok_or_else(|| storage.missing(&format!("branch `{branch}`")))?;
    storage.git.find_commit(oid).map_err(failed)
}
