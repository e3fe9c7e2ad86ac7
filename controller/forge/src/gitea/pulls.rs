//! Pull requests, comments and labels on Gitea and Forgejo.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::RepositoryId;
use kubeopt_net::Method;

use super::calls::{Calls, Paging};
use super::draft_title;
use super::wire;
use crate::branch::is_branch_name;
use crate::error::ForgeError;
use crate::pull_request::{
    NewPullRequest, PullRequest, PullRequestQuery, PullRequestUpdate, StateFilter, WantedState,
};

/// The color of labels that kubeopt creates.
const LABEL_COLOR: &str = "#1d76db";

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
    let labels = label_ids(calls, repository, &new.labels).await?;
    let title = draft_title::written(&new.title, new.is_draft);
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
    let url = calls.of_repository(repository, &["pulls", &number.to_string()])?;
    let what = format!("pull request {number} of {repository}");
    let found: wire::Pull =
        calls.find(url.clone()).await?.ok_or_else(|| ForgeError::NotFound { what: what.clone() })?;
    let pull = found.into_pull_request(calls, &repository.owner, &repository.name)?;
    let plain = |title: &String| draft_title::read(title).0;
    let wanted = PullRequestUpdate { title: update.title.as_ref().map(plain), ..update.clone() };
    let needed = wanted.against(&pull);
    if needed.is_empty() {
        return Ok(pull);
    }
    // The title says whether it is a draft: either of them changes it.
    let title = (needed.title.is_some() || needed.is_draft.is_some()).then(|| {
        let plain = needed.title.as_ref().unwrap_or(&pull.title);
        draft_title::written(plain, needed.is_draft.unwrap_or(pull.is_draft))
    });
    let body = wire::EditPull {
        title: title.as_deref(),
        body: needed.body.as_deref(),
        state: needed.state.map(|state| match state {
            WantedState::Open => "open",
            WantedState::Closed => "closed",
        }),
    };
    let changed: wire::Pull = calls.write(Method::PATCH, url, &body, &what).await?;
    changed.into_pull_request(calls, &repository.owner, &repository.name)
}

pub(super) async fn comment(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
    body: &str,
) -> Result<u64, ForgeError> {
    let number = number.to_string();
    let url = calls.of_repository(repository, &["issues", &number, "comments"])?;
    let what = format!("pull request {number} of {repository}");
    let made = calls.write(Method::POST, url, &wire::NewComment { body }, &what).await;
    match made {
        Ok(wire::CommentId { id }) => Ok(id),
        // Gitea 1.26 answers 500 for a number that it does not know.
        Err(error @ ForgeError::Server { status: 500 }) => {
            let pull = calls.of_repository(repository, &["pulls", &number])?;
            match calls.find::<wire::Pull>(pull).await {
                Ok(None) => Err(ForgeError::NotFound { what }),
                Ok(Some(_)) | Err(_) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
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

/// Ids of labels; missing ones are created. A label that may not be created is left out: it is no reason to keep a pull
/// request back.
async fn label_ids(
    calls: &Calls,
    repository: &RepositoryId,
    names: &[String],
) -> Result<Vec<u64>, ForgeError> {
    let wanted: BTreeSet<&str> = names.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let url = calls.of_repository(repository, &["labels"])?;
    let mut known: BTreeMap<String, u64> = BTreeMap::new();
    calls
        .list(&url, &format!("labels of {repository}"), |page: Vec<wire::Label>| {
            known.extend(page.into_iter().map(|label| (label.name, label.id)));
            Paging::More
        })
        .await?;
    let mut ids = Vec::new();
    for name in wanted {
        if let Some(id) = known.get(name) {
            ids.push(*id);
            continue;
        }
        let label = wire::NewLabel { name, color: LABEL_COLOR, description: "opened or changed by kubeopt" };
        let what = format!("labels of {repository}");
        match calls.write::<_, wire::Label>(Method::POST, url.clone(), &label, &what).await {
            Ok(made) => ids.push(made.id),
            Err(error @ (ForgeError::Forbidden { .. } | ForgeError::Refused { .. })) => {
                tracing::warn!(%repository, name, %error, "unable to create a label");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(ids)
}
