//! A thousand nodes at one controller, each with a certificate, a connection and a stream of its own: how long until what
//! they send is stored, at the rate of real nodes and after an hour's outage of all of them at once.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::StreamExt as _;
use kubeopt_proto::{Ack, AgentClient, Batch, CgroupMode, ContainerSeries, RegisterRequest};
use kubeopt_tests::OrFail;
use kubeopt_tests::authority::Authority;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

/// Containers of a node: what a thousand nodes of a real cluster run on average.
const CONTAINERS: usize = 30;

const STEP_MS: u32 = 10_000;

/// A minute a batch, as agents send.
const STEPS: u32 = 6;

const BATCH_MS: u64 = STEP_MS as u64 * STEPS as u64;

/// Connections that are made at once: what two cores of TLS handshakes take without a queue.
const CONNECTING: usize = 32;

/// Batches on their way at once after an outage; agents wait for acknowledgements.
const ON_THE_WAY: usize = 4;

/// How long batches took to be stored.
pub(super) struct Lags {
    sorted: Vec<Duration>,
    /// From the first batch to the last acknowledgement.
    pub(super) took: Duration,
}

impl Lags {
    fn of(nodes: Vec<Vec<Duration>>, took: Duration) -> Self {
        let mut sorted: Vec<Duration> = nodes.into_iter().flatten().collect();
        sorted.sort_unstable();
        Self { sorted, took }
    }

    pub(super) fn batches(&self) -> usize {
        self.sorted.len()
    }

    /// A share of all batches took at most so long.
    pub(super) fn at(&self, share: f64) -> Duration {
        let last = self.sorted.len().saturating_sub(1);
        self.sorted.get((share * last as f64).round() as usize).copied().unwrap_or_default()
    }
}

/// Nodes that are connected.
pub(super) struct Crowd(Vec<Node>);

struct Node {
    number: usize,
    boot_id: String,
    seq: u64,
    /// When the next batch begins.
    begin_unix_ms: u64,
    containers: Arc<Vec<ContainerSeries>>,
    out: mpsc::Sender<Batch>,
    acks: Streaming<Ack>,
}

/// The name that a node has in its certificate.
fn name(number: usize) -> String {
    format!("node-{number}")
}

impl Crowd {
    /// Connects nodes with certificates of an authority to `localhost` at a port.
    pub(super) async fn connect(nodes: usize, port: u16, server_ca: &str, clients: &Authority) -> Self {
        let containers = Arc::new((0..CONTAINERS).map(series).collect::<Vec<_>>());
        let connecting = futures::stream::iter(0..nodes).map(|number| {
            let identity = clients.client(&format!("system:node:{}", name(number)));
            let tls = ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(server_ca))
                .identity(Identity::from_pem(identity.certificate, identity.key))
                .domain_name("localhost");
            Node::connect(number, port, tls, Arc::clone(&containers))
        });
        Self(connecting.buffer_unordered(CONNECTING).collect().await)
    }

    /// Each node sends a batch each minute, all of them evenly over the minute.
    pub(super) async fn live(&mut self, minutes: u64) -> Lags {
        let begun = Instant::now();
        let nodes = self.0.len() as u32;
        let lags = self.0.iter_mut().map(|node| async move {
            let mut lags = Vec::new();
            for minute in 0..minutes {
                let within = Duration::from_millis(BATCH_MS) * node.number as u32 / nodes;
                let at = begun + Duration::from_millis(BATCH_MS) * minute as u32 + within;
                tokio::time::sleep_until(at.into()).await;
                node.send().await;
                node.until_acknowledged(node.seq).await;
                // From the moment it was due: a batch that waits for the one before is late too.
                lags.push(at.elapsed());
            }
            lags
        });
        let lags = futures::future::join_all(lags).await;
        Lags::of(lags, begun.elapsed())
    }

    /// All nodes send what they kept, at once and as fast as it is acknowledged.
    pub(super) async fn replay(&mut self, minutes: u64) -> Lags {
        let begun = Instant::now();
        let lags = self.0.iter_mut().map(|node| async move {
            let (mut sent, mut lags) = (std::collections::VecDeque::new(), Vec::new());
            for minute in 0..minutes {
                node.send().await;
                sent.push_back((node.seq, Instant::now()));
                let left = if minute + 1 == minutes { 0 } else { ON_THE_WAY };
                while sent.len() > left {
                    let (seq, at) = sent.pop_front().expect("it is not empty");
                    node.until_acknowledged(seq).await;
                    lags.push(at.elapsed());
                }
            }
            lags
        });
        let lags = futures::future::join_all(lags).await;
        Lags::of(lags, begun.elapsed())
    }
}

