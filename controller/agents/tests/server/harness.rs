//! A server with certificates of its own, and agents that speak to it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use kubeopt_agents::{
    Agents, Bounds, Clock, Doors, Models, NoModels, ReviewError, Reviewed, Spool, SpoolLimits, TlsFiles,
    TokenReviewer, Tokens,
};
use kubeopt_proto::{Ack, AgentClient, AgentConfig, Batch, CgroupMode, ContainerSeries, RegisterRequest};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status, Streaming};

/// The begin of an hour, and the clock of a server.
pub(crate) const HOUR_MS: i64 = 499_999 * 3_600_000;
pub(crate) const ACCOUNT: &str = "system:serviceaccount:kubeopt-system:kubeopt-agent";

/// Who signs.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate and its key, in PEM.
    pub(crate) fn sign(&self, common_name: &str, dns: &[&str]) -> (String, String) {
        self.sign_until(4000, common_name, dns)
    }

    /// One that is good until a year begins.
    pub(crate) fn sign_until(&self, year: i32, common_name: &str, dns: &[&str]) -> (String, String) {
        let names: Vec<String> = dns.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }
}

/// Knows tokens as `node@account/audience`.
pub(crate) struct Api;

#[async_trait]
impl TokenReviewer for Api {
    async fn review(&self, token: &str, audiences: &[String]) -> Result<Option<Reviewed>, ReviewError> {
        let Some((node, (account, audience))) =
            token.split_once('@').and_then(|(node, rest)| Some((node, rest.split_once('/')?)))
        else {
            return Ok(None);
        };
        // As an API server: a token for none of the audiences of the question is not good.
        if !audiences.iter().any(|asked| asked == audience) {
            return Ok(None);
        }
        Ok(Some(Reviewed {
            audiences: vec![audience.to_owned()],
            account: account.to_owned(),
            node: Some(node.to_owned()),
            pod: Some("kubeopt-agent-x".to_owned()),
        }))
    }
}

/// The token of an agent on a node.
pub(crate) fn token(node: &str) -> String {
    format!("{node}@{ACCOUNT}/kubeopt-agents")
}

/// A server that runs.
pub(crate) struct Server {
    pub(crate) agents: Agents,
    pub(crate) authority: Authority,
    pub(crate) now_ms: Arc<AtomicI64>,
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
    _certificates: TempDir,
}

impl Server {
    pub(crate) async fn start(folder: &Path) -> Self {
        Self::start_with(folder, Arc::new(NoModels)).await
    }

    pub(crate) async fn start_with(folder: &Path, models: Arc<dyn Models>) -> Self {
        Self::start_within(folder, models, Bounds::default()).await
    }

    pub(crate) async fn start_within(folder: &Path, models: Arc<dyn Models>, bounds: Bounds) -> Self {
        let certificates = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| {
            let path = certificates.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        let authority = Authority::new();
        let (certificate, key) = authority.sign("kubeopt", &["localhost"]);
        let tls = TlsFiles {
            certificate: file("tls.crt", &certificate),
            key: file("tls.key", &key),
            client_ca: Some(file("ca.crt", &authority.pem())),
        };
        let now_ms = Arc::new(AtomicI64::new(HOUR_MS + 1_800_000));
        let told = Arc::clone(&now_ms);
        let now: Clock = Arc::new(move || told.load(Ordering::Relaxed));
        let spool = Spool::open(folder, SpoolLimits::default(), Arc::clone(&now)).expect("a log");
        let agents = Agents::new(spool, now);
        let tokens = Tokens { audience: "kubeopt-agents".to_owned(), accounts: vec![ACCOUNT.to_owned()] };
        let doors = Doors {
            tls,
            tokens: Some((tokens, Box::new(Api))),
            models: Some(models),
            config: AgentConfig { step_ms: 10_000, ..AgentConfig::default() },
            trust_domain: None,
            bounds,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (stop, stopped) = oneshot::channel();
        let server = agents.clone();
        let served = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            server.serve(listener, doors, stopped).await.expect("a server that ends in order");
        });
        Self { agents, authority, now_ms, port, stop: Some(stop), served, _certificates: certificates }
    }

