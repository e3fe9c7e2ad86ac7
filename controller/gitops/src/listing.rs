//! What the tree of a commit or a folder of this machine holds, and what of it is not read.

use std::collections::BTreeMap;
use std::fmt;

use git2::Oid;
use kubeopt_model::{RepoPath, RepositoryId};

use crate::error::GitError;

/// Largest file that is read. It is above what is edited, because a folder is rendered with all its files: the largest
/// of the public repositories that we measured is a list of dashboards of 1.05 MB, and Kubernetes takes no object above
/// 1.5 MiB.
pub const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Most entries of one commit, folders included. The largest public GitOps monorepos have some ten thousand; a tree
/// that refers to itself many times over ends here.
pub(crate) const ENTRIES_MAX: usize = 200_000;

/// Why an entry of the tree is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkippedWhy {
    /// Mode 120000.
    Symlink,
    /// Mode 160000.
    Submodule,
    /// Over 4 MiB.
    TooLarge,
    /// A name that no path of this program may hold: not UTF-8, control characters, a backslash, `.git`.
    Name,
}

impl fmt::Display for SkippedWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Symlink => "is a symbolic link",
            Self::Submodule => "is a submodule",
            Self::TooLarge => "is larger than 4 MiB",
            Self::Name => "has a name that is not accepted",
        })
    }
}

/// An entry of the tree that is not read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// Path, with what cannot be shown replaced.
    pub path: String,
    /// Why.
    pub why: SkippedWhy,
}

/// What a tree holds.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) files: BTreeMap<RepoPath, Oid>,
    pub(crate) folders: BTreeMap<RepoPath, Oid>,
    pub(crate) skipped: Vec<Skipped>,
}

pub(crate) fn too_large(id: &RepositoryId, limit: &str) -> GitError {
    GitError::TooLarge { repository: id.clone(), limit: limit.to_owned() }
}
