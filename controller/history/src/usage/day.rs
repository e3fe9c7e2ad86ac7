//! One day of one cluster as four files: three tables in Parquet, and the ledger that says which hours of them count.
//!
//! The third table, of points, is there for the youngest days only; see `points`.
//!
//! The ledger is written last. Hours that the tables hold and the ledger does not name were cut off by a kill: they are
//! left out when reading and replaced when their slice comes again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use kubeopt_model::ContainerId;
use kubeopt_model::usage::OomKill;
use polars::prelude::{
    DataFrame, ParquetCompression, ParquetReader, ParquetWriter, SerReader as _, StatisticsOptions, ZstdLevel,
};
use serde::{Deserialize, Serialize};

use super::rollup::Slice;
use super::{DAY_S, HOUR_S, frame, points};
use crate::error::HistoryError;

/// Version of the files; another one is read again from the source rather than converted.
const VERSION: u32 = 1;

/// How often an incomplete hour is read again. A store that warns for ever must not be read as a whole in each pass.
const ATTEMPTS_MAX: u32 = 3;

/// Kills of one container this close are one kill, seen twice.
const SAME_KILL_S: i64 = 600;

/// Most kills of one day that are kept. A container in a crash loop is killed 288 times a day at most.
const OOM_KILLS_MAX: usize = 20_000;

/// What is known of one hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HourState {
    /// Why it is incomplete, if it is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) partial: Option<String>,
    /// How often it was read.
    pub(super) attempts: u32,
}

/// The hours of a ledger, without the names, which make most of it.
#[derive(Debug, Deserialize)]
struct HoursOnly {
    version: u32,
    hours: BTreeMap<i64, HourState>,
}

/// What the tables of a day hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ledger {
    version: u32,
    /// By the start of the hour.
    pub(super) hours: BTreeMap<i64, HourState>,
    /// Whose series these are; the hashes of their series follow from their names.
    pub(super) containers: BTreeSet<ContainerId>,
    /// Oldest first.
    pub(super) oom_kills: Vec<OomKill>,
}

/// A day's tables.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    pub(super) bins: DataFrame,
    pub(super) pods: DataFrame,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { version: VERSION, hours: BTreeMap::new(), containers: BTreeSet::new(), oom_kills: Vec::new() }
    }
}

impl Ledger {
    /// From the bytes of its file.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let ledger: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        version_is_ours(ledger.version)?;
        Ok(ledger)
    }

    /// The bytes of its file.
    pub(super) fn write(&self) -> Result<Vec<u8>, HistoryError> {
        serde_json::to_vec(self).map_err(|error| HistoryError::Compute(error.to_string()))
    }

    /// Hours that need not be read again, from the bytes of the file.
    pub(super) fn settled(bytes: &[u8]) -> Result<Vec<i64>, String> {
        let ledger: HoursOnly = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        version_is_ours(ledger.version)?;
        let settled = |state: &HourState| state.partial.is_none() || state.attempts >= ATTEMPTS_MAX;
        Ok(ledger.hours.into_iter().filter(|(_, state)| settled(state)).map(|(hour, _)| hour).collect())
    }

    /// Takes over the hours of a slice that lie within the day; gives their range.
    fn replace(&mut self, day: i64, slice: &Slice) -> (i64, i64) {
        let from = slice.window.from_unix_s.max(day);
        let to = slice.window.to_unix_s.min(day + DAY_S);
        let mut hour = from;
        while hour < to {
            let attempts = self.hours.get(&hour).map_or(0, |state| state.attempts) + 1;
            self.hours.insert(hour, HourState { partial: slice.partial.clone(), attempts });
            hour += HOUR_S;
        }
        self.containers.extend(slice.containers.iter().cloned());
        (from, to)
    }

    /// Adds kills that are not known yet; gives whether there were any. Sources differ by some minutes on when it was.
    pub(super) fn add_oom_kills(&mut self, kills: &[&OomKill]) -> bool {
        let before = self.oom_kills.len();
        for kill in kills {
            let known = self.oom_kills.iter().any(|known| {
                known.container == kill.container && (known.at_unix_s - kill.at_unix_s).abs() <= SAME_KILL_S
            });
            if !known && self.oom_kills.len() < OOM_KILLS_MAX {
                self.oom_kills.push((*kill).clone());
            }
        }
        self.oom_kills.sort_by(|a, b| (a.at_unix_s, &a.container).cmp(&(b.at_unix_s, &b.container)));
        self.oom_kills.len() > before
    }
}

