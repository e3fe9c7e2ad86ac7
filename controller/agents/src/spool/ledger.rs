//! What lies in the log, without its content: which file has which hours, how far each node is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::{fs, io};

use kubeopt_model::agents::NodeHour;
use kubeopt_model::usage::Window;

use crate::spool::frame::{Head, Kind};
use crate::spool::marks::Marks;
use crate::spool::walk::{Step, Walk};

pub(crate) const HOUR_MS: i64 = 3_600_000;
/// Hours that one batch can touch: batches are at most an hour long, and what began earlier is cut to an hour before.
const HOURS_OF_A_BATCH_MAX: i64 = 3;
const ENDING: &str = ".kaf";

/// One file of the log.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogState {
    /// Bytes that are stored for sure.
    pub(crate) bytes: u64,
    /// When its last batch came in, milliseconds since the epoch.
    pub(crate) arrived_ms: i64,
    /// By the begin of the hour in milliseconds: where its first batch begins and its last one ends.
    pub(crate) hours: BTreeMap<i64, (u64, u64)>,
    /// Where what cannot be read begins, as far as it was met.
    pub(crate) damaged: BTreeSet<u64>,
}

/// The whole log.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) marks: Marks,
    pub(crate) files: BTreeMap<u32, LogState>,
    /// What came in lately.
    pub(crate) sent: Sent,
    /// Begin of the newest hour that a removed file had something of: what is left of it, and of those before, is not whole.
    gone_ms: Option<i64>,
}

/// Bytes by node, of those that came in within one hour of the clock.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    hour: i64,
    bytes: HashMap<String, u64>,
}

impl Sent {
    /// Of a node, in the hour of this moment.
    pub(crate) fn of(&self, node: &str, at_ms: i64) -> u64 {
        let is_now = self.hour == at_ms.div_euclid(HOUR_MS);
        self.bytes.get(node).copied().filter(|_| is_now).unwrap_or(0)
    }

    fn note(&mut self, head: &Head, bytes: u64) {
        let hour = head.arrived_ms.div_euclid(HOUR_MS);
        if hour != self.hour {
            (self.hour, self.bytes) = (hour, HashMap::new());
        }
        *self.bytes.entry(head.node.clone()).or_default() += bytes;
    }
}

/// What opening found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Opened {
    /// Bytes cut off the end of the last file: a batch whose writing was interrupted.
    pub(crate) torn_bytes: u64,
    /// Places that could not be read.
    pub(crate) damaged: u64,
}

/// Name of a file, by its number.
pub(crate) fn path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:010}{ENDING}"))
}

