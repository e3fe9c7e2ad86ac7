//! One query to a Prometheus-compatible API: sent, read as a stream, repeated with patience, halved when it is too much.
//!
//! Knows the HTTP API, not what the queries mean. However often it repeats, each series of each part of the time range
//! reaches the caller once: what arrived complete before a connection broke is remembered by its hash and skipped.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use kubeopt_net::{Client, NetError, Request, Response, StatusCode, Url};
use tokio::sync::Semaphore;

use crate::error::ObserveError;
use crate::scanner::{Labels, Scanner};

/// Queries at once. Two keep the server busy while one answer is in transit; more would crowd out dashboards.
pub(crate) const CONCURRENCY: usize = 2;

/// Shortest part of a range that is still halved: at an hour, the query is not the problem.
const HALVED_SECONDS_MIN: i64 = 3600;

/// Failures in a row after which a query is given up: five halvings lead from a day to an hour, and one more chance.
const FAILURES_IN_A_ROW_MAX: u32 = 6;

/// Failures in a row that are nobody's size: a server that restarts is left to the next pass.
const OUTAGES_IN_A_ROW_MAX: u32 = 3;

/// Longest wait between attempts.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// How much longer than the server is waited.
const PATIENCE: Duration = Duration::from_secs(5);

/// Largest answer: two days of 50,000 containers. The limit guards against endless bodies, not against memory use.
pub(crate) const ANSWER_BYTES_MAX: u64 = 1 << 30;

/// Warnings that are kept of one query.
const WARNINGS_MAX: usize = 5;

/// The server's API, with the settings of every request.
pub(crate) struct Api {
    pub(crate) client: Client,
    /// Ends with a slash.
    pub(crate) base: Url,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) parameters: Vec<(String, String)>,
    timeout: Duration,
    /// A little longer than the server's own limit, so that the server is the one to give up and says why.
    patience: Duration,
    first_wait: Duration,
    gate: Semaphore,
    /// The server, or a proxy before it, takes no POST.
    get_only: AtomicBool,
    hasher: RandomState,
    queries: AtomicU64,
    bytes: AtomicU64,
}

/// Evenly spaced instants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) step: i64,
}

/// What one query took.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) queries: u64,
    pub(crate) bytes: u64,
    pub(crate) duplicates: u64,
    pub(crate) warnings: Vec<String>,
}

impl Tally {
    /// Adds what another query took.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.queries += other.queries;
        self.bytes += other.bytes;
        self.duplicates += other.duplicates;
        let room = WARNINGS_MAX.saturating_sub(self.warnings.len());
        self.warnings.extend(other.warnings.into_iter().take(room));
    }
}

/// How much one query may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Time, by the server's limit.
    pub(crate) timeout: Duration,
    /// Bytes of the answer.
    pub(crate) bytes_max: u64,
}

/// One request.
#[derive(Clone, Copy)]
struct Call<'a> {
    endpoint: &'a str,
    form: &'a [(&'a str, String)],
    bounds: Bounds,
}

/// Takes the series of an answer.
pub(crate) type Each<'a> = &'a mut (dyn FnMut(&Labels, &[(i64, f64)]) + Send);

enum Failure {
    /// A smaller part may succeed.
    TooMuch(String),
    /// The same may succeed later.
    Outage { error: ObserveError, wait: Option<Duration> },
    /// The same must be sent as GET.
    GetOnly,
    /// Nothing helps.
    Final(ObserveError),
}

impl Steps {
    fn seconds(self) -> i64 {
        self.last - self.first + self.step
    }

    fn halves(self) -> Option<[Self; 2]> {
        let count = self.seconds() / self.step;
        if self.seconds() <= HALVED_SECONDS_MIN || count < 2 {
            return None;
        }
        let middle = self.first + count / 2 * self.step;
        Some([Self { last: middle - self.step, ..self }, Self { first: middle, ..self }])
    }

