//! `kubeopt set`: edits the lines that set a container's resources, proves the edit, and writes the files.
//!
//! Nothing is written before all of it is proven.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;

use kubeopt_manifest::{create_texts, edit_as_written};
use kubeopt_model::selection::Selection;
use kubeopt_model::{
    Amount, Change, ChangedField, EditSite, EditedFile, Field, FieldEdit, FileSet, Problem, RepoPath,
    TracedField, Verification,
};

use super::trace_path::{Place, is_asked};
use crate::codes;
use crate::proposing::compare_entry;
use crate::tracing::{EntryTrace, RepositoryTrace, Tools, unknown_readers};

/// A field and what it shall be: `cpu.request=250m`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Field.
    pub field: Field,
    /// Value.
    pub value: Amount,
    /// The value as it was written, which is how it shall stand in the file.
    pub text: String,
}

impl std::str::FromStr for Wanted {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let wrong = |why: String| {
            let shown: String = text.chars().take(200).collect();
            let help = "write FIELD=QUANTITY, such as cpu.request=250m or memory.limit=512Mi";
            Problem::new(codes::NOT_A_QUANTITY, format!("`{shown}` {why}"), help)
        };
        let (field, value) = text.split_once('=').ok_or_else(|| wrong("has no `=`".to_owned()))?;
        let field: Field = field.parse().map_err(|_| wrong("names no field".to_owned()))?;
        let text = value.to_owned();
        let value = Amount::parse(field.resource, value)
            .map_err(|invalid| wrong(format!("cannot be set: {invalid}")))?;
        Ok(Self { field, value, text })
    }
}

/// An edit that is proven and not written yet.
#[derive(Debug, Clone)]
pub struct ProvenEdit {
    /// Files before and after; empty when all values are there already.
    pub files: Vec<EditedFile>,
    /// The proofs, one for each entry point that the lines feed.
    pub verifications: Vec<Verification>,
    /// Containers that were not named and that the same lines set.
    pub also: Vec<String>,
    /// Entry points that read an edited file and cannot be rendered, with the reason: nothing is proven of them.
    pub unproven: Vec<(RepoPath, Problem)>,
}

impl ProvenEdit {
    /// All changes as one unified diff, as `git apply` takes it.
    pub fn diff(&self) -> String {
        kubeopt_report::unified_diff(&self.files)
    }

    /// The edit for programs.
    pub fn to_json(&self) -> serde_json::Value {
        let files: Vec<&RepoPath> = self.files.iter().map(|file| &file.path).collect();
        serde_json::json!({
            "files": files,
            "diff": self.diff(),
            "verifications": self.verifications,
            "alsoSets": self.also,
            "notVerified": self.unproven.iter().map(|(entry, why)| serde_json::json!({
                "entry": entry, "code": why.code, "text": why.text, "help": why.help, "place": why.place,
            })).collect::<Vec<_>>(),
        })
    }
}

/// Edits in memory and proves it.
///
/// # Errors
/// When the selection means nothing or too much, a field cannot be edited, or the proof fails.
pub async fn prove_set(
    trace: &RepositoryTrace,
    place: &Place,
    selection: &Selection,
    wanted: &[Wanted],
    tools: Tools<'_>,
) -> Result<ProvenEdit, Problem> {
    let fields = selected(trace, place, selection, wanted)?;
    let sites = sites(&fields)?;
    let files = edited(trace, &sites)?;
    let after: FileSet = files.iter().map(|file| (file.path.clone(), file.content.after.clone())).collect();
    let (mut verifications, mut also) = (Vec::new(), Vec::new());
    for entry in trace.entries.values().flatten().filter(|entry| reads_any(entry, &after)) {
        let expected = expected(entry, &sites);
        let compared = compare_entry(entry, &trace.snapshot, &after, tools).await?;
        let found: BTreeSet<ChangedField> = compared.changed().cloned().collect();
        if let Some(missing) = expected.difference(&found).next() {
            return Err(not_proven(&entry.entry.path, missing, false));
        }
        if let Some(other) = found.difference(&expected).find(|other| !is_created_here(other, entry, &sites))
        {
            return Err(not_proven(&entry.entry.path, other, true));
        }
        also.extend(unnamed(entry, &found, selection));
        verifications.extend(compared.verifications(&entry.entry.path));
    }
    let unproven = unknown_readers(trace, &after)?;
    Ok(ProvenEdit { files, verifications, also, unproven })
}

