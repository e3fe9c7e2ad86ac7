//! What goes over the pipes between kubeopt and its render process, as JSON. Files are base64: they are bytes.

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
    /// Address space of the renderer, bytes. Go reserves close to 1 GiB of it before it does anything.
    pub memory_bytes: u64,
}

impl Default for RenderLimits {
    /// 30 s, 32 MiB, 2 GiB: the largest public overlays take 2 s and give 5 MiB.
    fn default() -> Self {
        Self { time_ms: 30_000, output_bytes: 32 * 1024 * 1024, memory_bytes: 2 * 1024 * 1024 * 1024 }
    }
}

/// One folder to render, with all files that it may refer to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RenderRequest {
    /// Who turns the files into manifests.
    pub kind: RendererKind,
    /// The folder.
    pub entry: RepoPath,
    /// The repository's regular files, or all of them that the entry may refer to.
    #[serde(with = "as_base64")]
    pub files: FileSet,
    /// Limits.
    pub limits: RenderLimits,
    /// What the GitOps object adds: YAML of a kustomization fragment.
    pub overlay: Option<String>,
    /// The namespace that the GitOps object sets over all objects.
    pub target_namespace: Option<Namespace>,
}

impl RenderRequest {
    /// The rendering of a source, with default limits.
    pub fn of(source: &Source, files: FileSet) -> Self {
        Self {
            kind: source.renderer,
            entry: source.entry.clone(),
            files,
            limits: RenderLimits::default(),
            overlay: source.overlay.clone(),
            target_namespace: source.target_namespace.clone(),
        }
    }

    /// Nothing is added on top of the files.
    pub(crate) fn is_bare(&self) -> bool {
        self.overlay.is_none() && self.target_namespace.is_none()
    }
}

/// What the render process answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RenderAnswer {
    /// It worked.
    #[serde(rename_all = "camelCase")]
    Ok {
        /// The manifests, YAML documents.
        output: String,
        /// Program and version: `kustomize v5.8.2`.
        renderer: String,
    },
    /// It did not.
    Err(Problem),
}

mod as_base64 {
    use std::collections::BTreeMap;

    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use kubeopt_model::{FileSet, RepoPath};
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(files: &FileSet, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(files.iter().map(|(path, bytes)| (path, BASE64_STANDARD.encode(bytes))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FileSet, D::Error> {
        let texts = BTreeMap::<RepoPath, String>::deserialize(deserializer)?;
        texts
            .into_iter()
            .map(|(path, text)| Ok((path, BASE64_STANDARD.decode(text).map_err(D::Error::custom)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives_the_pipe_and_no_path_leaves_the_repository() {
        let request = RenderRequest {
            kind: RendererKind::Kustomize,
            entry: RepoPath::new("apps/prod").unwrap(),
            files: FileSet::from([(RepoPath::new("apps/x.yaml").unwrap(), vec![0, 255, b'\n'])]),
            limits: RenderLimits::default(),
            overlay: Some("patches: []".to_owned()),
            target_namespace: Some(Namespace::new("payments").unwrap()),
        };
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<RenderRequest>(&json).unwrap(), request);
        let hostile = json.replace("apps/x.yaml", "../../etc/cron.d/x");
        assert!(serde_json::from_str::<RenderRequest>(&hostile).is_err());
    }
}
