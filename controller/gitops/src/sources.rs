//! From live workloads to their sources: what GitOps objects say, the annotation, the operator's mappings. Pure: it
//! sees facts and configuration, never a cluster or a repository.
//!
//! Order: a workload that is owned by another is left out (it is sized through its owner); the annotation
//! `kubeopt.dev/source`; the GitOps object that applied it; `sources:` of the controller's configuration. Whatever says
//! where a source is, a binding must allow it.

use std::collections::BTreeMap;

use kubeopt_model::source::{FilesBelow, KnownFrom, Source};
use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{Binding, ClusterFacts, Problem, RepositoryId, SourceMapping, Workload, WorkloadId};

pub use crate::known::Sources;

use crate::known::Known;
use crate::{allow, annotation, argo, codes, flux, flux_release};

/// The sources of every workload that is not owned by another, as far as a binding allows them, or why it has none; in
/// the order of the facts.
///
/// `locate` tells which configured repository a Git URL is. The renderer of a source is provisional where it depends on
/// the tree: see [`crate::entry::settle_renderer`].
pub fn resolve_sources(
    facts: &ClusterFacts,
    bindings: &[Binding],
    mappings: &[SourceMapping],
    locate: &dyn Fn(&str) -> Option<RepositoryId>,
) -> Vec<(WorkloadId, Result<Sources, Problem>)> {
    let found = find_sources(facts, bindings, mappings, locate).into_iter();
    found
        .map(|(id, sources)| {
            let allowed = sources.and_then(|sources| allowed(&id, sources, bindings));
            (id, allowed)
        })
        .collect()
}

/// As [`resolve_sources`], without asking whether a binding allows edits: to show where things come from. Only an
/// annotation, which anybody may write, is always held against the bindings.
pub fn find_sources(
    facts: &ClusterFacts,
    bindings: &[Binding],
    mappings: &[SourceMapping],
    locate: &dyn Fn(&str) -> Option<RepositoryId>,
) -> Vec<(WorkloadId, Result<Sources, Problem>)> {
    let known = Known { facts, bindings, mappings, locate };
    let workloads = facts.workloads.iter().filter(|workload| workload.owner.is_none());
    // An object has many workloads and is followed once.
    let mut followed: Followed<'_> = BTreeMap::new();
    workloads.map(|workload| (workload.id.clone(), find(known, workload, &mut followed))).collect()
}

/// The sources that a binding allows for the workload's namespace.
///
/// # Errors
/// `E-SRC-109` where it allows none of them.
pub fn allowed(id: &WorkloadId, mut sources: Sources, bindings: &[Binding]) -> Result<Sources, Problem> {
    let bound = |source: &Source| allow::bound(bindings, &id.cluster, &id.namespace, &source.repository);
    let refused = bound(sources.first()).err();
    sources.candidates.retain(|source| bound(source).is_ok());
    sources.described_in = sources.described_in.filter(|source| bound(source).is_ok());
    match refused {
        Some(problem) if sources.candidates.is_empty() => Err(problem),
        Some(problem) => {
            sources.notes.push(format!("{id}: a source that counts more is left out: {}", problem.text));
            Ok(sources)
        }
        None => Ok(sources),
    }
}

/// What came of objects that were followed before.
type Followed<'a> = BTreeMap<&'a AppliedBy, Result<Sources, Problem>>;

fn find<'a>(
    known: Known<'a>,
    workload: &'a Workload,
    followed: &mut Followed<'a>,
) -> Result<Sources, Problem> {
    if let Some(written) = workload.annotations.get(annotation::KEY) {
        return annotation::source(known, workload, written).map(Sources::one);
    }
    let mut follow = |applied_by: &'a AppliedBy| {
        followed.entry(applied_by).or_insert_with(|| of_object(known, applied_by)).clone()
    };
    match &workload.applied_by {
        Some(applied_by @ AppliedBy::ArgoApplication { .. }) => {
            let found = follow(applied_by);
            // The Application may live in another cluster, where only the operator knows of it.
            let elsewhere = |problem: &Problem| problem.code == codes::APPLICATION_MISSING;
            match (found, mapped(known, workload)) {
                (Err(problem), Some(source)) if elsewhere(&problem) => Ok(Sources::one(source)),
                (found, _) => found,
            }
        }
        Some(applied_by @ (AppliedBy::FluxKustomization { .. } | AppliedBy::FluxHelmRelease { .. })) => {
            follow(applied_by)
        }
        Some(AppliedBy::Object { kind, name }) => {
            mapped(known, workload).map(Sources::one).ok_or_else(|| made_by(kind, name))
        }
        None => mapped(known, workload).map(Sources::one).ok_or_else(|| unknown(workload)),
    }
}

/// Where the objects come from that this one applied.
fn of_object(known: Known<'_>, applied_by: &AppliedBy) -> Result<Sources, Problem> {
    match applied_by {
        AppliedBy::FluxKustomization { namespace, name } => flux::kustomization(known, namespace, name),
        AppliedBy::FluxHelmRelease { namespace, name } => flux_release::helm_release(known, namespace, name),
        AppliedBy::ArgoApplication { namespace, name } => argo::application(known, namespace, name),
        AppliedBy::Object { kind, name } => Err(made_by(kind, name)),
    }
}

/// The first mapping that names the workload's namespace, else the first that covers the whole cluster.
fn mapped(known: Known<'_>, workload: &Workload) -> Option<Source> {
    let of_cluster = || known.mappings.iter().filter(|mapping| mapping.cluster == workload.id.cluster);
    let mapping = of_cluster()
        .find(|mapping| mapping.namespaces.contains(&workload.id.namespace))
        .or_else(|| of_cluster().find(|mapping| mapping.namespaces.is_empty()))?;
    Some(Source {
        cluster: mapping.cluster.clone(),
        repository: mapping.repository.clone(),
        branch: mapping.branch.clone(),
        entry: mapping.path.clone(),
        renderer: mapping.renderer,
        target_namespace: None,
        overlay: None,
        release: None,
        files: FilesBelow::All,
        known_from: KnownFrom::Configured,
    })
}

fn made_by(kind: &str, name: &str) -> Problem {
    Problem::new(
        codes::MADE_BY_OBJECT,
        format!("{kind} {name} made the workload; its controller would undo a change of the workload"),
        format!("set the resources in the spec of {kind} {name}, as the documentation of its operator tells"),
    )
}

fn unknown(workload: &Workload) -> Problem {
    let WorkloadId { cluster, namespace, .. } = &workload.id;
    Problem::new(
        codes::SOURCE_UNKNOWN,
        "no object of Flux or Argo CD tells where the workload comes from, and no entry of `sources` covers its namespace",
        format!(
            "if its manifests are in Git, add to `sources` of the controller's configuration: `- {{cluster: {cluster}, namespaces: [{namespace}], repository: OWNER/NAME, path: FOLDER, renderer: plain}}`"
        ),
    )
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
