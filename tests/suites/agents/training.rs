//! Rounds of training between real agents and a real controller: one that hostile nodes own comes to nothing, the next one, of
//! honest agents, becomes a version that they are given; both stand in metrics and in the audit.

use std::time::Duration;

use kubeopt_history::{EventFilter, Journal as _, SqliteJournal};
use kubeopt_model::Timestamp;
use kubeopt_player::synthetic;
use kubeopt_proto::{AgentClient, GradientUpload, ModelRequest, TrainPlan};
use kubeopt_tests::process::Process;
use kubeopt_tests::prometheus::Prometheus;
use kubeopt_tests::usage::{Container as Scraped, Shape, Usage};
use kubeopt_tests::{OrFail, servers_enabled, wait};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

use super::node::Node;
use super::world::{NAMESPACE, World};
use crate::program::database;

/// A round is open for a minute and begins at a full one; what is due is looked for every 20 s.
const ROUND: Duration = Duration::from_secs(200);

/// Workloads that a new version is tested on: enough for a week of them.
const WORKLOADS: usize = 6;

/// Three weeks: what a network needs before the first day that it is tested on.
const DAYS: u32 = 21;

/// The version that the honest round makes, since the hostile one makes none.
const NEXT: u64 = 2;

/// Agents fall behind this far, so that their clocks can run faster than ours and never ahead of it.
const BEHIND_MS: u64 = 12 * 3_600_000;

/// Of an agent's clock at each look, ten of which are made in a second.
const LOOK_MS: u64 = 10_000;

const NODES: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_round_comes_to_nothing_and_an_honest_one_is_distributed() {
    // It does not end in time yet: run it by name with this variable set.
    if !servers_enabled() || std::env::var_os("KUBEOPT_SUITE_TRAINING").is_none() {
        return;
    }
    let manifests: Vec<(String, String)> = (0..WORKLOADS).map(workload).collect();
    let manifests: Vec<(&str, &str)> =
        manifests.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let world = World::start(&manifests).await;
    let prometheus = Prometheus::start(&usage()).await;
    let training = json!({ "enabled": true, "schedule": "* * * * *", "nodesMin": NODES, "deadline": "1m" });
    let keys = json!({ "bindings": [], "sources": [], "agents": { "training": training } });
    let controller = world.controller("controller", &world.configure(prometheus.url(), &keys));
    controller.until_healthy(&format!("http://127.0.0.1:{}/readyz", world.http_port)).await;

    // Who owns a round is not believed by its number of nodes.
    hostile_round(&world, &controller).await;
    let metrics = world.metrics().await;
    let count = |name: &str| metrics.get(name).copied().unwrap_or_default();
    assert_eq!(count(r#"kubeopt_rounds_uploads_total{result="not_finite"}"#), 1.0, "{metrics:?}");
    assert_eq!(count(r#"kubeopt_rounds_uploads_total{result="accepted"}"#), NODES as f64);
    assert_eq!(count(r#"kubeopt_rounds_total{result="accepted"}"#), 0.0);
    assert_eq!(count(r#"kubeopt_model_version{state="full"}"#), 1.0);

    let now = u64::try_from(Timestamp::now().as_millisecond()).or_fail("tell the time");
    let began = (now - BEHIND_MS) / LOOK_MS * LOOK_MS;
    let mut nodes = Vec::new();
    for (number, name) in tried_first().iter().enumerate() {
        let containers = synthetic::containers(4, number as u64 + 1);
        nodes.push(Node::start_with_past(&world, name, containers, began).await);
    }
    accepted(&world, &controller, &mut nodes).await;
    for node in &mut nodes {
        given_the_next(node).await;
    }

    let journal = SqliteJournal::open(database(world.folder.path())).await.or_fail("open the journal");
    let events = journal.events(&EventFilter::default()).await.or_fail("read the audit");
    for kind in [
        "round-opened",
        "round-upload",
        "round-upload-refused",
        "round-rejected",
        "round-accepted",
        "model-added",
    ] {
        assert!(events.iter().any(|event| event.kind == kind), "the audit has no `{kind}`");
    }
}

/// Three nodes with good certificates send what nobody has learned, and one of them a number that is none before.
async fn hostile_round(world: &World, controller: &Process) {
    let mut clients = Vec::new();
    for number in 0..NODES {
        clients.push(client(world, &format!("hostile-{number}")).await);
    }
    let plan = controller
        .until("a round to be open", ROUND, async || {
            let asked = ModelRequest {
                schema_sha256: kubeopt_outlook::schema_hash().to_vec(),
                ..ModelRequest::default()
            };
            let answer =
                clients[0].get_model_update(asked).await.map_err(|status| status.to_string())?.into_inner();
            let weights = answer.model.map(|model| model.weights).unwrap_or_default();
            answer.plan.map(|plan| (plan, weights)).ok_or_else(|| "none yet".to_owned())
        })
        .await;
    let (plan, weights) = plan;
    let own = kubeopt_outlook::Model::read(&weights).or_fail("read the model");
    let parameters = own.network().parameters().len();
    let broken =
        clients[0].upload_gradients(upload(&plan, vec![f32::NAN; parameters], 9)).await.or_fail("send");
    assert!(!broken.into_inner().accepted, "a number that is none is taken");
    for (number, client) in clients.iter_mut().enumerate() {
        // Far away, all in the same direction.
        let delta = (0..parameters).map(|at| if at % 2 == 0 { 0.5 } else { -0.5 }).collect();
        let answer = client.upload_gradients(upload(&plan, delta, number as u8)).await.or_fail("send");
        let answer = answer.into_inner();
        assert!(answer.accepted, "{}", answer.reason);
    }
    let rejected = r#"kubeopt_rounds_total{result="rejected"}"#;
    controller
        .until("the hostile round to come to nothing", ROUND, async || {
            let found = world.metrics().await.get(rejected).copied().unwrap_or_default();
            if found >= 1.0 { Ok(()) } else { Err(controller.log_tail(3)) }
        })
        .await;
}

/// Lets the agents ask, train and send until a round of theirs is accepted.
async fn accepted(world: &World, controller: &Process, nodes: &mut [Node]) {
    let accepted = r#"kubeopt_rounds_total{result="accepted"}"#;
    controller
        .until("a round of agents to be accepted", 2 * ROUND, async || {
            for node in &mut *nodes {
                node.skip(LOOK_MS).await;
            }
            let metrics = world.metrics().await;
            let found = metrics.get(accepted).copied().unwrap_or_default();
            if found >= 1.0 {
                Ok(())
            } else {
                Err(format!("{metrics:?}\n{}", nodes[0].agent.process.log_tail(5)))
            }
        })
        .await;
}

async fn given_the_next(node: &mut Node) {
    let what = format!("{} to have version {NEXT}", node.name);
    wait::until(&what, wait::RECONCILE, async || {
        node.skip(LOOK_MS).await;
        let version = node.metric("kubeopt_agent_model_version").await;
        if version == Some(NEXT as f64) { Ok(()) } else { Err(format!("{version:?}")) }
    })
    .await;
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

fn usage() -> Usage {
    let containers = (0..WORKLOADS).map(|number| {
        let level = 0.1 + 0.05 * number as f64;
        Scraped::new(NAMESPACE, &format!("app{number}-5d8c7b9f6d-x7k2p"), "main")
            .cpu(Shape::flat(level).daily(0.4).noise(0.1))
            .memory(Shape::flat(level * 1e9).daily(0.1).noise(0.02))
    });
    Usage::days_before_now(DAYS).step_s(300).containers(containers)
}
