//! The store of usage as files of days, on disk or in memory.

mod day_files;
mod names;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kubeopt_model::usage::{ContainerPoints, OomKill, Signal};
use kubeopt_model::{ClusterName, ContainerId, ContainerUsage, Problem, Timestamp, Window};
use polars::prelude::DataFrame;

use self::names::{FileNames, day_of};
use super::cover::joined;
use super::day::{Ledger, hours_of, of_hours};
use super::digest::Digest;
use super::retention::Retention;
use super::rollup::{Rollup, Slice, series_id};
use super::shelf::{Folder, Memory, Shelf};
use super::store::UsageStore;
use super::summary::Summary;
use super::tables::Tables;
use super::{DAY_S, HOUR_S, points};
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
    async fn append(&self, rollup: Rollup, partial: Option<String>) -> Result<u64, HistoryError> {
        let _one_writer = self.writing.lock().await;
        let cluster = rollup.cluster().clone();
        let slice = Arc::new(computed(move || rollup.finish(partial)).await?);
        let mut kept = 0;
        for day in self.days_of(slice.window) {
            kept += self.append_day(&cluster, day, &slice).await?;
            // Days come one after the other, so that no more than these are ever there.
            self.forget_points(&cluster, day - (self.retention.points_days + 1) * DAY_S).await?;
        }
        Ok(kept)
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
                self.shelf.write(&FileNames::of(cluster, day).ledger(), ledger.write()?).await?;
            }
        }
        Ok(())
    }

    async fn covered(&self, cluster: &ClusterName) -> Result<Vec<Window>, HistoryError> {
        let mut hours = Vec::new();
        for day in self.days(cluster).await? {
            let names = FileNames::of(cluster, day);
            let Some(bytes) = self.shelf.read(&names.ledger()).await? else { continue };
            match Ledger::settled(&bytes) {
                Ok(settled) => hours.extend(settled),
                Err(why) => self.set_aside(&names, &names.ledger(), why).await?,
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
            let Some(ledger) = self.ledger(cluster, day).await?.map(Arc::new) else { continue };
            let is_whole = ledger.hours.keys().all(|hour| summary.counts(*hour));
            if is_whole {
                let (back, added) = self.add_digest(summary, cluster, day, Arc::clone(&ledger)).await?;
                summary = back;
                if added {
                    continue;
                }
            }
            summary = self.add_tables(summary, cluster, day, ledger, is_whole).await?;
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
            let Some(mut ledger) = self.ledger(cluster, day).await? else { continue };
            let Some(points) = self.points_of(cluster, day, &ledger).await? else { continue };
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
        let today = day_of(now.as_second());
        let oldest = today - self.retention.hours_days * DAY_S;
        let with_points = today - self.retention.points_days * DAY_S;
        let mut pruned = 0;
        for day in self.days(cluster).await? {
            if day < oldest {
                for name in self.files_of(&FileNames::of(cluster, day)).await? {
                    self.shelf.remove(&name).await?;
                }
                pruned += 1;
            } else if day < with_points {
                self.forget_points(cluster, day).await?;
            }
        }
        Ok(pruned)
    }

    fn take_problems(&self) -> Vec<Problem> {
        std::mem::take(&mut self.problems.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Shelf> UsageFiles<S> {
    /// The days that a window touches; at most those that are kept, so that no window makes a walk through all of time.
    fn days_of(&self, window: Window) -> impl Iterator<Item = i64> + use<S> {
        let last = day_of(window.to_unix_s - 1);
        let first = day_of(window.from_unix_s).max(last - (self.retention.hours_days + 1) * DAY_S);
        (0..).map(move |n| first + n * DAY_S).take_while(move |day| *day <= last)
    }

    /// Adds a slice to a day, as a segment of its own or with all others as one; gives how many hours stay as they are. The
    /// caller holds [`UsageFiles::writing`].
    async fn append_day(
        &self,
        cluster: &ClusterName,
        day: i64,
        slice: &Arc<Slice>,
    ) -> Result<u64, HistoryError> {
        let old = self.ledger(cluster, day).await?;
        let mut ledger = old.clone().unwrap_or_default();
        let hours = ledger.wanted(day, slice);
        let kept = hours_of(day, slice).count() - hours.len();
        if hours.is_empty() {
            return Ok(kept as u64);
        }
        ledger.replace(&hours, slice);
        let known = match old {
            None => Some(Digest::default()),
            Some(old) if hours.iter().any(|hour| old.hours.contains_key(hour)) => None,
            Some(old) => self.digest(cluster, day, &old).await?,
        };
        let part = Arc::clone(slice);
        let (mut tables, mut points, digest) = computed(move || {
            let (tables, points) = of_hours(&hours, &part)?;
            let joined = |known: Digest| Ok::<_, HistoryError>(known.joined(Digest::of(&tables, &|_| true)?));
            let digest = known.map(joined).transpose()?;
            Ok((tables, points, digest))
        })
        .await?;
        if ledger.is_scattered(day) {
            let Some(rest) = self.tables(cluster, day, &ledger, Some(ledger.writes)).await? else {
                // The day was damaged and is set aside: the slice is all that there is of it.
                return Box::pin(self.append_day(cluster, day, slice)).await;
            };
            tables = tables.stacked(&rest)?;
            if let Some(rest) = self.points_of(cluster, day, &ledger).await? {
                points = super::frame::stacked(points, &rest)?;
            }
            ledger.put_all_in(ledger.writes);
        }
        self.write_segment(&FileNames::of(cluster, day), ledger, tables, Some(points), digest).await?;
        Ok(kept as u64)
    }

    /// Adds a day's digest to a summary, and says whether there was one.
    async fn add_digest(
        &self,
        mut summary: Summary,
        cluster: &ClusterName,
        day: i64,
        ledger: Arc<Ledger>,
    ) -> Result<(Summary, bool), HistoryError> {
        let Some(table) = self.digest_table(cluster, day).await? else { return Ok((summary, false)) };
        computed(move || {
            summary.add_names(&ledger);
            let digest = Digest::from_table(&table, ledger.writes, &|series| summary.wants(series));
            let Some(digest) = digest.ok().flatten() else { return Ok((summary, false)) };
            summary.add_hours(&ledger);
            summary.add_day(day, &digest, &ledger);
            Ok((summary, true))
        })
        .await
    }

    /// Adds a day's tables to a summary, and keeps the digest of a day that is whole.
    async fn add_tables(
        &self,
        mut summary: Summary,
        cluster: &ClusterName,
        day: i64,
        ledger: Arc<Ledger>,
        is_whole: bool,
    ) -> Result<Summary, HistoryError> {
        let Some(tables) = self.tables(cluster, day, &ledger, None).await? else { return Ok(summary) };
        let (summary, digest) = computed(move || {
            let digest = Digest::of(&tables, &|hour| summary.counts(hour))?;
            drop(tables);
            summary.add_names(&ledger);
            summary.add_hours(&ledger);
            summary.add_day(day, &digest, &ledger);
            let file =
                if is_whole { Some(Tables::write_one(&mut digest.to_table(ledger.writes)?)?) } else { None };
            Ok((summary, file))
        })
        .await?;
        // Another one that writes knows better.
        if let (Some(file), Ok(_one_writer)) = (digest, self.writing.try_lock())
            && let Err(error) = self.shelf.write(&FileNames::of(cluster, day).digest(), file).await
        {
            tracing::debug!(
                "the digest of a day was not kept, so the day is read from its tables again: {error}"
            );
        }
        Ok(summary)
    }
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
        [Signal::CpuMillicores, Signal::MemoryBytes, Signal::Restarts]
            .map(|signal| series_id(container, signal))
    };
    let wanted: HashSet<u64> = ledger.containers.iter().flat_map(ids).collect();
    let counts = |hour: i64| ledger.hours.contains_key(&hour);
    points::each_point(points, &wanted, counts, |id, at, value| {
        if (window.from_unix_s..window.to_unix_s).contains(&at) {
            series.entry(id).or_default().push((at, value));
        }
    })?;
    for container in ledger.containers {
        let [cpu, memory, restarts] = ids(&container).map(|id| {
            let mut points = series.remove(&id).unwrap_or_default();
            // Slices of one day stand in its file as they came.
            points.sort_unstable_by_key(|(at, _)| *at);
            points
        });
        let all = found.entry(container).or_insert_with_key(|container| ContainerPoints {
            container: container.clone(),
            cpu: Vec::new(),
            memory: Vec::new(),
            restarts: Vec::new(),
        });
        all.cpu.extend(cpu);
        all.memory.extend(memory);
        let restarted = restarts.into_iter().filter(|(_, count)| *count > 0.0);
        all.restarts.extend(restarted.map(|(at, _)| at.div_euclid(HOUR_S) * HOUR_S));
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
