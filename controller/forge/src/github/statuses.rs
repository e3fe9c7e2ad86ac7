//! Statuses of commits on GitHub, which keeps every one that was ever put.

use kubeopt_model::RepositoryId;

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
    let at = calls.of(repository);
    let what = format!("commit {oid} of {repository}");
    // A branch's name would do as well for GitHub, and mean another commit tomorrow.
    if oid.len() < 40 || !oid.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ForgeError::NotFound { what: "a commit of this name".to_owned() });
    }
    let body = wire::NewStatus {
        context: &status.context,
        state: status.state.word(),
        description: &status.description,
        target_url: status.url.as_deref(),
    };
    let mut last: Option<wire::Status> = None;
    // The newest comes first.
    let listed = at
        .list(&["commits", oid, "statuses"], &[("per_page", "100")], &what, |page: Vec<wire::Status>| {
            last = page.into_iter().find(|found| found.context == status.context);
            if last.is_some() { Paging::Enough } else { Paging::More }
        })
        .await;
    match listed {
        Ok(()) => {}
        // 422 is its answer to an id that is no commit's.
        Err(ForgeError::Refused { .. }) => return Err(ForgeError::NotFound { what }),
        Err(error) => return Err(error),
    }
    if last.is_some_and(|last| last.says(&body)) {
        return Ok(());
    }
    match at.post::<_, wire::Status>(&["statuses", oid], &body, &what).await {
        Ok(_) => Ok(()),
        Err(error @ ForgeError::Refused { .. }) => {
            match at.find::<wire::Commit>(&["git", "commits", oid], &[]).await? {
                None => Err(ForgeError::NotFound { what }),
                Some(_) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}
