//! The controller: passes at an interval or when somebody asks, one leader, health, metrics, webhooks and notices beside
//! it, a graceful end.

mod asking;
mod keeping;
mod leads;
mod listening;
mod received;
mod stopping;
mod telling;
mod training;
mod waking;
mod weekly;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kubeopt_api::Config;
use kubeopt_cluster::{Cluster, Leadership, LeaseTiming, Watches};
use kubeopt_history::RecordedState;
use kubeopt_model::finding::{KINDS, SEVERITIES, kind_word, severity_word};
use kubeopt_model::{ClusterFacts, Namespace, ObjectName, Problem, Timestamp};
use kubeopt_server::metrics::{PassResult, PullRequestState, SavingsBasis};
use kubeopt_server::{App, Metrics, Readiness, WebhookDoor};
use tokio::sync::watch;

use crate::edges::{Edges, FactsSource, GitAccess};
use crate::models::keep_going;
use crate::panics::caught_waiting;
use crate::pipeline::{PassReport, pass};
use crate::publishing::Published;
use crate::wiring::connect;
use asking::Asking;
use leads::{Leads, permit};
use listening::{Listening, open_logs};
use received::Received;
use stopping::stopped;
use telling::{Telling, deliver};
use waking::{Waking, rest_until_needed};

/// The first answer of all watches is expected within this time; kinds that miss it are told as unseen.
const SYNC_DEADLINE: Duration = Duration::from_secs(60);

/// Longest pause after a pass that failed as a whole.
const RETRY_MAX: Duration = Duration::from_secs(300);

/// How long what agents sent may take into history before the lead is given away: Kubernetes kills after 60 seconds.
const HAND_OVER_TIME_MAX: Duration = Duration::from_secs(20);

/// Name of the Lease that makes one of several replicas act.
pub const LEASE_NAME: &str = "kubeopt-controller";

/// Facts from watches: a pass lists nothing.
pub struct Watched(tokio::sync::Mutex<Watches>);

impl Watched {
    /// Starts the watches and waits for their first answers.
    pub async fn start(cluster: &Cluster) -> Self {
        let watches = Watches::start(cluster);
        watches.wait_until_synced(SYNC_DEADLINE).await;
        Self(tokio::sync::Mutex::new(watches))
    }
}

#[async_trait]
impl FactsSource for Watched {
    async fn facts(&self) -> Result<ClusterFacts, Problem> {
        Ok(self.0.lock().await.facts())
    }
}

/// How long the controller runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// One pass.
    FirstPass,
    /// Until it is told to stop.
    Stopped,
}

