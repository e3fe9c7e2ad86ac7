//! Pull requests on Gitea and Forgejo.

use std::collections::BTreeMap;

use kubeopt_model::RepositoryId;
use kubeopt_net::Method;

use super::calls::{Calls, Paging};
use super::{labels, lookup, wire};
use crate::asked::Declined;
use crate::branch::is_branch_name;
use crate::draft_title::GITEA;
use crate::error::ForgeError;
use crate::pull_request::{
    NewPullRequest, PullRequest, PullRequestQuery, PullRequestUpdate, StateFilter, WantedState,
};

pub(super) async fn list(
    calls: &Calls,
    repository: &RepositoryId,
    query: &PullRequestQuery,
) -> Result<Vec<PullRequest>, ForgeError> {
    let mut url = calls.of_repository(repository, &["pulls"])?;
    // Open ones in the order of their numbers: what is opened meanwhile comes last, and nothing is skipped. With a long
    // past the latest changed come first, so that the list can be left.
    let (state, sort) = match query.state {
        StateFilter::Open => ("open", "oldest"),
        StateFilter::Closed => ("closed", "recentupdate"),
        StateFilter::All => ("all", "recentupdate"),
    };
    url.query_pairs_mut().append_pair("state", state).append_pair("sort", sort);
    let since = query.updated_since_unix_s.filter(|_| sort == "recentupdate");
    let mut own: Vec<wire::Pull> = Vec::new();
    calls
        .list(&url, &format!("pull requests of {repository}"), |page: Vec<wire::Pull>| {
            let is_old = |pull: &wire::Pull| {
                since.is_some_and(|since| pull.updated_at.is_some_and(|at| at.as_second() < since))
            };
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
    // `owner:branch` would mean another repository's branch; a colon is in no branch name.
    for branch in [&new.head, &new.base] {
        if !is_branch_name(branch) {
            return Err(ForgeError::NotFound { what: "a branch of the pull request".to_owned() });
        }
    }
    let (labels, declined) = labels::ids_of(calls, repository, &new.labels).await?;
    for Declined { name, why } in declined {
        tracing::warn!(%repository, name, why, "unable to create a label");
    }
    let title = GITEA.written(&new.title, new.is_draft);
    let body = wire::NewPull { title: &title, body: &new.body, head: &new.head, base: &new.base, labels };
    let url = calls.of_repository(repository, &["pulls"])?;
    let what = format!("branch `{}` or `{}` of {repository}", new.head, new.base);
    match calls.write::<_, wire::Pull>(Method::POST, url, &body, &what).await {
        Ok(pull) => {
            if new.is_draft && pull.draft == Some(false) {
                let title = title.as_str();
                tracing::warn!(%repository, title, "the forge takes this title for no draft: it has its own prefixes");
            }
            pull.into_pull_request(calls, &repository.owner, &repository.name)
        }
        Err(ForgeError::Conflict { what }) => existing(calls, repository, new, what).await,
        Err(error) => Err(error),
    }
}

pub(super) async fn update(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    update: &PullRequestUpdate,
) -> Result<PullRequest, ForgeError> {
    let found = lookup::pull(calls, repository, number).await?;
    let pull = found.into_pull_request(calls, &repository.owner, &repository.name)?;
    let plain = |title: &String| GITEA.read(title).0;
    let wanted = PullRequestUpdate { title: update.title.as_ref().map(plain), ..update.clone() };
    let needed = wanted.against(&pull);
    if needed.is_empty() {
        return Ok(pull);
    }
    // The title says whether it is a draft: either of them changes it.
    let title = (needed.title.is_some() || needed.is_draft.is_some()).then(|| {
        let plain = needed.title.as_ref().unwrap_or(&pull.title);
        GITEA.written(plain, needed.is_draft.unwrap_or(pull.is_draft))
    });
    let body = wire::EditPull {
        title: title.as_deref(),
        body: needed.body.as_deref(),
        state: needed.state.map(|state| match state {
            WantedState::Open => "open",
            WantedState::Closed => "closed",
        }),
    };
    let url = calls.of_repository(repository, &["pulls", &number.to_string()])?;
    let what = format!("pull request {number} of {repository}");
    let changed: wire::Pull = calls.write(Method::PATCH, url, &body, &what).await?;
    changed.into_pull_request(calls, &repository.owner, &repository.name)
}

/// The open one with the same head and base, which made the forge refuse a second.
async fn existing(
    calls: &Calls,
    repository: &RepositoryId,
    new: &NewPullRequest,
    what: String,
) -> Result<PullRequest, ForgeError> {
    let open = list(calls, repository, &PullRequestQuery::of_branch(&new.head, StateFilter::Open)).await?;
    open.into_iter().find(|pull| pull.base == new.base).ok_or(ForgeError::Conflict { what })
}
