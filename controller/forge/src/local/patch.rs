//! What a pull request of a local repository changes, as text.

use git2::{DiffFormat, DiffLineType, Oid, Tree};

use kubeopt_model::{Change, EditedFile, RepoPath};

use super::records;
use super::storage::{Storage, failed};
use crate::error::ForgeError;
use crate::pull_request::PullRequestState;

/// Longest diff that is shown. An edit of kubeopt is a few lines; this bounds what others push to the branch.
const DIFF_BYTES_MAX: usize = 1024 * 1024;

/// Most bytes of files that are given at once, both sides together.
const FILES_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The diff from where head and base parted, as review pages show it; for a merged one, what the merge brought.
pub(super) fn of_pull_request(storage: &Storage, number: u64) -> Result<String, ForgeError> {
    let (before, after) = sides(storage, number)?;
    between(storage, &before, &after)
}

/// The files that differ between the same two sides.
pub(super) fn files_of_pull_request(storage: &Storage, number: u64) -> Result<Vec<EditedFile>, ForgeError> {
    let (before, after) = sides(storage, number)?;
    let diff = storage.git.diff_tree_to_tree(Some(&before), Some(&after), None).map_err(failed)?;
    let mut files = Vec::new();
    let mut bytes = 0;
    for delta in diff.deltas() {
        let path = delta.new_file().path().or_else(|| delta.old_file().path()).and_then(|path| path.to_str());
        let Some(path) = path.and_then(|path| RepoPath::new(path).ok()) else { continue };
        let content = Change {
            before: content(storage, delta.old_file().id())?,
            after: content(storage, delta.new_file().id())?,
        };
        bytes += content.before.len() + content.after.len();
        if bytes > FILES_BYTES_MAX {
            return Err(ForgeError::TooLarge { what: "the pull request (8 MiB of files)".to_owned() });
        }
        files.push(EditedFile { path, content });
    }
    Ok(files)
}

/// The bytes of a file; none where it is not there on this side.
fn content(storage: &Storage, oid: Oid) -> Result<Vec<u8>, ForgeError> {
    if oid.is_zero() {
        return Ok(Vec::new());
    }
    storage.git.find_blob(oid).map(|blob| blob.content().to_vec()).map_err(failed)
}

/// The trees of both sides.
fn sides(storage: &Storage, number: u64) -> Result<(Tree<'_>, Tree<'_>), ForgeError> {
    let pull = records::find(storage, number)?;
    let oid = |text: &str| Oid::from_str(text).map_err(failed);
    let (before, after) = match (pull.state, &pull.merge_commit) {
        (PullRequestState::Merged, Some(merge)) => {
            let merge = storage.git.find_commit(oid(merge)?).map_err(failed)?;
            (merge.parent_id(0).map_err(failed)?, merge.id())
        }
        (PullRequestState::Open | PullRequestState::Closed | PullRequestState::Merged, _) => {
            let head = oid(&pull.head_oid)?;
            let base = super::branches::oid(storage, &pull.base)?
                .ok_or_else(|| storage.missing(&format!("branch `{}`", pull.base)))?;
            (storage.git.merge_base(base, head).map_err(failed)?, head)
        }
    };
    Ok((tree(storage, before)?, tree(storage, after)?))
}

fn tree(storage: &Storage, commit: Oid) -> Result<Tree<'_>, ForgeError> {
    storage.git.find_commit(commit).and_then(|commit| commit.tree()).map_err(failed)
}

fn between(storage: &Storage, before: &Tree<'_>, after: &Tree<'_>) -> Result<String, ForgeError> {
    let diff = storage.git.diff_tree_to_tree(Some(before), Some(after), None).map_err(failed)?;
    let mut text = Vec::new();
    let mut is_cut = false;
    let outcome = diff.print(DiffFormat::Patch, |_delta, _hunk, line| {
        if text.len() + line.content().len() > DIFF_BYTES_MAX {
            is_cut = true;
            return false;
        }
        match line.origin_value() {
            DiffLineType::Context => text.push(b' '),
            DiffLineType::Addition => text.push(b'+'),
            DiffLineType::Deletion => text.push(b'-'),
            // Their text is complete.
            DiffLineType::ContextEOFNL
            | DiffLineType::AddEOFNL
            | DiffLineType::DeleteEOFNL
            | DiffLineType::FileHeader
            | DiffLineType::HunkHeader
            | DiffLineType::Binary => {}
        }
        text.extend_from_slice(line.content());
        true
    });
    // Stopping in the middle is reported as an error of its own kind.
    if let (Err(error), false) = (outcome, is_cut) {
        return Err(failed(error));
    }
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if is_cut {
        text.push_str("\\ The rest of the diff is not shown: it is longer than 1 MiB\n");
    }
    Ok(text)
}