/// Each wanted field of each container that is meant.
pub(super) fn selected<'t>(
    trace: &'t RepositoryTrace,
    place: &Place,
    selection: &Selection,
    wanted: &'t [Wanted],
) -> Result<Vec<(&'t TracedField, &'t Wanted)>, Problem> {
    let asked: Vec<&EntryTrace> =
        trace.entries.values().flatten().filter(|entry| is_asked(&entry.entry, place)).collect();
    let meant: Vec<&TracedField> = asked
        .iter()
        .flat_map(|entry| &entry.fields)
        .filter(|field| selection.means(&field.workload, &field.container))
        .collect();
    let mut containers: BTreeMap<String, BTreeSet<&RepoPath>> = BTreeMap::new();
    for field in &meant {
        containers.entry(named(field)).or_default().insert(&field.entry);
    }
    if containers.is_empty() {
        return Err(means_nothing(trace, place, selection, &asked));
    }
    if containers.len() > 1 && !selection.is_wide() {
        return Err(means_several(selection, &containers));
    }
    let mut found = Vec::new();
    for want in wanted {
        let of_field: Vec<&TracedField> =
            meant.iter().copied().filter(|field| field.field == want.field).collect();
        if of_field.is_empty() {
            return Err(not_settable(want.field));
        }
        found.extend(of_field.into_iter().map(|field| (field, want)));
    }
    Ok(found)
}

/// `payments/deploy/api/api`
fn named(field: &TracedField) -> String {
    format!("{}/{}", field.workload, field.container)
}

/// Containers that a message names, of those that there are.
const NAMED_MAX: usize = 6;

/// Why nothing is meant: what could not be read, or what there is instead.
fn means_nothing(
    trace: &RepositoryTrace,
    place: &Place,
    selection: &Selection,
    asked: &[&EntryTrace],
) -> Problem {
    let fields = asked.iter().flat_map(|entry| &entry.fields);
    let there: BTreeSet<String> = fields.map(named).collect();
    let untraced = trace.entries.iter().filter(|(entry, _)| is_asked(entry, place));
    let untraced = untraced.filter_map(|(_, traced)| traced.as_ref().err());
    let mut unread = untraced.chain(asked.iter().flat_map(|entry| &entry.unread));
    if let (true, Some(problem)) = (there.is_empty(), unread.next()) {
        return problem.clone();
    }
    let text = format!("nothing here is meant by `{selection}`; there {}", listed(there));
    let help =
        "write one of them, or run `kubeopt trace` on the folder, which tells what could not be read too";
    Problem::new(codes::NO_SUCH_WORKLOAD, text, help)
}

/// One name may be part of another, so each is told with where it is.
fn means_several(selection: &Selection, containers: &BTreeMap<String, BTreeSet<&RepoPath>>) -> Problem {
    let all = containers.iter().map(|(name, entries)| {
        let first = entries.first().map_or(String::new(), |entry| format!(" ({entry})"));
        format!("{name}{first}")
    });
    let text = format!("`{selection}` means {} containers: {}", containers.len(), shortened(all));
    let help = "name one of them, or run the command on the folder in brackets; * is for all";
    Problem::new(codes::NO_SUCH_WORKLOAD, text, help)
}

fn listed(names: BTreeSet<String>) -> String {
    match names.len() {
        0 => "are no workloads".to_owned(),
        1 => format!("is {}", shortened(names.into_iter())),
        _ => format!("are {}", shortened(names.into_iter())),
    }
}

