//! Environments and waves of clusters come one after the other: what is proposed for a later one waits until the earlier ones
//! run it, unharmed, for as long as the policy says.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_api::Subject;
use kubeopt_api::policy::{Asked, environment_of};
use kubeopt_forge::{PullRequest, PullRequestState};
use kubeopt_model::policy::Environment;
use kubeopt_model::pull_request::{MarkedField, Marker, ONBOARDING, rollback_of};
use kubeopt_model::{
    ClusterFacts, ClusterName, ContainerName, Namespace, ObjectName, Problem, RepoPath, RepositoryId,
    Timestamp, WorkloadId, WorkloadKind,
};
use kubeopt_policy::{RolloutStep, Stage, rollout_hold};

use super::marked::selector;
use super::merges::{Merges, Sync};
use super::onboard::Waiting;
use crate::codes;
use crate::orders::AllOrders;
use crate::policy_files::PolicyFiles;
use crate::proposing::{Decided, Proposal};
use crate::seen::Seen;

/// What a pass knows of what was proposed before.
pub(crate) struct Earlier<'a> {
    pub(crate) pulls: &'a BTreeMap<RepositoryId, Vec<PullRequest>>,
    pub(crate) merges: &'a Merges,
    pub(crate) orders: &'a AllOrders,
}

/// What is the same in all environments: the kind and name of a workload. Namespaces and clusters differ between them.
type Thing = (WorkloadKind, ObjectName);

/// A step, and what it is a step of.
struct Step {
    things: BTreeSet<Thing>,
    step: RolloutStep,
}

/// What the places of a pass are told by.
pub(crate) struct Places<'a> {
    pub(crate) files: &'a PolicyFiles,
    pub(crate) seen: &'a Seen,
}

/// What is open already and would have to wait for another environment or cluster, by repository and branch: why, as a
/// sentence without a full stop.
pub(crate) type Behind = BTreeMap<(RepositoryId, String), String>;

/// The proposals that have to wait for another environment or cluster, by repository and branch. What is open already is not
/// held; it is not merged by kubeopt either.
pub(crate) fn in_order(
    decided: &Decided,
    earlier: &Earlier<'_>,
    places: &Places<'_>,
    now: Timestamp,
) -> (Waiting, Behind) {
    let Earlier { pulls, merges, orders } = *earlier;
    let needs_order = |proposal: &Proposal| {
        let rollout = &proposal.change_set.policy.rollout;
        !rollout.order.is_empty() || !rollout.waves.is_empty()
    };
    if !decided.proposals.iter().any(needs_order) {
        return (Waiting::new(), Behind::new());
    }
    let mut steps: Vec<Step> = Vec::new();
    for (repository, pulls) in pulls {
        steps.extend(pulls.iter().flat_map(|pull| of_pull(repository, pull, merges, orders, places)));
    }
    // What is taken back is no step forward.
    let forward = decided.proposals.iter().filter(|one| rollback_of(&one.draft.marker.group).is_none());
    let wanted: Vec<(&Proposal, Step)> =
        forward.flat_map(|one| of_proposal(one, places).map(move |step| (one, step))).collect();
    let (mut waiting, mut behind) = (Waiting::new(), Behind::new());
    for (proposal, own) in wanted.iter().filter(|(proposal, _)| needs_order(proposal)) {
        let same = |step: &&Step| !step.things.is_disjoint(&own.things);
        let others = wanted.iter().map(|(_, step)| step).filter(|other| !std::ptr::eq(*other, own));
        let related: Vec<RolloutStep> =
            steps.iter().chain(others).filter(same).map(|step| step.step.clone()).collect();
        if let Some(hold) = rollout_hold(&own.step, &related, &proposal.change_set.policy, now) {
            let key = (proposal.draft.repository.clone(), proposal.draft.branch.clone());
            if is_open(proposal, pulls) {
                behind.entry(key).or_insert(hold.text);
                continue;
            }
            let until = hold.until.map_or(String::new(), |until| format!(", not before {until}"));
            let help = format!("nothing to do: it follows by itself{until}");
            waiting.entry(key).or_insert_with(|| Problem::new(codes::LIMITED, hold.text, help));
        }
    }
    (waiting, behind)
}

/// The environments of all that a proposal changes, by each file that it edits.
pub(super) fn environments_of(proposal: &Proposal, places: &Places<'_>) -> Vec<Option<Environment>> {
    let draft = &proposal.draft;
    let mut all = BTreeSet::new();
    for one in &proposal.change_set.recommendations {
        for file in one.files() {
            let of = |id| environment(places, &draft.repository, &draft.base, id, file);
            all.extend(one.members.iter().map(|member| of(&member.container.workload)));
        }
    }
    all.into_iter().collect()
}

