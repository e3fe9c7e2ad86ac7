//! A path within a source of Flux that something asks for, and the same path in Git.

use kubeopt_model::{Namespace, RepoPath, RepositoryId};

/// A path within a Flux source that something asks for.
pub(crate) struct Asked {
    /// Who asks, for messages.
    pub(crate) by: String,
    pub(crate) kind: String,
    pub(crate) namespace: Namespace,
    pub(crate) name: String,
    pub(crate) path: RepoPath,
}

/// The same path in Git.
pub(crate) struct Found {
    pub(crate) repository: RepositoryId,
    pub(crate) branch: Option<String>,
    pub(crate) path: RepoPath,
}
