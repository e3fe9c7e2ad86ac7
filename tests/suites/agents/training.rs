//! Rounds of training between real agents and a real controller: one that hostile nodes own comes to nothing, although the
//! controller is killed in the middle of it; the next one, of honest agents, becomes a version that they are given, until a
//! person takes it back. All of it stands in metrics, in the audit and in `kubeopt models`.
//!
//! Nothing waits for the clock: rounds begin when they are asked for, and end with the third upload.

use std::path::Path;

use kubeopt_history::{EventFilter, Journal as _, SqliteJournal};
use kubeopt_model::Timestamp;
use kubeopt_player::synthetic;
use kubeopt_proto::{AgentClient, GradientUpload, ModelRequest, TrainPlan, UploadResponse};
use kubeopt_tests::process::Process;
use kubeopt_tests::prometheus::Prometheus;
use kubeopt_tests::usage::{Container as Scraped, Shape, Usage};
use kubeopt_tests::{OrFail, servers_enabled, wait};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

use super::hours::Seen;
use super::node::Node;
use super::world::{NAMESPACE, World};
use crate::installation::PASSES;
use crate::program::{database, launch, log_lines};

/// Workloads that a new version is tested on: enough for a week of them.
const WORKLOADS: usize = 6;

/// What a network needs before the first day that it is tested on, and that week.
const DAYS: u32 = 21;

/// What a node learns from: six days behind the eight that a network sees before the first of them, one batch in all.
const DAYS_ON_NODE: i64 = 14;

/// The first is hostile.
const ROUNDS_MAX: usize = 8;

/// The version that the honest round makes, since the hostile one makes none.
const NEXT: u64 = 2;

/// Agents fall behind this far, so that their clocks can run faster than ours and never ahead of it.
const BEHIND_MS: u64 = 12 * 3_600_000;

/// Of an agent's clock at each look, ten of which are made in a second.
const LOOK_MS: u64 = 10_000;

const NODES: usize = 3;

/// Workloads of each node.
const ON_NODE: usize = WORKLOADS / NODES;

