//! Projects and branches on GitLab.

use gitlab::api::projects::repository::branches::Branch;
use gitlab::api::projects::repository::commits::{CommitAction, CommitActionType, CreateCommit, Signature};
use gitlab::api::projects::repository::files::Encoding;
use kubeopt_model::{EditedFile, RepositoryId};

use super::calls::{Calls, built};
use super::endpoints::RemoveBranch;
use super::{tree, wire};
use crate::branch::{BranchHead, BranchWrite, ExpectedHead, Signing, check_branch_name, is_branch_name};
use crate::error::ForgeError;
use crate::forge::RepositoryFacts;
use crate::signing;

pub(super) async fn repository(
    calls: &Calls,
    repository: &RepositoryId,
) -> Result<RepositoryFacts, ForgeError> {
    let found = calls.facts(repository).await?;
    // Built from the configured address, not from the server's answer: credentials will follow it.
    let mut clone_url = calls.page(repository, &[])?;
    let path = format!("{}.git", clone_url.path());
    clone_url.set_path(&path);
    Ok(RepositoryFacts {
        id: found.id.to_string(),
        may_write: found.may_write(),
        archived: found.archived,
        default_branch: found.default_branch.unwrap_or_default(),
        clone_url: clone_url.into(),
    })
}

pub(super) async fn head(
    calls: &Calls,
    repository: &RepositoryId,
    name: &str,
) -> Result<Option<BranchHead>, ForgeError> {
    let project = calls.project(repository).await?;
    let Some(commit) = head_commit(calls, project, name).await? else { return Ok(None) };
    let own = calls.own().await?;
    Ok(Some(commit.into_head(own)))
}

/// The commit that a branch points to.
pub(super) async fn head_commit(
    calls: &Calls,
    project: u64,
    name: &str,
) -> Result<Option<wire::Commit>, ForgeError> {
    if !is_branch_name(name) {
        return Ok(None);
    }
    let endpoint = built(Branch::builder().project(project).branch(name).build())?;
    Ok(calls.find::<wire::Branch>(&endpoint).await?.map(|branch| branch.commit))
}

pub(super) async fn regenerate(
    calls: &Calls,
    repository: &RepositoryId,
    write: &BranchWrite,
) -> Result<BranchHead, ForgeError> {
    write.check()?;
    let project = calls.project(repository).await?;
    let own = calls.own().await?;
    check_base(calls, project, repository, write).await?;
    let before = head_commit(calls, project, &write.branch).await?;
    let before_oid = before.as_ref().map(|commit| commit.id.clone());
    write.expected.check(&write.branch, before_oid.as_deref())?;
    let message = write.stored_message();
    if let Some(current) = before {
        let current = current.into_head(own);
        let is_so = current.parents == [write.base_oid.clone()] && current.message == message;
        if is_so
            && tree::changes_exactly(calls, project, &current.oid, write).await?
            && check_signature(calls, project, &current.oid, write.options.signing).await.is_ok()
        {
            return Ok(current);
        }
    }
    tree::check_before(calls, project, write).await?;
    // As late as can be: GitLab has no word for what the branch must be.
    let now = head_commit(calls, project, &write.branch).await?.map(|commit| commit.id);
    if now != before_oid {
        return Err(ForgeError::Conflict {
            what: format!("branch `{}` was changed meanwhile", write.branch),
        });
    }
    let endpoint = new_commit(project, &message, write, before_oid.is_some())?;
    let made: wire::Commit =
        calls.take(&endpoint, &format!("branch `{}` of {repository}", write.branch)).await?;
    let head = made.into_head(own);
    if head.parents != [write.base_oid.clone()]
        || !tree::changes_exactly(calls, project, &head.oid, write).await?
    {
        return Err(ForgeError::Malformed { why: "a commit holds something else than was sent".to_owned() });
    }
    check_signature(calls, project, &head.oid, write.options.signing).await?;
    Ok(head)
}

pub(super) async fn delete(
    calls: &Calls,
    repository: &RepositoryId,
    name: &str,
    expected: &ExpectedHead,
) -> Result<(), ForgeError> {
    check_branch_name(name)?;
    let project = calls.project(repository).await?;
    let Some(found) = head_commit(calls, project, name).await? else { return Ok(()) };
    expected.check(name, Some(&found.id))?;
    if calls.facts(repository).await?.default_branch.as_deref() == Some(name) {
        return Err(ForgeError::Forbidden { why: "the default branch is not deleted".to_owned() });
    }
    calls.remove(&RemoveBranch { project, branch: name }, &format!("branch `{name}` of {repository}")).await
}

async fn check_base(
    calls: &Calls,
    project: u64,
    repository: &RepositoryId,
    write: &BranchWrite,
) -> Result<(), ForgeError> {
    match head_commit(calls, project, &write.base).await? {
        Some(commit) if commit.id == write.base_oid => Ok(()),
        Some(_) => {
            let what = format!("branch `{}` is no longer at {}", write.base, write.base_oid);
            Err(ForgeError::Conflict { what })
        }
        None => Err(ForgeError::NotFound { what: format!("branch `{}` of {repository}", write.base) }),
    }
}

fn new_commit<'a>(
    project: u64,
    message: &'a str,
    write: &'a BranchWrite,
    is_there: bool,
) -> Result<CreateCommit<'a>, ForgeError> {
    let actions: Vec<CommitAction<'a>> = write.changed_files().map(action).collect::<Result<_, _>>()?;
    let mut endpoint = CreateCommit::builder();
    endpoint
        .project(project)
        .branch(write.branch.as_str())
        .start_sha(write.base_oid.as_str())
        .commit_message(message)
        .actions(actions)
        .stats(false)
        // Without it GitLab refuses a branch that came to be meanwhile.
        .force(is_there);
    match write.options.signing {
        Signing::Never => {
            endpoint.author_name(write.by.name.as_str()).author_email(write.by.email.as_str());
        }
        // GitLab signs what its web editor and its API make in the name of the account that asks.
        Signing::Wanted | Signing::Required => {}
    }
    built(endpoint.build())
}

fn action(file: &EditedFile) -> Result<CommitAction<'_>, ForgeError> {
    let is_new = file.content.before.is_empty();
    let kind = if is_new { CommitActionType::Create } else { CommitActionType::Update };
    let action = CommitAction::builder()
        .action(kind)
        .file_path(file.path.as_str())
        .content(file.content.after.as_slice())
        // Line ends and what is no text arrive as they are.
        .encoding(Encoding::Base64)
        .build();
    built(action)
}

/// The signature is read only where it matters; a commit without one is 404.
async fn check_signature(
    calls: &Calls,
    project: u64,
    commit: &str,
    asked: Signing,
) -> Result<(), ForgeError> {
    if asked == Signing::Never {
        return Ok(());
    }
    let endpoint = built(Signature::builder().project(project).commit(commit).build())?;
    let found: Option<wire::Signature> = calls.find(&endpoint).await?;
    let reason = match &found {
        Some(found) if found.verification_status == "verified" => None,
        Some(found) => Some(found.verification_status.as_str()),
        None => Some("unsigned"),
    };
    signing::judge(asked, reason)
}
