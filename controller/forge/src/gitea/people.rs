//! Who may do what on Gitea and Forgejo, who is asked for a review, who is assigned.

use kubeopt_model::RepositoryId;
use kubeopt_net::{Method, StatusCode};

use super::calls::Calls;
use super::{lookup, wire};
use crate::asked::{Arranged, Asked, same_account};
use crate::conversation::Permission;
use crate::error::ForgeError;

/// Gitea tells the permission of others to administrators of the repository only. An account that may no more than
/// write asks for the list of those who may.
pub(super) async fn permission(
    calls: &Calls,
    repository: &RepositoryId,
    login: &str,
) -> Result<Permission, ForgeError> {
    if matches!(login, "" | "." | "..") {
        return Ok(Permission::None);
    }
    let url = calls.of_repository(repository, &["collaborators", login, "permission"])?;
    match calls.find::<wire::PermissionOf>(url).await {
        Ok(Some(found)) => match found.permission.as_str() {
            "none" => Ok(Permission::None),
            "read" => Ok(Permission::Read),
            "write" => Ok(Permission::Write),
            "admin" | "owner" => Ok(Permission::Admin),
            _ => Err(ForgeError::Malformed { why: "a permission has an unknown name".to_owned() }),
        },
        // No such account, or no such repository: only the second is an error.
        Ok(None) => repository_of(calls, repository).await.map(|_| Permission::None),
        Err(ForgeError::Forbidden { .. }) => from_lists(calls, repository, login).await,
        Err(error) => Err(error),
    }
}

pub(super) async fn arrange_reviewers(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    asked: &Asked,
) -> Result<Arranged, ForgeError> {
    let mut steps = asked.against(&reviewers_of(calls, repository, number).await?, same_account);
    let what = format!("pull request {number} of {repository}");
    let url = calls.of_repository(repository, &["pulls", &number.to_string(), "requested_reviewers"])?;
    // One at a time: Gitea stops at the first that it does not take.
    for name in steps.add.clone() {
        let body = wire::Reviewers::of(&name);
        match calls.write::<_, serde_json::Value>(Method::POST, url.clone(), &body, &what).await {
            Ok(_) => {}
            Err(
                error @ (ForgeError::Forbidden { .. }
                | ForgeError::NotFound { .. }
                | ForgeError::Refused { .. }),
            ) => steps.decline(&name, error.to_string()),
            Err(error) => return Err(error),
        }
    }
    for name in &steps.remove {
        calls.delete_with(url.clone(), &wire::Reviewers::of(name), &what).await?;
    }
    if !steps.add.is_empty() {
        // Teams are passed over without a word in repositories of a person.
        let there = reviewers_of(calls, repository, number).await?;
        for name in steps.add.clone() {
            if !there.iter().any(|other| same_account(other, &name)) {
                steps.decline(&name, "the forge did not ask for this review");
            }
        }
    }
    Ok(steps.done())
}

pub(super) async fn arrange_assignees(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    asked: &Asked,
) -> Result<Arranged, ForgeError> {
    let pull = lookup::pull(calls, repository, number).await?;
    let there: Vec<String> = logins(pull.assignees);
    let mut steps = asked.against(&there, same_account);
    if !steps.add.is_empty() {
        // Gitea fails as a whole, and half done, on one that it cannot assign.
        let possible = assignable(calls, repository).await?;
        for name in steps.add.clone() {
            if !possible.iter().any(|other| same_account(other, &name)) {
                steps.decline(&name, "the forge does not let this account be assigned");
            }
        }
    }
    if steps.add.is_empty() && steps.remove.is_empty() {
        return Ok(steps.done());
    }
    let arranged = steps.done();
    let url = calls.of_repository(repository, &["pulls", &number.to_string()])?;
    let body = wire::Assign { assignees: &arranged.there };
    let what = format!("pull request {number} of {repository}");
    let _changed: wire::Pull = calls.write(Method::PATCH, url, &body, &what).await?;
    Ok(arranged)
}

/// What the lists that everybody with write access may read say: the least that is sure.
async fn from_lists(calls: &Calls, repository: &RepositoryId, login: &str) -> Result<Permission, ForgeError> {
    let facts = repository_of(calls, repository).await?;
    let teams = teams_of(calls, repository).await?;
    if teams.is_none() && facts.owner.is_some_and(|owner| same_account(&owner.login, login)) {
        return Ok(Permission::Admin);
    }
    if assignable(calls, repository).await?.iter().any(|other| same_account(other, login)) {
        // They may write, but for members of teams that read issues or pull requests, who are listed as well.
        if teams.unwrap_or_default().iter().all(wire::Team::may_write) {
            return Ok(Permission::Write);
        }
        let why = "only administrators of a repository with teams that cannot write to it are told what others may do";
        return Err(ForgeError::Forbidden { why: why.to_owned() });
    }
    let url = calls.of_repository(repository, &["collaborators", login])?;
    let answer = calls.get(url).await?;
    match answer.status {
        StatusCode::NO_CONTENT => Ok(Permission::Read),
        // No such account.
        StatusCode::UNPROCESSABLE_ENTITY => Ok(Permission::None),
        StatusCode::NOT_FOUND if facts.private => Ok(Permission::None),
        StatusCode::NOT_FOUND => Ok(Permission::Read),
        _ => calls.judge(answer, "the account").map(|_| Permission::None),
    }
}

/// The teams of an organization's repository; none for the repository of a person, for which Gitea answers 405.
async fn teams_of(calls: &Calls, repository: &RepositoryId) -> Result<Option<Vec<wire::Team>>, ForgeError> {
    let answer = calls.get(calls.of_repository(repository, &["teams"])?).await?;
    if answer.status == StatusCode::METHOD_NOT_ALLOWED {
        return Ok(None);
    }
    let answer = calls.judge(answer, &format!("teams of {repository}"))?;
    answer.json().map(Some).map_err(|error| ForgeError::Malformed { why: error.to_string() })
}

async fn repository_of(calls: &Calls, repository: &RepositoryId) -> Result<wire::Repository, ForgeError> {
    let found = calls.find(calls.of_repository(repository, &[])?).await?;
    found.ok_or_else(|| ForgeError::NotFound { what: format!("repository {repository}") })
}

/// The accounts that may write, and members of teams that read issues or pull requests.
async fn assignable(calls: &Calls, repository: &RepositoryId) -> Result<Vec<String>, ForgeError> {
    calls.find(calls.of_repository(repository, &["assignees"])?).await.map(logins)
}

/// Those who were asked and have not answered; teams as `organization/team`.
async fn reviewers_of(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
) -> Result<Vec<String>, ForgeError> {
    let pull = lookup::pull(calls, repository, number).await?;
    let teams = pull.requested_reviewers_teams.unwrap_or_default().into_iter();
    let teams = teams.map(|team| format!("{}/{}", repository.owner, team.name));
    Ok(logins(pull.requested_reviewers).into_iter().chain(teams).collect())
}

fn logins(users: Option<Vec<wire::User>>) -> Vec<String> {
    users.unwrap_or_default().into_iter().map(|user| user.login).collect()
}
