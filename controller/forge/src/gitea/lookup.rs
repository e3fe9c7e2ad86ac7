//! One pull request of Gitea or Forgejo, looked up by its number.

use kubeopt_model::RepositoryId;

use super::calls::Calls;
use super::wire;
use crate::error::ForgeError;

/// One pull request as the forge shows it.
pub(super) async fn pull(
    calls: &Calls,
    repository: &RepositoryId,
    number: u64,
) -> Result<wire::Pull, ForgeError> {
    let found = calls.find(calls.of_repository(repository, &["pulls", &number.to_string()])?).await?;
    found.ok_or_else(|| ForgeError::NotFound { what: format!("pull request {number} of {repository}") })
}
