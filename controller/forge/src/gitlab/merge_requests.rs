//! Merge requests, which are GitLab's pull requests.

use std::collections::BTreeMap;

use gitlab::api::common::SortOrder;
use gitlab::api::merge_requests::{MergeRequestOrderBy, MergeRequestScope, MergeRequestState};
use gitlab::api::projects::merge_requests::{
    CreateMergeRequest, EditMergeRequest, MergeRequest, MergeRequestStateEvent, MergeRequests,
};
use kubeopt_model::{RepositoryId, Timestamp};

use super::branches::head_commit;
use super::calls::{Calls, Paging, built};
use super::quick_actions::disarmed;
use super::wire;
use crate::draft_title::GITLAB;
use crate::error::ForgeError;
use crate::pull_request::{
    HeadFilter, NewPullRequest, PullRequest, PullRequestQuery, PullRequestState, PullRequestUpdate,
    StateFilter, WantedState,
};

pub(super) async fn list(
    calls: &Calls,
    repository: &RepositoryId,
    query: &PullRequestQuery,
) -> Result<Vec<PullRequest>, ForgeError> {
    let mut endpoint = MergeRequests::builder();
    endpoint
        .project(calls.project(repository).await?)
        .scope(MergeRequestScope::All)
        // What is opened meanwhile comes last, and nothing is skipped.
        .order_by(MergeRequestOrderBy::CreatedAt)
        .sort(SortOrder::Ascending);
    match query.state {
        StateFilter::Open => endpoint.state(MergeRequestState::Opened),
        // Merged ones have a state of their own: the rest is sorted out below.
        StateFilter::Closed | StateFilter::All => &mut endpoint,
    };
    if let HeadFilter::Exact(branch) = &query.head {
        endpoint.source_branch(branch.as_str());
    }
    let since = query.updated_since_unix_s.filter(|_| query.state != StateFilter::Open);
    let since = since.and_then(|since| Timestamp::from_second(since).ok()).map(|since| since.to_string());
    let asked: Vec<(&str, &str)> =
        since.as_deref().map(|since| ("updated_after", since)).into_iter().collect();
    let mut own: Vec<wire::MergeRequest> = Vec::new();
    let what = format!("the list of merge requests of {repository}");
    calls
        .list(&built(endpoint.build())?, &asked, &what, |page: Vec<wire::MergeRequest>| {
            own.extend(page.into_iter().filter(wire::MergeRequest::is_own));
            Paging::More
        })
        .await?;
    // A list that changes while it is read may show one twice.
    let mut found: BTreeMap<u64, PullRequest> = BTreeMap::new();
    for request in own {
        let pull = request.into_pull_request(calls, repository)?;
        if query.matches(&pull) {
            found.insert(pull.number, pull);
        }
    }
    Ok(found.into_values().collect())
}

pub(super) async fn open(
    calls: &Calls,
    repository: &RepositoryId,
    new: &NewPullRequest,
) -> Result<PullRequest, ForgeError> {
    let project = calls.project(repository).await?;
    for branch in [&new.head, &new.base] {
        if head_commit(calls, project, branch).await?.is_none() {
            return Err(ForgeError::NotFound { what: format!("branch `{branch}` of {repository}") });
        }
    }
    let body = disarmed(&new.body);
    let mut endpoint = CreateMergeRequest::builder();
    endpoint
        .project(project)
        .source_branch(new.head.as_str())
        .target_branch(new.base.as_str())
        .title(GITLAB.written(&new.title, new.is_draft))
        .description(body.as_ref());
    // A comma would make two of one.
    let labels: Vec<&str> = new
        .labels
        .iter()
        .map(String::as_str)
        .filter(|name| !name.is_empty() && !name.contains(','))
        .collect();
    if !labels.is_empty() {
        endpoint.labels(labels.into_iter());
    }
    let what = format!("branch `{}` or `{}` of {repository}", new.head, new.base);
    match calls.take::<wire::MergeRequest>(&built(endpoint.build())?, &what).await {
        Ok(made) => made.into_pull_request(calls, repository),
        // 409: there is one already.
        Err(ForgeError::Conflict { what }) => {
            let query = PullRequestQuery::of_branch(&new.head, StateFilter::Open);
            let open = list(calls, repository, &query).await?;
            open.into_iter().find(|pull| pull.base == new.base).ok_or(ForgeError::Conflict { what })
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn update(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    update: &PullRequestUpdate,
) -> Result<PullRequest, ForgeError> {
    let project = calls.project(repository).await?;
    let pull = find(calls, project, repository, number).await?.into_pull_request(calls, repository)?;
    let wanted = PullRequestUpdate {
        title: update.title.as_ref().map(|title| GITLAB.read(title).0),
        body: update.body.as_deref().map(|body| disarmed(body).into_owned()),
        ..update.clone()
    };
    let needed = wanted.against(&pull);
    if needed.is_empty() {
        return Ok(pull);
    }
    if pull.state == PullRequestState::Merged && needed.state == Some(WantedState::Open) {
        return Err(ForgeError::Conflict { what: format!("merge request {number} is merged") });
    }
    let mut endpoint = EditMergeRequest::builder();
    endpoint.project(project).merge_request(number);
    // The title says whether it is a draft: either of them changes it.
    if needed.title.is_some() || needed.is_draft.is_some() {
        let plain = needed.title.as_ref().unwrap_or(&pull.title);
        endpoint.title(GITLAB.written(plain, needed.is_draft.unwrap_or(pull.is_draft)));
    }
    if let Some(body) = &needed.body {
        endpoint.description(body.as_str());
    }
    match needed.state {
        Some(WantedState::Open) => endpoint.state_event(MergeRequestStateEvent::Reopen),
        Some(WantedState::Closed) => endpoint.state_event(MergeRequestStateEvent::Close),
        None => &mut endpoint,
    };
    let what = format!("merge request {number} of {repository}");
    let changed: wire::MergeRequest = calls.take(&built(endpoint.build())?, &what).await?;
    changed.into_pull_request(calls, repository)
}

/// One merge request as GitLab shows it.
pub(super) async fn find(
    calls: &Calls,
    project: u64,
    repository: &RepositoryId,
    number: u64,
) -> Result<wire::MergeRequest, ForgeError> {
    let endpoint = built(MergeRequest::builder().project(project).merge_request(number).build())?;
    calls.take(&endpoint, &format!("merge request {number} of {repository}")).await
}