fn shortened(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    let mut text = names.take(NAMED_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

/// Lines, each with what it shall say.
pub(super) type Sites<'t> = BTreeMap<&'t EditSite, &'t Wanted>;

/// The lines behind the fields, each with what it shall say.
pub(super) fn sites<'t>(fields: &[(&'t TracedField, &'t Wanted)]) -> Result<Sites<'t>, Problem> {
    let mut sites = BTreeMap::new();
    for (field, wanted) in fields {
        let site = field.site.as_ref().map_err(Clone::clone)?;
        sites.insert(site, *wanted);
    }
    Ok(sites)
}

/// What is done to one file, each with the text as it was asked for.
#[derive(Default)]
struct OfFile {
    edits: Vec<(FieldEdit, String)>,
    creations: Vec<(EditSite, String)>,
}

fn edited(trace: &RepositoryTrace, sites: &Sites<'_>) -> Result<Vec<EditedFile>, Problem> {
    let mut by_file: BTreeMap<&RepoPath, OfFile> = BTreeMap::new();
    for (site, wanted) in sites {
        let of_file = by_file.entry(&site.file).or_default();
        if site.is_absent() {
            of_file.creations.push(((*site).clone(), wanted.text.clone()));
        } else {
            let edit = FieldEdit { site: (*site).clone(), after: wanted.value };
            of_file.edits.push((edit, wanted.text.clone()));
        }
    }
    let mut files = Vec::new();
    for (path, OfFile { edits, creations }) in by_file {
        let before = trace.snapshot.read(path).map_err(|error| error.problem())?.unwrap_or_default();
        // Edits first: they move no line, so that creations find their places.
        let after = if edits.is_empty() { before.clone() } else { edit_as_written(path, &before, &edits)? };
        let after = if creations.is_empty() { after } else { create_texts(path, &after, &creations)?.bytes };
        if before != after {
            files.push(EditedFile { path: path.clone(), content: Change { before, after } });
        }
    }
    Ok(files)
}

/// The fields of an entry point that must differ.
fn expected(entry: &EntryTrace, sites: &Sites<'_>) -> BTreeSet<ChangedField> {
    let changed = |field: &TracedField| {
        let site = field.site.as_ref().ok()?;
        let wanted = sites.get(site).filter(|wanted| field.value != Some(wanted.value))?;
        Some(ChangedField {
            workload: field.workload.clone(),
            container: field.container.clone(),
            field: field.field,
            value: Change { before: field.value, after: Some(wanted.value) },
        })
    };
    entry.fields.iter().filter_map(changed).collect()
}

/// Whether an entry point reads a file that is edited. One that shows none of the wanted fields is looked at as well:
/// nothing of it may change.
fn reads_any(entry: &EntryTrace, after: &FileSet) -> bool {
    after.keys().any(|path| entry.own_files.contains(path) || entry.files.contains(path))
}

/// A key that is created in a file that several entry points read shows in all of them, also in those that would have it
/// created nearer to themselves.
fn is_created_here(found: &ChangedField, entry: &EntryTrace, sites: &Sites<'_>) -> bool {
    let traced = entry.fields.iter().find(|field| {
        (&field.workload, &field.container, field.field) == (&found.workload, &found.container, found.field)
    });
    // What a line of its own sets stays as it is.
    let is_open = traced.is_none_or(|field| field.site.as_ref().map_or(true, EditSite::is_absent));
    let created = sites.iter().filter(|(site, _)| site.is_absent() && entry.files.contains(&site.file));
    let mut wanted = created.map(|(_, wanted)| (wanted.field, Some(wanted.value)));
    is_open && wanted.any(|wanted| wanted == (found.field, found.value.after))
}

fn unnamed(entry: &EntryTrace, changed: &BTreeSet<ChangedField>, selection: &Selection) -> Vec<String> {
    let others = changed.iter().filter(|field| !selection.means(&field.workload, &field.container));
    others
        .map(|field| {
            format!("{}: {} [{}] {}", entry.entry.path, field.workload, field.container, field.field.spoken())
        })
        .collect()
}

fn not_settable(field: Field) -> Problem {
    let text = format!("{} is not set, and no place was found where it could be", field.spoken());
    let help = "write it into the manifest, a patch or the values by hand once; kubeopt then edits that line";
    Problem::new(codes::NOTHING_SET, text, help)
}

fn not_proven(entry: &RepoPath, field: &ChangedField, unexpected: bool) -> Problem {
    let what = if unexpected { "would change as well" } else { "would not change as wanted" };
    let text = format!(
        "{entry}: {} of {} [{}] {what}; nothing was written",
        field.field, field.workload, field.container
    );
    Problem::new(
        codes::NOT_PROVEN,
        text,
        "edit the line by hand, and report it with the output of `kubeopt trace`",
    )
}

/// Writes the files, each at once: a reader sees the old one or the new one.
///
/// # Errors
/// When a file has changed since it was read, or cannot be written; files before it are written then.
pub fn write_files(root: &Path, files: &[EditedFile]) -> Result<(), Problem> {
    for file in files {
        let place = root.join(file.path.as_str());
        let fail = |what: &str| {
            let text = format!("unable to write {}: {what}", place.display());
            Problem::new(
                codes::NO_FOLDER,
                text,
                "check the permissions of the file and its folder, then run the command again",
            )
        };
        let io = |error: std::io::Error| fail(&error.to_string());
        if std::fs::read(&place).map_err(io)? != file.content.before {
            return Err(fail("it was changed meanwhile"));
        }
        let folder = place.parent().ok_or_else(|| fail("it has no folder"))?;
        let mut beside = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
        beside.write_all(&file.content.after).map_err(io)?;
        let permissions = std::fs::metadata(&place).map_err(io)?.permissions();
        std::fs::set_permissions(beside.path(), permissions).map_err(io)?;
        beside.persist(&place).map_err(|error| io(error.error))?;
    }
    Ok(())
}
