//! What capacity costs, what leaves the bill with all proposals together, and what merged pull requests save.

use kubeopt_model::cluster::{Node, NodeMachine};
use kubeopt_model::cost::Money;
use kubeopt_model::workload::ResourceList;
use kubeopt_model::{Bytes, MilliCores, Timestamp};
use kubeopt_runtime::costs::{costs, focus_csv, read_aggregates, read_since, read_window, savings};
use kubeopt_runtime::pricing::Terms;

use crate::apps::{API, App, SITE};
use crate::world::World;

/// An m5.large of a pool that Karpenter scales, whose pods may use 450m of it: one of what the tests deploy.
fn node(name: &str) -> Node {
    Node {
        name: name.to_owned(),
        instance_type: Some("m5.large".to_owned()),
        region: Some("us-east-1".to_owned()),
        allocatable_cpu: MilliCores(450),
        allocatable_memory: Bytes::mebi(4096),
        schedulable: true,
        machine: NodeMachine {
            provider_id: Some(format!("aws:///us-east-1a/{name}")),
            labels: [("karpenter.sh/nodepool".to_owned(), "web".to_owned())].into(),
            taints: Vec::new(),
            capacity: ResourceList { cpu: Some(MilliCores(2000)), memory: Some(Bytes::mebi(8192)) },
            pods: Some(29),
        },
    }
}

/// Each app on a node of its own.
pub(crate) fn show_nodes(world: &World) {
    let mut shown = world.shown.lock().unwrap();
    for facts in shown.values_mut() {
        let workloads = facts.workloads.clone();
        for (at, pod) in facts.pods.iter_mut().enumerate() {
            let of = workloads.iter().find(|workload| Some(&workload.id) == pod.workload.as_ref()).unwrap();
            pod.running = of.containers.iter().map(|one| (one.name.clone(), one.resources)).collect();
            pod.node = Some(format!("n{at}"));
            facts.nodes.push(node(&format!("n{at}")));
        }
    }
}

fn label(world: &World, app: &App, key: &str, value: &str) {
    let mut shown = world.shown.lock().unwrap();
    let mut workloads = shown.values_mut().flat_map(|facts| &mut facts.workloads);
    let live = workloads.find(|workload| workload.id == app.id()).unwrap();
    live.labels.insert(key.to_owned(), value.to_owned());
}

fn week(now: Timestamp) -> kubeopt_model::Window {
    read_window("7d", now).unwrap()
}

#[tokio::test]
async fn what_no_proposal_takes_off_the_bill_alone_all_of_them_can_together() {
    let world = World::of(&[API, SITE]).await;
    show_nodes(&world);
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);
    assert_eq!(report.decided.proposals.len(), 2);
    for proposal in &report.decided.proposals {
        assert_eq!(proposal.bill.alone.monthly, Some(Money::ZERO));
        assert_eq!(
            proposal.bill.alone.why,
            ["node pool `web (m5.large)`: what is freed is less than a node"]
        );
        assert_eq!(proposal.bill.others, 1);
        assert!(proposal.draft.body.contains("On the bill: **$0 for now** - node pool `web (m5.large)`"));
        let together = "With the other proposal: **-$70.08 a month (1 node less)**.";
        assert!(proposal.draft.body.contains(together), "{}", proposal.draft.body);
        assert!(proposal.draft.body.contains("Prices: aws us-east-1 m5.large list, 2025-03-02 ("));
    }
    let together = report.decided.bill.as_ref().unwrap();
    assert_eq!((together.monthly.map(Money::signed), together.nodes), (Some("-$70.08".to_owned()), -1));
    let text = report.plan_text();
    assert!(text.contains("with the other proposal, can leave the bill: -$70.08/month"), "{text}");
    assert_eq!(text.matches("\nprices: aws us-east-1 m5.large list, 2025-03-02 (").count(), 2, "{text}");
}

#[tokio::test]
async fn parts_of_costs_add_up_and_say_what_they_rest_on() {
    let world = World::of(&[API, SITE]).await;
    show_nodes(&world);
    let mut kubeopt = world.controller("a").await;
    let by = read_aggregates("namespace").unwrap();
    let answer = costs(&mut kubeopt, week(world.now()), &by, world.now()).await.unwrap();
    assert_eq!(answer.problems, []);
    let report = &answer.report;
    let names: Vec<&str> = report.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["payments", "site"]);
    let sum: Money = report.rows.iter().map(|row| row.total_cost).sum();
    assert_eq!((sum, report.total.unknown_containers), (report.total.total_cost, 0));
    assert!(report.rows.iter().all(|row| row.total_cost > Money::ZERO && row.used_cost < row.total_cost));
    assert_eq!(report.prices[0].basis, "aws us-east-1 m5.large list");
    assert_eq!(focus_csv(report).lines().count(), 1 + 4);
}

