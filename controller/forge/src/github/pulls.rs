//! Pull requests on GitHub.

use std::collections::BTreeMap;

use kubeopt_model::RepositoryId;

use super::branches::{facts, head_oid};
use super::calls::{Calls, Paging};
use super::{drafts, labels, lookup, wire};
use crate::error::ForgeError;
use crate::pull_request::{
    HeadFilter, NewPullRequest, PullRequest, PullRequestQuery, PullRequestState, PullRequestUpdate,
    StateFilter, WantedState, stored_title,
};

pub(super) async fn list(
    calls: &Calls,
    repository: &RepositoryId,
    query: &PullRequestQuery,
) -> Result<Vec<PullRequest>, ForgeError> {
    let at = calls.of(repository);
    // Open ones in the order of their numbers: what is opened meanwhile comes last, and nothing is skipped. With a long
    // past the latest changed come first, so that the list can be left.
    let (state, sort, direction) = match query.state {
        StateFilter::Open => ("open", "created", "asc"),
        StateFilter::Closed => ("closed", "updated", "desc"),
        StateFilter::All => ("all", "updated", "desc"),
    };
    let head = match &query.head {
        // The owner's name as it is now: of a renamed one GitHub finds nothing by the old.
        HeadFilter::Exact(branch) => Some(format!("{}:{branch}", facts(&at).await?.owner.login)),
        HeadFilter::Prefix(_) => None,
    };
    let mut asked = vec![("state", state), ("sort", sort), ("direction", direction), ("per_page", "100")];
    asked.extend(head.as_deref().map(|head| ("head", head)));
    let since = query.updated_since_unix_s.filter(|_| sort == "updated");
    let mut own: Vec<wire::Pull> = Vec::new();
    let what = format!("the list of pull requests of {repository}");
    at.list(&["pulls"], &asked, &what, |page: Vec<wire::Pull>| {
        let is_old = |pull: &wire::Pull| since.is_some_and(|since| pull.updated_at.as_second() < since);
        let enough = page.last().is_some_and(is_old);
        own.extend(page.into_iter().filter(wire::Pull::is_own));
        if enough { Paging::Enough } else { Paging::More }
    })
    .await?;
    // A list that changes while it is read may show one twice.
    let mut found: BTreeMap<u64, PullRequest> = BTreeMap::new();
    for pull in own {
        let pull = pull.into_pull_request(calls, &repository.owner, &repository.name)?;
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
    let at = calls.of(repository);
    let title = stored_title(&new.title);
    // `owner:branch` would mean another repository's branch; a colon is in no branch name, so that none is found.
    for branch in [&new.head, &new.base] {
        if head_oid(&at, branch).await?.is_none() {
            return Err(ForgeError::NotFound { what: format!("branch `{branch}` of {repository}") });
        }
    }
    let body = wire::NewPull {
        title: &title,
        body: &new.body,
        head: &new.head,
        base: &new.base,
        draft: new.is_draft,
    };
    let what = format!("branch `{}` or `{}` of {repository}", new.head, new.base);
    let made: wire::Pull = match at.post(&["pulls"], &body, &what).await {
        Ok(made) => made,
        // 422: there is one already, nothing differs, or drafts are not part of the plan.
        Err(error @ ForgeError::Refused { .. }) => return existing(calls, repository, new, error).await,
        Err(error) => return Err(error),
    };
    let mut pull = made.into_pull_request(calls, &repository.owner, &repository.name)?;
    if new.labels.is_empty() {
        return Ok(pull);
    }
    match labels::add(&at, pull.number, &new.labels).await {
        Ok(all) => {
            pull.labels = all;
            // What it says of itself after the labels, such as when it was last changed.
            let found = lookup::pull(&at, pull.number).await?;
            found.into_pull_request(calls, &repository.owner, &repository.name)
        }
        // A label is no reason to keep a pull request back; the limit's end is.
        Err(error @ (ForgeError::Forbidden { .. } | ForgeError::Refused { .. })) => {
            tracing::warn!(%repository, number = pull.number, %error, "unable to put labels");
            Ok(pull)
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
    let at = calls.of(repository);
    let found = lookup::pull(&at, number).await?;
    let node = found.node_id.clone();
    let pull = found.into_pull_request(calls, &repository.owner, &repository.name)?;
    let needed = update.against(&pull);
    if needed.is_empty() {
        return Ok(pull);
    }
    if pull.state == PullRequestState::Merged && needed.state == Some(WantedState::Open) {
        return Err(ForgeError::Conflict { what: format!("pull request {number} is merged") });
    }
    let what = format!("pull request {number} of {repository}");
    if let Some(is_draft) = needed.is_draft {
        drafts::set(&at, &node, is_draft, &what).await?;
    }
    let body = wire::EditPull {
        title: needed.title.as_deref(),
        body: needed.body.as_deref(),
        state: needed.state.map(|state| match state {
            WantedState::Open => "open",
            WantedState::Closed => "closed",
        }),
    };
    let changed = if body.title.is_none() && body.body.is_none() && body.state.is_none() {
        lookup::pull(&at, number).await?
    } else {
        at.patch(&["pulls", &number.to_string()], &body, &what).await?
    };
    changed.into_pull_request(calls, &repository.owner, &repository.name)
}

/// The open one with the same head and base, which made GitHub refuse a second.
async fn existing(
    calls: &Calls,
    repository: &RepositoryId,
    new: &NewPullRequest,
    refused: ForgeError,
) -> Result<PullRequest, ForgeError> {
    let open = list(calls, repository, &PullRequestQuery::of_branch(&new.head, StateFilter::Open)).await?;
    open.into_iter().find(|pull| pull.base == new.base).ok_or(refused)
}
