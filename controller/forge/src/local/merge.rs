//! Merging on a local forge: a real merge commit, three-way, by libgit2.

use git2::{Commit, MergeOptions, Oid};

use super::MergeCommit;
use super::branches;
use super::records;
use super::storage::{Storage, failed};
use crate::error::ForgeError;
use crate::pull_request::{PullRequest, PullRequestState};

/// How far back along a base the merge of a pull request is looked for. It is looked for once, in the pass that sees
/// it, so that it lies a few commits back.
const COMMITS_MAX: usize = 1_000;

pub(super) fn merge(storage: &Storage, number: u64, by: &str) -> Result<MergeCommit, ForgeError> {
    let pull = records::find(storage, number)?;
    if pull.state != PullRequestState::Open {
        return Err(ForgeError::Conflict { what: format!("pull request {number} is not open") });
    }
    if pull.is_draft {
        return Err(ForgeError::Draft { number });
    }
    let base = commit_of(storage, &pull.base)?;
    let head = commit_of(storage, &pull.head_branch)?;
    let oid = merge_commit(storage, &pull, by, [&base, &head])?;
    storage.swap(&branches::reference(&pull.base), Some(base.id()), oid)?.or_conflict(&pull.base)?;
    records::mark_merged(storage, number, oid)?;
    Ok(MergeCommit { oid: oid.to_string(), base: pull.base })
}

/// The commit on the first-parent line of a base that brought a head in: the last one whose first parent lacks it.
/// None while the head is not in the base.
pub(super) fn merge_commit_of(
    storage: &Storage,
    head_oid: &str,
    base: &str,
) -> Result<Option<Oid>, ForgeError> {
    let (Ok(head), Some(base)) = (Oid::from_str(head_oid), branches::oid(storage, base)?) else {
        return Ok(None);
    };
    let holds_head = |commit: Oid| -> Result<bool, ForgeError> {
        Ok(commit == head || storage.git.graph_descendant_of(commit, head).map_err(failed)?)
    };
    if !holds_head(base)? {
        return Ok(None);
    }
    let mut at = base;
    for _ in 0..COMMITS_MAX {
        match storage.git.find_commit(at).map_err(failed)?.parent_id(0) {
            Ok(parent) if holds_head(parent)? => at = parent,
            Ok(_) | Err(_) => break,
        }
    }
    Ok(Some(at))
}

fn merge_commit(
    storage: &Storage,
    pull: &PullRequest,
    by: &str,
    [base, head]: [&Commit<'_>; 2],
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
    let message = format!("Merge pull request #{} from {}\n\n{}", pull.number, pull.head_branch, pull.title);
    storage.git.commit(None, &who, &who, &message, &tree, &[base, head]).map_err(failed)
}

fn commit_of<'a>(storage: &'a Storage, branch: &str) -> Result<Commit<'a>, ForgeError> {
    let oid =
        branches::oid(storage, branch)?.ok_or_else(|| storage.missing(&format!("branch `{branch}`")))?;
    storage.git.find_commit(oid).map_err(failed)
}
