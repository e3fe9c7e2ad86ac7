//! The store of usage as files: four a day and cluster, on disk or in memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use kubeopt_model::usage::{ContainerPoints, OomKill, Signal};
use kubeopt_model::{ClusterName, ContainerId, ContainerUsage, Problem, Timestamp, Window};
use polars::prelude::DataFrame;

use super::cover::joined;
use super::day::{Ledger, Tables, replaced};
use super::merge::Day;
use super::retention::Retention;
use super::rollup::{Rollup, series_id};
use super::shelf::{Folder, Memory, Shelf};
use super::store::UsageStore;
use super::summary::Summary;
use super::{DAY_S, points};
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
    retention: Retention,
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
            retention: Retention::default(),
            writing: tokio::sync::Mutex::default(),
            problems: Mutex::default(),
        })
    }
}

impl<S> UsageFiles<S> {
    /// With another retention than the default.
    #[must_use]
    pub fn keeping(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }
}

#[async_trait]
impl<S: Shelf> UsageStore for UsageFiles<S> {
    async fn append(&self, rollup: Rollup, partial: Option<String>) -> Result<(), HistoryError> {
        let _one_writer = self.writing.lock().await;
        let cluster = rollup.cluster().clone();
        let slice = Arc::new(computed(move || rollup.finish(partial)).await?);
        for day in self.days_of(slice.window) {
            let old = self.day(&cluster, day).await?;
            let old_points = if old.is_some() { self.points_of(&cluster, day).await? } else { None };
            let part = Arc::clone(&slice);
            let (ledger, (bins, pods), points) = computed(move || {
                let (ledger, mut tables, mut points) = replaced(day, old, old_points, &part)?;
                let files = tables.write()?;
                Ok((ledger.write()?, files, Tables::write_points(&mut points)?))
            })
            .await?;
            self.write_files(&FileNames::of(&cluster, day), ledger, (bins, pods), Some(points)).await?;
            // Days come one after the other, so that no more than these are ever there.
            let outdated = FileNames::of(&cluster, day - (self.retention.points_days + 1) * DAY_S);
            self.shelf.remove(&outdated.points).await?;
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
        for day in self.days_of(window) {
            if let Some((ledger, tables)) = self.day(cluster, day).await? {
                summary = computed(move || summary.add_day(&ledger, tables)).await?;
            }
        }
        computed(move || Ok(summary.finish())).await
    }

    async fn points(
        &self,
        cluster: &ClusterName,
        containers: Option<&[ContainerId]>,
        window: Window,
    ) -> Result<Vec<ContainerPoints>, HistoryError> {
        let mut found: BTreeMap<ContainerId, ContainerPoints> = BTreeMap::new();
        for day in self.days_of(window) {
            let Some(points) = self.points_of(cluster, day).await? else { continue };
            let Some(mut ledger) = self.ledger(cluster, day).await? else { continue };
            if let Some(wanted) = containers {
                let wanted: HashSet<&ContainerId> = wanted.iter().collect();
                ledger.containers.retain(|container| wanted.contains(container));
            }
            found = computed(move || add_points(found, ledger, &points, window)).await?;
        }
        Ok(found.into_values().filter(|found| !found.cpu.is_empty() || !found.memory.is_empty()).collect())
    }

    async fn prune(&self, cluster: &ClusterName, now: Timestamp) -> Result<u64, HistoryError> {
        let _one_writer = self.writing.lock().await;
        let oldest = day_of(now.as_second()) - self.retention.hours_days * DAY_S;
        let mut days = self.days(cluster).await?;
        let with_points = day_of(now.as_second()) - self.retention.points_days * DAY_S;
        for day in days.iter().filter(|day| **day < with_points) {
            self.shelf.remove(&FileNames::of(cluster, *day).points).await?;
        }
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
    pub(super) fn shelf(&self) -> &S {
        &self.shelf
    }

    /// Waits until nobody else writes.
    pub(super) async fn writing(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.writing.lock().await
    }

    /// Writes a day. The caller holds [`UsageFiles::writing`].
    pub(super) async fn write_day(&self, names: &FileNames, day: Day) -> Result<(), HistoryError> {
        let (ledger, tables, points) = computed(move || {
            let Day { ledger, mut tables, points } = day;
            let points = points.map(|mut points| Tables::write_points(&mut points)).transpose()?;
            Ok((ledger.write()?, tables.write()?, points))
        })
        .await?;
        self.write_files(names, ledger, tables, points).await
    }

    /// The ledger last: until then the day is what it was.
    async fn write_files(
        &self,
        names: &FileNames,
        ledger: Vec<u8>,
        (bins, pods): (Vec<u8>, Vec<u8>),
        points: Option<Vec<u8>>,
    ) -> Result<(), HistoryError> {
        self.shelf.write(&names.bins, bins).await?;
        self.shelf.write(&names.pods, pods).await?;
        if let Some(points) = points {
            self.shelf.write(&names.points, points).await?;
        }
        self.shelf.write(&names.ledger, ledger).await
    }

    /// The days that a window touches; at most those that are kept, so that no window makes a walk through all of time.
    fn days_of(&self, window: Window) -> impl Iterator<Item = i64> + use<S> {
        let last = day_of(window.to_unix_s - 1);
        let first = day_of(window.from_unix_s).max(last - (self.retention.hours_days + 1) * DAY_S);
        (0..).map(move |n| first + n * DAY_S).take_while(move |day| *day <= last)
    }

    /// Days that have files, oldest first.
    pub(super) async fn days(&self, cluster: &ClusterName) -> Result<Vec<i64>, HistoryError> {
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
    pub(super) async fn day(
        &self,
        cluster: &ClusterName,
        day: i64,
    ) -> Result<Option<(Ledger, Tables)>, HistoryError> {
        let names = FileNames::of(cluster, day);
        let Some(ledger) = self.ledger(cluster, day).await? else { return Ok(None) };
        let (bins, pods) = (self.shelf.read(&names.bins).await?, self.shelf.read(&names.pods).await?);
        let (Some(bins), Some(pods)) = (bins, pods) else {
            self.set_aside(&names, &names.ledger, "a table is missing".to_owned()).await?;
            return Ok(None);
        };
        match whole(move || Tables::read(bins, pods)).await? {
            Ok(tables) => Ok(Some((ledger, tables))),
            Err(why) => {
                self.set_aside(&names, &names.bins, why).await?;
                Ok(None)
            }
        }
    }

    /// The points of a day; none where there are none or they were found damaged.
    pub(super) async fn points_of(
        &self,
        cluster: &ClusterName,
        day: i64,
    ) -> Result<Option<DataFrame>, HistoryError> {
        let names = FileNames::of(cluster, day);
        let Some(bytes) = self.shelf.read(&names.points).await? else { return Ok(None) };
        match whole(move || Tables::read_points(bytes)).await? {
            Ok(points) => Ok(Some(points)),
            Err(why) => {
                self.set_aside(&names, &names.points, why).await?;
                Ok(None)
            }
        }
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
pub(super) struct FileNames {
    bins: String,
    pods: String,
    points: String,
    ledger: String,
}

impl FileNames {
    pub(super) fn of(cluster: &ClusterName, day: i64) -> Self {
        let date = Timestamp::from_second(day)
            .map_or_else(|_| day.to_string(), |at| at.to_zoned(TimeZone::UTC).date().to_string());
        let name = |part: &str| format!("{cluster}/{date}.{part}");
        Self {
            bins: name("bins.parquet"),
            pods: name("pods.parquet"),
            points: name("points.parquet"),
            ledger: name("json"),
        }
    }

    fn all(&self) -> [&str; 4] {
        // The ledger first: without it, the tables count for nothing.
        [&self.ledger, &self.bins, &self.pods, &self.points]
    }
}

fn day_in_name(name: &str) -> Option<i64> {
    let date: Date = name.get(..10)?.parse().ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

fn day_of(unix_s: i64) -> i64 {
    unix_s.div_euclid(DAY_S) * DAY_S
}

/// Adds the points of a day, of the containers that its ledger still names. Days come oldest first.
fn add_points(
    mut found: BTreeMap<ContainerId, ContainerPoints>,
    ledger: Ledger,
    points: &DataFrame,
    window: Window,
) -> Result<BTreeMap<ContainerId, ContainerPoints>, HistoryError> {
    let mut series: HashMap<u64, Vec<(i64, f64)>> = HashMap::new();
    let ids = |container: &ContainerId| {
        [series_id(container, Signal::CpuMillicores), series_id(container, Signal::MemoryBytes)]
    };
    let wanted: HashSet<u64> = ledger.containers.iter().flat_map(ids).collect();
    let counts = |hour: i64| ledger.hours.contains_key(&hour);
    points::each_point(points, &wanted, counts, |id, at, value| {
        if (window.from_unix_s..window.to_unix_s).contains(&at) {
            series.entry(id).or_default().push((at, value));
        }
    })?;
    for container in ledger.containers {
        let [cpu, memory] = ids(&container).map(|id| {
            let mut points = series.remove(&id).unwrap_or_default();
            // Slices of one day stand in its file as they came.
            points.sort_unstable_by_key(|(at, _)| *at);
            points
        });
        let all = found.entry(container).or_insert_with_key(|container| ContainerPoints {
            container: container.clone(),
            cpu: Vec::new(),
            memory: Vec::new(),
        });
        all.cpu.extend(cpu);
        all.memory.extend(memory);
    }
    Ok(found)
}

/// Reads a file on the threads for blocking work, where a panic of the engine on damaged bytes is caught.
async fn whole<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<Result<T, String>, HistoryError> {
    match tokio::task::spawn_blocking(read).await {
        Ok(outcome) => Ok(outcome),
        Err(stopped) if stopped.is_panic() => Ok(Err("it is not a table".to_owned())),
        Err(stopped) => Err(HistoryError::Compute(stopped.to_string())),
    }
}

/// Runs a computation on the threads for blocking work.
pub(super) async fn computed<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HistoryError> + Send + 'static,
) -> Result<T, HistoryError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(stopped) => Err(HistoryError::Compute(stopped.to_string())),
    }
}
