//! The stages *recommend* and *admit*: from located containers to recommendations that passed every guardrail.
//!
//! Pure but for the usage and policy files that are handed in.

use std::cell::RefCell;
use std::collections::BTreeMap;

use kubeopt_api::{Layer, Subject, effective_policy};
use kubeopt_cluster::Watched;
use kubeopt_gitops::path_allowed;
use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::{
    Binding, Bound, ClusterFacts, Container, ContainerId, EditSite, Field, NoRecommendation, Problem,
    Recommendation, RepoPath, RepositoryId, Workload, WorkloadId, WorkloadKind,
};
use kubeopt_policy::{Admission, AdmitContext, Promised, admit};
use kubeopt_recommend::tell_hours;

use super::admitted::{Admitted, Wanted};
use super::ahead::raised;
use super::demand::{Candidate, Located, Unit, candidates, strictest};
use super::governed::Governed;
use super::ground::{Foretold, Ground};
use super::left::{IGNORED, Left, leave, leave_all};
use super::overlay::Overlays;
use super::patched::{Ground as PatchGround, patched};
use super::scaled::{live_targets, with_targets, without_targets};
use super::shared_base::{Settle, overlay_policies, settle_shared};
use super::sizes::{Needed, name_of, need, need_each};
use super::sure::{Record, state_confidence};
use crate::located::Sites;
use crate::orders::AllOrders;
use crate::outlook::windows_of;
use crate::panics::caught;
use crate::policy_files::PolicyFiles;
use crate::pricing::price;
use crate::side_by_side::side_by_side;
use crate::tracing::{EntryTrace, is_of_release};

/// Units that are sized side by side; what was found of them is held until they are admitted one by one.
const SIDE_BY_SIDE: usize = 512;

/// Locates every workload in the traces. Workloads without a source, or whose entry point does not describe them, are
/// left with the reason.
pub(crate) fn locate(facts: &[&ClusterFacts], sites: &Sites, bindings: &[Binding]) -> (Vec<Unit>, Vec<Left>) {
    let (mut found, mut left) = (Vec::new(), Vec::new());
    for workload in
        facts.iter().flat_map(|facts| &facts.workloads).filter(|workload| workload.owner.is_none())
    {
        match locate_one(workload, sites, bindings) {
            Ok(candidates) => found.extend(candidates),
            Err(why) => left.push(whole(workload, why)),
        }
    }
    (super::demand::units(found), left)
}

fn locate_one(
    workload: &Workload,
    sites: &Sites,
    bindings: &[Binding],
) -> Result<Vec<Candidate>, NoRecommendation> {
    let source = match sites.sources.get(&workload.id) {
        Some(Ok(source)) => source,
        Some(Err(problem)) => return Err(NoRecommendation::NoSource(problem.clone())),
        None => return Err(NoRecommendation::NoSource(not_rendered(workload, "its source"))),
    };
    let trace = match sites.trace_of(source) {
        Some(Ok(trace)) => trace,
        Some(Err(problem)) => return Err(NoRecommendation::NoSource(problem.clone())),
        None => return Err(NoRecommendation::NoSource(not_rendered(workload, &source.entry.to_string()))),
    };
    let entry = match trace.of(source) {
        Some(Ok(entry)) => entry,
        Some(Err(problem)) => return Err(NoRecommendation::NotEditable(problem.clone())),
        None => return Err(NoRecommendation::NoSource(not_rendered(workload, &source.entry.to_string()))),
    };
    let described = entry.fields.iter().any(|field| field.workload.describes(&workload.id));
    if !described && workload.containers.iter().any(|container| container.resources != Default::default()) {
        let missing = || not_rendered(workload, &source.entry.to_string());
        return Err(NoRecommendation::NotEditable(
            likely_unread(entry, workload).cloned().unwrap_or_else(missing),
        ));
    }
    let located = Located {
        workload,
        repository: &source.repository,
        base: &trace.snapshot.branch,
        entry: &entry.entry.path,
        fields: &entry.fields,
    };
    let allowed = |path: &RepoPath| {
        path_allowed(bindings, &workload.id.cluster, &workload.id.namespace, &source.repository, path)
    };
    Ok(candidates(&located, &allowed))
}

