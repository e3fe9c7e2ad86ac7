//! The clock of a node agent, in the hands of a test: a program of its own that reads, sends and forgets as it would in days,
//! and is told what time it is.

use std::path::Path;
use std::time::Duration;

use kubeopt_tests::process::{Launch, Process};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

/// A step of the agent reads some files; with a full disk or a lost connection it takes seconds at most.
const STEP_MAX: Duration = Duration::from_secs(60);

/// An agent that runs, and its clock.
pub(crate) struct Driven {
    pub(crate) process: Process,
    clock: BufReader<UnixStream>,
    now_unix_ms: u64,
}

/// What the agent says of itself after a step.
#[derive(Debug, Clone, Copy, Default)]
#[allow(dead_code, reason = "the bench reads all of it")]
pub(crate) struct Told {
    pub(crate) read_us: u64,
    pub(crate) steps: u64,
    pub(crate) kept_seq: u64,
    pub(crate) acknowledged_seq: u64,
}

impl Told {
    fn read(line: &str) -> Self {
        let number = |key: &str| {
            let found = line.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
            found.and_then(|text| text.parse().ok()).unwrap_or_default()
        };
        Self {
            read_us: number("read_us"),
            steps: number("steps"),
            kept_seq: number("kept_seq"),
            acknowledged_seq: number("acknowledged_seq"),
        }
    }
}

impl Driven {
    /// Starts an agent whose clock begins at this moment. `launch` has all its arguments but the clock's.
    pub(crate) async fn start(launch: Launch, folder: &Path, begin_unix_ms: u64) -> Self {
        let socket = folder.join("clock");
        // One that was killed leaves its socket behind.
        let _absent = std::fs::remove_file(&socket);
        let process = launch.arg("--clock-socket").arg(&socket).spawn(folder);
        let clock = process.until("the agent to ask for the time", STEP_MAX, async || {
            UnixStream::connect(&socket).await.map_err(|error| error.to_string())
        });
        let clock = BufReader::new(clock.await);
        let mut driven = Self { process, clock, now_unix_ms: begin_unix_ms };
        driven.say(begin_unix_ms).await;
        driven.hear().await;
        driven
    }

    /// Lets the agent live until this moment.
    pub(crate) async fn advance(&mut self, to_unix_ms: u64) -> Told {
        self.now_unix_ms = to_unix_ms;
        self.say(to_unix_ms).await;
        Told::read(&self.hear().await)
    }

    /// What time it is for the agent.
    pub(crate) fn now_unix_ms(&self) -> u64 {
        self.now_unix_ms
    }

    async fn say(&mut self, unix_ms: u64) {
        let line = format!("{unix_ms}\n");
        if let Err(error) = self.clock.get_mut().write_all(line.as_bytes()).await {
            panic!("unable to tell the agent the time: {error}\n{}", self.process.log_tail(20));
        }
    }

    async fn hear(&mut self) -> String {
        let mut line = String::new();
        let heard = tokio::time::timeout(STEP_MAX, self.clock.read_line(&mut line)).await;
        match heard {
            Ok(Ok(1..)) => line.trim_end().to_owned(),
            Ok(Ok(0)) => panic!("the agent has ended:\n{}", self.process.log_tail(20)),
            Ok(Err(error)) => panic!("unable to hear the agent: {error}"),
            Err(_) => panic!("the agent does not answer:\n{}", self.process.log_tail(20)),
        }
    }
}
