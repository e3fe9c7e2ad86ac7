//! What a rendering is asked for, and what goes over the pipes between kubeopt and its render process.

use std::path::PathBuf;

use kubeopt_model::release::Parameter;
use kubeopt_model::source::{RendererKind, Source};
use kubeopt_model::{FileSet, Namespace, Problem, RepoPath};
use serde::{Deserialize, Serialize};

/// Limits of one rendering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RenderLimits {
    /// Time in all, milliseconds.
    pub time_ms: u64,
    /// Largest output, bytes.
    pub output_bytes: u64,
    /// Address space of the renderer, bytes. Go reserves 600 MiB of it before it does anything.
    pub memory_bytes: u64,
}

impl Default for RenderLimits {
    /// 30 s, 32 MiB, 2 GiB: the largest public overlays take 2 s and give 5 MiB; helm begins at 0.9 GiB.
    fn default() -> Self {
        Self { time_ms: 30_000, output_bytes: 32 * 1024 * 1024, memory_bytes: 2 * 1024 * 1024 * 1024 }
    }
}

/// One folder to render, with all files that it may refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderRequest {
    /// Who turns the files into manifests.
    pub kind: RendererKind,
    /// The folder; for Helm, the one that holds `Chart.yaml`.
    pub entry: RepoPath,
    /// The repository's regular files, or all of them that the entry may refer to.
    pub files: FileSet,
    /// Limits.
    pub limits: RenderLimits,
    /// What the GitOps object adds: YAML of a kustomization fragment. Not for Helm.
    pub overlay: Option<String>,
    /// The namespace that the GitOps object sets over all objects; for Helm, what a release without a namespace gets.
    pub target_namespace: Option<Namespace>,
    /// The release, for Helm; without it the chart is rendered by itself.
    pub helm: Option<HelmArguments>,
}

impl RenderRequest {
    /// The rendering of a source, with default limits and, for a chart, with its own values only.
    pub fn of(source: &Source, files: FileSet) -> Self {
        Self {
            kind: source.renderer,
            entry: source.entry.clone(),
            files,
            limits: RenderLimits::default(),
            overlay: source.overlay.clone(),
            target_namespace: source.target_namespace.clone(),
            helm: None,
        }
    }

    /// Nothing is added on top of the files.
    pub(crate) fn is_bare(&self) -> bool {
        self.overlay.is_none() && self.target_namespace.is_none()
    }
}

/// What `helm template` is told beside the chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HelmArguments {
    /// Name of the release; empty is Helm's own `release-name`.
    pub name: String,
    /// Its namespace; none is the request's, or `default`.
    pub namespace: Option<Namespace>,
    /// YAML texts of values, the lowest layer first.
    pub values: Vec<String>,
    /// Single values on top of them.
    pub parameters: Vec<Parameter>,
    /// `.Capabilities.KubeVersion`: `1.34.2`; none is what Helm was built for.
    pub kube_version: Option<String>,
    /// More of `.Capabilities.APIVersions`: `monitoring.coreos.com/v1`.
    pub api_versions: Vec<String>,
}

/// The least confinement in which renderers may run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sandbox {
    /// Landlock and seccomp, or nothing is rendered.
    #[default]
    Full,
    /// What the kernel offers; every proof then says so. For kernels without landlock or seccomp.
    Reduced,
}

/// What the render process reads: which program it becomes, and in what confinement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Launch {
    /// The renderer; none only tries the confinement.
    pub(crate) program: Option<PathBuf>,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// The only folder that it can read.
    pub(crate) readable: PathBuf,
    /// The folder within it in which it starts.
    pub(crate) start: PathBuf,
    /// Limits.
    pub(crate) limits: RenderLimits,
    /// The least confinement.
    pub(crate) sandbox: Sandbox,
}

/// The first line that the render process writes. What follows [`Started::Confined`] is the renderer's own output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Started {
    /// It is confined and becomes the renderer now. The parts of the confinement that are missing, as sentences.
    Confined {
        /// Empty for all of it.
        missing: Vec<String>,
    },
    /// It refuses.
    Refused(Problem),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_processes_tell_each_other_survives_the_pipe() {
        let launch = Launch {
            program: Some("/opt/helm".into()),
            arguments: vec!["template".to_owned()],
            readable: "/tmp/x".into(),
            start: "/tmp/x/repository".into(),
            limits: RenderLimits::default(),
            sandbox: Sandbox::Reduced,
        };
        let json = serde_json::to_string(&launch).unwrap();
        assert_eq!(serde_json::from_str::<Launch>(&json).unwrap(), launch);
        let surprise = json.replacen('{', "{\"surprise\":1,", 1);
        assert!(serde_json::from_str::<Launch>(&surprise).is_err());
        let started = Started::Refused(Problem::new("E-REN-018", "t", "h"));
        let line = serde_json::to_string(&started).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Started>(&line).unwrap(), started);
    }
}
