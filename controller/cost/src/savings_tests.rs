//! Estimated savings: what counts, what is unknown, and the return.

use kubeopt_model::{Change, WorkloadKind};
use proptest::prelude::*;

use super::*;
use crate::allocation::tests::main_of;
use crate::price::{UsdPerCoreHour, UsdPerGibHour};

fn unit() -> UnitPrices {
    UnitPrices {
        core: UsdPerCoreHour::new("0.04".parse().unwrap()).unwrap(),
        gib: UsdPerGibHour::new("0.005".parse().unwrap()).unwrap(),
    }
}

fn request(
    name: &str,
    resource: Resource,
    before: &str,
    after: &str,
) -> (Option<ContainerId>, MarkedRequest) {
    let of = main_of(WorkloadKind::Deployment, name);
    let value = Change { before: before.to_owned(), after: after.to_owned() };
    (Some(of.clone()), MarkedRequest { container: of.to_string(), resource, value })
}

fn cpu(name: &str, before: &str, after: &str) -> (Option<ContainerId>, MarkedRequest) {
    request(name, Resource::Cpu, before, after)
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Two replicas of a container that is alone in its pod.
fn main_now(resources: &Resources) -> Today<'_> {
    let role = ContainerRole::Main;
    Today { unit: Some(unit()), usage: None, replicas: 2, role, place: 0, resources }
}

/// Merged ten days, that is 240 hours, before the time of the report.
fn report(requests: Vec<(Option<ContainerId>, MarkedRequest)>, own: Option<Money>) -> SavingsReport {
    let merged = MergedRequest {
        name: "acme/gitops #12".to_owned(),
        at_unix_s: time("2026-11-12T00:00:00Z").as_second(),
        requests,
    };
    let old = MergedRequest { at_unix_s: time("2026-01-01T00:00:00Z").as_second(), ..merged.clone() };
    let resources = Resources::default();
    let today = main_now(&resources);
    let known = ["api", "web"].map(|name| (main_of(WorkloadKind::Deployment, name), today)).into();
    estimate_savings(&[old, merged], &known, own, time("2026-11-01T00:00:00Z"), time("2026-11-22T00:00:00Z"))
}

#[test]
fn a_merged_request_saves_what_it_no_longer_reserves() {
    let requests = vec![cpu("api", "1", "500m"), request("api", Resource::Memory, "1Gi", "2Gi")];
    let report = report(requests, Some(Money("7.30".parse().unwrap())));
    // Half a core less and a GiB more, for two replicas: 730 x 2 x (-0.02 + 0.005).
    assert_eq!(
        (report.basis, report.rows.len(), report.monthly.signed()),
        ("estimated", 1, "-$21.90".to_owned())
    );
    assert_eq!(report.so_far.signed(), "-$7.20");
    assert_eq!(report.return_ratio.map(|ratio| ratio.to_string()), Some("3".to_owned()));
}

#[test]
fn a_request_below_what_an_init_container_asks_for_saves_only_down_to_that() {
    let (mut init, mut main) = (Resources::default(), Resources::default());
    init.requests.cpu = Some(kubeopt_model::MilliCores(800));
    main.requests.cpu = Some(kubeopt_model::MilliCores(200));
    let of = main_of(WorkloadKind::Deployment, "api");
    let migrate =
        ContainerId { container: kubeopt_model::ContainerName::new("migrate").unwrap(), ..of.clone() };
    let first = Today { role: ContainerRole::Init, ..main_now(&init) };
    let known = [(migrate, first), (of, Today { place: 1, ..main_now(&main) })].into();
    let merged = MergedRequest {
        name: "acme/gitops #12".to_owned(),
        at_unix_s: time("2026-11-12T00:00:00Z").as_second(),
        requests: vec![cpu("api", "1", "200m")],
    };
    let (since, now) = (time("2026-11-01T00:00:00Z"), time("2026-11-22T00:00:00Z"));
    let report = estimate_savings(&[merged], &known, None, since, now);
    // 1000m to 800m for two replicas: 730 x 2 x 0.2 x 0.04.
    assert_eq!(report.monthly.signed(), "-$11.68");
}

