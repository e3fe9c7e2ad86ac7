//! Where every value comes from: fetch, mark, render, read back, for all entry points of a repository together.
//!
//! One trace per commit and set of entry points; it is kept until the tree changes.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use kubeopt_gitops::entry::plain_resources;
use kubeopt_gitops::{SkippedWhy, Snapshot};
use kubeopt_manifest::{FileRole, known_files, read_sites};
use kubeopt_model::source::RendererKind;
use kubeopt_model::{EditSite, FileSet, Problem, RepoPath, Source, TracedField};

use super::computed::{chooses, may_be_computed, tell_computed};
use super::discover::Work;
use super::entry_point::{EntryPoint, entry_point};
use super::kept_traces::unchanged;
use super::marking::Marks;
use super::overridden::Overridden;
use super::rendering::{Tools, at_once, render_entry};
use super::repository_trace::RepositoryTrace;
use super::rounds::{MarkedRendering, render_marked};
use super::trace::{EntryTrace, fill_feeds, guard_places, trace_plain, trace_rendered};
use super::tree::Tree;
use super::unrendered::{Unrendered, settled, without_created};
use super::view::View;

/// Traces the entry points of `sources`, and those that share files with them. Of an `earlier` trace of the same branch
/// those are taken over of which no file has changed.
pub async fn trace_repository(
    snapshot: Snapshot,
    sources: &[&Source],
    earlier: Option<&RepositoryTrace>,
    tools: Tools<'_>,
) -> RepositoryTrace {
    let live: BTreeSet<EntryPoint> = sources.iter().map(|source| entry_point(source, &snapshot)).collect();
    let overridden = Overridden::of(sources, &snapshot, tools);
    match Tree::read(&snapshot) {
        Ok(tree) => {
            let (mut work, notes) = tree.around(overridden.rendered(&live));
            let mut entries =
                earlier.map(|earlier| unchanged(&mut work, &snapshot, earlier)).unwrap_or_default();
            if !work.is_empty() {
                // Once for all, so that a mark means the same scalar everywhere.
                let marks = Marks::of(&tree.held, &|path| tree.role(path));
                let stands_for = overridden.mark(&mut work, &marks.values);
                let mut traced = trace_work(&tree, &marks, work, tools).await;
                Overridden::unmark(&mut traced, stands_for);
                entries.extend(traced);
            }
            let mut entries = finished(entries, &tree);
            overridden.name(&mut entries, &live);
            RepositoryTrace { snapshot: snapshot.clone(), entries, notes }
        }
        Err(problem) => {
            let entries = live.into_iter().map(|entry| (entry, Err(problem.clone()))).collect();
            RepositoryTrace { snapshot, entries, notes: Vec::new() }
        }
    }
}

/// Traces every entry point that the tree itself shows within a folder, and those that share files with one of them.
///
/// # Errors
/// When the files cannot be read.
pub async fn trace_everything(
    snapshot: Snapshot,
    folder: &RepoPath,
    tools: Tools<'_>,
) -> Result<RepositoryTrace, Problem> {
    Ok(TreeIndex::read(&snapshot)?.trace(folder, tools).await)
}

/// The files of a commit, marked, with all entry points that the tree itself shows: what tracing needs of all files,
/// whatever part is asked for.
pub struct TreeIndex<'s> {
    tree: Tree<'s>,
    marks: Marks,
    entries: Work,
}

impl<'s> TreeIndex<'s> {
    /// Reads and marks everything.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn read(snapshot: &'s Snapshot) -> Result<Self, Problem> {
        let tree = Tree::read(snapshot)?;
        let marks = Marks::of(&tree.held, &|path| tree.role(path));
        let entries = tree.everything();
        Ok(Self { tree, marks, entries })
    }

    /// Traces every entry point within a folder, and those that share files with one of them.
    pub async fn trace(&self, folder: &RepoPath, tools: Tools<'_>) -> RepositoryTrace {
        let within = self.entries.iter().filter(|(entry, _)| entry.path.is_within(folder));
        let shared: BTreeSet<&RepoPath> = within.flat_map(|(_, reads)| reads.iter().flatten()).collect();
        let is_asked = |entry: &EntryPoint, reads: &Result<BTreeSet<RepoPath>, Problem>| {
            let shares = |reads: &BTreeSet<RepoPath>| reads.iter().any(|path| shared.contains(path));
            entry.path.is_within(folder) || reads.as_ref().is_ok_and(shares)
        };
        let asked = self.entries.iter().filter(|(entry, reads)| is_asked(entry, reads));
        let work: Work = asked.map(|(entry, reads)| (entry.clone(), reads.clone())).collect();
        let entries = finished(trace_work(&self.tree, &self.marks, work, tools).await, &self.tree);
        RepositoryTrace { snapshot: self.tree.snapshot.clone(), entries, notes: Vec::new() }
    }
}