impl Tables {
    /// From the bytes of the two files. The engine may panic on damaged bytes; the caller runs it where that is caught.
    pub(super) fn read(bins: Vec<u8>, pods: Vec<u8>) -> Result<Self, String> {
        Ok(Self {
            bins: table(bins, &["series", "hour", "bin", "count"])?,
            pods: table(
                pods,
                &["series", "pod", "hour", "samples", "first", "last", "sum", "max", "max_at"],
            )?,
        })
    }

    /// The bytes of the two files: bins, pods.
    pub(super) fn write(&mut self) -> Result<(Vec<u8>, Vec<u8>), HistoryError> {
        Ok((parquet(&mut self.bins)?, parquet(&mut self.pods)?))
    }

    /// The third table, from the bytes of its file; may panic as [`Tables::read`].
    pub(super) fn read_points(bytes: Vec<u8>) -> Result<DataFrame, String> {
        table(bytes, &points::columns())
    }

    /// The bytes of the third table's file.
    pub(super) fn write_points(points: &mut DataFrame) -> Result<Vec<u8>, HistoryError> {
        parquet(points)
    }
}

fn table(bytes: Vec<u8>, columns: &[&str]) -> Result<DataFrame, String> {
    let mut table = ParquetReader::new(Cursor::new(bytes)).finish().map_err(|error| error.to_string())?;
    table.as_single_chunk_par();
    table.select(columns.iter().copied()).map_err(|error| error.to_string())
}

fn version_is_ours(version: u32) -> Result<(), String> {
    if version == VERSION { Ok(()) } else { Err(format!("version {version} is not {VERSION}")) }
}

/// The day with the hours of the slice replaced: ledger, tables, points.
pub(super) fn replaced(
    day: i64,
    old: Option<(Ledger, Tables)>,
    old_points: Option<DataFrame>,
    slice: &Slice,
) -> Result<(Ledger, Tables, DataFrame), HistoryError> {
    let (mut ledger, tables) = match old {
        Some((ledger, tables)) => (ledger, Some(tables)),
        None => (Ledger::default(), None),
    };
    let known: Vec<i64> = ledger.hours.keys().copied().collect();
    let (from, to) = ledger.replace(day, slice);
    let new = |hour: i64| (from..to).contains(&hour);
    let kept = |hour: i64| !new(hour) && known.binary_search(&hour).is_ok();
    let merged = |old: Option<&DataFrame>, slice: &DataFrame| -> Result<DataFrame, HistoryError> {
        let new = frame::picked(slice, new, None)?;
        match old {
            Some(old) => frame::stacked(frame::picked(old, kept, None)?, &new),
            None => Ok(new),
        }
    };
    let bins = merged(tables.as_ref().map(|tables| &tables.bins), &slice.bins)?;
    let pods = merged(tables.as_ref().map(|tables| &tables.pods), &slice.pods)?;
    let points = merged(old_points.as_ref(), &slice.points)?;
    Ok((ledger, Tables { bins, pods }, points))
}

fn parquet(table: &mut DataFrame) -> Result<Vec<u8>, HistoryError> {
    let mut bytes = Vec::new();
    table.as_single_chunk();
    // Level 1: numbers in sorted runs are small already; higher levels gain a few per cent and cost several times as much.
    ParquetWriter::new(&mut bytes)
        .with_compression(ParquetCompression::Zstd(Some(ZstdLevel::try_new(1)?)))
        .with_statistics(StatisticsOptions::empty())
        .finish(table)?;
    Ok(bytes)
}
