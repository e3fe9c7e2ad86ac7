//! Connections: accepted, limited, and let go in order. Knows nothing of what is asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::error::ServerError;
use crate::routes::{App, router};
use crate::webhooks::Peer;

/// Connections at a time: probes, one scraper and a browser need fewer than ten; the rest is room.
const CONNECTIONS_MAX: usize = 256;
/// A client that sends its headers slower than this holds a connection for nothing. Also ends idle connections.
const HEADER_TIME_MAX: Duration = Duration::from_secs(15);
/// Headers of a browser take about 2 KiB.
const HEADER_BYTES_MAX: usize = 32 * 1024;
/// How long answers that have begun may take after the end was asked for; Kubernetes kills after 30 seconds.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);
/// Failures to accept in a row until it is no passing thing, with a pause after each.
const ACCEPT_FAILURES_MAX: u32 = 60;
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves until `shutdown` ends, then finishes what has begun.
///
/// # Errors
/// [`ServerError::Accept`] when accepting fails for a minute on end.
pub async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServerError> {
    let service = TowerToHyperService::new(router(app));
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut failures = 0;
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &room) => accepted,
        };
        match accepted {
            Ok((stream, peer, place)) => {
                failures = 0;
                let service = service.clone();
                let service = service_fn(move |mut request: Request<Incoming>| {
                    request.extensions_mut().insert(Peer(peer.ip()));
                    service.call(request)
                });
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIME_MAX)
                    .max_buf_size(HEADER_BYTES_MAX)
                    .serve_connection(TokioIo::new(stream), service);
                let connection = graceful.watch(connection);
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                failures += 1;
                if failures >= ACCEPT_FAILURES_MAX {
                    return Err(ServerError::Accept(error));
                }
                tracing::warn!(%error, "unable to take a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIME_MAX, graceful.shutdown()).await.is_err() {
        tracing::warn!("answers that had begun were cut off");
    }
    Ok(())
}

/// Waits for room first, so that those who wait do so in the kernel and cost nothing here.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> std::io::Result<(tokio::net::TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, place))
}
