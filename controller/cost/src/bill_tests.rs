//! Pools before and after: what leaves the bill, what does not and why, and what must hold for every cluster.

use kubeopt_model::{ClusterName, Container, ContainerName, Namespace, ObjectName, Workload, WorkloadId};
use proptest::prelude::*;

use super::*;
use crate::nodes::tests::m5_large;
use crate::nodes::{PoolTerms, node_price};
use crate::sheet::Sheets;

pub(crate) fn id(kind: WorkloadKind, name: &str) -> WorkloadId {
    WorkloadId {
        cluster: ClusterName::new("c").unwrap(),
        namespace: Namespace::new("shop").unwrap(),
        kind,
        name: ObjectName::new(name).unwrap(),
    }
}

pub(crate) fn main_container() -> ContainerName {
    ContainerName::new("main").unwrap()
}

pub(crate) fn requests(cpu: u64, mebi: u64) -> Resources {
    let mut resources = Resources::default();
    resources.requests.cpu = Some(MilliCores(cpu));
    resources.requests.memory = Some(Bytes::mebi(mebi));
    resources
}

pub(crate) fn workload(id: WorkloadId) -> Workload {
    Workload {
        id,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        replicas: 1,
        containers: vec![Container {
            name: main_container(),
            role: ContainerRole::Main,
            image: String::new(),
            java: None,
            gpus: 0,
            resources: Resources::default(),
        }],
        scaler: None,
        applied_by: None,
        owner: None,
        vpa: None,
    }
}

pub(crate) fn pod(of: &WorkloadId, node: &str, resources: Resources) -> Pod {
    Pod {
        namespace: of.namespace.clone(),
        name: "pod".to_owned(),
        workload: Some(of.clone()),
        node: Some(node.to_owned()),
        ready: true,
        started_unix_s: None,
        oom_kills: Vec::new(),
        running: vec![(main_container(), resources)],
        cgroups: kubeopt_model::cluster::PodCgroups::default(),
    }
}

/// Nodes of one Karpenter pool, each with one pod of `deploy/api` of that size.
pub(crate) fn cluster(nodes: usize, size: Resources) -> ClusterFacts {
    let mut facts = ClusterFacts::empty(ClusterName::new("c").unwrap());
    let api = id(WorkloadKind::Deployment, "api");
    for at in 0..nodes {
        let name = format!("n{at}");
        facts.pods.push(pod(&api, &name, size));
        facts.nodes.push(m5_large(&name, &[("karpenter.sh/nodepool", "web")]));
    }
    facts.workloads.push(workload(api));
    facts
}

fn after(to: Resources) -> BTreeMap<ContainerId, Resources> {
    let workload = id(WorkloadKind::Deployment, "api");
    BTreeMap::from([(ContainerId { workload, container: main_container() }, to)])
}

fn billed(facts: &ClusterFacts, after: &BTreeMap<ContainerId, Resources>, terms: &Terms) -> Bill {
    let price = |node: &Node| (node.name.clone(), node_price(Sheets::bundled(), node, terms));
    bill(facts, &facts.nodes.iter().map(price).collect(), after, terms)
}

#[test]
fn a_node_that_is_no_longer_needed_leaves_the_bill() {
    let facts = cluster(4, requests(1500, 1024));
    let bill = billed(&facts, &after(requests(900, 1024)), &Terms::default());
    assert_eq!(bill.pools[0].needed, Some(Change { before: 4, after: 2 }));
    // Two m5.large at $0.096 an hour.
    assert_eq!((bill.delta.signed(), bill.unknown_pools), ("-$140.16".to_owned(), 0));
    assert_eq!(bill.pools[0].month.map(|month| month.to_string()), Some("$280.32".to_owned()));
}

#[test]
fn a_pool_that_memory_fills_keeps_its_nodes_when_cpu_is_freed() {
    let facts = cluster(4, requests(1500, 7168));
    let bill = billed(&facts, &after(requests(200, 7168)), &Terms::default());
    let pool = &bill.pools[0];
    assert_eq!((bill.delta, pool.why), (Money::ZERO, Some(WhyNothing::BoundBy { by: BoundBy::Memory })));
    assert_eq!(
        pool.sentence().unwrap(),
        "node pool `web (m5.large)` is memory-bound (87 % of memory, 75 % of CPU requested), so freed CPU does not remove a node"
    );
}

