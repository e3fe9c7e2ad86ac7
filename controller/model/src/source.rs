//! Where a value comes from: repository, path, renderer, and the very line.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use crate::repo_path::{InvalidPath, RepoPath};

use crate::names::{ClusterName, ContainerName, ForgeName, Namespace, ObjectName};
use crate::problem::Problem;
use crate::quantity::{Amount, Field};
use crate::release::Release;
use crate::workload::{AppliedBy, WorkloadId, WorkloadKind};

/// A repository on a configured forge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RepositoryId {
    /// The forge, by its name in the configuration.
    pub forge: ForgeName,
    /// Owner, organisation or group path.
    pub owner: String,
    /// Name.
    pub name: String,
}

impl fmt::Display for RepositoryId {
    /// `owner/name`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// Who turns the files of a source into manifests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RendererKind {
    /// The files are the manifests.
    Plain,
    /// kustomize.
    Kustomize,
    /// Helm: the folder is a chart.
    Helm,
}

impl fmt::Display for RendererKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Kustomize => "kustomize",
            Self::Helm => "helm",
        })
    }
}

/// How the source of a workload became known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KnownFrom {
    /// The label of a GitOps controller, followed to its objects.
    Applied(AppliedBy),
    /// The annotation `kubeopt.dev/source` of the workload.
    Annotated,
    /// `sources:` of the controller's configuration.
    Configured,
}

impl KnownFrom {
    /// Who rolls out what is merged, where the cluster tells it.
    pub fn delivered_by(&self) -> Option<&'static str> {
        match self {
            Self::Applied(AppliedBy::FluxKustomization { .. } | AppliedBy::FluxHelmRelease { .. }) => {
                Some("Flux")
            }
            Self::Applied(AppliedBy::ArgoApplication { .. }) => Some("Argo CD"),
            Self::Applied(AppliedBy::Object { .. }) | Self::Annotated | Self::Configured => None,
        }
    }
}

/// Which files of a plain folder are manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FilesBelow {
    /// All YAML files at and below the folder, as Flux takes them.
    #[default]
    All,
    /// YAML and JSON files as a directory source of Argo CD takes them.
    Directory {
        /// Subfolders too.
        recurse: bool,
        /// A glob that a path below the folder must match; `*` crosses folders. Empty is none.
        include: String,
        /// A glob that a path below the folder must not match. Empty is none.
        exclude: String,
    },
}

/// One entry point of one branch of one repository, applied to one cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Source {
    /// The cluster that it is applied to.
    pub cluster: ClusterName,
    /// Repository.
    pub repository: RepositoryId,
    /// The branch that pull requests go to; none is the default branch.
    pub branch: Option<String>,
    /// Folder of the entry point.
    pub entry: RepoPath,
    /// Who turns it into manifests.
    pub renderer: RendererKind,
    /// A namespace that is set over all objects on the way to the cluster.
    pub target_namespace: Option<Namespace>,
    /// Patches and the like that the GitOps object adds on top, as YAML of a kustomization fragment.
    pub overlay: Option<String>,
    /// The release that the chart in the folder is rendered as, for [`RendererKind::Helm`].
    #[serde(default)]
    pub release: Option<Release>,
    /// Which files of the folder are manifests, for [`RendererKind::Plain`].
    #[serde(default)]
    pub files: FilesBelow,
    /// How it became known.
    pub known_from: KnownFrom,
}

/// One step from the root of a YAML document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Step {
    /// A key of a mapping.
    Key(String),
    /// An element of a sequence, counted from 0.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

/// A path from the root of a YAML document to a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldPath(pub Vec<Step>);

impl fmt::Display for FieldPath {
    /// `spec.template.spec.containers[0].resources`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if at == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// The very scalar in Git that sets a field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EditSite {
    /// File.
    pub file: RepoPath,
    /// Line, counted from 1.
    pub line: usize,
    /// Document within the file, counted from 1.
    pub document: usize,
    /// Path within the document.
    pub path: FieldPath,
    /// The value as written, without quotes.
    pub text: String,
}

impl EditSite {
    /// A value that only the cluster shows: `scan` sizes it, nothing can edit it.
    pub fn live_only(text: String) -> Self {
        Self { file: RepoPath::root(), line: 0, document: 0, path: FieldPath::default(), text }
    }

    /// Whether nothing stands there yet: the path leads to a key that would have to be created.
    pub fn is_absent(&self) -> bool {
        self.is_located() && self.text.is_empty()
    }

    /// Whether it is a scalar in Git.
    pub fn is_located(&self) -> bool {
        self.line > 0
    }
}

impl fmt::Display for EditSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The workload that a rendered document describes; the namespace may be left to the one who applies it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RenderedWorkload {
    /// Kind.
    pub kind: WorkloadKind,
    /// Namespace, if the document says one.
    pub namespace: Option<Namespace>,
    /// Name.
    pub name: ObjectName,
}

impl RenderedWorkload {
    /// Whether the live workload is this one; a missing namespace matches any.
    pub fn describes(&self, id: &WorkloadId) -> bool {
        self.kind == id.kind
            && self.name == id.name
            && self.namespace.as_ref().is_none_or(|ns| ns == &id.namespace)
    }
}

impl fmt::Display for RenderedWorkload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}/{}", self.kind.short(), self.name),
            None => write!(f, "{}/{}", self.kind.short(), self.name),
        }
    }
}

/// One rendered field, and where in Git it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedField {
    /// Entry point that was rendered.
    pub entry: RepoPath,
    /// The workload of the rendered document.
    pub workload: RenderedWorkload,
    /// The container.
    pub container: ContainerName,
    /// The field.
    pub field: Field,
    /// The rendered value, if the field is set.
    pub value: Option<Amount>,
    /// The scalar that sets it, or why there is none to edit.
    pub site: Result<EditSite, Problem>,
    /// All entry points of the repository that the same scalar feeds, this one included.
    pub feeds: Vec<RepoPath>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_and_never_leave_the_repository() {
        assert_eq!(RepoPath::new("./a//b/").map(|p| p.as_str().to_owned()), Ok("a/b".to_owned()));
        for bad in ["/etc/passwd", "../x", "a/../../x", "a\\b", "a\nb", ".git/config", "a/.GIT/hooks"] {
            assert!(RepoPath::new(bad).is_err(), "{bad}");
        }
        let overlay = RepoPath::new("apps/prod").unwrap();
        assert_eq!(overlay.join("../base").unwrap().as_str(), "apps/base");
        assert!(overlay.join("../../../x").is_err());
        assert!(overlay.is_within(&RepoPath::new("apps").unwrap()));
        assert!(!RepoPath::new("apps-2").unwrap().is_within(&RepoPath::new("apps").unwrap()));
        assert!(overlay.is_within(&RepoPath::root()));
    }

    #[test]
    fn field_paths_read_like_code() {
        let path = FieldPath(vec!["spec".into(), "containers".into(), Step::Index(0), "resources".into()]);
        assert_eq!(path.to_string(), "spec.containers[0].resources");
    }
}
