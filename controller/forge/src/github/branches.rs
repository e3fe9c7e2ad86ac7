//! Repositories and branches on GitHub.

use std::collections::BTreeMap;

use kubeopt_model::{RepositoryId, Timestamp};

use super::calls::{Calls, InRepository};
use super::{tree, wire};
use crate::branch::{BranchHead, BranchWrite, ExpectedHead, Signing, check_branch_name, is_branch_name};
use crate::error::ForgeError;
use crate::forge::RepositoryFacts;
use crate::git_object::blob_oid;
use crate::signing;

/// Changed files that GitHub tells at a time, and how many times it does: it tells 3,000 of one commit at most.
const CHANGED_FILES_PAGE: usize = 300;
const CHANGED_FILES_PAGES: usize = 10;

pub(super) async fn repository(
    calls: &Calls,
    repository: &RepositoryId,
) -> Result<RepositoryFacts, ForgeError> {
    let found = facts(&calls.of(repository)).await?;
    let may_push = match calls.may_write(repository).await? {
        Some(may) => may,
        None => found.permissions.is_some_and(|allowed| allowed.push),
    };
    // Built from the configured address, not from the server's answer: credentials will follow it.
    let clone_url = calls.page(&[&repository.owner, &format!("{}.git", repository.name)])?;
    Ok(RepositoryFacts {
        id: found.id.to_string(),
        default_branch: found.default_branch,
        clone_url: clone_url.into(),
        archived: found.archived,
        may_write: !found.archived && may_push,
    })
}

/// What GitHub says of the repository.
pub(super) async fn facts(at: &InRepository<'_>) -> Result<wire::Repository, ForgeError> {
    let found = at.find(&[], &[]).await?;
    found.ok_or_else(|| ForgeError::NotFound { what: format!("repository {}", at.repository) })
}

pub(super) async fn head(
    calls: &Calls,
    repository: &RepositoryId,
    name: &str,
) -> Result<Option<BranchHead>, ForgeError> {
    let at = calls.of(repository);
    let Some(oid) = head_oid(&at, name).await? else { return Ok(None) };
    let own = calls.own().await?;
    Ok(Some(commit(&at, &oid).await?.into_head(&own)))
}

/// The commit that a branch points to. A missing branch and a missing repository are both 404; only the second is an
/// error.
pub(super) async fn head_oid(at: &InRepository<'_>, name: &str) -> Result<Option<String>, ForgeError> {
    if is_branch_name(name) {
        let parts: Vec<&str> = ["git", "ref", "heads"].into_iter().chain(name.split('/')).collect();
        if let Some(found) = at.find::<wire::Reference>(&parts, &[]).await? {
            return Ok(Some(found.object.sha));
        }
    }
    facts(at).await.map(|_| None)
}

pub(super) async fn regenerate(
    calls: &Calls,
    repository: &RepositoryId,
    write: &BranchWrite,
) -> Result<BranchHead, ForgeError> {
    write.check()?;
    let (at, own) = (calls.of(repository), calls.own().await?);
    let base = base(&at, write).await?;
    let before = head_oid(&at, &write.branch).await?;
    write.expected.check(&write.branch, before.as_deref())?;
    let message = write.stored_message();
    if let Some(oid) = &before {
        let current = commit(&at, oid).await?;
        let is_signed = write.options.signing != Signing::Required || current.unsigned_because().is_none();
        let current = current.into_head(&own);
        let is_so = current.parents == [write.base_oid.clone()] && current.message == message && is_signed;
        if is_so && changes_exactly(&at, oid, write).await? {
            return Ok(current);
        }
    }
    let tree = tree::write(&at, &base.tree.sha, write).await?;
    let made = new_commit(&at, &tree, &message, write).await?;
    // Looked at before anybody can see it: what is at the head of a branch is pulled and merged.
    signing::judge(write.options.signing, made.unsigned_because())?;
    if !changes_exactly(&at, &made.sha, write).await? {
        return Err(ForgeError::Malformed { why: "a commit holds something else than was sent".to_owned() });
    }
    move_branch(&at, write, before.as_deref(), &made.sha).await?;
    Ok(made.into_head(&own))
}

