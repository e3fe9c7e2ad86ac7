//! Agents of several clusters at one controller. Two clusters have a node, a pod and a container of the same names and ids, down
//! to the last digit: what the agents of each see stays with it. Two more are broken, and nothing of them is missed elsewhere.
//!
//! All clusters are one API server, which makes the names the same; they are told apart by who asks it.

use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::PostParams;
use kubeopt_history::{ParquetUsage, UsageStore as _};
use kubeopt_model::{ClusterName, ContainerUsage, Timestamp, Window};
use kubeopt_player::{Container, Load, Point};
use kubeopt_proto::{AgentClient, RegisterRequest};
use kubeopt_sample::{ContainerId, PodUid};
use kubeopt_tests::authority::Authority;
use kubeopt_tests::process::Process;
use kubeopt_tests::{OrFail, port, servers_enabled, wait};
use serde_json::{Value, json};
use tonic::transport::{Certificate, Channel, ClientTlsConfig};
use tonic::{Code, Request};

use super::node::Node;
use super::path::passes_more;
use super::world::{Door, NAMESPACE, Placed, World};
use crate::program::{CLUSTER, launch, log_lines};

/// The second cluster, and two that cannot be listened to.
const FAR: &str = "far";
const WITHOUT_CERTIFICATE: &str = "without-certificate";
const WITHOUT_FOLDER: &str = "without-folder";

const HOUR_S: i64 = 3600;
const MINUTE_MS: u64 = 60_000;
const STEP_S: i64 = 300;
const MIB: u64 = 1 << 20;

/// So long is played, in whole steps.
const PLAYED_MINUTES: u64 = 15;

/// What the container uses here and there.
const HERE: Used = Used { millicores: 100, mebibytes: 300 };
const THERE: Used = Used { millicores: 700, mebibytes: 900 };

const AUDIENCE: &str = "kubeopt-agents";

const WEB: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example/web:1
        resources: {requests: {cpu: "1", memory: 2Gi}, limits: {memory: 2Gi}}
"#;

