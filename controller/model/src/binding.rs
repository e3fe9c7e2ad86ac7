//! What the operator allows: which namespaces may be edited where, and where sources are that no controller tells.

use serde::{Deserialize, Serialize};

pub use crate::names::ForgeName;

use crate::names::{ClusterName, Namespace};
use crate::source::{RendererKind, RepoPath, RepositoryId};

/// An operator-owned permission: workloads of these namespaces may be edited in these paths of this repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Clusters; empty means all.
    pub clusters: Vec<ClusterName>,
    /// Namespaces; a single `*` in the configuration becomes empty, which means all.
    pub namespaces: Vec<Namespace>,
    /// The repository.
    pub repository: RepositoryId,
    /// Globs of paths that may be edited, relative to the repository's root; empty means all.
    pub paths: Vec<String>,
}

impl Binding {
    /// Whether the binding speaks of this namespace of this cluster.
    pub fn covers(&self, cluster: &ClusterName, namespace: &Namespace) -> bool {
        (self.clusters.is_empty() || self.clusters.contains(cluster))
            && (self.namespaces.is_empty() || self.namespaces.contains(namespace))
    }
}

/// An operator-owned statement of where workloads come from, for clusters that no GitOps controller explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceMapping {
    /// The cluster.
    pub cluster: ClusterName,
    /// Namespaces; empty means all.
    pub namespaces: Vec<Namespace>,
    /// The repository.
    pub repository: RepositoryId,
    /// Branch; none is the default branch.
    pub branch: Option<String>,
    /// Folder of the entry point.
    pub path: RepoPath,
    /// Who turns it into manifests.
    pub renderer: RendererKind,
}
