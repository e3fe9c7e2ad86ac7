//! One run: containers that are played, the static program that reads them second by second, and what it takes.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kubeopt_player::{Layout, Player, synthetic};
use kubeopt_sample::ContainerId;
use kubeopt_tests::process::Launch;
use kubeopt_tests::{OrFail, port};
use tempfile::TempDir;

use super::driver::{Driven, Told};
use super::footprint::Footprint;
use super::hours::{at_rest, remember};
use super::server::Authorities;

pub(super) const SECOND_MS: u64 = 1000;
pub(super) const HOUR_MS: u64 = 3_600_000;

/// The same containers in each run.
const SEED: u64 = 7;

/// Days that the node has seen before: what it trains on and foretells from.
const DAYS_BEFORE: i64 = 28;
const DAY_HOURS: i64 = 24;

/// A container of the node is replaced so often, so that what is kept of one that is gone would show.
const REPLACE_EVERY_MS: u64 = 10 * 60 * SECOND_MS;

/// How often memory is looked at.
const LOOK_EVERY_MS: u64 = 60 * SECOND_MS;

/// The first half hour fills what is filled once.
const WARM_UP_MS: u64 = 30 * 60 * SECOND_MS;

/// Longer than a batch takes to be acknowledged on a busy machine.
const ACKNOWLEDGED_AFTER: Duration = Duration::from_secs(120);

/// A node under the clock of the bench.
pub(super) struct Rig {
    pub(super) player: Player,
    pub(super) agent: Driven,
    pub(super) began_unix_ms: u64,
    /// No container is replaced, so that all can be counted.
    pub(super) keeps_all: bool,
    replaced: u64,
    looks: Vec<(u64, u64)>,
    reads_us: Vec<u64>,
    folder: TempDir,
}

/// Where files are memory, as cgroups are; else wherever temporary files are.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("kubeopt-bench-agent-");
    if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() }.or_fail("make a folder")
}

/// Days with a busy part, each a little different: something to learn from.
fn busy_days(number: usize, resource: usize, hour: i64) -> [f64; 2] {
    let level = [40.0 + 13.0 * number as f64, 6e7 + 1e6 * number as f64][resource];
    let number = number as i64;
    let busy = (hour + number).rem_euclid(DAY_HOURS) as f64 / DAY_HOURS as f64;
    let wave = (busy * std::f64::consts::TAU).sin();
    let noise = ((hour * 7919 + number * 104_729).rem_euclid(101) as f64 - 50.0) / 500.0;
    let median = level * (1.0 + 0.4 * wave + noise);
    [median * 1.3, median]
}

impl Rig {
    /// A node of so many containers, whose agent knows a controller at a port of loopback.
    pub(super) async fn start(
        program: &Path,
        containers: u64,
        (authorities, controller): (&Authorities, u16),
        began_unix_ms: u64,
        more: &[&str],
    ) -> Self {
        let folder = folder();
        let buffer = folder.path().join("buffer");
        let containers = synthetic::containers(containers, SEED);
        let next = i64::try_from(began_unix_ms / HOUR_MS).or_fail("count hours");
        remember(&buffer, &containers, next - DAYS_BEFORE * DAY_HOURS..next, &busy_days);
        let player = Player::new(&folder.path().join("cgroup"), Layout::SystemdV2, containers);
        let player = player.or_fail("make a cgroup tree");
        at_rest(&folder.path().join("cgroup"));
        let launch = launch(program, folder.path(), (authorities, controller)).args(more);
        let agent = Driven::start(launch, folder.path(), began_unix_ms).await;
        let (looks, reads_us) = (Vec::new(), Vec::new());
        Self { player, agent, began_unix_ms, keeps_all: false, replaced: 0, looks, reads_us, folder }
    }

    /// Containers and agent live so long, second by second.
    pub(super) async fn live(&mut self, ms: u64) -> Told {
        let end = self.passed_ms() + ms;
        let mut told = Told::default();
        while self.passed_ms() < end {
            let now = self.passed_ms() + SECOND_MS;
            if now.is_multiple_of(REPLACE_EVERY_MS) && !self.keeps_all {
                self.replace_one();
            }
            self.player.advance(now).or_fail("play");
            let steps = told.steps;
            told = self.agent.advance(self.began_unix_ms + now).await;
            if told.steps > steps {
                self.reads_us.push(told.read_us);
            }
            if now.is_multiple_of(LOOK_EVERY_MS) {
                self.looks.push((now, self.footprint().anon_bytes));
            }
        }
        told
    }

    /// Lets the agent live without anything new until the controller has all it kept.
    pub(super) async fn until_acknowledged(&mut self) -> Told {
        let begun = Instant::now();
        loop {
            let told = self.live(10 * SECOND_MS).await;
            if told.acknowledged_seq >= told.kept_seq.saturating_sub(1) {
                return told;
            }
            assert!(begun.elapsed() < ACKNOWLEDGED_AFTER, "{told:?}\n{}", self.agent.process.log_tail(20));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) fn footprint(&self) -> Footprint {
        Footprint::of(self.agent.process.id())
    }

    /// How long the node has been living.
    pub(super) fn passed_ms(&self) -> u64 {
        self.agent.now_unix_ms() - self.began_unix_ms
    }

    pub(super) fn buffer(&self) -> PathBuf {
        self.folder.path().join("buffer")
    }

    /// Bytes that belong to no file: the median of the first half after the warm-up, and that of the second half.
    pub(super) fn halves(&self) -> (u64, u64) {
        let half = self.passed_ms() / 2;
        let first = self.looks.iter().filter(|(at, _)| (WARM_UP_MS..half).contains(at));
        let second = self.looks.iter().filter(|(at, _)| *at >= half);
        (median(first.map(|(_, bytes)| *bytes).collect()), median(second.map(|(_, bytes)| *bytes).collect()))
    }

    /// Microseconds of one reading of all containers: median and highest.
    pub(super) fn reads_us(&self) -> (u64, u64) {
        (median(self.reads_us.clone()), self.reads_us.iter().copied().max().unwrap_or_default())
    }

    /// A container goes, and one of another id comes, as a restart in Kubernetes.
    fn replace_one(&mut self) {
        let count = self.player.containers().count() as u64;
        let at = usize::try_from(self.replaced % count).or_fail("count containers");
        self.replaced += 1;
        let id = format!("{:064x}", 0xfeed_0000_u64 + self.replaced);
        let id = ContainerId::parse(&id).expect("64 hexadecimal digits");
        self.player.restart(at, id).or_fail("replace a container");
    }
}

pub(super) fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn launch(program: &Path, folder: &Path, (authorities, controller): (&Authorities, u16)) -> Launch {
    let own = authorities.nodes.client("system:node:bench");
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).or_fail("write a certificate");
        path
    };
    Launch::new("agent", program)
        .home(folder)
        .args(["--node", "bench"])
        .arg("--cgroup-root")
        .arg(folder.join("cgroup"))
        .arg("--buffer")
        .arg(folder.join("buffer"))
        .args(["--controller", &format!("https://localhost:{controller}")])
        .arg("--ca")
        .arg(write("servers.pem", &authorities.servers.pem()))
        .arg("--cert")
        .arg(write("own.pem", &own.certificate))
        .arg("--key")
        .arg(write("own.key", &own.key))
        .args(["--listen", &format!("127.0.0.1:{}", port::free())])
}