/// The entry points of the tree that read one of these files and cannot be rendered, each with the reason: what becomes of
/// them when a file changes is not known.
///
/// # Errors
/// When the files cannot be read.
pub(crate) fn unknown_readers(
    trace: &RepositoryTrace,
    files: &FileSet,
) -> Result<Vec<(RepoPath, Problem)>, Problem> {
    let tree = Tree::read(&trace.snapshot)?;
    let failed = tree.everything().into_iter().filter_map(|(entry, reads)| match reads {
        Err(problem) => {
            let known = known_files(&mut |path| tree.bytes(path), &entry.path);
            Some((entry, known, problem))
        }
        Ok(reads) => {
            let problem = trace.entries.get(&entry)?.as_ref().err()?.clone();
            Some((entry, reads, problem))
        }
    });
    let concerned = failed.filter(|(_, reads, _)| files.keys().any(|path| reads.contains(path)));
    Ok(concerned.map(|(entry, _, problem)| (entry.path, problem)).collect())
}

/// The same of those that the trace has.
pub(crate) fn unrendered_readers(trace: &RepositoryTrace, files: &FileSet) -> Vec<(RepoPath, Problem)> {
    let snapshot = &trace.snapshot;
    let reads = |entry: &EntryPoint| match entry.renderer {
        RendererKind::Kustomize => {
            let known = known_files(&mut |path| snapshot.read(path).ok().flatten(), &entry.path);
            files.keys().any(|file| known.contains(file))
        }
        RendererKind::Helm | RendererKind::Plain => files.keys().any(|file| file.is_within(&entry.path)),
    };
    let unrendered = trace.entries.iter().filter_map(|(entry, traced)| Some((entry, traced.as_ref().err()?)));
    let concerned = unrendered.filter(|(entry, _)| reads(entry));
    concerned.map(|(entry, problem)| (entry.path.clone(), problem.clone())).collect()
}

type Entries = BTreeMap<EntryPoint, Result<EntryTrace, Problem>>;

async fn trace_work(tree: &Tree<'_>, marks: &Marks, work: Work, tools: Tools<'_>) -> Entries {
    let traces = work.into_iter().map(|(entry, reads)| async move {
        let traced = match reads {
            Ok(reads) => trace_entry(tree, marks, &entry, &reads, tools).await,
            Err(problem) => Err(problem),
        };
        (entry, traced)
    });
    // Renderers are processes of their own: as many at once as there are processors.
    futures::stream::iter(traces).buffer_unordered(at_once()).collect().await
}

async fn trace_entry(
    tree: &Tree<'_>,
    marks: &Marks,
    entry: &EntryPoint,
    reads: &BTreeSet<RepoPath>,
    tools: Tools<'_>,
) -> Result<EntryTrace, Problem> {
    let is_plain = entry.renderer == RendererKind::Plain;
    let (mut fields, mut unread) =
        if is_plain { plain(tree, entry, reads) } else { (Vec::new(), Vec::new()) };
    let marked = match render_marked(tree, marks, entry, reads, tools).await {
        // A folder of which nothing can be read says why, file by file.
        Err(_) if !unread.is_empty() => MarkedRendering::default(),
        marked => marked?,
    };
    let known = marked.known(marks);
    let chooses = |path: &RepoPath| {
        tree.role(path) == FileRole::Template && tree.held.get(path).is_some_and(|bytes| chooses(bytes))
    };
    let mut in_doubt = false;
    for (part, read) in marked.values.parts() {
        let (mut traced, problems) = trace_rendered(entry, part, read.clone()?, &known);
        if let Some(unrendered) = &part.unrendered {
            fields.extend(as_written(traced, unrendered, marks, reads));
            unread.extend(problems);
            continue;
        }
        if let Some((other, read)) = marked.created.as_ref().and_then(|created| created.part_like(part)) {
            let (created, _) = trace_rendered(entry, other, read.clone()?, &known);
            traced = with_open_fields(traced, created);
        }
        if is_plain && part.release.is_none() {
            // What stands in a plain manifest was found by parsing, where anchors and the like are seen.
            traced.retain(|field| field.site.as_ref().is_ok_and(EditSite::is_absent));
            traced.retain(|field| !fields.iter().any(|other| is_same_field(field, other)));
        } else {
            unread.extend(problems);
        }
        in_doubt |= part.release.is_some() && may_be_computed(&traced, &chooses);
        fields.extend(traced);
    }
    if in_doubt
        && let Ok(as_is) = render_entry(entry, reads, &View::new(tree.snapshot, &[&tree.held]), tools).await
    {
        tell_computed(&mut fields, &as_is);
    }
    let rendering = marked.values.rendering;
    let by = rendering.by();
    // What was read by itself has told why it cannot be.
    let told: BTreeSet<String> = unread.iter().filter_map(file_of).collect();
    unread.extend(
        rendering
            .problems
            .into_iter()
            .filter(|problem| !file_of(problem).is_some_and(|file| told.contains(&file))),
    );
    Ok(EntryTrace {
        entry: entry.clone(),
        by,
        fields,
        unread,
        own_files: reads.clone(),
        files: rendering.files.union(reads).cloned().collect(),
        from_outside: rendering.from_outside,
        asks_cluster: rendering.asks_cluster,
    })
}

