//! From the keys of `kubeopt.yaml` to the checked configuration: required keys, references between parts, defaults, and
//! what this version does not do. Everything that is wrong is told, then the whole is refused.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use kubeopt_model::{Bytes, RepoPath};
use url::Url;

use crate::Presets;
use crate::config::agents::check_agents;
use crate::config::charts::check_chart_repository;
use crate::config::document::{ConfigDocument, SandboxWord, Server, Store};
use crate::config::forges::check_forge;
use crate::config::metrics::check_cluster;
use crate::config::notifications::check_destination;
use crate::config::places::{Known, check_binding, check_source};
use crate::config::reasoning::check_reasoning;
use crate::config::scalars::{elements, file, malformed, optional};
use crate::config::types::{DatabaseConfig, SandboxLevel, StoreConfig};
use crate::config::whole::Config;
use crate::policy::{Owner, check_layer};
use crate::text::values::{Memory, Span};
use crate::text::{At, Fault, Reading};

/// As the JSON Schema says it.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);

/// An hour: values move over days, and a pass costs the metrics server some queries.
const DEFAULT_EVERY_SECONDS: i64 = 3600;

/// The longest window that a rule looks at.
const DEFAULT_HOURS_KEPT_DAYS: i64 = 90;

/// The window of the published rules that look at single samples.
const DEFAULT_POINTS_KEPT_DAYS: i64 = 14;

/// As the cache of repositories has them; `gitops` says why.
const DEFAULT_GIT_REPOSITORY_MAX: Bytes = Bytes::mebi(1024);
const DEFAULT_GIT_PACK_MAX: Bytes = Bytes::mebi(512);

/// Checks the document; none after a problem was told.
pub(crate) fn check(
    document: ConfigDocument,
    presets: Presets<'_>,
    reading: &mut Reading<'_>,
) -> Option<Config> {
    let clusters =
        named(document.clusters, "clusters[].name", reading, check_cluster, |cluster| cluster.name.as_str());
    let forges = named(document.forges, "forges[].name", reading, check_forge, |forge| forge.name.as_str());
    if reading.is_refused() {
        reading.note_gap();
    }
    let known = Known { clusters: &clusters, forges: &forges };
    let bindings = elements(document.bindings);
    let bindings: Vec<_> = bindings.into_iter().filter_map(|at| check_binding(at, &known, reading)).collect();
    let sources = elements(document.sources);
    let sources = sources.into_iter().filter_map(|at| check_source(at, &known, &bindings, reading)).collect();
    let charts = named(document.charts, "charts[].url", reading, check_chart_repository, |chart| {
        chart.address.as_str()
    });
    let server = document.server.map(|at| at.value).unwrap_or_default();
    refuse_what_is_not_there(&server, reading);
    let notifications =
        named(document.notifications, "notifications[].name", reading, check_destination, |it| {
            it.name.as_str()
        });
    let reasoning = match document.reasoning {
        Some(at) => check_reasoning(at, reading),
        None => Some(None),
    };
    let agents = optional(document.agents, |at| check_agents(at, &clusters, reading));
    let policy =
        document.policy.map(|at| check_layer(at.value, RepoPath::root(), Owner::Operator, presets, reading));
    let store = check_store(document.store.map(|at| at.value).unwrap_or_default(), reading);
    let listen = check_listen(server.listen, reading);
    let every = document.passes.and_then(|at| at.value.every);
    Some(Config {
        bindings,
        sources,
        charts,
        sandbox: document.sandbox.map(|at| at.value.into()).unwrap_or_default(),
        store: store?,
        listen: listen?,
        pass_every_seconds: every.map_or(DEFAULT_EVERY_SECONDS, |at| at.value.0),
        // A policy that was refused refuses the whole file; it never becomes "no policy".
        policy: match policy {
            Some(checked) => Some(checked?),
            None => None,
        },
        notifications,
        reasoning: reasoning?,
        forecast_model: document.forecast.and_then(|at| at.value.model).map(file),
        agents: agents?,
        warnings: Vec::new(),
        clusters,
        forges,
    })
}

