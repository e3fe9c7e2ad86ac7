//! A real controller that a thousand nodes send to: the program with an API server, its log on disk, and its passes.

use std::path::{Path, PathBuf};

use kubeopt_tests::kubernetes::Kubernetes;
use kubeopt_tests::process::Launch;
use kubeopt_tests::{OrFail, port, wait};
use serde_json::json;
use tokio::net::TcpStream;

use super::crowd::{Crowd, Lags};
use super::server::Authorities;

/// What all nodes keep while they cannot send, in minutes.
const OUTAGE_MINUTES: u64 = 60;

pub(super) struct Found {
    pub(super) live: Lags,
    pub(super) replay: Lags,
    /// Now, and the most.
    pub(super) resident_bytes: (u64, u64),
}

/// Nodes at the rate of real ones for so many minutes, then an hour of all of them at once.
pub(super) async fn measure(nodes: usize, minutes: u64) -> Found {
    let kubernetes = Kubernetes::start_api_only().await;
    let folder = kubeopt_tests::folder("bench-controller");
    let authorities = Authorities::make();
    let (agents, http) = (port::free(), port::free());
    let config = configure(folder.path(), &authorities, kubernetes.kubeconfig(), (agents, http));
    let controller = Launch::new("kubeopt", program())
        .home(folder.path())
        .env("HOSTNAME", "kubeopt-0")
        .env("NO_COLOR", "1")
        .args(["run", "--log-format", "json", "--config"])
        .arg(config)
        .spawn(folder.path());
    controller.until_healthy(&format!("http://127.0.0.1:{http}/readyz")).await;
    // It answers to people before it listens to agents.
    controller
        .until("the controller to listen to agents", wait::START, async || {
            TcpStream::connect(("127.0.0.1", agents)).await.map(drop).map_err(|error| error.to_string())
        })
        .await;
    let mut crowd = Crowd::connect(nodes, agents, &authorities.servers.pem(), &authorities.nodes).await;
    let live = crowd.live(minutes).await;
    let replay = crowd.replay(OUTAGE_MINUTES).await;
    Found { live, replay, resident_bytes: controller.resident_bytes() }
}

fn configure(
    folder: &Path,
    authorities: &Authorities,
    kubeconfig: &Path,
    (agents, http): (u16, u16),
) -> PathBuf {
    let serving = authorities.servers.server("kubeopt-agents", &["localhost"]);
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).or_fail("write a file of the controller");
        path
    };
    let config = json!({
        "clusters": [{ "name": "bench", "kubeconfig": { "file": kubeconfig } }],
        "store": {
            "database": format!("sqlite://{}", folder.join("kubeopt.db").display()),
            "history": folder.join("history"), "git": folder.join("git"),
        },
        "server": { "listen": format!("127.0.0.1:{http}") },
        "agents": {
            "listen": format!("127.0.0.1:{agents}"), "spool": folder.join("spool"),
            "certFile": write("server.pem", &serving.certificate), "keyFile": write("server.key", &serving.key),
            "clientCaFile": write("nodes.pem", &authorities.nodes.pem()),
            // All nodes of the bench have one address.
            "connectionsPerAddress": 4096,
        },
    });
    // JSON is YAML.
    write("kubeopt.yaml", &config.to_string())
}

/// The controller of the profile of this bench: it lies two folders above.
fn program() -> PathBuf {
    let own = std::env::current_exe().or_fail("find the own program");
    let program = own.ancestors().nth(2).expect("the bench lies in target/PROFILE/deps").join("kubeopt");
    assert!(program.is_file(), "{} is not built: run `cargo build --workspace --bins`", program.display());
    program
}
