//! The proof: every entry point that a change set feeds is rendered before and after, and exactly the proposed fields
//! differ.

use std::collections::BTreeSet;

use kubeopt_gitops::render::Renderer;
use kubeopt_manifest::compare;
use kubeopt_model::edit::ProvenBy;
use kubeopt_model::recommendation::SiteChange;
use kubeopt_model::{Change, ChangedField, FileSet, Problem, RepoPath, TracedField, Verification};

use crate::change_set::ChangeSet;
use crate::codes;
use crate::sites::{RepositoryTrace, render_request};
use crate::trace::EntryTrace;

/// Proves a change set for every entry point that it feeds, live or not.
///
/// # Errors
/// The first difference that was not proposed, or why an entry point could not be rendered. Nothing of the change set
/// may then be published.
pub async fn prove(
    change_set: &ChangeSet,
    trace: &RepositoryTrace,
    renderer: &Renderer,
) -> Result<Vec<Verification>, Problem> {
    let changes: Vec<&SiteChange> =
        change_set.recommendations.iter().flat_map(|recommendation| &recommendation.changes).collect();
    let mut verifications = Vec::new();
    for entry in trace.entries.values().filter_map(|entry| entry.as_ref().ok()) {
        let wanted = wanted(entry, &changes);
        if !wanted.is_empty() {
            verifications.push(prove_entry(entry, wanted, change_set, trace, renderer).await?);
        }
    }
    if verifications.is_empty() {
        let help = "run the command again; if it stays, report it with the output of `kubeopt plan`";
        return Err(Problem::new(codes::NOT_PROVEN, "no rendering shows the proposed fields", help));
    }
    Ok(verifications)
}

/// The fields of an entry point that the changes should change, and how.
fn wanted(entry: &EntryTrace, changes: &[&SiteChange]) -> BTreeSet<ChangedField> {
    let change_of = |field: &TracedField| {
        let site = field.site.as_ref().ok()?;
        changes.iter().find(|change| change.site == *site && change.field == field.field)
    };
    entry
        .fields
        .iter()
        .filter_map(|field| {
            let change = change_of(field)?;
            Some(ChangedField {
                workload: field.workload.clone(),
                container: field.container.clone(),
                field: field.field,
                value: change.value.map(Some),
            })
        })
        .collect()
}

async fn prove_entry(
    entry: &EntryTrace,
    wanted: BTreeSet<ChangedField>,
    change_set: &ChangeSet,
    trace: &RepositoryTrace,
    renderer: &Renderer,
) -> Result<Verification, Problem> {
    let files = sides(entry, change_set, trace);
    let before = renderer.render(&render_request(&entry.entry, files.before)).await?;
    let after = renderer.render(&render_request(&entry.entry, files.after)).await?;
    let found: BTreeSet<ChangedField> = compare(&before.output, &after.output)?.into_iter().collect();
    if let Some(other) = found.symmetric_difference(&wanted).next() {
        return Err(not_proven(&entry.entry.path, other, found.contains(other)));
    }
    let by = if after.by == before.by { after.by } else { ProvenBy::Rendered(format!("{}, then {}", before.by, after.by)) };
    Ok(Verification { entry: entry.entry.path.clone(), by, changed: found.into_iter().collect() })
}

/// The files of an entry point, before and after the change set.
fn sides(entry: &EntryTrace, change_set: &ChangeSet, trace: &RepositoryTrace) -> Change<FileSet> {
    let before: FileSet = entry
        .files
        .iter()
        .filter_map(|path| Some((path.clone(), trace.snapshot.read(path).ok()??)))
        .collect();
    let mut after = before.clone();
    for file in &change_set.files {
        if let Some(bytes) = after.get_mut(&file.path) {
            bytes.clone_from(&file.content.after);
        }
    }
    Change { before, after }
}

fn not_proven(entry: &RepoPath, field: &ChangedField, unexpected: bool) -> Problem {
    let what = if unexpected { "would change as well" } else { "would not change as proposed" };
    let text = format!("{entry}: {} of {} [{}] {what}", field.field, field.workload, field.container);
    Problem::new(codes::NOT_PROVEN, text, "report it with the output of `kubeopt plan`; nothing was published")
}