/// The fields of a part that was not rendered.
fn as_written(
    traced: Vec<TracedField>,
    unrendered: &Unrendered,
    marks: &Marks,
    reads: &BTreeSet<RepoPath>,
) -> Vec<TracedField> {
    match unrendered {
        Unrendered::Values(_) => without_created(traced).collect(),
        Unrendered::Manifests(written) => {
            let aside = reads.difference(&written.manifests);
            settled(traced, written, &marks.first_of_each_field(aside))
        }
    }
}

fn file_of(problem: &Problem) -> Option<String> {
    problem.place.as_ref().map(|place| place.file.clone())
}

/// The fields of a rendering, and those that only a created key would set. A key that is created covers what a lower
/// layer says, and may only be created where no line says anything: there it brings the value that it would replace, a
/// default of the chart, along.
fn with_open_fields(set: Vec<TracedField>, created: Vec<TracedField>) -> Vec<TracedField> {
    let mut set: Vec<Option<TracedField>> = set.into_iter().map(Some).collect();
    let mut fields = Vec::new();
    for field in created {
        let below = set.iter_mut().find(|other| other.as_ref().is_some_and(|set| is_same_field(set, &field)));
        let below = below.and_then(Option::take);
        let is_open = field.site.as_ref().is_ok_and(EditSite::is_absent);
        fields.push(match below {
            Some(below) if is_open && is_in_no_line(&below) => TracedField { value: below.value, ..field },
            Some(below) => below,
            None => field,
        });
    }
    fields.extend(set.into_iter().flatten());
    fields
}

fn is_in_no_line(field: &TracedField) -> bool {
    field.site.as_ref().is_err_and(|why| why.code == crate::codes::NOT_IN_GIT)
}

fn is_same_field(a: &TracedField, b: &TracedField) -> bool {
    (&a.workload, &a.container, a.field) == (&b.workload, &b.container, b.field)
}

fn plain(
    tree: &Tree<'_>,
    entry: &EntryPoint,
    reads: &BTreeSet<RepoPath>,
) -> (Vec<TracedField>, Vec<Problem>) {
    let (mut fields, mut unread) = (Vec::new(), Vec::new());
    let files: FileSet = reads.iter().filter_map(|path| Some((path.clone(), tree.bytes(path)?))).collect();
    for (path, bytes) in files {
        match read_sites(&path, &bytes) {
            Ok(sites) => fields.extend(trace_plain(entry, sites)),
            Err(problem) => unread.push(problem),
        }
    }
    unread.extend(too_large(tree.snapshot, &entry.path));
    (fields, unread)
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

/// The entries with what only all of them together tell.
fn finished(mut entries: Entries, tree: &Tree<'_>) -> Entries {
    let (keys, mut traced): (Vec<EntryPoint>, Vec<EntryTrace>) =
        entries.iter().filter_map(|(key, entry)| Some((key.clone(), entry.as_ref().ok()?.clone()))).unzip();
    guard_places(&mut traced, &|path| tree.snapshot.has_file(path), &|path| tree.role(path));
    fill_feeds(&mut traced);
    entries.extend(keys.into_iter().zip(traced.into_iter().map(Ok)));
    entries
}
