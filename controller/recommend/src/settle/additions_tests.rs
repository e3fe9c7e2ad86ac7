//! Requests that nothing sets.

use proptest::prelude::*;

use kubeopt_model::policy::LimitPolicy;
use kubeopt_model::recommendation::{Recommendation, Risk};
use kubeopt_model::workload::{Scaler, ScalerTarget};
use kubeopt_model::{Amount, Bytes, Field, MilliCores, NoRecommendation, Resource};

use super::tests::{demand, site};
use super::{Demand, SitedField, recommend};
use crate::evidence::Evidence;
use crate::rules::fixture::{Case, resources};

/// A container with these requests and limits that uses 200m and 399Mi.
fn with(name: &'static str, texts: [&str; 4]) -> Evidence {
    let mut case = Case::serving();
    (case.name, case.resources) = (name, resources(texts));
    let mut evidence = case.evidence();
    evidence.workload.containers = vec![evidence.container.clone()];
    evidence
}

/// What is set stands in Git; a request that is not could be created.
fn open_demand(members: Vec<Evidence>) -> Demand {
    let all: Vec<usize> = (0..members.len()).collect();
    let mut demand = demand(members);
    for field in [Field::CPU_REQUEST, Field::MEMORY_REQUEST] {
        if demand.sites.iter().all(|site| site.field != field) {
            let (site, members) = (site(field, ""), all.clone());
            demand.sites.push(SitedField { field, site, value: None, feeds: vec![], members });
        }
    }
    demand
}

fn created(recommendation: &Recommendation) -> Vec<(Field, String)> {
    recommendation.additions.iter().map(|addition| (addition.field, addition.after.to_string())).collect()
}

fn said(recommendation: &Recommendation, field: Field) -> Vec<&str> {
    let own = |rule: &str, of: Field| rule == "create-request" && of == field;
    let reasons = recommendation.reasons.iter();
    reasons.filter(|reason| own(&reason.rule, reason.field)).map(|reason| reason.text.as_str()).collect()
}

#[test]
fn both_requests_of_a_bare_container_are_created_and_the_class_is_said() {
    let demand = open_demand(vec![with("a", ["", "", "", ""])]);
    let recommendation = recommend(&demand).unwrap();
    assert_eq!(
        created(&recommendation),
        [(Field::CPU_REQUEST, "230m".to_owned()), (Field::MEMORY_REQUEST, "464Mi".to_owned())]
    );
    assert_eq!((recommendation.changes.len(), recommendation.removals.len()), (0, 0));
    assert_eq!(recommendation.additions[0].containers, [demand.members[0].id()]);
    let member = &recommendation.members[0];
    assert_eq!(member.resources.before, resources(["", "", "", ""]));
    assert_eq!(member.resources.after, resources(["230m", "", "464Mi", ""]), "no limit is created");
    assert_eq!(recommendation.risk, Risk::Low);
    assert_eq!(
        said(&recommendation, Field::CPU_REQUEST),
        ["nothing in Git sets it: 230m is created; the pod's class changes from BestEffort to Burstable"]
    );
}

#[test]
fn what_was_created_is_not_touched_by_the_next_pass() {
    let mut demand = open_demand(vec![with("a", ["", "", "", "420Mi"])]);
    let after = recommend(&demand).unwrap().members[0].resources.after;
    demand.members[0].container.resources = after;
    demand.members[0].workload.containers[0].resources = after;
    for site in &mut demand.sites {
        site.value = after.get(site.field);
    }
    assert_eq!(recommend(&demand).err(), Some(NoRecommendation::AlreadyRight));
}

#[test]
fn a_request_is_created_within_a_limit_that_stays_and_the_limit_is_said() {
    let demand = open_demand(vec![with("a", ["", "2", "", ""])]);
    let recommendation = recommend(&demand).unwrap();
    assert_eq!(created(&recommendation)[0], (Field::CPU_REQUEST, "230m".to_owned()));
    assert_eq!(
        said(&recommendation, Field::CPU_REQUEST),
        ["nothing in Git sets it: 230m is created; until now its limit of 2000m stands for it"]
    );
    assert_eq!(recommendation.members[0].resources.after.limits.cpu, Some(MilliCores(2000)));

    // Its limit is not in Git and cannot rise with it.
    let mut demand = open_demand(vec![with("a", ["", "210m", "", ""])]);
    demand.sites.retain(|site| site.field != Field::CPU_LIMIT);
    let recommendation = recommend(&demand).unwrap();
    assert_eq!(created(&recommendation)[0], (Field::CPU_REQUEST, "210m".to_owned()));
}

#[test]
fn a_limit_that_is_sized_as_the_request_it_is_gets_none_beside_it() {
    let guaranteed = open_demand(vec![with("a", ["", "2", "", "2Gi"])]);
    let mut ratio = open_demand(vec![with("a", ["", "2", "512Mi", ""])]);
    ratio.policy.sizing.cpu_limit = LimitPolicy::Ratio;
    for demand in [guaranteed, ratio] {
        let recommendation = recommend(&demand).unwrap();
        assert!(created(&recommendation).is_empty(), "{:?}", recommendation.additions);
        let after = recommendation.members[0].resources.after;
        assert!(after.limits.cpu < Some(MilliCores(2000)));
        assert_eq!(after.requests.cpu, None);
    }
}

