//! A thousand agents on one server, over TLS, each with a minute of 20 containers: what comes through, how late, with how
//! much memory. Figures, not a test: `cargo bench -p kubeopt-agents`, or with other numbers
//! `cargo bench -p kubeopt-agents -- --agents 500 --containers 100 --minutes 5`.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kubeopt_agents::{Agents, Clock, Doors, Spool, SpoolLimits, TlsFiles};
use kubeopt_proto::{AgentClient, AgentConfig, Batch, ContainerSeries};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio::sync::{Barrier, mpsc};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Numbers after `--agents`, `--containers`, `--minutes`.
struct Wanted {
    agents: usize,
    containers: usize,
    minutes: u64,
}

fn wanted() -> Wanted {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, or: u64| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(or)
    };
    Wanted {
        agents: number("--agents", 1_000) as usize,
        containers: number("--containers", 20) as usize,
        minutes: number("--minutes", 3),
    }
}

struct Certificates {
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Certificates {
    fn new() -> Result<Self, Failure> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self { authority: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    fn sign(&self, name: &str, dns: Vec<String>) -> Result<(String, String), Failure> {
        let mut params = CertificateParams::new(dns)?;
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.authority)?.pem(), key.serialize_pem()))
    }

    fn files(&self, folder: &Path) -> Result<TlsFiles, Failure> {
        let (certificate, key) = self.sign("kubeopt", vec!["localhost".to_owned()])?;
        let files = TlsFiles {
            certificate: folder.join("tls.crt"),
            key: folder.join("tls.key"),
            client_ca: Some(folder.join("ca.crt")),
        };
        fs::write(&files.certificate, certificate)?;
        fs::write(&files.key, key)?;
        fs::write(folder.join("ca.crt"), self.authority.pem())?;
        Ok(files)
    }
}

fn batch(seq: u64, begin_ms: u64, containers: usize) -> Batch {
    // What changes from step to step as counters of a container do: so it compresses like the real thing at best.
    let noise = |place: u64| (seq * 6_364_136_223 + place * 1_442_695_041).wrapping_mul(2_862_933_555) >> 40;
    let series = |number: usize| {
        let many = |scale: u64| {
            (0..6).map(|step| scale + noise(number as u64 * 6 + step) % scale).collect::<Vec<_>>()
        };
        let few = |scale: u64| many(scale).into_iter().map(|value| value as u32).collect::<Vec<_>>();
        ContainerSeries {
            pod_uid: format!("{number:08x}-b044-4fd5-9dd4-f137e30e2180"),
            container_id: format!("{number:064x}"),
            step: (0..6).collect(),
            span_ms: vec![10_000; 6],
            cpu_used_us: many(1_000_000),
            cpu_peak_millicores: few(500),
            cfs_periods: vec![100; 6],
            cfs_periods_throttled: few(50),
            cpu_throttled_us: many(10_000),
            memory_working_set_bytes: many(200_000_000),
            memory_anon_bytes: many(150_000_000),
            memory_peak_bytes: many(250_000_000),
            cpu_waited_us: many(5_000),
            memory_waited_us: vec![0; 6],
            io_waited_us: many(500),
            memory_limit_bytes: 512 << 20,
            cpu_quota_millicores: 1_000,
            ..ContainerSeries::default()
        }
    };
    Batch {
        boot_id: "boot".to_owned(),
        seq,
        begin_unix_ms: begin_ms,
        step_ms: 10_000,
        steps: 6,
        containers: (0..containers).map(series).collect(),
        ..Batch::default()
    }
}

