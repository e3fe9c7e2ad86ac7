//! All that a summary needs to know of a day, one row a series: a fraction of what the day's tables hold, and read in a
//! fraction of the time.
//!
//! Derived from the tables and made again from them whenever it is missing, damaged, or of another write of the day than
//! the ledger's.

use std::collections::HashMap;

use polars::prelude::*;

use super::frame;
use super::series_day::{OpenDay, SeriesDay};
use super::tables::{Tables, table};
use crate::error::HistoryError;

/// The series of a day, in the order of their hashes.
///
/// No function here is generic: each is compiled where this crate is, which is optimised in every profile.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Digest {
    days: Vec<(u64, SeriesDay)>,
}

impl Digest {
    /// Of the hours that count.
    pub(super) fn of(tables: &Tables, counts: &dyn Fn(i64) -> bool) -> Result<Self, HistoryError> {
        let mut open: HashMap<u64, OpenDay> = HashMap::new();
        frame::each_pod(&tables.pods, |series, span, hour, highest| {
            if counts(hour) {
                open.entry(series).or_default().add_pod(span, highest);
            }
        })?;
        frame::each_run(&tables.bins, |series, rows| {
            rows.retain(|(hour, ..)| counts(*hour));
            if !rows.is_empty() {
                open.entry(series).or_default().add_rows(rows);
            }
        })?;
        let mut days: Vec<(u64, SeriesDay)> =
            open.into_iter().map(|(series, open)| (series, open.end())).collect();
        days.sort_unstable_by_key(|(series, _)| *series);
        Ok(Self { days })
    }

    /// Both parts of one day, which share no hour.
    pub(super) fn joined(self, other: Self) -> Self {
        let mut days = self.days;
        days.extend(other.days);
        // Stable, as two runs that are in order already are gone through once.
        days.sort_by_key(|(series, _)| *series);
        days.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1.absorb(std::mem::take(&mut next.1));
            }
            same
        });
        Self { days }
    }

    /// As a table: `series`, `writes` (the same in each row: of which write of the day it is), `day` (packed).
    pub(super) fn to_table(&self, writes: u32) -> Result<DataFrame, HistoryError> {
        let packed: Vec<Vec<u8>> = self
            .days
            .iter()
            .map(|(_, day)| postcard::to_stdvec(day).map_err(unpackable))
            .collect::<Result<_, _>>()?;
        Ok(DataFrame::new(vec![
            UInt64Chunked::from_iter_values("series".into(), self.days.iter().map(|(series, _)| *series))
                .into_column(),
            UInt32Chunked::full("writes".into(), writes, self.days.len()).into_column(),
            BinaryChunked::from_iter_values("day".into(), packed.iter().map(Vec::as_slice)).into_column(),
        ])?)
    }

    /// The columns of its table.
    pub(super) const COLUMNS: [&str; 3] = ["series", "writes", "day"];

    /// Its table, from the bytes of its file; may panic as [`Tables::read`].
    pub(super) fn read_table(bytes: Vec<u8>) -> Result<DataFrame, String> {
        table(bytes, &Self::COLUMNS)
    }

    /// The series that are wanted, from its table; none where it is of another write than this one.
    pub(super) fn from_table(
        table: &DataFrame,
        writes: u32,
        is_wanted: &dyn Fn(u64) -> bool,
    ) -> Result<Option<Self>, HistoryError> {
        if table.column("writes")?.u32()?.iter().any(|of| of != Some(writes)) {
            return Ok(None);
        }
        let rows = table.column("series")?.u64()?.iter().zip(table.column("day")?.binary()?.iter());
        let mut days = Vec::new();
        for row in rows {
            let (Some(series), Some(packed)) = row else { return Ok(None) };
            if is_wanted(series) {
                days.push((series, postcard::from_bytes(packed).map_err(unpackable)?));
            }
        }
        Ok(Some(Self { days }))
    }

    /// The days of all series.
    pub(super) fn days(&self) -> &[(u64, SeriesDay)] {
        &self.days
    }
}

fn unpackable(error: postcard::Error) -> HistoryError {
    HistoryError::Compute(format!("a day of a series: {error}"))
}