pub(super) async fn delete(
    calls: &Calls,
    repository: &RepositoryId,
    name: &str,
    expected: &ExpectedHead,
) -> Result<(), ForgeError> {
    check_branch_name(name)?;
    let at = calls.of(repository);
    let Some(found) = head_oid(&at, name).await? else { return Ok(()) };
    expected.check(name, Some(&found))?;
    if facts(&at).await?.default_branch == name {
        return Err(ForgeError::Forbidden { why: "the default branch is not deleted".to_owned() });
    }
    let what = format!("branch `{name}` of {repository}");
    match at.delete(&reference(name), None::<&()>, &what).await {
        // Somebody was faster: GitHub answers 422 for a reference that is not there.
        Err(error @ ForgeError::Refused { .. }) => match head_oid(&at, name).await? {
            None => Ok(()),
            Some(_) => Err(error),
        },
        outcome => outcome,
    }
}

fn reference(branch: &str) -> Vec<&str> {
    ["git", "refs", "heads"].into_iter().chain(branch.split('/')).collect()
}

async fn commit(at: &InRepository<'_>, oid: &str) -> Result<wire::Commit, ForgeError> {
    let found = at.find(&["git", "commits", oid], &[]).await?;
    found.ok_or_else(|| ForgeError::Conflict { what: format!("commit {oid} of {} is gone", at.repository) })
}

/// The commit that the files were read from, as long as the base is at it.
async fn base(at: &InRepository<'_>, write: &BranchWrite) -> Result<wire::Commit, ForgeError> {
    match head_oid(at, &write.base).await? {
        Some(oid) if oid == write.base_oid => commit(at, &oid).await,
        Some(_) => {
            let what = format!("branch `{}` is no longer at {}", write.base, write.base_oid);
            Err(ForgeError::Conflict { what })
        }
        None => Err(ForgeError::NotFound { what: format!("branch `{}` of {}", write.base, at.repository) }),
    }
}

async fn new_commit(
    at: &InRepository<'_>,
    tree: &str,
    message: &str,
    write: &BranchWrite,
) -> Result<wire::Commit, ForgeError> {
    let date = Timestamp::from_second(write.at_unix_s)
        .map_err(|_| ForgeError::Refused { why: "the commit's date is out of range".to_owned() })?;
    let by = match write.options.signing {
        Signing::Never => Some(wire::NewIdentity { name: &write.by.name, email: &write.by.email, date }),
        Signing::Wanted | Signing::Required => None,
    };
    let parents = [write.base_oid.as_str()];
    let body = wire::NewCommit { message, tree, parents, author: by.clone(), committer: by };
    at.post(&["git", "commits"], &body, &format!("a commit of {}", at.repository)).await
}

/// Whether a commit changes the files of the write, to just their content, and nothing else.
async fn changes_exactly(at: &InRepository<'_>, oid: &str, write: &BranchWrite) -> Result<bool, ForgeError> {
    let mut wanted = BTreeMap::new();
    for file in write.changed_files() {
        wanted.insert(file.path.as_str().to_owned(), blob_oid(&file.content.after, &write.base_oid)?);
    }
    let mut changed: BTreeMap<String, String> = BTreeMap::new();
    for page in 1..=CHANGED_FILES_PAGES {
        let page = page.to_string();
        let found: Option<wire::ChangedBy> = at.find(&["commits", oid], &[("page", &page)]).await?;
        let Some(wire::ChangedBy { files }) = found else { return Ok(false) };
        let is_last = files.len() < CHANGED_FILES_PAGE;
        for file in files {
            if !matches!(file.status.as_str(), "added" | "modified" | "changed") {
                return Ok(false);
            }
            changed.insert(file.filename, file.sha.unwrap_or_default());
        }
        if is_last || changed.len() > wanted.len() {
            break;
        }
    }
    Ok(changed == wanted)
}

/// The last step, after which everybody sees the commit.
async fn move_branch(
    at: &InRepository<'_>,
    write: &BranchWrite,
    before: Option<&str>,
    oid: &str,
) -> Result<(), ForgeError> {
    let what = format!("branch `{}` of {}", write.branch, at.repository);
    let moved = || ForgeError::Conflict { what: format!("branch `{}` was changed meanwhile", write.branch) };
    if head_oid(at, &write.branch).await?.as_deref() != before {
        return Err(moved());
    }
    if before.is_some() {
        let body = wire::MoveReference { sha: oid, force: true };
        let _moved: wire::Reference = at.patch(&reference(&write.branch), &body, &what).await?;
        return Ok(());
    }
    let body = wire::NewReference { name: format!("refs/heads/{}", write.branch), sha: oid };
    match at.post::<_, wire::Reference>(&["git", "refs"], &body, &what).await {
        Ok(_) => Ok(()),
        Err(error @ ForgeError::Refused { .. }) => match head_oid(at, &write.branch).await? {
            Some(_) => Err(moved()),
            None => Err(error),
        },
        Err(error) => Err(error),
    }
}
