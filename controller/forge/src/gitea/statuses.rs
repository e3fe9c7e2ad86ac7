//! Statuses of commits on Gitea and Forgejo, which keep every one that was ever put.

use kubeopt_model::RepositoryId;
use kubeopt_net::Method;

use super::calls::{Calls, Paging};
use super::wire;
use crate::error::ForgeError;
use crate::status::Status;

pub(super) async fn set(
    calls: &Calls,
    repository: &RepositoryId,
    oid: &str,
    status: &Status,
) -> Result<(), ForgeError> {
    let status = status.stored()?;
    let what = format!("commit {oid} of {repository}");
    if oid.is_empty() || !oid.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ForgeError::NotFound { what: "a commit of this name".to_owned() });
    }
    let url = calls.of_repository(repository, &["statuses", oid])?;
    let body = wire::NewStatus {
        context: &status.context,
        state: status.state.word(),
        description: &status.description,
        target_url: status.url.as_deref().unwrap_or_default(),
    };
    let mut newest_first = url.clone();
    // The one with the highest index comes first: Gitea's word for it is about something else.
    newest_first.query_pairs_mut().append_pair("sort", "leastindex");
    let mut last: Option<wire::Status> = None;
    calls
        .list(&newest_first, &what, |page: Vec<wire::Status>| {
            last = page.into_iter().find(|found| found.context == status.context);
            if last.is_some() { Paging::Enough } else { Paging::More }
        })
        .await?;
    if last.is_some_and(|last| last.says(&body)) {
        return Ok(());
    }
    match calls.write::<_, wire::Status>(Method::POST, url, &body, &what).await {
        Ok(_) => Ok(()),
        // Gitea 1.26 answers 500 for a commit that it does not know.
        Err(error @ ForgeError::Server { status: 500 }) => {
            let commit = calls.of_repository(repository, &["git", "commits", oid])?;
            match calls.find::<wire::Commit>(commit).await {
                Ok(None) => Err(ForgeError::NotFound { what }),
                Ok(Some(_)) | Err(_) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}