/// Runs the controller until `stop` turns true.
///
/// # Errors
/// When the server cannot listen, or the cluster that holds the Lease cannot be reached.
pub async fn run(
    mut edges: Edges,
    config: &Config,
    until: Until,
    stop: watch::Receiver<bool>,
) -> Result<(), Problem> {
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), ""));
    let readiness = Readiness::starting();
    let listener = tokio::net::TcpListener::bind(config.listen).await.map_err(|error| {
        let text = format!("unable to listen on {}: {error}", config.listen);
        Problem::new(
            crate::codes::NOT_CONFIGURED,
            text,
            "set `server.listen` of kubeopt.yaml to a free address",
        )
    })?;
    let waking = Arc::new(Waking::default());
    let webhooks = Received::of(&config.forges, Arc::clone(&waking));
    let webhooks = webhooks.map(|received| WebhookDoor::new(Arc::new(received)));
    let app = App { readiness: readiness.clone(), metrics: Arc::clone(&metrics), pages: None, webhooks };
    let server = tokio::spawn(kubeopt_server::serve(listener, app, stopped(stop.clone())));
    let logs_of_agents = open_logs(&mut edges, config, &metrics).await?;
    watch_clusters(&mut edges, config).await?;
    let leadership = lead(&mut edges, config).await?;
    let models = training::models(&edges, config, &metrics, leadership.as_ref());
    let mut listening = Vec::new();
    for opened in logs_of_agents {
        listening.push(Listening::begin(opened, models.clone(), config, &metrics, leadership.clone()).await?);
    }
    let (over, is_over) = watch::channel(false);
    let telling = Arc::new(Telling::of(&edges, permit(leadership.as_ref())));
    let delivering = tokio::spawn(deliver(Arc::clone(&telling), Arc::clone(&metrics), is_over));
    let training = models.map(|models| tokio::spawn(keep_going(models, stop.clone())));
    let asking = Asking::default();
    let instruments = Instruments { metrics, readiness, waking, telling, asking };
    let result = passes(&edges, config, until, stop, &instruments, leadership.as_deref()).await;
    let hears_agents = !listening.is_empty();
    futures::future::join_all(listening.into_iter().map(Listening::end)).await;
    if hears_agents && until == Until::Stopped {
        hand_over(&edges).await;
    }
    // Before the lease is given away: who leads next goes on from what is left.
    let _ended = over.send(true);
    if let Err(error) = delivering.await {
        tracing::error!("the delivery of notices ended by itself: {error}");
    }
    if let Some(leadership) = leadership
        && let Err(error) = leadership.release().await
    {
        tracing::warn!(error = %error.problem(), "the lease was not given away; it lapses by itself");
    }
    instruments.asking.stop();
    if let Some(training) = training {
        // What a step began is found by the next process; each step is written whole or not at all.
        training.abort();
    }
    server.abort();
    result
}

/// What agents were told is stored reaches history before somebody else leads, who has another log.
async fn hand_over(edges: &Edges) {
    match tokio::time::timeout(HAND_OVER_TIME_MAX, edges.hand_over(Timestamp::now())).await {
        Ok(problems) => {
            for problem in problems {
                tracing::warn!(code = problem.code, help = problem.help, "{}", problem.text);
            }
        }
        Err(_) => tracing::warn!("not all that node agents sent last reached history"),
    }
}

struct Instruments {
    metrics: Arc<Metrics>,
    readiness: Readiness,
    waking: Arc<Waking>,
    telling: Arc<Telling>,
    asking: Asking,
}

async fn watch_clusters(edges: &mut Edges, config: &Config) -> Result<(), Problem> {
    for (edge, cluster) in edges.clusters.iter_mut().zip(&config.clusters) {
        let connected = connect(cluster, None).await?;
        edge.facts = Box::new(Watched::start(&connected).await);
    }
    Ok(())
}

/// Takes part in the election on the first cluster: the one that the controller runs in.
async fn lead(edges: &mut Edges, config: &Config) -> Result<Option<Arc<Leadership>>, Problem> {
    let Some(home) = config.clusters.first() else { return Ok(None) };
    let cluster = connect(home, None).await?;
    let namespace = cluster
        .own_namespace()
        .cloned()
        .unwrap_or(Namespace::new("default").expect("a literal that is a name"));
    let lease = ObjectName::new(LEASE_NAME).expect("a literal that is a name");
    let holder = std::env::var("HOSTNAME").unwrap_or_else(|_| "kubeopt".to_owned());
    let leadership =
        Arc::new(Leadership::start(&cluster, &namespace, &lease, &holder, LeaseTiming::default()));
    edges.permit = Box::new(Leads(Arc::clone(&leadership)));
    Ok(Some(leadership))
}

