//! Which files of a folder are manifests, and who turns them into what is applied: the rules of Flux's
//! kustomize-controller and of Argo CD's repo-server. Pure.
//!
//! With a kustomization file in the folder, kustomize builds it. Without one, Flux generates one in memory that lists
//! all YAML files below; a subfolder that has a kustomization file of its own is listed as a folder and not entered.

use std::collections::BTreeSet;

use kubeopt_model::RepoPath;
use kubeopt_model::source::{FilesBelow, KnownFrom, RendererKind, Source};

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
/// operator configured or an annotation names keeps what was written, unless something is added on top; a chart is a
/// chart.
#[must_use]
pub fn settle_renderer<'a>(mut source: Source, paths: impl IntoIterator<Item = &'a RepoPath>) -> Source {
    let written = matches!(source.known_from, KnownFrom::Configured | KnownFrom::Annotated);
    if source.renderer == RendererKind::Helm {
        return source;
    }
    if source.overlay.is_some() || source.target_namespace.is_some() {
        source.renderer = RendererKind::Kustomize;
    } else if let FilesBelow::Directory { .. } = source.files {
        source.renderer = detect_argo(paths, &source);
    } else if !written {
        source.renderer = detect_renderer(paths, &source.entry);
    }
    if source.renderer != RendererKind::Helm {
        source.release = None;
    }
    source
}

/// What Argo CD makes of a folder that does not say what it is: a chart, a kustomization right in it, or manifests
/// (`github.com/argoproj/argo-cd/util/app/discovery/discovery.go`).
fn detect_argo<'a>(paths: impl IntoIterator<Item = &'a RepoPath>, source: &Source) -> RendererKind {
    let own = paths.into_iter().filter(|path| path.parent().as_ref() == Some(&source.entry));
    let (mut chart, mut kustomized) = (false, false);
    for path in own {
        chart |= path.file_name() == "Chart.yaml";
        kustomized |= is_kustomization(path);
    }
    match (chart && source.release.is_some(), kustomized) {
        (true, _) => RendererKind::Helm,
        (false, true) => RendererKind::Kustomize,
        (false, false) => RendererKind::Plain,
    }
}

/// The files of a folder that are manifests, in the order of paths; for folders that Flux takes also folders with a
/// kustomization of their own, see [`plain_resources`].
pub fn manifests<'a>(
    paths: impl IntoIterator<Item = &'a RepoPath>,
    entry: &RepoPath,
    files: &FilesBelow,
) -> Vec<RepoPath> {
    let FilesBelow::Directory { recurse, include, exclude } = files else {
        return plain_resources(paths, entry);
    };
    let (include, exclude) = (Pattern::read(include), Pattern::read(exclude));
    let below = paths.into_iter().filter(|path| path.is_within(entry) && *path != entry);
    let listed: BTreeSet<RepoPath> = below
        .filter(|path| {
            let relative = path.as_str()[entry.as_str().len()..].trim_start_matches('/');
            let manifest = [".yaml", ".yml", ".json"].iter().any(|end| relative.ends_with(end));
            manifest
                && (*recurse || !relative.contains('/'))
                && include.matches(relative, true)
                && !exclude.matches(relative, false)
        })
        .cloned()
        .collect();
    listed.into_iter().collect()
}

/// A glob of a directory source: `*` crosses folders, `{a,b}` is either.
enum Pattern {
    None,
    Glob(globset::GlobMatcher),
    /// It cannot be read: Argo CD refuses the whole source then, so nothing is a manifest.
    Broken,
}

impl Pattern {
    fn read(text: &str) -> Self {
        if text.is_empty() {
            return Self::None;
        }
        let glob = globset::GlobBuilder::new(text).literal_separator(false).build();
        glob.map_or(Self::Broken, |glob| Self::Glob(glob.compile_matcher()))
    }

    fn matches(&self, path: &str, where_none: bool) -> bool {
        match self {
            Self::None => where_none,
            Self::Glob(glob) => glob.is_match(path),
            Self::Broken => !where_none,
        }
    }
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
    use kubeopt_model::release::{Capabilities, ChartRef};
    use kubeopt_model::{ClusterName, ForgeName, Release, RepositoryId};

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
    fn lists_what_a_directory_source_would_list() {
        let tree = [
            "apps/a.yaml",
            "apps/b.json",
            "apps/c.txt",
            "apps/sub/d.yml",
            "apps/sub/config.yaml",
            "apps-2/x.yaml",
        ];
        let list = |recurse, include: &str, exclude: &str| -> Vec<String> {
            let files =
                FilesBelow::Directory { recurse, include: include.to_owned(), exclude: exclude.to_owned() };
            let listed = manifests(&paths(&tree), &RepoPath::new("apps").unwrap(), &files);
            listed.into_iter().map(String::from).collect()
        };
        let all = ["apps/a.yaml", "apps/b.json", "apps/sub/config.yaml", "apps/sub/d.yml"];
        assert_eq!(list(true, "", ""), all);
        assert_eq!(list(false, "", ""), all[..2]);
        assert_eq!(list(true, "*.yaml", ""), ["apps/a.yaml", "apps/sub/config.yaml"]);
        assert_eq!(list(true, "", "{config.yaml,sub/config.yaml,*.json}"), ["apps/a.yaml", "apps/sub/d.yml"]);
        assert!(list(true, "[", "").is_empty() && list(true, "", "[").is_empty());
    }

    fn settled(source: &Source, tree: &[&str]) -> (RendererKind, bool) {
        let settled = settle_renderer(source.clone(), &paths(tree));
        (settled.renderer, settled.release.is_some())
    }

    #[test]
    fn a_folder_that_does_not_say_what_it_is_is_read_as_argo_cd_does() {
        let chart = ChartRef::Unknown(String::new());
        let release = Release {
            object: None,
            name: "web".to_owned(),
            namespace: None,
            chart,
            values: Vec::new(),
            parameters: Vec::new(),
            hidden: Vec::new(),
            capabilities: Capabilities::default(),
            changed_after: None,
        };
        let mut source = Source {
            cluster: ClusterName::new("prod").unwrap(),
            repository: RepositoryId {
                forge: ForgeName::new("gitea").unwrap(),
                owner: "acme".to_owned(),
                name: "gitops".to_owned(),
            },
            branch: None,
            entry: RepoPath::new("apps").unwrap(),
            renderer: RendererKind::Plain,
            target_namespace: None,
            overlay: None,
            release: Some(release),
            files: FilesBelow::Directory { recurse: false, include: String::new(), exclude: String::new() },
            known_from: KnownFrom::Annotated,
        };
        for (tree, want) in [
            (&["apps/Chart.yaml", "apps/kustomization.yaml"][..], (RendererKind::Helm, true)),
            (&["apps/kustomization.yaml"], (RendererKind::Kustomize, false)),
            (&["apps/web/kustomization.yaml", "apps/sub/Chart.yaml"], (RendererKind::Plain, false)),
        ] {
            assert_eq!(settled(&source, tree), want, "{tree:?}");
        }
        // What an annotation says is not doubted, nor is a chart.
        source.files = FilesBelow::All;
        assert_eq!(settled(&source, &["apps/kustomization.yaml"]).0, RendererKind::Plain);
        source.renderer = RendererKind::Helm;
        assert_eq!(settled(&source, &["apps/kustomization.yaml"]), (RendererKind::Helm, true));
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