fn is_open(proposal: &Proposal, pulls: &BTreeMap<RepositoryId, Vec<PullRequest>>) -> bool {
    let own = pulls.get(&proposal.draft.repository).into_iter().flatten();
    own.into_iter()
        .any(|pull| pull.state == PullRequestState::Open && pull.head_branch == proposal.draft.branch)
}

/// The steps that a proposal would be, one for each environment and cluster that it changes.
fn of_proposal<'a>(proposal: &'a Proposal, places: &'a Places<'_>) -> impl Iterator<Item = Step> + 'a {
    let draft = &proposal.draft;
    let members = proposal.change_set.recommendations.iter().flat_map(|one| {
        let file = one.files().next().cloned().unwrap_or_default();
        one.members.iter().map(move |member| (member.container.workload.clone(), file.clone()))
    });
    grouped(places, &draft.repository, &draft.base, members, Stage::Wanted).into_iter()
}

/// The steps that a pull request is.
fn of_pull(
    repository: &RepositoryId,
    pull: &PullRequest,
    merges: &Merges,
    orders: &AllOrders,
    places: &Places<'_>,
) -> Vec<Step> {
    let Some(marker) = Marker::find(&pull.body) else { return Vec::new() };
    if marker.group == ONBOARDING || rollback_of(&marker.group).is_some() {
        return Vec::new();
    }
    let stage = match pull.state {
        PullRequestState::Open => Stage::Open,
        PullRequestState::Closed => return Vec::new(),
        PullRequestState::Merged => match stage_of_merge(repository, pull, merges, orders) {
            Some(stage) => stage,
            // Merges of long ago are no step of what is proposed now.
            None => return Vec::new(),
        },
    };
    let workload = |field: &MarkedField| -> Option<(WorkloadId, RepoPath)> {
        let (namespace, kind, name, _): (Namespace, WorkloadKind, ObjectName, ContainerName) =
            selector(&field.container)?;
        let cluster = ClusterName::new(&marker.cluster).ok()?;
        Some((WorkloadId { cluster, namespace, kind, name }, field.file.clone()))
    };
    grouped(places, repository, &marker.base, marker.fields.iter().filter_map(workload), stage)
}

fn stage_of_merge(
    repository: &RepositoryId,
    pull: &PullRequest,
    merges: &Merges,
    orders: &AllOrders,
) -> Option<Stage> {
    let orders = orders.of(repository);
    let harmed = orders.is_some_and(|orders| {
        orders.standing.harmed.contains_key(&pull.number)
            || orders.back.iter().any(|back| back.number == pull.number)
            || orders.taken_back.iter().any(|back| back.number == pull.number)
    });
    let merge =
        merges.merges.iter().find(|it| &it.repository == repository && it.pull.number == pull.number)?;
    if harmed {
        return Some(Stage::Harmed);
    }
    Some(match (merge.sync, merge.synced_unix_s.and_then(|at| Timestamp::from_second(at).ok())) {
        (Sync::Synced, Some(since)) => Stage::Running { since },
        (Sync::Synced, None) | (Sync::Waiting { .. }, _) => Stage::Merged,
    })
}

/// One step for each environment and cluster.
fn grouped(
    places: &Places<'_>,
    repository: &RepositoryId,
    base: &str,
    workloads: impl Iterator<Item = (WorkloadId, RepoPath)>,
    stage: Stage,
) -> Vec<Step> {
    let mut grouped: BTreeMap<(Option<Environment>, ClusterName), BTreeSet<Thing>> = BTreeMap::new();
    for (id, file) in workloads {
        let environment = environment(places, repository, base, &id, &file);
        grouped.entry((environment, id.cluster.clone())).or_default().insert((id.kind, id.name));
    }
    grouped
        .into_iter()
        .map(|((environment, cluster), things)| Step {
            things,
            step: RolloutStep { environment, cluster, stage },
        })
        .collect()
}

/// The environment of a workload, as its names and the operator's map tell it.
fn environment(
    places: &Places<'_>,
    repository: &RepositoryId,
    base: &str,
    id: &WorkloadId,
    file: &RepoPath,
) -> Option<Environment> {
    let layers = places.files.layers(&id.cluster, repository, base, file).ok()?;
    let nothing = BTreeMap::new();
    let live = places.seen.clusters.get(&id.cluster).and_then(|facts: &ClusterFacts| facts.workload(id));
    let labels = live.map_or(&nothing, |workload| &workload.labels);
    let subject = Subject { path: file, namespace: &id.namespace, kind: id.kind, name: &id.name, labels };
    environment_of(&layers, Asked::Workload(&subject)).map(|known| known.environment)
}