/// What of the entry point could not be read and probably holds the workload: its release, a file of its name, else the
/// first.
fn likely_unread<'a>(entry: &'a EntryTrace, workload: &Workload) -> Option<&'a Problem> {
    let of_its_name = |problem: &&Problem| {
        let name = problem.place.as_ref().and_then(|place| place.file.rsplit('/').next());
        name.is_some_and(|name| name.contains(workload.id.name.as_str()))
    };
    let of_its_release =
        |problem: &&Problem| workload.applied_by.as_ref().is_some_and(|by| is_of_release(problem, by));
    let unread = || entry.unread.iter();
    unread().find(of_its_release).or_else(|| unread().find(of_its_name)).or(entry.unread.first())
}

fn not_rendered(workload: &Workload, entry: &str) -> Problem {
    let text = format!("{entry} does not set resources of {}", workload.id);
    let help = "check that the branch in Git is the one that is applied, and that the manifest parses";
    Problem::new(crate::codes::NOT_RENDERED, text, help)
}

fn whole(workload: &Workload, why: NoRecommendation) -> Left {
    let containers = workload
        .containers
        .iter()
        .map(|container| ContainerId { workload: workload.id.clone(), container: container.name.clone() })
        .collect();
    Left { workload: workload.id.clone(), containers, why }
}

/// Containers as the cluster alone shows them: what `scan` sizes where no repository is configured.
pub(crate) fn live_units(facts: &[&ClusterFacts], repository: &RepositoryId) -> Vec<Unit> {
    let workloads =
        facts.iter().flat_map(|facts| &facts.workloads).filter(|workload| workload.owner.is_none());
    workloads
        .flat_map(|workload| workload.containers.iter().map(move |container| (workload, container)))
        .map(|(workload, container)| live_unit(workload, container, repository))
        .collect()
}

/// One of them.
pub(super) fn live_unit(workload: &Workload, container: &Container, repository: &RepositoryId) -> Unit {
    let site = |field: Field| {
        let text = match container.resources.get(field) {
            Some(value) => value.to_string(),
            // A request that nothing sets would be created.
            None if field.bound == Bound::Request => String::new(),
            None => return None,
        };
        Some((field, EditSite::live_only(text), Vec::new()))
    };
    let candidate = Candidate {
        workload: workload.clone(),
        container: container.clone(),
        sites: Field::ALL.into_iter().filter_map(site).collect(),
        refused: Vec::new(),
        open_limits: Vec::new(),
        scale_targets: live_targets(workload),
        repository: repository.clone(),
        base: String::new(),
        entry: RepoPath::root(),
    };
    Unit { repository: repository.clone(), base: String::new(), candidates: vec![candidate] }
}

/// Gives every unit the policy of its paths. A unit below a policy file that is wrong is left with the error.
pub(crate) fn govern(units: Vec<Unit>, files: &PolicyFiles) -> (Vec<Governed>, Vec<Left>) {
    let (mut governed, mut left) = (Vec::new(), Vec::new());
    for unit in units {
        match policy_of(&unit, &[], files) {
            Ok(policy) => {
                let overlays = overlay_policies(&unit, &|part, file| policy_of(part, &[file], files));
                governed.push(Governed { unit, policy, overlays });
            }
            Err(problem) => left.extend(leave_all(&unit, NoRecommendation::NotEditable(problem))),
        }
    }
    (governed, left)
}

/// The same for a unit of which something is taken back: a policy file that is wrong, or that says no, keeps nothing from
/// getting back what it had.
pub(crate) fn govern_back(unit: &Unit, files: &PolicyFiles) -> Governed {
    let policy = policy_of(unit, &[], files).unwrap_or_default();
    Governed { unit: unit.clone(), policy, overlays: BTreeMap::new() }
}

