//! What a merged pull request changed, in the terms of the clusters that run it, and the policy that it is watched under.

use std::collections::BTreeMap;

use kubeopt_api::policy::PolicyFile;
use kubeopt_api::{Subject, effective_policy};
use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::pull_request::Marker;
use kubeopt_model::{Amount, Bound, Change, ContainerId, Field, RepoPath, Resources, WorkloadId};

use crate::located::Sites;
use crate::policy_files::PolicyFiles;
use crate::proposing::strictest;
use crate::publishing::{Merge, selector};
use crate::seen::Seen;

/// A container whose values were changed.
#[derive(Debug, Clone)]
pub(super) struct Changed {
    pub(super) container: ContainerId,
    /// As they were before, and as they are.
    pub(super) resources: Change<Resources>,
}

/// The containers that a pull request changed, of every cluster that runs them, sorted.
pub(super) fn changed(marker: &Marker, seen: &Seen) -> Vec<Changed> {
    let mut befores: BTreeMap<String, Vec<(Field, String)>> = BTreeMap::new();
    for field in &marker.fields {
        if let Ok(of) = field.field.parse() {
            befores.entry(field.container.clone()).or_default().push((of, field.value.before.clone()));
        }
    }
    // Containers that share a scalar with the first one of it.
    for request in marker.changed_requests() {
        let field = Field { bound: Bound::Request, resource: request.resource };
        let known = befores.entry(request.container).or_default();
        if !known.iter().any(|(of, _)| *of == field) {
            known.push((field, request.value.before));
        }
    }
    let mut changed = Vec::new();
    for facts in seen.clusters.values() {
        for (text, fields) in &befores {
            let Some((namespace, kind, name, container)) = selector(text) else { continue };
            let workload = WorkloadId { cluster: facts.cluster.clone(), namespace, kind, name };
            let live = facts.workload(&workload).and_then(|live| live.container(&container));
            let Some(after) = live.map(|live| live.resources) else { continue };
            let mut before = after;
            for (field, text) in fields {
                match Amount::parse(field.resource, text) {
                    Ok(amount) => before.set(field.bound, amount),
                    Err(_) => before.unset(*field),
                }
            }
            let container = ContainerId { workload, container };
            changed.push(Changed { container, resources: Change { before, after } });
        }
    }
    changed.sort_by(|a, b| a.container.cmp(&b.container));
    changed
}

/// The most careful policy of the files and workloads of a merge. A policy file that is wrong counts as none: the watch goes
/// on with what is usual.
pub(super) fn policy_of(
    operator: Option<&PolicyFile>,
    merge: &Merge,
    changed: &[Changed],
    sites: &Sites,
) -> EffectivePolicy {
    let files = PolicyFiles::read(operator, sites);
    let nothing = BTreeMap::new();
    let paths = merge.marker.fields.iter().map(|field| (&field.container, &field.file));
    let policies = paths.filter_map(|(container, file): (&String, &RepoPath)| {
        let layers = files.layers(&merge.repository, &merge.marker.base, file).ok()?;
        let id = &changed.iter().find(|one| one.container.to_string() == *container)?.container.workload;
        let subject =
            Subject { path: file, namespace: &id.namespace, kind: id.kind, name: &id.name, labels: &nothing };
        Some(effective_policy(&layers, &subject))
    });
    strictest(policies).unwrap_or_default()
}