/// A rate over five minutes needs two samples.
const STEP_S: i64 = 150;

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_round_comes_to_nothing_and_an_honest_one_is_distributed() {
    if !servers_enabled() {
        return;
    }
    let manifests: Vec<(String, String)> = (0..WORKLOADS).map(workload).collect();
    let manifests: Vec<(&str, &str)> =
        manifests.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let world = World::start(&manifests).await;
    let usage = usage();
    let prometheus = Prometheus::start(&usage).await;
    // On leap days; on all others rounds are asked for.
    let training = json!({
        "enabled": true, "schedule": "0 0 29 2 *", "nodesMin": NODES, "nodesMax": NODES, "deadline": "4m",
    });
    let keys = json!({ "bindings": [], "sources": [], "agents": { "training": training } });
    let config = world.configure(prometheus.url(), &keys);
    let controller = world.controller("controller-first", &config);
    until_history(&controller).await;
    until_metric(&controller, &world, r#"kubeopt_model_version{state="full"}"#).await;

    // Who owns a round is not believed by its number of nodes.
    models(&world, &config, &["train"]).await;
    let mut clients = Vec::new();
    for number in 0..NODES {
        clients.push(client(&world, &format!("hostile-{number}")).await);
    }
    let (plan, parameters) = opened(&controller, &mut clients[0]).await;
    let broken = send(&mut clients[0], upload(&plan, vec![f32::NAN; parameters], 9)).await;
    assert!(!broken.accepted, "a number that is none is taken");
    let huge = send(&mut clients[0], upload(&plan, turned(parameters, 1e30), 0)).await;
    assert!(huge.accepted, "it is shortened like any other: {}", huge.reason);
    let far = send(&mut clients[1], upload(&plan, turned(parameters, 0.5), 1)).await;
    assert!(far.accepted, "{}", far.reason);
    let metrics = world.metrics().await;
    let count = |name: &str| metrics.get(name).copied().unwrap_or_default();
    assert_eq!(count(r#"kubeopt_rounds_uploads_total{result="not_finite"}"#), 1.0, "{metrics:?}");
    assert_eq!(count(r#"kubeopt_rounds_uploads_total{result="accepted"}"#), 2.0, "{metrics:?}");
    assert_eq!(count("kubeopt_rounds_nodes"), 2.0, "{metrics:?}");

    controller.kill();
    drop(controller);
    let controller = world.controller("controller-second", &config);
    let mut last = client(&world, "hostile-2").await;
    let (again, _) = opened(&controller, &mut last).await;
    assert_eq!(again, plan, "the round goes on");
    let ended = send(&mut last, upload(&plan, turned(parameters, 0.5), 2)).await;
    assert!(ended.accepted, "{}", ended.reason);
    until_metric(&controller, &world, r#"kubeopt_rounds_total{result="rejected"}"#).await;
    let metrics = world.metrics().await;
    let count = |name: &str| metrics.get(name).copied().unwrap_or_default();
    assert_eq!(count(r#"kubeopt_rounds_total{result="accepted"}"#), 0.0);
    assert_eq!(count(r#"kubeopt_model_version{state="full"}"#), 1.0);
    assert_eq!(count(r#"kubeopt_model_version{state="canary"}"#), 0.0);
    let round = models(&world, &config, &["list"]).await["round"].to_string();
    assert!(round.contains("round 1 came to nothing: its loss on the controller's history"), "{round}");

    let mut nodes = start_nodes(&world, &usage).await;
    given(&mut nodes, 1).await;
    let rounds = rounds_until_accepted(&controller, &world, &config, &mut nodes).await;
    given(&mut nodes, NEXT).await;
    for node in &nodes {
        let trainings = node.metric("kubeopt_agent_trainings_total").await;
        assert_eq!(trainings, Some((rounds - 1) as f64), "{}", node.name);
    }
    let list = models(&world, &config, &["list"]).await;
    assert_eq!(list["rows"][0]["version"], NEXT, "{list}");
    assert_eq!(list["rows"][0]["givenTo"], "10 % of the nodes", "{list}");
    let shown = models(&world, &config, &["show", "2"]).await;
    let mut names: Vec<Value> = nodes.iter().map(|node| node.name.clone().into()).collect();
    names.sort_by_key(Value::to_string);
    let mut took_part = shown["nodes"].as_array().cloned().unwrap_or_default();
    took_part.sort_by_key(Value::to_string);
    assert_eq!((took_part, &shown["from"]), (names, &json!(format!("round {rounds}"))), "{shown}");

    models(&world, &config, &["rollback", "2", "--because", "it looks odd"]).await;
    given(&mut nodes, 1).await;

    assert_audit(&world, rounds).await;
}

/// Lets the controller read what Prometheus has: a version that cannot be tested is refused for that alone.
async fn until_history(controller: &Process) {
    let is_done = || log_lines(controller).iter().any(|line| line["message"] == "pass done");
    controller
        .until("a pass to be done", PASSES, async || if is_done() { Ok(()) } else { Err("none".to_owned()) })
        .await;
}

/// The plan of the round that is open, as soon as it is, and how many numbers its model has.
async fn opened(controller: &Process, client: &mut AgentClient<Channel>) -> (TrainPlan, usize) {
    controller
        .until("a round to be open", wait::RECONCILE, async || {
            let asked = ModelRequest {
                schema_sha256: kubeopt_outlook::schema_hash().to_vec(),
                ..ModelRequest::default()
            };
            let answer =
                client.get_model_update(asked).await.map_err(|status| status.to_string())?.into_inner();
            let weights = answer.model.map(|model| model.weights).unwrap_or_default();
            let plan = answer.plan.ok_or_else(|| "none yet".to_owned())?;
            let model = kubeopt_outlook::Model::read(&weights).or_fail("read the model");
            Ok((plan, model.network().parameters().len()))
        })
        .await
}

async fn send(client: &mut AgentClient<Channel>, upload: GradientUpload) -> UploadResponse {
    client.upload_gradients(upload).await.or_fail("send what was learned").into_inner()
}

/// Waits until a metric of the controller is 1.
async fn until_metric(controller: &Process, world: &World, name: &str) {
    controller
        .until(name, wait::RECONCILE, async || {
            let found = world.metrics().await.get(name).copied();
            if found == Some(1.0) { Ok(()) } else { Err(told_of_rounds(controller).join("\n")) }
        })
        .await;
}

/// Rounds of these nodes until one is accepted; gives its number. What nodes learn from a fortnight of two workloads is not
/// always as good on the days of all of them, and is refused then.
async fn rounds_until_accepted(
    controller: &Process,
    world: &World,
    config: &Path,
    nodes: &mut [Node],
) -> usize {
    for round in 2..=ROUNDS_MAX {
        models(world, config, &["train", "--because", "nodes have enough hours"]).await;
        let over = controller.until("a round of agents to be over", wait::RECONCILE, async || {
            for node in &mut *nodes {
                node.skip(LOOK_MS).await;
            }
            let metrics = world.metrics().await;
            let count = |result: &str| metrics.get(&format!("kubeopt_rounds_total{{result=\"{result}\"}}"));
            let [accepted, rejected] = ["accepted", "rejected"].map(|own| count(own).copied().unwrap_or(0.0));
            if accepted + rejected < round as f64 {
                return Err(format!(
                    "{:?}\n{}",
                    told_of_rounds(controller),
                    nodes[0].agent.process.log_tail(5)
                ));
            }
            Ok(accepted > 0.0)
        });
        if over.await {
            return round;
        }
    }
    panic!("no round of honest nodes is accepted:\n{}", told_of_rounds(controller).join("\n"));
}

/// What the controller's log says of rounds.
fn told_of_rounds(controller: &Process) -> Vec<String> {
    let lines = log_lines(controller).into_iter();
    let message = lines.filter_map(|line| line["message"].as_str().map(str::to_owned));
    message.filter(|text| text.contains("round")).collect()
}

/// Lets nodes ask until each has this version.
async fn given(nodes: &mut [Node], version: u64) {
    let what = format!("all agents to have version {version}");
    wait::until(&what, wait::RECONCILE, async || {
        let mut others = Vec::new();
        for node in &mut *nodes {
            node.skip(LOOK_MS).await;
            let found = node.metric("kubeopt_agent_model_version").await;
            if found != Some(version as f64) {
                others.push(format!("{} has {found:?}", node.name));
            }
        }
        if others.is_empty() { Ok(()) } else { Err(others.join(", ")) }
    })
    .await;
}

/// Agents that have seen the same workloads as Prometheus, each its own ones.
async fn start_nodes(world: &World, usage: &Usage) -> Vec<Node> {
    let now = u64::try_from(Timestamp::now().as_millisecond()).or_fail("tell the time");
    let began = (now - BEHIND_MS) / LOOK_MS * LOOK_MS;
    let mut nodes = Vec::new();
    for (number, name) in tried_first().iter().enumerate() {
        let containers = synthetic::containers(ON_NODE as u64, number as u64 + 1);
        let seen =
            |own: usize, resource: usize, hour: i64| seen(usage, number * ON_NODE + own, resource, hour);
        let past = (DAYS_ON_NODE, &seen as Seen<'_>);
        nodes.push(Node::start_with_past(world, name, containers, began, past).await);
    }
    nodes
}

/// What `kubeopt models` says, as JSON.
async fn models(world: &World, config: &Path, what: &[&str]) -> Value {
    let run = launch("models", world.folder.path()).arg("models").args(what);
    let text = run.args(["--output", "json", "--config"]).arg(config).run().await;
    serde_json::from_str(&text).or_fail("read what kubeopt prints")
}

/// Each step is in the audit, with the reason that somebody gave.
async fn assert_audit(world: &World, rounds: usize) {
    let journal = SqliteJournal::open(database(world.folder.path())).await.or_fail("open the journal");
    let events = journal
        .events(&EventFilter { limit: 1000, ..EventFilter::default() })
        .await
        .or_fail("read the audit");
    let told = |kind: &str| -> Vec<String> {
        let of_kind = events.iter().filter(|event| event.kind == kind);
        of_kind.map(|event| event.detail["text"].as_str().unwrap_or_default().to_owned()).collect()
    };
    for (kind, times, text) in [
        ("model-added", 1, "version 1 is the network of the configuration"),
        ("round-asked", rounds, "nodes have enough hours"),
        ("round-opened", rounds, "nodes train on version 1"),
        ("round-upload-refused", 1, "a number that is not finite"),
        ("round-upload", rounds * NODES, "hostile-2 learned from 100 windows"),
        ("round-closed", rounds, "3 nodes took part"),
        ("round-rejected", rounds - 1, "its loss on the controller's history"),
        ("round-accepted", 1, "it became version 2"),
        ("model-rollback-asked", 1, "it looks odd"),
        ("model-rolled-back", 1, "its nodes get version 1 again"),
    ] {
        let told = told(kind);
        assert!(told.len() == times && told.iter().any(|line| line.contains(text)), "{kind}: {told:?}");
    }
}

/// Names of nodes that are given the next version first: the controller begins with a tenth, by the hash of version and name.
fn tried_first() -> Vec<String> {
    let is_first = |name: &String| {
        let digest = Sha256::digest(format!("{NEXT}/{name}"));
        let number = digest.iter().take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
        f64::from(number) / f64::from(u32::MAX) < 0.09
    };
    (0..).map(|number| format!("worker-{number}")).filter(is_first).take(NODES).collect()
}

async fn client(world: &World, name: &str) -> AgentClient<Channel> {
    let own = world.nodes.client(&format!("system:node:{name}"));
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(world.servers.pem()))
        .identity(Identity::from_pem(own.certificate, own.key))
        .domain_name("localhost");
    let endpoint = Channel::from_shared(format!("https://localhost:{}", world.agents_port))
        .or_fail("name the controller");
    let endpoint = endpoint.tls_config(tls).or_fail("configure TLS");
    // The controller answers to people before it listens to agents.
    let channel = wait::until("the controller to listen to agents", wait::START, async || {
        endpoint.connect().await.map_err(|error| error.to_string())
    });
    AgentClient::new(channel.await)
}

/// Far away from what anybody could have learned, each number in the direction of the one before the last.
fn turned(parameters: usize, by: f32) -> Vec<f32> {
    (0..parameters).map(|at| if at % 2 == 0 { by } else { -by }).collect()
}

fn upload(plan: &TrainPlan, delta: Vec<f32>, nonce: u8) -> GradientUpload {
    GradientUpload {
        round_id: plan.round_id,
        base_sha256: plan.base_sha256.clone(),
        nonce: vec![nonce; 16],
        delta: delta.iter().flat_map(|value| value.to_le_bytes()).collect(),
        windows: 100,
        loss_before: 1.0,
        loss_after: 0.5,
        train_cpu_ms: 10,
    }
}

fn workload(number: usize) -> (String, String) {
    let text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app{number}, namespace: shop}}\nspec:\n  replicas: 1\n  \
         selector: {{matchLabels: {{app: app{number}}}}}\n  template:\n    metadata: {{labels: {{app: app{number}}}}}\n    \
         spec:\n      containers:\n      - {{name: main, image: registry.example/app:1}}\n"
    );
    (format!("apps/app{number}.yaml"), text)
}

/// The highest of the five-minute means of an hour, and the middle one.
fn seen(usage: &Usage, container: usize, resource: usize, hour: i64) -> [f64; 2] {
    let at = |step: i64| {
        let unix_s = hour * 3600 + step * STEP_S;
        if resource == 0 {
            1000.0 * usage.cpu_cores_at(container, unix_s)
        } else {
            usage.memory_bytes_at(container, unix_s)
        }
    };
    let mut means: Vec<f64> = (0..12).map(|mean| (at(2 * mean) + at(2 * mean + 1)) / 2.0).collect();
    means.sort_unstable_by(f64::total_cmp);
    [means[11], (means[5] + means[6]) / 2.0]
}

fn usage() -> Usage {
    let containers = (0..WORKLOADS).map(|number| {
        let level = 0.1 + 0.05 * number as f64;
        Scraped::new(NAMESPACE, &format!("app{number}-5d8c7b9f6d-x7k2p"), "main")
            .cpu(Shape::flat(level).daily(0.4).noise(0.1))
            .memory(Shape::flat(level * 1e9).daily(0.1).noise(0.02))
    });
    Usage::days_before_now(DAYS).step_s(STEP_S as u32).containers(containers)
}