async fn passes(
    edges: &Edges,
    config: &Config,
    until: Until,
    stop: watch::Receiver<bool>,
    instruments: &Instruments,
    leadership: Option<&Leadership>,
) -> Result<(), Problem> {
    let every = Duration::from_secs(config.pass_every_seconds.unsigned_abs());
    let mut failures: u32 = 0;
    let mut leads = false;
    while !*stop.borrow() {
        if let Some(leadership) = leadership.filter(|leadership| !leadership.is_leader()) {
            leads = false;
            // A replica that waits for its turn is well.
            instruments.readiness.ready();
            tokio::select! {
                () = leadership.acquired() => continue,
                () = stopped(stop.clone()) => break,
            }
        }
        if !std::mem::replace(&mut leads, true) {
            instruments.telling.recall().await;
        }
        let begun = tokio::time::Instant::now();
        let outcome = one_pass(edges, instruments).await;
        instruments.telling.keep().await;
        count_forge_requests(&instruments.metrics, edges);
        failures = if outcome.is_ok() { 0 } else { failures + 1 };
        if until == Until::FirstPass {
            return outcome;
        }
        // From start to start, as `passes.every` says; a pass that took longer is followed by the next at once.
        let rest = every.saturating_sub(begun.elapsed());
        let pause = if outcome.is_ok() { rest } else { back_off(failures).min(every) };
        rest_until_needed(edges, begun, pause, &instruments.waking, &stop).await;
    }
    Ok(())
}

/// 5 s, 10 s, 20 s, ... up to five minutes.
fn back_off(failures: u32) -> Duration {
    Duration::from_secs(5).saturating_mul(1 << failures.saturating_sub(1).min(6)).min(RETRY_MAX)
}

async fn one_pass(edges: &Edges, instruments: &Instruments) -> Result<(), Problem> {
    let now = Timestamp::now();
    let begun = std::time::Instant::now();
    tracing::info!(pass = now.as_second(), "pass begins");
    match caught_waiting("a pass", pass(edges, now)).await.and_then(|report| report) {
        Ok(report) => {
            log_report(&report);
            instruments.telling.after_pass(edges, &report);
            instruments.telling.after_week(edges, &report).await;
            instruments.asking.after_pass(edges, &report, &instruments.metrics, &instruments.telling);
            measure(&instruments.metrics, &report);
            measure_pull_requests(&instruments.metrics, edges, &report).await;
            count(instruments, PassResult::Done, begun);
            instruments.readiness.ready();
            Ok(())
        }
        Err(problem) => {
            tracing::error!(
                pass = now.as_second(),
                code = problem.code,
                help = problem.help,
                "{}",
                problem.text
            );
            instruments.telling.after_failure(&problem, now);
            count(instruments, PassResult::Failed, begun);
            instruments.readiness.not_ready(vec![problem.clone()]);
            Err(problem)
        }
    }
}

fn log_report(report: &PassReport) {
    let pass = report.at.as_second();
    for problem in report.problems() {
        let place = problem.place.as_ref().map(ToString::to_string);
        tracing::warn!(pass, code = problem.code, place, help = problem.help, "{}", problem.text);
    }
    for (subject, text) in &report.answers.given {
        tracing::info!(pass, subject, "answered {text}");
    }
    let first = report.first_contacts.iter().map(|(_, published)| published);
    for published in first.chain(&report.published) {
        match published {
            Published::Opened(pull) => {
                tracing::info!(pass, number = pull.number, url = pull.url, "opened {}", pull.title)
            }
            Published::Updated(pull) => {
                tracing::info!(pass, number = pull.number, url = pull.url, "updated {}", pull.title)
            }
            Published::Unchanged(pull) => tracing::info!(pass, number = pull.number, "unchanged"),
            Published::Waiting(_) | Published::Failed(_) => {}
        }
    }
    for (repository, number, why) in &report.own_merges.merged {
        tracing::info!(pass, %repository, number, "merged by kubeopt: {why}");
    }
    for merge in report.merges.merges.iter().filter(|merge| merge.is_news) {
        tracing::info!(pass, number = merge.pull.number, sync = ?merge.sync, "merge seen");
    }
    let mut told = std::collections::BTreeSet::new();
    for problem in report.decided.left.iter().filter_map(|left| left.why.problem()) {
        if told.insert(problem) {
            tracing::info!(pass, code = problem.code, help = problem.help, "left alone: {}", problem.text);
        }
    }
    let recommended = report.decided.admitted.len();
    tracing::info!(
        pass,
        recommended,
        proposed = report.decided.proposals.len(),
        left = report.decided.left.len(),
        "pass done"
    );
}

