//! Node agents are listened to while this process leads: what those of a cluster send goes to one log, and the passes that read it
//! are here.
//!
//! Those of each cluster have a thread of their own: a thousand nodes that send an hour at once must not keep this process from
//! renewing its lease, nor those of another cluster waiting. Nor does a folder, an address or a certificate that cannot be used.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kubeopt_agents::{Agents, Figures};
use kubeopt_api::Config;
use kubeopt_api::config::ClusterAgents;
use kubeopt_cluster::{Cluster, Leadership};
use kubeopt_model::{ClusterName, Problem, Timestamp};
use kubeopt_observe::NodeAgents;
use kubeopt_server::{AgentFigures, Metrics};
use tokio::net::TcpListener;
use tokio::runtime::{self, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::stopped;
use crate::edges::{AgentsEdge, Edges};
use crate::get_agents::Standing;
use crate::models::{Models, OfCluster};
use crate::wiring::agents::{AGENTS_ONLY, Log, Opened, doors, open};
use crate::wiring::connect;

/// How often what is counted is told.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// How many of these until it is written down for `kubeopt get agents`.
const WRITE_EVERY: u32 = 6;

/// A server that could not begin, or ended, begins again: a certificate may be mounted late.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// A server that goes on for so long has begun: what it needs is read at once.
const BEGUN_AFTER: Duration = Duration::from_secs(1);

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

/// Opens the logs where the configuration names agents, and makes each the metrics source of its cluster, beside the server that
/// the configuration names. Those that cannot be used are told, now and by each pass.
///
/// # Errors
/// Where the log or the address of no cluster can be used.
pub(super) async fn open_logs(
    edges: &mut Edges,
    config: &Config,
    metrics: &Metrics,
) -> Result<Vec<Opened>, Problem> {
    let mut all = Vec::new();
    let clusters = config.agents.as_ref().map(|agents| &agents.clusters[..]).unwrap_or_default();
    let (mut broken, mut usable) = (None, clusters.is_empty());
    for own in clusters {
        let log = open(own);
        // Told at once, and not when this process leads one day.
        let free = bound(own.listen).await.map(drop);
        usable |= log.is_ok() && free.is_ok();
        for problem in [log.as_ref().err(), free.as_ref().err()].into_iter().flatten() {
            let cluster = &own.cluster;
            tracing::error!(%cluster, code = problem.code, help = problem.help, "{}", problem.text);
            broken = broken.or_else(|| Some(problem.clone()));
        }
        let scraped = config.clusters.iter().any(|one| one.name == own.cluster && one.prometheus.is_some());
        metrics.set_agents(own.cluster.as_str(), &AgentFigures::default());
        all.extend(read_back(edges, own, log, scraped));
    }
    match broken {
        Some(problem) if !usable => Err(problem),
        Some(_) | None => Ok(all),
    }
}

/// Makes a log the metrics source of its cluster, beside a server that scrapes where there is one.
fn read_back(
    edges: &mut Edges,
    own: &ClusterAgents,
    log: Result<Log, Problem>,
    scraped: bool,
) -> Option<Opened> {
    let edge = edges.clusters.iter_mut().find(|edge| edge.name == own.cluster)?;
    // Moments of metrics-server would stand in history in the place of what agents send when they can again.
    let beside = edge.metrics.take().filter(|_| scraped);
    let (opened, source) = match log {
        Ok(log) => {
            let opened = log.read_back(own, beside);
            edge.metrics = Some(Box::new(Arc::clone(&opened.source)));
            let source = Arc::clone(&opened.source);
            (Some(opened), Ok(source))
        }
        Err(problem) => {
            edge.metrics = beside;
            (None, Err(problem))
        }
    };
    edge.metrics_at = match (scraped, &source) {
        (true, Ok(_)) => format!("{}, and node agents every 10 s", edge.metrics_at),
        (true, Err(_)) => std::mem::take(&mut edge.metrics_at),
        (false, _) => AGENTS_ONLY.to_owned(),
    };
    edges.agents.push(AgentsEdge { cluster: own.cluster.clone(), source });
    opened
}

/// Models as the agents of a cluster ask for them: nodes of the first one are called by their names alone.
fn handed_out(
    models: Arc<Models>,
    config: &Config,
    cluster: &ClusterName,
) -> Arc<dyn kubeopt_agents::Models> {
    let first = config.agents.as_ref().and_then(|agents| agents.clusters.first());
    match first.is_some_and(|first| &first.cluster == cluster) {
        true => models,
        false => Arc::new(OfCluster { models, cluster: cluster.clone() }),
    }
}

/// Whether agents are listened to, or why not; neither while this process does not lead.
#[derive(Debug, Default)]
struct Server {
    listens: bool,
    problem: Option<Problem>,
}

/// What one part of it tells the other.
#[derive(Debug, Clone, Default)]
struct Told(Arc<Mutex<Server>>);

impl Told {
    fn set(&self, server: Server) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = server;
    }

    fn read(&self) -> (bool, Option<Problem>) {
        let server = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (server.listens, server.problem.clone())
    }
}

