//! Node agents are listened to while this process leads: what they send goes to one log, and the passes that read it are here.
//!
//! They have a thread of their own: a thousand nodes that send an hour at once must not keep this process from renewing its lease.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kubeopt_agents::{Agents, Figures};
use kubeopt_api::Config;
use kubeopt_api::config::AgentsConfig;
use kubeopt_cluster::{Cluster, Leadership};
use kubeopt_model::{Problem, Timestamp};
use kubeopt_observe::NodeAgents;
use kubeopt_server::{AgentFigures, Metrics};
use tokio::net::TcpListener;
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::stopped;
use crate::edges::{AgentsEdge, Edges};
use crate::get_agents::AgentTable;
use crate::wiring::agents::{AGENTS_ONLY, Opened, doors, open};
use crate::wiring::connect;

/// How often what is counted is told.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// How many of these until it is written down for `kubeopt get agents`.
const WRITE_EVERY: u32 = 6;

/// A server that could not begin, or ended, begins again: a certificate may be mounted late.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The agents of one cluster, listened to.
pub(super) struct Listening {
    opened: Arc<Opened>,
    over: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    thread: Thread,
}

/// Where connections of agents are worked off. A runtime may not be dropped where tasks run, unless nobody waits for it.
struct Thread(Option<Runtime>);

impl Thread {
    fn begin(work: impl Future<Output = ()> + Send + 'static) -> Result<(Self, JoinHandle<()>), Problem> {
        let runtime =
            runtime::Builder::new_multi_thread().worker_threads(1).thread_name("agents").enable_all().build();
        let runtime = runtime.map_err(|error| {
            let text = format!("unable to begin a thread for node agents: {error}");
            let help = "raise the limit of threads of this process";
            Problem::new(crate::codes::NOT_CONFIGURED, text, help)
        })?;
        let task = runtime.spawn(work);
        Ok((Self(Some(runtime)), task))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Opens the log where the configuration names agents, and makes it the metrics source of their cluster, beside the server
/// that the configuration names.
///
/// # Errors
/// Where the log or the address cannot be used.
pub(super) async fn open_log(edges: &mut Edges, config: &Config) -> Result<Option<Opened>, Problem> {
    let Some(agents) = &config.agents else { return Ok(None) };
    // Told at once, and not when this process leads one day.
    drop(bound(agents.listen).await?);
    let scraped = config.clusters.iter().any(|one| one.name == agents.cluster && one.prometheus.is_some());
    let Some(edge) = edges.clusters.iter_mut().find(|edge| edge.name == agents.cluster) else {
        return Ok(None);
    };
    let beside = edge.metrics.take().filter(|_| scraped);
    let opened = open(agents, beside)?;
    edge.metrics_at = match scraped {
        true => format!("{}, and node agents every 10 s", edge.metrics_at),
        false => AGENTS_ONLY.to_owned(),
    };
    edge.metrics = Some(Box::new(Arc::clone(&opened.source)));
    edges.agents = Some(AgentsEdge { cluster: agents.cluster.clone(), source: Arc::clone(&opened.source) });
    Ok(Some(opened))
}

impl Listening {
    /// Listens from now on, while this process leads.
    ///
    /// # Errors
    /// Where the cluster that reviews tokens cannot be connected.
    pub(super) async fn begin(
        opened: Opened,
        config: &Config,
        metrics: &Arc<Metrics>,
        leadership: Option<Arc<Leadership>>,
    ) -> Result<Self, Problem> {
        let agents =
            config.agents.clone().ok_or_else(|| crate::own_fault("agents without a configuration"))?;
        let named = config.clusters.iter().find(|cluster| cluster.name == agents.cluster);
        let cluster =
            connect(named.ok_or_else(|| crate::own_fault("agents without a cluster"))?, None).await?;
        let (over, is_over) = watch::channel(false);
        let spool = agents.spool.clone();
        let opened = Arc::new(opened);
        let work = listen(Arc::clone(&opened), agents, cluster, leadership, is_over.clone());
        let (thread, listening) = Thread::begin(work)?;
        let telling = tokio::spawn(tell(Arc::clone(&opened), Arc::clone(metrics), spool, is_over));
        Ok(Self { opened, over, tasks: vec![listening, telling], thread })
    }

    /// Lets what is under way reach the disk and be acknowledged.
    pub(super) async fn end(self) {
        // Nobody listens where they have ended by themselves, which they do not.
        let _ = self.over.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
        drop(self.thread);
        self.opened.source.save().await;
        drop(self.opened);
    }
}

async fn bound(address: SocketAddr) -> Result<TcpListener, Problem> {
    TcpListener::bind(address).await.map_err(|error| {
        let text = format!("unable to listen to node agents on {address}: {error}");
        let help = "set `agents.listen` of kubeopt.yaml to a free address";
        Problem::new(crate::codes::NOT_CONFIGURED, text, help)
    })
}

async fn listen(
    opened: Arc<Opened>,
    config: AgentsConfig,
    cluster: Cluster,
    leadership: Option<Arc<Leadership>>,
    over: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            () = leads(leadership.as_deref()) => {}
            () = stopped(over.clone()) => return,
        }
        if let Err(problem) = serve(&opened, &config, &cluster, (leadership.as_deref(), &over)).await {
            tracing::error!(code = problem.code, help = problem.help, "{}", problem.text);
            tokio::select! {
                () = tokio::time::sleep(AGAIN_AFTER) => {}
                () = stopped(over.clone()) => return,
            }
        }
        if *over.borrow() {
            return;
        }
    }
}

