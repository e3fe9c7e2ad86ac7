//! The whole path. Bursts of some tenths of a second against a CPU limit: a scrape sees a mean far below the limit, the agents
//! see the bursts and the throttling; history holds each hour once whoever was killed; the pull request says it.

use kubeopt_forge::{HeadFilter, PullRequestQuery, StateFilter};
use kubeopt_history::{ParquetUsage, UsageStore as _};
use kubeopt_model::usage::HourSeries;
use kubeopt_model::{ClusterName, ContainerUsage, Timestamp, Window};
use kubeopt_player::{Container, Load, Point};
use kubeopt_sample::{ContainerId, PodUid};
use kubeopt_tests::manifest::web;
use kubeopt_tests::process::Process;
use kubeopt_tests::prometheus::Prometheus;
use kubeopt_tests::usage::{Container as Scraped, Shape, Usage};
use kubeopt_tests::{OrFail, servers_enabled, wait};
use serde_json::{Value, json};

use super::node::Node;
use super::world::{NAMESPACE, Placed, World};
use crate::installation::PASSES;
use crate::program::{CLUSTER, log_lines};

const HOUR_S: i64 = 3600;
const HOUR_MS: u64 = 3_600_000;
const MINUTE_MS: u64 = 60_000;
const MIB: u64 = 1 << 20;

/// Whole hours that are played, before the one that runs.
const HOURS: u64 = 4;

/// The limit.
const QUOTA_MILLICORES: u64 = 1000;
/// Between bursts.
const AT_REST_MILLICORES: u64 = 120;
/// Wanted for four tenths of a second in each minute: with the quota it takes more than one second.
const BURST: (u64, u64) = (3000, 400);
/// What Prometheus tells of the weeks before, so that its hours and the agents' can be told apart.
const SCRAPED_CORES: f64 = 0.25;
const SCRAPED_BYTES: f64 = 500.0 * 1_048_576.0;

#[tokio::test(flavor = "multi_thread")]
async fn what_agents_saw_reaches_history_once_and_the_pull_request() {
    if !servers_enabled() {
        return;
    }
    let web = web(4, &[("requests", ["1", "2Gi"]), ("limits", ["1", "2Gi"])]);
    let manifests = [("apps/web.yaml", web.as_str()), (".kubeopt.yaml", "extends: kubeopt:balanced\n")];
    let world = World::start(&manifests).await;
    let placed = world.placed("web", 4).await;
    let prometheus = Prometheus::start(&scraped(&placed)).await;
    let silent = world.configure(prometheus.url(), &quiet());
    let controller = world.controller("controller-first", &silent);
    controller.until_healthy(&format!("http://127.0.0.1:{}/readyz", world.http_port)).await;

    let now_s = Timestamp::now().as_second();
    let began_s = now_s / HOUR_S * HOUR_S - HOURS as i64 * HOUR_S;
    let began_ms = u64::try_from(began_s * 1000).or_fail("count milliseconds");
    let mut nodes = Vec::new();
    for name in ["node-0", "node-1"] {
        let here: Vec<Placed> = placed.iter().filter(|one| one.node == name).cloned().collect();
        assert!(!here.is_empty(), "no pod is on {name}: {placed:?}");
        nodes.push(Node::start(&world, name, here.iter().map(played).collect(), began_ms).await);
    }
    let [first, second] = &mut nodes[..] else { panic!("there are two nodes") };

    // Two hours; then an agent is killed and back after a minute; the controller an hour later.
    live(first, second, began_ms + 2 * HOUR_MS + 10 * MINUTE_MS).await;
    first.kill_and_restart(MINUTE_MS).await;
    live(first, second, began_ms + 3 * HOUR_MS + 20 * MINUTE_MS).await;
    controller.kill();
    drop(controller);
    live(first, second, began_ms + 3 * HOUR_MS + 50 * MINUTE_MS).await;
    let controller = world.controller("controller-second", &silent);
    live(first, second, began_ms + HOURS * HOUR_MS + 2 * MINUTE_MS).await;
    for node in [&mut *first, &mut *second] {
        node.until_acknowledged().await;
    }
    passes_more(&controller, 3).await;
    controller.stop();
    controller.end(wait::RECONCILE).await;

    assert_history_is_what_was_played(&world, began_s).await;

    let controller = world.controller("controller-third", &world.configure(prometheus.url(), &json!({})));
    let body = opened(&world, &controller).await;
    for part in [
        "node agents every 10 s",
        "within one second",
        "a mean of 5 minutes shows at most",
        "Held back by its CPU limit",
    ] {
        assert!(body.contains(part), "the body does not say `{part}`:\n{body}");
    }
}

/// Both nodes, each by its own clock, side by side.
async fn live(first: &mut Node, second: &mut Node, to_unix_ms: u64) {
    tokio::join!(first.live_until(to_unix_ms), second.live_until(to_unix_ms));
}

