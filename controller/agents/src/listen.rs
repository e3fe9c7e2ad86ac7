//! Connections: accepted, limited, shaken hands with, and named by their certificate. Knows nothing of what is said.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, Sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use crate::certificate;
use crate::share::{Share, Shares};
use crate::tally::{Tally, is_logged};
use crate::tls::Renewed;
use crate::unproven::{Displaced, Entered, Room, Standing, Unproven, Waiting};

/// Connections at a time: a node has one, and the old one for a moment.
const CONNECTIONS_MAX: usize = 4_096;
/// Who shakes hands more slowly holds a connection for nothing.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// How often the files of the certificate are looked at.
const RENEW_EVERY: Duration = Duration::from_secs(60);
/// Failures to accept in a row until it is no passing thing, with a pause after each.
const ACCEPT_FAILURES_MAX: u32 = 60;
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// Of the connections of an address so many parts may be unproven: 32 of 256, and with a larger bound for a load balancer more.
const UNPROVEN_OF_ADDRESS: usize = 8;
/// So many may be at least, where there may be so many at all.
const UNPROVEN_OF_ADDRESS_MIN: usize = 8;
/// Connections that have shaken hands and were not looked at yet.
const READY_MAX: usize = 64;

/// Who may connect, beside whoever shakes hands.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections of one address at a time.
    pub per_address: usize,
    /// Connections at a time on which no call was let in yet; of one address an eighth of those that it may have. Above it the
    /// oldest goes when another comes, of the address that has the most.
    pub unproven: usize,
    /// How long a connection may last on which no call was let in.
    pub silence: Duration,
}

impl Default for Bounds {
    /// 256: agents behind one address, as behind a load balancer, in a cluster of that many nodes. 1,024: a quarter of all, and
    /// what a node's proof takes some milliseconds of. 10 s: an agent calls at once.
    fn default() -> Self {
        Self { per_address: 256, unproven: 1_024, silence: Duration::from_secs(10) }
    }
}

impl Bounds {
    /// Of those that are unproven.
    fn room(self) -> Room {
        let of_address = (self.per_address / UNPROVEN_OF_ADDRESS).max(UNPROVEN_OF_ADDRESS_MIN);
        Room { of_all: self.unproven, of_address }
    }
}

/// Who is at the other end, as far as the connection tells.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) certificate: Certificate,
    standing: Arc<Standing>,
}

impl Peer {
    /// Notes that a call was let in: the connection may last.
    pub(crate) fn let_in(&self) {
        self.standing.let_in();
    }

    /// Somebody is asked who calls: meanwhile the connection may last, since it does not wait for the caller.
    pub(crate) fn wait(&self) -> Waiting {
        self.standing.wait()
    }
}

/// What the client's certificate tells. It was signed by who may, when hands were shaken.
#[derive(Debug, Clone)]
pub(crate) enum Certificate {
    None,
    NamesNoNode,
    Node {
        name: Arc<str>,
        /// The certificate, and those between it and its root.
        chain: Arc<[CertificateDer<'static>]>,
    },
}

/// A connection with its place among those that there may be.
pub(crate) struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    silence: Silence,
    _place: Place,
}

/// Its place among all, and among those of its address.
type Place = (OwnedSemaphorePermit, Share<IpAddr>);

/// Ends a connection on which nobody has proved in time who he is, or whose place another needs before that.
struct Silence {
    over: Pin<Box<Sleep>>,
    time: Duration,
    standing: Arc<Standing>,
    displaced: Displaced,
    /// Why it has ended.
    ended: Option<io::ErrorKind>,
    tally: Arc<Tally>,
}