#[test]
fn the_number_of_pods_can_keep_a_node() {
    let mut facts = cluster(2, requests(10, 16));
    facts.nodes.iter_mut().for_each(|node| node.machine.pods = Some(1));
    let bill = billed(&facts, &after(requests(5, 16)), &Terms::default());
    assert_eq!(bill.pools[0].why, Some(WhyNothing::BoundBy { by: BoundBy::Pods }));
}

#[test]
fn what_is_added_to_a_pool_with_room_costs_nothing_and_frees_nothing() {
    for scaled in [true, false] {
        let mut facts = cluster(4, requests(300, 1024));
        if !scaled {
            facts.nodes.iter_mut().for_each(|node| node.machine.labels.clear());
        }
        let bill = billed(&facts, &after(requests(310, 1100)), &Terms::default());
        let pool = &bill.pools[0];
        assert_eq!((bill.delta, pool.why), (Money::ZERO, Some(WhyNothing::FromHeadroom)));
        assert!(pool.sentence().unwrap().ends_with("what is added fits into what its nodes have left"));
    }
}

#[test]
fn nothing_leaves_a_pool_that_nobody_scales() {
    let mut facts = cluster(4, requests(1500, 1024));
    facts.nodes.iter_mut().for_each(|node| node.machine.labels.clear());
    let less = after(requests(900, 1024));
    let bill = billed(&facts, &less, &Terms::default());
    assert_eq!((bill.delta, bill.pools[0].why), (Money::ZERO, Some(WhyNothing::NotAutoscaled)));
    // The operator's word, or an autoscaler among the workloads, says otherwise.
    let told = PoolTerms { discount: None, autoscaled: Some(true) };
    let terms = Terms { pools: BTreeMap::from([("m5.large".to_owned(), told)]), ..Terms::default() };
    assert_eq!(billed(&facts, &less, &terms).delta.signed(), "-$140.16");
    facts.workloads.push(workload(id(WorkloadKind::Deployment, "cluster-autoscaler-aws")));
    assert_eq!(billed(&facts, &less, &Terms::default()).delta.signed(), "-$140.16");
}

#[test]
fn an_unknown_price_makes_the_pool_unknown_and_not_zero() {
    let mut facts = cluster(4, requests(1500, 1024));
    facts.nodes.iter_mut().for_each(|node| node.machine.provider_id = Some("digitalocean://1".to_owned()));
    let bill = billed(&facts, &after(requests(900, 1024)), &Terms::default());
    assert_eq!((bill.pools[0].delta, bill.pools[0].month, bill.unknown_pools), (None, None, 1));
    assert_eq!(bill.pools[0].why, Some(WhyNothing::Unpriced { why: UnknownPrice::Provider }));
}

#[test]
fn daemon_sets_take_room_on_every_node_and_go_with_it() {
    let mut facts = cluster(2, requests(900, 512));
    let daemon = id(WorkloadKind::DaemonSet, "log");
    for at in 0..2 {
        facts.pods.push(pod(&daemon, &format!("n{at}"), requests(300, 256)));
    }
    facts.workloads.push(workload(daemon));
    // Beside 300m of the DaemonSet a node holds one pod of 900m, and two of 800m.
    let bill = billed(&facts, &after(requests(800, 512)), &Terms::default());
    assert_eq!(bill.pools[0].needed, Some(Change { before: 2, after: 1 }));
}

#[test]
fn what_has_ended_reserves_nothing() {
    let mut facts = cluster(2, requests(1500, 512));
    let job = id(WorkloadKind::Job, "report");
    let ended = Pod { ready: false, ..pod(&job, "n0", requests(64_000, 512)) };
    facts.pods.push(ended);
    let bill = billed(&facts, &after(requests(900, 512)), &Terms::default());
    assert_eq!(bill.pools[0].needed, Some(Change { before: 2, after: 1 }));
}