/// What one agent saw: how long each acknowledgement took.
async fn agent(channel: Channel, wanted: Arc<Wanted>, begin: Arc<Barrier>) -> Result<Vec<Duration>, Failure> {
    let mut client = AgentClient::new(channel);
    let (send, batches) = mpsc::channel(1);
    let batches = futures::stream::unfold(batches, |mut batches| async {
        batches.recv().await.map(|batch| (batch, batches))
    });
    let mut acks = client.sync_metrics(batches).await?.into_inner();
    let mut took = Vec::new();
    begin.wait().await;
    let first_ms = now_ms() as u64 - wanted.minutes * 60_000;
    for seq in 1..=wanted.minutes {
        let batch = batch(seq, first_ms + (seq - 1) * 60_000, wanted.containers);
        let sent = Instant::now();
        send.send(batch).await?;
        let ack = acks.message().await?.ok_or("the stream ended")?;
        if ack.acknowledged_seq != seq {
            return Err(format!("batch {seq} was answered with {}", ack.acknowledged_seq).into());
        }
        took.push(sent.elapsed());
    }
    Ok(took)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A line of /proc/self/status, in MiB.
fn memory_mib(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib =
        line.and_then(|rest| rest.trim_start_matches(':').trim().split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

#[allow(clippy::print_stdout)]
#[tokio::main]
async fn main() -> Result<(), Failure> {
    let wanted = Arc::new(wanted());
    let certificates = Certificates::new()?;
    let folder = tempfile::tempdir()?;
    let now: Clock = Arc::new(now_ms);
    let spool = Spool::open(&folder.path().join("log"), SpoolLimits::default(), Arc::clone(&now))?;
    let agents = Agents::new(spool, now);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let doors = Doors {
        tls: certificates.files(folder.path())?,
        tokens: None,
        models: None,
        config: AgentConfig::default(),
    };
    let server = agents.clone();
    tokio::spawn(async move { server.serve(listener, doors, std::future::pending()).await });

    let before = memory_mib("VmRSS");
    let connecting = Instant::now();
    let mut channels = Vec::new();
    for number in 0..wanted.agents {
        let (certificate, key) = certificates.sign(&format!("system:node:node-{number}"), Vec::new())?;
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(certificates.authority.pem()))
            .identity(Identity::from_pem(certificate, key))
            .domain_name("localhost");
        let endpoint = Endpoint::from_shared(format!("https://127.0.0.1:{port}"))?.tls_config(tls)?;
        channels.push(endpoint.connect().await?);
    }
    let connected = connecting.elapsed();

    let begin = Arc::new(Barrier::new(wanted.agents + 1));
    let running: Vec<_> = channels
        .into_iter()
        .map(|channel| tokio::spawn(agent(channel, Arc::clone(&wanted), Arc::clone(&begin))))
        .collect();
    begin.wait().await;
    let sending = Instant::now();
    let mut took = Vec::new();
    for agent in running {
        took.extend(agent.await??);
    }
    let all = sending.elapsed();
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];

    let reading = Instant::now();
    let mut readings = 0;
    for hour in agents.spool().hours() {
        for part in agents.spool().read(hour.hour) {
            readings += part?.readings.len();
        }
    }
    let figures = agents.figures();
    println!(
        "{} agents with {} containers, {} minutes each, all at once",
        wanted.agents, wanted.containers, wanted.minutes
    );
    println!("connected with certificates in     {:>9.1?}", connected);
    println!("batches stored                     {:>9}", figures.counts.stored);
    println!("batches a second                   {:>9.0}", took.len() as f64 / all.as_secs_f64());
    println!("real time of the same batches      {:>9} s", wanted.minutes * 60);
    println!("they took                          {:>9.1?}", all);
    println!("acknowledged after, median         {:>9.1?}", at(0.5));
    println!("                    99th percentile{:>9.1?}", at(0.99));
    println!("                    longest        {:>9.1?}", at(1.0));
    println!("log on disk                        {:>9} KiB", figures.log_bytes / 1024);
    println!(
        "  bytes of a container's minute    {:>9.0}",
        figures.log_bytes as f64 / (took.len() * wanted.containers) as f64
    );
    println!("read back                          {:>9.1?} for {readings} readings", reading.elapsed());
    println!(
        "memory before and after            {:>6} and {} MiB, at most {} (both ends in one process)",
        before,
        memory_mib("VmRSS"),
        memory_mib("VmHWM")
    );
    Ok(())
}
