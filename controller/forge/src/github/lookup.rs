//! One pull request of GitHub, looked up by its number.

use super::calls::InRepository;
use super::wire;
use crate::error::ForgeError;

/// One pull request as GitHub shows it.
pub(super) async fn pull(at: &InRepository<'_>, number: u64) -> Result<wire::Pull, ForgeError> {
    let found = at.find(&["pulls", &number.to_string()], &[]).await?;
    found.ok_or_else(|| ForgeError::NotFound { what: format!("pull request {number} of {}", at.repository) })
}