/// Takes out the units of which somebody wants a container left alone: what is written for one is written for all that
/// share its scalars.
pub(crate) fn leave_ignored(governed: Vec<Governed>, orders: &AllOrders) -> (Vec<Governed>, Vec<Left>) {
    let (mut rest, mut left) = (Vec::new(), Vec::new());
    for each in governed {
        let why = |candidate: &Candidate| orders.ignored(&each.unit.repository, &candidate.id());
        match each.unit.candidates.iter().find_map(why) {
            None => rest.push(each),
            Some(text) => {
                let why = NoRecommendation::Refused { guardrail: IGNORED.to_owned(), text };
                left.extend(leave_all(&each.unit, why));
            }
        }
    }
    (rest, left)
}

/// The policy of the files that set the containers' values, and of `more` files that may come to do so.
fn policy_of(unit: &Unit, more: &[RepoPath], files: &PolicyFiles) -> Result<EffectivePolicy, Problem> {
    let mut policies = Vec::new();
    for candidate in &unit.candidates {
        let own = candidate.sites.iter().map(|(_, site, _)| site.file.clone());
        let mut paths: Vec<RepoPath> = own.chain(more.iter().cloned()).collect();
        paths.dedup();
        if paths.is_empty() {
            paths.push(RepoPath::root());
        }
        for path in paths {
            let layers: Vec<Layer> =
                files.layers(&candidate.workload.id.cluster, &unit.repository, &unit.base, &path)?;
            let id = &candidate.workload.id;
            let subject = Subject {
                path: &path,
                namespace: &id.namespace,
                kind: id.kind,
                name: &id.name,
                labels: &candidate.workload.labels,
            };
            policies.push(effective_policy(&layers, &subject));
        }
    }
    Ok(strictest(policies).unwrap_or_default())
}

/// Recommends and admits every unit.
pub(crate) fn want(governed: Vec<Governed>, ground: &Ground<'_>) -> Wanted {
    let mut wanted = Wanted::default();
    // Units come in the order of their workloads, so that each pass grants the same ones what a quota leaves.
    let promised = RefCell::new(Promised::default());
    let size = |unit: &Unit, policy: &EffectivePolicy| want_one(unit, policy, &promised.borrow(), ground);
    let overlays = Overlays::default();
    let patch = |admitted: Admitted, entry: &RepoPath, unit: &Unit| match ground
        .sites
        .trace(&unit.repository, &unit.base)
    {
        Some(trace) => {
            let ground = PatchGround { trace, bindings: ground.bindings, overlays: &overlays };
            patched(admitted, entry, unit, &ground)
        }
        None => Ok(admitted),
    };
    let mut units = governed.into_iter();
    let mut records: Vec<Record> = Vec::new();
    loop {
        let batch: Vec<Governed> = units.by_ref().take(SIDE_BY_SIDE).collect();
        if batch.is_empty() {
            break;
        }
        (ground.foretell)(&raised(&batch));
        let needed = need_each(&batch, ground);
        let mut passed: Vec<(Unit, EffectivePolicy)> = Vec::new();
        for (governed, needed) in batch.into_iter().zip(needed) {
            let whole = governed.unit.clone();
            let settled = caught(&|| name_of(&whole), || {
                let all = want_needed(&governed.unit, &governed.policy, needed, &promised.borrow(), ground);
                settle_shared(governed, all, &Settle { size: &size, patch: &patch })
            });
            let settled =
                settled.unwrap_or_else(|fault| vec![(whole, Err(NoRecommendation::NotEditable(fault)))]);
            for (unit, became) in settled {
                match became {
                    Ok(admitted) => {
                        promised.borrow_mut().add(&admitted.recommendation, ground.facts);
                        wanted.left.extend(left_members(&unit, &admitted));
                        passed.push((unit, admitted.policy.clone()));
                        wanted.admitted.push(admitted);
                    }
                    Err(why) => wanted.left.extend(leave_all(&unit, why)),
                }
            }
        }
        records.extend(side_by_side(&passed, &|(unit, policy)| Record::of(unit, policy, ground)));
        if ground.foretold_of == Foretold::Proposed {
            (ground.foretell)(&passed.iter().map(|(unit, _)| unit).collect::<Vec<_>>());
        }
    }
    for member in wanted.admitted.iter_mut().flat_map(|admitted| &mut admitted.recommendation.members) {
        member.foretold = (ground.foretold)(&member.container);
    }
    let mut wanted = state_confidence(wanted, &records, ground.facts);
    let mut admitted: Vec<&mut Recommendation> =
        wanted.admitted.iter_mut().map(|admitted| &mut admitted.recommendation).collect();
    price(&mut admitted, ground.prices);
    wanted
}

