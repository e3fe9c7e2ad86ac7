//! A log of node agents that was full: the real one, below passes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use futures::StreamExt as _;
use kubeopt_agents::{Agents, Spool, SpoolLimits};
use kubeopt_model::Window;
use kubeopt_model::agents::{NodeHour, NodePart, NodeStanding};
use kubeopt_model::quantity::MIB;
use kubeopt_observe::{MetricsSource, NodeAgents, NodeReader, ObserveError, RecordedMetrics};
use kubeopt_proto::{Batch, ContainerSeries};
use kubeopt_runtime::edges::{AgentsEdge, Edges};
use tokio::sync::watch;

use crate::agents::{HOUR_S, container_id, kept, told};
use crate::apps::{DAY_S, NOW_S};
use crate::typical::{AT_REST_MIB, REPLICAS, SHOP, controller, usage};
use crate::world::World;

/// Holds more than the hours of the test, and is full soon.
const BYTES_MAX: u64 = 200_000;
const READINGS: i64 = 360;

/// The log of a server, read back as the controller does.
pub(crate) struct Log(pub(crate) Agents);

#[async_trait]
impl NodeReader for Log {
    async fn hours(&self) -> Result<Vec<NodeHour>, ObserveError> {
        Ok(self.0.spool().hours())
    }

    async fn read(&self, hour: Window, sink: &mut (dyn FnMut(NodePart) + Send)) -> Result<(), ObserveError> {
        self.0.spool().read(hour).for_each(|part| sink(part.unwrap()));
        Ok(())
    }

    fn standing(&self) -> Vec<NodeStanding> {
        self.0.standing()
    }
}

fn open(folder: &Path) -> Agents {
    let limits = SpoolLimits { bytes_max: BYTES_MAX, ..SpoolLimits::default() };
    let now: kubeopt_agents::Clock = Arc::new(|| NOW_S * 1000);
    Agents::new(Spool::open(folder, limits, Arc::clone(&now)).unwrap(), now)
}

/// Passes read this log from now on.
fn listen(
    world: &World,
    agents: &Agents,
    folder: &Path,
    scraped: Option<RecordedMetrics>,
) -> Arc<NodeAgents> {
    let reader = Box::new(Log(agents.clone()));
    let source = NodeAgents::new(reader, 2 * DAY_S, Some(folder.join("pods.json")));
    let source = Arc::new(match scraped {
        Some(scraped) => source.beside(Box::new(scraped) as Box<dyn MetricsSource>),
        None => source,
    });
    world.metrics["prod"].set(Arc::clone(&source));
    source
}

/// Sends batches of one node; all are on disk, or taken and not kept, when it returns.
async fn send(agents: &Agents, node: &str, batches: Vec<Batch>) {
    let (_end, ended) = watch::channel(false);
    let count = batches.len();
    let batches = futures::stream::iter(batches.into_iter().map(Ok));
    let told: Vec<_> = agents.stream(node.into(), batches, ended).collect().await;
    assert_eq!(told.iter().filter(|told| told.is_ok()).count(), count, "{told:?}");
}

/// So many readings of a pod from the begin of an hour on, each of another use.
fn batch(boot_id: &str, seq: u64, from: i64, pod: i64, readings: i64) -> Batch {
    let all = || 0..readings as u64;
    let series = ContainerSeries {
        pod_uid: format!("uid_{pod}"),
        container_id: container_id(pod),
        step: (0..readings as u32).collect(),
        span_ms: vec![10_000; readings as usize],
        cpu_used_us: all().map(|n| 500_000 + (n * 7_919 + seq * 104_729) % 500_000).collect(),
        cpu_peak_millicores: vec![900; readings as usize],
        memory_working_set_bytes: vec![250 * MIB; readings as usize],
        ..ContainerSeries::default()
    };
    Batch {
        boot_id: boot_id.to_owned(),
        seq,
        begin_unix_ms: from as u64 * 1000,
        step_ms: 10_000,
        steps: READINGS as u32,
        containers: vec![series],
        ..Batch::default()
    }
}

fn hour(ago: i64) -> i64 {
    NOW_S - ago * HOUR_S
}

