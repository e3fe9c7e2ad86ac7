//! Where within an object values of a chart begin, and which of its texts hold YAML of their own.
//!
//! Decides by kind and path alone. Paths are what a document means: JSON patches (RFC 6902) count with the path that
//! they set, so that a patch of a HelmRelease is seen as the HelmRelease.

use kubeopt_model::RepoPath;

use crate::role::FileRole;
use crate::stream::{NodeId, Stream};
use crate::values_key::is_index;

/// What a text within a scalar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hosted {
    /// A patch of objects.
    Patch,
    /// Values of a chart.
    Values,
}

/// What one document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scope {
    role: FileRole,
    kind: Kind,
    /// It has a kind, or is a list: no values of a chart by itself, whoever looks at it as such.
    is_object: bool,
}

/// The kinds that hold values or texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// kustomize's own file, or a component.
    Kustomization,
    /// Flux.
    HelmRelease,
    /// Flux.
    FluxKustomization,
    /// Argo CD.
    Application,
    /// Argo CD: its texts hold placeholders, which are filled in from its generators.
    ApplicationSet,
    ConfigMap,
    /// No kind, or a list of objects: a patch may be of any of them.
    Unknown,
    Other,
}

impl Scope {
    /// The scope of a document of a file.
    pub(crate) fn of(file: &RepoPath, role: FileRole, stream: &Stream, root: NodeId) -> Self {
        let is_named = crate::kustomize::FILE_NAMES.contains(&file.file_name());
        let kind = if is_named { Kind::Kustomization } else { kind(stream, root) };
        Self { role, kind, is_object: is_object(stream, root) }
    }

    /// The scope of a document of a text within a scalar.
    pub(crate) fn hosted(hosted: Hosted, stream: &Stream, root: NodeId) -> Self {
        let role = match hosted {
            Hosted::Patch => FileRole::Manifest,
            Hosted::Values => FileRole::Values,
        };
        Self { role, kind: kind(stream, root), is_object: is_object(stream, root) }
    }

    /// From which key of a path on it leads through values of a chart.
    pub(crate) fn values_begin(self, path: &[String]) -> Option<usize> {
        self.values_of_object(path).or((self.role == FileRole::Values).then_some(0))
    }

    /// The path leads into values of a chart, not into an object that was looked at as such.
    pub(crate) fn is_in_values(self, path: &[String]) -> bool {
        (self.role == FileRole::Values && !self.is_object) || self.values_of_object(path).is_some()
    }

    /// Texts hold placeholders (`{{name}}`): they are values once these are filled in, and not before.
    pub(crate) fn has_placeholders(self) -> bool {
        self.kind == Kind::ApplicationSet
    }

    /// From which key of a path on it leads to a single value that stands for itself, wherever it goes: a key of a
    /// ConfigMap, or what an element of a generator says.
    pub(crate) fn single_value_begins(self, path: &[String]) -> Option<usize> {
        match self.kind {
            Kind::ApplicationSet => element_begin(path),
            Kind::ConfigMap => {
                let object = object_begin(path);
                (path.len() == object + 2 && path[object] == "data").then_some(object + 1)
            }
            Kind::Kustomization
            | Kind::HelmRelease
            | Kind::FluxKustomization
            | Kind::Application
            | Kind::Unknown
            | Kind::Other => None,
        }
    }

    fn values_of_object(self, path: &[String]) -> Option<usize> {
        let object = object_begin(path);
        let release =
            || path[object..].starts_with(&["spec", "values"].map(str::to_owned)).then_some(object + 2);
        let application = || {
            let at = path.windows(2).position(|keys| keys[0] == "helm" && keys[1] == "valuesObject");
            at.map(|at| at + 2).or_else(|| parameter_begin(path))
        };
        match self.kind {
            Kind::HelmRelease => release(),
            Kind::Application => application(),
            Kind::ApplicationSet => element_begin(path).or_else(application),
            Kind::Unknown => release().or_else(application),
            Kind::Kustomization | Kind::FluxKustomization | Kind::ConfigMap | Kind::Other => None,
        }
    }