#[test]
fn one_line_for_several_containers_is_created_once_and_for_the_hungriest() {
    let mut hungry = with("b", ["", "", "", ""]);
    hungry.usage.as_mut().unwrap().memory.as_mut().unwrap().max *= 2.0;
    let demand = open_demand(vec![with("a", ["", "", "", ""]), hungry]);
    let recommendation = recommend(&demand).unwrap();
    assert_eq!(created(&recommendation)[1], (Field::MEMORY_REQUEST, "928Mi".to_owned()));
    assert_eq!(recommendation.additions[1].containers.len(), 2);
    assert!(
        recommendation
            .members
            .iter()
            .all(|member| member.resources.after.requests.memory == Some(Bytes::mebi(928)))
    );
}

#[test]
fn a_line_is_not_created_where_one_of_its_containers_may_not_have_it() {
    let bare = || with("a", ["", "", "", ""]);
    let mut young = with("young", ["", "", "", ""]);
    young.usage.as_mut().unwrap().seen.from_unix_s = young.usage.as_ref().unwrap().seen.to_unix_s - 3600;
    let mut unknown = with("unknown", ["", "", "", ""]);
    unknown.usage = None;
    let mut scaled = with("scaled", ["", "", "", ""]);
    let targets = [Resource::Cpu, Resource::Memory]
        .map(|resource| ScalerTarget { resource, utilization_percent: Some(70) });
    scaled.workload.scaler =
        Some(Scaler { name: "s".into(), min_replicas: 1, max_replicas: 3, targets: targets.to_vec() });
    let small = with("small", ["", "100m", "", "64Mi"]);
    let with_other = |other: Evidence| recommend(&open_demand(vec![bare(), other]));
    assert!(matches!(with_other(young), Err(NoRecommendation::TooLittleHistory { .. })));
    assert_eq!(with_other(unknown).err(), Some(NoRecommendation::NoUsage));
    assert!(matches!(with_other(scaled), Err(NoRecommendation::ScaledOnThisResource { .. })));

    let mut shared = open_demand(vec![small, bare()]);
    shared.sites.retain(|site| site.value.is_none());
    shared.members[0].workload.containers.push(bare().container);
    let Err(NoRecommendation::Refused { guardrail, text }) = recommend(&shared) else {
        panic!("nothing should be created")
    };
    assert_eq!(guardrail, "create-request");
    assert!(text.contains("one has a limit of 100m"), "{text}");
}

#[test]
fn what_only_the_cluster_sets_is_the_cost_of_today_and_said() {
    let mut filled = with("a", ["", "", "", ""]);
    filled.filled_in = resources(["100m", "150m", "", ""]);
    let recommendation = recommend(&open_demand(vec![filled])).unwrap();
    let member = &recommendation.members[0];
    assert_eq!(member.resources.before.requests.cpu, Some(MilliCores(100)));
    assert_eq!(member.resources.after.requests.cpu, Some(MilliCores(150)), "within the limit it is given");
    let said = said(&recommendation, Field::CPU_REQUEST);
    assert!(said[0].contains("only the cluster says 100m"), "{said:?}");

    // A webhook writes it into the template itself.
    let mut set = with("a", ["400m", "", "", ""]);
    set.workload.containers = vec![set.container.clone()];
    let mut demand = open_demand(vec![set]);
    let request = demand.sites.iter_mut().find(|site| site.field == Field::CPU_REQUEST).unwrap();
    (request.value, request.site.text) = (None, String::new());
    let recommendation = recommend(&demand).unwrap();
    assert_eq!(created(&recommendation)[0], (Field::CPU_REQUEST, "230m".to_owned()));
    assert_eq!(recommendation.members[0].resources.before.requests.cpu, Some(MilliCores(400)));
}

proptest! {
    #[test]
    fn no_created_request_exceeds_a_limit_and_each_member_has_what_was_created(
        limits in prop::collection::vec(prop::option::of(50_u64..600), 1..4),
        sited in any::<bool>(),
    ) {
        let names = ["a", "b", "c"];
        let members = limits.iter().zip(names).map(|(limit, name)| {
            let limit = limit.map_or(String::new(), |millicores| format!("{millicores}m"));
            with(name, ["", &limit, "", ""])
        });
        let mut demand = open_demand(members.collect());
        demand.sites.retain(|site| sited || site.field != Field::CPU_LIMIT);
        let Ok(recommendation) = recommend(&demand) else { return Ok(()) };
        for member in &recommendation.members {
            let after = member.resources.after;
            prop_assert!(after.limits.cpu.is_none_or(|limit| after.requests.cpu <= Some(limit)));
            let cpu = recommendation.additions.iter().find(|addition| addition.field == Field::CPU_REQUEST);
            prop_assert_eq!(after.requests.cpu.map(Amount::Cpu), cpu.map(|addition| addition.after));
        }
    }
}
