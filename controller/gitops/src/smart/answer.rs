//! What is accepted of a server: how long an answer may be, and the error for one that is none.

use kubeopt_model::RepositoryId;

use crate::error::GitError;

/// Longest answer but for the pack. One branch is a line; a server that lists everything is misled by us.
pub(crate) const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// An answer that is not what the protocol says.
pub(crate) fn protocol(repository: &RepositoryId, why: String) -> GitError {
    GitError::Protocol { repository: repository.clone(), why }
}
