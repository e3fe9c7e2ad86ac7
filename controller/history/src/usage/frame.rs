//! The two tables of usage and what is computed on them: the only place that names columns.
//!
//! `bins`: series, hour, bin, count. How many samples of an hour fall into a bin of the sketch. Long, so that merging is
//! `group_by(...).sum(count)`.
//! `pods`: series, pod, hour, samples, first, last, sum, max, max_at. One row per pod and hour.
//! `series` and `pod` are hashes; the ledger of the day (see `day`) says whose. Times are seconds since the epoch.

use std::collections::HashSet;

use polars::prelude::*;

use crate::error::HistoryError;

/// The bin of values that count as zero.
pub(super) const ZERO_BIN: i32 = i32::MIN;

/// Rows that are merged at once: some 2 MB of rows, and 10 MB beside them.
const PART_ROWS: u64 = 1 << 16;

/// Most parts: each is a pass over the series' column.
const PARTS_MAX: u64 = 64;

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
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PodSpan {
    pub(super) series: u64,
    pub(super) samples: u32,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) sum: f64,
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
        merged_bins(&table, &["series", "hour", "bin"])
    }
}

/// Counts added up by `keys`, of which the first is the series.
pub(super) fn merged_bins(bins: &DataFrame, keys: &[&str]) -> Result<DataFrame, HistoryError> {
    if bins.is_empty() {
        return Ok(bins.select(keys.iter().copied().chain(["count"]))?);
    }
    in_parts(bins, |part| added_up(part, keys))
}

/// The same by series, hour and bin, with the rows of each series together and in order: long runs compress well, and
/// each hour's bins stand side by side.
pub(super) fn merged_sorted_bins(bins: &DataFrame) -> Result<DataFrame, HistoryError> {
    let keys = ["series", "hour", "bin"];
    if bins.is_empty() {
        return Ok(bins.clone());
    }
    in_parts(bins, |part| Ok(added_up(part, &keys)?.sort(keys, SortMultipleOptions::default())?))
}

/// Works on the rows of some series after the other: what the engine needs beside the rows is several times as large as
/// the rows, and a part needs only a part of it.
fn in_parts(
    bins: &DataFrame,
    work: impl Fn(&DataFrame) -> Result<DataFrame, HistoryError>,
) -> Result<DataFrame, HistoryError> {
    let parts = (bins.height() as u64 / PART_ROWS).clamp(1, PARTS_MAX);
    if parts == 1 {
        return work(bins);
    }
    let mut all: Option<DataFrame> = None;
    for part in 0..parts {
        let of_part = bins.column("series")?.u64()?.iter().map(|id| id.is_some_and(|id| id % parts == part));
        let mask = BooleanChunked::from_iter_values("keep".into(), of_part);
        let done = work(&bins.filter(&mask)?)?;
        match &mut all {
            Some(all) => {
                all.vstack_mut(&done)?;
            }
            None => all = Some(done),
        }
    }
    let mut all = all.unwrap_or_else(|| bins.clear());
    all.as_single_chunk();
    Ok(all)
}

#[allow(
    deprecated,
    reason = "the eager group-by; the lazy one doubles the build time of polars for nothing gained"
)]
fn added_up(bins: &DataFrame, keys: &[&str]) -> Result<DataFrame, HistoryError> {
    if bins.is_empty() {
        return Ok(bins.select(keys.iter().copied().chain(["count"]))?);
    }
    let mut merged = bins.group_by(keys.iter().copied())?.select(["count"]).sum()?;
    merged.rename("count_sum", "count".into())?;
    Ok(merged)
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

/// `pods` merged by pod: first and last sight, samples, sum of the values.
#[allow(deprecated, reason = "see added_up")]
pub(super) fn merged_pods(pods: &DataFrame) -> Result<DataFrame, HistoryError> {
    if pods.is_empty() {
        return Ok(pods.select(["series", "pod", "samples", "sum", "first", "last"])?);
    }
    let groups = pods.group_by(["series", "pod"])?;
    let mut merged = groups.clone().select(["samples", "sum"]).sum()?;
    let first = groups.clone().select(["first"]).min()?;
    let last = groups.select(["last"]).max()?;
    merged.rename("samples_sum", "samples".into())?.rename("sum_sum", "sum".into())?;
    let mut first = first.column("first_min")?.clone();
    let mut last = last.column("last_max")?.clone();
    first.rename("first".into());
    last.rename("last".into());
    merged.with_column(first)?.with_column(last)?;
    Ok(merged)
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

/// The rows of some hours, and of some series where they are named.
pub(super) fn picked(
    table: &DataFrame,
    keep_hour: impl Fn(i64) -> bool,
    series: Option<&HashSet<u64>>,
) -> Result<DataFrame, HistoryError> {
    let hours = table.column("hour")?.i64()?.iter();
    let ids = table.column("series")?.u64()?.iter();
    let mask = hours.zip(ids).map(|(hour, id)| {
        hour.is_some_and(&keep_hour) && series.is_none_or(|series| id.is_some_and(|id| series.contains(&id)))
    });
    let mask: BooleanChunked = BooleanChunked::from_iter_values("keep".into(), mask);
    // The usual case, and a copy saved: a table shares its columns when it is cloned.
    if mask.all() { Ok(table.clone()) } else { Ok(table.filter(&mask)?) }
}

/// Calls back for each row of `bins`: series, hour (0 where the table has none), bin, count.
pub(super) fn each_bin(
    bins: &DataFrame,
    mut each: impl FnMut(u64, i64, i32, u32),
) -> Result<(), HistoryError> {
    let series = bins.column("series")?.u64()?;
    let bin = bins.column("bin")?.i32()?;
    let count = bins.column("count")?.u32()?;
    let hours = bins.column("hour").ok().map(|hour| hour.i64()).transpose()?;
    let mut hour_iter = hours.map(|hours| hours.iter());
    for ((series, bin), count) in series.iter().zip(bin.iter()).zip(count.iter()) {
        let hour = hour_iter.as_mut().and_then(Iterator::next).flatten().unwrap_or_default();
        if let (Some(series), Some(bin), Some(count)) = (series, bin, count) {
            each(series, hour, bin, count);
        }
    }
    Ok(())
}

/// Calls back with series, highest value and its time for each row of `pods`.
pub(super) fn each_max(pods: &DataFrame, mut each: impl FnMut(u64, f64, i64)) -> Result<(), HistoryError> {
    let (series, max, at) =
        (pods.column("series")?.u64()?, pods.column("max")?.f64()?, pods.column("max_at")?.i64()?);
    for ((series, max), at) in series.iter().zip(max.iter()).zip(at.iter()) {
        if let (Some(series), Some(max), Some(at)) = (series, max, at) {
            each(series, max, at);
        }
    }
    Ok(())
}

/// The rows of a table that [`merged_pods`] made.
pub(super) fn pod_spans(merged: &DataFrame) -> Result<Vec<PodSpan>, HistoryError> {
    let (series, samples) = (merged.column("series")?.u64()?, merged.column("samples")?.u32()?);
    let (first, last) = (merged.column("first")?.i64()?, merged.column("last")?.i64()?);
    let sum = merged.column("sum")?.f64()?;
    let rows = series.iter().zip(samples.iter()).zip(first.iter().zip(last.iter()).zip(sum.iter()));
    Ok(rows
        .filter_map(|((series, samples), ((first, last), sum))| {
            Some(PodSpan { series: series?, samples: samples?, first: first?, last: last?, sum: sum? })
        })
        .collect())
}
