//! What is taken from a recommendation: which member speaks, what decided, what is advised.

use kubeopt_model::quantity::MIB;
use kubeopt_model::{Field, WorkloadKind};
use kubeopt_reason::facts::{Decider, Way};
use kubeopt_reason::{Circumstances, Facts, Profile};

use crate::cases::{Case, named};

fn advised(edit: impl FnOnce(&mut Case, &mut kubeopt_model::Recommendation)) -> bool {
    let mut case = named("api-with-office-hours");
    let mut recommendation = case.recommendation();
    edit(&mut case, &mut recommendation);
    Facts::of(&recommendation, |_| case.known.clone()).unwrap().hpa_advice.is_some()
}

#[test]
fn an_autoscaler_is_advised_only_where_it_would_serve_better() {
    assert!(advised(|_, _| {}));
    assert!(!advised(|case, _| case.known.seasons.clear()), "no rhythm");
    assert!(!advised(|case, _| case.known.seasons[0].explained = 0.2), "hardly a rhythm");
    assert!(
        !advised(|case, _| case.known.scaler = named("web-with-an-autoscaler").known.scaler),
        "one is there"
    );
    assert!(!advised(|case, _| case.known.told = Some(Profile::Database)), "a database");
    assert!(!advised(|_, it| it.members[0].replicas = 2), "nothing to take away");
    assert!(!advised(|_, it| it.members[0].container.workload.kind = WorkloadKind::StatefulSet), "state");
    assert!(!advised(|_, it| it.members[0].usage.cpu_hours = Default::default()), "no hours");
    assert!(
        !advised(|_, it| it.members[0].resources.after.requests.cpu = None),
        "no request to be a share of"
    );
}

#[test]
fn one_high_day_is_no_growth() {
    let growth = |edit: fn(&mut Vec<f64>)| {
        let mut recommendation = named("node-agent-that-grows").recommendation();
        let days = &mut recommendation.members[0].usage.memory.as_mut().unwrap().days;
        let mut maxima: Vec<f64> = days.iter().map(|day| day.max / MIB as f64).collect();
        edit(&mut maxima);
        days.truncate(maxima.len());
        days.iter_mut().zip(&maxima).for_each(|(day, max)| day.max = max * MIB as f64);
        Facts::of(&recommendation, |_| Circumstances::default()).unwrap().memory.unwrap().growth
    };
    assert!(growth(|_| {}).is_some_and(|growth| (0.6..0.7).contains(&growth)));
    assert_eq!(growth(|days| days[1] = 200.0), None, "an early day as high as the late ones");
    assert_eq!(growth(|days| days[7] = 50.0), None, "a late day as low as the early ones");
    assert_eq!(growth(|days| days.truncate(5)), None, "too few days");
    assert_eq!(
        growth(|days| days.iter_mut().enumerate().for_each(|(at, day)| *day = 100.0 + at as f64)),
        None,
        "hardly more"
    );
    assert_eq!(growth(|days| days.fill(0.0)), None);
}

#[test]
fn of_several_members_the_one_that_needs_most_speaks() {
    let mut recommendation = named("worker-that-starves").recommendation();
    let memory = recommendation.members[2].usage.memory.as_mut().unwrap();
    memory.max *= 1.01;
    let mut asked = Vec::new();
    let facts = Facts::of(&recommendation, |member| {
        asked.push(member.container.clone());
        Circumstances::default()
    });
    let facts = facts.unwrap();
    assert_eq!((facts.container.workload.name.as_str(), facts.others), ("mail-worker-2", 3));
    assert_eq!(asked, [facts.container], "only its circumstances are asked for");
}

#[test]
fn the_last_rule_that_bound_a_value_decided_it() {
    let mut recommendation = named("gateway-that-idles").recommendation();
    let decider = |recommendation: &kubeopt_model::Recommendation| {
        Facts::of(recommendation, |_| Circumstances::default()).unwrap().decider(Field::CPU_REQUEST)
    };
    assert_eq!(decider(&recommendation), Some(Decider::StepSize));
    recommendation
        .reasons
        .iter_mut()
        .filter(|reason| reason.rule == "max-decrease")
        .for_each(|reason| reason.bound = false);
    assert_eq!(decider(&recommendation), Some(Decider::Strategy));
    recommendation.reasons.iter_mut().for_each(|reason| reason.rule = "of-another-version".to_owned());
    assert_eq!(decider(&recommendation), None);
}

#[test]
fn a_field_moves_in_one_of_five_ways() {
    let facts = named("worker-that-starves").facts();
    assert_eq!(
        Field::ALL.map(|field| facts.way(field)),
        [Way::Raised, Way::Removed, Way::Raised, Way::Raised]
    );
    let young = named("young-service-without-requests").facts();
    assert_eq!(
        young.changed().map(|field| young.way(field)).collect::<Vec<_>>(),
        [Way::Created, Way::Created]
    );
}
