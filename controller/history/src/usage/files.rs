//! The store of usage as files: three a day and cluster, on disk or in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kubeopt_model::usage::OomKill;
use kubeopt_model::{ClusterName, ContainerId, ContainerUsage, Problem, Timestamp, Window};

use super::DAY_S;
use super::cover::joined;
use super::day::{Ledger, Tables, replaced};
use super::rollup::Rollup;
use super::shelf::{Folder, Memory, Shelf};
use super::store::{RETENTION_DAYS, UsageStore};
use super::summary::Summary;
use crate::error::HistoryError;

/// Problems that are kept until somebody asks.
const PROBLEMS_MAX: usize = 100;

/// Usage in Parquet files below a folder.
pub type ParquetUsage = UsageFiles<Folder>;

/// The same files in memory, gone with the process: for a scan that keeps nothing.
pub type MemoryUsage = UsageFiles<Memory>;

/// Usage as files on a shelf. One process writes to a shelf at a time; writes of one store wait for each other.
#[derive(Debug, Default)]
pub struct UsageFiles<S> {
    shelf: S,
    writing: tokio::sync::Mutex<()>,
    problems: Mutex<Vec<Problem>>,
}

impl UsageFiles<Folder> {
    /// Below this folder, which is made if it does not exist.
    ///
    /// # Errors
    /// [`HistoryError::File`] where it cannot be made.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, HistoryError> {
        let path = path.into();
        std::fs::create_dir_all(&path).map_err(|source| HistoryError::File { path: path.clone(), source })?;
        Ok(Self {
            shelf: Folder::new(path),
            writing: tokio::sync::Mutex::default(),
            problems: Mutex::default(),
        })
    }
}

#[async_trait]
impl<S: Shelf> UsageStore for UsageFiles<S> {
    async fn append(&self, rollup: Rollup, partial: Option<String>) -> Result<(), HistoryError> {
        let _one_writer = self.writing.lock().await;
        let cluster = rollup.cluster().clone();
        let slice = Arc::new(computed(move || rollup.finish(partial)).await?);
        for day in days_of(slice.window) {
            let old = self.day(&cluster, day).await?;
            let part = Arc::clone(&slice);
            let (ledger, (bins, pods)) = computed(move || {
                let (ledger, mut tables) = replaced(day, old, &part)?;
                let files = tables.write()?;
                Ok((ledger.write()?, files))
            })
            .await?;
            let names = FileNames::of(&cluster, day);
            self.shelf.write(&names.bins, bins).await?;
            self.shelf.write(&names.pods, pods).await?;
            self.shelf.write(&names.ledger, ledger).await?;
        }
        Ok(())
    }

    async fn remember_oom_kills(&self, cluster: &ClusterName, kills: &[OomKill]) -> Result<(), HistoryError> {
        let _one_writer = self.writing.lock().await;
        let mut by_day: BTreeMap<i64, Vec<&OomKill>> = BTreeMap::new();
        for kill in kills {
            by_day.entry(day_of(kill.at_unix_s)).or_default().push(kill);
        }
        for (day, kills) in by_day {
            if let Some(mut ledger) = self.ledger(cluster, day).await?
                && ledger.add_oom_kills(&kills)
            {
                self.shelf.write(&FileNames::of(cluster, day).ledger, ledger.write()?).await?;
            }
        }
        Ok(())
    }

    async fn covered(&self, cluster: &ClusterName) -> Result<Vec<Window>, HistoryError> {
        let mut hours = Vec::new();
        for day in self.days(cluster).await? {
            let names = FileNames::of(cluster, day);
            let Some(bytes) = self.shelf.read(&names.ledger).await? else { continue };
            match Ledger::settled(&bytes) {
                Ok(settled) => hours.extend(settled),
                Err(why) => self.set_aside(&names, &names.ledger, why).await?,
            }
        }
        Ok(joined(hours))
    }

    async fn usage(
        &self,
        cluster: &ClusterName,
        window: Window,
        containers: Option<&[ContainerId]>,
    ) -> Result<Vec<ContainerUsage>, HistoryError> {
        let mut summary = Summary::new(window, containers);
        for day in days_of(window) {
            if let Some((ledger, tables)) = self.day(cluster, day).await? {
                summary = computed(move || summary.add_day(&ledger, tables)).await?;
            }
        }
        computed(move || summary.finish()).await
    }

    async fn prune(&self, cluster: &ClusterName, now: Timestamp) -> Result<u64, HistoryError> {
        let _one_writer = self.writing.lock().await;
        let oldest = day_of(now.as_second()) - RETENTION_DAYS * DAY_S;
        let mut days = self.days(cluster).await?;
        days.retain(|day| *day < oldest);
        for day in &days {
            for name in FileNames::of(cluster, *day).all() {
                self.shelf.remove(name).await?;
            }
        }
        Ok(days.len() as u64)
    }

    fn take_problems(&self) -> Vec<Problem> {
        std::mem::take(&mut self.problems.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Shelf> UsageFiles<S> {
    /// Days that have files, oldest first.
    async fn days(&self, cluster: &ClusterName) -> Result<Vec<i64>, HistoryError> {
        let names = self.shelf.list(cluster.as_str()).await?;
        let mut days: Vec<i64> = names.iter().filter_map(|name| day_in_name(name)).collect();
        days.sort_unstable();
        days.dedup();
        Ok(days)
    }

    async fn ledger(&self, cluster: &ClusterName, day: i64) -> Result<Option<Ledger>, HistoryError> {
        let names = FileNames::of(cluster, day);
        let Some(bytes) = self.shelf.read(&names.ledger).await? else { return Ok(None) };
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
        let (bins, pods) = (self.shelf.read(&names.bins).await?, self.shelf.read(&names.pods).await?);
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

    fn tell(&self, problem: Problem) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.len() < PROBLEMS_MAX {
            problems.push(problem);
        }
    }

    async fn set_aside(&self, names: &FileNames, blamed: &str, why: String) -> Result<(), HistoryError> {
        let why = why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
        let error = HistoryError::Damaged { name: blamed.to_owned(), why };
        tracing::warn!(code = error.code(), "{error}");
        self.tell(error.problem());
        for name in names.all() {
            self.shelf.set_aside(name).await?;
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
