//! From a proven change set to the draft of its pull request: what the words are made of.
//!
//! Writes no word itself; those are the business of `report` and its templates.

use std::collections::BTreeSet;

use kubeopt_model::cost::ProposedBill;
use kubeopt_model::finding::{Kind, severity_word};
use kubeopt_model::pull_request::{PullRequestDraft, branch_name};
use kubeopt_model::recommendation::Effect;
use kubeopt_model::{ContainerId, Field, Finding, NoRecommendation, Problem, Recommendation, Timestamp};
use kubeopt_report::{PullRequestInput, describe, uses_conventional_commits};

use super::change_set::ChangeSet;
use super::left::Left;
use super::proposal::{Proven, unread};
use crate::edges::Edges;
use crate::finding::Findings;
use crate::located::Sites;
use crate::pricing::basis;
use crate::seen::Seen;

/// What a pull request is told beside its changes.
pub(crate) struct Beside<'a> {
    /// Facts and prices.
    pub(crate) seen: &'a Seen,
    /// Sources and notes.
    pub(crate) sites: &'a Sites,
    /// What is left as it is.
    pub(crate) left: &'a [Left],
    /// Now.
    pub(crate) now: Timestamp,
}

impl Edges {
    /// The draft of a pull request.
    ///
    /// # Errors
    /// When a template of the operator fails, or the forge is not configured.
    pub(crate) fn describe(
        &self,
        proven: &Proven,
        bill: &ProposedBill,
        beside: &Beside<'_>,
    ) -> Result<PullRequestDraft, Problem> {
        let Proven { change_set, verifications } = proven;
        let Beside { seen, sites, left, now } = *beside;
        let trace =
            sites.trace(&change_set.repository, &change_set.base).ok_or_else(|| unread(change_set))?;
        let manners = &change_set.policy.pull_requests;
        let left_alone = left_beside(change_set, left);
        let prices = basis(&seen.prices, [&change_set.cluster]);
        let explanations = self.explanations(change_set, seen);
        let findings = findings_beside(change_set, &seen.findings, left);
        let input = PullRequestInput {
            cluster: &change_set.cluster,
            group: &change_set.group,
            label: &change_set.label,
            base: &change_set.base,
            recommendations: &change_set.recommendations,
            explanations: &explanations,
            left_alone: &left_alone,
            findings: &findings,
            noticed: &sites.notes,
            verifications,
            prices: prices.as_ref().map(|prices| *prices).map_err(String::as_str),
            bill,
            conventional_title: manners
                .titles
                .is_conventional(uses_conventional_commits(&trace.snapshot.subjects)),
            repeat_command: None,
            delivered_by: delivered_by(change_set, sites),
            reopen_moved_percent: change_set.policy.pull_requests.reopen_moved_percent,
            reopen_days: change_set.policy.pull_requests.reopen_days,
            freeze_days: change_set.policy.watch.freeze_seconds / 86_400,
            labels: &change_set.policy.pull_requests.labels,
            now,
        };
        let described = describe(&self.templates, &input).map_err(|error| error.problem())?;
        let host = &self.forge(&change_set.repository)?.host;
        Ok(PullRequestDraft {
            repository: change_set.repository.clone(),
            base: change_set.base.clone(),
            base_oid: trace.snapshot.commit.clone(),
            branch: branch_name(host, &change_set.repository, &change_set.base, &change_set.group),
            title: described.title,
            is_draft: verifications.iter().any(|verification| verification.by.not_rendered().is_some()),
            body: described.body,
            commit_message: described.commit_message,
            files: change_set.files.clone(),
            opens_as_draft: manners.draft,
            commits: change_set.policy.commits,
            labels: change_set.policy.pull_requests.labels.clone(),
            marker: described.marker,
        })
    }
}

/// Findings of other workloads of the same namespaces that a pull request tells; `kubeopt get findings` has all.
const FINDINGS_BESIDE_MAX: usize = 5;

/// The rule that holds the memory of what leaks.
const LEAK: &str = "leak";