#[test]
fn a_growing_request_that_needs_a_node_comes_on_the_bill() {
    let facts = cluster(4, requests(900, 512));
    let bill = billed(&facts, &after(requests(1500, 512)), &Terms::default());
    assert_eq!(
        (bill.pools[0].needed, bill.delta.signed()),
        (Some(Change { before: 2, after: 4 }), "+$140.16".to_owned())
    );
}

#[test]
fn init_containers_count_only_where_they_are_larger_than_what_runs_later() {
    let of = |role, cpu| (role, requests(cpu, 1));
    let reserves = |containers: Vec<(ContainerRole, Resources)>| pod_reserves(containers.into_iter()).cpu.0;
    use ContainerRole::{Init, Main, Sidecar};
    assert_eq!(reserves(vec![of(Init, 500), of(Main, 200), of(Main, 200)]), 500);
    assert_eq!(reserves(vec![of(Init, 300), of(Main, 200), of(Main, 200)]), 400);
    assert_eq!(reserves(vec![of(Sidecar, 100), of(Init, 500), of(Main, 200)]), 600);
    assert_eq!(reserves(vec![of(Sidecar, 100), of(Main, 200)]), 300);
}

proptest! {
    #[test]
    fn savings_never_exceed_the_pool_and_parts_add_up(
        sizes in proptest::collection::vec((10_u64..2000, 16_u64..8000), 1..12), cpu in 1_u64..2000, mebi in 1_u64..8000,
    ) {
        let mut facts = cluster(sizes.len(), requests(10, 16));
        for (pod, (cpu, mebi)) in facts.pods.iter_mut().zip(&sizes) {
            pod.running[0].1 = requests(*cpu, *mebi);
        }
        let bill = billed(&facts, &after(requests(cpu, mebi)), &Terms::default());
        let sum: Money = bill.pools.iter().filter_map(|pool| pool.delta).sum();
        prop_assert_eq!(sum.to_cents(), bill.delta);
        for pool in &bill.pools {
            let (month, delta) = (pool.month.unwrap(), pool.delta.unwrap());
            prop_assert!(-delta <= month, "saves {} of {month}", delta.signed());
            prop_assert!(!delta.0.is_zero() || pool.why.is_some(), "{:?}", pool);
        }
    }

    #[test]
    fn lowering_requests_never_adds_a_node(
        sizes in proptest::collection::vec((10_u64..2000, 16_u64..8000), 1..12), keep in 1_u64..100,
    ) {
        let mut facts = cluster(sizes.len(), requests(10, 16));
        for (pod, (cpu, mebi)) in facts.pods.iter_mut().zip(&sizes) {
            pod.running[0].1 = requests(*cpu, *mebi);
        }
        let lowest = sizes.iter().fold((u64::MAX, u64::MAX), |low, size| (low.0.min(size.0), low.1.min(size.1)));
        let lower = requests((lowest.0 * keep / 100).max(1), (lowest.1 * keep / 100).max(1));
        prop_assert!(billed(&facts, &after(lower), &Terms::default()).delta <= Money::ZERO);
    }
}

#[test]
fn joint_savings_are_those_of_one_packing_and_not_a_sum() {
    // Two workloads on three nodes: lowering either alone frees too little, both together free a node.
    let mut facts = cluster(3, requests(1000, 512));
    let web = id(WorkloadKind::Deployment, "web");
    for at in 0..3 {
        facts.pods.push(pod(&web, &format!("n{at}"), requests(1000, 512)));
    }
    facts.workloads.push(workload(web.clone()));
    let api = after(requests(660, 512));
    let both: BTreeMap<_, _> = api
        .clone()
        .into_iter()
        .chain([(ContainerId { workload: web, container: main_container() }, requests(660, 512))])
        .collect();
    let alone = billed(&facts, &api, &Terms::default());
    assert_eq!((alone.delta, alone.pools[0].why), (Money::ZERO, Some(WhyNothing::LessThanANode)));
    assert_eq!(billed(&facts, &both, &Terms::default()).delta.signed(), "-$70.08");
}
