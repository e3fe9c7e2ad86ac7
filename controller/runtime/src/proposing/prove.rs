//! The proof: every entry point that a change set feeds is rendered before and after, and exactly the proposed fields
//! differ.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _};
use kubeopt_gitops::Snapshot;
use kubeopt_gitops::codes::RENDERER_MISSING;
use kubeopt_gitops::entry::is_kustomization;
use kubeopt_manifest::{Differences, RenderedTarget, compare_all, targets};
use kubeopt_model::edit::ProvenBy;
use kubeopt_model::source::RendererKind;
use kubeopt_model::{
    Change, ChangedField, EditSite, FileSet, Problem, Recommendation, RepoPath, Verification,
};

use super::change_set::ChangeSet;
use super::compared::{Compared, REPORT, Touched};
use super::prove_targets::{all_targets_show, prove_targets};
use crate::codes;
use crate::tracing::{
    EntryTrace, Part, Rendering, RepositoryTrace, Tools, Unrendered, View, at_once, render_entry,
    unrendered_readers,
};

/// Proves a change set for every entry point that it feeds, live or not.
///
/// # Errors
/// The first difference that was not proposed, or why an entry point could not be rendered. Nothing of the change set
/// may then be published.
pub(crate) async fn prove(
    change_set: &ChangeSet,
    trace: &RepositoryTrace,
    tools: Tools<'_>,
) -> Result<Vec<Verification>, Problem> {
    let touched: Vec<Touched<'_>> = change_set.recommendations.iter().flat_map(touched).collect();
    let after: FileSet =
        change_set.files.iter().map(|file| (file.path.clone(), file.content.after.clone())).collect();
    let after = &after;
    let proofs = trace.entries.values().flatten().filter_map(|entry| {
        let wanted = wanted(entry, &touched);
        // Whoever reads an edited file is compared, also where nothing is expected to differ.
        let reads_any = change_set.files.iter().any(|file| entry.files.contains(&file.path));
        (reads_any || !wanted.is_empty())
            .then(|| prove_entry(entry, wanted, (change_set, after), trace, tools))
    });
    let proofs: Vec<_> = proofs.collect();
    let all: Vec<Vec<Verification>> = futures::stream::iter(proofs).buffered(at_once()).try_collect().await?;
    let verifications = all.concat();
    if verifications.is_empty() {
        let help = "run the command again; if it stays, report it with the output of `kubeopt plan`";
        return Err(Problem::new(codes::NOT_PROVEN, "no rendering shows the proposed fields", help));
    }
    all_targets_show(change_set, &verifications)?;
    Ok(verifications.into_iter().chain(unknown(trace, after)).collect())
}

/// Entry points that read an edited file and cannot be rendered even as the commit has it: nobody knows what they become.
fn unknown(trace: &RepositoryTrace, after: &FileSet) -> Vec<Verification> {
    let unknown = unrendered_readers(trace, after).into_iter().map(|(entry, problem)| Verification {
        entry,
        by: ProvenBy::NotRendered(problem.text),
        changed: Vec::new(),
        targets: Vec::new(),
    });
    unknown.collect()
}

fn touched(recommendation: &Recommendation) -> impl Iterator<Item = Touched<'_>> {
    let targets = recommendation.targets.as_slice();
    let changed = recommendation.changes.iter().map(move |change| Touched {
        field: change.field,
        site: &change.site,
        value: change.value.map(Some),
        only: None,
        targets,
    });
    let removed = recommendation.removals.iter().map(move |removal| Touched {
        field: removal.field,
        site: &removal.site,
        value: Change { before: Some(removal.before), after: None },
        only: None,
        targets,
    });
    let created = recommendation.additions.iter().map(move |addition| Touched {
        field: addition.field,
        site: &addition.site,
        value: Change { before: None, after: Some(addition.after) },
        only: None,
        targets,
    });
    let patched = recommendation.patches.iter().map(move |patch| Touched {
        field: patch.field,
        site: &patch.base,
        value: patch.value,
        only: Some(&patch.overlay),
        targets,
    });
    changed.chain(removed).chain(created).chain(patched)
}

