//! Usage from Prometheus and what speaks its API: Thanos, Mimir, Cortex, VictoriaMetrics.
//!
//! Four range queries a slice, for all containers at once: when containers started, then CPU, memory, and what is told by
//! the hour, two at a time, parsed while they arrive.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _};
use kubeopt_model::gpu::GpuUse;
use kubeopt_model::usage::{OomKill, Window};
use kubeopt_model::{Bytes, ContainerId, ContainerName, Timestamp};
use kubeopt_net::{Client, Request, Url};
use tokio::sync::OnceCell;

use crate::attempt::{Api, CONCURRENCY, Steps, Tally};
use crate::error::ObserveError;
use crate::intake::{Asked, Intake, Starts};
use crate::oom::{Key, Points, Signs};
use crate::owners::{Owner, PodOwners};
use crate::query::{ANY_CONTAINER_METRIC, Selector};
use crate::remote_read::{Boundary, RawError, RawReading, read_raw};
use crate::scanner::Labels;
use crate::slice::{Emptiness, STEP_S, SliceReport, checked};
use crate::source::{MetricsSource, Reach, Sink, SourceFacts};
use crate::window_signs::{SignsAsked, SignsRead};

/// Time for one query by default: Prometheus' own default limit.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(120);

/// Wait before the first repetition by default; it doubles from there.
const FIRST_WAIT_DEFAULT: Duration = Duration::from_millis(500);

/// Seconds between two samples of what is asked for by the hour.
const HOUR_S: i64 = 3600;

/// Longest range of one query for OOM kills: 30 days of steps stay below Prometheus' 11,000 points a series.
const OOM_RANGE_S: i64 = 30 * 86_400;

/// Parameters that kubeopt sets itself.
const OWN_PARAMETERS: [&str; 6] = ["query", "start", "end", "step", "time", "timeout"];

/// How to read from one server. Credentials belong to the client's rule for the origin.
#[derive(Debug, Clone)]
pub struct PrometheusOptions {
    /// Address, with the path below which `/api/v1/` is.
    pub url: Url,
    /// Further headers, such as `X-Scope-OrgID` of a tenant.
    pub headers: Vec<(String, String)>,
    /// Further parameters of each query, such as `dedup=true`.
    pub parameters: Vec<(String, String)>,
    /// Which series.
    pub selector: Selector,
    /// Time for one query.
    pub timeout: Duration,
    /// Wait before the first repetition.
    pub first_wait: Duration,
    /// CPU and memory by remote read where the server offers to stream it; else, and for all else, by query.
    pub remote_read: bool,
}

impl PrometheusOptions {
    /// The defaults for this address: all series, 120 s.
    pub fn new(url: Url) -> Self {
        Self {
            url,
            headers: Vec::new(),
            parameters: Vec::new(),
            selector: Selector::default(),
            timeout: TIMEOUT_DEFAULT,
            first_wait: FIRST_WAIT_DEFAULT,
            remote_read: false,
        }
    }
}

/// What was read since the start, for kubeopt's own metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests.
    pub queries: u64,
    /// Samples.
    pub samples: u64,
    /// Bytes of the answers, after decompression.
    pub bytes: u64,
}

/// A Prometheus-compatible server.
pub struct Prometheus {
    pub(crate) api: Api,
    pub(crate) selector: Selector,
    samples: AtomicU64,
    raw: RawReading,
    boundary: OnceCell<Boundary>,
}

impl Prometheus {
    /// Checks the settings; nothing is sent.
    ///
    /// # Errors
    /// [`ObserveError::Setting`] for headers that are none and parameters that kubeopt sets itself.
    pub fn new(client: Client, options: PrometheusOptions) -> Result<Self, ObserveError> {
        let mut base = options.url;
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        base.set_query(None);
        for (name, value) in &options.headers {
            Request::get(base.clone())
                .header(name, value)
                .map_err(|error| ObserveError::Setting { what: "headers", why: error.to_string() })?;
        }
        if let Some((name, _)) =
            options.parameters.iter().find(|(name, _)| OWN_PARAMETERS.contains(&name.as_str()))
        {
            let why = format!("kubeopt sets `{name}` itself");
            return Err(ObserveError::Setting { what: "parameters", why });
        }
        let mut api = Api::new(client, base, options.timeout, options.first_wait);
        api.headers = options.headers;
        api.parameters = options.parameters;
        Ok(Self {
            api,
            selector: options.selector,
            samples: AtomicU64::new(0),
            raw: RawReading::new(options.remote_read),
            boundary: OnceCell::new(),
        })
    }

    /// What was read since the start.
    pub fn totals(&self) -> Totals {
        let (queries, bytes) = self.api.totals();
        Totals { queries, samples: self.samples.load(Ordering::Relaxed), bytes }
    }

