//! Where every value comes from: fetch, mark, render, read back, for all entry points of a repository together.
//!
//! One trace per commit and set of entry points; it is kept until the tree changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt as _;
use kubeopt_gitops::argo::with_overrides;
use kubeopt_gitops::entry::{plain_resources, settle_renderer};
use kubeopt_gitops::{SkippedWhy, Snapshot};
use kubeopt_manifest::{Marked, Origin, Slot, mark, offered, read_back, read_sites, slots, slots_at};
use kubeopt_model::quantity::Bound;
use kubeopt_model::source::RendererKind;
use kubeopt_model::{ClusterFacts, EditSite, FileSet, Problem, Release, RepoPath, Source, TracedField};

use crate::at_hand::described_releases;
use crate::discover::Work;
use crate::layers::{is_set, layers};
use crate::marking::{fill_slots, joined};
use crate::rendering::{Rendering, Tools, render_entry, render_request};
use crate::trace::{EntryPoint, EntryTrace, fill_feeds, guard_places, trace_plain, trace_rendered};
use crate::tree::Tree;
use crate::view::View;

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
        release: settled.release,
        files: settled.files,
    }
}

/// Traces the entry points of `sources`, and those that share files with them.
pub async fn trace_repository(snapshot: Snapshot, sources: &[&Source], tools: Tools<'_>) -> RepositoryTrace {
    let live: BTreeSet<EntryPoint> = sources.iter().map(|source| entry_point(source, &snapshot)).collect();
    let overridden = overridden(sources, &snapshot, tools);
    let rendered = live.iter().filter_map(|entry| match overridden.get(entry) {
        Some(other) => other.clone().ok(),
        None => Some(entry.clone()),
    });
    let rendered: BTreeSet<EntryPoint> = rendered.collect();
    match Tree::read(&snapshot) {
        Ok(tree) => {
            let (work, notes) = tree.around(rendered);
            let mut entries = finished(trace_work(&tree, work, tools).await, &tree);
            as_described(&mut entries, &live, overridden);
            RepositoryTrace { snapshot: snapshot.clone(), entries, notes }
        }
        Err(problem) => {
            let entries = live.into_iter().map(|entry| (entry, Err(problem.clone()))).collect();
            RepositoryTrace { snapshot, entries, notes: Vec::new() }
        }
    }
}

/// The entry points of Applications whose sources files beside them override: as Argo CD renders them, by what the
/// Application alone describes; or why that is not known.
fn overridden(
    sources: &[&Source],
    snapshot: &Snapshot,
    tools: Tools<'_>,
) -> BTreeMap<EntryPoint, Result<EntryPoint, Problem>> {
    let locate = |url: &str| tools.origins.locate.and_then(|locate| locate.locate(url));
    let bytes =
        |path: &RepoPath| snapshot.has_file(path).then(|| snapshot.read(path).ok().flatten()).flatten();
    let found = sources.iter().filter_map(|source| {
        let described = entry_point(source, snapshot);
        match with_overrides(source, tools.origins.facts, &locate, &bytes) {
            Ok(found) => {
                let rendered = entry_point(&found, snapshot);
                (rendered != described).then_some((described, Ok(rendered)))
            }
            Err(problem) => Some((described, Err(problem))),
        }
    });
    found.collect()
}

