//! Clusters whose nodes tell what they saw: what reaches history and pull requests of it, beside a server that scrapes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kubeopt_model::agents::{
    CfsPeriods, CgroupId, NodeHour, NodePart, NodeReading, NodeSeries, NodeStanding,
};
use kubeopt_model::cluster::PodCgroups;
use kubeopt_model::quantity::MIB;
use kubeopt_model::usage::OomKill;
use kubeopt_model::{Bytes, ContainerUsage, Window};
use kubeopt_observe::{MetricsSource, NodeAgents, NodeReader, ObserveError, RecordedMetrics};
use kubeopt_runtime::edges::Edges;

use crate::apps::{DAY_S, NOW_S};
use crate::typical::{AT_REST_MIB, HISTORY_S, REPLICAS, SHOP, assert_golden, controller, usage, world};
use crate::world::World;

pub(crate) const HOUR_S: i64 = 3600;

/// Parts by hour, and how often each hour changed.
type Hours = BTreeMap<i64, (u64, Vec<NodePart>)>;

/// What the nodes of the three pods sent, hour by hour.
#[derive(Clone, Default)]
pub(crate) struct Nodes(Arc<Mutex<Hours>>);

#[async_trait]
impl NodeReader for Nodes {
    async fn hours(&self) -> Result<Vec<NodeHour>, ObserveError> {
        let hours = self.0.lock().unwrap();
        let window = |from: i64| Window { from_unix_s: from, to_unix_s: from + HOUR_S };
        Ok(hours.iter().map(|(from, (mark, _))| NodeHour { hour: window(*from), mark: *mark }).collect())
    }

    async fn read(&self, hour: Window, sink: &mut (dyn FnMut(NodePart) + Send)) -> Result<(), ObserveError> {
        let parts = self.0.lock().unwrap().get(&hour.from_unix_s).map(|(_, parts)| parts.clone());
        parts.into_iter().flatten().for_each(sink);
        Ok(())
    }

    fn standing(&self) -> Vec<NodeStanding> {
        Vec::new()
    }
}

impl Nodes {
    /// An hour of readings, of each pod: work comes in bursts of some seconds at each full minute, against a limit of 400m.
    pub(crate) fn tell(&self, from: i64) {
        for pod in 0..REPLICAS {
            self.put(from, series(pod, (0..360).map(|n| reading(from + n * 10)).collect()));
        }
    }

    /// Nothing is there any more.
    pub(crate) fn forget(&self) {
        self.0.lock().unwrap().clear();
    }

    /// What is left of an hour.
    fn leave(&self, from: i64, left: Vec<NodeSeries>) {
        let left = left.into_iter().map(NodePart::from).collect();
        let mut hours = self.0.lock().unwrap();
        let mark = hours.remove(&from).map_or(0, |(mark, _)| mark);
        hours.insert(from, (mark + 1, left));
    }

    pub(crate) fn put(&self, from: i64, part: impl Into<NodePart>) {
        let mut hours = self.0.lock().unwrap();
        let (mark, parts) = hours.entry(from).or_default();
        *mark += 1;
        parts.push(part.into());
    }
}

pub(crate) fn container_id(pod: i64) -> String {
    pod.to_string().repeat(64)
}

fn series(pod: i64, readings: Vec<NodeReading>) -> NodeSeries {
    let id = CgroupId { pod_uid: format!("uid_{pod}"), container_id: container_id(pod) };
    let node = format!("node-{pod}");
    NodeSeries { node, id, seen_unix_ms: None, oom_kills: 0, memory_limit: None, cpu_quota: None, readings }
}

fn reading(at: i64) -> NodeReading {
    let bursts = at % 60 == 0;
    NodeReading {
        at_unix_ms: (at + 10) * 1000,
        span_ms: 10_000,
        cpu_used_us: Some(if bursts { 2_600_000 } else { 400_000 }),
        cpu_peak_millicores: bursts.then_some(400),
        cfs: Some(CfsPeriods {
            all: 100,
            throttled: if bursts { 30 } else { 0 },
            throttled_us: if bursts { 900_000 } else { 0 },
        }),
        working_set_bytes: Some(250 * MIB),
        ..NodeReading::default()
    }
}

