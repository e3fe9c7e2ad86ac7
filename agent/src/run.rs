//! How an agent is put together.

use std::cell::RefCell;
use std::path::PathBuf;
use std::process::ExitCode;

use kubeopt_buffer::{Buffer, FolderDisk, Limits, OpenError};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::args::{Args, HELP};
use crate::clock::Clock;
use crate::dcgm::ask;
use crate::kept::kept_hours;
use crate::link::link;
use crate::log;
use crate::metrics::Metrics;
use crate::model::ModelStore;
use crate::node::Node;
use crate::pace::pace;
use crate::shared::{SECONDS_OF_STEP, Settings, Shared};
use crate::tree::CgroupTree;

/// Files that an agent keeps open, at most: 2,000 containers with eleven files each, and connections.
const DESCRIPTORS_MAX: u64 = 24_000;

/// Why an agent cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder is something else.
    #[error("{0} is no cgroup root: mount the host's /sys/fs/cgroup and name it with --cgroup-root")]
    NoCgroups(PathBuf),
    /// See [`OpenError`].
    #[error(transparent)]
    Buffer(#[from] OpenError),
    /// The operating system refuses.
    #[error("failed to listen on {0}: choose another address with --listen")]
    Listen(std::net::SocketAddr, #[source] std::io::Error),
    /// The socket of a driven clock.
    #[error("failed to open the clock's socket")]
    Clock(#[source] std::io::Error),
    /// No signals.
    #[error("failed to watch for signals")]
    Signals(#[source] std::io::Error),
}

/// An agent that is ready to run.
#[derive(Debug)]
pub struct Agent {
    shared: Shared,
    node: Node,
    listener: Option<TcpListener>,
}

impl Agent {
    /// Opens everything that may fail. With a driven clock it waits for the driver.
    ///
    /// # Errors
    /// What cannot be opened.
    pub async fn open(args: Args) -> Result<Self, StartError> {
        let tree = CgroupTree::open(&args.cgroup_root)
            .ok_or_else(|| StartError::NoCgroups(args.cgroup_root.clone()))?;
        // The oldest segment goes when there is too much: a small part of it all.
        let limits = Limits::default();
        let segment_bytes = limits.segment_bytes.min(args.buffer_bytes / 16);
        let limits = Limits { segment_bytes, total_bytes: args.buffer_bytes, ..limits };
        let buffer = Buffer::open(FolderDisk::open(&args.buffer)?, limits)?;
        let listener = match args.listen {
            None => None,
            Some(at) => Some(TcpListener::bind(at).await.map_err(|error| StartError::Listen(at, error))?),
        };
        let clock = match &args.clock_socket {
            None => Clock::system(),
            Some(path) => Clock::driven(path).await.map_err(StartError::Clock)?,
        };
        let model = ModelStore::open(&args.buffer);
        let metrics = Metrics::default();
        metrics.model_version.set(model.version());
        metrics.last_step_steady_us.set(clock.steady_us());
        let node = Node::new(tree, args.hot_max, SECONDS_OF_STEP, kept_hours(&args.buffer));
        let shared = Shared {
            mode: node.mode(),
            clock,
            buffer: RefCell::new(buffer),
            metrics,
            gpus: RefCell::default(),
            appended: Notify::new(),
            model: RefCell::new(model),
            plan: RefCell::new(None),
            stopping: Notify::new(),
            settings: Settings::new(&args),
            learned: RefCell::new(None),
            trained: Notify::new(),
            args,
        };
        Ok(Self { shared, node, listener })
    }

    /// Where health and metrics are served.
    pub fn address(&self) -> Option<std::net::SocketAddr> {
        self.listener.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Runs until `stop` is over, or the clock's driver goes; then everything is on disk.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { shared, node, listener } = self;
        let link = async {
            match &shared.args.controller {
                Some(to) => match link(&shared, to).await {},
                None => std::future::pending().await,
            }
        };
        let health = async {
            match listener {
                Some(listener) => match crate::health::serve(&shared, listener).await {},
                None => std::future::pending().await,
            }
        };
        let gpus = async {
            match &shared.args.dcgm {
                Some(exporter) => match ask(&shared, exporter).await {},
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = pace(&shared, node) => {}
            () = link => {}
            () = gpus => {}
            () = health => {}
            () = async {
                stop.await;
                shared.stopping.notify_one();
                std::future::pending().await
            } => {}
        }
    }
}

/// The whole program.
pub fn main(args: impl Iterator<Item = String>) -> ExitCode {
    let args: Vec<String> = args.collect();
    if let Some(text) = asked(&args) {
        // A closed pipe is no error of ours.
        let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
        return ExitCode::SUCCESS;
    }
    let args = match Args::parse(args, |name| std::env::var(name).ok()) {
        Ok(args) => args,
        Err(error) => {
            log::warn(format_args!("{}", log::chain(&error)));
            return ExitCode::from(2);
        }
    };
    allow_descriptors();
    // Looking up a name is the only thing that needs a second thread, and it ends soon after.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .thread_stack_size(256 * 1024)
        .thread_keep_alive(std::time::Duration::from_secs(1))
        .build();
    let ran = runtime.map_err(StartError::Signals).and_then(|runtime| runtime.block_on(until_told(args)));
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::warn(format_args!("{}", log::chain(&error)));
            ExitCode::FAILURE
        }
    }
}

async fn until_told(args: Args) -> Result<(), StartError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Signals)?;
    let agent = Agent::open(args).await?;
    let shared = &agent.shared;
    log::info(format_args!(
        "kubeopt-agent {} reads {} for {}",
        env!("CARGO_PKG_VERSION"),
        shared.args.cgroup_root.display(),
        log::plain(&shared.args.node)
    ));
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    agent.run(stop).await;
    Ok(())
}

fn asked(args: &[String]) -> Option<String> {
    match args.first().map(String::as_str) {
        Some("--help" | "-h") => Some(HELP.to_owned()),
        Some("--version" | "-V") => Some(format!("kubeopt-agent {}\n", env!("CARGO_PKG_VERSION"))),
        Some(_) | None => None,
    }
}

/// A container's files stay open, eight each; the usual soft limit is 1024 files.
fn allow_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(DESCRIPTORS_MAX, |most| most.min(DESCRIPTORS_MAX));
    if current.is_some_and(|current| current < wanted) {
        // Without it, files that cannot be opened are counted.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
}