impl Listening {
    /// Listens from now on, while this process leads.
    ///
    /// # Errors
    /// Where the cluster that reviews tokens cannot be connected.
    pub(super) async fn begin(
        opened: Opened,
        models: Option<Arc<Models>>,
        config: &Config,
        metrics: &Arc<Metrics>,
        leadership: Option<Arc<Leadership>>,
    ) -> Result<Self, Problem> {
        let own = opened.config.cluster.clone();
        let named = config.clusters.iter().find(|cluster| cluster.name == own);
        let cluster =
            connect(named.ok_or_else(|| crate::own_fault("agents without a cluster"))?, None).await?;
        let (over, is_over) = watch::channel(false);
        let models = models.map(|models| handed_out(models, config, &own));
        let opened = Arc::new(opened.handing_out(models));
        let told = Told::default();
        let work = listen(Arc::clone(&opened), cluster, leadership, told.clone(), is_over.clone());
        let (thread, listening) = Thread::begin(work)?;
        let telling = tokio::spawn(tell(Arc::clone(&opened), Arc::clone(metrics), told, is_over));
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
        let help =
            "set `agents.listen` of kubeopt.yaml, or `listen` of that cluster's entry, to a free address";
        Problem::new(crate::codes::NOT_CONFIGURED, text, help)
    })
}

async fn listen(
    opened: Arc<Opened>,
    cluster: Cluster,
    leadership: Option<Arc<Leadership>>,
    told: Told,
    over: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            () = leads(leadership.as_deref()) => {}
            () = stopped(over.clone()) => return,
        }
        let served = serve(&opened, &cluster, &told, (leadership.as_deref(), &over)).await;
        told.set(Server { listens: false, problem: served.as_ref().err().cloned() });
        if let Err(problem) = served {
            let cluster = &opened.config.cluster;
            tracing::error!(%cluster, code = problem.code, help = problem.help, "{}", problem.text);
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
    cluster: &Cluster,
    told: &Told,
    (leadership, over): (Option<&Leadership>, &watch::Receiver<bool>),
) -> Result<(), Problem> {
    let config = &opened.config;
    let listener = bound(config.listen).await?;
    tracing::info!(cluster = %config.cluster, address = %config.listen, "listening to node agents");
    let end = async {
        tokio::select! {
            () = loses(leadership) => {}
            () = stopped(over.clone()) => {}
        }
    };
    let serving = opened.agents.serve(listener, doors(opened, cluster), end);
    tokio::pin!(serving);
    let served = tokio::select! {
        served = &mut serving => served,
        () = tokio::time::sleep(BEGUN_AFTER) => {
            told.set(Server { listens: true, problem: None });
            serving.await
        }
    };
    served.map_err(|error| error.problem())
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

async fn tell(opened: Arc<Opened>, metrics: Arc<Metrics>, told: Told, over: watch::Receiver<bool>) {
    let ClusterAgents { cluster, spool, .. } = &opened.config;
    for round in (0..WRITE_EVERY).cycle() {
        let (listens, problem) = told.read();
        let figures = AgentFigures { listening: listens, ..figures(&opened.agents, &opened.source) };
        metrics.set_agents(cluster.as_str(), &figures);
        if round == 0 {
            let standing = Standing {
                at: Timestamp::now(),
                nodes: opened.agents.standing(),
                unresolved: figures.unresolved,
                spool_bytes: figures.spool_bytes,
                spool_damaged: figures.spool_damaged,
                problem,
            };
            if let Err(error) = standing.write(spool) {
                tracing::warn!("how node agents are doing was not written to {}: {error}", spool.display());
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
        listening: false,
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
