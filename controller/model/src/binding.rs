//! What the operator allows: which namespaces may be edited where, and where sources are that no controller tells.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::{ClusterName, InvalidName, Namespace};
use crate::source::{RendererKind, RepoPath, RepositoryId};

/// The name of a forge in the controller's configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ForgeName(String);

impl ForgeName {
    /// Checks the text: letters, digits, `-`, `_`, `.`.
    ///
    /// # Errors
    /// [`InvalidName`] for anything else.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
        let text = text.into();
        let ok = !text.is_empty()
            && text.len() <= 63
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if ok {
            Ok(Self(text))
        } else {
            Err(InvalidName {
                what: "forge name",
                text,
                rule: "letters, digits, `-`, `_` and `.`, at most 63",
            })
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ForgeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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
