//! From the series of one slice to its three tables. Takes series while they arrive; holds neither them nor their samples.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::usage::{Signal, UsageSeries};
use kubeopt_model::{ClusterName, ContainerId, Namespace, Window};
use kubeopt_signal::Sketch;
use polars::prelude::DataFrame;
use sha2::{Digest, Sha256};

use super::frame::{self, BinRows, PodHour, ZERO_BIN};
use super::points::{PodSteps, PointRows};
use super::{HOUR_S, STEP_S};
use crate::error::HistoryError;

/// Rows that are gathered before they are merged: 1.5 MB.
const ROWS_MAX: usize = 1 << 16;

/// A slice on its way to the tables.
#[derive(Debug)]
pub struct Rollup {
    cluster: ClusterName,
    window: Window,
    rows: BinRows,
    bins: DataFrame,
    pods: Vec<PodHour>,
    points: PointRows,
    containers: BTreeSet<ContainerId>,
    /// The first thing that went wrong; told when the slice ends, since a sink has nobody to tell.
    failed: Option<HistoryError>,
}

/// A slice as tables, ready to be stored.
#[derive(Debug, Clone)]
pub(super) struct Slice {
    pub(super) window: Window,
    pub(super) bins: DataFrame,
    pub(super) pods: DataFrame,
    pub(super) points: DataFrame,
    pub(super) containers: BTreeSet<ContainerId>,
    /// Samples of all series, by hour.
    pub(super) samples: BTreeMap<i64, u64>,
    pub(super) partial: Option<String>,
}

impl Rollup {
    pub(super) fn new(cluster: ClusterName, window: Window) -> Self {
        let whole = window.from_unix_s % HOUR_S == 0 && window.to_unix_s % HOUR_S == 0;
        Self {
            cluster,
            window,
            rows: BinRows::default(),
            bins: DataFrame::empty(),
            pods: Vec::new(),
            points: PointRows::default(),
            containers: BTreeSet::new(),
            failed: (!whole || window.seconds() == 0).then_some(HistoryError::Slice { window }),
        }
    }

    /// The cluster that the slice is of.
    pub fn cluster(&self) -> &ClusterName {
        &self.cluster
    }

    /// Adds a series, or a part of one. Samples outside of the slice and values that are not finite are left out.
    pub fn add(&mut self, series: UsageSeries) {
        let id = series_id(&series.container, series.signal);
        let pod = pod_id(&series.container.workload.namespace, &series.pod);
        let signal = series.signal;
        let sized = matches!(signal, Signal::CpuMillicores | Signal::MemoryBytes);
        let mut open: Option<(PodHour, PodSteps)> = None;
        for (at, value) in &series.points {
            if !value.is_finite() || *at < self.window.from_unix_s || *at >= self.window.to_unix_s {
                continue;
            }
            let hour = at.div_euclid(HOUR_S) * HOUR_S;
            if sized {
                self.rows.push(id, hour, Sketch::bin_of(*value).map_or(ZERO_BIN, i32::from));
            }
            match &mut open {
                Some((row, steps)) if row.hour == hour => {
                    add_sample(row, *at, *value);
                    steps.add(*at, *value);
                }
                _ => {
                    let mut steps = PodSteps::default();
                    steps.add(*at, *value);
                    let ended = open.replace((first_sample(id, pod, *at, *value), steps));
                    self.end_hour(signal, ended);
                }
            }
        }
        if open.is_some() {
            self.containers.insert(series.container);
        }
        self.end_hour(signal, open);
        if self.rows.len() >= ROWS_MAX
            && let Err(error) = self.merge()
        {
            self.failed.get_or_insert(error);
        }
    }

    fn end_hour(&mut self, signal: Signal, ended: Option<(PodHour, PodSteps)>) {
        let Some((row, steps)) = ended else { return };
        if matches!(signal, Signal::CpuMillicores | Signal::MemoryBytes | Signal::Restarts) {
            self.points.add(row.series, signal, row.hour, &steps);
        }
        self.pods.push(row);
    }

    /// Ends the slice. Takes a while: not for the threads of the runtime.
    pub(super) fn finish(mut self, partial: Option<String>) -> Result<Slice, HistoryError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.merge()?;
        let mut samples: BTreeMap<i64, u64> = BTreeMap::new();
        for row in &self.pods {
            *samples.entry(row.hour).or_default() += u64::from(row.samples);
        }
        Ok(Slice {
            window: self.window,
            bins: frame::merged_bins(&self.bins)?,
            pods: frame::pods_table(&self.pods)?,
            points: self.points.into_table()?,
            containers: self.containers,
            samples,
            partial,
        })
    }

    fn merge(&mut self) -> Result<(), HistoryError> {
        let rows = std::mem::take(&mut self.rows).into_table()?;
        self.bins = frame::stacked(std::mem::take(&mut self.bins), &rows)?;
        Ok(())
    }
}

fn first_sample(series: u64, pod: u64, at: i64, value: f64) -> PodHour {
    let hour = at.div_euclid(HOUR_S) * HOUR_S;
    PodHour { series, pod, hour, samples: 1, first: at, last: at, sum: value, max: value, max_at: at }
}

fn add_sample(row: &mut PodHour, at: i64, value: f64) {
    row.samples += 1;
    row.first = row.first.min(at);
    row.last = row.last.max(at);
    row.sum += value;
    if value > row.max {
        (row.max, row.max_at) = (value, at);
    }
}

/// Names whoever a row is of, the same in every file: the first 8 bytes of SHA-256. Names come from tenants of a
/// cluster, so a hash that one can aim at would let one workload's samples count for another.
pub(super) fn series_id(container: &ContainerId, signal: Signal) -> u64 {
    let signal = match signal {
        Signal::CpuMillicores => "cpu",
        Signal::MemoryBytes => "memory",
        Signal::ThrottledRatio => "throttled",
        Signal::CpuStartupMillicores => "cpu-startup",
        Signal::MemoryStartupBytes => "memory-startup",
        Signal::Restarts => "restarts",
        Signal::CpuPressure => "cpu-pressure",
        Signal::MemoryPressure => "memory-pressure",
        Signal::CpuReadingMillicores => "cpu-reading",
        Signal::CpuSecondMillicores => "cpu-second",
        Signal::ThrottledSeconds => "throttled-seconds",
        Signal::GpuBusy => "gpu-busy",
        Signal::GpuBusyMax => "gpu-busy-max",
        Signal::GpuMemory => "gpu-memory",
    };
    let workload = &container.workload;
    hashed(&[
        workload.namespace.as_str(),
        workload.kind.as_str(),
        workload.name.as_str(),
        container.container.as_str(),
        signal,
    ])
}

/// What history calls a pod of this namespace.
pub fn pod_id(namespace: &Namespace, pod: &str) -> u64 {
    hashed(&[namespace.as_str(), pod])
}

fn hashed(parts: &[&str]) -> u64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let digest = hasher.finalize();
    digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Samples that a gapless span would have, both ends included.
pub(super) fn steps_between(first: i64, last: i64) -> u64 {
    ((last - first).max(0) / STEP_S + 1) as u64
}