/// The fields of an entry point that should change, each with what does it.
fn wanted<'t, 'a>(entry: &EntryTrace, touched: &'t [Touched<'a>]) -> BTreeMap<ChangedField, &'t Touched<'a>> {
    entry
        .fields
        .iter()
        .filter_map(|field| {
            let site = field.site.as_ref().ok()?;
            let touched = touched.iter().find(|touched| {
                touched.site == site
                    && touched.field == field.field
                    && touched.only.is_none_or(|only| *only == entry.entry.path)
            })?;
            let changed = ChangedField {
                workload: field.workload.clone(),
                container: field.container.clone(),
                field: field.field,
                value: touched.value,
            };
            Some((changed, touched))
        })
        .collect()
}

async fn prove_entry(
    entry: &EntryTrace,
    wanted: BTreeMap<ChangedField, &Touched<'_>>,
    (change_set, after): (&ChangeSet, &FileSet),
    trace: &RepositoryTrace,
    tools: Tools<'_>,
) -> Result<Vec<Verification>, Problem> {
    let compared = compare_entry(entry, &trace.snapshot, after, tools).await?;
    let found: BTreeSet<ChangedField> = compared.changed().cloned().collect();
    if let Some((field, touched)) =
        wanted.iter().find(|(field, _)| field.value.after.is_none() && !found.contains(field))
    {
        return Err(uncovered(&entry.entry.path, field, touched.site));
    }
    prove_targets(&entry.entry.path, &wanted, &compared)?;
    let wanted: BTreeSet<ChangedField> = wanted.into_keys().collect();
    if let Some(spilled) =
        found.difference(&wanted).find_map(|field| spilled(&entry.entry.path, field, change_set))
    {
        return Err(spilled);
    }
    if let Some(other) = found.symmetric_difference(&wanted).next() {
        return Err(not_proven(&entry.entry.path, other, found.contains(other)));
    }
    Ok(compared.verifications(&entry.entry.path))
}

/// Renders an entry point as the commit has it, and with `after` in the place of its files.
///
/// # Errors
/// When a side cannot be rendered, and when anything but resource fields of workloads differs.
pub(crate) async fn compare_entry(
    entry: &EntryTrace,
    snapshot: &Snapshot,
    after: &FileSet,
    tools: Tools<'_>,
) -> Result<Compared, Problem> {
    let reads = &with_patch_files(entry, after);
    let edited = [after];
    let before_view = View::new(snapshot, &[]);
    let after_view = View::new(snapshot, &edited);
    // Two processes of their own.
    let (before, after) = tokio::join!(
        render_entry(&entry.entry, reads, &before_view, tools),
        render_entry(&entry.entry, reads, &after_view, tools)
    );
    let (before, after) = (before?, after?);
    needs_no_rendering(&before, &edited, snapshot)?;
    let by = match (before.by(), after.by()) {
        (before, after) if before == after => after,
        (before, after) => ProvenBy::Rendered(format!("{before}, then {after}")),
    };
    if before.parts.len() != after.parts.len() {
        let text = format!("{}: a release would come or go with these values", entry.entry.path);
        return Err(Problem::new(codes::NOT_PROVEN, text, REPORT));
    }
    let (mut rendered, mut unrendered) = (Differences::default(), Vec::new());
    let mut targets_before = Vec::new();
    for (part, after) in before.parts.iter().zip(&after.parts) {
        let mut found = compare_all(&part.bare, &after.bare)?;
        name_namespace(&mut found, after);
        targets_before.extend(targets_of(part)?);
        if after.unrendered.is_none() {
            rendered.fields.extend(found.fields);
            rendered.targets.extend(found.targets);
        } else if found.fields.is_empty() && part.unrendered != after.unrendered {
            return Err(unseen(&entry.entry.path, &after.by));
        } else {
            found.fields.sort();
            unrendered.push((after.by.clone(), found));
        }
    }
    rendered.fields.sort();
    rendered.targets.sort();
    let parts = std::iter::once((by, rendered)).chain(unrendered).collect();
    Ok(Compared { parts, targets_before })
}

/// What a chart leaves open is what its release says.
fn name_namespace(found: &mut Differences, part: &Part) {
    let fields = found.fields.iter_mut().map(|field| &mut field.workload);
    for workload in fields.chain(found.targets.iter_mut().map(|target| &mut target.workload)) {
        workload.namespace = workload.namespace.take().or_else(|| part.namespace.clone());
    }
}

