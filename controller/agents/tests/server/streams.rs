//! What is sent: stored once, refused, slowed down, and let go in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::StreamBody;
use kubeopt_proto::{Batch, CONTAINERS_MAX, ContainerSeries};
use tonic::client::GrpcService as _;
use tonic::{Code, Status};

use crate::harness::{HOUR_MS, Server, Stream, batch, register};

fn numbers(server: &Server) -> Vec<u64> {
    server.stored().into_iter().map(|(_, number)| number).collect()
}

#[tokio::test]
async fn fifty_doubles_are_acknowledged_and_stored_once() {
    let here = tempfile::tempdir().expect("a folder");
    let server = Server::start(here.path()).await;
    let mut agent = server.agent("node-1").await;
    let mut stream = Stream::open(&mut agent).await;
    for _ in 0..50 {
        assert_eq!(stream.put(batch(1)).await.expect("stored"), 1);
    }
    assert_eq!(numbers(&server), [1]);
    let figures = server.agents.figures();
    assert_eq!((figures.counts.stored, figures.counts.doubles, figures.connected), (1, 49, 1));
    drop((stream, agent));
    server.stop().await;
}

#[tokio::test]
async fn a_controller_that_begins_again_knows_how_far_each_agent_was() {
    let here = tempfile::tempdir().expect("a folder");
    let server = Server::start(here.path()).await;
    let mut agent = server.agent("node-1").await;
    let mut stream = Stream::open(&mut agent).await;
    for seq in 1..=5 {
        assert_eq!(stream.put(batch(seq)).await.expect("stored"), seq);
    }
    server.stop().await;
    let told = stream.ack().await.expect_err("the controller has ended");
    assert_eq!(told.code(), Code::Unavailable, "{told}");

    let server = Server::start(here.path()).await;
    let mut agent = server.agent("node-1").await;
    let answer = agent.register(register("node-1")).await.expect("it is taken").into_inner();
    assert_eq!(answer.acknowledged_seq, 5);
    let mut stream = Stream::open(&mut agent).await;
    // The agent did not hear of the last ones.
    for seq in 4..=8 {
        assert_eq!(stream.put(batch(seq)).await.expect("stored"), seq.max(5));
    }
    assert_eq!(numbers(&server), [1, 2, 3, 4, 5, 6, 7, 8]);
    drop((stream, agent));
    server.stop().await;
}

#[tokio::test]
async fn a_batch_that_cannot_be_used_does_not_stop_those_behind_it() {
    let here = tempfile::tempdir().expect("a folder");
    let server = Server::start(here.path()).await;
    let mut agent = server.agent("node-1").await;
    let mut stream = Stream::open(&mut agent).await;
    let mut short = batch(1);
    short.containers[0].cpu_used_us = vec![1; 3];
    let old = Batch { begin_unix_ms: (HOUR_MS - 60 * 3_600_000) as u64, ..batch(2) };
    let ahead = Batch { begin_unix_ms: (HOUR_MS + 60 * 3_600_000) as u64, ..batch(3) };
    for (seq, sent) in [(1, short), (2, old), (3, ahead), (4, batch(4))] {
        assert_eq!(stream.put(sent).await.expect("taken"), seq);
    }
    assert_eq!(numbers(&server), [4]);
    let unusable = server.agents.figures().counts.unusable;
    assert_eq!(
        unusable.into_iter().collect::<Vec<_>>(),
        [("ahead_of_time", 1), ("too_old", 1), ("wrong_length", 1)]
    );
    drop((stream, agent));
    server.stop().await;
}

#[tokio::test]
async fn while_the_clock_has_jumped_nothing_is_taken_and_nothing_is_lost() {
    let here = tempfile::tempdir().expect("a folder");
    let server = Server::start(here.path()).await;
    let mut agent = server.agent("node-1").await;
    let mut stream = Stream::open(&mut agent).await;
    assert_eq!(stream.put(batch(1)).await.expect("stored"), 1);
    for jump in [-3_600_000, 48 * 3_600_000] {
        server.now_ms.fetch_add(jump, Ordering::Relaxed);
        let told = stream.put(batch(2)).await.expect_err("the clock jumped");
        assert_eq!(told.code(), Code::Unavailable, "{told}");
        server.now_ms.fetch_sub(jump, Ordering::Relaxed);
        stream = Stream::open(&mut agent).await;
    }
    assert_eq!(stream.put(batch(2)).await.expect("stored"), 2);
    assert_eq!(numbers(&server), [1, 2]);
    assert_eq!(server.agents.figures().counts.turned_away.get("clock_jumped"), Some(&2));
    drop((stream, agent));
    server.stop().await;
}

