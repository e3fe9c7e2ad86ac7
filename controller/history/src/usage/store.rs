//! The store of usage: slices in, summaries of windows out.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use kubeopt_model::{ClusterName, ContainerUsage, Problem, Timestamp, Window};

use super::cover::joined;
use super::day::{Ledger, Tables, replaced};
use super::rollup::HistorySlice;
use super::shelf::{Folder, Memory, Shelf};
use super::summary::{Summary, UsageQuery};
use super::{DAY_S, HOUR_S};
use crate::error::HistoryError;

/// Days that are kept: the longest window that a rule may ask for.
pub const RETENTION_DAYS: i64 = 90;

/// Problems that are kept until somebody asks.
const PROBLEMS_MAX: usize = 100;

/// Usage history of all clusters. Cheap to clone; clones share the files.
///
/// One process writes to a folder at a time; appends of one store wait for each other.
#[derive(Clone)]
pub struct UsageStore {
    inner: Arc<Inner>,
}

struct Inner {
    shelf: Box<dyn Shelf>,
    writing: tokio::sync::Mutex<()>,
    problems: Mutex<Vec<Problem>>,
}

impl UsageStore {
    /// On disk, below this folder. Nothing is touched before the first append.
    pub fn in_folder(path: impl Into<std::path::PathBuf>) -> Self {
        Self::on(Box::new(Folder::new(path)))
    }

    /// In memory, gone with the process: a scan that keeps nothing. The same files, as bytes.
    pub fn in_memory() -> Self {
        Self::on(Box::new(Memory::default()))
    }

    /// On any shelf.
    pub fn on(shelf: Box<dyn Shelf>) -> Self {
        let inner = Inner { shelf, writing: tokio::sync::Mutex::new(()), problems: Mutex::new(Vec::new()) };
        Self { inner: Arc::new(inner) }
    }

    /// Stores a slice, in the place of whatever was stored of its hours. Doing it twice changes nothing.
    ///
    /// # Errors
    /// [`HistoryError::File`], [`HistoryError::Compute`].
    pub async fn append(&self, cluster: &ClusterName, slice: HistorySlice) -> Result<(), HistoryError> {
        let _one_writer = self.inner.writing.lock().await;
        let slice = Arc::new(slice);
        let mut day = day_of(slice.window().from_unix_s);
        while day < slice.window().to_unix_s {
            let old = self.day(cluster, day).await?;
            let part = Arc::clone(&slice);
            let (ledger, (bins, pods)) = computed(move || {
                let (ledger, mut tables) = replaced(day, old, &part)?;
                let files = tables.write()?;
                Ok((ledger.write()?, files))
            })
            .await?;
            let names = FileNames::of(cluster, day);
            let shelf = &self.inner.shelf;
            shelf.write(&names.bins, bins).await?;
            shelf.write(&names.pods, pods).await?;
            shelf.write(&names.ledger, ledger).await?;
            day += DAY_S;
        }
        Ok(())
    }

    /// The hours of the window that are stored and need not be read again, joined to windows, oldest first. An hour that
    /// was incomplete when it was read counts as missing until it has been read three times.
    ///
    /// # Errors
    /// [`HistoryError::File`].
    pub async fn covered(&self, cluster: &ClusterName, window: Window) -> Result<Vec<Window>, HistoryError> {
        let mut hours = Vec::new();
        for day in days_of(window) {
            if let Some(ledger) = self.ledger(cluster, day).await? {
                let end = window.to_unix_s;
                let within = |hour: &i64| *hour + HOUR_S > window.from_unix_s && *hour < end;
                hours.extend(ledger.settled().filter(within));
            }
        }
        Ok(joined(hours))
    }

    /// Usage over a window, sorted by container: all containers that were seen in it, or those of the query among them.
    ///
    /// # Errors
    /// [`HistoryError::File`], [`HistoryError::Compute`]. Damaged files are set aside, not failed on.
    pub async fn usage(
        &self,
        cluster: &ClusterName,
        query: UsageQuery,
    ) -> Result<Vec<ContainerUsage>, HistoryError> {
        let window = query.window;
        let mut summary = Summary::new(query);
        for day in days_of(window) {
            if let Some((ledger, tables)) = self.day(cluster, day).await? {
                summary = computed(move || summary.add_day(&ledger, tables)).await?;
            }
        }
        computed(move || summary.finish()).await
    }