    async fn read_query(
        &self,
        asked: Asked,
        query: String,
        intake: &Mutex<Intake<'_, '_>>,
    ) -> Result<Tally, ObserveError> {
        let (slice, step) = (locked(intake).slice(), asked.step_s());
        let mut raw = Tally::default();
        if asked != Asked::Hourly && self.raw.is_wanted() {
            match self.read_raw(asked, slice, &mut raw).await {
                Ok(found) => {
                    let mut intake = locked(intake);
                    found.iter().for_each(|((namespace, pod, container), points)| {
                        let names = [("namespace", namespace), ("pod", pod), ("container", container)];
                        let labels = names.map(|(name, value)| (name.to_owned(), value.clone())).into();
                        intake.take(asked, &labels, points);
                    });
                    return Ok(raw);
                }
                Err(error) => self.raw.failed(&error),
            }
        }
        let steps = Steps { first: slice.from_unix_s + step, last: slice.to_unix_s, step };
        let mut tally = self
            .api
            .range(&query, steps, &mut |labels, points| locked(intake).take(asked, labels, points))
            .await?;
        tally.queries += raw.queries;
        tally.bytes += raw.bytes;
        Ok(tally)
    }

    async fn read_raw(
        &self,
        asked: Asked,
        slice: Window,
        tally: &mut Tally,
    ) -> Result<std::collections::HashMap<Key, Points>, RawError> {
        let boundary =
            self.boundary.get_or_init(async || Boundary::of_version(self.version().await.as_deref())).await;
        let _permit = self.api.turn().await;
        let found = read_raw(&self.api, &self.selector, asked, slice, *boundary, tally).await;
        self.api.count_bytes(tally.bytes);
        found
    }

    /// When containers started, from an hour before the slice on.
    async fn starts(&self, slice: Window) -> Result<(Starts, Tally), ObserveError> {
        let steps = Steps { first: slice.from_unix_s, last: slice.to_unix_s, step: HOUR_S };
        let mut starts = Starts::default();
        let query = self.selector.starts();
        let tally = self.api.range(&query, steps, &mut |labels, points| starts.add(labels, points)).await?;
        Ok((starts, tally))
    }

    /// What no series at all means.
    async fn emptiness(&self, slice: Window) -> Result<Emptiness, ObserveError> {
        if self.number(ANY_CONTAINER_METRIC, Some(slice.to_unix_s)).await?.is_some() {
            return Ok(Emptiness::NothingSelected);
        }
        let today = self.number(ANY_CONTAINER_METRIC, None).await?;
        Ok(if today.is_some() { Emptiness::NoDataThen } else { Emptiness::NoSuchMetric })
    }

    /// The value of a query that gives at most one.
    async fn number(&self, query: &str, at: Option<i64>) -> Result<Option<f64>, ObserveError> {
        let mut number = None;
        self.api
            .instant(query, at, &mut |_, points| {
                number = points.last().map(|(_, value)| *value).filter(|v| v.is_finite())
            })
            .await?;
        Ok(number)
    }

    /// OOM kills among the selected series, oldest first.
    pub(crate) async fn kills_of(
        &self,
        selector: &Selector,
        window: Window,
        owners: &PodOwners,
    ) -> Result<(Vec<OomKill>, Tally), ObserveError> {
        let (mut found, mut tally) = (Vec::new(), Tally::default());
        let mut from = window.from_unix_s.div_euclid(STEP_S) * STEP_S;
        while from < window.to_unix_s {
            let to = window.to_unix_s.min(from + OOM_RANGE_S);
            // One step before, to tell what was already so.
            let steps =
                Steps { first: from - STEP_S, last: (to - 1).div_euclid(STEP_S) * STEP_S, step: STEP_S };
            let mut signs = Signs {
                terminated: self.signs(&selector.oom_terminated(), steps, &mut tally).await?,
                ..Signs::default()
            };
            if !signs.terminated.is_empty() {
                signs.restarts = self.signs(&selector.oom_restarts(), steps, &mut tally).await?;
                signs.limits = self.signs(&selector.oom_limits(), steps, &mut tally).await?;
            }
            signs.events = self.signs(&selector.oom_events(), steps, &mut tally).await?;
            for kill in signs.kills(from, STEP_S) {
                let (namespace, pod, container) = &kill.key;
                if let (Owner::Shown(id) | Owner::Named(id), Ok(container)) =
                    (owners.owner(namespace, pod), ContainerName::new(container.as_str()))
                {
                    let container = ContainerId { workload: id.clone(), container };
                    let limit = kill.limit_bytes.map(|bytes| Bytes(bytes as u64));
                    found.push(OomKill { container, at_unix_s: kill.at_unix_s, limit });
                }
            }
            from = to;
        }
        found.sort_by(|a, b| (a.at_unix_s, &a.container).cmp(&(b.at_unix_s, &b.container)));
        Ok((found, tally))
    }

