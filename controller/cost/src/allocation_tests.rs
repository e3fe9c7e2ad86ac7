//! Costs over a window: where the price is from, what adds up, and what is unknown.

use kubeopt_model::cluster::ClusterFacts;
use kubeopt_model::usage::{Coverage, ResourceUsage};
use kubeopt_model::{Resources, WorkloadKind};
use kubeopt_signal::Sketch;
use proptest::prelude::*;

use super::*;
use crate::bill::tests::{cluster, id, main_container, pod, requests, workload};
use crate::find::Priced;
use crate::nodes::{Terms, node_price};
use crate::sheet::Sheets;
use crate::words::read_aggregates;

/// 24 hours that end at a full hour.
const DAY: Window = Window { from_unix_s: 1_763_600_400, to_unix_s: 1_763_686_800 };

fn now() -> Timestamp {
    Timestamp::from_second(DAY.to_unix_s).unwrap()
}

pub(crate) fn prices(facts: &ClusterFacts) -> BTreeMap<String, Result<Priced, UnknownPrice>> {
    let terms = Terms::default();
    facts.nodes.iter().map(|node| (node.name.clone(), node_price(Sheets::bundled(), node, &terms))).collect()
}

/// Samples of CPU in millicores and of memory in MiB, over so many replica-hours.
pub(crate) fn usage(of: &ContainerId, cpu: f64, mebi: f64, replica_hours: f64) -> ContainerUsage {
    let used = |value: f64| {
        let mut sketch = Sketch::default();
        sketch.add(value, 100);
        Some(ResourceUsage {
            sketch,
            max: value,
            max_at_unix_s: 0,
            coverage: Coverage::default(),
            days: Vec::new(),
        })
    };
    let json = serde_json::json!({
        "container": of, "window": DAY, "seen": DAY, "cpu": used(cpu), "memory": used(mebi * 1_048_576.0),
        "oom_kills": [], "throttled_ratio": null, "pods": 1, "replica_hours": replica_hours,
        "pod_peaks": [], "cpu_hours": [], "memory_hours": [], "partial": null,
        "strain": {"restarts": 0}, "startup": {},
    });
    serde_json::from_value(json).unwrap()
}

pub(crate) fn main_of(kind: WorkloadKind, name: &str) -> ContainerId {
    ContainerId { workload: id(kind, name), container: main_container() }
}

fn allocated(facts: &ClusterFacts, usage: &BTreeMap<ContainerId, ContainerUsage>, by: &str) -> CostReport {
    let prices = prices(facts);
    let clusters = [PricedCluster { facts, prices: &prices, usage, fallback: None }];
    allocate(&clusters, DAY, &read_aggregates(by).unwrap(), now())
}

/// One node with one pod of `deploy/api` whose template asks for what the pod has.
fn one(size: Resources) -> ClusterFacts {
    let mut facts = cluster(1, size);
    facts.workloads[0].containers[0].resources = size;
    facts
}

#[test]
fn a_container_that_reserves_its_whole_node_costs_what_the_node_costs() {
    let report = allocated(&one(requests(2000, 8192)), &BTreeMap::new(), "namespace");
    let row = &report.rows[0];
    // 24 hours of an m5.large at $0.096, each part rounded to the cent.
    assert_eq!((row.name.as_str(), row.total_cost.to_string()), ("shop", "$2.30".to_owned()));
    assert_eq!(row.cpu_cost + row.memory_cost, row.total_cost);
    assert_eq!(row.monthly_cost.to_string(), "$69.96");
    assert_eq!(report.prices[0].basis, "aws us-east-1 m5.large list");
    assert_eq!((report.prices[0].date.as_str(), report.prices[0].age_days), ("2025-03-02", Some(264)));
}

#[test]
fn what_runs_half_of_the_time_costs_half() {
    let facts = one(requests(1000, 4096));
    let of = main_of(WorkloadKind::Deployment, "api");
    let half = BTreeMap::from([(of.clone(), usage(&of, 10.0, 10.0, 12.0))]);
    let report = allocated(&facts, &half, "controller");
    assert_eq!(
        (report.rows[0].name.as_str(), report.rows[0].total_cost.to_string()),
        ("deployment:api", "$0.57".to_owned())
    );
    assert!(report.rows[0].used_cost < report.rows[0].total_cost);
    let full = BTreeMap::from([(of.clone(), usage(&of, 2000.0, 8192.0, 12.0))]);
    // Using twice what it requests, it costs twice as much, all of it used.
    let busy = allocated(&facts, &full, "controller");
    assert_eq!(busy.rows[0].total_cost.to_string(), "$1.15");
    assert_eq!(busy.rows[0].efficiency_percent(), Some(Decimal::ONE_HUNDRED));
}

