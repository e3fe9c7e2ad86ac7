//! From configuration and flags to [`Edges`]: the only place that makes clients and opens stores.

pub(crate) mod agents;
mod app_git;
mod charts;
mod forges;
mod git;
mod metrics;
mod notices;
mod prices;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use kubeopt_api::Config;
use kubeopt_api::config::{ClusterConfig, DatabaseConfig, SandboxLevel};
use kubeopt_cluster::{Cluster, ClusterConnect};
use kubeopt_gitops::render::{HelmBinary, KustomizeBinary, Renderer, Sandbox};
use kubeopt_history::{
    HistoryError, Journal, MemoryUsage, PostgresJournal, PostgresPlace, SqliteJournal, UsageStore,
};
use kubeopt_model::policy::DEFAULT_HISTORY_SECONDS;
use kubeopt_model::{ClusterFacts, Namespace, Problem};
use kubeopt_net::Environment;

use crate::codes;
use crate::edges::{ClusterEdge, Edges, FactsSource, Kept, Selection};
use crate::foretelling::Foretelling;
use crate::progress::Progress;

pub use charts::charts;
pub use forges::local_edge;

/// What people are told of usage that comes from metrics-server.
const MOMENTS_ONLY: &str = "metrics-server: samples since kubeopt runs, none of the past; no peaks between samples, no throttling, no OOM kills";

/// What the command line says.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `kubeopt.yaml`.
    pub config: Option<PathBuf>,
    /// Kubeconfig of the one cluster, where the configuration names none.
    pub kubeconfig: Option<PathBuf>,
    /// Context within it.
    pub context: Option<String>,
    /// Program that renders kustomize overlays; none looks on PATH.
    pub kustomize: Option<PathBuf>,
    /// Program that renders Helm charts; none looks on PATH.
    pub helm: Option<PathBuf>,
    /// The least confinement in which the two may run; none leaves it to the configuration.
    pub sandbox: Option<Sandbox>,
    /// Prometheus of the one cluster.
    pub prometheus: Option<String>,
    /// File with a bearer token for it.
    pub prometheus_token_file: Option<PathBuf>,
    /// Namespaces; empty means all.
    pub namespaces: Vec<String>,
    /// History to look at, as people write it: `28d`.
    pub history: Option<String>,
}

/// Where usage is kept between passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// In memory, for one command.
    Nothing,
    /// In the folders of the configuration.
    State,
}

/// Reads `kubeopt.yaml`, or gives what the flags alone say.
///
/// # Errors
/// Every problem of the file.
pub fn read_config(options: &Options) -> Result<Config, Vec<Problem>> {
    let Some(path) = &options.config else { return config_of_flags(options) };
    let name =
        path.file_name().map_or_else(|| "kubeopt.yaml".into(), |name| name.to_string_lossy().into_owned());
    let text = std::fs::read_to_string(path).map_err(|error| {
        let text = format!("unable to read {}: {error}", path.display());
        vec![Problem::new(
            codes::CONFIG_FILE,
            text,
            "name the file with --config; a sample is examples/kubeopt.yaml",
        )]
    })?;
    let mut config = Config::parse(&text, &name, kubeopt_policy::PRESETS)?;
    overrule(&mut config, options)?;
    Ok(config)
}

/// The smallest configuration: one cluster, named by the flags, and state of whoever runs the command. JSON is YAML, so the
/// one parser reads it.
fn config_of_flags(options: &Options) -> Result<Config, Vec<Problem>> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let state = state_of_user(variable("XDG_STATE_HOME"), variable("HOME"));
    config_of(options, state.as_deref())
}

/// Where a person's state lies, as the XDG base directory specification has it; none where there is no home. The
/// controller's own folder is for a controller: on a laptop nobody may write there.
fn state_of_user(xdg: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    let named = |path: &PathBuf| path.is_absolute();
    let state = xdg.filter(named).or_else(|| Some(home.filter(named)?.join(".local/state")))?;
    Some(state.join("kubeopt"))
}

fn config_of(options: &Options, state: Option<&Path>) -> Result<Config, Vec<Problem>> {
    let mut cluster = serde_json::json!({ "name": "default" });
    if let Some(file) = &options.kubeconfig {
        cluster["kubeconfig"] = serde_json::json!({ "file": file });
        if let Some(context) = &options.context {
            cluster["kubeconfig"]["context"] = serde_json::json!(context);
        }
    }
    if let Some(url) = &options.prometheus {
        cluster["metrics"] = serde_json::json!({ "prometheus": { "url": url } });
        if let Some(file) = &options.prometheus_token_file {
            cluster["metrics"]["prometheus"]["bearerFile"] = serde_json::json!(file);
        }
    }
    let text = serde_json::json!({ "clusters": [cluster] }).to_string();
    let mut config = Config::parse(&text, "the command line", kubeopt_policy::PRESETS)?;
    if let Some(state) = state {
        let store = &mut config.store;
        store.database = DatabaseConfig::Sqlite(state.join("kubeopt.db"));
        store.history = state.join("history");
        store.git = state.join("git");
        store.charts = state.join("charts");
    }
    Ok(config)
}

