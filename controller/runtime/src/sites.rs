//! Where every value comes from: fetch, mark, render, read back, for all entry points of a repository together.
//!
//! One trace per commit and set of entry points; it is kept until the tree changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kubeopt_gitops::entry::{is_kustomization, plain_resources, settle_renderer};
use kubeopt_gitops::render::{RenderLimits, RenderRequest, Renderer};
use kubeopt_gitops::{SkippedWhy, Snapshot};
use kubeopt_manifest::{
    Closure, KustomizationKind, Marked, closure, kustomization, mark, read_back, read_sites,
};
use kubeopt_model::edit::ProvenBy;
use kubeopt_model::source::RendererKind;
use kubeopt_model::{FileSet, Problem, RepoPath, Source};

use crate::trace::{EntryPoint, EntryTrace, fill_feeds, guard_places, trace_plain, trace_rendered};

/// Entry points that are rendered only because they share files with a live one. A monorepo may have hundreds; beyond
/// this many, what they share is not listed and a sentence says so.
const SHARING_ENTRIES_MAX: usize = 200;

/// All entry points of one branch of one repository.
#[derive(Debug, Clone)]
pub struct RepositoryTrace {
    /// The commit that was read.
    pub snapshot: Snapshot,
    /// Traces by entry point; an error is why it could not be traced.
    pub entries: BTreeMap<EntryPoint, Result<EntryTrace, Problem>>,
    /// What was left out, as sentences.
    pub notes: Vec<String>,
}

impl RepositoryTrace {
    /// The trace of a source.
    pub fn of(&self, source: &Source) -> Option<&Result<EntryTrace, Problem>> {
        self.entries.get(&entry_point(source, &self.snapshot))
    }
}

/// The entry point of a source, with the renderer that its tree asks for.
pub fn entry_point(source: &Source, snapshot: &Snapshot) -> EntryPoint {
    let settled = settle_renderer(source.clone(), snapshot.paths());
    EntryPoint {
        path: settled.entry,
        renderer: settled.renderer,
        target_namespace: settled.target_namespace,
        overlay: settled.overlay,
    }
}

/// Traces the entry points of `sources`, and those that share files with them.
pub async fn trace_repository(
    snapshot: Snapshot,
    sources: &[&Source],
    renderer: &Renderer,
) -> RepositoryTrace {
    let live: BTreeSet<EntryPoint> = sources.iter().map(|source| entry_point(source, &snapshot)).collect();
    let tree = match Tree::read(&snapshot) {
        Ok(tree) => tree,
        Err(problem) => {
            let entries = live.into_iter().map(|entry| (entry, Err(problem.clone()))).collect();
            return RepositoryTrace { snapshot, entries, notes: Vec::new() };
        }
    };
    let (work, notes) = plan(&tree, live);
    let marked = mark_all(&tree, &work);
    let mut entries = BTreeMap::new();
    for (entry, reads) in work {
        let traced = match (&entry.renderer, reads) {
            (_, Err(problem)) => Err(problem),
            (RendererKind::Plain, Ok(reads)) => Ok(plain(&tree, &entry, &reads)),
            (RendererKind::Kustomize, Ok(reads)) => rendered(&entry, &reads, &marked, renderer).await,
        };
        entries.insert(entry, traced);
    }
    let mut trace = RepositoryTrace { snapshot, entries, notes };
    finish(&mut trace);
    trace
}

/// The files of a commit. Those that are read over and over are held; the others are read when they are asked for.
struct Tree<'s> {
    snapshot: &'s Snapshot,
    held: FileSet,
    folders: BTreeSet<RepoPath>,
}

impl<'s> Tree<'s> {
    fn read(snapshot: &'s Snapshot) -> Result<Self, Problem> {
        let held = snapshot
            .files(|path| is_kustomization(path) || is_yaml(path))
            .map_err(|error| error.problem())?;
        let folders =
            held.keys().filter(|path| is_kustomization(path)).filter_map(RepoPath::parent).collect();
        Ok(Self { snapshot, held, folders })
    }