#[tokio::test]
async fn without_a_price_or_usage_nothing_is_invented() {
    let world = World::of(&[API]).await;
    let mut kubeopt = world.controller("a").await;
    kubeopt.clusters[0].terms = Terms::default();
    let by = read_aggregates("all").unwrap();
    let unpriced = costs(&mut kubeopt, week(world.now()), &by, world.now()).await.unwrap().report;
    assert_eq!((unpriced.total.containers, unpriced.total.unknown_containers), (0, 1));
    assert!(unpriced.unknown[0].why.starts_with("no node could be seen"), "{:?}", unpriced.unknown);
    let pass = world.pass(&kubeopt).await;
    let body = &pass.decided.proposals[0].draft.body;
    assert!(body.contains("the price is unknown** (no node could be seen") && !body.contains("$0"), "{body}");

    show_nodes(&world);
    let mut silent = world.controller("b").await;
    silent.history = std::sync::Arc::new(kubeopt_history::MemoryUsage::default());
    silent.clusters[0].metrics = None;
    let answer = costs(&mut silent, week(world.now()), &by, world.now()).await.unwrap();
    assert_eq!(answer.problems.len(), 1, "{:?}", answer.problems);
    // The request alone counts, and what was used of it is not known.
    assert_eq!((answer.report.total.containers, answer.report.total.used_cost), (1, Money::ZERO));
    assert!(answer.report.lines.iter().all(|line| line.used.is_none() && line.cost > Money::ZERO));
}

#[tokio::test]
async fn a_merged_pull_request_saves_what_it_no_longer_reserves_beside_what_kubeopt_costs() {
    let world = World::of(&[API, SITE]).await;
    show_nodes(&world);
    label(&world, &SITE, "app.kubernetes.io/name", "kubeopt");
    let mut kubeopt = world.controller("a").await;
    let since = read_since("30d", world.now()).unwrap();
    let before = savings(&mut kubeopt, since, world.now()).await.unwrap().report;
    assert_eq!((before.rows.len(), before.monthly, before.return_ratio), (0, Money::ZERO, None));

    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.forge.merge(&API.repository_id(), pull.number, "alice").await.unwrap();
    world.pass(&kubeopt).await;
    let report = savings(&mut kubeopt, since, world.now()).await.unwrap().report;
    assert_eq!((report.basis, report.rows.len(), report.unknown_requests), ("estimated", 1, 0));
    assert!(report.rows[0].pull_request.ends_with(&format!("acme/shop #{}", pull.number)), "{report:?}");
    assert!(report.monthly < Money::ZERO, "{report:?}");
    // 400m and 512Mi of an m5.large at $0.096 an hour, split as OpenCost does.
    let own = report.own_monthly.unwrap();
    assert_eq!(own.to_string(), "$10.65");
    assert!(-report.monthly < own, "no more is saved than the same requests cost");
    let ratio = report.return_ratio.unwrap();
    assert!(ratio > "0.3".parse().unwrap() && ratio < "1".parse().unwrap(), "{ratio}");
}

#[tokio::test]
async fn a_request_that_an_init_container_keeps_changes_no_cost_and_says_why() {
    let world = World::of(&[API]).await;
    show_nodes(&world);
    {
        let mut shown = world.shown.lock().unwrap();
        let live = shown.values_mut().flat_map(|facts| &mut facts.workloads).find(|one| one.id == API.id());
        let containers = &mut live.unwrap().containers;
        let mut init = containers[0].clone();
        init.name = kubeopt_model::ContainerName::new("migrate").unwrap();
        init.role = kubeopt_model::ContainerRole::Init;
        init.resources.requests.cpu = Some(MilliCores(1500));
        init.resources.requests.memory = Some(Bytes::mebi(4096));
        containers.insert(0, init);
    }
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    let proposal = &report.decided.proposals[0];
    assert!(
        proposal.draft.body.contains("**$0 a month**") || proposal.draft.body.contains("$0.00"),
        "{}",
        proposal.draft.body
    );
    let told = "init container migrate asks for 1500m, which the node keeps for as long as the pod runs";
    assert!(proposal.draft.body.contains(told), "{}", proposal.draft.body);
}
