//! A thousand agents on one server, over TLS: what comes through, how late, with how much CPU and memory of the server, which
//! is a process of its own. Figures, not a test: `cargo bench -p kubeopt-agents`, or with other numbers
//! `cargo bench -p kubeopt-agents -- --agents 500 --containers 100 --minutes 5`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kubeopt_agents::{Agents, Bounds, Clock, Doors, Spool, SpoolLimits, TlsFiles};
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

    fn paths(folder: &Path) -> TlsFiles {
        TlsFiles {
            certificate: folder.join("tls.crt"),
            key: folder.join("tls.key"),
            client_ca: Some(folder.join("ca.crt")),
        }
    }

    fn write(&self, folder: &Path) -> Result<(), Failure> {
        let (certificate, key) = self.sign("kubeopt", vec!["localhost".to_owned()])?;
        fs::write(folder.join("tls.crt"), certificate)?;
        fs::write(folder.join("tls.key"), key)?;
        Ok(fs::write(folder.join("ca.crt"), self.authority.pem())?)
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

/// A field of the server's /proc/PID/status, in MiB.
fn memory_mib(process: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib =
        line.and_then(|rest| rest.trim_start_matches(':').trim().split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

/// CPU that the server has used: the 14th and 15th field of /proc/PID/stat, in ticks of 10 ms.
fn cpu(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// The server, in a process of its own: its port goes out, and it ends when nothing comes in any more.
#[allow(clippy::print_stdout)]
async fn serve(folder: &Path) -> Result<(), Failure> {
    let now: Clock = Arc::new(now_ms);
    let spool = Spool::open(&folder.join("log"), SpoolLimits::default(), Arc::clone(&now))?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    let doors = Doors {
        tls: Certificates::paths(folder),
        tokens: None,
        models: None,
        config: AgentConfig::default(),
        trust_domain: None,
        // All of them are here.
        bounds: Bounds { per_address: usize::MAX, unproven: usize::MAX, ..Bounds::default() },
    };
    let ended = async {
        let nothing = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
        drop(nothing.await);
    };
    Ok(Agents::new(spool, now).serve(listener, doors, ended).await?)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--serve") {
        return serve(Path::new(arguments.get(at + 1).ok_or("--serve needs a folder")?)).await;
    }
    let folder = tempfile::tempdir()?;
    let certificates = Certificates::new()?;
    certificates.write(folder.path())?;
    let mut server = Command::new(std::env::current_exe()?)
        .arg("--serve")
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut port = String::new();
    BufReader::new(server.stdout.take().ok_or("no output")?).read_line(&mut port)?;
    let measured = measure(wanted(), &certificates, port.trim(), server.id()).await;
    drop(server.stdin.take());
    server.wait()?;
    measured?;
    read_back(&folder.path().join("log"))
}

#[allow(clippy::print_stdout)]
async fn measure(
    wanted: Wanted,
    certificates: &Certificates,
    port: &str,
    server: u32,
) -> Result<(), Failure> {
    let wanted = Arc::new(wanted);
    let before = memory_mib(server, "VmRSS");
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
    let (sending, idle) = (Instant::now(), cpu(server));
    let mut took = Vec::new();
    for agent in running {
        took.extend(agent.await??);
    }
    let (all, used) = (sending.elapsed(), cpu(server) - idle);
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    let real = Duration::from_secs(wanted.minutes * 60);
    println!(
        "{} agents with {} containers send {} minutes at once",
        wanted.agents, wanted.containers, wanted.minutes
    );
    println!("connected, with certificates   {connected:>10.1?}");
    println!("batches acknowledged           {:>10}", took.len());
    println!("they took                      {all:>10.1?}   in real time they take {real:.0?}");
    println!("acknowledged after, median     {:>10.1?}", at(0.5));
    println!("                99th percentile{:>10.1?}", at(0.99));
    println!("                longest        {:>10.1?}", at(1.0));
    println!(
        "CPU of the server              {used:>10.1?}   {:.1} % of a core in real time",
        100.0 * used.as_secs_f64() / real.as_secs_f64()
    );
    println!(
        "memory of the server           {:>6} MiB   before {before} MiB, at most {} MiB",
        memory_mib(server, "VmRSS"),
        memory_mib(server, "VmHWM")
    );
    Ok(())
}

#[allow(clippy::print_stdout)]
fn read_back(log: &Path) -> Result<(), Failure> {
    let bytes: u64 =
        fs::read_dir(log)?.map(|entry| Ok(entry?.metadata()?.len())).sum::<std::io::Result<u64>>()?;
    let opening = Instant::now();
    let spool = Spool::open(log, SpoolLimits::default(), Arc::new(now_ms))?;
    let opened = opening.elapsed();
    let reading = Instant::now();
    let (mut parts, mut readings) = (0, 0);
    for hour in spool.hours() {
        for part in spool.read(hour.hour) {
            let Some(part) = part?.series() else { continue };
            let begin_ms =
                part.readings.first().map_or(0, |reading| reading.at_unix_ms - i64::from(reading.span_ms));
            // A batch on the edge of two hours is read for both.
            if (hour.hour.from_unix_s..hour.hour.to_unix_s).contains(&begin_ms.div_euclid(1000)) {
                (parts, readings) = (parts + 1, readings + part.readings.len());
            }
        }
    }
    println!(
        "log on disk                    {:>6} KiB   {} bytes for a minute of a container",
        bytes / 1024,
        bytes / parts.max(1)
    );
    println!("opened again in                {opened:>10.1?}");
    println!("read back in                   {:>10.1?}   {readings} readings", reading.elapsed());
    Ok(())
}