/// The world of the typical pull requests with a CPU limit, whose cluster shows what its nodes call the pods.
pub(crate) async fn told() -> (World, Nodes) {
    let manifest = format!("{}          limits:\n            cpu: 400m\n", SHOP.manifest(("500m", "1Gi")));
    let world = world(&[SHOP], &[("shop", &SHOP.path(), &manifest)]).await;
    for facts in world.shown.lock().unwrap().values_mut() {
        for (at, pod) in (0_i64..).zip(&mut facts.pods) {
            let main = SHOP.container().container;
            pod.cgroups = PodCgroups { uid: format!("uid-{at}"), containers: vec![(container_id(at), main)] };
        }
    }
    (world, Nodes::default())
}

/// Listens beside a server that scrapes.
pub(crate) fn listen(world: &World, nodes: &Nodes, scraped: RecordedMetrics) {
    let beside: Box<dyn MetricsSource> = Box::new(scraped);
    let agents = NodeAgents::new(Box::new(nodes.clone()), 2 * DAY_S, None);
    world.metrics["prod"].set(agents.beside(beside));
}

/// Listens alone, and remembers in a file whose cgroups are.
fn listen_alone(world: &World, nodes: &Nodes, file: &Path) {
    world.metrics["prod"].set(NodeAgents::new(Box::new(nodes.clone()), 2 * DAY_S, Some(file.to_owned())));
}

pub(crate) async fn kept(world: &World, kubeopt: &Edges, seconds: i64) -> ContainerUsage {
    let window = Window::ending(world.now(), seconds);
    kubeopt.history.usage(&SHOP.id().cluster, window, None).await.unwrap().remove(0)
}

#[tokio::test]
async fn a_pull_request_shows_what_only_node_agents_saw() {
    let (world, nodes) = told().await;
    (1..=36).for_each(|hour| nodes.tell(NOW_S - hour * HOUR_S));
    listen(&world, &nodes, usage(&[SHOP], AT_REST_MIB));
    world.pass(&controller(&world).await).await;
    assert_golden(&world, "seen-by-agents", &world.the_open_one(&SHOP).await).await;
}

#[tokio::test]
async fn an_outage_that_is_sent_later_takes_the_place_of_what_was_stored() {
    let (world, nodes) = told().await;
    listen(&world, &nodes, usage(&[SHOP], AT_REST_MIB));
    let kubeopt = controller(&world).await;
    world.pass(&kubeopt).await;
    let before = kept(&world, &kubeopt, HISTORY_S).await;
    assert_eq!(before.nodes, None);

    let hours = [5, 4, 3].map(|hour| NOW_S - hour * HOUR_S);
    hours.iter().for_each(|from| nodes.tell(*from));
    world.pass(&kubeopt).await;
    let after = kept(&world, &kubeopt, HISTORY_S).await;
    let seen = after.nodes.unwrap();
    assert_eq!(seen.steps.have, 3 * 12 * 3, "three hours of three pods");
    let samples = |usage: &ContainerUsage| usage.cpu.as_ref().map(|cpu| cpu.sketch.count());
    assert_eq!(samples(&after), samples(&before), "in the place of the server's, not beside it");
    let told = after.cpu_hours.iter().find(|hour| hour.at_unix_s == hours[0]).unwrap();
    let mean = (260.0 + 5.0 * 40.0) / 6.0;
    assert!((told.max - mean).abs() < 1.0, "{told:?} {mean}");
    // Nothing changed since: the same again reads nothing.
    let again = world.pass(&kubeopt).await;
    assert_eq!(again.seen.reports[&SHOP.id().cluster].samples, 0);
    assert_eq!(kept(&world, &kubeopt, HISTORY_S).await, after);
}

