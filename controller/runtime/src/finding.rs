//! The stage *find*: what is unusual in usage, and what became of it since the pass before.
//!
//! Detectors are fed with the points of the days that history keeps. Those of the days that are over are fed once and kept
//! until midnight, so that a pass feeds today's alone; what is found depends on history and facts, not on how long the
//! process has run. What was found before comes from the journal, and what changed goes there at the end of the pass.

mod feed;
pub(crate) mod findings;
pub(crate) mod kept;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_api::{Layer, Subject, effective_policy};
use kubeopt_findings::{Growth, Known, Look, settle};
use kubeopt_model::{
    ClusterFacts, ContainerId, EffectivePolicy, Finding, Problem, RepoPath, Timestamp, WorkloadId,
};
use kubeopt_policy::silenced;

use crate::edges::Edges;
use crate::located::Sites;
use crate::policy_files::PolicyFiles;
use crate::seen::Seen;

pub use findings::{Findings, News};
pub use kept::KeptDetectors;
pub use table::{FindingRow, FindingTable, HEADERS, get_findings};

/// Any file of a folder is spoken of by the policy files of that folder and those above.
const ANY_FILE: &str = "any.yaml";

/// What was looked at, and what is known of it beside findings.
#[derive(Debug, Default)]
struct Looked {
    found: Vec<Finding>,
    grows: BTreeMap<ContainerId, Option<Growth>>,
    problems: Vec<Problem>,
}

impl Edges {
    /// The sites by whose policy files findings are told; none without a forge, where there is no repository to read.
    pub(crate) async fn sites_to_find(&self, seen: &Seen) -> Sites {
        if self.forges.is_empty() { Sites::default() } else { self.sites(seen).await }
    }

    /// Looks for what is unusual in the usage of all that was seen, and settles it with what was known. A cluster whose usage
    /// is incomplete is not looked at: nothing opens there, and nothing is over.
    pub async fn find(&self, seen: &mut Seen, sites: &Sites, now: Timestamp) {
        self.progress.stage("looking for findings", None);
        let before = match self.journal.open_findings().await {
            Ok(before) => Some(before),
            Err(error) => {
                seen.problems.push(error.problem());
                None
            }
        };
        let mut looked = Looked::default();
        let whole = seen.clusters.iter().filter(|(name, _)| !seen.partial.contains_key(*name));
        let mut problems = Vec::new();
        for (cluster, facts) in whole {
            match self.look_into(facts, now).await {
                Ok(one) => {
                    looked.found.extend(one.found);
                    looked.grows.extend(one.grows);
                    problems.extend(one.problems);
                }
                Err(error) => {
                    tracing::debug!(%cluster, "findings were not looked for");
                    problems.push(error.problem());
                }
            }
        }
        seen.problems.extend(problems);
        let policies = self.policies_of(&looked.found, before.iter().flatten(), seen, sites);
        let policy = |id: &WorkloadId| policies.get(id).cloned().unwrap_or_default();
        looked.found.retain(|finding| policy(&finding.container.workload).findings.enabled);
        let look = Look {
            now_unix_s: now.as_second(),
            // Where nothing is looked for, nothing is open.
            known: &|id| match policy(&id.workload).findings.enabled {
                true => self.known_of(id, &looked.grows, seen),
                false => Known::Gone,
            },
            silenced: &|finding| silenced(&policy(&finding.container.workload).findings, finding.kind(), now),
            is_told: &|finding| {
                let findings = policy(&finding.container.workload).findings;
                findings.enabled && finding.severity >= findings.min_severity
            },
        };
        let mut settled = settle(before.as_deref().unwrap_or_default(), looked.found.clone(), &look);
        if before.is_none() {
            // Nobody knows what was told: better once too seldom than once more with each pass.
            settled.news.clear();
            settled.changed.clear();
        }
        seen.findings = Findings::of(settled, |one| policy(&one.container.workload).notifications);
    }

