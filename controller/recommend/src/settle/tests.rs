//! One value for all that a scalar feeds.

use proptest::prelude::*;

use kubeopt_model::binding::ForgeName;
use kubeopt_model::policy::{HpaPolicy, LimitPolicy};
use kubeopt_model::recommendation::{Effect, Risk};
use kubeopt_model::workload::{ResourceList, Scaler, ScalerTarget};
use kubeopt_model::{
    Amount, Bound, EditSite, Field, FieldPath, MilliCores, NoRecommendation, Problem, Reason, RepoPath,
    RepositoryId, Resource, ScaleTarget,
};

use super::{Demand, SitedField, recommend};
use crate::evidence::Evidence;
use crate::rules::fixture::Case;
use crate::scale_point::move_targets;

pub(super) fn site(field: Field, text: &str) -> EditSite {
    EditSite {
        file: RepoPath::new("apps/api.yaml").unwrap(),
        line: 10 + Field::ALL.iter().position(|f| *f == field).unwrap(),
        document: 1,
        path: FieldPath::default(),
        text: text.to_owned(),
    }
}

/// All four fields of all members come from the same scalars.
pub(super) fn demand(members: Vec<Evidence>) -> Demand {
    let resources = members[0].container.resources;
    let all: Vec<usize> = (0..members.len()).collect();
    let sites = Field::ALL
        .into_iter()
        .filter_map(|field| {
            let value = resources.get(field)?;
            let site = site(field, &value.to_string());
            Some(SitedField { field, site, value: Some(value), feeds: vec![], members: all.clone() })
        })
        .collect();
    Demand {
        repository: RepositoryId {
            forge: ForgeName::new("git").unwrap(),
            owner: "acme".into(),
            name: "ops".into(),
        },
        members,
        sites,
        refused: Vec::new(),
        policy: crate::rules::fixture::quantile(),
    }
}

pub(super) fn with_cpu(millicores: f64, name: &'static str) -> Evidence {
    let mut case = Case::serving();
    case.cpu_samples = vec![millicores; 100];
    case.name = name;
    case.evidence()
}

fn cpu_after(demand: &Demand) -> Option<MilliCores> {
    recommend(demand).ok().and_then(|r| r.members[0].resources.after.requests.cpu)
}

#[test]
fn a_shared_scalar_gets_what_its_hungriest_container_needs() {
    let both = demand(vec![with_cpu(50.0, "a"), with_cpu(400.0, "b")]);
    let hungry = demand(vec![with_cpu(400.0, "b")]);
    assert_eq!(cpu_after(&both), cpu_after(&hungry));
    assert_eq!(recommend(&both).map(|r| r.members.len()), Ok(2));
}

#[test]
fn a_new_workload_holds_a_shared_scalar_but_lets_it_rise() {
    let mut young = with_cpu(10.0, "young");
    young.usage.as_mut().unwrap().seen.from_unix_s = young.usage.as_ref().unwrap().seen.to_unix_s - 3600;
    let held = demand(vec![with_cpu(50.0, "a"), young.clone()]);
    assert_eq!(recommend(&held).map(|r| r.changes.len()).ok(), None);
    let rising = demand(vec![with_cpu(1500.0, "a"), young]);
    assert!(cpu_after(&rising) > Some(MilliCores(1500)));
}

#[test]
fn one_hpa_on_cpu_holds_the_shared_cpu_scalar_exactly() {
    let mut scaled = with_cpu(50.0, "scaled");
    let targets = vec![ScalerTarget { resource: Resource::Cpu, utilization_percent: Some(70) }];
    scaled.workload.scaler = Some(Scaler { name: "s".into(), min_replicas: 1, max_replicas: 3, targets });
    let recommendation = recommend(&demand(vec![with_cpu(1500.0, "a"), scaled])).unwrap();
    assert!(recommendation.changes.iter().all(|change| change.field.resource == Resource::Memory));
    assert!(matches!(recommendation.left[0].1, NoRecommendation::ScaledOnThisResource { .. }));
}

#[test]
fn a_request_is_held_at_a_limit_that_cannot_be_edited() {
    let mut demand = demand(vec![with_cpu(5000.0, "a")]);
    demand.sites.retain(|site| site.field != Field::CPU_LIMIT);
    assert_eq!(cpu_after(&demand), Some(MilliCores(2000)));
}

#[test]
fn an_accepted_recommendation_is_stable() {
    let mut demand = demand(vec![with_cpu(262.0, "a")]);
    let first = recommend(&demand).unwrap();
    demand.members[0].container.resources = first.members[0].resources.after;
    for site in &mut demand.sites {
        site.value = first.members[0].resources.after.get(site.field);
    }
    assert_eq!(recommend(&demand).err(), Some(NoRecommendation::AlreadyRight));
}

