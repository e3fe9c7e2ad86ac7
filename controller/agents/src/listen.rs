//! Connections: accepted, limited, shaken hands with, and named by their certificate. Knows nothing of what is said.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use crate::certificate;
use crate::tls::Renewed;

/// Connections at a time: a node has one, and the old one for a moment.
const CONNECTIONS_MAX: usize = 4_096;
/// Who shakes hands more slowly holds a connection for nothing.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// How often the files of the certificate are looked at.
const RENEW_EVERY: Duration = Duration::from_secs(60);
/// Failures to accept in a row until it is no passing thing, with a pause after each.
const ACCEPT_FAILURES_MAX: u32 = 60;
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// Connections that have shaken hands and were not looked at yet.
const READY_MAX: usize = 64;

/// Who is at the other end, as far as the connection tells.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) certificate: Certificate,
}

/// What the client's certificate tells. It was signed by who may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Certificate {
    None,
    NamesNoNode,
    Node(Arc<str>),
}

/// A connection with its place among those that there may be.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    _place: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Connections as they come.
pub(crate) struct Incoming(mpsc::Receiver<io::Result<Connection>>);

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

/// Accepts until `ended` says so, or accepting fails for a minute on end: then the stream ends with the failure.
pub(crate) fn incoming(listener: TcpListener, tls: Renewed, ended: watch::Receiver<bool>) -> Incoming {
    let (ready, connections) = mpsc::channel(READY_MAX);
    tokio::spawn(accept_all(listener, tls, ended, ready));
    Incoming(connections)
}

async fn accept_all(
    listener: TcpListener,
    mut tls: Renewed,
    mut ended: watch::Receiver<bool>,
    ready: mpsc::Sender<io::Result<Connection>>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut failures = 0;
    let mut renewal = tokio::time::interval(RENEW_EVERY);
    loop {
        let accepted = tokio::select! {
            _ = ended.wait_for(|ended| *ended) => return,
            _ = renewal.tick() => {
                tls.renew();
                continue;
            }
            accepted = accept(&listener, &room) => accepted,
        };
        match accepted {
            Ok((stream, address, place)) => {
                failures = 0;
                let (acceptor, ready) = (TlsAcceptor::from(tls.current()), ready.clone());
                tokio::spawn(async move {
                    if let Some(connection) = shake_hands(acceptor, stream, address, place).await {
                        // Nobody is left to serve it when this fails.
                        drop(ready.send(Ok(connection)).await);
                    }
                });
            }
            Err(error) => {
                failures += 1;
                if failures >= ACCEPT_FAILURES_MAX {
                    drop(ready.send(Err(error)).await);
                    return;
                }
                tracing::warn!(%error, "unable to take a connection of an agent");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Waits for room first, so that those who wait do so in the kernel and cost nothing here.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, place))
}

async fn shake_hands(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    address: SocketAddr,
    place: OwnedSemaphorePermit,
) -> Option<Connection> {
    // Acknowledgements are small and waited for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection of an agent ended early");
        return None;
    }
    match tokio::time::timeout(HANDSHAKE_TIME_MAX, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let certificate = match shown.map(certificate::node) {
                None => Certificate::None,
                Some(None) => Certificate::NamesNoNode,
                Some(Some(node)) => Certificate::Node(node.into()),
            };
            Some(Connection { stream, peer: Peer { address, certificate }, _place: place })
        }
        Ok(Err(error)) => {
            tracing::info!(%address, %error, "an agent's TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::info!(%address, "an agent's TLS handshake took too long");
            None
        }
    }
}