    fn known_of(
        &self,
        id: &ContainerId,
        grows: &BTreeMap<ContainerId, Option<Growth>>,
        seen: &Seen,
    ) -> Known {
        let cluster = &id.workload.cluster;
        let Some(facts) = seen.clusters.get(cluster) else {
            // One that is not configured any more is never looked at again.
            let is_configured = self.clusters.iter().any(|one| one.name == *cluster);
            return if is_configured { Known::NotLookedAt } else { Known::Gone };
        };
        if !self.selection.covers(&id.workload) {
            return Known::NotLookedAt;
        }
        let there = facts.workload(&id.workload).and_then(|workload| workload.container(&id.container));
        match (there, grows.get(id)) {
            // A kind that could not be listed is not gone.
            (None, _) if is_whole(facts) => Known::Gone,
            (None, _) | (Some(_), None) => Known::NotLookedAt,
            (Some(_), Some(growth)) => Known::Seen { growth: *growth },
        }
    }

    /// The policy of each workload that anything was or is found in. Of a policy file that is wrong nothing counts.
    fn policies_of<'a>(
        &self,
        found: &'a [Finding],
        before: impl Iterator<Item = &'a Finding>,
        seen: &Seen,
        sites: &Sites,
    ) -> BTreeMap<WorkloadId, EffectivePolicy> {
        let ids: BTreeSet<&WorkloadId> =
            found.iter().chain(before).map(|finding| &finding.container.workload).collect();
        let files = PolicyFiles::read(self.operator_policy.as_ref(), &seen.policies, sites);
        ids.into_iter().map(|id| (id.clone(), policy_of(id, &files, seen, sites))).collect()
    }
}

/// All kinds that the cluster has were listed.
fn is_whole(facts: &ClusterFacts) -> bool {
    facts.unseen.iter().all(|problem| problem.code == kubeopt_cluster::ABSENT)
}

/// What the files that set its values say; where they do not say it, the folder of its entry point. Where one of them is wrong,
/// what the operator and the cluster say.
fn policy_of(id: &WorkloadId, files: &PolicyFiles, seen: &Seen, sites: &Sites) -> EffectivePolicy {
    let source = sites.sources.get(id).and_then(|source| source.as_ref().ok());
    let traced = source.and_then(|source| Some((source, sites.trace_of(source)?.as_ref().ok()?)));
    let of_files = traced.and_then(|(source, trace)| {
        let mut paths: BTreeSet<RepoPath> = match trace.of(source) {
            Some(Ok(entry)) => {
                let own = entry.fields.iter().filter(|field| field.workload.describes(id));
                own.filter_map(|field| Some(field.site.as_ref().ok()?.file.clone())).collect()
            }
            Some(Err(_)) | None => BTreeSet::new(),
        };
        if paths.is_empty() {
            // Policy files stand in folders: that of a folder is read with any file in it.
            paths.insert(source.entry.join(ANY_FILE).unwrap_or_else(|_| RepoPath::root()));
        }
        let layers = |path: RepoPath| {
            let layers = files.layers(&id.cluster, &source.repository, &trace.snapshot.branch, &path);
            Some(said(id, &layers.ok()?, &path, seen))
        };
        paths.into_iter().map(layers).collect::<Option<Vec<_>>>()
    });
    match of_files.and_then(|all| all.into_iter().reduce(together)) {
        Some(policy) => policy,
        None => said(id, &files.operators_of(&id.cluster), &RepoPath::root(), seen),
    }
}

fn said(id: &WorkloadId, layers: &[Layer], path: &RepoPath, seen: &Seen) -> EffectivePolicy {
    let nothing = BTreeMap::new();
    let workload = seen.clusters.get(&id.cluster).and_then(|facts| facts.workload(id));
    let labels = workload.map_or(&nothing, |workload| &workload.labels);
    let subject = Subject { path, namespace: &id.namespace, kind: id.kind, name: &id.name, labels };
    effective_policy(layers, &subject)
}

/// Of files that say different things the one by which more is told; silences add up.
fn together(mut all: EffectivePolicy, other: EffectivePolicy) -> EffectivePolicy {
    let (findings, with) = (&mut all.findings, other.findings);
    findings.enabled |= with.enabled;
    findings.min_severity = findings.min_severity.min(with.min_severity);
    for silence in with.silences {
        if !findings.silences.contains(&silence) {
            findings.silences.push(silence);
        }
    }
    all.notifications = all.notifications.and(&other.notifications);
    all
}

#[cfg(test)]
mod tests;
