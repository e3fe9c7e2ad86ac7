//! `kubeopt trace`: which line sets each request of what a folder renders to. Offline; writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kubeopt_gitops::{GitError, Snapshot};
use kubeopt_model::edit::ProvenBy;
use kubeopt_model::{Bound, EditSite, Field, Problem, RepoPath, Resource, TracedField};
use serde::Serialize;

use crate::codes;
use crate::tracing::{EntryPoint, EntryTrace, RepositoryTrace, Tools, trace_everything};

/// A folder within its repository.
#[derive(Debug, Clone)]
pub struct Place {
    /// The root of the repository, or the folder itself where it is in none.
    pub root: PathBuf,
    /// The folder that was asked for.
    pub folder: RepoPath,
}

impl Place {
    /// Finds the repository around a folder.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn find(path: &Path) -> Result<Self, Problem> {
        let asked = std::fs::canonicalize(path).map_err(|error| {
            let text = format!("unable to look at {}: {error}", path.display());
            Problem::new(codes::NO_FOLDER, text, "name a folder of manifests, an overlay or a chart")
        })?;
        if !asked.is_dir() {
            let text = format!("{} is a file, not a folder", path.display());
            return Err(Problem::new(codes::NO_FOLDER, text, "name the folder that it is in"));
        }
        let root = asked.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&asked).to_owned();
        let within = asked.strip_prefix(&root).ok().and_then(Path::to_str).unwrap_or_default();
        let folder = RepoPath::new(within)
            .map_err(|invalid| Problem::new(codes::NO_FOLDER, invalid.to_string(), "rename the folder"))?;
        Ok(Self { root, folder })
    }
}

/// What a field's line is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "state", rename_all_fields = "camelCase")]
pub enum FieldState {
    /// This line sets it.
    Set {
        /// The line.
        site: EditSite,
    },
    /// Nothing sets it; a line here would.
    Creatable {
        /// Where the key goes.
        site: EditSite,
    },
    /// It cannot be edited.
    Refused {
        /// Why, and what to do.
        why: Problem,
    },
}

/// One field of one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldLine {
    /// `payments/deploy/api`; the namespace is missing where the manifest leaves it open.
    pub workload: String,
    /// Container.
    pub container: String,
    /// `cpu.request`
    pub field: String,
    /// The rendered value, if it is set.
    pub value: Option<String>,
    /// What sets it.
    #[serde(flatten)]
    pub state: FieldState,
    /// The other containers that the same line sets, in all entry points.
    pub also: Vec<String>,
}

/// One entry point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryLines {
    /// Folder.
    pub path: RepoPath,
    /// `kustomize`
    pub renderer: String,
    /// `rendered with kustomize v5.8.2`; none where it was not rendered.
    pub by: Option<String>,
    /// Its fields.
    pub fields: Vec<FieldLine>,
    /// What could not be read or rendered; the rest was.
    pub problems: Vec<Problem>,
}

/// All entry points of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceReport {
    /// In the order of their folders.
    pub entries: Vec<EntryLines>,
    /// How many fields a line sets.
    pub set: usize,
    /// How many could be created.
    pub creatable: usize,
    /// How many cannot be edited.
    pub refused: usize,
    /// How many entry points could not be rendered.
    pub failed: usize,
}

/// Traces everything within the place, and what shares files with it.
///
/// # Errors
/// When the files cannot be read.
pub async fn trace_place(place: &Place, tools: Tools<'_>) -> Result<RepositoryTrace, Problem> {
    let snapshot = Snapshot::of_folder(&place.root).map_err(|error| unreadable(&error))?;
    let trace = trace_everything(snapshot, &place.folder, tools).await?;
    if trace.entries.keys().any(|entry| is_asked(entry, place)) {
        return Ok(trace);
    }
    let folder = place.root.join(place.folder.as_str());
    let left_out: String = left_out(&trace, place).iter().map(|what| format!("; {what}")).collect();
    let text = format!("nothing in {} describes a workload{left_out}", folder.display());
    let help =
        "name a folder with manifests (.yaml, .yml), a kustomization.yaml or a Chart.yaml in or below it";
    Err(Problem::new(codes::NO_FOLDER, text, help))
}

fn unreadable(error: &GitError) -> Problem {
    if let GitError::Store(what) = error {
        let text = format!("unable to read the folder: {what}");
        return Problem::new(codes::NO_FOLDER, text, "check the permissions, then run the command again");
    }
    error.problem()
}

/// Files of the folder that would be manifests by their name and are not read, as sentences: `big.yaml is larger than 4 MiB`.
pub fn left_out(trace: &RepositoryTrace, place: &Place) -> Vec<String> {
    /// Names that are shown; a folder of links says enough with a few.
    const SHOWN: usize = 5;
    let below = match place.folder.as_str() {
        "" => String::new(),
        folder => format!("{folder}/"),
    };
    let skipped = trace.snapshot.skipped().iter();
    let mut manifests = skipped.filter(|skipped| {
        let is_yaml = skipped.path.ends_with(".yaml") || skipped.path.ends_with(".yml");
        is_yaml && skipped.path.starts_with(&below)
    });
    let mut told: Vec<String> =
        manifests.by_ref().take(SHOWN).map(|skipped| format!("{} {}", skipped.path, skipped.why)).collect();
    match manifests.count() {
        0 => {}
        more => told.push(format!("{more} more files are not read")),
    }
    told
}