fn without_limits(members: Vec<Evidence>) -> Demand {
    let mut demand = demand(members);
    demand.policy.sizing.cpu_limit = LimitPolicy::None;
    demand.policy.sizing.memory_limit = LimitPolicy::None;
    demand
}

#[test]
fn limits_go_where_the_policy_wants_none_and_that_is_stable() {
    let mut demand = without_limits(vec![with_cpu(262.0, "a")]);
    let first = recommend(&demand).unwrap();
    let removed: Vec<(Field, &str)> =
        first.removals.iter().map(|removal| (removal.field, removal.site.text.as_str())).collect();
    assert_eq!(removed, [(Field::CPU_LIMIT, "2000m"), (Field::MEMORY_LIMIT, "3Gi")]);
    assert!(first.changes.iter().all(|change| change.field.bound == Bound::Request));
    let after = first.members[0].resources.after;
    assert_eq!(after.limits, ResourceList::default());
    assert_eq!(first.risk, Risk::High, "a memory limit goes");
    demand.members[0].container.resources = after;
    demand.sites.retain(|site| after.get(site.field).is_some());
    for site in &mut demand.sites {
        site.value = after.get(site.field);
    }
    assert_eq!(recommend(&demand).err(), Some(NoRecommendation::AlreadyRight));
}

#[test]
fn a_removal_alone_is_a_recommendation() {
    let mut demand = without_limits(vec![with_cpu(262.0, "a")]);
    demand.sites.retain(|site| site.field == Field::CPU_LIMIT);
    let recommendation = recommend(&demand).unwrap();
    assert_eq!((recommendation.changes.len(), recommendation.removals.len()), (0, 1));
    assert_eq!(recommendation.risk, Risk::Low);
}

#[test]
fn a_shared_limit_goes_only_if_all_can_do_without_it() {
    let mut scaled = with_cpu(50.0, "scaled");
    let targets = vec![ScalerTarget { resource: Resource::Cpu, utilization_percent: Some(70) }];
    scaled.workload.scaler = Some(Scaler { name: "s".into(), min_replicas: 1, max_replicas: 3, targets });
    let recommendation = recommend(&without_limits(vec![with_cpu(50.0, "a"), scaled])).unwrap();
    let removed: Vec<Field> = recommendation.removals.iter().map(|removal| removal.field).collect();
    assert_eq!(removed, [Field::MEMORY_LIMIT]);
    let of_cpu: Vec<&Reason> =
        recommendation.reasons.iter().filter(|reason| reason.field == Field::CPU_LIMIT).collect();
    assert!(
        of_cpu
            .iter()
            .any(|reason| reason.text.contains("another container that the same line feeds needs it"))
    );
    assert!(of_cpu.iter().all(|reason| reason.effect != Effect::Remove));
}

#[test]
fn a_limit_that_is_not_in_git_is_not_said_to_be_removed() {
    let mut demand = without_limits(vec![with_cpu(50.0, "a")]);
    demand.sites.retain(|site| site.field != Field::CPU_LIMIT);
    let recommendation = recommend(&demand).unwrap();
    assert_eq!(recommendation.removals.len(), 1);
    let removes = |reason: &&Reason| reason.effect == Effect::Remove && reason.field == Field::CPU_LIMIT;
    assert_eq!(recommendation.reasons.iter().find(removes), None);
    assert_eq!(recommendation.members[0].resources.after.limits.cpu, Some(MilliCores(2000)));
}

#[test]
fn a_kill_for_memory_raises_the_request_and_the_limit_goes_all_the_same() {
    let mut killed = with_cpu(50.0, "a");
    let limit = killed.container.resources.limits.memory;
    let kill = kubeopt_model::usage::OomKill { container: killed.id(), at_unix_s: 27 * 86_400, limit };
    killed.usage.as_mut().unwrap().oom_kills = vec![kill];
    let recommendation = recommend(&without_limits(vec![killed])).unwrap();
    let after = recommendation.members[0].resources.after;
    assert!(after.requests.memory > limit && after.limits.memory.is_none());
    assert!(recommendation.cures_oom);
}

#[test]
fn a_disabled_policy_says_which_layer_disabled_it() {
    let mut demand = demand(vec![with_cpu(1.0, "a")]);
    demand.policy.enabled = false;
    demand.policy.set_by.insert("enabled".into(), ".kubeopt.yaml:3".into());
    assert_eq!(recommend(&demand), Err(NoRecommendation::Disabled { by: ".kubeopt.yaml:3".into() }));
}

