//! Issues on GitLab, which counts them apart from merge requests.

use gitlab::api::common::SortOrder;
use gitlab::api::projects::issues::{
    CreateIssue, EditIssue, Issue as OneIssue, IssueOrderBy, IssueScope, IssueStateEvent, Issues,
};
use kubeopt_model::RepositoryId;

use super::calls::{Calls, Paging, built};
use super::quick_actions::disarmed;
use super::wire;
use crate::error::ForgeError;
use crate::pull_request::stored_title;
use crate::tracking::{ISSUES_MAX, Issue, IssueUpdate, all_in_order, check_issue, switched_off};

pub(super) async fn own(calls: &Calls, repository: &RepositoryId) -> Result<Vec<Issue>, ForgeError> {
    let project = project_with_issues(calls, repository).await?;
    let own = calls.own().await?;
    let endpoint = Issues::builder()
        .project(project)
        .author(own.id)
        .scope(IssueScope::All)
        .order_by(IssueOrderBy::CreatedAt)
        .sort(SortOrder::Ascending)
        .build();
    let endpoint = built(endpoint)?;
    let mut found = Vec::new();
    let what = format!("the list of issues of {repository}");
    calls
        .list(&endpoint, &[], &what, |page: Vec<wire::Issue>| {
            let is_own =
                |issue: &wire::Issue| issue.author.as_ref().is_some_and(|author| author.id == own.id);
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
    let project = project_with_issues(calls, repository).await?;
    let (title, body) = (stored_title(title), disarmed(body));
    let endpoint =
        CreateIssue::builder().project(project).title(title.as_str()).description(body.as_ref()).build();
    let made: wire::Issue = calls.take(&built(endpoint)?, &format!("repository {repository}")).await?;
    Ok(made.into_issue())
}

pub(super) async fn update(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    update: &IssueUpdate,
) -> Result<Issue, ForgeError> {
    let project = project_with_issues(calls, repository).await?;
    let what = format!("issue {number} of {repository}");
    let endpoint = built(OneIssue::builder().project(project).issue(number).build())?;
    let issue = calls.take::<wire::Issue>(&endpoint, &what).await?.into_issue();
    let body = update.body.as_deref().map(|body| disarmed(body).into_owned());
    let needed = IssueUpdate { body, ..update.clone() }.against(&issue)?;
    if needed.is_empty() {
        return Ok(issue);
    }
    let mut endpoint = EditIssue::builder();
    endpoint.project(project).issue(number);
    if let Some(title) = &needed.title {
        endpoint.title(title.as_str());
    }
    if let Some(body) = &needed.body {
        endpoint.description(body.as_str());
    }
    match needed.is_open {
        Some(true) => endpoint.state_event(IssueStateEvent::Reopen),
        Some(false) => endpoint.state_event(IssueStateEvent::Close),
        None => &mut endpoint,
    };
    let changed: wire::Issue = calls.take(&built(endpoint.build())?, &what).await?;
    Ok(changed.into_issue())
}

/// The project's id; the facts are asked for each time, since issues are switched off by people.
async fn project_with_issues(calls: &Calls, repository: &RepositoryId) -> Result<u64, ForgeError> {
    let facts = calls.facts(repository).await?;
    if facts.has_issues() { Ok(facts.id) } else { Err(switched_off(repository)) }
}