/// What was found of overridden entry points, by what is known of them.
fn as_described(
    entries: &mut Entries,
    live: &BTreeSet<EntryPoint>,
    overridden: BTreeMap<EntryPoint, Result<EntryPoint, Problem>>,
) {
    for (described, rendered) in overridden {
        let traced = match rendered {
            Ok(rendered) if live.contains(&rendered) => entries.get(&rendered).cloned(),
            Ok(rendered) => entries.remove(&rendered),
            Err(problem) => Some(Err(problem)),
        };
        entries.extend(traced.map(|traced| (described, traced)));
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
    let tree = Tree::read(&snapshot)?;
    let mut work = tree.everything();
    let within = work.iter().filter(|(entry, _)| entry.path.is_within(folder));
    let shared: BTreeSet<RepoPath> = within.flat_map(|(_, reads)| reads.iter().flatten()).cloned().collect();
    work.retain(|entry, reads| {
        entry.path.is_within(folder) || reads.as_ref().is_ok_and(|reads| !reads.is_disjoint(&shared))
    });
    let entries = finished(trace_work(&tree, work, tools).await, &tree);
    Ok(RepositoryTrace { snapshot: snapshot.clone(), entries, notes: Vec::new() })
}

type Entries = BTreeMap<EntryPoint, Result<EntryTrace, Problem>>;

async fn trace_work(tree: &Tree<'_>, work: Work, tools: Tools<'_>) -> Entries {
    // Once for all, so that a mark means the same scalar everywhere.
    let marks = &Marks::of(tree);
    let traces = work.into_iter().map(|(entry, reads)| async move {
        let traced = match reads {
            Ok(reads) => trace_entry(tree, &entry, &reads, marks, tools).await,
            Err(problem) => Err(problem),
        };
        (entry, traced)
    });
    // Renderers are processes of their own: as many at once as there are processors.
    futures::stream::iter(traces).buffer_unordered(at_once()).collect().await
}

fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

async fn trace_entry(
    tree: &Tree<'_>,
    entry: &EntryPoint,
    reads: &BTreeSet<RepoPath>,
    marks: &Marks,
    tools: Tools<'_>,
) -> Result<EntryTrace, Problem> {
    let is_plain = entry.renderer == RendererKind::Plain;
    let (mut fields, mut unread) =
        if is_plain { plain(tree, entry, reads) } else { (Vec::new(), Vec::new()) };
    let marked = match marked_rendering(tree, entry, reads, marks, tools).await {
        // A folder of which nothing can be read says why, file by file.
        Err(_) if !unread.is_empty() => MarkedRendering::default(),
        marked => marked?,
    };
    let MarkedRendering { rendering, with_created, marked } = marked;
    let by = rendering.by();
    for part in &rendering.parts {
        let (mut traced, problems) = trace_rendered(entry, part, read_back(&part.yaml, &marked)?, &marked);
        if let Some(other) = with_created.as_ref().and_then(|other| other.part_like(part)) {
            let (created, _) = trace_rendered(entry, other, read_back(&other.yaml, &marked)?, &marked);
            traced = with_open_fields(traced, created);
        }
        if is_plain && part.release.is_none() {
            // What stands in a plain manifest was found by parsing, where anchors and the like are seen.
            traced.retain(|field| field.site.as_ref().is_ok_and(EditSite::is_absent));
            traced.retain(|field| !fields.iter().any(|other| is_same_field(field, other)));
        } else {
            unread.extend(problems);
        }
        fields.extend(traced);
    }
    unread.extend(rendering.problems);
    Ok(EntryTrace {
        entry: entry.clone(),
        by,
        fields,
        unread,
        own_files: reads.clone(),
        files: rendering.files.union(reads).cloned().collect(),
    })
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

/// One entry point with marks.
#[derive(Default)]
struct MarkedRendering {
    /// With marks in the place of all values.
    rendering: Rendering,
    /// And where values could be created, unless `rendering` has these too, or no renderer takes them.
    with_created: Option<Rendering>,
    /// The marks of both.
    marked: Marked,
}

/// The rendering with marks in the place of all values, and where values could be created. Where one of the latter
/// arrives, it may have covered a value of a lower layer, and it is rendered again without. A renderer that refuses what
/// was created (a schema, say) is asked again with requests alone.
async fn marked_rendering(
    tree: &Tree<'_>,
    entry: &EntryPoint,
    reads: &BTreeSet<RepoPath>,
    marks: &Marks,
    tools: Tools<'_>,
) -> Result<MarkedRendering, Problem> {
    let offered = offered_slots(tree, entry, reads, &marks.with_slots.files, tools).await;
    let held = View::new(tree.snapshot, &marks.with_slots.files, &marks.none);
    let (files, more) = fill_slots(&|path| held.bytes(path), &offered, marks.with_slots.marks.len());
    let marked = joined(&marks.with_slots, more);
    let view = View::new(tree.snapshot, &marks.with_slots.files, &files);
    let first = render_entry(entry, reads, &view, tools).await;
    if let Ok(rendering) = &first
        && rendering.problems.is_empty()
        && !has_created(rendering, &marked)
    {
        return Ok(MarkedRendering { rendering: first?, with_created: None, marked });
    }
    let view = View::new(tree.snapshot, &marks.marked.files, &marks.none);
    let rendering = match (render_entry(entry, reads, &view, tools).await, first) {
        (Err(_), Ok(rendering)) => return Ok(MarkedRendering { rendering, with_created: None, marked }),
        (Ok(rendering), Ok(first)) if first.problems.len() <= rendering.problems.len() => {
            return Ok(MarkedRendering { rendering, with_created: Some(first), marked });
        }
        (rendering, _) => rendering?,
    };
    let of_entry = marks.slots.iter().filter(|slot| reads.contains(&slot.site.file)).chain(&offered);
    let requests: Vec<Slot> = of_entry.filter(|slot| slot.field.bound == Bound::Request).cloned().collect();
    let (files, more) = fill_slots(&|path| view.bytes(path), &requests, marks.marked.marks.len());
    let marked = joined(&marks.marked, more);
    let view = View::new(tree.snapshot, &marks.marked.files, &files);
    let again = if requests.is_empty() { None } else { render_entry(entry, reads, &view, tools).await.ok() };
    let with_created = again.filter(|again| again.problems.len() <= rendering.problems.len());
    Ok(MarkedRendering { rendering, with_created, marked })
}

/// Whether a value arrives that was created.
fn has_created(rendering: &Rendering, marked: &Marked) -> bool {
    let is_created = |from: &Origin| match from {
        Origin::Mark(index) | Origin::Transformed(index, _) => marked.marks[*index].site.is_absent(),
        Origin::Unmarked => false,
    };
    rendering.parts.iter().any(|part| {
        // What cannot be read is told by the one who reads it for the trace.
        read_back(&part.yaml, marked)
            .is_ok_and(|read| read.arrivals.iter().any(|arrival| is_created(&arrival.from)))
    })
}

/// Where the charts of an entry point's releases take resources that no file of the repository sets.
async fn offered_slots(
    tree: &Tree<'_>,
    entry: &EntryPoint,
    reads: &BTreeSet<RepoPath>,
    marked: &FileSet,
    tools: Tools<'_>,
) -> Vec<Slot> {
    let none = FileSet::new();
    let as_is = View::new(tree.snapshot, &tree.held, &none);
    let view = View::new(tree.snapshot, marked, &none);
    let mut slots = Vec::new();
    for release in releases_of(tree, entry, reads, &as_is, tools).await {
        let release = tools.origins.settled(release, as_is.repository());
        let Ok(chart) = tools.charts.find(&release.chart, &as_is, tools.origins) else { continue };
        let folder = chart.in_git.then_some(&chart.folder);
        let layers = layers(&release, reads, &entry.path, folder, &as_is);
        let Some((highest, bytes)) = layers.first().and_then(|layer| Some((layer, view.bytes(&layer.file)?)))
        else {
            continue;
        };
        let paths = offered(&chart.files, &chart.folder);
        // A layer that cannot take keys, such as an encrypted one, is no place for a value.
        let open =
            slots_at(&highest.file, &bytes, highest.document, &highest.root, &paths).unwrap_or_default();
        let below = highest.root.0.len();
        slots.extend(
            open.into_iter().filter(|slot| {
                !is_set(slot.site.path.0.get(below..).unwrap_or_default(), &layers[1..], &as_is)
            }),
        );
    }
    slots
}

/// The releases that an entry point renders to, as the files are.
async fn releases_of(
    tree: &Tree<'_>,
    entry: &EntryPoint,
    reads: &BTreeSet<RepoPath>,
    view: &View<'_>,
    tools: Tools<'_>,
) -> Vec<Release> {
    if let Some(release) = &entry.release {
        return vec![release.clone()];
    }
    if !may_hold_releases(tree, reads) {
        return Vec::new();
    }
    // What cannot be rendered is told when it is rendered with marks.
    let rendered = tools.renderer.render(&render_request(entry, view.files(reads))).await;
    let described = |yaml: &[u8]| described_releases(yaml, view, tools.origins, &mut BTreeSet::new()).0;
    rendered.map(|rendered| described(&rendered.output)).unwrap_or_default()
}

/// The marks of a whole tree.
struct Marks {
    /// In the place of values.
    marked: Marked,
    /// And where values could be created.
    with_slots: Marked,
    /// Where these are.
    slots: Vec<Slot>,
    none: FileSet,
}

impl Marks {
    fn of(tree: &Tree<'_>) -> Self {
        let role = |path: &RepoPath| tree.role(path);
        let marked = mark(&tree.held, &role);
        let slots = slots(&tree.held, &role);
        let (filled, marks) = fill_slots(&|path| marked.files.get(path).cloned(), &slots, 0);
        let mut with_slots = joined(&marked, marks);
        with_slots.files.clone_from(&marked.files);
        with_slots.files.extend(filled);
        Self { marked, with_slots, slots, none: FileSet::new() }
    }
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

/// Whether a text says the kind of an object that describes releases.
fn may_hold_releases(tree: &Tree<'_>, reads: &BTreeSet<RepoPath>) -> bool {
    let says = |bytes: &Vec<u8>| {
        let text = String::from_utf8_lossy(bytes);
        text.contains("HelmRelease") || text.contains("argoproj.io/")
    };
    reads.iter().filter_map(|path| tree.held.get(path)).any(says)
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
    let all_paths: Vec<RepoPath> = tree.snapshot.paths().cloned().collect();
    let (keys, mut traced): (Vec<EntryPoint>, Vec<EntryTrace>) =
        entries.iter().filter_map(|(key, entry)| Some((key.clone(), entry.as_ref().ok()?.clone()))).unzip();
    guard_places(&mut traced, &all_paths, &|path| tree.role(path));
    fill_feeds(&mut traced);
    entries.extend(keys.into_iter().zip(traced.into_iter().map(Ok)));
    entries
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
    pub fn key(snapshot: &Snapshot, sources: &[&Source], objects: &[ClusterFacts]) -> String {
        let mut entries: Vec<String> =
            sources.iter().map(|source| format!("{:?}", entry_point(source, snapshot))).collect();
        entries.sort();
        entries.dedup();
        // Only what settles where charts are: specs come and go with every sync.
        let places = |facts: &ClusterFacts| format!("{:?}", facts.git_repositories);
        entries.extend(objects.iter().map(places));
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
