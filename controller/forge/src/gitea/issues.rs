//! Issues on Gitea and Forgejo.

use kubeopt_model::RepositoryId;
use kubeopt_net::Method;

use super::calls::{Calls, Paging};
use super::comments::OwnAccount;
use super::wire;
use crate::error::ForgeError;
use crate::pull_request::stored_title;
use crate::tracking::{ISSUES_MAX, Issue, IssueUpdate, all_in_order, check_issue, switched_off};

pub(super) async fn own(
    calls: &Calls,
    own: &OwnAccount,
    repository: &RepositoryId,
) -> Result<Vec<Issue>, ForgeError> {
    check_switched_on(calls, repository).await?;
    // It cannot have opened one while it does not know itself.
    let Some(known) = own.find(calls).await? else { return Ok(Vec::new()) };
    let mut url = calls.of_repository(repository, &["issues"])?;
    url.query_pairs_mut()
        .append_pair("type", "issues")
        .append_pair("state", "all")
        .append_pair("created_by", &known.login);
    let mut found = Vec::new();
    calls
        .list(&url, &format!("issues of {repository}"), |page: Vec<wire::Issue>| {
            let is_own = |issue: &wire::Issue| {
                issue.pull_request.is_none() && issue.user.as_ref().is_some_and(|user| user.id == known.id)
            };
            found.extend(page.into_iter().filter(is_own));
            if found.len() > ISSUES_MAX { Paging::Enough } else { Paging::More }
        })
        .await?;
    all_in_order(repository, found.into_iter().map(wire::Issue::into_issue).collect())
}

pub(super) async fn open(
    calls: &Calls,
    own: &OwnAccount,
    repository: &RepositoryId,
    title: &str,
    body: &str,
) -> Result<Issue, ForgeError> {
    check_issue(Some(title), Some(body))?;
    check_switched_on(calls, repository).await?;
    let url = calls.of_repository(repository, &["issues"])?;
    let title = stored_title(title);
    let wanted = wire::EditIssue { title: Some(&title), body: Some(body), state: None };
    let made: wire::Issue =
        calls.write(Method::POST, url, &wanted, &format!("repository {repository}")).await?;
    own.learn(made.user.clone());
    Ok(made.into_issue())
}

pub(super) async fn update(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    update: &IssueUpdate,
) -> Result<Issue, ForgeError> {
    check_switched_on(calls, repository).await?;
    let url = calls.of_repository(repository, &["issues", &number.to_string()])?;
    let what = format!("issue {number} of {repository}");
    let found: Option<wire::Issue> = calls.find(url.clone()).await?;
    let found = found.filter(|issue| issue.pull_request.is_none());
    let issue = found.ok_or_else(|| ForgeError::NotFound { what: what.clone() })?.into_issue();
    let needed = update.against(&issue)?;
    if needed.is_empty() {
        return Ok(issue);
    }
    let wanted = wire::EditIssue {
        title: needed.title.as_deref(),
        body: needed.body.as_deref(),
        state: needed.is_open.map(|is_open| if is_open { "open" } else { "closed" }),
    };
    let changed: wire::Issue = calls.write(Method::PATCH, url, &wanted, &what).await?;
    Ok(changed.into_issue())
}

/// An external tracker is another program's.
async fn check_switched_on(calls: &Calls, repository: &RepositoryId) -> Result<(), ForgeError> {
    let found: Option<wire::Repository> = calls.find(calls.of_repository(repository, &[])?).await?;
    let found = found.ok_or_else(|| ForgeError::NotFound { what: format!("repository {repository}") })?;
    if found.has_issues == Some(false) || found.external_tracker.is_some() {
        return Err(switched_off(repository));
    }
    Ok(())
}
