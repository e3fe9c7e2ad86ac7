//! A controller for tests: it keeps every batch that it gets, checks each, and acknowledges as it is told to.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use futures::stream::BoxStream;
use futures::{StreamExt, stream};
use kubeopt_proto::{
    Ack, Agent, AgentServer, Batch, GradientUpload, Model, ModelRequest, ModelResponse, RegisterRequest,
    RegisterResponse, TrainPlan, UploadResponse, check, check_register, check_upload,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

/// How it answers batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Each batch once.
    Each,
    /// Each batch twice, and all of them that were ever sent or not.
    TwiceAndTooMuch,
    /// None.
    Nothing,
    /// Each, and it ends the stream after so many.
    EndsAfter(usize),
}

/// What it was told and what it tells.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) batches: Vec<Batch>,
    pub(crate) registered: Vec<RegisterRequest>,
    pub(crate) uploads: Vec<GradientUpload>,
    /// What it answers uploads with instead of taking them.
    pub(crate) upload_fault: Option<tonic::Code>,
    pub(crate) tokens: Vec<String>,
    pub(crate) peers: Vec<usize>,
    pub(crate) answers: Answers,
    pub(crate) model: Option<Model>,
    pub(crate) plan: Option<TrainPlan>,
    pub(crate) models_asked: usize,
}

impl State {
    fn stored(&self, boot_id: &str) -> u64 {
        let own = self.batches.iter().filter(|batch| batch.boot_id == boot_id);
        own.map(|batch| batch.seq).max().unwrap_or(0)
    }

    /// Each batch once, in order; whatever came twice was the same both times.
    pub(crate) fn distinct(&self) -> Vec<Batch> {
        let mut sorted: Vec<&Batch> = self.batches.iter().collect();
        sorted.sort_by_key(|batch| (batch.boot_id.clone(), batch.seq));
        for pair in sorted.windows(2) {
            if (&pair[0].boot_id, pair[0].seq) == (&pair[1].boot_id, pair[1].seq) {
                assert_eq!(pair[0], pair[1], "one number, two batches");
            }
        }
        sorted.dedup();
        sorted.into_iter().cloned().collect()
    }
}

#[derive(Clone)]
struct Service(Arc<Mutex<State>>);