#[tokio::test]
async fn a_kill_that_a_node_and_a_server_tell_is_one() {
    let (world, nodes) = told().await;
    let from = NOW_S - 2 * HOUR_S;
    nodes.tell(from);
    let readings = vec![reading(from + 1200)];
    nodes.put(from, NodeSeries { oom_kills: 2, memory_limit: Some(Bytes::mebi(300)), ..series(0, readings) });
    let told = |at_unix_s| OomKill { container: SHOP.container(), at_unix_s, limit: None };
    let scraped = usage(&[SHOP], AT_REST_MIB);
    let oom_kills = vec![told(from + 1200 + 90), told(NOW_S - 30 * HOUR_S)];
    listen(&world, &nodes, RecordedMetrics { oom_kills, ..scraped });
    let kubeopt = controller(&world).await;
    world.pass(&kubeopt).await;
    let usage = kept(&world, &kubeopt, HISTORY_S).await;
    let at: Vec<i64> = usage.oom_kills.iter().map(|kill| kill.at_unix_s).collect();
    assert_eq!(at, [NOW_S - 30 * HOUR_S, from + 1210]);
    assert_eq!(usage.oom_kills[1].limit, Some(Bytes::mebi(300)));
}

#[tokio::test]
async fn an_hour_of_which_nodes_tell_less_than_before_stays_as_it_is() {
    let (world, nodes) = told().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pods.json");
    listen_alone(&world, &nodes, &file);
    let hours: Vec<i64> = (1..=20).map(|hour| NOW_S - hour * HOUR_S).collect();
    hours.iter().for_each(|from| nodes.tell(*from));
    let kubeopt = controller(&world).await;
    world.pass(&kubeopt).await;
    let before = kept(&world, &kubeopt, DAY_S).await;
    assert_eq!(before.cpu.as_ref().unwrap().sketch.count(), 20 * 12 * 3);
    let few = |from: i64, count: i64| (0..count).map(|n| reading(from + n * 10)).collect::<Vec<_>>();
    let cluster = SHOP.id().cluster;
    // An old hour that one agent sends again after its other files are gone.
    nodes.leave(hours[19], vec![series(0, few(hours[19], 360))]);
    let again = world.pass(&kubeopt).await;
    assert_eq!(again.seen.reports[&cluster].kept_hours, 1);
    assert_eq!(kept(&world, &kubeopt, DAY_S).await, before);
    // A node that filled the log sends one batch of each hour.
    hours.iter().for_each(|from| nodes.leave(*from, vec![series(2, few(*from, 6))]));
    let again = world.pass(&kubeopt).await;
    assert_eq!(again.seen.reports[&cluster].kept_hours, 20);
    assert_eq!(kept(&world, &kubeopt, DAY_S).await, before);
    // An hour that is told and of which nothing is left.
    nodes.leave(hours[3], Vec::new());
    world.pass(&kubeopt).await;
    assert_eq!(kept(&world, &kubeopt, DAY_S).await, before);
    // More of an hour is taken.
    let third = |pod: i64| series(pod, (0..360).map(|n| reading(hours[0] + n * 10)).collect());
    nodes.leave(hours[0], (0..REPLICAS).map(third).collect());
    assert_eq!(world.pass(&kubeopt).await.seen.reports[&cluster].kept_hours, 0);
    assert_eq!(kept(&world, &kubeopt, DAY_S).await, before);
}

#[tokio::test]
async fn where_it_is_forgotten_which_pods_are_gone_history_is_not() {
    let (world, nodes) = told().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pods.json");
    listen_alone(&world, &nodes, &file);
    let hours: Vec<i64> = (1..=5).map(|hour| NOW_S - hour * HOUR_S).collect();
    hours.iter().for_each(|from| nodes.tell(*from));
    let kubeopt = controller(&world).await;
    world.pass(&kubeopt).await;
    let before = kept(&world, &kubeopt, DAY_S).await;
    // The next pass writes down what this one learned.
    world.pass(&kubeopt).await;
    // Two of the three pods are gone, and with the file all that knew of them.
    for facts in world.shown.lock().unwrap().values_mut() {
        facts.pods.truncate(1);
    }
    std::fs::remove_file(&file).unwrap();
    listen_alone(&world, &nodes, &file);
    let again = world.pass(&kubeopt).await;
    assert_eq!(again.seen.reports[&SHOP.id().cluster].kept_hours, 5);
    assert_eq!(kept(&world, &kubeopt, DAY_S).await, before);
}