impl Silence {
    /// Fails when it is over; to be asked whenever the connection is.
    fn bear(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if let Some(kind) = self.ended {
            return Err(kind.into());
        }
        if self.standing.is_known() {
            return Ok(());
        }
        if matches!(Pin::new(&mut self.displaced).poll(cx), Poll::Ready(Ok(()))) {
            return Err(self.ended.insert(io::ErrorKind::ConnectionReset).to_owned().into());
        }
        if self.over.as_mut().poll(cx).is_pending() {
            return Ok(());
        }
        if self.standing.is_waiting() {
            self.over.as_mut().reset(Instant::now() + self.time);
            // Asked, so that it wakes who reads.
            let _ = self.over.as_mut().poll(cx);
            return Ok(());
        }
        self.tally.turned_away("no_call_in_time");
        Err(self.ended.insert(io::ErrorKind::TimedOut).to_owned().into())
    }
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
        self.silence.bear(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.silence.bear(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.silence.bear(cx)?;
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

/// What the listener works with.
pub(crate) struct Gate {
    pub(crate) tls: Renewed,
    pub(crate) bounds: Bounds,
    /// The SPIFFE trust domain whose URIs name nodes; none where they name none.
    pub(crate) trust_domain: Option<String>,
    pub(crate) tally: Arc<Tally>,
}

/// Accepts until `ended` says so, or accepting fails for a minute on end: then the stream ends with the failure.
pub(crate) fn incoming(listener: TcpListener, gate: Gate, ended: watch::Receiver<bool>) -> Incoming {
    let (ready, connections) = mpsc::channel(READY_MAX);
    tokio::spawn(accept_all(listener, gate, ended, ready));
    Incoming(connections)
}

async fn accept_all(
    listener: TcpListener,
    mut gate: Gate,
    mut ended: watch::Receiver<bool>,
    ready: mpsc::Sender<io::Result<Connection>>,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let of_address = Shares::new(gate.bounds.per_address);
    let unproven = Unproven::new(gate.bounds.room());
    let mut failures = 0;
    let mut renewal = tokio::time::interval(RENEW_EVERY);
    loop {
        let accepted = tokio::select! {
            _ = ended.wait_for(|ended| *ended) => return,
            _ = renewal.tick() => {
                gate.tls.renew();
                continue;
            }
            accepted = accept(&listener, &room, &unproven, &gate) => accepted,
        };
        match accepted {
            Ok((stream, address, place)) => {
                failures = 0;
                let ip = address.ip().to_canonical();
                let entered = of_address.take(ip).and_then(|share| Some((share, unproven.enter(ip)?)));
                let Some((share, entered)) = entered else {
                    gate.tally.turned_away("too_many_connections");
                    continue;
                };
                if let Some(displaced) = entered.instead_of {
                    gate.note_displaced(displaced);
                }
                let shaking = gate.shake_hands(stream, address, entered, (place, share));
                let ready = ready.clone();
                tokio::spawn(async move {
                    if let Some(connection) = shaking.await {
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

/// Waits for room first, so that those who wait do so in the kernel and cost nothing here. It is made where somebody who has
/// proved nothing has it.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    unproven: &Unproven,
    gate: &Gate,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    if room.available_permits() == 0
        && let Some(displaced) = unproven.make_room()
    {
        gate.note_displaced(displaced);
    }
    let place = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, place))
}

impl Gate {
    fn note_displaced(&self, address: IpAddr) {
        let times = self.tally.turned_away("displaced");
        if is_logged(times) {
            tracing::warn!(%address, times, "a connection that proved no node went for another");
        }
    }

    /// Makes a connection of a stream, later.
    fn shake_hands(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        Entered { standing, mut displaced, instead_of: _ }: Entered,
        place: Place,
    ) -> impl Future<Output = Option<Connection>> + Send + use<> {
        let acceptor = TlsAcceptor::from(self.tls.current());
        let (trust_domain, tally, time) =
            (self.trust_domain.clone(), Arc::clone(&self.tally), self.bounds.silence);
        async move {
            let stream = tokio::select! {
                shaken = shaken(acceptor, stream, address, &tally) => shaken?,
                // Nobody else can prove a node for it, so it is never told that it will not go.
                _ = &mut displaced => return None,
            };
            let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
            let named = chain.first().map(|own| certificate::node(own, trust_domain.as_deref()));
            let certificate = match named {
                None => Certificate::None,
                Some(None) => Certificate::NamesNoNode,
                Some(Some(node)) => Certificate::Node { name: node.into(), chain: chain.into() },
            };
            let standing = Arc::new(standing);
            let over = Box::pin(tokio::time::sleep(time));
            let silence =
                Silence { over, time, standing: Arc::clone(&standing), displaced, ended: None, tally };
            Some(Connection { stream, peer: Peer { address, certificate, standing }, silence, _place: place })
        }
    }
}

async fn shaken(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    address: SocketAddr,
    tally: &Tally,
) -> Option<TlsStream<TcpStream>> {
    // Acknowledgements are small and waited for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection of an agent ended early");
        return None;
    }
    match tokio::time::timeout(HANDSHAKE_TIME_MAX, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            if is_logged(tally.turned_away("no_handshake")) {
                tracing::info!(%address, %error, "an agent's TLS handshake failed");
            }
            None
        }
        Err(_) => {
            if is_logged(tally.turned_away("no_handshake")) {
                tracing::info!(%address, "an agent's TLS handshake took too long");
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

    fn connected() -> (Peer, Silence) {
        let unproven = Unproven::new(Bounds::default().room());
        let Entered { standing, displaced, .. } = unproven.enter(ADDRESS.ip()).expect("room");
        let standing = Arc::new(standing);
        let peer = Peer { address: ADDRESS, certificate: Certificate::None, standing: Arc::clone(&standing) };
        let (time, tally) = (Duration::ZERO, Arc::default());
        let over = Box::pin(tokio::time::sleep(time));
        (peer, Silence { over, time, standing, displaced, ended: None, tally })
    }

    /// What is said of a connection whose time is over.
    async fn heard(silence: &mut Silence) -> io::Result<()> {
        silence.over.as_mut().await;
        poll_fn(|cx| Poll::Ready(silence.bear(cx))).await
    }

    #[tokio::test]
    async fn a_connection_lasts_only_when_a_call_was_let_in_in_time() {
        let (peer, mut silence) = connected();
        peer.let_in();
        assert!(heard(&mut silence).await.is_ok());
        let (_, mut silence) = connected();
        for _ in 0..3 {
            let ended = heard(&mut silence).await.expect_err("nobody was let in");
            assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        }
        assert_eq!(silence.tally.read().turned_away.get("no_call_in_time"), Some(&1));
    }

    #[tokio::test]
    async fn a_connection_does_not_end_while_it_is_asked_who_calls() {
        let (peer, mut silence) = connected();
        let waiting = (peer.wait(), peer.wait());
        assert!(heard(&mut silence).await.is_ok());
        drop(waiting.0);
        assert!(heard(&mut silence).await.is_ok());
        drop(waiting.1);
        assert!(heard(&mut silence).await.is_err());
    }
}
