//! Each guardrail by itself: what it lets pass, what it caps, what it refuses.

use kubeopt_model::cluster::{LimitRange, Quota};
use kubeopt_model::policy::BelowObservedMax;
use kubeopt_model::workload::ResourceList;
use kubeopt_model::{Bytes, ContainerRole, Field, MilliCores, NoRecommendation};
use kubeopt_policy::{Admission, AdmitContext, GUARDRAILS, Outcome, Promised, judge};

use crate::fixture::{Case, case, namespace, node, resources, spoken, wish};

#[test]
fn what_is_within_all_bounds_passes_untouched() {
    let case = case("1 2 2Gi 2Gi", "310m 2 1184Mi 2Gi");
    let recommendation = case.recommendation();
    assert_eq!(case.judge(), (Admission::Admitted(recommendation), Vec::new()));
}

#[test]
fn one_pull_request_moves_a_value_only_so_far() {
    assert_eq!(
        case("100m - 1Gi -", "1 - 1Gi -").outcome(),
        ("300m - 1Gi -".to_owned(), vec!["max-increase"])
    );
    assert_eq!(
        case("2 - 4Gi -", "100m - 128Mi -").outcome(),
        ("500m - 1Gi -".to_owned(), vec!["max-decrease"])
    );
    let mut cautious = case("1 - 4Gi -", "100m - 128Mi -");
    cautious.policy.changes.max_decrease = 0.3;
    assert_eq!(cautious.outcome().0, "700m - 2880Mi -");
    cautious.policy.changes.max_decrease = 0.0;
    assert!(cautious.outcome().0.starts_with("at most -0%"));
}

#[test]
fn capped_values_say_so_in_the_reasons() {
    let (admission, verdicts) = case("2 - 1Gi -", "100m - 1Gi -").judge();
    let Admission::Admitted(admitted) = admission else { panic!("it passes") };
    let reason = admitted.reasons.last().unwrap();
    assert_eq!(
        (reason.rule.as_str(), reason.field, reason.bound),
        ("max-decrease", Field::CPU_REQUEST, true)
    );
    assert_eq!(reason.text, "at most -75% of 2000m in one pull request (changes.maxDecrease)");
    assert_eq!(admitted.changes[0].value.after.to_string(), "500m");
    assert!(matches!(&verdicts[0].outcome, Outcome::Capped { to, .. } if to.to_string() == "500m"));
}

#[test]
fn small_changes_are_left_per_resource() {
    for (before, after, wanted) in [
        ("100m - 1Gi -", "80m - 1Gi -", "the change would be too small to propose"),
        ("1 - 1Gi -", "950m - 1Gi -", "the change would be too small to propose"),
        ("1 - 1Gi -", "900m - 1Gi -", "900m - 1Gi -"),
        ("1 - 100Mi -", "500m - 80Mi -", "500m - 100Mi -"),
        ("- - 1Gi 4Gi", "- - 960Mi 2Gi", "- - 960Mi 2Gi"),
    ] {
        assert_eq!(case(before, after).outcome().0, wanted, "{before} -> {after}");
    }
    let (admission, _) = case("1 - 100Mi -", "500m - 80Mi -").judge();
    let Admission::Admitted(admitted) = admission else { panic!("it passes") };
    assert_eq!(admitted.left, [(Field::MEMORY_REQUEST, NoRecommendation::TooSmall)]);
}

#[test]
fn what_cures_an_oom_kill_is_never_too_small() {
    let mut case = case("- - 100Mi 100Mi", "- - 112Mi 112Mi");
    assert_eq!(case.outcome().0, "the change would be too small to propose");
    case.cures_oom = true;
    assert_eq!(case.outcome().0, "- - 112Mi 112Mi");
}

#[test]
fn requests_stay_between_floor_and_ceiling() {
    let mut low = case("200m - 512Mi -", "50m - 128Mi -");
    low.policy.sizing.cpu_floor = MilliCores(100);
    low.policy.sizing.memory_floor = Bytes::mebi(256);
    assert_eq!(low.outcome(), ("100m - 256Mi -".to_owned(), vec!["floor"]));
    low.policy.sizing.cpu_floor = MilliCores(400);
    assert_eq!(low.outcome().0, "200m - 256Mi -", "a value below the floor is not lowered further");

    let mut high = case("200m - 512Mi -", "600m - 1Gi -");
    high.policy.sizing.cpu_ceiling = Some(MilliCores(400));
    high.policy.sizing.memory_ceiling = Some(Bytes::mebi(512));
    assert_eq!(high.outcome().0, "400m - 512Mi -");
    let mut above = case("4 - 512Mi -", "2 - 512Mi -");
    above.policy.sizing.cpu_ceiling = Some(MilliCores(1000));
    assert_eq!(above.outcome().0, "2000m - 512Mi -", "what is above the ceiling comes down in its own steps");
}

