//! The two tables of usage and what is computed on them: the only place that names columns.
//!
//! `bins`: series, hour, bin, count. How many samples of an hour fall into a bin of the sketch. Long, so that merging is
//! sorting and adding up.
//! `pods`: series, pod, hour, samples, first, last, sum, max, max_at. One row per pod and hour.
//! `series` and `pod` are hashes; the ledger of the day (see `day`) says whose. Times are seconds since the epoch.

use std::collections::HashSet;

use polars::prelude::*;

use crate::error::HistoryError;

/// The bin of values that count as zero.
pub(super) const ZERO_BIN: i32 = i32::MIN;

/// What counts are added up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Series, hour and bin.
    Hour,
    /// Series and bin.
    Series,
}

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
    pub(super) pod: u64,
    pub(super) samples: u32,
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) sum: f64,
}

impl PodSpan {
    /// Takes over what another one of the same pod tells.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.samples = self.samples.saturating_add(other.samples);
        self.sum += other.sum;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
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
        merged_bins(&table, By::Hour)
    }
}

/// Counts added up by series, hour and bin, or by series and bin where the table has no hour or `keys` names none; the
/// rows of each series together and in order: long runs compress well, and each hour's bins stand side by side.
///
/// By hand and not by the engine's `group_by`, which needs several times as much beside the rows.
pub(super) fn merged_bins(bins: &DataFrame, by: By) -> Result<DataFrame, HistoryError> {
    let mut rows: Vec<(u64, i64, i32, u32)> = Vec::with_capacity(bins.height());
    each_bin(bins, |series, hour, bin, count| {
        let hour = if by == By::Hour { hour } else { 0 };
        rows.push((series, hour, bin, count));
    })?;
    // Stable, as that sort makes use of what is in order already: tables below each other are, each in itself.
    rows.sort_by_key(|(series, hour, bin, _)| (*series, *hour, *bin));
    rows.dedup_by(|next, kept| {
        let same = (next.0, next.1, next.2) == (kept.0, kept.1, kept.2);
        if same {
            kept.3 = kept.3.saturating_add(next.3);
        }
        same
    });
    let mut columns =
        vec![UInt64Chunked::from_iter_values("series".into(), rows.iter().map(|row| row.0)).into_column()];
    if by == By::Hour {
        columns
            .push(Int64Chunked::from_iter_values("hour".into(), rows.iter().map(|row| row.1)).into_column());
    }
    columns.push(Int32Chunked::from_iter_values("bin".into(), rows.iter().map(|row| row.2)).into_column());
    columns.push(UInt32Chunked::from_iter_values("count".into(), rows.iter().map(|row| row.3)).into_column());
    Ok(DataFrame::new(columns)?)
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

/// `pods` merged by pod: first and last sight, samples, sum of the values; in the order of series and pods.
pub(super) fn merged_pods(pods: &DataFrame) -> Result<DataFrame, HistoryError> {
    let ids = pods.column("series")?.u64()?.iter().zip(pods.column("pod")?.u64()?.iter());
    let times = pods.column("first")?.i64()?.iter().zip(pods.column("last")?.i64()?.iter());
    let figures = pods.column("samples")?.u32()?.iter().zip(pods.column("sum")?.f64()?.iter());
    let mut rows: Vec<PodSpan> = Vec::with_capacity(pods.height());
    for ((series, pod), ((first, last), (samples, sum))) in ids.zip(times.zip(figures)) {
        if let (Some(series), Some(pod), Some(first), Some(last), Some(samples), Some(sum)) =
            (series, pod, first, last, samples, sum)
        {
            rows.push(PodSpan { series, pod, samples, first, last, sum });
        }
    }
    rows.sort_by_key(|span| (span.series, span.pod));
    rows.dedup_by(|next, kept| {
        let same = (next.series, next.pod) == (kept.series, kept.pod);
        if same {
            kept.absorb(next);
        }
        same
    });
    let spans = || rows.iter();
    Ok(DataFrame::new(vec![
        UInt64Chunked::from_iter_values("series".into(), spans().map(|span| span.series)).into_column(),
        UInt64Chunked::from_iter_values("pod".into(), spans().map(|span| span.pod)).into_column(),
        UInt32Chunked::from_iter_values("samples".into(), spans().map(|span| span.samples)).into_column(),
        Float64Chunked::from_iter_values("sum".into(), spans().map(|span| span.sum)).into_column(),
        Int64Chunked::from_iter_values("first".into(), spans().map(|span| span.first)).into_column(),
        Int64Chunked::from_iter_values("last".into(), spans().map(|span| span.last)).into_column(),
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
    let ids = merged.column("series")?.u64()?.iter().zip(merged.column("pod")?.u64()?.iter());
    let times = merged.column("first")?.i64()?.iter().zip(merged.column("last")?.i64()?.iter());
    let figures = merged.column("samples")?.u32()?.iter().zip(merged.column("sum")?.f64()?.iter());
    Ok(ids
        .zip(times.zip(figures))
        .filter_map(|((series, pod), ((first, last), (samples, sum)))| {
            let (series, pod, samples) = (series?, pod?, samples?);
            Some(PodSpan { series, pod, samples, first: first?, last: last?, sum: sum? })
        })
        .collect())
}