/// `--prometheus` wins over the file where there is one cluster that it can mean.
fn overrule(config: &mut Config, options: &Options) -> Result<(), Vec<Problem>> {
    if options.prometheus.is_none() {
        return Ok(());
    }
    let [cluster] = config.clusters.as_mut_slice() else {
        let text = "--prometheus does not say which of the configured clusters it is for";
        let help = "set `metrics.prometheus` of the cluster in kubeopt.yaml";
        return Err(vec![Problem::new(codes::NOT_CONFIGURED, text, help)]);
    };
    let of_flags = config_of_flags(&Options { kubeconfig: None, ..options.clone() })?;
    cluster.prometheus = of_flags.clusters.into_iter().find_map(|cluster| cluster.prometheus);
    Ok(())
}

/// Seconds of a duration such as `28d`, `336h` or `90m`.
fn seconds(text: &str) -> Result<i64, Problem> {
    kubeopt_api::duration_seconds(text).ok_or_else(|| {
        let help = "write a number with d, h or m, such as 28d";
        Problem::new(codes::NOT_CONFIGURED, format!("--history `{text}` is not a duration"), help)
    })
}

/// Makes all edges. `program` is the executable that renders (`kubeopt render`).
///
/// # Errors
/// Every part that cannot be made, with what to do.
pub async fn wire(
    config: &Config,
    options: &Options,
    program: &Path,
    keep: Keep,
    progress: Box<dyn Progress>,
) -> Result<Edges, Vec<Problem>> {
    kubeopt_net::install_crypto_provider();
    let one = |problem: Problem| vec![problem];
    // Slips in flags are told before anybody is asked.
    let chosen = selection(options).map_err(one)?;
    let history_seconds = match &options.history {
        Some(text) => seconds(text).map_err(one)?,
        None => DEFAULT_HISTORY_SECONDS,
    };
    let mut clusters = Vec::new();
    for cluster in &config.clusters {
        clusters.push(cluster_edge(cluster, options, keep).await.map_err(one)?);
    }
    let mut forges = BTreeMap::new();
    for forge in &config.forges {
        forges.insert(forge.name.clone(), forges::forge_edge(forge).map_err(one)?);
    }
    let history: Box<dyn UsageStore> = match keep {
        Keep::Nothing => Box::new(MemoryUsage::default()),
        Keep::State => Box::new(crate::history::store(config).map_err(one)?),
    };
    let journal = journal(&config.store.database, keep).await.map_err(|error| one(error.problem()))?;
    // What is kept must be of the whole cluster: a later pass relies on it.
    let (selection, shown) = match keep {
        Keep::Nothing => (chosen, Selection::default()),
        Keep::State => (Selection::default(), chosen),
    };
    let mut renderer = renderer(program, options.kustomize.as_deref(), options.helm.as_deref()).await;
    renderer.sandbox = sandbox(options, config);
    let git = git::store(&config.store).map_err(one)?;
    Ok(Edges {
        clusters,
        forges,
        charts: charts(config).map_err(one)?,
        bindings: config.bindings.clone(),
        mappings: config.sources.clone(),
        operator_policy: config.policy.clone(),
        selection,
        shown,
        history_seconds,
        notifier: notices::notifier(&config.notifications).map_err(one)?,
        foretelling: foretelling(config, keep),
        words: words::words(config.reasoning.as_ref()).await.map_err(one)?,
        progress,
        ..Edges::of(Kept { history, journal, git, renderer })
    })
}

/// Who foretells load; what is told today is kept beside the usage that it rests on.
fn foretelling(config: &Config, keep: Keep) -> Foretelling {
    let kept = match keep {
        Keep::Nothing => None,
        Keep::State => Some(config.store.history.join("foretold.json")),
    };
    Foretelling::new(config.forecast_model.clone(), kept)
}

/// Opens the journal of a configuration, for a command that needs nothing else.
///
/// # Errors
/// Where there is none, or it cannot be opened.
pub async fn open_journal(config: &Config) -> Result<Box<dyn Journal>, Problem> {
    if let DatabaseConfig::Sqlite(path) = &config.store.database
        && !path.exists()
    {
        // Opening would make it, and nothing in it would look like an answer.
        let text = format!("there is no database at {}", path.display());
        let help = "name the controller's configuration with --config, and run this where its volume is";
        return Err(Problem::new(codes::NOT_CONFIGURED, text, help));
    }
    journal(&config.store.database, Keep::State).await.map_err(|error| error.problem())
}

