//! Repositories and branches on Gitea and Forgejo.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kubeopt_model::{EditedFile, RepositoryId, Timestamp};
use kubeopt_net::Method;

use super::calls::Calls;
use super::wire;
use crate::branch::{BranchHead, BranchWrite, ExpectedHead, check_branch_name, is_branch_name};
use crate::error::ForgeError;
use crate::forge::RepositoryFacts;
use crate::git_object::blob_oid;
use crate::signing;

pub(super) async fn repository(
    calls: &Calls,
    repository: &RepositoryId,
) -> Result<RepositoryFacts, ForgeError> {
    let url = calls.of_repository(repository, &[])?;
    let found: wire::Repository = calls
        .find(url)
        .await?
        .ok_or_else(|| ForgeError::NotFound { what: format!("repository {repository}") })?;
    // Built from the configured address, not from the server's answer: credentials will follow it.
    let clone_url = calls.address(&[&repository.owner, &format!("{}.git", repository.name)])?;
    Ok(RepositoryFacts {
        id: found.id.to_string(),
        default_branch: found.default_branch,
        clone_url: clone_url.into(),
        archived: found.archived,
        may_write: !found.archived && found.permissions.is_some_and(|allowed| allowed.push),
    })
}

pub(super) async fn head(
    calls: &Calls,
    repository: &RepositoryId,
    name: &str,
) -> Result<Option<BranchHead>, ForgeError> {
    let Some(oid) = head_oid(calls, repository, name).await? else { return Ok(None) };
    commit(calls, repository, &oid, false).await.map(|commit| Some(commit.into_head()))
}

pub(super) async fn regenerate(
    calls: &Calls,
    repository: &RepositoryId,
    write: &BranchWrite,
) -> Result<BranchHead, ForgeError> {
    write.check()?;
    check_base(calls, repository, write).await?;
    let current = head(calls, repository, &write.branch).await?;
    write.expected.check(&write.branch, current.as_ref().map(|head| head.oid.as_str()))?;
    if let Some(current) = current
        && is_already_so(calls, repository, write, &current).await?
    {
        return Ok(current);
    }
    let url = calls.of_repository(repository, &["contents"])?;
    let body = change_files(write)?;
    let what = format!("branch `{}` of {repository}", write.base);
    let written: Result<wire::Written, ForgeError> = calls.write(Method::POST, url, &body, &what).await;
    let (head, signed) = match written {
        Ok(written) => {
            let signed = signing::judge(write.options.signing, written.unsigned_because());
            (written.into_head(), signed)
        }
        Err(error @ ForgeError::Refused { .. }) => {
            // A file that is not as it was read is refused: the base may have moved since it was checked.
            check_base(calls, repository, write).await?;
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    if head.parents != [write.base_oid.clone()] {
        return Err(base_moved(write));
    }
    signed.map(|()| head)
}

pub(super) async fn delete(
    calls: &Calls,
    repository: &RepositoryId,
    name: &str,
    expected: &ExpectedHead,
) -> Result<(), ForgeError> {
    check_branch_name(name)?;
    let Some(found) = head_oid(calls, repository, name).await? else { return Ok(()) };
    expected.check(name, Some(&found))?;
    let url = calls.of_repository(repository, &branch_parts(name))?;
    calls.delete(url, &format!("branch `{name}` of {repository}")).await
}

/// A missing branch and a missing repository are both 404; only the second is an error.
async fn head_oid(
    calls: &Calls,
    repository: &RepositoryId,
    name: &str,
) -> Result<Option<String>, ForgeError> {
    if is_branch_name(name) {
        let url = calls.of_repository(repository, &branch_parts(name))?;
        if let Some(branch) = calls.find::<wire::Branch>(url).await? {
            return Ok(Some(branch.commit.id));
        }
    }
    self::repository(calls, repository).await.map(|_| None)
}

fn branch_parts(name: &str) -> Vec<&str> {
    ["branches"].into_iter().chain(name.split('/')).collect()
}

async fn commit(
    calls: &Calls,
    repository: &RepositoryId,
    oid: &str,
    with_files: bool,
) -> Result<wire::Commit, ForgeError> {
    let mut url = calls.of_repository(repository, &["git", "commits", oid])?;
    url.query_pairs_mut()
        .append_pair("stat", "false")
        .append_pair("verification", "false")
        .append_pair("files", if with_files { "true" } else { "false" });
    calls
        .find(url)
        .await?
        .ok_or_else(|| ForgeError::Conflict { what: format!("commit {oid} of {repository} is gone") })
}

async fn check_base(calls: &Calls, repository: &RepositoryId, write: &BranchWrite) -> Result<(), ForgeError> {
    match head_oid(calls, repository, &write.base).await? {
        Some(oid) if oid == write.base_oid => Ok(()),
        Some(_) => Err(base_moved(write)),
        None => Err(ForgeError::NotFound { what: format!("branch `{}` of {repository}", write.base) }),
    }
}

fn base_moved(write: &BranchWrite) -> ForgeError {
    ForgeError::Conflict { what: format!("branch `{}` is no longer at {}", write.base, write.base_oid) }
}

/// The branch holds this very commit's content: same parent, same message, same changed files with the same blobs.
async fn is_already_so(
    calls: &Calls,
    repository: &RepositoryId,
    write: &BranchWrite,
    current: &BranchHead,
) -> Result<bool, ForgeError> {
    if current.parents != [write.base_oid.clone()] || current.message != write.stored_message() {
        return Ok(false);
    }
    let Some(changed) = commit(calls, repository, &current.oid, true).await?.files else { return Ok(false) };
    let changed: BTreeSet<&str> = changed.iter().map(|file| file.filename.as_str()).collect();
    let wanted: BTreeSet<&str> = write.changed_files().map(|file| file.path.as_str()).collect();
    if changed != wanted {
        return Ok(false);
    }
    for file in write.changed_files() {
        let parts: Vec<&str> = ["contents"].into_iter().chain(file.path.as_str().split('/')).collect();
        let mut url = calls.of_repository(repository, &parts)?;
        url.query_pairs_mut().append_pair("ref", &current.oid);
        let found: Option<wire::Content> = calls.find(url).await?;
        let wanted = blob_oid(&file.content.after, &write.base_oid)?;
        if found.is_none_or(|found| found.sha != wanted) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn change_files(write: &BranchWrite) -> Result<wire::ChangeFiles<'_>, ForgeError> {
    let who = wire::Identity { name: write.by.name.clone(), email: write.by.email.clone() };
    let at = Timestamp::from_second(write.at_unix_s)
        .map_err(|_| ForgeError::Refused { why: "the commit's date is out of range".to_owned() })?;
    let files =
        write.changed_files().map(|file| operation(file, &write.base_oid)).collect::<Result<_, _>>()?;
    Ok(wire::ChangeFiles {
        branch: &write.base,
        new_branch: &write.branch,
        force_push: true,
        force_overwrite_new_branch: true,
        message: write.stored_message(),
        author: who.clone(),
        committer: who,
        dates: wire::Dates { author: at, committer: at },
        files,
    })
}

fn operation(file: &EditedFile, base_oid: &str) -> Result<wire::FileOperation, ForgeError> {
    let content = BASE64_STANDARD.encode(&file.content.after);
    let path = file.path.as_str().to_owned();
    if file.content.before.is_empty() {
        return Ok(wire::FileOperation { operation: "create", path, content, sha: None });
    }
    let sha = Some(blob_oid(&file.content.before, base_oid)?);
    Ok(wire::FileOperation { operation: "update", path, content, sha })
}
