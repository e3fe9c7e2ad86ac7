//! From a marked rendering to traced fields: which scalar of which file sets each rendered value.
//!
//! Pure. Sees files, marks and arrivals; knows no repository, cluster or renderer.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_manifest::{
    Arrival, FileRole, KnownMarks, Mark, Origin, ReadBack, SiteRead, Transform, guard_place_as,
};
use kubeopt_model::edit::ProvenBy;
use kubeopt_model::{Amount, EditSite, Problem, RepoPath, TracedField};

use super::entry_point::EntryPoint;
use super::hidden::hidden;
use super::rendering::Part;
use crate::codes;

/// All fields of one entry point, or why it could not be traced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryTrace {
    /// Which.
    pub entry: EntryPoint,
    /// How its rendering was made.
    pub by: ProvenBy,
    /// Fields in the order of the rendering.
    pub fields: Vec<TracedField>,
    /// Documents and files that could not be read; the others were.
    pub unread: Vec<Problem>,
    /// The files that its own manifests are made of.
    pub own_files: BTreeSet<RepoPath>,
    /// All files that it reads, those of its releases' charts and values included.
    pub files: BTreeSet<RepoPath>,
    /// It was rendered with something that is not in the repository, such as a published chart.
    pub from_outside: bool,
    /// What the cluster runs is part of it.
    pub asks_cluster: bool,
}

/// The fields of a part of a rendering of marked files.
pub(crate) fn trace_rendered(
    entry: &EntryPoint,
    part: &Part,
    read: ReadBack,
    known: &KnownMarks<'_>,
) -> (Vec<TracedField>, Vec<Problem>) {
    let fields = read.arrivals.into_iter().map(|arrival| {
        let mut field = traced(entry, arrival, known);
        // What a chart leaves open is what the release says.
        field.workload.namespace = field.workload.namespace.or_else(|| part.namespace.clone());
        let why = part.release.as_ref().and_then(|release| hidden(field.site.as_ref().ok()?, release));
        if let Some(why) = why {
            (field.value, field.site) = (None, Err(why));
        }
        field
    });
    (fields.collect(), read.problems)
}

fn traced(entry: &EntryPoint, arrival: Arrival, known: &KnownMarks<'_>) -> TracedField {
    let (value, site) = match &arrival.from {
        Origin::Mark(number) => of_mark(known.mark(*number), &arrival),
        Origin::Transformed(number, how) => (None, Err(computed(&known.mark(*number).site, &arrival, how))),
        Origin::Unmarked => {
            (Amount::parse(arrival.field.resource, &arrival.text).ok(), Err(not_in_git(&arrival)))
        }
    };
    TracedField {
        entry: entry.path.clone(),
        workload: arrival.workload,
        container: arrival.container,
        field: arrival.field,
        value,
        site,
        feeds: Vec::new(),
    }
}

fn of_mark(mark: &Mark, arrival: &Arrival) -> (Option<Amount>, Result<EditSite, Problem>) {
    if mark.site.is_absent() {
        return (None, mark.refusal.clone().map_or_else(|| Ok(mark.site.clone()), Err));
    }
    match (Amount::parse(arrival.field.resource, &mark.site.text), &mark.refusal) {
        (Ok(value), None) => (Some(value), Ok(mark.site.clone())),
        (value, Some(refusal)) => (value.ok(), Err(refusal.clone())),
        (Err(invalid), None) => {
            let text = format!("the value of {} is not a quantity: {invalid}", arrival.field);
            let help = "write a number with a unit, such as 250m or 512Mi";
            (
                None,
                Err(Problem::new(codes::NOT_A_QUANTITY, text, help)
                    .at(mark.site.file.as_str(), Some(mark.site.line))),
            )
        }
    }
}

fn computed(site: &EditSite, arrival: &Arrival, how: &Transform) -> Problem {
    let text = format!(
        "{} of {} is made from this value on the way to the cluster: {how}",
        arrival.field, arrival.container
    );
    let help = "give the container a value of its own in this overlay; kubeopt then edits that line";
    Problem::new(codes::COMPUTED, text, help)
        .at(site.file.as_str(), Some(site.line))
        .with_excerpt(site.text.clone())
}

fn not_in_git(arrival: &Arrival) -> Problem {
    let text = format!(
        "no line of the repository sets {} of {}: a chart from elsewhere, a generator or a transformer does",
        arrival.field, arrival.container
    );
    Problem::new(
        codes::NOT_IN_GIT,
        text,
        "set the value in a patch of this overlay, or in the values of the release; kubeopt then edits that line",
    )
}

/// The fields of a plain manifest.
pub(crate) fn trace_plain(entry: &EntryPoint, sites: Vec<SiteRead>) -> Vec<TracedField> {
    sites
        .into_iter()
        .map(|read| {
            let value = read.text.and_then(|text| Amount::parse(read.field.resource, &text).ok());
            TracedField {
                entry: entry.path.clone(),
                workload: read.workload,
                container: read.container,
                field: read.field,
                value,
                site: read.site,
                feeds: Vec::new(),
            }
        })
        .collect()
}

/// Refuses sites by where their file stands: generated folders, CI configuration.
pub(crate) fn guard_places(
    traces: &mut [EntryTrace],
    exists: &dyn Fn(&RepoPath) -> bool,
    role: &dyn Fn(&RepoPath) -> FileRole,
) {
    let mut verdicts: BTreeMap<RepoPath, Option<Problem>> = BTreeMap::new();
    for field in traces.iter_mut().flat_map(|trace| &mut trace.fields) {
        let Ok(site) = &field.site else { continue };
        let verdict = verdicts
            .entry(site.file.clone())
            .or_insert_with(|| guard_place_as(&site.file, role(&site.file), exists).err());
        if let Some(problem) = verdict {
            field.site = Err(problem.clone());
        }
    }
}

/// Tells every field which entry points its scalar feeds.
pub(crate) fn fill_feeds(traces: &mut [EntryTrace]) {
    let mut feeds: BTreeMap<EditSite, Vec<RepoPath>> = BTreeMap::new();
    for field in traces.iter().flat_map(|trace| &trace.fields) {
        if let Ok(site) = &field.site {
            let entries = feeds.entry(site.clone()).or_default();
            if !entries.contains(&field.entry) {
                entries.push(field.entry.clone());
            }
        }
    }
    for entries in feeds.values_mut() {
        entries.sort();
    }
    for field in traces.iter_mut().flat_map(|trace| &mut trace.fields) {
        if let Ok(site) = &field.site {
            field.feeds = feeds.get(site).cloned().unwrap_or_default();
        }
    }
}
