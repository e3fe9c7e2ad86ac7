//! Hostile callers: what they can take from the others.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt as _;
use http_body::Frame;
use http_body_util::StreamBody;
use kubeopt_agents::{Bounds, Models, NoModels, SendAgain};
use kubeopt_proto::{AgentClient, GradientUpload, ModelRequest, ModelResponse, UploadResponse};
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinSet;
use tonic::body::Body;
use tonic::client::GrpcService as _;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::harness::{Server, Stream, batch, register, token};

/// What a test waits for at most: above anything that the server does in time.
const PATIENCE: Duration = Duration::from_secs(60);
/// As the server takes it.
const MESSAGE_BYTES: u32 = 4 << 20;

/// Begins a message of 4 MiB and never sends the rest; gives the code of the answer.
async fn begin(mut channel: Channel, method: &str, token: Option<String>) -> Option<Code> {
    let [a, b, c, d] = (MESSAGE_BYTES - 1024).to_be_bytes();
    let begun =
        futures::stream::iter([Bytes::copy_from_slice(&[0, a, b, c, d]), Bytes::from_static(&[0; 1024])]);
    let frames = futures::StreamExt::chain(begun, futures::stream::pending());
    let frames = futures::StreamExt::map(frames, |bytes| Ok::<_, Status>(Frame::data(bytes)));
    let mut request = http::Request::post(format!("/kubeopt.agent.v1.Agent/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Body::new(StreamBody::new(frames))).expect("a request");
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await.expect("a connection");
    let answer = tokio::time::timeout(PATIENCE, channel.call(request)).await.expect("an answer");
    let answer = answer.expect("an answer");
    Some(Status::from_header_map(answer.headers())?.code())
}

fn upload() -> GradientUpload {
    GradientUpload {
        base_sha256: vec![1; 32],
        nonce: vec![2; 16],
        delta: vec![0; 37_344],
        windows: 200,
        ..GradientUpload::default()
    }
}

/// Takes all uploads.
struct Taking;

#[async_trait]
impl Models for Taking {
    async fn update(&self, _node: &str, _asked: ModelRequest) -> ModelResponse {
        ModelResponse::default()
    }

    async fn upload(&self, _node: &str, _upload: GradientUpload) -> Result<UploadResponse, SendAgain> {
        Ok(UploadResponse { accepted: true, ..UploadResponse::default() })
    }
}

#[tokio::test]
async fn who_does_not_prove_a_node_is_refused_before_a_body_is_taken() {
    let here = tempfile::tempdir().expect("a folder");
    let bounds = Bounds { per_address: 1_000, ..Bounds::default() };
    let server = Server::start_within(here.path(), Arc::new(Taking), bounds).await;
    let mut crowd = JoinSet::new();
    for number in 0..100 {
        let channel = server.connect(None).await.expect("a connection");
        let method = ["Register", "GetModelUpdate", "UploadGradients", "SyncMetrics"][number % 4];
        crowd.spawn(begin(channel, method, None));
    }
    let mut good = server.agent("node-1").await;
    assert!(good.upload_gradients(upload()).await.expect("an answer").into_inner().accepted);
    // None of them waits for what is never sent.
    while let Some(told) = crowd.join_next().await {
        assert_eq!(told.expect("it ends"), Some(Code::Unauthenticated));
    }
    assert_eq!(server.turned_away("no_identity"), 100);
    let forged = server.connect(None).await.expect("a connection");
    let told = begin(forged, "UploadGradients", Some("forged".to_owned())).await;
    assert_eq!(told, Some(Code::Unauthenticated));
    drop(good);
    server.stop().await;
}

#[tokio::test]
async fn a_node_that_does_not_finish_what_it_sends_holds_up_itself_alone() {
    let here = tempfile::tempdir().expect("a folder");
    let server = Server::start_with(here.path(), Arc::new(Taking)).await;
    let mut hanging = JoinSet::new();
    for _ in 0..40 {
        let channel = server.connect(None).await.expect("a connection");
        hanging.spawn(begin(channel, "UploadGradients", Some(token("node-6"))));
    }
    // All but one are refused at once.
    for _ in 0..39 {
        let told = hanging.join_next().await.expect("forty").expect("it ends");
        assert_eq!(told, Some(Code::ResourceExhausted));
    }
    let mut good = server.agent("node-1").await;
    assert!(good.upload_gradients(upload()).await.expect("an answer").into_inner().accepted);
    // A question is small, whoever asks.
    let channel = server.connect(None).await.expect("a connection");
    let told = begin(channel, "Register", Some(token("node-6"))).await;
    assert_eq!(told, Some(Code::OutOfRange));
    hanging.abort_all();
    drop(good);
    server.stop().await;
}

#[tokio::test]
async fn a_connection_without_a_call_is_closed_and_one_with_a_stream_is_not() {
    let here = tempfile::tempdir().expect("a folder");
    let bounds = Bounds { silence: Duration::from_secs(1), ..Bounds::default() };
    let server = Server::start_within(here.path(), Arc::new(NoModels), bounds).await;
    let mut agent = server.agent("node-1").await;
    let mut stream = Stream::open(&mut agent).await;
    assert_eq!(stream.put(batch(1)).await.expect("stored"), 1);
    let silent = server.tls().await;
    let refused = server.connect(None).await.expect("a connection");
    let told = AgentClient::new(refused).register(register("node-2")).await.expect_err("no identity");
    assert_eq!(told.code(), Code::Unauthenticated);
    assert!(is_closed(silent).await);
    // It is older than the one that was closed.
    assert_eq!(stream.put(batch(2)).await.expect("stored"), 2);
    assert!(server.turned_away("no_call_in_time") >= 1);
    drop((stream, agent));
    server.stop().await;
}

#[tokio::test]
async fn an_agent_gets_in_while_silent_connections_come_from_everywhere() {
    let here = tempfile::tempdir().expect("a folder");
    let bounds = Bounds { unproven: 20, silence: PATIENCE, ..Bounds::default() };
    let server = Server::start_within(here.path(), Arc::new(NoModels), bounds).await;
    let mut running = server.agent("node-1").await;
    let mut stream = Stream::open(&mut running).await;
    assert_eq!(stream.put(batch(1)).await.expect("stored"), 1);
    // It begins before the flood, and goes on behind it.
    let slow = server.socket_from(Ipv4Addr::new(127, 0, 0, 200)).await;
    let mut silent = Vec::new();
    for number in 0..100_u8 {
        let socket = server.socket_from(Ipv4Addr::new(127, 0, 0, 2 + number % 10)).await;
        // Some shake hands, and say no more.
        match number % 2 {
            0 => silent.push(is_closed(socket).boxed()),
            _ => silent.push(is_closed(server.shaken(socket).await.expect("a connection")).boxed()),
        }
    }
    assert!(server.shaken(slow).await.is_ok(), "one of an address is not displaced by many of others");
    for number in 0..10 {
        let mut agent = server.agent(&format!("node-{}", 10 + number)).await;
        let mut stream = Stream::open(&mut agent).await;
        assert_eq!(stream.put(batch(1)).await.expect("stored"), 1);
    }
    assert_eq!(stream.put(batch(2)).await.expect("stored"), 2, "a stream is not displaced");
    // All but those that there is room for, and of the last agents each took a place for a moment.
    let closed = server.turned_away("displaced");
    assert!((100 + 1 - 20..=100 + 1 - 20 + 10).contains(&closed), "{closed}");
    for number in 0..closed {
        let (is_closed, _, others) = futures::future::select_all(silent).await;
        assert!(is_closed, "{number}");
        silent = others;
    }
    drop((silent, stream, running));
    server.stop().await;
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_may_have_another_when_one_ends() {
    let here = tempfile::tempdir().expect("a folder");
    let bounds = Bounds { per_address: 2, ..Bounds::default() };
    let server = Server::start_within(here.path(), Arc::new(NoModels), bounds).await;
    let (mut first, second) = (server.agent("node-1").await, server.agent("node-2").await);
    first.register(register("node-1")).await.expect("it is taken");
    assert!(is_closed(server.socket().await).await);
    assert_eq!(server.turned_away("too_many_connections"), 1);
    drop(second);
    let again = async {
        while server.connect(None).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("there is room again");
    first.register(register("node-1")).await.expect("it is taken");
    drop(first);
    server.stop().await;
}

/// Waits until the other end closes.
async fn is_closed(mut stream: impl tokio::io::AsyncRead + Unpin) -> bool {
    let mut said = Vec::new();
    // Cut off or closed in order.
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.is_ok()
}