    fn form(self) -> [(&'static str, String); 3] {
        [("start", self.first.to_string()), ("end", self.last.to_string()), ("step", self.step.to_string())]
    }
}

impl Api {
    pub(crate) fn new(client: Client, base: Url, timeout: Duration, first_wait: Duration) -> Self {
        Self {
            client,
            base,
            headers: Vec::new(),
            parameters: Vec::new(),
            timeout,
            patience: timeout + PATIENCE,
            first_wait,
            gate: Semaphore::new(CONCURRENCY),
            get_only: AtomicBool::new(false),
            hasher: RandomState::new(),
            queries: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    #[cfg(test)]
    pub(crate) fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Time that an answer may take.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Waits until a query may be sent, and counts it.
    pub(crate) async fn turn(&self) -> Option<tokio::sync::SemaphorePermit<'_>> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        // The semaphore lives as long as `self` and is never closed.
        self.gate.acquire().await.ok()
    }

    /// Counts bytes that were read otherwise than by a query.
    pub(crate) fn count_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Requests and bytes since the start.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.queries.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// A range query.
    pub(crate) async fn range(
        &self,
        query: &str,
        steps: Steps,
        each: Each<'_>,
    ) -> Result<Tally, ObserveError> {
        let mut tally = Tally::default();
        let mut todo = vec![(steps, HashSet::new())];
        let mut failures = 0;
        while let Some((steps, mut done)) = todo.pop() {
            let mut form: Vec<(&str, String)> = vec![("query", query.to_owned())];
            form.extend(steps.form());
            let call = Call { endpoint: "query_range", form: &form, bounds: self.bounds() };
            let Err(failure) = self.once(call, &mut done, each, &mut tally).await else {
                failures = 0;
                continue;
            };
            failures += 1;
            match (failure, steps.halves()) {
                (Failure::TooMuch(excerpt), Some([first, second])) if failures <= FAILURES_IN_A_ROW_MAX => {
                    tracing::debug!(seconds = steps.seconds(), excerpt, "halving a query");
                    self.pause(failures, None).await;
                    todo.push((second, done.clone()));
                    todo.push((first, done));
                }
                (Failure::TooMuch(excerpt), _) => {
                    return Err(ObserveError::TooMuch { seconds: steps.seconds(), excerpt });
                }
                (failure, _) => {
                    self.bear(failure, failures).await?;
                    todo.push((steps, done));
                }
            }
        }
        Ok(tally)
    }

    /// A range query within bounds of its own, for what is not made here: sent once, neither halved nor repeated. Bounds are
    /// at most those of all queries.
    pub(crate) async fn range_once(
        &self,
        query: &str,
        steps: Steps,
        bounds: Bounds,
        each: Each<'_>,
    ) -> Result<Tally, ObserveError> {
        let mut form: Vec<(&str, String)> = vec![("query", query.to_owned())];
        form.extend(steps.form());
        let bounds = Bounds { timeout: bounds.timeout.min(self.timeout), ..bounds };
        let call = Call { endpoint: "query_range", form: &form, bounds };
        let (mut tally, mut done) = (Tally::default(), HashSet::new());
        loop {
            match self.once(call, &mut done, each, &mut tally).await {
                Ok(()) => return Ok(tally),
                Err(Failure::GetOnly) => {}
                Err(Failure::Outage { error, .. } | Failure::Final(error)) => return Err(error),
                Err(Failure::TooMuch(excerpt)) => {
                    return Err(ObserveError::TooMuch { seconds: steps.seconds(), excerpt });
                }
            }
        }
    }

    /// An instant query; without a time it asks for now, by the server's clock.
    pub(crate) async fn instant(
        &self,
        query: &str,
        at: Option<i64>,
        each: Each<'_>,
    ) -> Result<Tally, ObserveError> {
        let mut form = vec![("query", query.to_owned())];
        form.extend(at.map(|at| ("time", at.to_string())));
        let call = Call { endpoint: "query", form: &form, bounds: self.bounds() };
        let (mut tally, mut done) = (Tally::default(), HashSet::new());
        let mut failures = 0;
        loop {
            match self.once(call, &mut done, each, &mut tally).await {
                Ok(()) => return Ok(tally),
                Err(Failure::TooMuch(excerpt)) => return Err(ObserveError::TooMuch { seconds: 0, excerpt }),
                Err(failure) => {
                    failures += 1;
                    self.bear(failure, failures).await?;
                }
            }
        }
    }

    /// Waits where repeating may help, else fails.
    async fn bear(&self, failure: Failure, failures: u32) -> Result<(), ObserveError> {
        match failure {
            Failure::GetOnly => Ok(()),
            Failure::Outage { wait, .. }
                if failures < OUTAGES_IN_A_ROW_MAX && wait.is_none_or(|wait| wait <= WAIT_MAX) =>
            {
                self.pause(failures, wait).await;
                Ok(())
            }
            Failure::Outage { error, .. } | Failure::Final(error) => Err(error),
            Failure::TooMuch(excerpt) => Err(ObserveError::TooMuch { seconds: 0, excerpt }),
        }
    }

    async fn pause(&self, failures: u32, asked: Option<Duration>) {
        let doubled = self.first_wait.saturating_mul(1 << (failures.saturating_sub(1)).min(8));
        tokio::time::sleep(asked.unwrap_or(doubled).min(WAIT_MAX)).await;
    }

    async fn once(
        &self,
        call: Call<'_>,
        done: &mut HashSet<u64>,
        each: Each<'_>,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        // The semaphore lives as long as `self` and is never closed.
        let _permit = self.gate.acquire().await.ok();
        tally.queries += 1;
        self.queries.fetch_add(1, Ordering::Relaxed);
        let as_get = self.get_only.load(Ordering::Relaxed);
        let request = self.request(call, as_get).map_err(Failure::from)?;
        let response = self.client.send(request).await.map_err(Failure::from)?;
        if response.status == StatusCode::METHOD_NOT_ALLOWED && !as_get {
            self.get_only.store(true, Ordering::Relaxed);
            return Err(Failure::GetOnly);
        }
        let response = response.success().await.map_err(Failure::from)?;
        self.stream(response, done, each, tally).await
    }

    async fn stream(
        &self,
        mut response: Response,
        done: &mut HashSet<u64>,
        each: Each<'_>,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let mut scanner = Scanner::new();
        let mut fresh = HashSet::new();
        let (mut duplicates, mut outcome) = (0, Ok(()));
        loop {
            let chunk = match response.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => {
                    outcome = Err(Failure::from(error));
                    break;
                }
            };
            tally.bytes += chunk.len() as u64;
            self.bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            let fed = scanner.feed(&chunk, &mut |series| {
                let hash = self.hasher.hash_one(series.labels);
                if !fresh.insert(hash) {
                    duplicates += 1;
                } else if !done.contains(&hash) {
                    each(series.labels, series.points);
                }
            });
            if let Err(error) = fed {
                return Err(malformed(error.to_string()));
            }
        }
        tally.duplicates += duplicates;
        done.extend(fresh);
        outcome?;
        let envelope = scanner.finish().map_err(|error| malformed(error.to_string()))?;
        if !envelope.success {
            let text = envelope.error.unwrap_or_else(|| "without saying which".to_owned());
            return Err(if speaks_of_size(&text) {
                Failure::TooMuch(text)
            } else {
                Failure::Final(ObserveError::Query { text })
            });
        }
        let room = WARNINGS_MAX.saturating_sub(tally.warnings.len());
        tally.warnings.extend(envelope.warnings.into_iter().take(room));
        Ok(())
    }