#[test]
fn memory_is_never_lowered_below_the_minimum_whatever_the_policy_says() {
    let mut case = case("- - 100Mi -", "- - 26Mi -");
    case.policy.sizing.memory_floor = Bytes::mebi(1);
    case.policy.changes.max_decrease = 0.9;
    assert_eq!(case.outcome(), ("- - 32Mi -".to_owned(), vec!["minimum-memory"]));
}

#[test]
fn memory_is_not_lowered_below_what_was_seen_unless_allowed() {
    let mut case = case("- - 2Gi 2Gi", "- - 600Mi 2Gi");
    case.wishes[0].highest_mebi = 982.5;
    assert_eq!(case.outcome(), ("- - 992Mi 2Gi".to_owned(), vec!["observed-max"]));
    case.wishes[0].highest_mebi = 3000.0;
    assert!(case.outcome().0.starts_with("not below 3000Mi"));
    case.policy.sizing.below_observed_max = BelowObservedMax::Allow;
    assert_eq!(case.outcome().0, "- - 600Mi 2Gi");
}

fn limit_range(min: ResourceList, max: ResourceList, ratio: (Option<u64>, Option<u64>)) -> LimitRange {
    LimitRange {
        namespace: namespace(),
        name: "bounds".to_owned(),
        min,
        max,
        default_limit: ResourceList::default(),
        max_ratio_per_mille: ratio,
    }
}

#[test]
fn values_stay_within_limit_ranges() {
    let cpu = |cpu| ResourceList { cpu: Some(MilliCores(cpu)), memory: None };
    let mut low = case("1 - 1Gi -", "300m - 1Gi -");
    low.facts.limit_ranges.push(limit_range(cpu(500), ResourceList::default(), (None, None)));
    assert_eq!(low.outcome(), ("500m - 1Gi -".to_owned(), vec!["limit-range"]));

    let mut high = case("1 1 1Gi -", "2 2500m 1Gi -");
    high.facts.limit_ranges.push(limit_range(ResourceList::default(), cpu(2000), (None, None)));
    assert_eq!(high.outcome().0, "2000m 2000m 1Gi -");

    let mut ratio = case("1 2 1Gi -", "300m 2 1Gi -");
    ratio.facts.limit_ranges.push(limit_range(
        ResourceList::default(),
        ResourceList::default(),
        (Some(3000), None),
    ));
    assert_eq!(ratio.outcome().0, "670m 2000m 1Gi -");
    ratio.facts.limit_ranges[0].namespace = kubeopt_model::Namespace::new("other").unwrap();
    assert_eq!(ratio.outcome().0, "300m 2000m 1Gi -", "a LimitRange speaks of its own namespace");
}

fn quota(hard: &str, used: &str) -> Quota {
    Quota { namespace: namespace(), name: "team".to_owned(), hard: resources(hard), used: resources(used) }
}

#[test]
fn a_raise_that_the_quota_would_reject_is_refused_with_all_replicas_counted() {
    let mut case = case("500m - 1Gi -", "1 - 1200Mi -");
    case.facts.quotas.push(quota("10 - 100Gi -", "8600m - 3Gi -"));
    let (admission, verdicts) = case.judge();
    let Admission::Admitted(admitted) = admission else { panic!("memory passes") };
    assert_eq!(spoken(&admitted.members[0].resources.after), "500m - 1200Mi -");
    assert_eq!(
        verdicts[0].text,
        "ResourceQuota payments/team allows requests.cpu of 10000m, 8600m are used: 1500m more would be rejected"
    );
    case.facts.quotas[0] = quota("10 - 100Gi -", "8500m - 3Gi -");
    assert_eq!(case.outcome().0, "1000m - 1200Mi -");
    case.facts.quotas[0] = quota("1 - 1Gi -", "8500m - 3Gi -");
    case.wishes[0].after = resources("300m - 512Mi -");
    assert_eq!(case.outcome().0, "300m - 512Mi -", "a decrease never meets a quota");
}

