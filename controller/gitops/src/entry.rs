//! Which files of a folder are manifests, and who turns them into what is applied: the rules of Flux's
//! kustomize-controller. Pure.
//!
//! With a kustomization file in the folder, kustomize builds it. Without one, Flux generates one in memory that lists
//! all YAML files below; a subfolder that has a kustomization file of its own is listed as a folder and not entered.

use std::collections::BTreeSet;

use kubeopt_model::RepoPath;
use kubeopt_model::source::{RendererKind, Source};

/// The names that kustomize recognises, in its order.
pub const KUSTOMIZATION_FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The renderer of an entry point without anything on top: plain only where no folder at or below it has a
/// kustomization file.
pub fn detect_renderer<'a>(paths: impl IntoIterator<Item = &'a RepoPath>, entry: &RepoPath) -> RendererKind {
    let kustomized = paths
        .into_iter()
        .any(|path| is_kustomization(path) && path.parent().is_some_and(|folder| folder.is_within(entry)));
    if kustomized { RendererKind::Kustomize } else { RendererKind::Plain }
}

/// The source with the renderer that its tree, and what the GitOps object adds on top, ask for. A source that the
/// operator configured keeps what was configured, unless something is added on top.
#[must_use]
pub fn settle_renderer<'a>(mut source: Source, paths: impl IntoIterator<Item = &'a RepoPath>) -> Source {
    let configured = source.known_from == kubeopt_model::source::KnownFrom::Configured;
    if source.overlay.is_some() || source.target_namespace.is_some() {
        source.renderer = RendererKind::Kustomize;
    } else if !configured {
        source.renderer = detect_renderer(paths, &source.entry);
    }
    source
}

/// Whether the file's name is one that kustomize recognises.
pub fn is_kustomization(path: &RepoPath) -> bool {
    KUSTOMIZATION_FILES.contains(&path.file_name())
}

/// What Flux's generated kustomization would list, in the order of paths: YAML files, and folders with a kustomization
/// file of their own. Empty where nothing below the entry is YAML.
pub fn plain_resources<'a>(paths: impl IntoIterator<Item = &'a RepoPath>, entry: &RepoPath) -> Vec<RepoPath> {
    let below: BTreeSet<&RepoPath> =
        paths.into_iter().filter(|path| path.is_within(entry) && *path != entry).collect();
    let folders: BTreeSet<RepoPath> = below
        .iter()
        .filter(|path| is_kustomization(path))
        .filter_map(|path| path.parent())
        .filter(|folder| folder != entry)
        .collect();
    let outermost = |path: &RepoPath| {
        let mut found = None;
        let mut at = path.parent();
        while let Some(folder) = at.filter(|folder| folder.is_within(entry) && folder != entry) {
            if folders.contains(&folder) {
                found = Some(folder.clone());
            }
            at = folder.parent();
        }
        found
    };
    let listed: BTreeSet<RepoPath> = below
        .iter()
        .filter_map(|path| match outermost(path) {
            Some(folder) => Some(folder),
            None => is_manifest(path, entry).then(|| (*path).clone()),
        })
        .collect();
    listed.into_iter().collect()
}

/// Files that Flux's source-controller leaves out of its artifacts by default, and kubeopt's own policy, which is no
/// manifest either.
const IGNORED_FILES: &[&str] = &[
    ".travis.yml",
    ".gitlab-ci.yml",
    "appveyor.yml",
    ".drone.yml",
    "cloudbuild.yaml",
    "codeship-services.yml",
    "codeship-steps.yml",
    ".goreleaser.yml",
    ".goreleaser.yaml",
    ".sops.yaml",
    ".flux.yaml",
    ".kubeopt.yaml",
];

/// Folders of the same list.
const IGNORED_FOLDERS: &[&str] = &[".github", ".circleci"];

fn is_manifest(path: &RepoPath, entry: &RepoPath) -> bool {
    let name = path.file_name();
    let yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    let folder = path.parent().unwrap_or_default();
    let below = folder.as_str().strip_prefix(entry.as_str()).unwrap_or_default();
    yaml && !is_kustomization(path)
        && !IGNORED_FILES.contains(&name)
        && !below.split('/').any(|part| IGNORED_FOLDERS.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(texts: &[&str]) -> Vec<RepoPath> {
        texts.iter().map(|text| RepoPath::new(text).unwrap()).collect()
    }

    fn listed(texts: &[&str], entry: &str) -> Vec<String> {
        let paths = paths(texts);
        let listed = plain_resources(&paths, &RepoPath::new(entry).unwrap());
        listed.into_iter().map(String::from).collect()
    }

    #[test]
    fn a_kustomization_file_at_or_below_the_entry_asks_for_kustomize() {
        for (texts, entry, want) in [
            (&["apps/kustomization.yaml"][..], "apps", RendererKind::Kustomize),
            (&["apps/kustomization.yml"], "apps", RendererKind::Kustomize),
            (&["Kustomization"], "", RendererKind::Kustomize),
            (&["apps/web/kustomization.yaml"], "apps", RendererKind::Kustomize),
            (&["apps/api.yaml", "other/kustomization.yaml"], "apps", RendererKind::Plain),
            (&["apps-2/kustomization.yaml"], "apps", RendererKind::Plain),
            (&["kustomization.yaml", "apps/api.yaml"], "apps", RendererKind::Plain),
        ] {
            let found = detect_renderer(&paths(texts), &RepoPath::new(entry).unwrap());
            assert_eq!(found, want, "{texts:?} {entry}");
        }
    }

    #[test]
    fn lists_what_flux_would_list() {
        let tree = [
            "apps/b.yml",
            "apps/a.yaml",
            "apps/README.md",
            "apps/.sops.yaml",
            "apps/.github/workflows/x.yaml",
            "apps/sub/c.yaml",
            "apps/web/kustomization.yaml",
            "apps/web/deploy.yaml",
            "apps/web/deep/kustomization.yaml",
            "apps/web/deep/x.yaml",
            "other/z.yaml",
        ];
        assert_eq!(listed(&tree, "apps"), ["apps/a.yaml", "apps/b.yml", "apps/sub/c.yaml", "apps/web"]);
        assert_eq!(listed(&["a.yaml", "x/b.yaml"], ""), ["a.yaml", "x/b.yaml"]);
        assert!(listed(&tree, "none").is_empty());
    }
}
