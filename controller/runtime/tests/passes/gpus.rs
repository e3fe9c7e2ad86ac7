//! GPUs that do nothing, as node agents tell of them: what people read in the pull request.

use kubeopt_model::agents::{CgroupId, GpuUser, NodeGpu, NodePart};
use kubeopt_model::gpu::{GpuSource, GpuUse};
use kubeopt_observe::RecordedMetrics;

use crate::agents::{Nodes, listen, told};
use crate::apps::{DAY_S, NOW_S};
use crate::typical::{AT_REST_MIB, SHOP, controller, usage};
use crate::world::World;

const HOUR_S: i64 = 3600;

/// A cluster whose pods ask for a GPU each.
pub(crate) async fn with_gpus() -> (World, Nodes) {
    let (world, nodes) = told().await;
    for facts in world.shown.lock().unwrap().values_mut() {
        facts.workloads.iter_mut().flat_map(|of| &mut of.containers).for_each(|container| container.gpus = 1);
    }
    (world, nodes)
}

/// An hour of the GPU of the first pod: as its cgroup is called, or as an exporter names it.
fn gpu(world: &World, from: i64, is_named: bool, busy: (f64, f64)) -> NodePart {
    let shown = world.shown.lock().unwrap();
    let pod = &shown.values().next().unwrap().pods[0];
    let user = match is_named {
        true => GpuUser::Named(pod.namespace.to_string(), pod.name.clone(), "main".to_owned()),
        false => GpuUser::Cgroup(CgroupId { pod_uid: "uid_0".to_owned(), container_id: "0".repeat(64) }),
    };
    NodePart::Gpu(NodeGpu {
        node: pod.node.clone().unwrap(),
        id: "GPU-1".to_owned(),
        user,
        from_unix_ms: from * 1000,
        to_unix_ms: (from + HOUR_S) * 1000,
        busy: Some(busy),
        memory_max: Some(0.25),
    })
}

pub(crate) async fn note(world: &World) -> Option<String> {
    world.pass(&controller(world).await).await;
    let body = world.the_open_one(&SHOP).await.body;
    body.lines().find(|line| line.contains("GPU")).map(str::to_owned)
}

#[tokio::test]
async fn idle_gpus_are_told_with_the_hours_that_agents_saw() {
    for (hours, is_named, expected) in [
        (20, false, None),
        (41, true, Some("in 41 h (node agents): idle")),
        (47, false, Some("in 47 h (node agents): idle")),
    ] {
        let (world, nodes) = with_gpus().await;
        for from in (1..=hours).map(|hour| NOW_S - hour * HOUR_S) {
            nodes.put(from, gpu(&world, from, is_named, (0.001, 0.02)));
        }
        listen(&world, &nodes, usage(&[SHOP], AT_REST_MIB));
        let said = note(&world).await;
        let text = said.as_deref().unwrap_or_default();
        assert_eq!(said.is_some(), expected.is_some(), "{hours}: {text}");
        assert!(text.contains(expected.unwrap_or_default()), "{hours}: {text}");
    }
}

#[tokio::test]
async fn a_week_is_known_though_agents_keep_two_days() {
    let (world, nodes) = with_gpus().await;
    listen(&world, &nodes, usage(&[SHOP], AT_REST_MIB));
    let kubeopt = controller(&world).await;
    // Day by day, and what is stored is gone from the agents' log by then.
    let first = NOW_S - 7 * DAY_S;
    let mut known = Vec::new();
    world.advance(-7 * DAY_S);
    for day in 0..7 {
        for from in (0..24).map(|hour| first + day * DAY_S + hour * HOUR_S) {
            nodes.put(from, gpu(&world, from, true, (0.10, 0.9)));
        }
        world.advance(DAY_S);
        let seen = world.pass(&kubeopt).await.seen;
        known.push(seen.gpus[&SHOP.container()].clone());
        nodes.forget();
    }
    assert_eq!(known.iter().map(|one| one.hours).collect::<Vec<_>>(), [24, 48, 72, 96, 120, 144, 168]);
    let week = known.pop().unwrap();
    assert_eq!((week.source, week.busy_max, week.memory_max), (GpuSource::NodeAgents, 0.9, Some(0.25)));
    assert!((week.busy_mean - 0.1).abs() < 1e-9, "{week:?}");
}

#[tokio::test]
async fn a_gpu_that_a_server_and_agents_tell_of_is_told_once() {
    let (world, nodes) = with_gpus().await;
    for from in (1..=41).map(|hour| NOW_S - hour * HOUR_S) {
        nodes.put(from, gpu(&world, from, true, (0.001, 0.02)));
    }
    let scraped = GpuUse {
        container: SHOP.container(),
        source: GpuSource::Prometheus,
        hours: 168,
        busy_mean: 0.0,
        busy_max: 0.03,
        memory_max: None,
    };
    listen(&world, &nodes, RecordedMetrics { gpus: vec![scraped], ..usage(&[SHOP], AT_REST_MIB) });
    let said = note(&world).await.unwrap_or_default();
    assert!(said.contains("3.0 % busy in 7 days (DCGM through Prometheus): idle"), "{said}");
    assert!(!said.contains("node agents"), "{said}");
}