#[tonic::async_trait]
impl Agent for Service {
    async fn register(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<Response<RegisterResponse>, Status> {
        let token = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        let token = token.unwrap_or_default().to_owned();
        let peers = request.peer_certs().map_or(0, |certs| certs.len());
        let request = request.into_inner();
        let protocol =
            check_register(&request).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let mut state = self.0.lock().unwrap();
        let acknowledged_seq = state.stored(&request.boot_id);
        state.tokens.push(token);
        state.peers.push(peers);
        state.registered.push(request);
        Ok(Response::new(RegisterResponse { protocol, acknowledged_seq, ..RegisterResponse::default() }))
    }

    type SyncMetricsStream = BoxStream<'static, Result<Ack, Status>>;

    async fn sync_metrics(
        &self,
        request: Request<Streaming<Batch>>,
    ) -> Result<Response<Self::SyncMetricsStream>, Status> {
        let (service, answers) = (self.clone(), self.0.lock().unwrap().answers);
        let acks = request.into_inner().enumerate().flat_map(move |(at, batch)| {
            let answer = batch.map(|batch| service.take(batch));
            let acks = match (answer, answers) {
                (Err(status), _) => vec![Err(status)],
                (Ok(ack), Answers::Each) => vec![Ok(ack)],
                (Ok(ack), Answers::TwiceAndTooMuch) => {
                    let too_much = Ack { acknowledged_seq: u64::MAX, backoff_ms: 0 };
                    vec![Ok(ack), Ok(ack), Ok(too_much)]
                }
                (Ok(_), Answers::Nothing) => vec![],
                (Ok(ack), Answers::EndsAfter(most)) if at + 1 < most => vec![Ok(ack)],
                (Ok(_), Answers::EndsAfter(_)) => vec![Err(Status::unavailable("enough"))],
            };
            stream::iter(acks)
        });
        Ok(Response::new(acks.boxed()))
    }

    async fn get_model_update(&self, _: Request<ModelRequest>) -> Result<Response<ModelResponse>, Status> {
        let mut state = self.0.lock().unwrap();
        state.models_asked += 1;
        let (model, plan) = (state.model.clone(), state.plan.clone());
        Ok(Response::new(ModelResponse { model, plan, next_poll_s: 60 }))
    }

    async fn upload_gradients(
        &self,
        request: Request<GradientUpload>,
    ) -> Result<Response<UploadResponse>, Status> {
        let upload = request.into_inner();
        check_upload(&upload).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let mut state = self.0.lock().unwrap();
        state.uploads.push(upload);
        if let Some(code) = state.upload_fault {
            return Err(Status::new(code, "as the test wants it"));
        }
        Ok(Response::new(UploadResponse { accepted: true, ..UploadResponse::default() }))
    }
}

impl Service {
    fn take(&self, batch: Batch) -> Ack {
        check(&batch).unwrap();
        let mut state = self.0.lock().unwrap();
        let stored = state.stored(&batch.boot_id);
        let ack = Ack { acknowledged_seq: stored.max(batch.seq), backoff_ms: 0 };
        state.batches.push(batch);
        ack
    }
}

/// A controller that can be switched off and on at one address.
pub(crate) struct Controller {
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) address: SocketAddr,
    ca: String,
    identity: (String, String),
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// Certificates of one authority.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

impl Controller {
    /// It listens on a port of its own; `folder` gets ca.pem, cert.pem, key.pem and a token for an agent.
    pub(crate) fn start(folder: &Path) -> Self {
        let authority = Authority::new();
        let (cert, key) = authority.sign("node-1");
        for (file, text) in [
            ("ca.pem", authority.0.pem()),
            ("cert.pem", cert),
            ("key.pem", key),
            ("token", "a-token\n".to_owned()),
            ("other-ca.pem", Authority::new().0.pem()),
        ] {
            std::fs::write(folder.join(file), text).unwrap();
        }
        let state = State {
            batches: Vec::new(),
            registered: Vec::new(),
            uploads: Vec::new(),
            upload_fault: None,
            tokens: Vec::new(),
            peers: Vec::new(),
            answers: Answers::Each,
            model: None,
            plan: None,
            models_asked: 0,
        };
        let mut controller = Self {
            state: Arc::new(Mutex::new(state)),
            address: "127.0.0.1:0".parse().unwrap(),
            ca: authority.0.pem(),
            identity: authority.sign("kubeopt-agents"),
            running: None,
        };
        controller.switch_on();
        controller
    }

    pub(crate) fn switch_on(&mut self) {
        let listener = std::net::TcpListener::bind(self.address).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.address = listener.local_addr().unwrap();
        let (cert, key) = &self.identity;
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(cert, key))
            .client_ca_root(Certificate::from_pem(&self.ca))
            .client_auth_optional(true);
        let service = AgentServer::new(Service(Arc::clone(&self.state)));
        let (end, ended) = oneshot::channel();
        // On a thread of its own, so that its end cuts all connections.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let incoming = TcpIncoming::from(TcpListener::from_std(listener).unwrap());
                let server = Server::builder().tls_config(tls).unwrap();
                tokio::select! {
                    served = server.serve_with_incoming(service, incoming) => served.unwrap(),
                    _ = ended => {}
                }
            });
        });
        self.running = Some((end, thread));
    }

    pub(crate) fn switch_off(&mut self) {
        if let Some((end, thread)) = self.running.take() {
            drop(end);
            thread.join().unwrap();
        }
    }

    pub(crate) fn answer(&self, answers: Answers) {
        self.state.lock().unwrap().answers = answers;
    }

    pub(crate) fn batches(&self) -> Vec<Batch> {
        self.state.lock().unwrap().distinct()
    }

    /// Those of the first so many numbers.
    pub(crate) fn first_batches(&self, count: usize) -> Vec<Batch> {
        let mut batches = self.batches();
        batches.truncate(count);
        batches
    }

    /// Arguments of an agent that speaks with it.
    pub(crate) fn arguments(&self, folder: &Path) -> Vec<String> {
        let file = |name: &str| folder.join(name).display().to_string();
        vec![
            format!("--controller=https://{}", self.address),
            "--server-name=kubeopt-agents".to_owned(),
            format!("--ca={}", file("ca.pem")),
            format!("--cert={}", file("cert.pem")),
            format!("--key={}", file("key.pem")),
        ]
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.switch_off();
    }
}
