//! Who may do what on GitHub, who is asked for a review, who is assigned.

use kubeopt_model::RepositoryId;

use super::branches::facts;
use super::calls::{Calls, InRepository};
use super::{lookup, wire};
use crate::asked::{Arranged, Asked, same_account};
use crate::conversation::Permission;
use crate::error::ForgeError;

/// The least that is sure: whoever may manage a repository without being its administrator shows as one who writes.
pub(super) async fn permission(
    calls: &Calls,
    repository: &RepositoryId,
    login: &str,
) -> Result<Permission, ForgeError> {
    let at = calls.of(repository);
    // Of any other text no account can have that name, and GitHub need not be asked.
    let is_login = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'[' | b']');
    let may_be = (1..=100).contains(&login.len()) && login.bytes().all(is_login);
    let found: Option<wire::PermissionOf> = match may_be {
        true => at.find(&["collaborators", login, "permission"], &[]).await?,
        false => None,
    };
    let Some(found) = found else {
        // No such account, or no such repository: only the second is an error.
        return facts(&at).await.map(|_| Permission::None);
    };
    match found.permission.as_str() {
        "none" => Ok(Permission::None),
        "read" | "triage" => Ok(Permission::Read),
        "write" | "maintain" => Ok(Permission::Write),
        "admin" => Ok(Permission::Admin),
        _ => Err(ForgeError::Malformed { why: "a permission has an unknown name".to_owned() }),
    }
}

pub(super) async fn arrange_reviewers(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    asked: &Asked,
) -> Result<Arranged, ForgeError> {
    let at = calls.of(repository);
    let mut steps = asked.against(&reviewers_of(&at, number).await?, same_account);
    let what = format!("pull request {number} of {repository}");
    let parts = ["pulls", &number.to_string(), "requested_reviewers"];
    // One at a time: GitHub takes all or none.
    for name in steps.add.clone() {
        match at.post::<_, wire::Assigned>(&parts, &wire::Reviewers::of(&name), &what).await {
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
        at.delete(&parts, Some(&wire::Reviewers::of(name)), &what).await?;
    }
    if !steps.add.is_empty() {
        let there = reviewers_of(&at, number).await?;
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
    let at = calls.of(repository);
    let there = logins(lookup::pull(&at, number).await?.assignees);
    let mut steps = asked.against(&there, same_account);
    let what = format!("pull request {number} of {repository}");
    let parts = ["issues", &number.to_string(), "assignees"];
    if !steps.add.is_empty() {
        // Those whom GitHub does not let be assigned are passed over without a word.
        let body = wire::Assign { assignees: &steps.add };
        let answer: wire::Assigned = at.post(&parts, &body, &what).await?;
        let there = logins(answer.assignees);
        for name in steps.add.clone() {
            if !there.iter().any(|other| same_account(other, &name)) {
                steps.decline(&name, "the forge does not let this account be assigned");
            }
        }
    }
    if !steps.remove.is_empty() {
        at.delete(&parts, Some(&wire::Assign { assignees: &steps.remove }), &what).await?;
    }
    Ok(steps.done())
}

/// Those who were asked and have not answered; teams as `organization/team`.
async fn reviewers_of(at: &InRepository<'_>, number: u64) -> Result<Vec<String>, ForgeError> {
    let pull = lookup::pull(at, number).await?;
    let teams = pull.requested_teams.unwrap_or_default().into_iter();
    let teams = teams.map(|team| format!("{}/{}", at.repository.owner, team.slug));
    Ok(logins(pull.requested_reviewers).into_iter().chain(teams).collect())
}

fn logins(users: Option<Vec<wire::User>>) -> Vec<String> {
    users.unwrap_or_default().into_iter().map(|user| user.login).collect()
}