impl Ledger {
    /// Reads what is in a folder. The end of the last file is cut to its last whole frame.
    pub(crate) fn open(folder: &Path) -> io::Result<(Self, Opened)> {
        let mut numbers: Vec<u32> = Vec::new();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(ENDING));
            numbers.extend(number.and_then(|number| number.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        let (mut ledger, mut opened) = (Self::default(), Opened::default());
        for number in &numbers {
            ledger.scan(folder, *number, numbers.last() == Some(number), &mut opened)?;
        }
        Ok((ledger, opened))
    }

    /// Of the last file the bodies are read too: only there can a crash have left a part of one.
    fn scan(&mut self, folder: &Path, number: u32, is_last: bool, opened: &mut Opened) -> io::Result<()> {
        let path = path(folder, number);
        let length = fs::metadata(&path)?.len();
        let mut walk = Walk::open(&path, 0, length)?;
        // Where the damage begins that no whole frame has followed so far.
        let mut torn = None;
        let mut damaged = BTreeSet::new();
        self.files.insert(number, LogState { bytes: length, ..LogState::default() });
        while let Some(step) = walk.next(|head| is_last || head.kind == Kind::Marks)? {
            match step {
                Step::Damaged { at } => {
                    damaged.insert(at);
                    torn = torn.or(Some(at));
                }
                Step::Frame { at, head, body } => {
                    torn = None;
                    let end = walk.position();
                    if head.kind == Kind::Marks {
                        body.and_then(|body| self.marks.restore(&body));
                        // What was stored before the first file is gone.
                        if self.files.len() == 1 && at == 0 {
                            let newest_ms = self.marks.newest_ms().map(|ms| ms.div_euclid(HOUR_MS) * HOUR_MS);
                            self.gone_ms = self.gone_ms.max(newest_ms);
                        }
                    } else {
                        self.note(number, &head, (at, end));
                    }
                }
            }
        }
        if let Some(at) = torn.filter(|_| is_last) {
            opened.torn_bytes = length - at;
            damaged.retain(|place| *place < at);
            let file = fs::OpenOptions::new().write(true).open(&path)?;
            file.set_len(at)?;
            file.sync_all()?;
        }
        opened.damaged += damaged.len() as u64;
        if let Some(state) = self.files.get_mut(&number) {
            state.bytes = torn.unwrap_or(state.bytes);
            state.damaged = damaged;
        }
        Ok(())
    }

    /// Notes a stored batch; false for a double.
    pub(crate) fn note(&mut self, file: u32, head: &Head, extent: (u64, u64)) -> bool {
        let state = self.files.entry(file).or_default();
        state.bytes = state.bytes.max(extent.1);
        state.arrived_ms = state.arrived_ms.max(head.arrived_ms);
        self.sent.note(head, extent.1.saturating_sub(extent.0));
        if !self.marks.note(head) {
            return false;
        }
        if head.kind == Kind::Batch {
            for hour in hours(head) {
                let known = state.hours.entry(hour).or_insert(extent);
                *known = (known.0.min(extent.0), known.1.max(extent.1));
            }
        }
        true
    }

    /// Notes a place that cannot be read; false where it was known.
    pub(crate) fn damaged(&mut self, file: u32, at: u64) -> bool {
        self.files.get_mut(&file).is_some_and(|state| state.damaged.insert(at))
    }

    /// Takes out a file that was removed.
    pub(crate) fn forget(&mut self, file: u32) {
        let newest_ms =
            self.files.remove(&file).and_then(|state| state.hours.last_key_value().map(|(hour, _)| *hour));
        self.gone_ms = self.gone_ms.max(newest_ms);
    }

    /// All that was ever stored of the hour is there still.
    pub(crate) fn is_whole(&self, hour_ms: i64) -> bool {
        self.gone_ms.is_none_or(|gone| hour_ms > gone)
    }

    /// Whether a batch is of such hours only that it would never be read.
    pub(crate) fn is_in_vain(&self, head: &Head) -> bool {
        head.kind == Kind::Batch && hours(head).last().is_some_and(|hour| !self.is_whole(hour))
    }

    /// The hours that there is all of, oldest first.
    pub(crate) fn hours(&self) -> Vec<NodeHour> {
        let mut marks: BTreeMap<i64, u64> = BTreeMap::new();
        for (number, state) in &self.files {
            for (hour, (_, end)) in state.hours.iter().filter(|(hour, _)| self.is_whole(**hour)) {
                // Files are numbered upwards and hold less than 4 GiB.
                let mark = (u64::from(*number) << 32) | *end;
                let known = marks.entry(*hour).or_default();
                *known = mark.max(*known);
            }
        }
        let window = |hour: i64| Window { from_unix_s: hour / 1000, to_unix_s: (hour + HOUR_MS) / 1000 };
        marks.into_iter().map(|(hour, mark)| NodeHour { hour: window(hour), mark }).collect()
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().map(|state| state.bytes).sum()
    }
}

/// The hours that readings of a batch begin or end in, by their begin in milliseconds.
fn hours(head: &Head) -> impl Iterator<Item = i64> {
    let first = head.from_ms.div_euclid(HOUR_MS);
    let last = head.to_ms.div_euclid(HOUR_MS).min(first.saturating_add(HOURS_OF_A_BATCH_MAX - 1));
    (first..=last).map(|hour| hour * HOUR_MS)
}

/// Whether readings of a batch begin or end in the hour.
pub(crate) fn touches(head: &Head, hour_ms: i64) -> bool {
    hours(head).any(|hour| hour == hour_ms)
}
