//! The commit by which a head came into its base, whoever merged it.

use git2::Oid;

use super::branches;
use super::storage::{Storage, failed};
use crate::error::ForgeError;

/// How far back along a base the merge of a pull request is looked for. It is looked for once, in the pass that sees
/// it, so that it lies a few commits back.
const COMMITS_MAX: usize = 1_000;

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