/// Nothing is bound: usage is read, and nothing is proposed before all of it is there.
fn quiet() -> Value {
    json!({ "bindings": [], "sources": [] })
}

fn played(placed: &Placed) -> Container {
    let points = (0..=(HOURS + 2) * 60).map(|minute| Point {
        from_ms: minute * MINUTE_MS,
        cpu_millicores: AT_REST_MILLICORES,
        memory_bytes: (600 + 10 * (minute / 60)) * MIB,
        burst: Some(BURST),
    });
    Container {
        pod_uid: PodUid::parse(&placed.pod_uid).expect("the API server gives UUIDs"),
        container_id: ContainerId::parse(&placed.container_id).expect("64 hexadecimal digits"),
        quota_millicores: Some(QUOTA_MILLICORES),
        limit_bytes: Some(2048 * MIB),
        load: Load::Points(points.collect()),
    }
}

fn scraped(placed: &[Placed]) -> Usage {
    let containers = placed.iter().map(|one| {
        Scraped::new(NAMESPACE, &one.pod, "web")
            .cpu(Shape::flat(SCRAPED_CORES))
            .memory(Shape::flat(SCRAPED_BYTES))
            .never_killed()
    });
    Usage::days_before_now(14).containers(containers)
}

/// Millicores of a minute: at rest, and the work of the burst, which the limit only spreads.
fn mean_millicores() -> f64 {
    let (burst, ms) = BURST;
    let extra = (burst - AT_REST_MILLICORES) * ms;
    AT_REST_MILLICORES as f64 + extra as f64 / MINUTE_MS as f64
}

async fn assert_history_is_what_was_played(world: &World, began_s: i64) {
    let usage = kept(world, began_s, began_s + HOURS as i64 * HOUR_S).await;
    let seen = usage.nodes.as_ref().expect("agents told of it");
    let steps = HOURS * 12 * 4;
    // A minute without an agent on one of the two nodes is missed by none of its steps.
    assert!(seen.steps.have <= steps && seen.steps.have + 4 >= steps, "{seen:?} of {steps}");
    let samples = usage.cpu.as_ref().expect("there is CPU").sketch.count();
    assert!((steps - 4..=steps).contains(&samples), "each step of each pod once: {samples} of {steps}");
    for hour in 0..HOURS as i64 {
        let at = began_s + hour * HOUR_S;
        let find = |series: &HourSeries| {
            series.iter().find(|point| point.at_unix_s == at).expect("each hour is there")
        };
        let cpu = find(&usage.cpu_hours);
        assert_near(cpu.median, mean_millicores(), &format!("CPU of hour {hour}"));
        let memory = find(&usage.memory_hours);
        assert_near(memory.max, ((600 + 10 * hour as u64) * MIB) as f64, &format!("memory of hour {hour}"));
    }
    let second = seen.second.as_ref().expect("a second was watched");
    assert!((900.0..=1050.0).contains(&second.millicores), "a burst fills the limit: {second:?}");
    let ratio = usage.throttled_ratio.expect("throttling was measured");
    assert!(ratio > 0.005, "{ratio}");
}

/// Within five parts of a hundred.
fn assert_near(found: f64, truth: f64, what: &str) {
    assert!((found - truth).abs() <= truth * 0.05, "{what}: {found}, and {truth} was played");
}

async fn kept(world: &World, from_unix_s: i64, to_unix_s: i64) -> ContainerUsage {
    let history = ParquetUsage::open(world.folder.path().join("history")).or_fail("open history");
    let cluster = ClusterName::new(CLUSTER).or_fail("name a cluster");
    let all = history.usage(&cluster, Window { from_unix_s, to_unix_s }, None).await.or_fail("read history");
    let mut web = all.into_iter().filter(|usage| usage.container.container.as_str() == "web");
    let found = web.next().expect("history has the container");
    assert!(web.next().is_none(), "it is there once");
    found
}

pub(super) async fn passes_more(controller: &Process, count: usize) {
    let done = || log_lines(controller).iter().filter(|line| line["message"] == "pass done").count();
    let wanted = done() + 1 + count;
    controller
        .until("more passes", PASSES, async || {
            let done = done();
            if done >= wanted { Ok(()) } else { Err(format!("{done} of {wanted}")) }
        })
        .await;
}

/// The body of the one pull request, once it is open.
async fn opened(world: &World, controller: &Process) -> String {
    let head = HeadFilter::Prefix("kubeopt/".to_owned());
    let query = PullRequestQuery { head, state: StateFilter::Open, updated_since_unix_s: None };
    controller
        .until("a pull request on the local forge", PASSES, async || {
            let open = kubeopt_forge::Forge::pull_requests(&world.forge, &world.repository, &query).await;
            let mut open = open.map_err(|error| error.to_string())?;
            match open.pop() {
                Some(pull) if open.is_empty() => Ok(pull.body),
                Some(_) => Err("there are several".to_owned()),
                None => Err(controller.log_tail(5)),
            }
        })
        .await
}