impl Node {
    async fn connect(
        number: usize,
        port: u16,
        tls: ClientTlsConfig,
        containers: Arc<Vec<ContainerSeries>>,
    ) -> Self {
        let endpoint =
            Channel::from_shared(format!("https://localhost:{port}")).or_fail("name the controller");
        let endpoint = endpoint.tls_config(tls).or_fail("configure TLS");
        let mut client = AgentClient::new(endpoint.connect().await.or_fail("connect to the controller"));
        let boot_id = format!("{number:032x}");
        let request = RegisterRequest {
            protocol_min: 1,
            protocol_max: 1,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            node_name: name(number),
            boot_id: boot_id.clone(),
            cgroup_mode: CgroupMode::V2.into(),
            ..RegisterRequest::default()
        };
        client.register(request).await.or_fail("register");
        let (out, batches) = mpsc::channel(ON_THE_WAY);
        let acks = client.sync_metrics(ReceiverStream::new(batches)).await.or_fail("open a stream");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).or_fail("read the clock").as_millis() as u64;
        // Two hours of the past, so that nothing lies in the future however fast it is sent.
        let begin_unix_ms = (now - 2 * 3_600_000) / BATCH_MS * BATCH_MS;
        let acks = acks.into_inner();
        Self { number, boot_id, seq: 0, begin_unix_ms, containers, out, acks }
    }

    async fn send(&mut self) {
        self.seq += 1;
        let batch = Batch {
            boot_id: self.boot_id.clone(),
            seq: self.seq,
            begin_unix_ms: self.begin_unix_ms,
            step_ms: STEP_MS,
            steps: STEPS,
            containers: self.containers.iter().map(|series| of_node(series, self.number)).collect(),
            ..Batch::default()
        };
        self.begin_unix_ms += BATCH_MS;
        self.out.send(batch).await.or_fail("send a batch");
    }

    async fn until_acknowledged(&mut self, seq: u64) {
        loop {
            let ack = self.acks.message().await.or_fail("read an acknowledgement");
            let ack = ack.unwrap_or_else(|| panic!("the stream of {} ended", name(self.number)));
            if ack.acknowledged_seq >= seq {
                return;
            }
        }
    }
}

fn of_node(series: &ContainerSeries, node: usize) -> ContainerSeries {
    ContainerSeries { pod_uid: format!("{node:08x}{}", &series.pod_uid[8..]), ..series.clone() }
}

/// A container that uses something in each step.
fn series(number: usize) -> ContainerSeries {
    let each =
        |value: u64| (0..u64::from(STEPS)).map(|step| value + step * 997 % 13_000).collect::<Vec<u64>>();
    let small = |value: u32| vec![value; STEPS as usize];
    let number = number as u64;
    ContainerSeries {
        pod_uid: format!("00000000-0000-4000-8000-{number:012x}"),
        container_id: format!("{number:064x}"),
        step: (0..STEPS).collect(),
        span_ms: small(STEP_MS),
        cpu_used_us: each(900_000 + number * 1000),
        cpu_peak_millicores: small(180),
        cfs_periods: small(100),
        cfs_periods_throttled: small(3),
        cpu_throttled_us: each(40_000),
        memory_working_set_bytes: each(150 << 20),
        memory_anon_bytes: each(120 << 20),
        memory_limit_bytes: 256 << 20,
        cpu_quota_millicores: 500,
        pids: 12,
        ..ContainerSeries::default()
    }
}