fn targets_of(part: &Part) -> Result<Vec<RenderedTarget>, Problem> {
    let mut found = targets(&part.bare)?;
    for target in &mut found {
        let namespace = target.workload.namespace.take();
        target.workload.namespace = namespace.or_else(|| part.namespace.clone());
    }
    Ok(found)
}

/// Values of a chart differ, and nothing tells what it makes of them.
fn unseen(entry: &RepoPath, by: &ProvenBy) -> Problem {
    let text = format!("{entry}: a chart would get other values, and what it makes of them is {by}");
    let help =
        "install kustomize and helm, and list the repository of the chart under `charts` in kubeopt.yaml";
    Problem::new(codes::UNSETTLED, text, help)
}

/// What a new patch does, or another list of patches, shows in a rendering alone.
fn needs_no_rendering(
    rendering: &Rendering,
    edited: &[&FileSet],
    snapshot: &Snapshot,
) -> Result<(), Problem> {
    let is_manifests = |part: &&Part| matches!(part.unrendered, Some(Unrendered::Manifests(_)));
    let is_unrendered = rendering.parts.first().as_ref().is_some_and(is_manifests);
    let mut files = edited.iter().flat_map(|files| files.keys());
    if is_unrendered && files.any(|path| is_kustomization(path) || !snapshot.has_file(path)) {
        let why = rendering.problems.iter().find(|problem| problem.code == RENDERER_MISSING).cloned();
        return Err(why.unwrap_or_else(|| Problem::new(codes::NOT_PROVEN, "it was not rendered", REPORT)));
    }
    Ok(())
}

/// The files of an entry point, and edited ones beside its kustomizations: a patch file may be new.
fn with_patch_files(entry: &EntryTrace, after: &FileSet) -> BTreeSet<RepoPath> {
    let mut reads = entry.own_files.clone();
    let kustomizations = entry.own_files.iter().filter(|file| is_kustomization(file));
    let folders: BTreeSet<Option<RepoPath>> = kustomizations.map(RepoPath::parent).collect();
    if entry.entry.renderer == RendererKind::Kustomize {
        reads.extend(after.keys().filter(|file| folders.contains(&file.parent())).cloned());
    }
    reads
}

/// A limit that is set elsewhere as well: without this line, the value below it shows.
fn uncovered(entry: &RepoPath, field: &ChangedField, site: &EditSite) -> Problem {
    let ChangedField { field, workload, container, .. } = field;
    let text = format!(
        "{entry}: without this line, {workload} [{container}] gets {field} from another place, such as the base of the overlay"
    );
    let help = format!(
        "remove the limit there too, or say `keep` under sizing.limits.{} for this path",
        field.resource
    );
    Problem::new(codes::UNCOVERED, text, help).at(site.file.as_str(), Some(site.line))
}

/// A created request that shows where nothing says how much is used: an entry point has a place of its own for it, above
/// the one where it is created, and sets nothing there.
fn spilled(entry: &RepoPath, field: &ChangedField, change_set: &ChangeSet) -> Option<Problem> {
    let mut additions =
        change_set.recommendations.iter().flat_map(|recommendation| &recommendation.additions);
    let addition = additions
        .find(|addition| addition.field == field.field && Some(addition.after) == field.value.after)?;
    let ChangedField { field, workload, container, .. } = field;
    let text =
        format!("{entry}: {workload} [{container}] would get this {field} too, and is not sized for it");
    let help = "set the request in that entry point's own patch or values first; kubeopt proposes it there once it knows the usage";
    let site = &addition.site;
    Some(Problem::new(codes::SPILLED, text, help).at(site.file.as_str(), Some(site.line)))
}

fn not_proven(entry: &RepoPath, field: &ChangedField, unexpected: bool) -> Problem {
    let what = if unexpected { "would change as well" } else { "would not change as proposed" };
    let text = format!("{entry}: {} of {} [{}] {what}", field.field, field.workload, field.container);
    Problem::new(codes::NOT_PROVEN, text, REPORT)
}
