//! Statuses of commits on GitLab, which makes jobs of a pipeline of them.

use gitlab::api::projects::repository::commits::CommitStatuses;
use kubeopt_model::RepositoryId;

use super::calls::{Calls, Paging, built};
use super::endpoints::NewStatus;
use super::wire;
use crate::error::ForgeError;
use crate::status::{Status, StatusState};

pub(super) async fn set(
    calls: &Calls,
    repository: &RepositoryId,
    oid: &str,
    status: &Status,
) -> Result<(), ForgeError> {
    let status = status.stored()?;
    let what = format!("commit {oid} of {repository}");
    // A branch's name would do as well for GitLab, and mean another commit tomorrow.
    if oid.len() < 40 || !oid.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ForgeError::NotFound { what: "a commit of this name".to_owned() });
    }
    let project = calls.project(repository).await?;
    let endpoint =
        CommitStatuses::builder().project(project).commit(oid).name(status.context.as_str()).build();
    let mut last: Option<wire::Status> = None;
    calls
        .list(&built(endpoint)?, &[], &what, |page: Vec<wire::Status>| {
            let of_it = page.into_iter().filter(|found| found.name == status.context);
            last = last.take().into_iter().chain(of_it).max_by_key(|found| found.id);
            Paging::More
        })
        .await?;
    let new = NewStatus {
        project,
        commit: oid,
        state: word(status.state),
        context: &status.context,
        description: &status.description,
        url: status.url.as_deref(),
    };
    let says = |last: &wire::Status| {
        last.status == new.state
            && last.description.as_deref().unwrap_or_default() == new.description
            && last.target_url.as_deref() == new.url
    };
    if last.as_ref().is_some_and(says) {
        return Ok(());
    }
    calls.take::<wire::Status>(&new, &what).await.map(drop)
}

/// GitLab has one word for a check that found something and one that failed itself.
fn word(state: StatusState) -> &'static str {
    match state {
        StatusState::Pending => "pending",
        StatusState::Success => "success",
        StatusState::Failure | StatusState::Error => "failed",
    }
}