/// Recommends and admits one unit, after what was promised to others. Where a target cannot move with its request after
/// all, the unit is decided again with both where they are.
pub(super) fn want_one(
    unit: &Unit,
    policy: &EffectivePolicy,
    promised: &Promised,
    ground: &Ground<'_>,
) -> Result<Admitted, NoRecommendation> {
    want_needed(unit, policy, need(unit, policy, ground), promised, ground)
}

/// The same, for a unit that was sized before.
fn want_needed(
    unit: &Unit,
    policy: &EffectivePolicy,
    needed: Result<Needed, NoRecommendation>,
    promised: &Promised,
    ground: &Ground<'_>,
) -> Result<Admitted, NoRecommendation> {
    refuse_unknown_scalers(unit, ground.facts)?;
    want_scaled(unit, policy, needed?, promised, ground).and_then(|wanted| match wanted {
        Ok(admitted) => Ok(admitted),
        Err(stays) => {
            let unit = without_targets(unit, &stays);
            let needed = need(&unit, policy, ground)?;
            want_scaled(&unit, policy, needed, promised, ground)?
                .map_err(|why| NoRecommendation::Refused { guardrail: "scaler".to_owned(), text: why })
        }
    })
}

/// The same; the inner error is why a target cannot move with its request, as a clause.
fn want_scaled(
    unit: &Unit,
    policy: &EffectivePolicy,
    Needed { demand, recommendation }: Needed,
    promised: &Promised,
    ground: &Ground<'_>,
) -> Result<Result<Admitted, String>, NoRecommendation> {
    let context = AdmitContext { policy, facts: ground.facts, promised };
    match admit(recommendation, &context) {
        Admission::Admitted(recommendation) => {
            Ok(with_targets(recommendation, &demand, &context).map(|mut recommendation| {
                tell_hours(&mut recommendation, &demand, &windows_of);
                let entry = recommendation.feeds().next().cloned().unwrap_or_default();
                let (policy, base) = (policy.clone(), unit.base.clone());
                Admitted { recommendation, policy, base, entry, group: None }
            }))
        }
        Admission::Nothing(why) => Err(why),
    }
}

/// Where HPAs could not be listed, nothing says that none keeps the workload at a share of its requests.
fn refuse_unknown_scalers(unit: &Unit, facts: &[&ClusterFacts]) -> Result<(), NoRecommendation> {
    let is_in_doubt = |id: &WorkloadId| {
        may_be_scaled(id.kind)
            && facts.iter().any(|facts| facts.cluster == id.cluster && Watched::Scalers.is_unseen_in(facts))
    };
    match unit.candidates.iter().map(|candidate| &candidate.workload.id).find(|id| is_in_doubt(id)) {
        Some(id) => Err(NoRecommendation::Refused {
            guardrail: "scaler".to_owned(),
            text: format!(
                "HorizontalPodAutoscalers of cluster {} could not be listed, so one may hold the scale point of {id}",
                id.cluster
            ),
        }),
        None => Ok(()),
    }
}

/// Whether the kind has the subresource `scale`, through which an HPA works.
fn may_be_scaled(kind: WorkloadKind) -> bool {
    match kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::Rollout => true,
        WorkloadKind::DaemonSet | WorkloadKind::Job | WorkloadKind::CronJob => false,
    }
}

/// Containers of the unit that the recommendation does not speak of.
fn left_members(unit: &Unit, admitted: &Admitted) -> Vec<Left> {
    let spoken: Vec<&ContainerId> =
        admitted.recommendation.members.iter().map(|member| &member.container).collect();
    let silent = |candidate: &&Candidate| !spoken.contains(&&candidate.id());
    let left = unit.candidates.iter().filter(silent);
    left.map(|candidate| leave(candidate, NoRecommendation::NoUsage)).collect()
}