fn count(instruments: &Instruments, result: PassResult, begun: std::time::Instant) {
    instruments.metrics.count_pass(result, begun.elapsed().as_secs_f64(), Timestamp::now().as_second());
}

fn measure(metrics: &Metrics, report: &PassReport) {
    metrics.count_recommendations(report.decided.admitted.len() as u64);
    let admitted = report.decided.admitted.iter().map(|admitted| &admitted.recommendation);
    let stated = admitted.clone().filter_map(|recommendation| recommendation.confidence());
    stated.for_each(|stated| metrics.observe_confidence(stated.lower_bound));
    let foretold = admitted.flat_map(|one| &one.members).filter_map(|member| member.foretold.as_ref());
    let loads = foretold.flat_map(|foretold| [&foretold.cpu, &foretold.memory]).flatten();
    loads.for_each(|load| metrics.observe_network_weight(load.network_weight));
    for slice in report.seen.reports.values() {
        metrics.count_prometheus(slice.queries, slice.samples);
        metrics.count_kept_hours(slice.kept_hours);
    }
    measure_findings(metrics, report);
    for problem in report.problems() {
        metrics.count_problem(&problem.code);
    }
    let costs = report.decided.proposals.iter().flat_map(|proposal| &proposal.change_set.recommendations);
    let saved: kubeopt_model::Money =
        costs.filter_map(|recommendation| recommendation.cost()).map(|cost| -cost.delta()).sum();
    if let Some(dollars) = rust_decimal::prelude::ToPrimitive::to_f64(&saved.0) {
        metrics.set_savings_dollars(SavingsBasis::Estimated, dollars);
    }
}

/// What is open, those that are 0 among it: a series that ends is not seen to end.
fn measure_findings(metrics: &Metrics, report: &PassReport) {
    for kind in KINDS {
        for severity in SEVERITIES {
            let open = report.seen.findings.open.iter().filter(|one| one.counts());
            let number = open.filter(|one| (one.kind(), one.severity) == (kind, severity)).count();
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            metrics.set_findings(kind_word(kind), severity_word(severity), number);
        }
    }
}

/// Where kubeopt's pull requests stand: the open ones of this pass, and those that the journal saw merged or closed.
async fn measure_pull_requests(metrics: &Metrics, edges: &Edges, report: &PassReport) {
    let open = report.published.iter().filter(|published| match published {
        Published::Opened(_) | Published::Updated(_) | Published::Unchanged(_) => true,
        Published::Waiting(_) | Published::Failed(_) => false,
    });
    let shown = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    metrics.set_pull_requests(PullRequestState::Open, shown(open.count()));
    let Ok(records) = edges.journal.pull_requests().await else { return };
    for (state, recorded) in [
        (PullRequestState::Merged, &[RecordedState::Merged, RecordedState::Synced][..]),
        (PullRequestState::Closed, &[RecordedState::Closed]),
    ] {
        let number = records.iter().filter(|record| recorded.contains(&record.state)).count();
        metrics.set_pull_requests(state, shown(number));
    }
}

fn count_forge_requests(metrics: &Metrics, edges: &Edges) {
    for (name, edge) in &edges.forges {
        let by_git = match &edge.git {
            GitAccess::Http { client, .. } => client.take_tally(),
            GitAccess::Renewed { clients, .. } => clients.take_tally(),
            GitAccess::Ssh { .. } | GitAccess::Local => Vec::new(),
        };
        for (status, number) in edge.forge.take_tally().into_iter().chain(by_git) {
            metrics.count_forge_requests(name.as_str(), status, number);
        }
    }
}