    fn bounds(&self) -> Bounds {
        Bounds { timeout: self.timeout, bytes_max: ANSWER_BYTES_MAX }
    }

    fn request(&self, call: Call<'_>, as_get: bool) -> Result<Request, NetError> {
        let Call { endpoint, form, bounds } = call;
        let mut url = self.base.clone();
        url.set_path(&format!("{}api/v1/{endpoint}", self.base.path()));
        let timeout = format!("{}s", bounds.timeout.as_secs().max(1));
        // A little longer than the server's own limit; see `patience`.
        let patience = self.patience.min(bounds.timeout + PATIENCE);
        let mut pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        pairs.push(("timeout", &timeout));
        pairs.extend(self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let mut request = if as_get {
            url.query_pairs_mut().extend_pairs(&pairs);
            Request::get(url)
        } else {
            Request::new(kubeopt_net::Method::POST, url).form(&pairs)
        };
        for (name, value) in &self.headers {
            request = request.header(name, value)?;
        }
        // Numbers compress well, but within a cluster the time that it takes Prometheus to compress is longer than the
        // time that it saves on the wire.
        request = request.header("accept-encoding", "identity")?;
        // Repeating is done here, where halving and skipping are known.
        Ok(request.once().timeout(patience).max_body_bytes(bounds.bytes_max))
    }
}

impl From<NetError> for Failure {
    fn from(error: NetError) -> Self {
        if let NetError::Status { status, excerpt, retry_after, .. } = error {
            return by_status(status, excerpt, retry_after);
        }
        if let NetError::Timeout { host } = error {
            return Self::TooMuch(format!("{host} did not answer in time"));
        }
        let transient = error.is_transient();
        let error = ObserveError::Unreachable(error);
        if transient { Self::Outage { error, wait: None } } else { Self::Final(error) }
    }
}

fn by_status(status: u16, excerpt: String, wait: Option<Duration>) -> Failure {
    match status {
        // 503 is how Prometheus says that a query took too long or was cancelled, 504 how a proxy does.
        408 | 413 | 503 | 504 => Failure::TooMuch(excerpt),
        400 | 422 if speaks_of_size(&excerpt) => Failure::TooMuch(excerpt),
        400 | 422 => Failure::Final(ObserveError::Query { text: excerpt }),
        429 | 500 | 502 => Failure::Outage { error: ObserveError::Refused { status, excerpt }, wait },
        _ => Failure::Final(ObserveError::Refused { status, excerpt }),
    }
}

/// The words of Prometheus, Thanos, Mimir and VictoriaMetrics for "too much at once".
fn speaks_of_size(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["too many", "exceed", "limit", "timed out", "timeout", "deadline", "too large"]
        .iter()
        .any(|word| text.contains(word))
}

fn malformed(why: String) -> Failure {
    Failure::Final(ObserveError::Malformed { why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_cover_every_step_once_and_end_at_an_hour() {
        let day = Steps { first: 300, last: 86_400, step: 300 };
        let [first, second] = day.halves().unwrap();
        assert_eq!((first.first, second.last, first.last + 300), (300, 86_400, second.first));
        assert_eq!(first.seconds() + second.seconds(), 86_400);
        assert_eq!(Steps { first: 300, last: 3600, step: 300 }.halves(), None);
        assert_eq!(Steps { first: 3600, last: 3600, step: 3600 }.halves(), None);
        assert!(Steps { first: 3600, last: 7200, step: 3600 }.halves().is_some());
    }
}
