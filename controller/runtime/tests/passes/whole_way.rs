//! The whole way of one figure: a fake exporter on a node, the agent that asks it, the real server and its log, history, and what
//! people read in the pull request.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use kubeopt_agent::{Agent, Args};
use kubeopt_agents::{AgentConfig, Agents, Bounds, Clock, Doors, NoModels, Spool, SpoolLimits, TlsFiles};
use kubeopt_observe::{MetricsSource, NodeAgents};
use kubeopt_player::gpus::{FakeExporter, FakeGpu, dcgm_page};
use kubeopt_player::{Layout, Player, synthetic};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::agents_log::Log;
use crate::apps::{DAY_S, NOW_S};
use crate::gpus::{note, with_gpus};
use crate::typical::{AT_REST_MIB, SHOP, usage};

/// Hours that the agent lives.
const HOURS: i64 = 30;

const HOUR_MS: u64 = 3_600_000;

/// Certificates of the server and of a node, in a folder.
fn certificates(folder: &Path, node: &str) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    write("ca.pem", authority.pem());
    for (name, common_name, hosts) in
        [("server", "kubeopt", vec!["localhost".to_owned()]), ("node", node, Vec::new())]
    {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        write(&format!("{name}.pem"), params.signed_by(&key, &authority).unwrap().pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
}

/// A server whose time is the end of what the agent lives.
async fn serve(folder: &Path) -> (Agents, u16, oneshot::Sender<()>) {
    let now: Clock = Arc::new(|| NOW_S * 1000);
    let spool = Spool::open(&folder.join("spool"), SpoolLimits::default(), Arc::clone(&now)).unwrap();
    let agents = Agents::new(spool, now);
    let doors = Doors {
        tls: TlsFiles {
            certificate: folder.join("server.pem"),
            key: folder.join("server.key"),
            client_ca: Some(folder.join("ca.pem")),
        },
        tokens: None,
        models: Some(Arc::new(NoModels)),
        config: AgentConfig::default(),
        trust_domain: None,
        bounds: Bounds::default(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = agents.clone();
    tokio::spawn(async move { server.serve(listener, doors, async { drop(stopped.await) }).await });
    (agents, port, stop)
}

/// The agent on a thread of its own, as it is a program of its own; its clock is driven here.
struct Driven {
    lines: BufReader<UnixStream>,
    agent: JoinHandle<()>,
}

impl Driven {
    fn start(arguments: Vec<String>, socket: &Path, begin_ms: u64) -> Self {
        let args = Args::parse(arguments, |_| None).unwrap();
        let agent = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            // It ends when the driver of its clock goes.
            runtime.block_on(async { Agent::open(args).await.unwrap().run(std::future::pending()).await });
        });
        let stream = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(_) => std::thread::yield_now(),
            }
        };
        let mut driven = Self { lines: BufReader::new(stream), agent };
        driven.until(begin_ms);
        driven
    }

    /// Lets it live until then; what it has kept, and what of that is acknowledged.
    fn until(&mut self, unix_ms: u64) -> [u64; 2] {
        writeln!(self.lines.get_mut(), "{unix_ms}").unwrap();
        let mut answer = String::new();
        self.lines.read_line(&mut answer).unwrap();
        ["kept_seq=", "acknowledged_seq="].map(|name| {
            let value = answer.split_whitespace().find_map(|word| word.strip_prefix(name));
            value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {answer:?}"))
        })
    }

    fn end(self) {
        drop(self.lines);
        self.agent.join().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_gpu_on_a_node_is_a_note_in_the_pull_request() {
    let (world, _) = with_gpus().await;
    let pod = world.shown.lock().unwrap().values().next().unwrap().pods[0].clone();
    let node = pod.node.clone().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    certificates(here, &format!("system:node:{node}"));
    let (agents, port, stop) = serve(here).await;

    let used = FakeGpu {
        number: 0,
        user: Some((pod.namespace.to_string(), pod.name.clone(), "main".to_owned())),
        busy_percent: 2,
        memory_mib: (512, 15_872),
    };
    // A pod of another node, as a Service that leads to any node's exporter would tell it.
    let other = world.shown.lock().unwrap().values().next().unwrap().pods[1].name.clone();
    let elsewhere = FakeGpu {
        number: 1,
        user: Some((pod.namespace.to_string(), other, "main".to_owned())),
        busy_percent: 100,
        ..used.clone()
    };
    let exporter = FakeExporter::start(&dcgm_page(&[used, elsewhere])).unwrap();
    let begin_ms = u64::try_from((NOW_S - HOURS * 3600) * 1000).unwrap();
    Player::new(&here.join("cgroup"), Layout::SystemdV2, synthetic::containers(1, 7)).unwrap();
    let file = |name: &str| here.join(name).display().to_string();
    let arguments = vec![
        format!("--node={node}"),
        "--listen=off".to_owned(),
        "--replay-rate=1000".to_owned(),
        "--sys-root=off".to_owned(),
        format!("--dcgm-url={}", exporter.url()),
        format!("--cgroup-root={}", file("cgroup")),
        format!("--buffer={}", file("buffer")),
        format!("--clock-socket={}", file("clock")),
        format!("--controller=https://127.0.0.1:{port}"),
        "--server-name=localhost".to_owned(),
        format!("--ca={}", file("ca.pem")),
        format!("--cert={}", file("node.pem")),
        format!("--key={}", file("node.key")),
    ];
    let (socket, end_ms) = (here.join("clock"), begin_ms + u64::try_from(HOURS).unwrap() * HOUR_MS);
    let lived = tokio::task::spawn_blocking(move || {
        let mut agent = Driven::start(arguments, &socket, begin_ms);
        // Little by little: between two looks at the clock the exporter has to answer.
        for at in (begin_ms..=end_ms).step_by(3000) {
            agent.until(at);
        }
        // Fractions of a second, so that all is sent before the next batch.
        let mut at = end_ms;
        loop {
            at += 20;
            let [kept, acknowledged] = agent.until(at);
            if kept == acknowledged {
                break agent.end();
            }
        }
    });
    lived.await.unwrap();

    let beside: Box<dyn MetricsSource> = Box::new(usage(&[SHOP], AT_REST_MIB));
    let source = NodeAgents::new(Box::new(Log(agents)), 2 * DAY_S, None).beside(beside);
    world.metrics["prod"].set(source);
    let said = note(&world).await.expect("a note");
    let hours =
        said.split("2.0 % busy in ").nth(1).and_then(|rest| rest.split_once(" h (node agents): idle"));
    let hours: i64 = hours.expect(&said).0.parse().expect(&said);
    assert!((24..=HOURS).contains(&hours), "{said}");
    drop(stop);
}
