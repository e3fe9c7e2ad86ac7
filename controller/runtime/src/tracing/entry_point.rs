//! One way into a repository, and the one of a source.

use kubeopt_gitops::Snapshot;
use kubeopt_gitops::entry::settle_renderer;
use kubeopt_model::source::{FilesBelow, RendererKind};
use kubeopt_model::{Namespace, Release, RepoPath, Source};

/// One way into a repository: a folder, who renders it, and what a GitOps object adds on top.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryPoint {
    /// Folder.
    pub path: RepoPath,
    /// Who turns it into manifests.
    pub renderer: RendererKind,
    /// A namespace that is set over all objects.
    pub target_namespace: Option<Namespace>,
    /// A kustomization fragment that is added on top.
    pub overlay: Option<String>,
    /// The release that a chart is rendered as.
    pub release: Option<Release>,
    /// Which files of a plain folder are manifests.
    pub files: FilesBelow,
}

/// The entry point of a source, with the renderer that its tree asks for.
pub fn entry_point(source: &Source, snapshot: &Snapshot) -> EntryPoint {
    let settled = settle_renderer(source.clone(), snapshot.paths());
    EntryPoint {
        path: settled.entry,
        renderer: settled.renderer,
        target_namespace: settled.target_namespace,
        overlay: settled.overlay,
        release: settled.release,
        files: settled.files,
    }
}
