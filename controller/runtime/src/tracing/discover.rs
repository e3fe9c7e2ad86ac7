//! The entry points of a folder that nobody describes: what a person, or a GitOps object, would render in it.
//!
//! Kustomizations that no other one includes, charts, and folders with plain manifests. Pure.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_gitops::entry::is_kustomization;
use kubeopt_gitops::nesting::check_nesting;
use kubeopt_model::release::{Capabilities, ChartRef, Origin};
use kubeopt_model::source::{FilesBelow, RendererKind};
use kubeopt_model::{FileSet, Problem, Release, RepoPath};

use super::entry_point::EntryPoint;

/// Entry points with the files that they read, or why these are not known.
pub(crate) type Work = BTreeMap<EntryPoint, Result<BTreeSet<RepoPath>, Problem>>;

/// Folders of charts: those with a `Chart.yaml`, but for charts within charts.
pub(crate) fn charts<'a>(paths: impl Iterator<Item = &'a RepoPath>) -> BTreeSet<RepoPath> {
    let all: BTreeSet<RepoPath> =
        paths.filter(|path| path.file_name() == "Chart.yaml").filter_map(RepoPath::parent).collect();
    let is_inner = |folder: &&RepoPath| all.iter().any(|outer| outer != *folder && folder.is_within(outer));
    all.iter().filter(|folder| !is_inner(folder)).cloned().collect()
}

/// The chart of a folder, rendered by itself: with its own values, under its own name. None for a library.
pub(crate) fn chart_entry(folder: &RepoPath, held: &FileSet) -> Option<EntryPoint> {
    let text = held.get(&folder.join("Chart.yaml").ok()?)?;
    check_nesting(std::str::from_utf8(text).ok()?).ok()?;
    let chart: serde_yaml::Value = serde_yaml::from_slice(text).ok()?;
    if chart.get("type").and_then(serde_yaml::Value::as_str) == Some("library") {
        return None;
    }
    let name = chart.get("name")?.as_str()?.to_owned();
    let release = Release {
        object: None,
        name,
        namespace: None,
        chart: ChartRef::Folder { origin: Origin::Here, path: folder.clone() },
        values: Vec::new(),
        parameters: Vec::new(),
        hidden: Vec::new(),
        capabilities: Capabilities::default(),
        changed_after: None,
    };
    Some(EntryPoint {
        path: folder.clone(),
        renderer: RendererKind::Helm,
        target_namespace: None,
        overlay: None,
        release: Some(release),
        files: FilesBelow::All,
    })
}

/// Folders whose own files are manifests that no kustomization and no chart takes, each with these files.
pub(crate) fn plain_folders(held: &FileSet, taken: &BTreeSet<RepoPath>, charts: &BTreeSet<RepoPath>) -> Work {
    let mut folders: BTreeMap<RepoPath, BTreeSet<RepoPath>> = BTreeMap::new();
    for (path, bytes) in held {
        let is_free = !taken.contains(path)
            && !is_kustomization(path)
            && !charts.iter().any(|chart| path.is_within(chart));
        if is_free && is_manifest(bytes) {
            folders.entry(path.parent().unwrap_or_default()).or_default().insert(path.clone());
        }
    }
    folders.into_iter().map(|(path, files)| (plain_entry(path), Ok(files))).collect()
}

fn plain_entry(path: RepoPath) -> EntryPoint {
    EntryPoint {
        path,
        renderer: RendererKind::Plain,
        target_namespace: None,
        overlay: None,
        release: None,
        files: own_files(),
    }
}

/// The folder's own files, without those of folders below.
fn own_files() -> FilesBelow {
    FilesBelow::Directory { recurse: false, include: String::new(), exclude: String::new() }
}

/// An entry point that kustomize renders.
pub(crate) fn kustomize_entry(path: RepoPath) -> EntryPoint {
    EntryPoint {
        path,
        renderer: RendererKind::Kustomize,
        target_namespace: None,
        overlay: None,
        release: None,
        files: FilesBelow::All,
    }
}

/// Whether a file says that it holds objects. Only text is looked at: a file that is not YAML is told later.
fn is_manifest(bytes: &[u8]) -> bool {
    let has = |key: &[u8]| bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(key));
    let bytes_start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    (has(b"kind:") || bytes_start.starts_with(b"kind:"))
        && (has(b"apiVersion:") || bytes_start.starts_with(b"apiVersion:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).expect("a path")
    }

    #[test]
    fn charts_within_charts_are_parts() {
        let paths = ["a/Chart.yaml", "a/charts/b/Chart.yaml", "c/Chart.yaml", "d/values.yaml"].map(path);
        assert_eq!(charts(paths.iter()), BTreeSet::from([path("a"), path("c")]));
    }

    #[test]
    fn a_chart_is_rendered_under_its_own_name_and_a_library_is_not() {
        let held = FileSet::from([
            (path("a/Chart.yaml"), b"name: shop\n".to_vec()),
            (path("b/Chart.yaml"), b"name: lib\ntype: library\n".to_vec()),
        ]);
        assert_eq!(
            chart_entry(&path("a"), &held).and_then(|entry| entry.release).map(|release| release.name),
            Some("shop".to_owned())
        );
        assert_eq!(chart_entry(&path("b"), &held), None);
    }

    #[test]
    fn plain_folders_hold_what_nobody_else_takes() {
        let object = b"apiVersion: v1\nkind: Service\n".to_vec();
        let held = FileSet::from([
            (path("apps/a.yaml"), object.clone()),
            (path("apps/deep/b.yaml"), object.clone()),
            (path("apps/notes.yaml"), b"just: text\n".to_vec()),
            (path("chart/templates/c.yaml"), object.clone()),
            (path("base/d.yaml"), object),
        ]);
        let work =
            plain_folders(&held, &BTreeSet::from([path("base/d.yaml")]), &BTreeSet::from([path("chart")]));
        let seen: Vec<(&str, usize)> = work
            .iter()
            .map(|(entry, files)| (entry.path.as_str(), files.as_ref().map_or(0, BTreeSet::len)))
            .collect();
        assert_eq!(seen, [("apps", 1), ("apps/deep", 1)]);
    }
}
