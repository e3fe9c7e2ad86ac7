//! Drives an agent: the player and the clock move together, step by step.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use kubeopt_agent::{Agent, Args};
use kubeopt_player::{Container, Layout, Player, synthetic};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::task::{JoinHandle, LocalSet};

use crate::controller::Controller;

/// The beginning: the end of a step.
pub(crate) const BEGIN_MS: u64 = 1_795_000_000_000;
pub(crate) const STEP_MS: u64 = 10_000;

/// One node: a tree that is played, and the agent on it.
pub(crate) struct Drive {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) player: Player,
    /// Since the beginning.
    pub(crate) now_ms: u64,
    lines: Option<BufReader<UnixStream>>,
    agent: Option<JoinHandle<()>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    starts: usize,
    /// Where the agent serves health, once it is told to.
    pub(crate) address: Rc<Cell<Option<SocketAddr>>>,
}

/// What the agent answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) kept_seq: u64,
    pub(crate) acknowledged_seq: u64,
    pub(crate) containers: u64,
}

/// Runs a test on one thread, as the agent does.
pub(crate) fn on_one_thread(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let patience = Duration::from_secs(300);
    runtime.block_on(LocalSet::new().run_until(async {
        tokio::time::timeout(patience, test).await.expect("the test ends");
    }));
}

impl Drive {
    pub(crate) fn new(layout: Layout, containers: u64) -> Self {
        Self::with(layout, synthetic::containers(containers, 7))
    }

    pub(crate) fn with(layout: Layout, containers: Vec<Container>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let player = Player::new(&folder.path().join("cgroup"), layout, containers).unwrap();
        Self {
            folder,
            player,
            now_ms: 0,
            lines: None,
            agent: None,
            stop: None,
            starts: 0,
            address: Rc::default(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn cgroup(&self) -> PathBuf {
        self.folder.path().join("cgroup")
    }

    /// Starts the agent on the tree as it is.
    pub(crate) async fn start(&mut self, controller: Option<&Controller>, more: &[&str]) {
        self.starts += 1;
        let socket = self.folder.path().join(format!("clock-{}", self.starts));
        let mut arguments = vec![
            "--node=node-1".to_owned(),
            "--listen=off".to_owned(),
            "--replay-rate=1000".to_owned(),
            format!("--sys-root={}", self.folder.path().join("sys").display()),
            format!("--cgroup-root={}", self.cgroup().display()),
            format!("--buffer={}", self.folder.path().join("buffer").display()),
            format!("--clock-socket={}", socket.display()),
        ];
        if let Some(controller) = controller {
            arguments.extend(controller.arguments(self.folder.path()));
        }
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        let args = Args::parse(arguments, |_| None).unwrap();
        let address = Rc::clone(&self.address);
        let (stop, stopped) = tokio::sync::oneshot::channel();
        self.stop = Some(stop);
        self.agent = Some(tokio::task::spawn_local(async move {
            let agent = Agent::open(args).await.unwrap();
            address.set(agent.address());
            agent
                .run(async {
                    // Dropped without a word it is a crash, which the abort makes.
                    if stopped.await.is_err() {
                        std::future::pending().await
                    }
                })
                .await;
        }));
        let stream = loop {
            match UnixStream::connect(&socket).await {
                Ok(stream) => break stream,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        self.lines = Some(BufReader::new(stream));
        self.tell_time().await;
    }

    async fn tell_time(&mut self) -> Told {
        let lines = self.lines.as_mut().expect("started");
        let line = format!("{}\n", BEGIN_MS + self.now_ms);
        lines.get_mut().write_all(line.as_bytes()).await.unwrap();
        let mut answer = String::new();
        lines.read_line(&mut answer).await.unwrap();
        let number = |name: &str| {
            let value = answer.split_whitespace().find_map(|word| word.strip_prefix(name));
            value.unwrap_or_else(|| panic!("no {name} in {answer:?}")).parse().unwrap()
        };
        Told {
            kept_seq: number("kept_seq="),
            acknowledged_seq: number("acknowledged_seq="),
            containers: number("containers="),
        }
    }

    /// Moves the tree and the clock on.
    pub(crate) async fn advance(&mut self, ms: u64) -> Told {
        self.now_ms += ms;
        self.player.advance(self.now_ms).unwrap();
        self.tell_time().await
    }

    /// Steps of ten seconds.
    pub(crate) async fn steps(&mut self, steps: u64) -> Told {
        let mut told = self.advance(STEP_MS).await;
        for _ in 1..steps {
            told = self.advance(STEP_MS).await;
        }
        told
    }

    /// Steps in which the tree stays as it is.
    pub(crate) async fn frozen_steps(&mut self, steps: u64) {
        for _ in 0..steps {
            self.now_ms += STEP_MS;
            self.tell_time().await;
        }
    }

    /// Lets the network work, with the clock moving on too, until the agent's answer is so.
    pub(crate) async fn until(&mut self, is_so: impl Fn(Told) -> bool) -> Told {
        loop {
            // So little that few batches come meanwhile, and enough for rests to end.
            let told = self.advance(20).await;
            if is_so(told) {
                return told;
            }
        }
    }

    /// Ends the agent as a node does that is drained.
    pub(crate) async fn stop(&mut self) {
        if let (Some(stop), Some(agent)) = (self.stop.take(), self.agent.take()) {
            stop.send(()).unwrap();
            agent.await.unwrap();
        }
        self.lines = None;
    }

    /// Kills the agent, as a crash would.
    pub(crate) async fn kill(&mut self) {
        self.lines = None;
        if let Some(agent) = self.agent.take() {
            agent.abort();
            let _ = agent.await;
        }
    }
}