    /// Removes days that ended more than [`RETENTION_DAYS`] ago; gives how many.
    ///
    /// # Errors
    /// [`HistoryError::File`].
    pub async fn prune(&self, cluster: &ClusterName, now: Timestamp) -> Result<u64, HistoryError> {
        let _one_writer = self.inner.writing.lock().await;
        let oldest = day_of(now.as_second()) - RETENTION_DAYS * DAY_S;
        let mut days: Vec<i64> = self
            .inner
            .shelf
            .list(cluster.as_str())
            .await?
            .iter()
            .filter_map(|name| day_in_name(name))
            .filter(|day| *day < oldest)
            .collect();
        days.dedup();
        for day in &days {
            for name in FileNames::of(cluster, *day).all() {
                self.inner.shelf.remove(name).await?;
            }
        }
        Ok(days.len() as u64)
    }

    /// What was found damaged since the last call.
    pub fn take_problems(&self) -> Vec<Problem> {
        std::mem::take(&mut self.inner.problems.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn ledger(&self, cluster: &ClusterName, day: i64) -> Result<Option<Ledger>, HistoryError> {
        let names = FileNames::of(cluster, day);
        let Some(bytes) = self.inner.shelf.read(&names.ledger).await? else { return Ok(None) };
        match Ledger::read(&bytes) {
            Ok(ledger) => Ok(Some(ledger)),
            Err(why) => {
                self.set_aside(&names, &names.ledger, why).await?;
                Ok(None)
            }
        }
    }

    /// A day that is whole; none where it is not there or was found damaged.
    async fn day(&self, cluster: &ClusterName, day: i64) -> Result<Option<(Ledger, Tables)>, HistoryError> {
        let names = FileNames::of(cluster, day);
        let Some(ledger) = self.ledger(cluster, day).await? else { return Ok(None) };
        let (bins, pods) =
            (self.inner.shelf.read(&names.bins).await?, self.inner.shelf.read(&names.pods).await?);
        let (Some(bins), Some(pods)) = (bins, pods) else {
            self.set_aside(&names, &names.ledger, "a table is missing".to_owned()).await?;
            return Ok(None);
        };
        let tables = tokio::task::spawn_blocking(move || Tables::read(bins, pods)).await;
        let why = match tables {
            Ok(Ok(tables)) => return Ok(Some((ledger, tables))),
            Ok(Err(why)) => why,
            Err(stopped) if stopped.is_panic() => "it is not a table".to_owned(),
            Err(stopped) => return Err(HistoryError::Compute(stopped.to_string())),
        };
        self.set_aside(&names, &names.bins, why).await?;
        Ok(None)
    }

    async fn set_aside(&self, names: &FileNames, blamed: &str, why: String) -> Result<(), HistoryError> {
        let why = why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
        let error = HistoryError::Damaged { name: blamed.to_owned(), why };
        tracing::warn!(code = error.code(), "{error}");
        let mut problems = self.inner.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.len() < PROBLEMS_MAX {
            problems.push(Problem::from(&error));
        }
        drop(problems);
        for name in names.all() {
            self.inner.shelf.set_aside(name).await?;
        }
        Ok(())
    }
}

/// The files of a day.
struct FileNames {
    bins: String,
    pods: String,
    ledger: String,
}

impl FileNames {
    fn of(cluster: &ClusterName, day: i64) -> Self {
        let date = Timestamp::from_second(day)
            .map_or_else(|_| day.to_string(), |at| at.to_zoned(TimeZone::UTC).date().to_string());
        let name = |part: &str| format!("{cluster}/{date}.{part}");
        Self { bins: name("bins.parquet"), pods: name("pods.parquet"), ledger: name("json") }
    }

    fn all(&self) -> [&str; 3] {
        // The ledger first: without it, the tables count for nothing.
        [&self.ledger, &self.bins, &self.pods]
    }
}

fn day_in_name(name: &str) -> Option<i64> {
    let date: Date = name.get(..10)?.parse().ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

fn day_of(unix_s: i64) -> i64 {
    unix_s.div_euclid(DAY_S) * DAY_S
}

/// The days that a window touches; at most those that are kept, so that no window makes a walk through all of time.
fn days_of(window: Window) -> impl Iterator<Item = i64> {
    let last = day_of(window.to_unix_s - 1);
    let first = day_of(window.from_unix_s).max(last - (RETENTION_DAYS + 1) * DAY_S);
    (0..).map(move |n| first + n * DAY_S).take_while(move |day| *day <= last)
}

/// Runs a computation on the threads for blocking work.
async fn computed<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HistoryError> + Send + 'static,
) -> Result<T, HistoryError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(stopped) => Err(HistoryError::Compute(stopped.to_string())),
    }
}