    fn bytes(&self, path: &RepoPath) -> Option<Vec<u8>> {
        self.held.get(path).cloned().or_else(|| self.snapshot.read(path).ok().flatten())
    }

    fn files(&self, reads: &BTreeSet<RepoPath>) -> FileSet {
        reads.iter().filter_map(|path| Some((path.clone(), self.bytes(path)?))).collect()
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

/// The files of each entry point, or why they are not known.
type Work = BTreeMap<EntryPoint, Result<BTreeSet<RepoPath>, Problem>>;

fn plan(tree: &Tree<'_>, live: BTreeSet<EntryPoint>) -> (Work, Vec<String>) {
    let mut work: Work = live.into_iter().map(|entry| (entry.clone(), reads_of(tree, &entry))).collect();
    let shared: BTreeSet<RepoPath> = work.values().flatten().flatten().cloned().collect();
    let mut notes = Vec::new();
    let known: BTreeSet<RepoPath> = work.keys().map(|entry| entry.path.clone()).collect();
    let mut sharing = 0;
    for path in tree.kustomizations().filter(|path| !known.contains(path)) {
        let entry =
            EntryPoint { path, renderer: RendererKind::Kustomize, target_namespace: None, overlay: None };
        let Ok(reads) = reads_of(tree, &entry) else { continue };
        if reads.is_disjoint(&shared) || is_only_a_part(&entry, &work) {
            continue;
        }
        sharing += 1;
        if sharing > SHARING_ENTRIES_MAX {
            notes.push(format!(
                "more than {SHARING_ENTRIES_MAX} entry points share these files; the rest was not looked at"
            ));
            break;
        }
        work.insert(entry, Ok(reads));
    }
    (work, notes)
}

/// A base that a live entry point includes is no entry point of its own.
fn is_only_a_part(entry: &EntryPoint, work: &Work) -> bool {
    let is_own = |file: &RepoPath| is_kustomization(file) && file.parent().as_ref() == Some(&entry.path);
    work.iter().any(|(other, reads)| {
        other.renderer == RendererKind::Kustomize
            && other.path != entry.path
            && reads.as_ref().is_ok_and(|reads| reads.iter().any(is_own))
    })
}

fn reads_of(tree: &Tree<'_>, entry: &EntryPoint) -> Result<BTreeSet<RepoPath>, Problem> {
    let mut read = |path: &RepoPath| tree.bytes(path);
    if tree.folders.contains(&entry.path) && entry.renderer == RendererKind::Kustomize {
        return closure(&mut read, &entry.path).and_then(refuse_what_is_not_rendered);
    }
    let mut files = BTreeSet::new();
    for path in plain_resources(tree.snapshot.paths(), &entry.path) {
        if tree.held.contains_key(&path) {
            files.insert(path);
        } else {
            files.extend(closure(&mut read, &path).and_then(refuse_what_is_not_rendered)?);
        }
    }
    Ok(files)
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

/// Marks every file that some kustomize entry point reads, once, so that a mark means the same scalar everywhere.
fn mark_all(tree: &Tree<'_>, work: &Work) -> Marked {
    let reads: BTreeSet<RepoPath> = work
        .iter()
        .filter(|(entry, _)| entry.renderer == RendererKind::Kustomize)
        .filter_map(|(_, reads)| reads.as_ref().ok())
        .flatten()
        .cloned()
        .collect();
    mark(&tree.files(&reads))
}

fn plain(tree: &Tree<'_>, entry: &EntryPoint, reads: &BTreeSet<RepoPath>) -> EntryTrace {
    let (mut fields, mut unread) = (Vec::new(), Vec::new());
    for (path, bytes) in tree.files(reads) {
        match read_sites(&path, &bytes) {
            Ok(sites) => fields.extend(trace_plain(entry, sites)),
            Err(problem) => unread.push(problem),
        }
    }
    unread.extend(too_large(tree.snapshot, &entry.path));
    let files = reads.iter().cloned().collect();
    EntryTrace { entry: entry.clone(), by: ProvenBy::Parsed, fields, unread, files }
}

/// Manifests of a plain folder that are so large that they were not even fetched.
fn too_large(snapshot: &Snapshot, folder: &RepoPath) -> Vec<Problem> {
    let skipped = snapshot.skipped().iter().filter(|skipped| skipped.why == SkippedWhy::TooLarge);
    skipped
        .filter_map(|skipped| RepoPath::new(&skipped.path).ok())
        .filter(|path| plain_resources([path], folder).contains(path))
        .map(|path| {
            let help = "split it into files of one workload each; kubeopt edits files of up to 1 MiB";
            Problem::new(crate::codes::FILE_TOO_LARGE, format!("the manifest {}", SkippedWhy::TooLarge), help)
                .at(path.as_str(), None)
        })
        .collect()
}

async fn rendered(
    entry: &EntryPoint,
    reads: &BTreeSet<RepoPath>,
    marked: &Marked,
    renderer: &Renderer,
) -> Result<EntryTrace, Problem> {
    let files =
        reads.iter().filter_map(|path| Some((path.clone(), marked.files.get(path)?.clone()))).collect();
    let answer = renderer.render(&render_request(entry, files)).await?;
    let read = read_back(&answer.output, marked)?;
    let (fields, unread) = trace_rendered(entry, read, marked);
    Ok(EntryTrace {
        entry: entry.clone(),
        by: answer.by,
        fields,
        unread,
        files: reads.iter().cloned().collect(),
    })
}

/// The request that renders an entry point from these files.
pub fn render_request(entry: &EntryPoint, files: FileSet) -> RenderRequest {
    RenderRequest {
        kind: entry.renderer,
        entry: entry.path.clone(),
        files,
        limits: RenderLimits::default(),
        overlay: entry.overlay.clone(),
        target_namespace: entry.target_namespace.clone(),
    }
}

fn finish(trace: &mut RepositoryTrace) {
    let all_paths: Vec<RepoPath> = trace.snapshot.paths().cloned().collect();
    let keys: Vec<EntryPoint> =
        trace.entries.iter().filter(|(_, traced)| traced.is_ok()).map(|(entry, _)| entry.clone()).collect();
    let mut traced: Vec<EntryTrace> = keys.iter().filter_map(|key| trace.entries.remove(key)?.ok()).collect();
    guard_places(&mut traced, &all_paths);
    fill_feeds(&mut traced);
    trace.entries.extend(traced.into_iter().map(|entry| (entry.entry.clone(), Ok(entry))));
}

/// Traces that were made before, by what they depend on.
#[derive(Debug, Default)]
pub struct TraceCache {
    kept: std::sync::Mutex<BTreeMap<String, Arc<RepositoryTrace>>>,
}

/// Traces that are kept. One per repository and branch that a controller follows; a hundred is a large installation.
const KEPT_MAX: usize = 100;

impl TraceCache {
    /// The key of a trace: tree and sources. Equal keys are equal traces.
    pub fn key(snapshot: &Snapshot, sources: &[&Source]) -> String {
        let mut entries: Vec<String> =
            sources.iter().map(|source| format!("{:?}", entry_point(source, snapshot))).collect();
        entries.sort();
        entries.dedup();
        format!("{} {} {} {}", snapshot.repository, snapshot.branch, snapshot.tree, entries.join(" "))
    }

    /// The trace of this key, if it was made before.
    pub fn get(&self, key: &str) -> Option<Arc<RepositoryTrace>> {
        self.lock().get(key).cloned()
    }

    /// Keeps a trace.
    pub fn put(&self, key: String, trace: Arc<RepositoryTrace>) {
        let mut kept = self.lock();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, trace);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<RepositoryTrace>>> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