#[test]
fn raises_of_one_pass_share_what_a_quota_leaves_and_the_first_ones_get_it() {
    // Three replicas: 1500m more each; 4 cores are left.
    let mut case = case("500m - 1Gi -", "1 - 1Gi -");
    case.facts.quotas.push(quota("12 - 100Gi -", "8 - 3Gi -"));
    let mut promised = Promised::default();
    let mut granted = Vec::new();
    for _ in 0..3 {
        let facts = [&case.facts];
        let context = AdmitContext { policy: &case.policy, facts: &facts, promised: &promised };
        match judge(case.recommendation(), &context).0 {
            Admission::Admitted(admitted) => {
                granted.push("granted".to_owned());
                promised.add(&admitted, &facts);
            }
            Admission::Nothing(why) => granted.push(why.sentence()),
        }
    }
    let refused = "ResourceQuota payments/team allows requests.cpu of 12000m, 8000m are used and 3000m asked for by other \
                   proposals: 1500m more would be rejected";
    assert_eq!(granted, ["granted", "granted", refused]);
}

#[test]
fn what_another_proposal_frees_does_not_count_before_it_is_merged() {
    let mut case = case("2 - 1Gi -", "1 - 1Gi -");
    case.facts.quotas.push(quota("12 - 100Gi -", "12 - 3Gi -"));
    let mut promised = Promised::default();
    promised.add(&case.recommendation(), &[&case.facts]);
    assert_eq!(promised, Promised::default());
}

#[test]
fn a_quota_counts_pods_as_the_scheduler_does() {
    // The init container asks for 2 cores before the other starts, so that 1 core instead of 500m asks for nothing more.
    let mut case = Case::of(vec![wish("500m - 1Gi -", "1 - 1Gi -"), wish("2 - 1Gi -", "2 - 1Gi -")]);
    case.facts.workloads[0].containers[1].role = ContainerRole::Init;
    case.facts.workloads[0].containers.rotate_left(1);
    case.facts.quotas.push(quota("10 - 100Gi -", "10 - 3Gi -"));
    assert_eq!(case.outcome().0, "1000m - 1Gi -");
    case.wishes[0].after = resources("3 - 1Gi -");
    assert!(case.outcome().0.contains("3000m more would be rejected"), "{:?}", case.outcome());
}

#[test]
fn an_init_container_may_have_the_node_for_itself_but_for_the_sidecars_before_it() {
    let mut case = Case::of(vec![
        wish("2 - 1Gi -", "4 - 1Gi -"),
        wish("500m - 1Gi -", "500m - 1Gi -"),
        wish("3 - 1Gi -", "3 - 1Gi -"),
    ]);
    case.facts.nodes = vec![node(4000, 12_000, true)];
    for (role, index) in [(ContainerRole::Init, 0), (ContainerRole::Sidecar, 1)] {
        case.facts.workloads[0].containers[index].role = role;
    }
    assert_eq!(case.outcome().0, "4000m - 1Gi -", "the sidecar starts after it");
    case.facts.workloads[0].containers.swap(0, 1);
    assert_eq!(case.outcome().0, "3500m - 1Gi -", "the sidecar runs already");
}

#[test]
fn a_lone_limit_counts_as_the_request_for_the_quota() {
    let mut case = case("- - - 1Gi", "- - - 2Gi");
    let hard = resources("- - 4Gi -");
    let used = resources("- - 3Gi -");
    case.facts.quotas.push(Quota { namespace: namespace(), name: "team".to_owned(), hard, used });
    assert!(case.outcome().0.contains("requests.memory of 4Gi"));
}

#[test]
fn no_request_grows_beyond_the_largest_schedulable_node() {
    let mut one = case("2 - 8Gi -", "6 - 20Gi -");
    one.facts.nodes = vec![node(3920, 12_000, true), node(16_000, 64_000, false)];
    assert_eq!(one.outcome(), ("3920m - 12000Mi -".to_owned(), vec!["largest-node"]));

    let mut two = Case::of(vec![wish("2 - 1Gi -", "4 - 1Gi -"), wish("1 - 1Gi -", "1 - 1Gi -")]);
    two.facts.nodes = vec![node(4000, 12_000, true)];
    assert_eq!(two.outcome().0, "3000m - 1Gi -", "containers of the pod share the node");
    two.facts.workloads[0].containers[1].role = ContainerRole::Init;
    assert_eq!(two.outcome().0, "4000m - 1Gi -", "init containers end before");
}

