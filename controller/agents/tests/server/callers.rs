//! Who is taken, and for which node.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kubeopt_agents::{Models, SendAgain};
use kubeopt_proto::{
    AgentClient, GradientUpload, Model, ModelRequest, ModelResponse, RegisterRequest, UploadResponse,
};
use tonic::Code;

use crate::harness::{ACCOUNT, Authority, Server, Stream, batch, bearing, register, token};

#[tokio::test]
async fn an_agent_is_known_by_its_certificate_or_its_token() {
    let here = tempfile::tempdir().expect("a folder");
    let server = Server::start(here.path()).await;
    let mut certified = server.agent("node-1").await;
    let answer = certified.register(register("node-1")).await.expect("it is taken").into_inner();
    assert_eq!((answer.protocol, answer.acknowledged_seq), (1, 0));
    assert_eq!(answer.config.map(|config| config.step_ms), Some(10_000));

    let mut bearer = AgentClient::new(server.connect(None).await.expect("a connection"));
    let request = bearing(&token("node-2"), register("node-2"));
    assert!(bearer.register(request).await.is_ok());

    let versions: Vec<_> =
        server.agents.standing().into_iter().map(|node| (node.node, node.version)).collect();
    let version = || Some("0.1.0".to_owned());
    assert_eq!(versions, [("node-1".to_owned(), version()), ("node-2".to_owned(), version())]);
    drop((certified, bearer));
    server.stop().await;
}

#[tokio::test]
async fn nobody_speaks_for_another_node() {
    let here = tempfile::tempdir().expect("a folder");
    let server = Server::start(here.path()).await;
    let mut certified = server.agent("node-1").await;
    let refused = certified.register(register("node-2")).await.expect_err("a certificate of another node");
    assert_eq!(refused.code(), Code::PermissionDenied);

    let mut bearer = AgentClient::new(server.connect(None).await.expect("a connection"));
    let refused = bearer.register(bearing(&token("node-1"), register("node-2"))).await.expect_err("a token");
    assert_eq!(refused.code(), Code::PermissionDenied);

    for (token, code) in [
        (format!("node-2@{ACCOUNT}/vault"), Code::Unauthenticated),
        ("node-2@system:serviceaccount:shop:default/kubeopt-agents".to_owned(), Code::PermissionDenied),
        ("forged".to_owned(), Code::Unauthenticated),
    ] {
        let refused = bearer.register(bearing(&token, register("node-2"))).await.expect_err(&token);
        assert_eq!(refused.code(), code, "{token}");
    }
    // A certificate without a node does not become one by a token.
    let nameless = server.authority.sign("somebody", &[]);
    let mut nameless = AgentClient::new(server.connect(Some(nameless)).await.expect("a connection"));
    let refused =
        nameless.register(bearing(&token("node-2"), register("node-2"))).await.expect_err("no node");
    assert_eq!(refused.code(), Code::Unauthenticated);
    let refused = bearer.sync_metrics(futures::stream::empty()).await.expect_err("no identity at all");
    assert_eq!(refused.code(), Code::Unauthenticated);

    let away = server.agents.figures().counts.turned_away;
    for (reason, times) in [
        ("other_node", 2),
        ("other_account", 1),
        ("invalid_token", 2),
        ("certificate_without_node", 1),
        ("no_identity", 1),
    ] {
        assert_eq!(away.get(reason), Some(&times), "{reason}: {away:?}");
    }
    drop((certified, bearer, nameless));
    server.stop().await;
}

#[tokio::test]
async fn what_a_node_sends_is_stored_as_its_own_whatever_it_says() {
    let here = tempfile::tempdir().expect("a folder");
    let server = Server::start(here.path()).await;
    let (mut one, mut two) = (server.agent("node-1").await, server.agent("node-2").await);
    let (mut first, mut second) = (Stream::open(&mut one).await, Stream::open(&mut two).await);
    assert_eq!(first.put(batch(7)).await.expect("stored"), 7);
    // The same boot id and a lower number, of another node.
    assert_eq!(second.put(batch(3)).await.expect("stored"), 3);
    assert_eq!(server.stored(), [("node-1".to_owned(), 7), ("node-2".to_owned(), 3)]);
    drop((first, second, one, two));
    server.stop().await;
}