proptest! {
    #[test]
    fn more_usage_never_gives_less(a in 1.0_f64..3000.0, more in 1.0_f64..3.0) {
        let value = |cpu| {
            let demand = demand(vec![with_cpu(cpu, "a")]);
            cpu_after(&demand).unwrap_or(MilliCores(1000))
        };
        prop_assert!(value(a * more) >= value(a));
    }

    #[test]
    fn requests_never_exceed_limits_and_memory_never_falls_below_what_was_seen(
        cpu in 0.0_f64..5000.0, memory_mebi in 0.0_f64..9000.0,
    ) {
        let mut case = Case::serving();
        case.cpu_samples = vec![cpu; 20];
        case.memory_samples_mebi = vec![memory_mebi; 20];
        if let Ok(recommendation) = recommend(&demand(vec![case.evidence()])) {
            let after = recommendation.members[0].resources.after;
            prop_assert!(after.requests.cpu <= after.limits.cpu);
            prop_assert!(after.requests.memory <= after.limits.memory);
            let seen = Amount::Memory(kubeopt_model::Bytes((memory_mebi * 1_048_576.0) as u64));
            prop_assert!(after.requests.memory.map(Amount::Memory) >= Some(seen));
        }
    }

    #[test]
    fn no_request_exceeds_a_limit_whatever_becomes_of_limits(
        cpu in prop::collection::vec(0.0_f64..5000.0, 1..4),
        policies in (0_usize..3, 0_usize..3),
        sited in prop::collection::vec(any::<bool>(), 4),
    ) {
        let members = cpu.iter().zip(["a", "b", "c"]).map(|(cpu, name)| with_cpu(*cpu, name)).collect();
        let mut demand = demand(members);
        let all = [LimitPolicy::Keep, LimitPolicy::Ratio, LimitPolicy::None];
        demand.policy.sizing.cpu_limit = all[policies.0];
        demand.policy.sizing.memory_limit = all[policies.1];
        let mut kept = sited.into_iter();
        demand.sites.retain(|_| kept.next().unwrap_or(true));
        let Ok(recommendation) = recommend(&demand) else { return Ok(()) };
        for member in &recommendation.members {
            for resource in [Resource::Cpu, Resource::Memory] {
                let of = |bound| member.resources.after.get(Field { bound, resource });
                prop_assert!(of(Bound::Limit).is_none_or(|limit| of(Bound::Request) <= Some(limit)));
                let field = Field { bound: Bound::Limit, resource };
                let removed = recommendation.removals.iter().any(|removal| removal.field == field);
                prop_assert_eq!(of(Bound::Limit).is_none(), removed);
            }
        }
    }
}

proptest! {
    #[test]
    fn request_and_target_move_together_or_neither_does(
        used in 20.0_f64..3000.0, percent in 5_u32..=150, is_known in any::<bool>(),
    ) {
        let mut scaled = with_cpu(used, "scaled");
        let targets = vec![ScalerTarget { resource: Resource::Cpu, utilization_percent: Some(percent) }];
        scaled.workload.scaler = Some(Scaler { name: "s".into(), min_replicas: 1, max_replicas: 3, targets });
        let place = EditSite { text: percent.to_string(), ..site(Field::CPU_LIMIT, "") };
        let line = ScaleTarget { scaler: "s".into(), resource: Resource::Cpu, percent, site: place };
        let refused = Problem::new("E-SRC-009", "shared", "write it out");
        scaled.scale_targets = vec![(Resource::Cpu, if is_known { Ok(line.clone()) } else { Err(refused) })];
        let before = scaled.container.resources.requests.cpu.unwrap().0;
        let id = scaled.id();
        let mut demand = demand(vec![scaled]);
        demand.policy.sizing.hpa = HpaPolicy::Together;
        if let Ok(wanted) = recommend(&demand) {
            let found = if is_known { vec![(id, line)] } else { Vec::new() };
            let Ok(moved) = move_targets(wanted, &found) else { return Ok(()) };
            let request = moved.changes.iter().find(|change| change.field == Field::CPU_REQUEST);
            prop_assert!(is_known || request.is_none());
            if let Some(request) = request {
                let after = moved.targets.first().map_or(percent, |target| target.after);
                let (point, kept) = (u64::from(percent) * before, u64::from(after) * request.value.after.base());
                prop_assert!(kept.abs_diff(point) * 100 < 2 * point, "{percent} % of {before}m: {moved:?}");
                let member = moved.members[0].resources.after.get(Field::CPU_REQUEST);
                prop_assert_eq!(member, Some(request.value.after));
            } else {
                prop_assert!(moved.targets.is_empty());
            }
        }
    }
}

#[test]
fn what_is_frozen_says_so_whatever_else_keeps_it_from_moving() {
    let mut demand = demand(vec![with_cpu(50.0, "a")]);
    demand.members[0].usage = None;
    assert_eq!(recommend(&demand).unwrap_err(), NoRecommendation::NoUsage);
    let text = "#9 took #7 back".to_owned();
    demand.members[0].frozen = Some(crate::Freeze { since_unix_s: 0, text: text.clone() });
    let why = recommend(&demand).unwrap_err();
    assert_eq!(why, NoRecommendation::Refused { guardrail: "lesson".to_owned(), text });
}