/// What is unusual in the workloads of a change set, and in others of the same namespaces, as sentences.
fn findings_beside(change_set: &ChangeSet, findings: &Findings, left: &[Left]) -> Vec<String> {
    let members: Vec<_> = change_set.recommendations.iter().flat_map(|one| &one.members).collect();
    let places: BTreeSet<_> = members.iter().map(|member| place_of(&member.container)).collect();
    let workloads: BTreeSet<_> = members.iter().map(|member| &member.container.workload).collect();
    let near = findings.told().filter(|one| places.contains(&place_of(&one.container)));
    // Kills of what the pull request changes are told with their limits, beside the values that rest on them.
    let is_told =
        |one: &&Finding| one.kind() != Kind::OutOfMemory || !workloads.contains(&one.container.workload);
    let (own, others): (Vec<_>, Vec<_>) =
        near.filter(is_told).partition(|one| workloads.contains(&one.container.workload));
    let all = own.into_iter().chain(others.into_iter().take(FINDINGS_BESIDE_MAX));
    all.map(|one| {
        let mut text = format!("{}: {}", severity_word(one.severity), one.sentence());
        if one.kind() == Kind::Leak {
            text.push_str(of_its_memory(&one.container, change_set, left));
        }
        text
    })
    .collect()
}

/// What becomes of the memory of a container that leaks, as a sentence; empty where the pull request does not decide it.
fn of_its_memory(container: &ContainerId, change_set: &ChangeSet, left: &[Left]) -> &'static str {
    const STAYS: &str = ". Memory stays as it is";
    let by_leak = |why: &NoRecommendation| matches!(why, NoRecommendation::Refused { guardrail, .. } if guardrail == LEAK);
    let of_it = |one: &&Recommendation| one.members.iter().any(|member| member.container == *container);
    let Some(recommendation) = change_set.recommendations.iter().find(of_it) else {
        let is_left = left.iter().any(|left| left.containers.contains(container) && by_leak(&left.why));
        return if is_left { STAYS } else { "" };
    };
    let sides = recommendation.members.iter().find(|member| member.container == *container);
    let memory = |field: Field| sides.map(|member| member.resources.map(|side| side.get(field)));
    let memory = [Field::MEMORY_REQUEST, Field::MEMORY_LIMIT].map(memory);
    if memory.iter().flatten().all(|side| side.before == side.after) {
        return STAYS;
    }
    // A person, or another container that shares the value, may be what moves it.
    let is_raised = memory.iter().flatten().any(|side| side.after > side.before);
    let by_kill = recommendation
        .reasons
        .iter()
        .any(|reason| reason.rule == LEAK && reason.bound && matches!(reason.effect, Effect::Prefer(_)));
    if is_raised && by_kill { ". Memory is raised to what its OOM kill asks for, and no further" } else { "" }
}

fn place_of(container: &ContainerId) -> (&kubeopt_model::ClusterName, &kubeopt_model::Namespace) {
    (&container.workload.cluster, &container.workload.namespace)
}

/// Who rolls out what is merged, where the cluster tells it.
fn delivered_by(change_set: &ChangeSet, sites: &Sites) -> Option<&'static str> {
    let members = change_set.recommendations.iter().flat_map(|recommendation| &recommendation.members);
    let applied = members.filter_map(|member| sites.sources.get(&member.container.workload)?.as_ref().ok());
    applied.into_iter().find_map(|source| source.known_from.delivered_by())
}

/// What was looked at in the same namespaces and left, once per workload and reason.
fn left_beside(change_set: &ChangeSet, left: &[Left]) -> Vec<(String, NoRecommendation)> {
    let namespaces: BTreeSet<_> = change_set
        .recommendations
        .iter()
        .flat_map(|recommendation| &recommendation.members)
        .map(|member| &member.container.workload.namespace)
        .collect();
    let mut beside: Vec<(String, NoRecommendation)> = Vec::new();
    for each in left.iter().filter(|each| namespaces.contains(&each.workload.namespace)) {
        let subject = match each.containers.as_slice() {
            [one] => one.to_string(),
            _ => each.workload.to_string(),
        };
        beside.push((subject, each.why.clone()));
    }
    beside
}
