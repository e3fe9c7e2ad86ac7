//! The files of one commit, those that are read over and over held in memory, and which entry points there are.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_gitops::Snapshot;
use kubeopt_gitops::entry::{is_kustomization, manifests};
use kubeopt_manifest::{Closure, FileRole, KustomizationKind, closure, known_files, kustomization};
use kubeopt_model::source::RendererKind;
use kubeopt_model::{FileSet, Problem, RepoPath};

use super::discover::{Work, chart_entry, charts, kustomize_entry, plain_folders};
use super::entry_point::EntryPoint;

/// Entry points that are rendered only because they share files with a live one. A monorepo may have hundreds; beyond
/// this many, what they share is not listed and a sentence says so.
const SHARING_ENTRIES_MAX: usize = 200;

/// The files of a commit.
pub(crate) struct Tree<'s> {
    pub(crate) snapshot: &'s Snapshot,
    /// Every YAML file, and the templates of charts.
    pub(crate) held: FileSet,
    /// Folders with a kustomization.
    folders: BTreeSet<RepoPath>,
    /// Folders of charts.
    charts: BTreeSet<RepoPath>,
}

impl<'s> Tree<'s> {
    pub(crate) fn read(snapshot: &'s Snapshot) -> Result<Self, Problem> {
        let charts = charts(snapshot.paths());
        let held = snapshot
            .files(|path| is_kustomization(path) || is_yaml(path) || is_template(path, &charts))
            .map_err(|error| error.problem())?;
        let folders =
            held.keys().filter(|path| is_kustomization(path)).filter_map(RepoPath::parent).collect();
        Ok(Self { snapshot, held, folders, charts })
    }

    pub(crate) fn bytes(&self, path: &RepoPath) -> Option<Vec<u8>> {
        self.held.get(path).cloned().or_else(|| self.snapshot.read(path).ok().flatten())
    }

    /// What a file is to whoever marks it.
    pub(crate) fn role(&self, path: &RepoPath) -> FileRole {
        if is_template(path, &self.charts) {
            return FileRole::Template;
        }
        match self.held.get(path) {
            Some(bytes) if !is_kustomization(path) && is_values(bytes) => FileRole::Values,
            Some(_) | None => FileRole::Manifest,
        }
    }

    /// The files that an entry point reads, but for those of releases that it renders to.
    pub(crate) fn reads(&self, entry: &EntryPoint) -> Result<BTreeSet<RepoPath>, Problem> {
        let mut read = |path: &RepoPath| self.bytes(path);
        if entry.renderer == RendererKind::Helm {
            return Ok(self.snapshot.paths_within(&entry.path).cloned().collect());
        }
        if self.folders.contains(&entry.path) && entry.renderer == RendererKind::Kustomize {
            return closure(&mut read, &entry.path).and_then(refuse_what_is_not_rendered);
        }
        let mut files = BTreeSet::new();
        for path in manifests(self.snapshot.paths(), &entry.path, &entry.files) {
            if self.snapshot.has_file(&path) {
                files.insert(path);
            } else {
                files.extend(closure(&mut read, &path).and_then(refuse_what_is_not_rendered)?);
            }
        }
        Ok(files)
    }

    /// The live entry points and, with them, those that share files with one of them, also where they cannot be followed to the
    /// end: what an edit does to these nobody can show.
    pub(crate) fn around(&self, live: BTreeSet<EntryPoint>) -> (Work, Vec<String>) {
        let mut work: Work = live.into_iter().map(|entry| (entry.clone(), self.reads(&entry))).collect();
        let shared: BTreeSet<RepoPath> = work.values().flatten().flatten().cloned().collect();
        let known: BTreeSet<RepoPath> = work.keys().map(|entry| entry.path.clone()).collect();
        let mut includes = Includes::of(&work);
        let (mut sharing, mut notes) = (0, Vec::new());
        for path in self.kustomizations().filter(|path| !known.contains(path)) {
            let entry = kustomize_entry(path);
            let reads = self.reads(&entry);
            let known = match &reads {
                Ok(reads) => reads.clone(),
                Err(_) => known_files(&mut |path| self.bytes(path), &entry.path),
            };
            if known.is_disjoint(&shared) || includes.is_only_a_part(&entry.path) {
                continue;
            }
            sharing += 1;
            if sharing > SHARING_ENTRIES_MAX {
                notes.push(format!(
                    "more than {SHARING_ENTRIES_MAX} entry points share these files; the rest was not looked at"
                ));
                break;
            }
            includes.add(&entry, &known);
            work.insert(entry, reads);
        }
        (work, notes)
    }

