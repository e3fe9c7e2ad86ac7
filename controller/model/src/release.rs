//! A Helm release: a chart, the layers of its values, and where both come from, as a GitOps object describes it.
//!
//! It says what shall be rendered; it renders nothing and reads no file.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::{Namespace, ObjectName};
use crate::repo_path::RepoPath;

/// One release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// The object that describes it; none for a chart that is rendered by itself.
    pub object: Option<ReleaseObject>,
    /// The name of the release, `.Release.Name` in templates.
    pub name: String,
    /// The namespace of its objects, `.Release.Namespace` in templates; none is whatever the one who applies it says.
    pub namespace: Option<Namespace>,
    /// The chart.
    pub chart: ChartRef,
    /// Values, the lowest layer first, without those of the chart's own `values.yaml`.
    pub values: Vec<ValuesLayer>,
    /// Single values on top of all layers.
    pub parameters: Vec<Parameter>,
    /// Single values on top of all layers that nobody can read here: a Secret sets them, or something that is elsewhere.
    #[serde(default)]
    pub hidden: Vec<Hidden>,
    /// What templates are told of the cluster.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// What changes the rendering after the chart and is not repeated here: `postRenderers`, a plugin. A sentence.
    pub changed_after: Option<String>,
}

/// The GitOps object that describes a release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseObject {
    /// `HelmRelease`, `Application` or `ApplicationSet`.
    pub kind: ReleaseKind,
    /// Its namespace; none where the manifest leaves it to the one who applies it.
    pub namespace: Option<Namespace>,
    /// Its name.
    pub name: ObjectName,
}

impl fmt::Display for ReleaseObject {
    /// `HelmRelease podinfo/podinfo`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// The kinds that describe releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReleaseKind {
    /// `helm.toolkit.fluxcd.io` HelmRelease
    HelmRelease,
    /// `argoproj.io` Application with a Helm source
    Application,
    /// `argoproj.io` ApplicationSet whose template has a Helm source; its name and values may hold placeholders
    ApplicationSet,
}

impl fmt::Display for ReleaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HelmRelease => "HelmRelease",
            Self::Application => "Application",
            Self::ApplicationSet => "ApplicationSet",
        })
    }
}

/// Where a chart, or a file of values, is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// The repository that the describing object itself comes from.
    Here,
    /// A URL as written: of a Git repository, a repository of charts, or `oci://`.
    Url(String),
    /// A Flux source object: kind, namespace (of the release, where none is written), name.
    FluxSource(String, Option<Namespace>, String),
}

/// Which chart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChartRef {
    /// A folder of a Git repository.
    Folder {
        /// The repository.
        origin: Origin,
        /// The folder that holds `Chart.yaml`.
        path: RepoPath,
    },
    /// An archive that a repository of charts publishes.
    Published {
        /// The repository of charts.
        origin: Origin,
        /// Name of the chart; empty where the origin is the chart itself (an OCIRepository).
        name: String,
        /// Version or range as written; none is the newest.
        version: Option<String>,
    },
    /// Described in a way that is not understood: a sentence.
    Unknown(String),
}

/// One layer of values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ValuesLayer {
    /// YAML of a mapping, as the describing object holds it.
    Inline(String),
    /// A file beside the chart or in another source.
    File {
        /// From where its path counts.
        base: FileBase,
        /// Its path as written, without the prefix that named the base.
        path: String,
        /// Nothing is wrong when it is not there.
        optional: bool,
        /// It stands for the chart's own `values.yaml` instead of coming on top of it.
        instead_of_defaults: bool,
    },
    /// A key of a ConfigMap or Secret that is not among the rendered objects.
    Elsewhere {
        /// `ConfigMap podinfo/values, key values.yaml`
        what: String,
        /// Nothing is wrong when it is not there.
        optional: bool,
    },
}

/// From where the path of a file of values counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FileBase {
    /// The chart's folder.
    Chart,
    /// The root of the chart's repository.
    ChartRepository,
    /// The root of another source (`$ref` of a multi-source Application).
    Root(Origin),
}

/// A single value on top of all layers, as `--set` would give it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Parameter {
    /// Path within the values, as Helm writes it: `api.resources.requests.cpu`.
    pub name: String,
    /// The value.
    pub value: String,
    /// It stays a text whatever it looks like (`--set-string`).
    pub force_string: bool,
}

/// A single value that is not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hidden {
    /// Path within the values, as Helm writes it: `api.resources.requests.cpu`.
    pub name: String,
    /// Who sets it: `Secret shop/sizes, key cpu`.
    pub what: String,
}

/// `.Capabilities` of templates, where the describing object says them; else what Helm itself takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capabilities {
    /// `.Capabilities.KubeVersion`: `1.34.2`.
    pub kube_version: Option<String>,
    /// More of `.Capabilities.APIVersions`: `monitoring.coreos.com/v1`.
    pub api_versions: Vec<String>,
}