#[tokio::test]
async fn certificates_of_others_and_plain_text_do_not_connect() {
    let here = tempfile::tempdir().expect("a folder");
    let server = Server::start(here.path()).await;
    let forged = Authority::new().sign("system:node:node-1", &[]);
    // With TLS 1.3 the client may learn of it with its first call only.
    if let Ok(channel) = server.connect(Some(forged)).await {
        assert!(AgentClient::new(channel).register(register("node-1")).await.is_err());
    }
    assert_eq!(server.agents.standing(), []);
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_that_is_over_opens_nothing_more_on_the_connection_that_it_opened() {
    let here = tempfile::tempdir().expect("a folder");
    let server = Server::start(here.path()).await;
    let identity = server.authority.sign_until(3000, "system:node:node-1", &[]);
    let channel = server.connect(Some(identity)).await.expect("a connection");
    let mut agent = AgentClient::new(channel);
    assert!(agent.register(register("node-1")).await.is_ok());
    // 1,031 years of 365.2425 days after 1970.
    server.now_ms.store(1_031 * 31_556_952_000, Ordering::Relaxed);
    let refused = agent.register(register("node-1")).await.expect_err("it is over");
    assert_eq!(refused.code(), Code::Unauthenticated);
    let refused = agent.sync_metrics(futures::stream::empty()).await.expect_err("it is over");
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(server.turned_away("certificate_over"), 2);
    drop(agent);
    server.stop().await;
}

#[tokio::test]
async fn versions_are_agreed_on_before_anything_else() {
    let here = tempfile::tempdir().expect("a folder");
    let server = Server::start(here.path()).await;
    let mut agent = server.agent("node-1").await;
    let newer = RegisterRequest { protocol_max: 9, ..register("node-1") };
    assert_eq!(agent.register(newer).await.expect("a common version").into_inner().protocol, 1);
    let only_newer = RegisterRequest { protocol_min: 8, protocol_max: 9, ..register("node-1") };
    let refused = agent.register(only_newer).await.expect_err("no common version");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("8 to 9"), "{refused}");
    let odd = RegisterRequest { schema_sha256: vec![1; 5], ..register("node-1") };
    assert_eq!(agent.register(odd).await.expect_err("half a digest").code(), Code::InvalidArgument);
    drop(agent);
    server.stop().await;
}

/// Hands out one model, and notes who asked.
#[derive(Default)]
struct Registry(Mutex<Vec<String>>);

#[async_trait]
impl Models for Registry {
    async fn update(&self, node: &str, asked: ModelRequest) -> ModelResponse {
        self.0.lock().expect("not poisoned").push(format!("{node} has {} bytes", asked.have_sha256.len()));
        let model = Model { version: 3, weights: vec![7; 40_000], ..Model::default() };
        ModelResponse { model: Some(model), plan: None, next_poll_s: 60 }
    }

    async fn upload(&self, node: &str, upload: GradientUpload) -> Result<UploadResponse, SendAgain> {
        self.0.lock().expect("not poisoned").push(format!("{node} learned of {} windows", upload.windows));
        Ok(UploadResponse { accepted: true, ..UploadResponse::default() })
    }
}

#[tokio::test]
async fn models_are_asked_for_by_the_node_that_calls() {
    let here = tempfile::tempdir().expect("a folder");
    let registry = Arc::new(Registry::default());
    let server = Server::start_with(here.path(), Arc::clone(&registry) as Arc<dyn Models>).await;
    let mut agent = server.agent("node-1").await;
    let answer = agent.get_model_update(ModelRequest::default()).await.expect("an answer").into_inner();
    assert_eq!(answer.model.map(|model| model.weights.len()), Some(40_000));
    let upload = GradientUpload {
        base_sha256: vec![1; 32],
        nonce: vec![2; 16],
        delta: vec![0; 37_344],
        windows: 200,
        ..GradientUpload::default()
    };
    assert!(agent.upload_gradients(upload.clone()).await.expect("an answer").into_inner().accepted);
    let odd = GradientUpload { delta: vec![0; 37_345], ..upload };
    assert_eq!(agent.upload_gradients(odd).await.expect_err("half a number").code(), Code::InvalidArgument);
    let noted = registry.0.lock().expect("not poisoned").clone();
    assert_eq!(noted, ["node-1 has 0 bytes", "node-1 learned of 200 windows"]);
    drop(agent);
    server.stop().await;
}
