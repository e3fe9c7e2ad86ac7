//! `/healthz`, `/readyz` and `/metrics` over HTTP/1.1: one request a connection, all bounded.

use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::metrics::BufferFigures;
use crate::shared::{SECONDS_OF_STEP, Shared};

/// Connections at once: a kubelet's probes and a scraper.
const CONNECTIONS_MAX: usize = 8;

/// A request's head; probes send a few hundred bytes.
const REQUEST_BYTES_MAX: usize = 4096;

/// A connection that takes longer is dropped.
const PATIENCE: Duration = Duration::from_secs(5);

/// Without a step for so long, the agent hangs, in microseconds.
const STEP_AGE_MAX_US: u64 = 6 * SECONDS_OF_STEP as u64 * 1_000_000;

/// Serves for ever.
pub(crate) async fn serve(shared: &Shared, listener: TcpListener) -> std::convert::Infallible {
    let mut open = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => open.push(tokio::time::timeout(PATIENCE, answer(shared, stream))),
                // Out of descriptors, say: the next one may fare better.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            Some(_) = open.next(), if !open.is_empty() => {}
        }
    }
}

async fn answer(shared: &Shared, mut stream: TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut limited = (&mut stream).take(REQUEST_BYTES_MAX as u64);
    while !head.ends_with(b"\r\n\r\n") {
        if limited.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, body) = match (method, path) {
        (b"GET", b"/healthz") => health(shared),
        (b"GET", b"/readyz") => readiness(shared),
        (b"GET", b"/metrics") => {
            ("200 OK", shared.metrics.page(figures(shared), &shared.model.borrow().sha256()))
        }
        (b"GET", _) => ("404 Not Found", "not found\n".to_owned()),
        _ => ("405 Method Not Allowed", "only GET\n".to_owned()),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn health(shared: &Shared) -> (&'static str, String) {
    let age = shared.clock.steady_us().saturating_sub(shared.metrics.last_step_steady_us.get());
    if age > STEP_AGE_MAX_US {
        return ("503 Service Unavailable", format!("no step for {} s\n", age / 1_000_000));
    }
    ("200 OK", "ok\n".to_owned())
}

/// Ready is who reads; whether the controller takes it is told by a metric, and no reason to stop reading.
fn readiness(shared: &Shared) -> (&'static str, String) {
    if shared.metrics.steps.get() == 0 {
        return ("503 Service Unavailable", "no step yet\n".to_owned());
    }
    health(shared)
}

fn figures(shared: &Shared) -> BufferFigures {
    let buffer = shared.buffer.borrow();
    let waiting = buffer.next_seq() - 1 - buffer.acknowledged_seq().min(buffer.next_seq() - 1);
    BufferFigures { bytes: buffer.bytes(), waiting, counts: buffer.counts() }
}