#[tokio::test]
async fn what_no_agent_sends_ends_the_stream_and_nothing_else() {
    let here = tempfile::tempdir().expect("a folder");
    let server = Server::start(here.path()).await;
    let mut good = server.agent("node-2").await;
    let mut beside = Stream::open(&mut good).await;
    let huge = {
        let series = |number: usize| ContainerSeries {
            container_id: format!("{number:0128}"),
            cpu_used_us: vec![u64::MAX >> 4; 360],
            ..batch(1).containers.remove(0)
        };
        Batch { containers: (0..CONTAINERS_MAX).map(series).collect(), ..batch(1) }
    };
    let cases: [(&str, Batch); 4] = [
        ("too_large", huge),
        ("wrong_sequence", Batch { seq: 0, ..batch(1) }),
        ("malformed_id", Batch { boot_id: "../..".to_owned(), ..batch(1) }),
        ("other_boot_id", Batch { boot_id: "another".to_owned(), ..batch(2) }),
    ];
    for (reason, sent) in cases {
        let mut agent = server.agent("node-1").await;
        let mut stream = Stream::open(&mut agent).await;
        if reason == "other_boot_id" {
            stream.put(batch(1)).await.expect("stored");
        }
        let told = stream.put(sent).await.expect_err(reason);
        assert!(matches!(told.code(), Code::InvalidArgument | Code::OutOfRange), "{reason}: {told}");
        assert_eq!(server.agents.figures().counts.turned_away.get(reason), Some(&1), "{reason}");
    }
    assert_eq!(beside.put(batch(1)).await.expect("the other node is not disturbed"), 1);
    drop((beside, good));
    server.stop().await;
}

#[tokio::test]
async fn of_a_message_of_a_gigabyte_only_the_begin_is_taken() {
    const CHUNK: usize = 64 * 1024;
    let here = tempfile::tempdir().expect("a folder");
    let server = Server::start(here.path()).await;
    let identity = server.authority.sign("system:node:node-1", &[]);
    let mut channel = server.connect(Some(identity)).await.expect("a connection");
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    // Uncompressed, 1 GiB, and then nothing but zeros.
    let begin = Bytes::from_static(&[0, 0x40, 0, 0, 0]);
    let zeros = (0..(1 << 30) / CHUNK).map(move |_| {
        count.fetch_add(CHUNK, Ordering::Relaxed);
        Bytes::from_static(&[0; CHUNK])
    });
    let frames = std::iter::once(begin).chain(zeros).map(|bytes| Ok::<_, Status>(Frame::data(bytes)));
    let request = http::Request::post("/kubeopt.agent.v1.Agent/SyncMetrics")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(tonic::body::Body::new(StreamBody::new(futures::stream::iter(frames))))
        .expect("a request");
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await.expect("a connection");
    let mut answer = channel.call(request).await.expect("an answer").into_body();
    // The stream ends, with an answer or without: nobody waits for the rest of the gigabyte.
    while let Some(Ok(_)) =
        std::future::poll_fn(|cx| http_body::Body::poll_frame(std::pin::Pin::new(&mut answer), cx)).await
    {
    }
    assert!(taken.load(Ordering::Relaxed) < 4 << 20, "{} bytes were taken", taken.load(Ordering::Relaxed));
    assert_eq!(server.agents.figures().counts.turned_away.get("too_large"), Some(&1));
    drop((answer, channel));
    server.stop().await;
}

#[tokio::test]
async fn a_node_that_comes_back_takes_the_place_of_its_dead_stream() {
    let here = tempfile::tempdir().expect("a folder");
    let server = Server::start(here.path()).await;
    let (mut before, mut after) = (server.agent("node-1").await, server.agent("node-1").await);
    let mut first = Stream::open(&mut before).await;
    assert_eq!(first.put(batch(1)).await.expect("stored"), 1);
    let mut second = Stream::open(&mut after).await;
    assert_eq!(first.ack().await.expect_err("its place was taken").code(), Code::Aborted);
    assert_eq!(second.put(batch(2)).await.expect("stored"), 2);
    assert_eq!(server.agents.figures().connected, 1);
    drop((first, second, before, after));
    server.stop().await;
}

#[tokio::test]
async fn lag_is_told_of_the_node_that_is_furthest_behind() {
    let here = tempfile::tempdir().expect("a folder");
    let server = Server::start(here.path()).await;
    let (mut one, mut two) = (server.agent("node-1").await, server.agent("node-2").await);
    let (mut first, mut second) = (Stream::open(&mut one).await, Stream::open(&mut two).await);
    assert_eq!(server.agents.figures().lag_ms, None, "nothing was sent yet");
    first.put(batch(1)).await.expect("stored");
    second.put(batch(5)).await.expect("stored");
    // The readings end 10 s after their batches begin.
    server.now_ms.store(HOUR_MS + 6 * 60_000, Ordering::Relaxed);
    assert_eq!(server.agents.figures().lag_ms, Some(290_000));
    drop((first, second, one, two));
    server.stop().await;
}