/// Opens the journal.
async fn journal(database: &DatabaseConfig, keep: Keep) -> Result<Box<dyn Journal>, HistoryError> {
    Ok(match (keep, database) {
        (Keep::Nothing, _) => Box::new(SqliteJournal::in_memory().await?),
        (Keep::State, DatabaseConfig::Sqlite(path)) => Box::new(SqliteJournal::open(path).await?),
        (Keep::State, DatabaseConfig::Postgres { url, password_file }) => {
            let place = PostgresPlace { url: url.clone(), password_file: password_file.clone() };
            Box::new(PostgresJournal::open(&place).await?)
        }
    })
}

/// The least confinement of renderers: the flag or variable, else the configuration.
pub fn sandbox(options: &Options, config: &Config) -> Sandbox {
    options.sandbox.unwrap_or(match config.sandbox {
        SandboxLevel::Full => Sandbox::Full,
        SandboxLevel::Reduced => Sandbox::Reduced,
    })
}

/// A renderer with the programs that are named, or else found on PATH; `program` is kubeopt itself.
pub async fn renderer(program: &Path, kustomize: Option<&Path>, helm: Option<&Path>) -> Renderer {
    let (kustomize, helm) = tokio::join!(KustomizeBinary::find(kustomize), HelmBinary::find(helm));
    // What is missing is told by each rendering that needs it, and by `kubeopt check`.
    Renderer::new(program.to_owned(), kustomize.ok(), helm.ok())
}

fn selection(options: &Options) -> Result<Selection, Problem> {
    let namespaces = options.namespaces.iter().map(|text| {
        Namespace::new(text.as_str()).map_err(|invalid| {
            Problem::new(codes::NOT_CONFIGURED, invalid.to_string(), "name a namespace as kubectl would")
        })
    });
    Ok(Selection { namespaces: namespaces.collect::<Result<_, _>>()? })
}

async fn cluster_edge(
    cluster: &ClusterConfig,
    options: &Options,
    keep: Keep,
) -> Result<ClusterEdge, Problem> {
    let connected = connect(cluster, options.context.as_deref()).await?;
    let (metrics, metrics_at) = match &cluster.prometheus {
        Some(prometheus) => {
            let namespaces = if keep == Keep::State { Vec::new() } else { selection(options)?.namespaces };
            let source = metrics::source(prometheus, namespaces, Environment::of_process())?;
            (source, prometheus.url.to_string())
        }
        None => (metrics::metrics_server(connected.clone()), MOMENTS_ONLY.to_owned()),
    };
    Ok(ClusterEdge {
        name: cluster.name.clone(),
        facts: Box::new(Listed(connected)),
        metrics: Some(metrics),
        metrics_at,
        terms: prices::terms(&cluster.prices)?,
    })
}

/// Connects to a cluster; `context` is for a kubeconfig that names none.
pub(crate) async fn connect(cluster: &ClusterConfig, context: Option<&str>) -> Result<Cluster, Problem> {
    let kubeconfig = cluster.kubeconfig.as_ref();
    let connect = ClusterConnect {
        name: cluster.name.clone(),
        kubeconfig: kubeconfig.map(|kubeconfig| kubeconfig.file.clone()),
        context: kubeconfig.and_then(|file| file.context.clone()).or_else(|| context.map(str::to_owned)),
    };
    Cluster::connect(connect).await.map_err(|error| error.problem())
}

/// Lists a cluster anew for each pass.
pub struct Listed(pub Cluster);

#[async_trait]
impl FactsSource for Listed {
    async fn facts(&self) -> Result<ClusterFacts, Problem> {
        self.0.list_once().await.map_err(|error| error.problem())
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_api::config::StoreConfig;

    use super::*;

    #[test]
    fn without_a_configuration_state_is_that_of_the_person() {
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(state_of_user(None, path("/home/ada")), path("/home/ada/.local/state/kubeopt"));
        assert_eq!(state_of_user(path("/state"), path("/home/ada")), path("/state/kubeopt"));
        assert_eq!(state_of_user(path("relative"), None), None);
        let config = config_of(&Options::default(), Some(Path::new("/state/kubeopt"))).unwrap();
        let StoreConfig { database, history, git, charts, .. } = config.store;
        assert_eq!(database, DatabaseConfig::Sqlite(PathBuf::from("/state/kubeopt/kubeopt.db")));
        assert!([history, git, charts].iter().all(|folder| folder.starts_with("/state/kubeopt")));
    }

    #[test]
    fn the_flag_comes_before_the_key_and_the_full_sandbox_is_the_default() {
        for (flag, key, expected) in [
            (None, "", Sandbox::Full),
            (None, "sandbox: reduced", Sandbox::Reduced),
            (Some(Sandbox::Full), "sandbox: reduced", Sandbox::Full),
            (Some(Sandbox::Reduced), "sandbox: full", Sandbox::Reduced),
        ] {
            let config = Config::parse(key, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap();
            let options = Options { sandbox: flag, ..Options::default() };
            assert_eq!(sandbox(&options, &config), expected, "{flag:?} {key}");
        }
    }
}
