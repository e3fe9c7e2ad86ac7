//! Issues on GitHub, which has pull requests among them.

use kubeopt_model::RepositoryId;

use super::branches::facts;
use super::calls::{Calls, InRepository, Paging};
use super::wire;
use crate::error::ForgeError;
use crate::pull_request::stored_title;
use crate::tracking::{ISSUES_MAX, Issue, IssueUpdate, all_in_order, check_issue, switched_off};

/// Items that are asked for per page: as many of the longest texts as the largest answer holds.
const PAGE_ITEMS: &str = "30";

pub(super) async fn own(calls: &Calls, repository: &RepositoryId) -> Result<Vec<Issue>, ForgeError> {
    let (at, own) = (calls.of(repository), calls.own().await?);
    check_switched_on(&at).await?;
    let asked = [
        ("state", "all"),
        ("creator", own.login.as_str()),
        ("sort", "created"),
        ("direction", "asc"),
        ("per_page", PAGE_ITEMS),
    ];
    let mut found: Vec<wire::Issue> = Vec::new();
    let what = format!("the list of issues of {repository}");
    at.list(&["issues"], &asked, &what, |page: Vec<wire::Issue>| {
        let is_own = |issue: &wire::Issue| {
            issue.pull_request.is_none() && issue.user.as_ref().is_some_and(|user| own.is(user))
        };
        found.extend(page.into_iter().filter(is_own));
        if found.len() > ISSUES_MAX { Paging::Enough } else { Paging::More }
    })
    .await?;
    all_in_order(repository, found.into_iter().map(wire::Issue::into_issue).collect())
}

pub(super) async fn open(
    calls: &Calls,
    repository: &RepositoryId,
    title: &str,
    body: &str,
) -> Result<Issue, ForgeError> {
    check_issue(Some(title), Some(body))?;
    let at = calls.of(repository);
    check_switched_on(&at).await?;
    let title = stored_title(title);
    let wanted = wire::EditPull { title: Some(&title), body: Some(body), state: None };
    let what = format!("repository {repository}");
    let made: wire::Issue = at.post(&["issues"], &wanted, &what).await?;
    Ok(made.into_issue())
}

pub(super) async fn update(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    update: &IssueUpdate,
) -> Result<Issue, ForgeError> {
    let at = calls.of(repository);
    check_switched_on(&at).await?;
    let what = format!("issue {number} of {repository}");
    let parts = ["issues", &number.to_string()];
    let found = match at.find::<wire::Issue>(&parts, &[]).await {
        Ok(found) => found,
        // 410: it was deleted.
        Err(ForgeError::Refused { .. }) => None,
        Err(error) => return Err(error),
    };
    // One that was moved to another repository answers from there, with the number that it has there.
    let is_it = |issue: &wire::Issue| issue.pull_request.is_none() && issue.number == number;
    let found = found.filter(is_it).ok_or_else(|| ForgeError::NotFound { what: what.clone() })?;
    let issue = found.into_issue();
    let needed = update.against(&issue)?;
    if needed.is_empty() {
        return Ok(issue);
    }
    let wanted = wire::EditPull {
        title: needed.title.as_deref(),
        body: needed.body.as_deref(),
        state: needed.is_open.map(|is_open| if is_open { "open" } else { "closed" }),
    };
    let changed: wire::Issue = at.patch(&parts, &wanted, &what).await?;
    Ok(changed.into_issue())
}

async fn check_switched_on(at: &InRepository<'_>) -> Result<(), ForgeError> {
    match facts(at).await?.has_issues {
        Some(false) => Err(switched_off(at.repository)),
        Some(true) | None => Ok(()),
    }
}
