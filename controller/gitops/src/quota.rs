//! How many bytes of one repository the cache keeps, and how many one fetch brings. Knows no server and no disk.

use kubeopt_model::{Bytes, RepositoryId};

pub use crate::error::Quota;

use crate::error::GitError;

/// Bytes of one bare repository in the cache by default. Without history and without files above 4 MiB the largest
/// public GitOps repositories take some tens of megabytes; what takes a GiB is no GitOps repository. While an older
/// commit is still being read, a second bare repository may stand beside it.
const REPOSITORY_MAX_DEFAULT: Bytes = Bytes::mebi(1024);

/// Bytes of one pack by default: half of the above, because indexing it and what is there already need room too.
const PACK_MAX_DEFAULT: Bytes = Bytes::mebi(512);

/// The limits of a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// Most bytes of one bare repository on disk.
    pub repository: Bytes,
    /// Most bytes of one pack that is received.
    pub pack: Bytes,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { repository: REPOSITORY_MAX_DEFAULT, pack: PACK_MAX_DEFAULT }
    }
}

impl StoreLimits {
    /// What a transfer may bring where so many bytes are kept already.
    pub(crate) fn allowance(self, kept_bytes: u64) -> Allowance {
        let left = self.repository.0.saturating_sub(kept_bytes);
        if left < self.pack.0 {
            Allowance { bytes: left, quota: Quota::Repository, limit: self.repository }
        } else {
            Allowance { bytes: self.pack.0, quota: Quota::Pack, limit: self.pack }
        }
    }

    /// Nothing where so many bytes may be kept.
    ///
    /// # Errors
    /// [`GitError::OverQuota`].
    pub(crate) fn check_kept(self, kept_bytes: u64, repository: &RepositoryId) -> Result<(), GitError> {
        if kept_bytes <= self.repository.0 {
            return Ok(());
        }
        let (repository, quota) = (repository.clone(), Quota::Repository);
        Err(GitError::OverQuota { repository, quota, limit: self.repository })
    }
}

/// How much one transfer may bring, and which limit says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Bytes of the pack.
    pub(crate) bytes: u64,
    quota: Quota,
    limit: Bytes,
}

impl Allowance {
    /// The error of a pack that is larger.
    pub(crate) fn exceeded(&self, repository: &RepositoryId) -> GitError {
        GitError::OverQuota { repository: repository.clone(), quota: self.quota, limit: self.limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_the_two_limits_counts() {
        let limits = StoreLimits { repository: Bytes(100), pack: Bytes(40) };
        for (kept, bytes, quota) in [
            (0, 40, Quota::Pack),
            (60, 40, Quota::Pack),
            (61, 39, Quota::Repository),
            (100, 0, Quota::Repository),
            (500, 0, Quota::Repository),
        ] {
            let allowance = limits.allowance(kept);
            assert_eq!((allowance.bytes, allowance.quota), (bytes, quota), "{kept}");
        }
    }
}