#[test]
fn a_guaranteed_pod_stays_guaranteed() {
    assert_eq!(case("1 1 1Gi 1Gi", "500m 500m 512Mi 512Mi").outcome().0, "500m 500m 512Mi 512Mi");
    assert_eq!(case("1 1 1Gi 1Gi", "500m 700m 1Gi 1Gi").outcome().0, "700m 700m 1Gi 1Gi");
    let half = case("1 1 1Gi 1Gi", "500m 1 1Gi 1Gi").outcome();
    assert_eq!(half.0, "request and limit stay equal: the pod's class stays Guaranteed");
    let burstable = Case::of(vec![wish("1 1 1Gi 1Gi", "500m 1 1Gi 1Gi"), wish("1 - 1Gi -", "1 - 1Gi -")]);
    assert_eq!(burstable.outcome().0, "500m 1000m 1Gi 1Gi", "the other container makes the pod Burstable");
}

#[test]
fn no_request_ends_above_its_limit_when_the_limit_is_held() {
    let mut case = case("500m 600m 1Gi -", "1 1200m 1Gi -");
    let max = ResourceList { cpu: Some(MilliCores(800)), memory: None };
    case.facts.limit_ranges.push(limit_range(ResourceList::default(), max, (None, None)));
    assert_eq!(case.outcome().0, "800m 800m 1Gi -");
}

#[test]
fn a_limit_goes_where_nothing_demands_it() {
    let mut case = case("1 2 1Gi 2Gi", "500m - 1Gi 2Gi");
    case.facts.quotas.push(quota("10 - 100Gi -", "1 - 1Gi -"));
    let (admission, verdicts) = case.judge();
    let Admission::Admitted(admitted) = admission else { panic!("it passes") };
    assert_eq!(spoken(&admitted.members[0].resources.after), "500m - 1Gi 2Gi");
    assert_eq!((admitted.removals.len(), verdicts), (1, Vec::new()));
}

#[test]
fn a_limit_that_its_namespace_or_its_class_demands_stays() {
    let range = |default: Option<u64>, max: Option<u64>, ratio: Option<u64>| {
        let cpu = |cores: Option<u64>| ResourceList { cpu: cores.map(MilliCores), memory: None };
        let mut range = limit_range(ResourceList::default(), cpu(max), (ratio, None));
        range.default_limit = cpu(default);
        range
    };
    for (ranges, quotas, text) in [
        (
            vec![range(Some(4000), None, None)],
            vec![],
            "LimitRange payments/bounds would set a cpu limit of 4000m in its place",
        ),
        (vec![range(None, Some(4000), None)], vec![], "LimitRange payments/bounds demands a cpu limit"),
        (vec![range(None, None, Some(9000))], vec![], "LimitRange payments/bounds demands a cpu limit"),
        (
            vec![],
            vec![quota("- 20 - -", "- 6 - -")],
            "ResourceQuota payments/team counts limits.cpu: a pod without it would be rejected",
        ),
    ] {
        let mut case = case("1 2 1Gi 2Gi", "1 - 1Gi 2Gi");
        case.facts.limit_ranges = ranges;
        case.facts.quotas = quotas;
        assert_eq!(case.outcome().0, text);
    }
    let guaranteed = case("1 1 1Gi 1Gi", "1 - 1Gi 1Gi").outcome();
    assert_eq!(guaranteed.0, "the pod's class stays Guaranteed; without this limit it would be Burstable");
    let bare = case("- 1 - -", "- - - -").outcome();
    assert_eq!(bare.0, "the pod's class stays Burstable; without this limit it would be BestEffort");
}

#[test]
fn a_limit_that_stays_follows_the_request_that_grew_beyond_it() {
    let mut case = case("1 - 1Gi 1Gi", "1 - 1200Mi -");
    case.cures_oom = true;
    case.facts.quotas.push(quota("- - - 100Gi", "- - - 3Gi"));
    assert_eq!(case.outcome(), ("1000m - 1200Mi 1200Mi".to_owned(), vec!["quota"]));
    case.facts.quotas[0] = quota("- - - 100Gi", "- - - 100Gi");
    assert_eq!(
        case.outcome().0,
        "ResourceQuota payments/team counts limits.memory: a pod without it would be rejected",
        "neither the limit nor the request above it has room"
    );
}

