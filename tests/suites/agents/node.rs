//! A node: containers that are played as a cgroup tree, and the real agent that reads them, both by one clock.

use std::path::{Path, PathBuf};

use kubeopt_player::{Container, Layout, Player};
use kubeopt_tests::process::Launch;
use kubeopt_tests::{OrFail, port, wait};
use tempfile::TempDir;

use super::driver::{Driven, Told};
use super::hours::{Seen, at_rest, remember};
use super::world::{Credentials, Door, World, metrics};

/// The agent looks at containers in trouble every second: so often the tree has to change.
const TICK_MS: u64 = 1000;

/// A step of the agent.
const STEP_MS: u64 = 10_000;

/// What was kept is sent so much faster than it came: an agent's own pace takes as long as the outage.
const REPLAY_RATE: &str = "240";

const HOUR_MS: u64 = 3_600_000;

/// A node that has been running since a moment.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) player: Player,
    pub(super) agent: Driven,
    credentials: Credentials,
    controller_port: u16,
    /// Where the agent answers to people.
    pub(super) http_port: u16,
    began_unix_ms: u64,
    folder: TempDir,
}

impl Node {
    /// Containers and the agent begin at this moment.
    pub(super) async fn start(
        world: &World,
        name: &str,
        containers: Vec<Container>,
        began_unix_ms: u64,
    ) -> Self {
        Self::start_at((world, world.door()), name, containers, began_unix_ms).await
    }

    /// As [`Node::start`], of another cluster.
    pub(super) async fn start_at(
        place: (&World, Door<'_>),
        name: &str,
        containers: Vec<Container>,
        began_unix_ms: u64,
    ) -> Self {
        Self::begin(place, name, containers, (began_unix_ms, kubeopt_tests::folder(name))).await
    }

    async fn begin(
        (world, door): (&World, Door<'_>),
        name: &str,
        containers: Vec<Container>,
        (began_unix_ms, folder): (u64, TempDir),
    ) -> Self {
        let player = Player::new(&folder.path().join("cgroup"), Layout::SystemdV2, containers);
        let player = player.or_fail("make a cgroup tree");
        at_rest(&folder.path().join("cgroup"));
        let credentials = world.credentials(&door, name);
        let http_port = port::free();
        let (controller_port, http) = (door.port, http_port);
        let launch = launch(name, &folder, &credentials, (controller_port, http));
        let agent = Driven::start(launch, folder.path(), began_unix_ms).await;
        let name = name.to_owned();
        Self { name, player, agent, credentials, controller_port, http_port, began_unix_ms, folder }
    }

    /// As [`Node::start`], with hours behind it, the last of them just over: as many days, and what was seen.
    pub(super) async fn start_with_past(
        world: &World,
        name: &str,
        containers: Vec<Container>,
        began_unix_ms: u64,
        (days, seen): (i64, Seen<'_>),
    ) -> Self {
        let folder = kubeopt_tests::folder(name);
        let next = i64::try_from(began_unix_ms / HOUR_MS).or_fail("count hours");
        remember(&folder.path().join("buffer"), &containers, next - days * 24..next, seen);
        Self::begin((world, world.door()), name, containers, (began_unix_ms, folder)).await
    }

    /// Both go on by so long at once: who looks every second sees all of it in one.
    pub(super) async fn skip(&mut self, ms: u64) {
        let next = self.agent.now_unix_ms() + ms;
        self.player.advance(next - self.began_unix_ms).or_fail("play");
        self.agent.advance(next).await;
    }

    /// Both live until this moment, second by second.
    pub(super) async fn live_until(&mut self, to_unix_ms: u64) {
        while self.agent.now_unix_ms() < to_unix_ms {
            let next = (self.agent.now_unix_ms() + TICK_MS).min(to_unix_ms);
            self.player.advance(next - self.began_unix_ms).or_fail("play");
            self.agent.advance(next).await;
        }
    }

    /// Lets the agent live on, a step at each look, until the controller has all that it kept.
    pub(super) async fn until_acknowledged(&mut self) -> Told {
        let what = format!("all batches of {} to be acknowledged", self.name);
        wait::until(&what, wait::RECONCILE, async || {
            let next = self.agent.now_unix_ms() + STEP_MS;
            self.player.advance(next - self.began_unix_ms).or_fail("play");
            let told = self.agent.advance(next).await;
            if told.kept_seq == told.acknowledged_seq { Ok(told) } else { Err(format!("{told:?}")) }
        })
        .await
    }

    /// The agent is killed and starts again on what it left on disk; containers go on meanwhile.
    pub(super) async fn kill_and_restart(&mut self, after_ms: u64) {
        let now = self.agent.now_unix_ms() + after_ms;
        self.agent.process.kill();
        self.player.advance(now - self.began_unix_ms).or_fail("play");
        let ports = (self.controller_port, self.http_port);
        let launch = launch(&self.name, &self.folder, &self.credentials, ports);
        self.agent = Driven::start(launch, self.folder.path(), now).await;
    }

    /// A sample of the agent's own `/metrics`.
    pub(super) async fn metric(&self, name: &str) -> Option<f64> {
        metrics(self.http_port).await.ok()?.get(name).copied()
    }
}

fn launch(name: &str, folder: &TempDir, credentials: &Credentials, (controller, http): (u16, u16)) -> Launch {
    Launch::new(name, agent_binary())
        .home(folder.path())
        .args(["--node", name, "--replay-rate", REPLAY_RATE])
        .arg("--cgroup-root")
        .arg(folder.path().join("cgroup"))
        .arg("--buffer")
        .arg(folder.path().join("buffer"))
        .args(["--controller", &format!("https://localhost:{controller}")])
        .arg("--ca")
        .arg(&credentials.authority)
        .arg("--cert")
        .arg(&credentials.certificate)
        .arg("--key")
        .arg(&credentials.key)
        .args(["--listen", &format!("127.0.0.1:{http}")])
}

/// `kubeopt-agent` of the profile of the tests: it lies two folders above.
pub(super) fn agent_binary() -> PathBuf {
    let own = std::env::current_exe().or_fail("find the own program");
    let folder = own.parent().and_then(Path::parent).expect("it lies in target/PROFILE/deps");
    let binary = folder.join("kubeopt-agent");
    assert!(binary.is_file(), "{} is not built: run `cargo build --workspace --bins`", binary.display());
    binary
}
