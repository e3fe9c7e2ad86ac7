//! Each change that is told was computed, and comes out as told.

use kubeopt_model::policy::SizingStrategy;
use kubeopt_model::recommendation::WhatIf;
use kubeopt_model::workload::{Scaler, ScalerTarget};
use kubeopt_model::{Amount, Bytes, EffectivePolicy, Field, MilliCores, Resource, Resources};

use super::what_if;
use crate::evidence::Evidence;
use crate::rules::fixture::Case;
use crate::size;

fn outcome(evidence: &Evidence, policy: &EffectivePolicy) -> Resources {
    let sizing = size(evidence, policy);
    let mut resources = sizing.resources;
    sizing.removes.iter().for_each(|field| resources.unset(*field));
    resources
}

fn told(evidence: &Evidence, case: &Case) -> Vec<WhatIf> {
    what_if(evidence, &case.policy, &outcome)
}

fn then(told: &[WhatIf], change: &str, field: Field) -> Option<Amount> {
    told.iter().find(|what_if| what_if.change == change && what_if.field == field)?.then
}

#[test]
fn keys_of_the_policy_that_change_a_value_are_told_with_it_and_others_are_not() {
    let case = Case::serving();
    let told = told(&case.evidence(), &case);
    // 199m x 1.075, 199m x 1.3; 399Mi x 1.075.
    let cpu = |change| then(&told, change, Field::CPU_REQUEST);
    assert_eq!(cpu("sizing.cpu.margin: 8% instead of 15%"), Some(Amount::Cpu(MilliCores(220))));
    assert_eq!(cpu("sizing.cpu.margin: 30% instead of 15%"), Some(Amount::Cpu(MilliCores(260))));
    let memory = then(&told, "sizing.memory.margin: 8% instead of 15%", Field::MEMORY_REQUEST);
    assert_eq!(memory, Some(Amount::Memory(Bytes::mebi(432))));
    let removed = told.iter().find(|what_if| what_if.change == "sizing.limits.cpu: none");
    assert_eq!(removed.map(|what_if| (what_if.field, what_if.then)), Some((Field::CPU_LIMIT, None)));
    for silent in
        ["sizing.cpu.price", "sizing.memory.floor", "ceiling", "sizing.vpa", "a window without holes"]
    {
        assert!(!told.iter().any(|what_if| what_if.change.contains(silent)), "{silent}");
    }
}

#[test]
fn the_highest_sample_from_which_on_memory_grows_is_the_least_one() {
    let case = Case::serving();
    let evidence = case.evidence();
    let told = told(&evidence, &case);
    let peak = told.iter().find(|what_if| what_if.change.starts_with("one day whose highest sample is "));
    // 399Mi x 1.15 are 458.9Mi of 464Mi: 403.5Mi still fit, 404Mi do not.
    let change = "one day whose highest sample is 408Mi or more";
    assert_eq!(peak.map(|what_if| what_if.change.as_str()), Some(change));
    assert_eq!(peak.and_then(|what_if| what_if.then), Some(Amount::Memory(Bytes::mebi(472))));
    let more = told.iter().find(|what_if| what_if.change.ends_with(" more cpu in every sample"));
    assert_eq!(more.map(|what_if| what_if.field), Some(Field::CPU_REQUEST));
    assert!(more.is_some_and(|what_if| what_if.then > what_if.now));
    let less = told.iter().find(|what_if| what_if.change.ends_with(" less cpu in every sample"));
    assert!(less.is_some_and(|what_if| what_if.then < what_if.now));
}

#[test]
fn what_stands_around_the_container_is_told_where_it_holds_a_value() {
    let mut case = Case::serving();
    case.policy.sizing.strategy = SizingStrategy::Kubeopt;
    case.cpu_samples = vec![1900.0; 100];
    let mut evidence = case.evidence();
    let targets = vec![ScalerTarget { resource: Resource::Cpu, utilization_percent: Some(70) }];
    let scaler = Scaler { name: "api".to_owned(), min_replicas: 2, max_replicas: 9, targets };
    evidence.workload.scaler = Some(scaler);
    let scaled = told(&evidence, &case);
    assert!(then(&scaled, "no HPA `api`", Field::CPU_REQUEST) > Some(Amount::Cpu(MilliCores(1900))));
    evidence.workload.scaler = None;
    let limited = told(&evidence, &case);
    // Nothing is above the limit of 2 cores as long as it stands.
    let without = then(&limited, "no cpu limit", Field::CPU_REQUEST);
    assert!(without > Some(Amount::Cpu(MilliCores(2000))), "{limited:?}");
    assert_eq!(then(&limited, "a cpu limit of 4000m instead of 2000m", Field::CPU_REQUEST), without);
    let killed = then(&limited, "an OOM kill at the limit of 3Gi", Field::MEMORY_REQUEST);
    assert_eq!(killed, Some(Amount::Memory(Bytes::mebi(3696))));
}

#[test]
fn without_usage_only_what_would_help_is_told() {
    let case = Case::serving();
    let mut evidence = case.evidence();
    evidence.usage = None;
    assert_eq!(told(&evidence, &case), []);
    let short = Case::serving().seen_days(3);
    let told = told(&short.evidence(), &short);
    let changes: Vec<&str> = told.iter().map(|what_if| what_if.change.as_str()).collect();
    assert_eq!(changes, ["sizing.minHistory: 72h"; 2], "{told:?}");
}