    /// A connection, with a certificate of one's own where one is shown.
    pub(crate) async fn connect(
        &self,
        identity: Option<(String, String)>,
    ) -> Result<Channel, tonic::transport::Error> {
        let mut tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.authority.pem()))
            .domain_name("localhost");
        if let Some((certificate, key)) = identity {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        let endpoint = Endpoint::from_shared(format!("https://127.0.0.1:{}", self.port)).expect("an address");
        endpoint.tls_config(tls).expect("a configuration").connect().await
    }

    /// A connection to the server's port, with nothing said yet.
    pub(crate) async fn socket(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.expect("a connection")
    }

    /// A connection that has shaken hands, and says nothing.
    pub(crate) async fn tls(&self) -> TlsStream<TcpStream> {
        self.shaken(self.socket().await).await.expect("a connection")
    }

    /// A connection to the server's port from an address of this machine, with nothing said yet.
    pub(crate) async fn socket_from(&self, address: Ipv4Addr) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((address, 0).into()).expect("an address of this machine");
        socket.connect(([127, 0, 0, 1], self.port).into()).await.expect("a connection")
    }

    /// Shakes hands.
    pub(crate) async fn shaken(&self, socket: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).expect("PEM"))
            .expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, socket).await
    }

    /// How often something was refused for this reason.
    pub(crate) fn turned_away(&self, reason: &str) -> u64 {
        self.agents.figures().counts.turned_away.get(reason).copied().unwrap_or_default()
    }

    /// An agent with its node's certificate.
    pub(crate) async fn agent(&self, node: &str) -> AgentClient<Channel> {
        let identity = self.authority.sign(&format!("system:node:{node}"), &[]);
        AgentClient::new(self.connect(Some(identity)).await.expect("a connection"))
    }

    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.served.await.expect("the server ends");
    }

    /// All that is stored: node and CPU of each reading.
    pub(crate) fn stored(&self) -> Vec<(String, u64)> {
        let spool = self.agents.spool();
        let mut all = Vec::new();
        for hour in spool.hours() {
            for part in spool.read(hour.hour) {
                let Some(part) = part.expect("a readable log").series() else { continue };
                all.extend(
                    part.readings.iter().map(|reading| (part.node.clone(), reading.cpu_used_us.unwrap_or(0))),
                );
            }
        }
        all.sort();
        all
    }
}

pub(crate) fn register(node: &str) -> RegisterRequest {
    RegisterRequest {
        protocol_min: 1,
        protocol_max: 1,
        agent_version: "0.1.0".to_owned(),
        node_name: node.to_owned(),
        boot_id: "boot".to_owned(),
        cgroup_mode: CgroupMode::V2.into(),
        ..RegisterRequest::default()
    }
}

/// With a token.
pub(crate) fn bearing<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let header: MetadataValue<_> = format!("Bearer {token}").parse().expect("a header");
    request.metadata_mut().insert("authorization", header);
    request
}

/// One minute with one reading, whose CPU is the number.
pub(crate) fn batch(seq: u64) -> Batch {
    let series = ContainerSeries {
        pod_uid: "1858680e-b044-4fd5-9dd4-f137e30e2180".to_owned(),
        container_id: "c".repeat(64),
        step: vec![0],
        span_ms: vec![10_000],
        cpu_used_us: vec![seq],
        ..ContainerSeries::default()
    };
    Batch {
        boot_id: "boot".to_owned(),
        seq,
        begin_unix_ms: HOUR_MS as u64 + seq % 30 * 60_000,
        step_ms: 10_000,
        steps: 6,
        containers: vec![series],
        ..Batch::default()
    }
}

/// An open stream of an agent.
pub(crate) struct Stream {
    pub(crate) send: mpsc::Sender<Batch>,
    pub(crate) acks: Streaming<Ack>,
}

impl Stream {
    pub(crate) async fn open(client: &mut AgentClient<Channel>) -> Self {
        let (send, batches) = mpsc::channel(8);
        let batches = futures::stream::unfold(batches, |mut batches| async {
            batches.recv().await.map(|batch| (batch, batches))
        });
        let acks = client.sync_metrics(batches).await.expect("a stream").into_inner();
        Self { send, acks }
    }

    pub(crate) async fn ack(&mut self) -> Result<u64, Status> {
        let ack = self.acks.message().await?;
        Ok(ack.ok_or_else(|| Status::unavailable("the stream ended"))?.acknowledged_seq)
    }

    /// Sends a batch and waits for its acknowledgement.
    pub(crate) async fn put(&mut self, batch: Batch) -> Result<u64, Status> {
        // Where it cannot be sent, the acknowledgement says why.
        drop(self.send.send(batch).await);
        self.ack().await
    }
}