#[derive(Clone, Copy)]
struct Used {
    millicores: u64,
    mebibytes: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_of_two_clusters_with_the_same_names_do_not_mix_and_broken_ones_harm_nobody() {
    if !servers_enabled() {
        return;
    }
    let world = World::start(&[("apps/web.yaml", WEB)]).await;
    let placed = world.placed("web", 1).await.remove(0);
    let nodes = Authority::make("far-nodes");
    let far = Door { cluster: FAR, nodes: &nodes, port: port::free() };
    let config = world.configure("http://127.0.0.1:9", &settings(&world, &far));
    let controller = world.controller("controller", &config);
    controller.until_healthy(&format!("http://127.0.0.1:{}/readyz", world.http_port)).await;

    // Whole steps: what is played of one is what all of it was.
    let began_s = (Timestamp::now().as_second() / STEP_S - 1) * STEP_S - PLAYED_MINUTES as i64 * 60;
    let began_ms = u64::try_from(began_s * 1000).or_fail("count milliseconds");
    let name = placed.node.as_str();
    let mut here = Node::start(&world, name, vec![played(&placed, HERE)], began_ms).await;
    let mut there = Node::start_at((&world, far), name, vec![played(&placed, THERE)], began_ms).await;
    let end = began_ms + PLAYED_MINUTES * MINUTE_MS;
    tokio::join!(here.live_until(end), there.live_until(end));
    here.until_acknowledged().await;
    there.until_acknowledged().await;
    passes_more(&controller, 2).await;

    assert_metrics(&controller, &world).await;
    assert_shown(&world, &config, name).await;
    assert_tokens_are_reviewed_by_their_cluster(&world, &far, &placed).await;
    let folder = format!("unable to use the folder of node agents {}", blocked(&world));
    assert!(log_lines(&controller).iter().any(|line| line["message"].to_string().contains(&folder)));

    controller.stop();
    controller.end(wait::RECONCILE).await;
    for (cluster, used) in [(CLUSTER, HERE), (FAR, THERE)] {
        let usage = kept(&world, cluster, began_s).await;
        let [usage] = &usage[..] else { panic!("one container in {cluster}: {usage:?}") };
        for hour in usage.cpu_hours.iter() {
            assert_near(hour.max, used.millicores as f64, &format!("CPU in {cluster}"));
        }
        for hour in usage.memory_hours.iter() {
            assert_near(hour.max, (used.mebibytes * MIB) as f64, &format!("memory in {cluster}"));
        }
        assert!(!usage.cpu_hours.is_empty() && !usage.memory_hours.is_empty(), "{usage:?}");
        let seen = usage.nodes.as_ref().expect("agents told of it");
        assert!(seen.steps.have >= PLAYED_MINUTES / 5, "{cluster}: {seen:?}");
    }
    for cluster in [WITHOUT_CERTIFICATE, WITHOUT_FOLDER] {
        assert!(kept(&world, cluster, began_s).await.is_empty(), "{cluster}");
    }
}

/// Four clusters, all of them the one that there is. Who asks it for the second may ask about tokens.
fn settings(world: &World, far: &Door<'_>) -> Value {
    let folder = world.folder.path();
    let authority = folder.join("far-nodes-ca.pem");
    std::fs::write(&authority, far.nodes.pem()).or_fail("write the authority of the other nodes");
    std::fs::write(folder.join("file"), "").or_fail("write a file");
    let named = |name: &str, kubeconfig| json!({ "name": name, "kubeconfig": { "file": kubeconfig } });
    let own = world.kubeconfig();
    let clusters = [
        named(CLUSTER, own),
        named(FAR, world.kubernetes.kubeconfig()),
        named(WITHOUT_CERTIFICATE, own),
        named(WITHOUT_FOLDER, own),
    ];
    let listen = |port: u16| format!("127.0.0.1:{port}");
    let missing = folder.join("missing.pem");
    let others = json!([
        { "cluster": FAR, "listen": listen(far.port), "clientCaFile": authority },
        { "cluster": WITHOUT_CERTIFICATE, "listen": listen(port::free()), "certFile": missing, "keyFile": missing },
        { "cluster": WITHOUT_FOLDER, "listen": listen(port::free()), "spool": blocked(world) },
    ]);
    json!({
        "clusters": clusters, "bindings": [], "sources": [],
        "agents": {
            "tokenAudience": AUDIENCE, "serviceAccount": format!("{NAMESPACE}/default"), "otherClusters": others,
        },
    })
}

/// A folder that nobody can make.
fn blocked(world: &World) -> String {
    world.folder.path().join("file/spool").display().to_string()
}

fn played(placed: &Placed, used: Used) -> Container {
    let point = |minute: u64| Point {
        from_ms: minute * MINUTE_MS,
        cpu_millicores: used.millicores,
        memory_bytes: used.mebibytes * MIB,
        burst: None,
    };
    Container {
        pod_uid: PodUid::parse(&placed.pod_uid).expect("the API server gives UUIDs"),
        container_id: ContainerId::parse(&placed.container_id).expect("64 hexadecimal digits"),
        quota_millicores: None,
        limit_bytes: Some(2048 * MIB),
        load: Load::Points((0..=2 * PLAYED_MINUTES).map(point).collect()),
    }
}

async fn assert_metrics(controller: &Process, world: &World) {
    let told = [
        (CLUSTER, "listening", 1.0),
        (FAR, "listening", 1.0),
        (WITHOUT_CERTIFICATE, "listening", 0.0),
        (WITHOUT_FOLDER, "listening", 0.0),
        (CLUSTER, "connected", 1.0),
        (FAR, "connected", 1.0),
    ];
    controller
        .until("metrics of agents by cluster", wait::RECONCILE, async || {
            let metrics = world.metrics().await;
            let of = |cluster: &str, name: &str| {
                metrics.get(&format!("kubeopt_agents_{name}{{cluster=\"{cluster}\"}}")).copied()
            };
            let wrong = told.iter().find(|(cluster, name, value)| of(cluster, name) != Some(*value));
            wrong.map_or(Ok(()), |wrong| Err(format!("{wrong:?}: {metrics:?}")))
        })
        .await;
}

/// What `get agents` and `check` say where the controller runs.
async fn assert_shown(world: &World, config: &std::path::Path, node: &str) {
    let folder = world.folder.path();
    let shown = wait::until("how agents are doing to be written down", wait::RECONCILE, async || {
        let run = launch("get", folder).args(["get", "agents", "--output", "json", "--config"]).arg(config);
        let shown: Value = serde_json::from_str(&run.run().await).or_fail("read what kubeopt prints");
        let has_both = shown["nodes"].as_array().is_some_and(|nodes| nodes.len() == 2);
        if has_both { Ok(shown) } else { Err(shown.to_string()) }
    })
    .await;
    let of = |row: &Value| (row["cluster"].clone(), row["node"].clone());
    let nodes: Vec<_> = shown["nodes"].as_array().into_iter().flatten().map(of).collect();
    assert_eq!(nodes, [(json!(CLUSTER), json!(node)), (json!(FAR), json!(node))], "{shown}");
    let codes = shown["clusters"].as_array().into_iter().flatten().map(|row| row["problem"]["code"].clone());
    let codes: Vec<Value> = codes.collect();
    assert_eq!(codes[..3], [Value::Null, Value::Null, json!("E-AGT-006")], "{shown}");
    assert_ne!(codes[3], Value::Null, "{shown}");

    let table = launch("get", folder).args(["get", "agents", "--config"]).arg(config).run().await;
    let columns: Vec<&str> = table.lines().next().unwrap_or_default().split_whitespace().take(2).collect();
    assert_eq!(columns, ["CLUSTER", "NODE"], "{table}");
}

/// The same token: at the door of the first cluster its API server may not be asked, at the other's it may.
async fn assert_tokens_are_reviewed_by_their_cluster(world: &World, far: &Door<'_>, placed: &Placed) {
    let token = token(world, placed).await;
    let refused = register(world, world.agents_port, &token, &placed.node).await.expect_err("nobody may ask");
    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    if let Err(refused) = register(world, far.port, &token, &placed.node).await {
        panic!("the other cluster knows this token: {refused}");
    }
}

async fn register(world: &World, port: u16, token: &str, node: &str) -> Result<(), tonic::Status> {
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(world.servers.pem()))
        .domain_name("localhost");
    let endpoint = Channel::from_shared(format!("https://localhost:{port}")).or_fail("name the controller");
    let channel = endpoint.tls_config(tls).or_fail("configure TLS").connect().await.or_fail("connect");
    let mut request = Request::new(RegisterRequest {
        protocol_min: 1,
        protocol_max: 1,
        agent_version: "0".to_owned(),
        node_name: node.to_owned(),
        boot_id: "a-token".to_owned(),
        ..RegisterRequest::default()
    });
    let header = format!("Bearer {token}").parse().or_fail("write a header");
    request.metadata_mut().insert("authorization", header);
    AgentClient::new(channel).register(request).await.map(drop)
}

