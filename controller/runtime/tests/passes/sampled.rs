//! Clusters without Prometheus: usage is sampled from metrics-server, and history is what was sampled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use kubeopt_history::UsageStore as _;
use kubeopt_model::usage::{Moment, MomentSample};
use kubeopt_model::{ClusterName, ContainerUsage, NoRecommendation, ObjectName, Window};
use kubeopt_observe::{MetricsServer, MomentReader, ObserveError, STEP_S};
use kubeopt_runtime::edges::Edges;

use crate::apps::{API, App, DAY_S, NOW_S, quiet_bytes, quiet_millicores};
use crate::said::{left, told};
use crate::world::World;

const HOUR_S: i64 = 3600;

/// What the apps of a world use at its time, some seconds ago.
struct Apps {
    world: Arc<World>,
    is_down: Arc<AtomicBool>,
}

#[async_trait]
impl MomentReader for Apps {
    async fn moment(&self) -> Result<Moment, ObserveError> {
        if self.is_down.load(Ordering::Relaxed) {
            let text = "nothing serves metrics.k8s.io".to_owned();
            return Err(ObserveError::Moment { code: "E-CLU-010", text, help: "install metrics-server" });
        }
        let at = self.world.now().as_second() - 5;
        let sample = |app: &App| MomentSample {
            namespace: app.id().namespace,
            pod: ObjectName::new(app.pod_name()).unwrap(),
            container: app.container().container,
            at_unix_s: at,
            window_s: 15.0,
            cpu_millicores: Some(quiet_millicores(at)),
            memory_bytes: Some(quiet_bytes(at)),
        };
        Ok(Moment { samples: self.world.apps.iter().map(sample).collect(), requests: 1, ..Moment::default() })
    }
}

/// A world whose cluster is sampled, two and a half minutes after a whole hour, and what turns metrics-server off.
async fn sampled() -> (Arc<World>, Arc<AtomicBool>) {
    let (world, is_down) = (Arc::new(World::of(&[API]).await), Arc::default());
    world.advance(STEP_S / 2);
    begin(&world, &is_down);
    (world, is_down)
}

/// kubeopt starts, and remembers no sample.
fn begin(world: &Arc<World>, is_down: &Arc<AtomicBool>) {
    let apps = Apps { world: Arc::clone(world), is_down: Arc::clone(is_down) };
    world.metrics["prod"].set(MetricsServer::new(apps));
}

async fn hours_kept(world: &World) -> Vec<Window> {
    world.history.covered(&ClusterName::new("prod").unwrap()).await.unwrap()
}

fn hours(from: i64, to: i64) -> Vec<Window> {
    vec![Window { from_unix_s: NOW_S + from * HOUR_S, to_unix_s: NOW_S + to * HOUR_S }]
}

async fn usage(world: &World) -> ContainerUsage {
    let window = Window::ending(world.now(), 8 * DAY_S);
    let cluster = ClusterName::new("prod").unwrap();
    world.history.usage(&cluster, window, Some(&[API.container()])).await.unwrap().remove(0)
}

async fn samples(world: &World) -> u64 {
    usage(world).await.cpu.unwrap().sketch.count()
}

#[tokio::test]
async fn what_was_sampled_is_the_history_and_a_restart_loses_the_running_hour_at_most() {
    let (world, is_down) = sampled().await;
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);
    assert!(matches!(left(&report, &API), NoRecommendation::TooLittleHistory { .. }));
    assert_eq!((hours_kept(&world).await, samples(&world).await), (hours(0, 1), 1));

    // Between passes, and by a pass that comes at once after another.
    world.advance(STEP_S);
    kubeopt.sample(world.now()).await;
    assert_eq!(samples(&world).await, 1, "the next pass stores it");
    world.advance(STEP_S);
    world.pass(&kubeopt).await;
    world.pass(&kubeopt).await;
    assert_eq!((hours_kept(&world).await, samples(&world).await), (hours(0, 1), 3));

    // The hour ends between two passes: what was sampled until then is stored, and the next hour begins.
    world.advance(HOUR_S - 4 * STEP_S);
    kubeopt.sample(world.now()).await;
    world.advance(2 * STEP_S);
    world.pass(&kubeopt).await;
    assert_eq!((hours_kept(&world).await, samples(&world).await), (hours(0, 2), 5));

    begin(&world, &is_down);
    let kubeopt = world.controller("a").await;
    world.advance(STEP_S);
    world.pass(&kubeopt).await;
    assert_eq!((hours_kept(&world).await, samples(&world).await), (hours(0, 2), 5), "four, and one again");
}

#[tokio::test]
async fn hours_without_kubeopt_are_missing_samples_and_no_reason_to_wait_for_ever() {
    let (world, is_down) = sampled().await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    world.advance(5 * HOUR_S);
    begin(&world, &is_down);
    let report = world.pass(&world.controller("a").await).await;
    assert_eq!(report.problems(), []);
    assert_eq!(hours_kept(&world).await, hours(0, 6));
    let usage = usage(&world).await;
    assert_eq!(usage.partial, None);
    let coverage = usage.memory.unwrap().coverage;
    assert_eq!((coverage.have, coverage.expected), (2, 61), "two samples of five hours and a step");
}

#[tokio::test]
async fn metrics_server_that_is_not_there_is_told_and_what_was_sampled_stays() {
    let (world, is_down) = sampled().await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    is_down.store(true, Ordering::Relaxed);
    world.advance(STEP_S);
    let report = world.pass(&kubeopt).await;
    let problem = told(&report, "E-CLU-010");
    assert_eq!(problem.help, "install metrics-server");
    assert_eq!((hours_kept(&world).await, samples(&world).await), (hours(0, 1), 1));
    is_down.store(false, Ordering::Relaxed);
    world.advance(STEP_S);
    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    assert_eq!(samples(&world).await, 2);
}

/// Eight days with a sample every `every` seconds, and a pass each day.
async fn eight_days(world: &World, kubeopt: &Edges, every: i64) {
    for _ in 0..8 {
        for _ in 0..DAY_S / every {
            kubeopt.sample(world.now()).await;
            world.advance(every);
        }
        world.pass(kubeopt).await;
    }
}

#[tokio::test]
async fn a_week_of_samples_in_each_step_lowers_a_request_and_one_an_hour_does_not() {
    let (world, _) = sampled().await;
    let kubeopt = world.controller("a").await;
    eight_days(&world, &kubeopt, HOUR_S).await;
    let report = world.pass(&kubeopt).await;
    let NoRecommendation::PartialData { coverage, why } = left(&report, &API) else {
        panic!("{:?}", left(&report, &API))
    };
    assert!(coverage.ratio() < 0.1, "{coverage}: {why}");
    assert!(world.pulls_of(&API).await.is_empty());

    let (world, _) = sampled().await;
    let kubeopt = world.controller("a").await;
    eight_days(&world, &kubeopt, STEP_S).await;
    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    let open = world.the_open_one(&API).await;
    assert!(open.body.contains("100 %"), "coverage is shown: {}", open.body);
}