/// Whether an entry point is within the folder that was asked for, or the folder is a part of it.
pub(crate) fn is_asked(entry: &EntryPoint, place: &Place) -> bool {
    entry.path.is_within(&place.folder)
}

/// Every field of the entry points that were asked for, for programs: one object a field. Lines and documents count from
/// 1. A source with `"create": true` is where the key would go.
pub fn to_json(trace: &RepositoryTrace, place: &Place) -> serde_json::Value {
    let asked = trace.entries.values().flatten().filter(|entry| is_asked(&entry.entry, place));
    asked.flat_map(|entry| entry.fields.iter().map(move |field| field_json(entry, field))).collect()
}

fn field_json(entry: &EntryTrace, field: &TracedField) -> serde_json::Value {
    let renderer = match &entry.by {
        ProvenBy::Parsed => "plain",
        ProvenBy::Rendered(program) => program,
        ProvenBy::NotRendered(_) => "not rendered",
    };
    let source = field.site.as_ref().ok().map(|site| {
        serde_json::json!({
            "file": site.file,
            "line": site.line,
            "document": site.document,
            "path": site.path,
            "create": site.is_absent(),
        })
    });
    let reason = field.site.as_ref().err().map(
        |why| serde_json::json!({ "code": why.code, "text": why.text, "help": why.help, "place": why.place }),
    );
    serde_json::json!({
        "entry": field.entry.to_string(),
        "renderer": renderer,
        "workload": {
            "kind": field.workload.kind.as_str(),
            "namespace": field.workload.namespace,
            "name": field.workload.name,
        },
        "container": field.container,
        "field": field.field.to_string(),
        "value": field.value.map(|value| value.to_string()),
        "source": source,
        "feeds": field.feeds.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "editable": field.site.is_ok(),
        "reason": reason,
    })
}

/// The report on the entry points that were asked for.
pub fn report(trace: &RepositoryTrace, place: &Place) -> TraceReport {
    let users = users(trace);
    let asked = trace.entries.iter().filter(|(entry, _)| is_asked(entry, place));
    let entries: Vec<EntryLines> = asked.map(|(entry, traced)| entry_lines(entry, traced, &users)).collect();
    let states = || entries.iter().flat_map(|entry| &entry.fields).map(|field| &field.state);
    let set = states().filter(|state| matches!(state, FieldState::Set { .. })).count();
    let creatable = states().filter(|state| matches!(state, FieldState::Creatable { .. })).count();
    let refused = states().filter(|state| matches!(state, FieldState::Refused { .. })).count();
    let is_unrendered = |traced: &Result<EntryTrace, Problem>| {
        traced.as_ref().map_or(true, |traced| traced.by.not_rendered().is_some())
    };
    let asked = trace.entries.iter().filter(|(entry, _)| is_asked(entry, place));
    let failed = asked.filter(|(_, traced)| is_unrendered(traced)).count();
    TraceReport { entries, set, creatable, refused, failed }
}

fn entry_lines(entry: &EntryPoint, traced: &Result<EntryTrace, Problem>, users: &Users<'_>) -> EntryLines {
    let (path, renderer) = (entry.path.clone(), entry.renderer.to_string());
    match traced {
        Ok(traced) => EntryLines {
            path,
            renderer,
            by: Some(traced.by.to_string()),
            fields: by_container(&traced.fields).map(|field| line(field, users)).collect(),
            problems: traced.unread.clone(),
        },
        Err(problem) => {
            EntryLines { path, renderer, by: None, fields: Vec::new(), problems: vec![problem.clone()] }
        }
    }
}

/// The fields of a container beside each other, containers in the order of their first field.
fn by_container(fields: &[TracedField]) -> impl Iterator<Item = &TracedField> {
    let mut first = BTreeMap::new();
    for (at, field) in fields.iter().enumerate() {
        first.entry((&field.workload, &field.container)).or_insert(at);
    }
    let mut sorted: Vec<&TracedField> = fields.iter().collect();
    sorted.sort_by_key(|field| {
        (first.get(&(&field.workload, &field.container)).copied(), place_of(field.field))
    });
    sorted.into_iter()
}

/// CPU before memory, a request before its limit.
fn place_of(field: Field) -> (Resource, bool) {
    (field.resource, field.bound == Bound::Limit)
}

type Users<'a> = BTreeMap<&'a EditSite, BTreeSet<String>>;

/// Who gets a value from each line.
fn users(trace: &RepositoryTrace) -> Users<'_> {
    let mut users = Users::new();
    for field in trace.entries.values().flatten().flat_map(|entry| &entry.fields) {
        if let Ok(site) = &field.site {
            users.entry(site).or_default().insert(user(field));
        }
    }
    users
}

/// `apps/prod payments/deploy/api [api] cpu.request`
fn user(field: &TracedField) -> String {
    format!("{} {} [{}] {}", field.entry, field.workload, field.container, field.field.spoken())
}

fn line(field: &TracedField, users: &Users<'_>) -> FieldLine {
    let also = field.site.as_ref().ok().and_then(|site| users.get(site));
    let own = user(field);
    let state = match &field.site {
        Ok(site) if site.is_absent() => FieldState::Creatable { site: site.clone() },
        Ok(site) => FieldState::Set { site: site.clone() },
        Err(why) => FieldState::Refused { why: why.clone() },
    };
    FieldLine {
        workload: field.workload.to_string(),
        container: field.container.to_string(),
        field: field.field.spoken(),
        value: field.value.map(|value| value.to_string()),
        state,
        also: also.into_iter().flatten().filter(|user| **user != own).cloned().collect(),
    }
}
