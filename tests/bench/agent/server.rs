//! The controller's end, in the process of the bench and not in the measured one: the real server with its log on disk, that
//! hands out the network that comes with kubeopt and asks for a round of training.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use kubeopt_agents::{
    AgentConfig, Agents, Bounds, Counts, Doors, GradientUpload, Model, ModelRequest, ModelResponse, Models,
    SendAgain, Spool, SpoolLimits, TlsFiles, TrainPlan, UploadResponse,
};
use kubeopt_forecast::Model as Network;
use kubeopt_tests::OrFail;
use kubeopt_tests::authority::Authority;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// What a round asks of a node: as the controller's defaults.
const EPOCHS: u32 = 2;
const BATCH: u32 = 16;
const RATE: f32 = 0.001;
const PROX_MU: f32 = 0.01;
const CLIP: f32 = 10.0;
const WINDOWS_MIN: u32 = 20;
const CPU_MAX_MS: u32 = 20_000;

const POLL_S: u32 = 300;

/// A server until it is dropped or ended.
pub(super) struct Server {
    pub(super) port: u16,
    agents: Agents,
    trained: Arc<Trained>,
    end: oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<()>,
}

/// Who signs what.
pub(super) struct Authorities {
    pub(super) servers: Authority,
    pub(super) nodes: Authority,
}

impl Authorities {
    pub(super) fn make() -> Self {
        Self { servers: Authority::make("controllers"), nodes: Authority::make("nodes") }
    }
}

#[derive(Debug)]
struct Trained {
    weights: Vec<u8>,
    sha256: Vec<u8>,
    uploads: AtomicU64,
    cpu_ms: AtomicU64,
}

#[async_trait]
impl Models for Trained {
    async fn update(&self, _node: &str, asked: ModelRequest) -> ModelResponse {
        let model = (asked.have_sha256 != self.sha256).then(|| Model {
            version: 1,
            sha256: self.sha256.clone(),
            schema_sha256: asked.schema_sha256,
            weights: self.weights.clone(),
        });
        let plan = TrainPlan {
            round_id: 1,
            base_sha256: self.sha256.clone(),
            local_epochs: EPOCHS,
            batch: BATCH,
            learning_rate: RATE,
            prox_mu: PROX_MU,
            clip_norm: CLIP,
            min_windows: WINDOWS_MIN,
            deadline_unix_ms: u64::MAX / 4,
            max_cpu_ms: CPU_MAX_MS,
        };
        ModelResponse { model, plan: Some(plan), next_poll_s: POLL_S }
    }

    async fn upload(&self, _node: &str, upload: GradientUpload) -> Result<UploadResponse, SendAgain> {
        self.uploads.fetch_add(1, Ordering::Relaxed);
        self.cpu_ms.fetch_add(upload.train_cpu_ms.into(), Ordering::Relaxed);
        Ok(UploadResponse { accepted: true, reason: String::new(), next_poll_s: POLL_S })
    }
}

impl Server {
    /// On a port of loopback, with its log in a folder; `port` 0 takes any.
    pub(super) async fn start(folder: &Path, authorities: &Authorities, port: u16) -> Self {
        let tls = files(folder, authorities);
        let now: kubeopt_agents::Clock = Arc::new(|| kubeopt_model::Timestamp::now().as_millisecond());
        let limits = SpoolLimits::default();
        let spool = Spool::open(&folder.join("spool"), limits, Arc::clone(&now)).or_fail("open the log");
        let agents = Agents::new(spool, now);
        let weights = Network::shipped().or_fail("read the network that comes with kubeopt").weights();
        let sha256 = Sha256::digest(&weights).to_vec();
        let trained =
            Arc::new(Trained { weights, sha256, uploads: AtomicU64::new(0), cpu_ms: AtomicU64::new(0) });
        let listener = TcpListener::bind(("127.0.0.1", port)).await.or_fail("listen");
        let port = listener.local_addr().or_fail("listen").port();
        let models: Arc<dyn Models> = Arc::clone(&trained) as Arc<dyn Models>;
        let doors = Doors {
            tls,
            tokens: None,
            models: Some(models),
            config: AgentConfig::default(),
            trust_domain: None,
            bounds: Bounds::default(),
        };
        let (end, ended) = oneshot::channel::<()>();
        let server = agents.clone();
        let serving = tokio::spawn(async move {
            let ended = async { drop(ended.await) };
            server.serve(listener, doors, ended).await.or_fail("serve agents");
        });
        Self { port, agents, trained, end, serving }
    }

    pub(super) fn agents(&self) -> &Agents {
        &self.agents
    }

    pub(super) fn counts(&self) -> Counts {
        self.agents.figures().counts
    }

    /// Trainings that were sent, and the CPU milliseconds that they took.
    pub(super) fn trained(&self) -> (u64, u64) {
        (self.trained.uploads.load(Ordering::Relaxed), self.trained.cpu_ms.load(Ordering::Relaxed))
    }

    /// Ends in good order: what was taken is on disk.
    pub(super) async fn end(self) {
        let _gone = self.end.send(());
        self.serving.await.or_fail("end the server");
    }
}

fn files(folder: &Path, authorities: &Authorities) -> TlsFiles {
    let serving = authorities.servers.server("kubeopt-agents", &["localhost"]);
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).or_fail("write a certificate");
        path
    };
    TlsFiles {
        certificate: write("server.pem", &serving.certificate),
        key: write("server.key", &serving.key),
        client_ca: Some(write("nodes.pem", &authorities.nodes.pem())),
    }
}