#[test]
fn a_policy_that_says_no_says_who_said_it() {
    let mut case = case("1 - 1Gi -", "300m - 1Gi -");
    case.policy.enabled = false;
    case.policy.set_by.insert("enabled".to_owned(), ".kubeopt.yaml:3".to_owned());
    let (admission, _) = case.judge();
    assert_eq!(
        admission,
        Admission::Nothing(NoRecommendation::Disabled { by: ".kubeopt.yaml:3".to_owned() })
    );
}

#[test]
fn containers_with_different_values_are_bounded_each_by_their_own() {
    let case = Case::of(vec![wish("4 - 1Gi -", "100m - 1Gi -"), wish("1 - 1Gi -", "100m - 1Gi -")]);
    let (admission, _) = case.judge();
    let Admission::Admitted(admitted) = admission else { panic!("it passes") };
    let after: Vec<String> = admitted.members.iter().map(|member| spoken(&member.resources.after)).collect();
    assert_eq!(after, ["1000m - 1Gi -", "250m - 1Gi -"]);
    let changed: Vec<String> = admitted.changes.iter().map(|change| change.value.after.to_string()).collect();
    assert_eq!(changed, ["1000m", "250m"]);
}

#[test]
fn a_created_request_has_no_base_and_is_held_to_floors_and_ceilings_only() {
    assert_eq!(case("- - - -", "10m - 4Gi -").outcome(), ("10m - 4Gi -".to_owned(), vec![]));
    let mut bounded = case("- - - -", "20m - 4Gi -");
    bounded.policy.sizing.cpu_floor = MilliCores(50);
    bounded.policy.sizing.memory_ceiling = Some(Bytes::mebi(2048));
    assert_eq!(bounded.outcome(), ("50m - 2Gi -".to_owned(), vec!["floor", "ceiling"]));
    let (admission, _) = bounded.judge();
    let Admission::Admitted(admitted) = admission else { panic!("it passes") };
    let created: Vec<String> = admitted.additions.iter().map(|one| one.after.to_string()).collect();
    assert_eq!(created, ["50m", "2Gi"]);

    bounded.wishes[0].highest_mebi = 3000.0;
    let (admission, _) = bounded.judge();
    let Admission::Admitted(admitted) = admission else { panic!("CPU passes") };
    assert_eq!(spoken(&admitted.members[0].resources.after), "50m - - -");
    assert!(
        matches!(&admitted.left[..], [(field, NoRecommendation::Refused { guardrail, .. })]
        if *field == Field::MEMORY_REQUEST && guardrail == "observed-max"),
        "a ceiling below what was seen"
    );
}

#[test]
fn a_created_request_fits_what_the_namespace_and_the_nodes_allow() {
    let mut case = case("- - - -", "40m - 800Mi -");
    case.facts.limit_ranges.push(LimitRange {
        default_limit: ResourceList { cpu: None, memory: Some(Bytes::mebi(512)) },
        ..limit_range(
            ResourceList { cpu: Some(MilliCores(100)), memory: None },
            ResourceList::default(),
            (None, None),
        )
    });
    assert_eq!(case.outcome(), ("100m - 512Mi -".to_owned(), vec!["limit-range"]));
    case.facts.nodes.push(node(80, 4096, true));
    assert_eq!(case.outcome().0, "- - 512Mi -", "no value suits both");
    case.facts.quotas.push(quota("- - 1Gi -", "- - 0 -"));
    let (admission, verdicts) = case.judge();
    assert!(matches!(admission, Admission::Nothing(NoRecommendation::Refused { .. })));
    assert!(verdicts.iter().any(|verdict| verdict.guardrail == "quota"));
}

#[test]
fn a_request_is_created_beside_a_limit_only_where_the_class_allows_it() {
    let beside = case("- 200m - -", "300m 200m - -");
    assert_eq!(beside.outcome(), ("200m 200m - -".to_owned(), vec!["request-within-limit"]));
    let guaranteed = case("- 2 - 2Gi", "300m 2 - 2Gi");
    assert_eq!(guaranteed.outcome().0, "request and limit stay equal: the pod's class stays Guaranteed");
}

#[test]
fn guardrails_have_names_of_their_own() {
    let mut names: Vec<&str> = GUARDRAILS.iter().map(|guardrail| guardrail.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), GUARDRAILS.len());
    assert!(
        GUARDRAILS.iter().all(|guardrail| !guardrail.about.is_empty() && !guardrail.about.ends_with('.'))
    );
}