#[test]
fn an_init_container_costs_only_what_it_asks_for_beyond_the_others() {
    let with_init = |cpu, mebi| {
        let mut facts = one(requests(1000, 4096));
        let mut init = facts.workloads[0].containers[0].clone();
        init.name = ContainerName::new("migrate").unwrap();
        (init.role, init.resources) = (ContainerRole::Init, requests(cpu, mebi));
        facts.workloads[0].containers.insert(0, init);
        allocated(&facts, &BTreeMap::new(), "container")
    };
    let alone = allocated(&one(requests(1000, 4096)), &BTreeMap::new(), "container").total;
    assert_eq!((alone.total_cost.to_string(), alone.containers), ("$1.15".to_owned(), 1));
    assert_eq!(with_init(900, 4096).total, alone);
    // As much as the whole node of $2.30 for its moment, which the node keeps.
    let decided = with_init(2000, 8192);
    assert_eq!((decided.total.total_cost.to_string(), decided.total.containers), ("$2.30".to_owned(), 2));
    let row = decided.rows.iter().find(|row| row.name.contains("migrate")).unwrap();
    assert_eq!(row.total_cost.to_string(), "$1.15");
    let lines: Money = decided.lines.iter().map(|line| line.cost).sum();
    assert_eq!(lines, decided.total.total_cost);
}

#[test]
fn the_unknown_is_counted_and_in_no_sum() {
    let mut facts = one(requests(1000, 4096));
    let mut bare = workload(id(WorkloadKind::Deployment, "bare"));
    bare.containers[0].resources = Resources::default();
    facts.workloads.extend([bare, workload(id(WorkloadKind::CronJob, "report"))]);
    facts.workloads.sort_by(|a, b| a.id.cmp(&b.id));
    let report = allocated(&facts, &BTreeMap::new(), "all");
    assert_eq!((report.total.containers, report.total.unknown_containers), (1, 2));
    facts.nodes[0].machine.provider_id = Some("digitalocean://1".to_owned());
    let unpriced = allocated(&facts, &BTreeMap::new(), "all");
    assert_eq!((unpriced.total.containers, unpriced.total.unknown_containers), (0, 3));
}

#[test]
fn a_label_that_is_missing_is_unallocated() {
    let mut facts = one(requests(1000, 4096));
    let mut web = workload(id(WorkloadKind::Deployment, "web"));
    web.labels.insert("team".to_owned(), "shop".to_owned());
    web.containers[0].resources = requests(500, 512);
    facts.pods.push(pod(&web.id, "n0", requests(500, 512)));
    facts.workloads.push(web);
    let report = allocated(&facts, &BTreeMap::new(), "team,namespace");
    let names: Vec<&str> = report.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["__unallocated__/shop", "shop/shop"]);
}

#[test]
fn focus_rows_multiply_exactly_and_leave_billed_cost_out() {
    let mut facts = one(requests(1000, 4096));
    facts.nodes[0].machine.labels.insert("karpenter.sh/capacity-type".to_owned(), "spot".to_owned());
    let report = allocated(&facts, &BTreeMap::new(), "all");
    let text = crate::focus::focus_csv(&report);
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!((lines.len(), lines[0].len(), lines[1].len()), (3, 24, 24));
    let cell =
        |row: usize, name: &str| lines[row][lines[0].iter().position(|column| *column == name).unwrap()];
    for row in [1, 2] {
        let number = |name: &str| cell(row, name).parse::<Decimal>().unwrap();
        assert_eq!(number("ListUnitPrice") * number("PricingQuantity"), number("ListCost"));
        assert_eq!((cell(row, "PricingCategory"), cell(row, "RegionId")), ("Dynamic", "us-east-1"));
    }
    assert_eq!((cell(1, "PricingUnit"), cell(2, "PricingUnit")), ("Core-Hours", "GiB-Hours"));
    assert!(!text.contains("BilledCost"));
}

proptest! {
    #[test]
    fn parts_add_up_to_totals_whatever_they_are_summed_by(
        sizes in proptest::collection::vec((1_u64..4000, 1_u64..9000, 0.0_f64..5000.0), 1..12),
    ) {
        let mut facts = cluster(1, requests(10, 16));
        let mut used = BTreeMap::new();
        for (at, (cpu, mebi, busy)) in sizes.iter().enumerate() {
            let mut one = workload(id(WorkloadKind::Deployment, &format!("w{at}")));
            one.labels.insert("team".to_owned(), format!("t{}", at % 3));
            one.containers[0].resources = requests(*cpu, *mebi);
            let of = main_of(WorkloadKind::Deployment, &format!("w{at}"));
            used.insert(of.clone(), usage(&of, *busy, *busy, 24.0));
            facts.workloads.push(one);
        }
        let whole = allocated(&facts, &used, "all").total;
        for by in ["namespace", "controller", "team", "container", "controllerKind,label:team"] {
            let report = allocated(&facts, &used, by);
            let sum: Money = report.rows.iter().map(|row| row.total_cost).sum();
            prop_assert_eq!(sum, whole.total_cost);
            let lines: Money = report.lines.iter().map(|line| line.cost).sum();
            prop_assert_eq!(lines, whole.total_cost);
            prop_assert_eq!(report.total.cpu_cost + report.total.memory_cost, whole.total_cost);
            prop_assert!(report.total.used_cost <= whole.total_cost);
            prop_assert_eq!(whole.total_cost, whole.total_cost.to_cents());
        }
    }
}