/// Replays after an outage begin with the oldest: the log may have had these hours, and lost them to those after.
#[tokio::test]
async fn what_a_full_log_lost_is_not_replaced_by_an_older_replay() {
    for scraped in [None, Some(usage(&[SHOP], AT_REST_MIB))] {
        let (world, _) = told().await;
        let folder = tempfile::tempdir().unwrap();
        let agents = open(folder.path());
        for pod in 0..REPLICAS {
            let hours = (1..=15).rev().zip(1..).map(|(ago, seq)| batch("a", seq, hour(ago), pod, READINGS));
            send(&agents, &format!("node-{pod}"), hours.collect()).await;
        }
        assert_eq!(agents.figures().counts.crowded_out_bytes, 0, "there is room for them");
        listen(&world, &agents, folder.path(), scraped.clone());
        let kubeopt = controller(&world).await;
        world.pass(&kubeopt).await;
        let before = kept(&world, &kubeopt, DAY_S).await;
        assert_eq!(before.nodes.as_ref().unwrap().steps.have, 15 * 12 * 3);

        // Another node fills the log with the last hour.
        let mut seq = 0;
        while agents.spool().hours().iter().any(|known| known.hour.from_unix_s <= hour(9)) {
            seq += 1;
            send(&agents, "node-9", vec![batch("a", seq, hour(1), 9, READINGS)]).await;
        }
        // Two nodes tell again of some of it, and of an hour before all that there was.
        let replay = |boot: &'static str| {
            [20, 12, 10].into_iter().zip(1..).map(move |(ago, seq)| batch(boot, seq, hour(ago), 0, 30))
        };
        send(&agents, "node-0", replay("b").collect()).await;
        assert_eq!(agents.figures().counts.unusable["hour_gone"], 3);
        world.pass(&kubeopt).await;
        assert_eq!(kept(&world, &kubeopt, DAY_S).await, before);

        // The same of a controller that begins again, which knows of the log what is on disk.
        drop(kubeopt);
        let agents = open(folder.path());
        listen(&world, &agents, folder.path(), scraped);
        send(&agents, "node-0", replay("c").collect()).await;
        assert_eq!(agents.figures().counts.unusable["hour_gone"], 3);
        let kubeopt = controller(&world).await;
        world.pass(&kubeopt).await;
        assert_eq!(kept(&world, &kubeopt, DAY_S).await, before);
    }
}

/// A controller that tells the world's history what its own log has, when it is stopped.
async fn leader(world: &World, source: &Arc<NodeAgents>) -> Edges {
    let agents = AgentsEdge { cluster: SHOP.id().cluster, source: Ok(Arc::clone(source)) };
    Edges { agents: vec![agents], ..controller(world).await }
}

#[tokio::test]
async fn what_came_after_the_last_pass_is_in_history_when_the_lead_is_given_away() {
    for scraped in [None, Some(usage(&[SHOP], AT_REST_MIB))] {
        let (world, _) = told().await;
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let agents = open(folders[0].path());
        let source = listen(&world, &agents, folders[0].path(), scraped.clone());
        let first = leader(&world, &source).await;
        world.pass(&first).await;
        for pod in 0..REPLICAS {
            let hours = (1..=3).rev().zip(1..).map(|(ago, seq)| batch("a", seq, hour(ago), pod, READINGS));
            send(&agents, &format!("node-{pod}"), hours.collect()).await;
        }
        world.leave.0.store(false, Ordering::Relaxed);
        assert_eq!(first.hand_over(world.now()).await, []);
        assert_eq!(seen_steps(&world, &first).await, None, "who leads no more writes nothing");
        world.leave.0.store(true, Ordering::Relaxed);
        assert_eq!(first.hand_over(world.now()).await, []);
        let kept_of_first = kept(&world, &first, DAY_S).await;
        assert_eq!(seen_steps(&world, &first).await, Some(3 * 12 * 3));

        // The next leader has a log of its own, with nothing in it.
        let source = listen(&world, &open(folders[1].path()), folders[1].path(), scraped);
        let next = leader(&world, &source).await;
        world.pass(&next).await;
        assert_eq!(kept(&world, &next, DAY_S).await, kept_of_first);
    }
}

/// Steps that history has of what agents saw; none where it has nothing at all.
async fn seen_steps(world: &World, kubeopt: &Edges) -> Option<u64> {
    let window = Window::ending(world.now(), DAY_S);
    let usage = kubeopt.history.usage(&SHOP.id().cluster, window, None).await.unwrap();
    usage.first()?.nodes.as_ref().map(|seen| seen.steps.have)
}