    async fn signs(
        &self,
        query: &str,
        steps: Steps,
        sum: &mut Tally,
    ) -> Result<std::collections::HashMap<Key, Points>, ObserveError> {
        let mut signs: std::collections::HashMap<Key, Points> = std::collections::HashMap::new();
        let tally = self
            .api
            .range(query, steps, &mut |labels, points| {
                if let Some(key) = key_of(labels) {
                    signs
                        .entry(key)
                        .or_default()
                        .extend(points.iter().filter(|(_, value)| value.is_finite()));
                }
            })
            .await?;
        sum.absorb(tally);
        // A halved query gives its parts in the order of time, but nothing promises it.
        signs.values_mut().for_each(|points| points.sort_by_key(|(at, _)| *at));
        Ok(signs)
    }

    async fn version(&self) -> Option<String> {
        let mut url = self.api.base.clone();
        url.set_path(&format!("{}api/v1/status/buildinfo", self.api.base.path()));
        let mut request = Request::get(url);
        for (name, value) in &self.api.headers {
            request = request.header(name, value).ok()?;
        }
        let answer = self.api.client.fetch(request).await.ok()?.success().ok()?;
        let json: serde_json::Value = answer.json().ok()?;
        let version = json.pointer("/data/version")?.as_str()?;
        Some(version.chars().filter(|c| !c.is_control()).take(64).collect())
    }
}

#[async_trait]
impl MetricsSource for Prometheus {
    async fn reach(&self, _now: Timestamp) -> Result<Reach, ObserveError> {
        Ok(Reach::Past)
    }

    async fn read(
        &self,
        slice: Window,
        owners: &PodOwners,
        sink: Sink<'_>,
    ) -> Result<SliceReport, ObserveError> {
        let slice = checked(slice)?;
        let (starts, first) = self.starts(slice).await?;
        let intake = Mutex::new(Intake::new(slice, owners, starts, sink));
        let queries = [
            (Asked::Cpu, self.selector.cpu_millicores()),
            (Asked::Memory, self.selector.memory_bytes()),
            (Asked::Hourly, self.selector.hourly()),
        ];
        let mut tallies: Vec<Tally> = futures::stream::iter(queries)
            .map(|(asked, query)| self.read_query(asked, query, &intake))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        tallies.push(first);
        if locked(&intake).has_memory_only() {
            let query = self.selector.cpu_millicores_by_processor();
            tallies.push(self.read_query(Asked::Cpu, query, &intake).await?);
        }
        let mut intake = intake.into_inner().unwrap_or_else(PoisonError::into_inner);
        for tally in tallies {
            intake.account(tally);
        }
        if intake.holds_any() {
            let (past, tally) = self.past_owners(slice).await?;
            intake.account(tally);
            intake.release(|namespace, pod| past.owner(namespace, pod, owners));
        }
        let mut report = intake.finish();
        if report.series == 0 && report.unowned_series == 0 {
            report.empty = Some(self.emptiness(slice).await?);
        }
        self.samples.fetch_add(report.samples, Ordering::Relaxed);
        Ok(report)
    }

    fn stored(&self, _slice: Window) {}

    async fn oom_kills(&self, window: Window, owners: &PodOwners) -> Result<Vec<OomKill>, ObserveError> {
        let (mut found, _) = self.kills_of(&self.selector, window, owners).await?;
        found.dedup();
        Ok(found)
    }

    async fn window_signs(&self, asked: &SignsAsked, owners: &PodOwners) -> Result<SignsRead, ObserveError> {
        self.read_window_signs(asked, owners).await
    }

    async fn gpu_use(&self, owners: &PodOwners) -> Result<Vec<GpuUse>, ObserveError> {
        self.read_gpus(owners).await
    }

    async fn check(&self) -> Result<SourceFacts, ObserveError> {
        let count = async |query: String| {
            Ok::<u64, ObserveError>(self.number(&query, None).await?.map_or(0, |n| n as u64))
        };
        let selector = &self.selector;
        let in_ten_minutes = count(selector.samples_in_ten_minutes()).await?;
        Ok(SourceFacts {
            cpu_containers: count(selector.container_count("container_cpu_usage_seconds_total")).await?,
            memory_containers: count(selector.container_count("container_memory_working_set_bytes")).await?,
            throttled_containers: count(selector.container_count("container_cpu_cfs_periods_total")).await?,
            kube_state_metrics: count(selector.series_count("kube_pod_owner")).await? > 0,
            scrape_interval_s: (in_ten_minutes > 0).then(|| 600 / in_ten_minutes),
            version: self.version().await,
            only_now: false,
        })
    }
}

fn key_of(labels: &Labels) -> Option<Key> {
    let text = |name: &str| labels.get(name).cloned();
    Some((text("namespace")?, text("pod")?, text("container")?))
}

/// The intake panics nowhere between lock and unlock; if the sink does, its caller is gone anyway.
fn locked<'m, 'o, 's>(intake: &'m Mutex<Intake<'o, 's>>) -> std::sync::MutexGuard<'m, Intake<'o, 's>> {
    intake.lock().unwrap_or_else(PoisonError::into_inner)
}
