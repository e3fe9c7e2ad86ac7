//! The pull requests that people meet most, word for word: what the whole pass writes is compared with files in
//! `tests/golden/pull-requests`, each with the title, the body, and the changed files before and after. Their pictures are
//! drawn from the same files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kubeopt_forge::PullRequest;
use kubeopt_model::cluster::{Node, NodeMachine};
use kubeopt_model::quantity::MIB;
use kubeopt_model::usage::{OomKill, Signal, UsageSeries};
use kubeopt_model::workload::{ResourceList, Scaler, ScalerTarget};
use kubeopt_model::{Bytes, MilliCores, Resource};
use kubeopt_observe::{RecordedMetrics, STEP_S};
use kubeopt_runtime::edges::Edges;

use crate::apps::{API, App, DAY_S, NOW_S};
use crate::world::World;

/// A service and what works behind it, in one folder.
pub(crate) const SHOP: App = App { folder: "apps/payments", ..API };
const WORKER: App = App { name: "worker", ..SHOP };

/// What they ask for.
const SHOP_ASKS: (&str, &str) = ("500m", "1Gi");
const WORKER_ASKS: (&str, &str) = ("250m", "768Mi");

/// Usage that there is before the first pass.
pub(crate) const HISTORY_S: i64 = 28 * DAY_S;

/// Pods of each workload.
pub(crate) const REPLICAS: i64 = 3;

const HOUR_S: i64 = 3600;

/// What the service keeps in memory, in MiB, when nobody comes.
pub(crate) const AT_REST_MIB: f64 = 240.0;

/// How much of the day's work there is at an instant, 0 to 1: a bell between 7 and 19 o'clock, and half of it on Saturdays
/// and Sundays. The first day of the epoch was a Thursday.
fn busy(at: i64) -> f64 {
    let hour = (at % DAY_S) as f64 / HOUR_S as f64;
    let share = if matches!((at / DAY_S + 4) % 7, 0 | 6) { 0.5 } else { 1.0 };
    share
        * (std::f64::consts::PI * (hour - 7.0) / 12.0).sin().max(0.0)
        * f64::from(u8::from((7.0..19.0).contains(&hour)))
}

/// Something that differs from sample to sample and from pod to pod, 0 to 1.
fn unrest(at: i64, pod: i64) -> f64 {
    ((at / STEP_S).wrapping_mul(7919).wrapping_add(pod * 104_729) % 101).unsigned_abs() as f64 / 100.0
}

fn pod_name(app: &App, pod: i64) -> String {
    format!("{}{pod}", app.pod_name())
}

/// Three days after the first pass as well, for what comes after a merge.
pub(crate) fn usage(apps: &[App], memory_at_rest_mib: f64) -> RecordedMetrics {
    let steps = || (NOW_S - HISTORY_S..NOW_S + 3 * DAY_S).step_by(STEP_S as usize);
    let pods = apps.iter().flat_map(|app| (0..REPLICAS).map(move |pod| (app, pod)));
    let series = pods.flat_map(|(app, pod)| {
        let of = |signal, points| UsageSeries {
            container: app.container(),
            pod: pod_name(app, pod),
            signal,
            points,
        };
        let millicores = |at| 20.0 + 130.0 * busy(at) + 25.0 * unrest(at, pod);
        let mebibytes = |at| memory_at_rest_mib + 60.0 * busy(at) + 20.0 * unrest(at, pod);
        [
            of(Signal::CpuMillicores, steps().map(|at| (at, millicores(at))).collect()),
            of(Signal::MemoryBytes, steps().map(|at| (at, mebibytes(at) * MIB as f64)).collect()),
        ]
    });
    RecordedMetrics { series: series.collect(), oom_kills: Vec::new(), gpus: Vec::new() }
}

fn node(name: &str) -> Node {
    Node {
        name: name.to_owned(),
        instance_type: Some("m5.large".to_owned()),
        region: Some("us-east-1".to_owned()),
        allocatable_cpu: MilliCores(1930),
        allocatable_memory: Bytes::mebi(7_000),
        schedulable: true,
        machine: NodeMachine {
            provider_id: Some(format!("aws:///us-east-1a/{name}")),
            labels: [("karpenter.sh/nodepool".to_owned(), "general".to_owned())].into(),
            taints: Vec::new(),
            capacity: ResourceList { cpu: Some(MilliCores(2000)), memory: Some(Bytes::mebi(8192)) },
            pods: Some(29),
        },
    }
}

/// Three pods of each workload, one on each of three nodes, and what they use.
pub(crate) async fn world(apps: &[App], files: &[(&str, &str, &str)]) -> World {
    let written = [(SHOP.path(), SHOP.manifest(SHOP_ASKS)), (WORKER.path(), WORKER.manifest(WORKER_ASKS))];
    let own = apps.iter().filter_map(|app| written.iter().find(|(path, _)| *path == app.path()));
    let own = own.map(|(path, text)| (SHOP.repository, path.as_str(), text.as_str()));
    let all: Vec<_> = own.chain(files.iter().copied()).collect();
    let world = World::with(apps, &all).await;
    world.apply().await;
    let mut shown = world.shown.lock().unwrap();
    for facts in shown.values_mut() {
        facts.nodes = (0..REPLICAS).map(|at| node(&format!("node-{at}"))).collect();
        for workload in &mut facts.workloads {
            workload.replicas = u32::try_from(REPLICAS).unwrap();
        }
        let pods = std::mem::take(&mut facts.pods);
        for (pod, app) in pods.into_iter().zip(apps) {
            let live = facts.workloads.iter().find(|live| live.id == app.id()).unwrap();
            let running: Vec<_> =
                live.containers.iter().map(|one| (one.name.clone(), one.resources)).collect();
            facts.pods.extend((0..REPLICAS).map(|at| kubeopt_model::cluster::Pod {
                name: pod_name(app, at),
                node: Some(format!("node-{at}")),
                running: running.clone(),
                ..pod.clone()
            }));
        }
    }
    drop(shown);
    world.metrics["prod"].set(usage(apps, AT_REST_MIB));
    world
}