    /// Every entry point of the tree, as nobody describes them: see [`super::discover`].
    pub(crate) fn everything(&self) -> Work {
        let all: Work = self
            .kustomizations()
            .map(kustomize_entry)
            .map(|entry| (entry.clone(), self.reads(&entry)))
            .collect();
        let mut taken: BTreeSet<RepoPath> = all.values().flatten().flatten().cloned().collect();
        let includes = Includes::of(&all);
        let mut work = all;
        work.retain(|entry, _| !includes.is_only_a_part(&entry.path));
        taken.extend(self.held.keys().filter(|path| is_kustomization(path)).cloned());
        let mut plain = plain_folders(&self.held, &taken, &self.charts);
        // A folder with a kustomization, or a component, is not applied file by file.
        plain.retain(|entry, _| !self.folders.contains(&entry.path));
        work.extend(plain);
        for entry in self.charts.iter().filter_map(|folder| chart_entry(folder, &self.held)) {
            let reads = self.reads(&entry);
            work.insert(entry, reads);
        }
        work
    }

    /// Folders with a kustomization that is an entry point, not a component.
    fn kustomizations(&self) -> impl Iterator<Item = RepoPath> + '_ {
        self.held.iter().filter(|(path, _)| is_kustomization(path)).filter_map(|(path, bytes)| {
            let read = kustomization(path, bytes).ok()?;
            (read.kind == KustomizationKind::Kustomization).then(|| path.parent().unwrap_or_default())
        })
    }
}

fn is_yaml(path: &RepoPath) -> bool {
    path.file_name().ends_with(".yaml") || path.file_name().ends_with(".yml")
}

/// A file that a chart renders: below `templates/` of the chart or of a chart within it.
fn is_template(path: &RepoPath, charts: &BTreeSet<RepoPath>) -> bool {
    let renders = is_yaml(path) || path.file_name().ends_with(".tpl");
    let mut folder = path.parent().filter(|_| renders && !charts.is_empty());
    let mut is_below = false;
    while let Some(at) = folder {
        if is_below && charts.contains(&at) {
            return true;
        }
        is_below |= at.file_name() == "templates";
        folder = at.parent();
    }
    false
}

/// A mapping that says no kind: values of a chart, or something that is none of ours.
fn is_values(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let has_kind = bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"kind:"));
    let first = lines.find(|line| !line.is_empty() && !line.starts_with(b"#") && !line.starts_with(b"---"));
    !has_kind && !first.is_some_and(|line| line.starts_with(b"-"))
}

/// Which kustomizations take in which folders.
#[derive(Default)]
struct Includes {
    /// The folders of those that read a folder's own kustomization or chart.
    by_folder: BTreeMap<RepoPath, BTreeSet<RepoPath>>,
}

impl Includes {
    fn of(work: &Work) -> Self {
        let mut includes = Self::default();
        for (entry, reads) in work.iter().filter_map(|(entry, reads)| Some((entry, reads.as_ref().ok()?))) {
            includes.add(entry, reads);
        }
        includes
    }

    fn add(&mut self, entry: &EntryPoint, reads: &BTreeSet<RepoPath>) {
        if entry.renderer != RendererKind::Kustomize {
            return;
        }
        for folder in reads.iter().filter(|file| is_own_file(file)).filter_map(RepoPath::parent) {
            if folder != entry.path {
                self.by_folder.entry(folder).or_default().insert(entry.path.clone());
            }
        }
    }

    /// A base that another entry point includes is no entry point of its own. Two that include each other are both:
    /// whoever renders them tells of the circle.
    fn is_only_a_part(&self, folder: &RepoPath) -> bool {
        let includes =
            |outer: &RepoPath, inner| self.by_folder.get(inner).is_some_and(|outers| outers.contains(outer));
        self.by_folder.get(folder).is_some_and(|outers| outers.iter().any(|outer| !includes(folder, outer)))
    }
}

/// What makes its folder more than a place for files.
fn is_own_file(file: &RepoPath) -> bool {
    is_kustomization(file) || file.file_name() == "Chart.yaml"
}

fn refuse_what_is_not_rendered(closure: Closure) -> Result<BTreeSet<RepoPath>, Problem> {
    let refuse = |what: &str, name: &str, help: &str| {
        Err(Problem::new(
            crate::codes::NOT_RENDERED_HERE,
            format!("the overlay uses {what} `{name}`, which kubeopt does not run"),
            help,
        ))
    };
    if let Some(remote) = closure.remote.first() {
        return refuse(
            "the remote base",
            remote,
            "copy the base into the repository, or patch its values in a file of this repository",
        );
    }
    if let Some(plugin) = closure.plugins.first() {
        return refuse(
            "the plugin",
            plugin,
            "keep resources out of what the plugin makes, in a base of its own",
        );
    }
    if let Some(helm) = closure.helm.first() {
        return refuse(
            "Helm through",
            &helm.to_string(),
            "deploy the chart with a HelmRelease or an Application of its own",
        );
    }
    Ok(closure.files)
}
