//! Who may do what on GitLab, who is asked for a review, who is assigned.

use gitlab::api::projects::members::AllProjectMember;
use gitlab::api::projects::merge_requests::{EditMergeRequest, EditMergeRequestBuilder};
use gitlab::api::users::Users;
use kubeopt_model::RepositoryId;

use super::calls::{Calls, built};
use super::wire::{DEVELOPER, GUEST, MAINTAINER};
use super::{merge_requests, wire};
use crate::asked::{Arranged, Asked, same_account};
use crate::conversation::Permission;
use crate::error::ForgeError;

/// Which people of a merge request.
#[derive(Debug, Clone, Copy)]
enum Part {
    Reviewers,
    Assignees,
}

/// By role, inherited ones included. Who has none reads what is public.
pub(super) async fn permission(
    calls: &Calls,
    repository: &RepositoryId,
    login: &str,
) -> Result<Permission, ForgeError> {
    let facts = calls.facts(repository).await?;
    let Some(user) = account(calls, login).await? else { return Ok(Permission::None) };
    let endpoint = built(AllProjectMember::builder().project(facts.id).user(user.id).build())?;
    let role = calls.find::<wire::Member>(&endpoint).await?.map_or(0, |member| member.access_level);
    Ok(match role {
        MAINTAINER.. => Permission::Admin,
        DEVELOPER.. => Permission::Write,
        GUEST.. => Permission::Read,
        _ if matches!(facts.visibility.as_str(), "public" | "internal") => Permission::Read,
        _ => Permission::None,
    })
}

pub(super) async fn arrange_reviewers(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    asked: &Asked,
) -> Result<Arranged, ForgeError> {
    arrange(calls, repository, number, asked, Part::Reviewers).await
}

pub(super) async fn arrange_assignees(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    asked: &Asked,
) -> Result<Arranged, ForgeError> {
    arrange(calls, repository, number, asked, Part::Assignees).await
}

/// GitLab takes the whole list, by ids, and passes over without a word whom it does not take: members only, and in its
/// free edition one.
async fn arrange(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    asked: &Asked,
    part: Part,
) -> Result<Arranged, ForgeError> {
    let project = calls.project(repository).await?;
    let there = part.of(merge_requests::find(calls, project, repository, number).await?);
    let names: Vec<String> = there.iter().map(|user| user.username.clone()).collect();
    let mut steps = asked.against(&names, same_account);
    let mut ids: Vec<u64> =
        there.iter().filter(|user| !steps.remove.contains(&user.username)).map(|user| user.id).collect();
    for name in steps.add.clone() {
        match account(calls, &name).await? {
            Some(user) => ids.push(user.id),
            None => steps.decline(&name, "the forge knows no such account; groups are not asked"),
        }
    }
    if steps.add.is_empty() && steps.remove.is_empty() {
        return Ok(steps.done());
    }
    let mut endpoint = EditMergeRequest::builder();
    part.put(endpoint.project(project).merge_request(number), ids);
    let what = format!("merge request {number} of {repository}");
    let changed = part.of(calls.take(&built(endpoint.build())?, &what).await?);
    for name in steps.add.clone() {
        if !changed.iter().any(|user| same_account(&user.username, &name)) {
            steps.decline(&name, "the forge did not take this account");
        }
    }
    Ok(steps.done())
}

impl Part {
    fn of(self, request: wire::MergeRequest) -> Vec<wire::User> {
        match self {
            Self::Reviewers => request.reviewers,
            Self::Assignees => request.assignees,
        }
    }

    fn put(self, endpoint: &mut EditMergeRequestBuilder<'_>, ids: Vec<u64>) {
        match (self, ids.is_empty()) {
            (Self::Reviewers, true) => endpoint.without_reviewer(),
            (Self::Reviewers, false) => endpoint.reviewers(ids.into_iter()),
            (Self::Assignees, true) => endpoint.unassigned(),
            (Self::Assignees, false) => endpoint.assignees(ids.into_iter()),
        };
    }
}

/// The account of a login name; none where there is none.
async fn account(calls: &Calls, login: &str) -> Result<Option<wire::User>, ForgeError> {
    // Of any other text no account can have that name, and GitLab need not be asked.
    let is_login = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !(1..=255).contains(&login.len()) || !login.bytes().all(is_login) {
        return Ok(None);
    }
    let endpoint = built(Users::builder().username(login).build())?;
    let found: Vec<wire::User> = calls.take(&endpoint, "accounts").await?;
    Ok(found.into_iter().find(|user| same_account(&user.username, login)))
}