/// Checks every element of a list, and that no name stands twice; `key` is where the name stands.
fn named<S, C>(
    list: Option<At<Vec<At<S>>>>,
    key: &str,
    reading: &mut Reading<'_>,
    check: fn(At<S>, &mut Reading<'_>) -> Option<C>,
    name: fn(&C) -> &str,
) -> Vec<C> {
    let mut checked: Vec<(usize, C)> = Vec::new();
    for section in elements(list) {
        let line = section.line;
        let Some(element) = check(section, reading) else { continue };
        if let Some((first_line, first)) = checked.iter().find(|(_, known)| name(known) == name(&element)) {
            let fault = Fault::Duplicate { path: format!("{key}: {}", name(first)), first_line: *first_line };
            reading.refuse(line, fault);
        }
        checked.push((line, element));
    }
    checked.into_iter().map(|(_, element)| element).collect()
}

/// What must not be ignored: it would be believed to work.
fn refuse_what_is_not_there(server: &Server, reading: &mut Reading<'_>) {
    if let Some(auth) = &server.auth {
        let what = "`server.auth`".to_owned();
        let help =
            "remove it, and let `server.listen` be reached only by those who may read everything".to_owned();
        reading.refuse(auth.line, Fault::NotInThisVersion { what, help });
    }
}

fn check_listen(listen: Option<At<String>>, reading: &mut Reading<'_>) -> Option<SocketAddr> {
    let Some(at) = listen else { return Some(DEFAULT_LISTEN) };
    match at.value.parse() {
        Ok(address) => Some(address),
        Err(_) => malformed(&at, "server.listen", "an address and port such as `0.0.0.0:8080`", reading),
    }
}

fn check_store(store: Store, reading: &mut Reading<'_>) -> Option<StoreConfig> {
    let state = Path::new("/var/lib/kubeopt");
    let database = check_database(store.database, store.database_password_file, reading)?;
    let (hours_kept_days, points_kept_days) = check_kept(store.hours_kept, store.points_kept, reading);
    let mut folder = |key: Option<At<String>>, default: &str, what: &str| match key {
        None => Some(state.join(default)),
        Some(at) => local_path(at, what, reading),
    };
    let history = folder(store.history, "history", "history in object storage")?;
    let line = store.git.as_ref().or(store.charts.as_ref()).map_or(1, |at| at.line);
    let git = folder(store.git, "git", "git objects in object storage")?;
    let charts = match store.charts {
        Some(at) => local_path(at, "charts in object storage", reading)?,
        None => git.with_file_name("charts"),
    };
    if charts == git {
        // Each of the two makes room by removing what is in its folder.
        let text = "`store.git` and `store.charts` are the same folder".to_owned();
        reading.refuse(line, Fault::Contradiction { text, help: "give each a folder of its own".to_owned() });
    }
    let bytes = |key: Option<At<Memory>>, default| key.map_or(default, |at| at.value.0);
    Some(StoreConfig {
        database,
        history,
        hours_kept_days,
        points_kept_days,
        git,
        charts,
        git_repository_max: bytes(store.git_repository_max, DEFAULT_GIT_REPOSITORY_MAX),
        git_pack_max: bytes(store.git_pack_max, DEFAULT_GIT_PACK_MAX),
    })
}

/// Days of hours and of points; a part of a day counts as one.
fn check_kept<const A: i64, const B: i64, const C: i64, const D: i64>(
    hours: Option<At<Span<A, B>>>,
    points: Option<At<Span<C, D>>>,
    reading: &mut Reading<'_>,
) -> (i64, i64) {
    let days = |seconds: i64| (seconds + 86_399) / 86_400;
    let line = points.as_ref().map_or(1, |at| at.line);
    let hours = hours.map_or(DEFAULT_HOURS_KEPT_DAYS, |at| days(at.value.0));
    let points = points.map_or(DEFAULT_POINTS_KEPT_DAYS.min(hours), |at| days(at.value.0));
    if points > hours {
        let text = "`store.pointsKept` is longer than `store.hoursKept`".to_owned();
        let help = "keep hours at least as long as points".to_owned();
        reading.refuse(line, Fault::Contradiction { text, help });
    }
    (hours, points)
}

impl From<SandboxWord> for SandboxLevel {
    fn from(word: SandboxWord) -> Self {
        match word {
            SandboxWord::Full => Self::Full,
            SandboxWord::Reduced => Self::Reduced,
        }
    }
}

/// A path of the local file system; an address is for a later version.
/// A file of SQLite, or a database of PostgreSQL; none after a problem was told.
fn check_database(
    database: Option<At<String>>,
    password_file: Option<At<String>>,
    reading: &mut Reading<'_>,
) -> Option<DatabaseConfig> {
    let Some(at) = database else {
        return Some(DatabaseConfig::Sqlite(Path::new("/var/lib/kubeopt/kubeopt.db").to_owned()));
    };
    if !["postgres://", "postgresql://"].iter().any(|scheme| at.value.starts_with(scheme)) {
        let path = at.value.strip_prefix("sqlite://").unwrap_or(&at.value).to_owned();
        let what = "a database that is neither SQLite nor PostgreSQL";
        return local_path(At { value: path, line: at.line }, what, reading).map(DatabaseConfig::Sqlite);
    }
    let expected = "an address such as `postgres://user@host:5432/database?sslmode=verify-full`";
    let Ok(url) = Url::parse(&at.value) else { return malformed(&at, "store.database", expected, reading) };
    let other = |key: &str| !key.starts_with("sslmode") && !key.starts_with("sslrootcert");
    if url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password") {
        let help = "remove the password from the address; write it to a file and name that file as `databasePasswordFile`";
        reading.refuse(
            at.line,
            Fault::InlineSecret { path: "store.database".to_owned(), help: help.to_owned() },
        );
        return None;
    }
    let named = url.host().is_some() && !url.username().is_empty() && url.path().len() > 1;
    if !named || url.query_pairs().any(|(key, _)| other(&key)) {
        return malformed(&at, "store.database", expected, reading);
    }
    Some(DatabaseConfig::Postgres { url: at.value, password_file: password_file.map(file) })
}

fn local_path(at: At<String>, what: &str, reading: &mut Reading<'_>) -> Option<PathBuf> {
    if at.value.contains("://") {
        let help = "write a local path such as `/var/lib/kubeopt`".to_owned();
        reading.refuse(at.line, Fault::NotInThisVersion { what: what.to_owned(), help });
        return None;
    }
    Some(file(at))
}