/// Compares a pull request with its golden files, or writes them there when `KUBEOPT_BLESS` is set.
pub(crate) async fn assert_golden(world: &World, name: &str, pull: &PullRequest) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pull-requests").join(name);
    let mut files = BTreeMap::new();
    files.insert("pull-request.md".to_owned(), format!("# {}\n\n{}\n", pull.title, pull.body));
    for changed in world.forge.changed_files(&API.repository_id(), pull.number).await.unwrap() {
        for (side, bytes) in [("before", changed.content.before), ("after", changed.content.after)] {
            if !bytes.is_empty() {
                files.insert(format!("{side}/{}", changed.path), String::from_utf8(bytes).unwrap());
            }
        }
    }
    if std::env::var_os("KUBEOPT_BLESS").is_some() {
        let _was_none = std::fs::remove_dir_all(&folder);
        for (path, text) in &files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }
    assert_eq!(listed(&folder), files.keys().map(|path| folder.join(path)).collect::<Vec<_>>());
    for (path, text) in files {
        let golden = std::fs::read_to_string(folder.join(&path)).unwrap();
        assert!(golden == text, "{name}/{path} differs; KUBEOPT_BLESS=1 rewrites it. It is now:\n{text}");
    }
}

/// All files below a folder, sorted.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.flat_map(|path| if path.is_dir() { listed(&path) } else { vec![path] }).collect();
    files.sort();
    files
}

pub(crate) async fn controller(world: &World) -> Edges {
    Edges { history_seconds: HISTORY_S, ..world.controller("a").await }
}

async fn merge(world: &World, kubeopt: &Edges, pull: &PullRequest) {
    world.forge.merge(&API.repository_id(), pull.number, "alice").await.unwrap();
    world.apply().await;
    world.pass(kubeopt).await;
}

#[tokio::test]
async fn the_first_contact_with_a_repository() {
    let world = world(&[SHOP, WORKER], &[]).await;
    let kubeopt = Edges { operator_policy: None, ..controller(&world).await };
    world.pass(&kubeopt).await;
    assert_golden(&world, "first-contact", &world.pulls("shop").await[0]).await;
}

#[tokio::test]
async fn two_workloads_that_ask_for_more_than_they_use() {
    let world = world(&[SHOP, WORKER], &[]).await;
    world.pass(&controller(&world).await).await;
    assert_golden(&world, "lowered", &world.the_open_one(&SHOP).await).await;
}

#[tokio::test]
async fn a_container_that_was_killed_for_memory() {
    let manifest =
        format!("{}          limits:\n            memory: 320Mi\n", SHOP.manifest(("150m", "320Mi")));
    let world = world(&[SHOP], &[("shop", &SHOP.path(), &manifest)]).await;
    let killed = |hours: i64| OomKill {
        container: SHOP.container(),
        at_unix_s: NOW_S - hours * HOUR_S,
        limit: Some(Bytes::mebi(320)),
    };
    let usage = usage(&[SHOP], AT_REST_MIB);
    world.metrics["prod"].set(RecordedMetrics { oom_kills: vec![killed(50), killed(3)], ..usage });
    world.pass(&controller(&world).await).await;
    assert_golden(&world, "killed-for-memory", &world.the_open_one(&SHOP).await).await;
}

#[tokio::test]
async fn a_request_that_an_autoscaler_looks_at() {
    let policy = "extends: kubeopt:balanced\nsizing: {hpa: together}\n";
    let hpa = crate::scaled::HPA;
    let files = [("shop", ".kubeopt.yaml", policy), ("shop", "apps/payments/hpa.yaml", hpa)];
    let world = world(&[SHOP], &files).await;
    let targets = vec![ScalerTarget { resource: Resource::Cpu, utilization_percent: Some(70) }];
    let scaler = Scaler { name: "api".to_owned(), min_replicas: 2, max_replicas: 9, targets };
    for facts in world.shown.lock().unwrap().values_mut() {
        facts.workloads[0].scaler = Some(scaler.clone());
    }
    world.pass(&controller(&world).await).await;
    assert_golden(&world, "autoscaled", &world.the_open_one(&SHOP).await).await;
}

#[tokio::test]
async fn a_merge_that_did_harm_and_is_taken_back() {
    let world = world(&[SHOP, WORKER], &[]).await;
    let kubeopt = controller(&world).await;
    world.pass(&kubeopt).await;
    let merged = world.the_open_one(&SHOP).await;
    merge(&world, &kubeopt, &merged).await;
    let begins = world.now().as_second();
    let kill =
        |hours: i64| OomKill { container: SHOP.container(), at_unix_s: begins + hours * HOUR_S, limit: None };
    let usage = usage(&[SHOP, WORKER], AT_REST_MIB);
    world.metrics["prod"].set(RecordedMetrics { oom_kills: vec![kill(2), kill(3)], ..usage });
    world.advance(DAY_S / 2);
    world.pass(&kubeopt).await;
    assert_golden(&world, "taken-back", &world.pulls_of(&SHOP).await[1]).await;
}
