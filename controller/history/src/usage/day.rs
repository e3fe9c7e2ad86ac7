//! One day of one cluster as files: tables in Parquet, and the ledger that says which hours of them count.
//!
//! Each write adds its hours as a segment, three tables of its own: bins, pods, and points for the youngest days. The
//! ledger, written last, says of each hour in which segment it counts. So a write takes as long as what it writes, and
//! what a kill left behind counts for nothing.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::ContainerId;
use kubeopt_model::usage::OomKill;
use polars::prelude::DataFrame;
use serde::{Deserialize, Serialize};

use super::rollup::Slice;
use super::tables::Tables;
use super::{DAY_S, HOUR_S, frame};
use crate::error::HistoryError;

/// Version of the files; one that is not known is read again from the source.
const VERSION: u32 = 2;

/// The oldest version that is read: it has one segment.
const OLDEST_VERSION: u32 = 1;

/// Most segments that a day is left with; then they are made one.
const SEGMENTS_MAX: usize = 12;

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
    /// Where its rows are.
    #[serde(default)]
    pub(super) segment: u32,
    /// Samples of all its series; 0 where it was stored before they were counted.
    #[serde(default)]
    pub(super) samples: u64,
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
    /// How often the tables were written since the first time, which is what the last segment is called.
    #[serde(default)]
    pub(super) writes: u32,
    /// By the start of the hour.
    pub(super) hours: BTreeMap<i64, HourState>,
    /// Whose series these are; the hashes of their series follow from their names.
    pub(super) containers: BTreeSet<ContainerId>,
    /// Oldest first.
    pub(super) oom_kills: Vec<OomKill>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            version: VERSION,
            writes: 0,
            hours: BTreeMap::new(),
            containers: BTreeSet::new(),
            oom_kills: Vec::new(),
        }
    }
}

impl Ledger {
    /// From the bytes of its file.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let ledger: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        version_is_ours(ledger.version)?;
        Ok(Self { version: VERSION, ..ledger })
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

    /// The hours of a slice that lie within the day and are to be taken over. One that is complete stays where the slice has
    /// less of it: who tells of the past may have lost a part of it since.
    pub(super) fn wanted(&self, day: i64, slice: &Slice) -> BTreeSet<i64> {
        let is_fuller = |hour: &i64| {
            let samples = slice.samples.get(hour).copied().unwrap_or(0);
            self.hours.get(hour).is_some_and(|known| known.partial.is_none() && known.samples > samples)
        };
        hours_of(day, slice).filter(|hour| !is_fuller(hour)).collect()
    }

    /// Takes over these hours of a slice, as the segment of a new write.
    pub(super) fn replace(&mut self, hours: &BTreeSet<i64>, slice: &Slice) {
        self.writes += u32::from(!self.hours.is_empty());
        let segment = self.writes;
        for hour in hours {
            let attempts = self.hours.get(hour).map_or(0, |state| state.attempts) + 1;
            let samples = slice.samples.get(hour).copied().unwrap_or(0);
            self.hours
                .insert(*hour, HourState { partial: slice.partial.clone(), attempts, segment, samples });
        }
        self.containers.extend(slice.containers.iter().cloned());
    }

    /// Says that all hours are in one segment.
    pub(super) fn put_all_in(&mut self, segment: u32) {
        self.writes = segment;
        self.hours.values_mut().for_each(|state| state.segment = segment);
    }

    /// The segments that hold its hours.
    pub(super) fn segments(&self) -> BTreeSet<u32> {
        self.hours.values().map(|state| state.segment).collect()
    }

    /// Whether its segments are to be made one: there are many, or the day is over and no other write is to come.
    pub(super) fn is_scattered(&self, day: i64) -> bool {
        let segments = self.segments().len();
        let is_over = self.hours.contains_key(&(day + DAY_S - HOUR_S));
        segments > SEGMENTS_MAX || (segments > 1 && is_over && self.hours.len() as i64 == DAY_S / HOUR_S)
    }

    /// Whether every hour of the day was read, and none of them incompletely.
    pub(super) fn is_whole(&self) -> bool {
        self.hours.len() as i64 == DAY_S / HOUR_S && self.hours.values().all(|state| state.partial.is_none())
    }

    /// Whether an hour counts where it is found.
    pub(super) fn counts(&self, hour: i64, segment: u32) -> bool {
        self.hours.get(&hour).is_some_and(|state| state.segment == segment)
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

fn version_is_ours(version: u32) -> Result<(), String> {
    if (OLDEST_VERSION..=VERSION).contains(&version) {
        Ok(())
    } else {
        Err(format!("version {version} is not {VERSION}"))
    }
}

/// The hours of a slice that lie within the day.
pub(super) fn hours_of(day: i64, slice: &Slice) -> impl Iterator<Item = i64> + use<> {
    let from = slice.window.from_unix_s.max(day);
    let to = slice.window.to_unix_s.min(day + DAY_S);
    (from..to).step_by(HOUR_S as usize)
}

/// The tables of some hours of a slice, and their points.
pub(super) fn of_hours(hours: &BTreeSet<i64>, slice: &Slice) -> Result<(Tables, DataFrame), HistoryError> {
    let within: &dyn Fn(i64) -> bool = &|hour| hours.contains(&hour);
    let tables =
        Tables { bins: frame::picked(&slice.bins, within)?, pods: frame::picked(&slice.pods, within)? };
    Ok((tables, frame::picked(&slice.points, within)?))
}
