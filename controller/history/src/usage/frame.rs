//! The two tables of usage and what is computed on them: the only place that names columns.
//!
//! `bins`: series, hour, bin, count. How many samples of an hour fall into a bin of the sketch. Long, so that merging is
//! sorting and adding up.
//! `pods`: series, pod, hour, samples, first, last, sum, max, max_at. One row per pod and hour.
//! `series` and `pod` are hashes; the ledger of the day (see `day`) says whose. Times are seconds since the epoch.

use polars::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::HistoryError;

/// The bin of values that count as zero.
pub(super) const ZERO_BIN: i32 = i32::MIN;

/// Rows of `bins`, in columns.
#[derive(Debug, Default)]
pub(super) struct BinRows {
    pub(super) series: Vec<u64>,
    pub(super) hour: Vec<i64>,
    pub(super) bin: Vec<i32>,
    pub(super) count: Vec<u32>,
}

/// One row of `pods`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PodHour {
    pub(super) series: u64,
    pub(super) pod: u64,
    pub(super) hour: i64,
    pub(super) samples: u32,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) sum: f64,
    pub(super) max: f64,
    pub(super) max_at: i64,
}

/// A pod of a series over a window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct PodSpan {
    pub(super) pod: u64,
    pub(super) samples: u32,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) sum: f64,
    /// To 7 digits: it tells pods apart.
    pub(super) max: f32,
}

impl PodSpan {
    /// Takes over what another one of the same pod tells.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.samples = self.samples.saturating_add(other.samples);
        self.sum += other.sum;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.max = self.max.max(other.max);
    }
}

impl BinRows {
    pub(super) fn len(&self) -> usize {
        self.bin.len()
    }

    /// Adds one sample; a run of samples in one bin is one row.
    pub(super) fn push(&mut self, series: u64, hour: i64, bin: i32) {
        let same = self.bin.last() == Some(&bin)
            && self.hour.last() == Some(&hour)
            && self.series.last() == Some(&series);
        match self.count.last_mut() {
            Some(count) if same => *count += 1,
            _ => {
                self.series.push(series);
                self.hour.push(hour);
                self.bin.push(bin);
                self.count.push(1);
            }
        }
    }

    /// As a table, merged.
    pub(super) fn into_table(self) -> Result<DataFrame, HistoryError> {
        let table = DataFrame::new(vec![
            UInt64Chunked::from_vec("series".into(), self.series).into_column(),
            Int64Chunked::from_vec("hour".into(), self.hour).into_column(),
            Int32Chunked::from_vec("bin".into(), self.bin).into_column(),
            UInt32Chunked::from_vec("count".into(), self.count).into_column(),
        ])?;
        merged_bins(&table)
    }
}

/// Counts added up by series, hour and bin; the rows of each series together and in order: long runs compress well, and
/// each hour's bins stand side by side.
///
/// By hand and not by the engine's `group_by`, which needs several times as much beside the rows.
pub(super) fn merged_bins(bins: &DataFrame) -> Result<DataFrame, HistoryError> {
    let mut rows: Vec<(u64, i64, i32, u32)> = Vec::with_capacity(bins.height());
    each_bin(bins, |series, hour, bin, count| rows.push((series, hour, bin, count)))?;
    // Stable, as that sort makes use of what is in order already: tables below each other are, each in itself.
    rows.sort_by_key(|(series, hour, bin, _)| (*series, *hour, *bin));
    rows.dedup_by(|next, kept| {
        let same = (next.0, next.1, next.2) == (kept.0, kept.1, kept.2);
        if same {
            kept.3 = kept.3.saturating_add(next.3);
        }
        same
    });
    let rows = || rows.iter();
    Ok(DataFrame::new(vec![
        UInt64Chunked::from_iter_values("series".into(), rows().map(|row| row.0)).into_column(),
        Int64Chunked::from_iter_values("hour".into(), rows().map(|row| row.1)).into_column(),
        Int32Chunked::from_iter_values("bin".into(), rows().map(|row| row.2)).into_column(),
        UInt32Chunked::from_iter_values("count".into(), rows().map(|row| row.3)).into_column(),
    ])?)
}