#[test]
fn kubeopt_s_own_requests_are_priced_where_it_runs() {
    use crate::bill::tests::{cluster, requests};
    let mut facts = cluster(1, requests(10, 16));
    facts.workloads[0].containers[0].resources = requests(1000, 4096);
    let prices = crate::allocation::tests::prices(&facts);
    let priced = PricedCluster { facts: &facts, prices: &prices, usage: &BTreeMap::new(), fallback: None };
    // Half of an m5.large at $70.08 a month.
    assert_eq!(requests_month(&priced, &|_| true).map(|own| own.to_string()), Some("$35.04".to_owned()));
    assert_eq!(requests_month(&priced, &|_| false), None);
    facts.workloads[0].containers[0].resources.requests.memory = None;
    let unknown = PricedCluster { facts: &facts, prices: &prices, usage: &BTreeMap::new(), fallback: None };
    assert_eq!(requests_month(&unknown, &|_| true), None);
}

#[test]
fn the_unknown_is_in_no_sum() {
    let requests = vec![
        cpu("gone", "1", "500m"),
        // Nothing was requested, and no usage tells what that cost.
        cpu("api", "", "500m"),
        cpu("api", "lots", "less"),
        (None, cpu("api", "1", "500m").1),
    ];
    let report = report(requests, None);
    assert_eq!((report.monthly, report.rows[0].requests, report.unknown_requests), (Money::ZERO, 0, 4));
    assert_eq!((report.own_monthly, report.return_ratio), (None, None));
}

#[test]
fn a_value_that_two_workloads_share_counts_for_both() {
    let report = report(vec![cpu("api", "1", "500m"), cpu("web", "1", "500m")], None);
    // Half a core of two replicas each: 2 x 730 x 2 x 0.02.
    assert_eq!((report.monthly.signed(), report.rows[0].requests), ("-$58.40".to_owned(), 2));
}

#[test]
fn a_request_where_there_was_none_costs_what_it_reserves_above_usage() {
    let of = main_of(WorkloadKind::Deployment, "api");
    let used = crate::allocation::tests::usage(&of, 100.0, 10.0, 48.0);
    let resources = Resources::default();
    let today = Today { usage: Some(&used), ..main_now(&resources) };
    let merged = MergedRequest { name: String::new(), at_unix_s: 0, requests: vec![cpu("api", "", "200m")] };
    let delta = delta(&merged, 0, &[(of, today)].into()).unwrap();
    // Two replicas over the day: 100m more than what is used, within the error of the sketch.
    let expected = Money("5.84".parse().unwrap());
    assert!((delta - expected).0.abs() < "0.10".parse().unwrap(), "{delta}");
}

#[test]
fn an_increase_is_shown_with_its_sign_and_has_no_return() {
    let report = report(vec![cpu("api", "1", "2")], Some(Money("1".parse().unwrap())));
    assert_eq!((report.monthly.signed(), report.return_ratio), ("+$58.40".to_owned(), None));
}

proptest! {
    #[test]
    fn rows_add_up_and_no_saving_exceeds_what_the_request_cost(
        changes in proptest::collection::vec((1_u64..8000, 1_u64..8000), 0..8),
    ) {
        let fields = changes
            .iter()
            .map(|(before, after)| cpu("api", &format!("{before}m"), &format!("{after}m")))
            .collect();
        let report = report(fields, None);
        prop_assert_eq!(report.rows.iter().map(|row| row.monthly).sum::<Money>(), report.monthly);
        prop_assert_eq!(report.monthly, report.monthly.to_cents());
        let cost: u64 = changes.iter().map(|(before, _)| before).sum();
        let most = Money(Decimal::from(cost) / Decimal::ONE_THOUSAND * Decimal::from(730 * 2) * unit().core.usd());
        let cents_lost_to_rounding = Money(Decimal::new(changes.len() as i64, 2));
        prop_assert!(-report.monthly <= most + cents_lost_to_rounding);
    }
}