/// A token of the pod's account that is bound to the pod, as a projected volume has it.
async fn token(world: &World, placed: &Placed) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(world.kubernetes.client().await, NAMESPACE);
    let bound_object_ref = Some(BoundObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        name: Some(placed.pod.clone()),
        uid: Some(placed.pod_uid.clone()),
    });
    let spec = TokenRequestSpec {
        audiences: Some(vec![AUDIENCE.to_owned()]),
        bound_object_ref,
        ..Default::default()
    };
    let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
    let made = accounts.create_token_request("default", &PostParams::default(), &request).await;
    let status = made.or_fail("mint a token for the pod").status;
    status.and_then(|status| status.token).expect("the API server fills the status of a TokenRequest")
}

async fn kept(world: &World, cluster: &str, began_s: i64) -> Vec<ContainerUsage> {
    let history = ParquetUsage::open(world.folder.path().join("history")).or_fail("open history");
    let cluster = ClusterName::new(cluster).or_fail("name a cluster");
    let from_unix_s = began_s / HOUR_S * HOUR_S;
    let window = Window { from_unix_s, to_unix_s: from_unix_s + 3 * HOUR_S };
    history.usage(&cluster, window, None).await.or_fail("read history")
}

/// Within five parts of a hundred.
fn assert_near(found: f64, truth: f64, what: &str) {
    assert!((found - truth).abs() <= truth * 0.05, "{what}: {found}, and {truth} was played");
}
