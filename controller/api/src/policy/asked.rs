//! What a policy is asked for: a workload, or a path alone. Knows no policy.

use std::collections::BTreeMap;

use kubeopt_model::{Namespace, ObjectName, RepoPath, WorkloadKind};

/// The workload that a policy is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The file in the repository that would be edited.
    pub path: &'a RepoPath,
    /// Namespace.
    pub namespace: &'a Namespace,
    /// Kind.
    pub kind: WorkloadKind,
    /// Name.
    pub name: &'a ObjectName,
    /// Labels of the workload.
    pub labels: &'a BTreeMap<String, String>,
}

/// What a policy is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'a> {
    /// A path, whatever workload it describes: what depends on the workload is left out.
    Path(&'a RepoPath),
    /// A workload, by the file that would be edited.
    Workload(&'a Subject<'a>),
}

impl<'a> Asked<'a> {
    /// The file or folder in the repository.
    pub(crate) fn path(self) -> &'a RepoPath {
        match self {
            Self::Path(path) => path,
            Self::Workload(subject) => subject.path,
        }
    }

    /// The workload, if one is meant.
    pub(crate) fn workload(self) -> Option<&'a Subject<'a>> {
        match self {
            Self::Path(_) => None,
            Self::Workload(subject) => Some(subject),
        }
    }
}
