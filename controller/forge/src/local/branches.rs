//! Branches of a local repository.

use std::path::Path;

use git2::{Commit, ErrorCode, Oid, Tree};
use kubeopt_model::EditedFile;

use super::storage::{Storage, failed, tree_with};
use crate::branch::{
    BranchHead, BranchWrite, ExpectedHead, Made, Signing, check_branch_name, is_branch_name,
};
use crate::error::ForgeError;

pub(super) fn head(storage: &Storage, name: &str) -> Result<Option<BranchHead>, ForgeError> {
    let Some(oid) = oid(storage, name)? else { return Ok(None) };
    storage.git.find_commit(oid).map(|commit| Some(head_of(&commit))).map_err(failed)
}

/// The commit that a branch points to.
pub(super) fn oid(storage: &Storage, name: &str) -> Result<Option<Oid>, ForgeError> {
    if !is_branch_name(name) {
        return Ok(None);
    }
    storage.target(&reference(name))
}

pub(super) fn reference(branch: &str) -> String {
    format!("refs/heads/{branch}")
}

pub(super) fn regenerate(storage: &Storage, write: &BranchWrite) -> Result<BranchHead, ForgeError> {
    write.check()?;
    if write.options.signing == Signing::Required {
        return Err(ForgeError::Refused { why: "the local forge signs no commits".to_owned() });
    }
    let message = write.stored_message();
    let base = base(storage, write)?;
    let current = oid(storage, &write.branch)?;
    write.expected.check(&write.branch, current.map(|oid| oid.to_string()).as_deref())?;
    let base_tree = base.tree().map_err(failed)?;
    for file in write.changed_files() {
        check_before(storage, &base_tree, file)?;
    }
    let files = write.changed_files().map(|file| (file.path.as_str(), file.content.after.as_slice()));
    let tree = tree_with(&storage.git, &base_tree, files)?;
    if let Some(current) = current {
        let current = storage.git.find_commit(current).map_err(failed)?;
        if is_already_so(&current, &base, tree, &message) {
            return Ok(head_of(&current));
        }
    }
    let tree = storage.git.find_tree(tree).map_err(failed)?;
    let by = storage.signature(&write.by.name, &write.by.email, write.at_unix_s)?;
    let commit = storage.git.commit(None, &by, &by, &message, &tree, &[&base]).map_err(failed)?;
    storage.swap(&reference(&write.branch), current, commit)?.or_conflict(&write.branch)?;
    storage.git.find_commit(commit).map(|commit| head_of(&commit)).map_err(failed)
}

pub(super) fn delete(storage: &Storage, name: &str, expected: &ExpectedHead) -> Result<(), ForgeError> {
    check_branch_name(name)?;
    let Some(found) = oid(storage, name)? else { return Ok(()) };
    expected.check(name, Some(&found.to_string()))?;
    if storage.facts()?.default_branch == name {
        return Err(ForgeError::Forbidden { why: "the default branch is not deleted".to_owned() });
    }
    storage.remove(&reference(name), found)?.or_conflict(name)
}

fn base<'a>(storage: &'a Storage, write: &BranchWrite) -> Result<Commit<'a>, ForgeError> {
    let found =
        oid(storage, &write.base)?.ok_or_else(|| storage.missing(&format!("branch `{}`", write.base)))?;
    if found.to_string() != write.base_oid {
        let what = format!("branch `{}` is no longer at {}", write.base, write.base_oid);
        return Err(ForgeError::Conflict { what });
    }
    storage.git.find_commit(found).map_err(failed)
}

/// The file in the base must be what the edit was made from; links and folders are never written over.
fn check_before(storage: &Storage, tree: &Tree<'_>, file: &EditedFile) -> Result<(), ForgeError> {
    let differs = || ForgeError::Conflict { what: format!("`{}` is not as it was read", file.path) };
    let entry = match tree.get_path(Path::new(file.path.as_str())) {
        Ok(entry) => entry,
        Err(error) if error.code() == ErrorCode::NotFound => {
            return if file.content.before.is_empty() { Ok(()) } else { Err(differs()) };
        }
        Err(error) => return Err(failed(error)),
    };
    let is_regular = entry.filemode() & 0o170_000 == 0o100_000;
    let blob = entry.to_object(&storage.git).ok().and_then(|object| object.into_blob().ok());
    match blob {
        Some(blob) if is_regular && blob.content() == file.content.before => Ok(()),
        Some(_) | None => Err(differs()),
    }
}

fn is_already_so(current: &Commit<'_>, base: &Commit<'_>, tree: Oid, message: &str) -> bool {
    current.parent_ids().eq([base.id()])
        && current.tree_id() == tree
        && String::from_utf8_lossy(current.message_bytes()).trim_end() == message
}

fn head_of(commit: &Commit<'_>) -> BranchHead {
    let email = |who: git2::Signature<'_>| String::from_utf8_lossy(who.email_bytes()).into_owned();
    BranchHead {
        oid: commit.id().to_string(),
        parents: commit.parent_ids().map(|oid| oid.to_string()).collect(),
        author_email: email(commit.author()),
        committer_email: email(commit.committer()),
        message: String::from_utf8_lossy(commit.message_bytes()).trim_end().to_owned(),
        made: Made::AsNamed,
    }
}