/// Serves until this process does not lead any more, or it is over.
async fn serve(
    opened: &Opened,
    config: &AgentsConfig,
    cluster: &Cluster,
    (leadership, over): (Option<&Leadership>, &watch::Receiver<bool>),
) -> Result<(), Problem> {
    let listener = bound(config.listen).await?;
    tracing::info!(address = %config.listen, "listening to node agents");
    let end = async {
        tokio::select! {
            () = loses(leadership) => {}
            () = stopped(over.clone()) => {}
        }
    };
    let doors = doors(config, cluster, opened.models.clone());
    opened.agents.serve(listener, doors, end).await.map_err(|error| error.problem())
}

async fn leads(leadership: Option<&Leadership>) {
    if let Some(leadership) = leadership {
        leadership.acquired().await;
    }
}

async fn loses(leadership: Option<&Leadership>) {
    match leadership {
        Some(leadership) => leadership.lost().await,
        None => std::future::pending().await,
    }
}

async fn tell(opened: Arc<Opened>, metrics: Arc<Metrics>, folder: PathBuf, over: watch::Receiver<bool>) {
    for round in (0..WRITE_EVERY).cycle() {
        let figures = figures(&opened.agents, &opened.source);
        metrics.set_agents(&figures);
        if round == 0 {
            let table = AgentTable {
                at: Timestamp::now(),
                nodes: opened.agents.standing(),
                unresolved: figures.unresolved,
                spool_bytes: figures.spool_bytes,
                spool_damaged: figures.spool_damaged,
            };
            if let Err(error) = table.write(&folder) {
                tracing::warn!("how node agents are doing was not written to {}: {error}", folder.display());
            }
        }
        tokio::select! {
            () = tokio::time::sleep(TELL_EVERY) => {}
            () = stopped(over.clone()) => return,
        }
    }
}

fn figures(agents: &Agents, source: &NodeAgents) -> AgentFigures {
    let Figures { connected, lag_ms, counts, log_files: _, log_bytes, waiting: _ } = agents.figures();
    let read = source.counts();
    let mut refused = counts.turned_away;
    *refused.entry("other_node").or_default() += read.other_node;
    for (reason, number) in counts.unusable {
        *refused.entry(reason).or_default() += number;
    }
    AgentFigures {
        connected: connected as u64,
        lag_seconds: lag_ms.map(|lag| lag.max(0).unsigned_abs() / 1000),
        batches: [
            ("stored", counts.stored),
            ("double", counts.doubles),
            ("missing", counts.missing),
            ("unwritten", counts.unwritten),
        ]
        .into(),
        refused,
        dropped_batches: agents.standing().iter().map(|node| node.dropped_batches).sum(),
        unresolved: source.unresolved() as u64,
        unread_hours: [("gone", read.gone_hours), ("unreadable", read.unreadable_hours)].into(),
        spool_bytes: log_bytes,
        spool_damaged: counts.damaged,
        lost_bytes: [("full", counts.crowded_out_bytes), ("torn", counts.torn_bytes)].into(),
    }
}