    /// The mapping at this path is a parameter, `{name, value}`, of a Helm source.
    pub(crate) fn is_parameter(self, path: &[String]) -> bool {
        matches!(self.kind, Kind::Application | Kind::ApplicationSet | Kind::Unknown)
            && parameter_begin(path) == Some(path.len())
    }

    /// What the text of the scalar at this path is, if it is YAML of its own.
    pub(crate) fn hosts(self, path: &[String]) -> Option<Hosted> {
        let keys: Vec<&str> = path[object_begin(path)..].iter().map(String::as_str).collect();
        let is_values = keys.ends_with(&["helm", "values"]);
        match (self.kind, keys.as_slice()) {
            (Kind::Kustomization, ["patches" | "patchesJson6902", _, "patch"])
            | (Kind::Kustomization, ["patchesStrategicMerge", _])
            | (Kind::FluxKustomization, ["spec", "patches", _, "patch"])
            | (Kind::Application | Kind::ApplicationSet, [.., "kustomize", "patches", _, "patch"]) => {
                Some(Hosted::Patch)
            }
            (Kind::ConfigMap, ["data", key]) if is_values_key(key) => Some(Hosted::Values),
            (Kind::Application | Kind::ApplicationSet | Kind::Unknown, _) if is_values => {
                Some(Hosted::Values)
            }
            (
                Kind::Kustomization
                | Kind::HelmRelease
                | Kind::FluxKustomization
                | Kind::Application
                | Kind::ApplicationSet
                | Kind::ConfigMap
                | Kind::Unknown
                | Kind::Other,
                _,
            ) => None,
        }
    }
}

fn is_object(stream: &Stream, root: NodeId) -> bool {
    !stream.items(root).is_empty()
        || (stream.text(root, "kind").is_some() && stream.text(root, "apiVersion").is_some())
}

fn kind(stream: &Stream, root: NodeId) -> Kind {
    let version = stream.text(root, "apiVersion").unwrap_or_default();
    match stream.text(root, "kind") {
        _ if version.starts_with("kustomize.config.k8s.io/") => Kind::Kustomization,
        Some("Kustomization") if version.starts_with("kustomize.toolkit.fluxcd.io/") => {
            Kind::FluxKustomization
        }
        Some("HelmRelease") => Kind::HelmRelease,
        Some("Application") => Kind::Application,
        Some("ApplicationSet") => Kind::ApplicationSet,
        Some("ConfigMap") => Kind::ConfigMap,
        Some(kind) if kind.ends_with("List") => Kind::Unknown,
        Some(_) => Kind::Other,
        None => Kind::Unknown,
    }
}

/// Where the keys of an object begin: behind the positions of lists of objects and of JSON patches.
fn object_begin(path: &[String]) -> usize {
    path.iter().take_while(|key| is_index(key) || key.as_str() == "items").count()
}

fn parameter_begin(path: &[String]) -> Option<usize> {
    let is_parameter = |keys: &[String]| keys[0] == "helm" && keys[1] == "parameters" && is_index(&keys[2]);
    path.windows(3).position(is_parameter).map(|at| at + 3)
}

/// What an element of a list in a generator says, however deep the generator stands in others.
fn element_begin(path: &[String]) -> Option<usize> {
    let below = path.get(object_begin(path)..)?;
    if !below.starts_with(&["spec", "generators"].map(str::to_owned)) {
        return None;
    }
    let is_element = |keys: &[String]| keys[0] == "list" && keys[1] == "elements" && is_index(&keys[2]);
    let begin = path.windows(3).position(is_element)? + 3;
    (begin < path.len()).then_some(begin)
}

fn is_values_key(key: &str) -> bool {
    key == "values" || key.ends_with(".yaml") || key.ends_with(".yml")
}