/// Rows of `pods` as a table.
pub(super) fn pods_table(rows: &[PodHour]) -> Result<DataFrame, HistoryError> {
    let times = |name: &str, of: fn(&PodHour) -> i64| {
        Int64Chunked::from_vec(name.into(), rows.iter().map(of).collect()).into_column()
    };
    let values = |name: &str, of: fn(&PodHour) -> f64| {
        Float64Chunked::from_vec(name.into(), rows.iter().map(of).collect()).into_column()
    };
    Ok(DataFrame::new(vec![
        UInt64Chunked::from_vec("series".into(), rows.iter().map(|row| row.series).collect()).into_column(),
        UInt64Chunked::from_vec("pod".into(), rows.iter().map(|row| row.pod).collect()).into_column(),
        times("hour", |row| row.hour),
        UInt32Chunked::from_vec("samples".into(), rows.iter().map(|row| row.samples).collect()).into_column(),
        times("first", |row| row.first),
        times("last", |row| row.last),
        values("sum", |row| row.sum),
        values("max", |row| row.max),
        times("max_at", |row| row.max_at),
    ])?)
}

/// One table under the other, in chunks.
pub(super) fn stacked(first: DataFrame, second: &DataFrame) -> Result<DataFrame, HistoryError> {
    if first.width() == 0 || first.is_empty() {
        return Ok(second.clone());
    }
    let mut both = first;
    both.vstack_mut(second)?;
    Ok(both)
}

/// The rows of some hours.
pub(super) fn picked(table: &DataFrame, keep_hour: &dyn Fn(i64) -> bool) -> Result<DataFrame, HistoryError> {
    let hours = table.column("hour")?.i64()?.iter();
    let mask = hours.map(|hour| hour.is_some_and(keep_hour));
    let mask: BooleanChunked = BooleanChunked::from_iter_values("keep".into(), mask);
    // The usual case, and a copy saved: a table shares its columns when it is cloned.
    if mask.all() { Ok(table.clone()) } else { Ok(table.filter(&mask)?) }
}

/// Calls back for each row of `bins`: series, hour, bin, count.
fn each_bin(bins: &DataFrame, mut each: impl FnMut(u64, i64, i32, u32)) -> Result<(), HistoryError> {
    let (series, hour) = (bins.column("series")?.u64()?, bins.column("hour")?.i64()?);
    let (bin, count) = (bins.column("bin")?.i32()?, bins.column("count")?.u32()?);
    let rows = series.iter().zip(hour.iter()).zip(bin.iter().zip(count.iter()));
    for row in rows {
        if let ((Some(series), Some(hour)), (Some(bin), Some(count))) = row {
            each(series, hour, bin, count);
        }
    }
    Ok(())
}

/// Calls back for each run of rows of one series in `bins`: series, and (hour, bin, count) of each row.
pub(super) fn each_run(
    bins: &DataFrame,
    mut each: impl FnMut(u64, &mut Vec<(i64, i32, u32)>),
) -> Result<(), HistoryError> {
    let (mut open, mut rows) = (None, Vec::new());
    each_bin(bins, |series, hour, bin, count| {
        if let Some(ended) = open.replace(series).filter(|ended| *ended != series) {
            each(ended, &mut rows);
            rows.clear();
        }
        rows.push((hour, bin, count));
    })?;
    if let Some(ended) = open {
        each(ended, &mut rows);
    }
    Ok(())
}

/// Calls back for each row of `pods`: series, the pod's span, the hour, its highest value and the time of that.
pub(super) fn each_pod(
    pods: &DataFrame,
    mut each: impl FnMut(u64, PodSpan, i64, (f64, i64)),
) -> Result<(), HistoryError> {
    let ids = pods.column("series")?.u64()?.iter().zip(pods.column("pod")?.u64()?.iter());
    let times = pods.column("first")?.i64()?.iter().zip(pods.column("last")?.i64()?.iter());
    let figures = pods.column("samples")?.u32()?.iter().zip(pods.column("sum")?.f64()?.iter());
    let maxima = pods.column("max")?.f64()?.iter().zip(pods.column("max_at")?.i64()?.iter());
    let hours = pods.column("hour")?.i64()?.iter();
    for (((series, pod), (first, last)), ((samples, sum), ((max, at), hour))) in
        ids.zip(times).zip(figures.zip(maxima.zip(hours)))
    {
        let own = series.zip(pod).zip(first.zip(last)).zip(samples.zip(sum));
        let row = own.zip(max.zip(at)).zip(hour);
        let Some((((ids, (samples, sum)), highest), hour)) = row else { continue };
        let ((series, pod), (first, last)) = ids;
        each(series, PodSpan { pod, samples, first, last, sum, max: highest.0 as f32 }, hour, highest);
    }
    Ok(())
}
