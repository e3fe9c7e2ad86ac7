//! What is known between two passes: whose cgroups are, which hours are to be read, what could not be used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kubeopt_model::Timestamp;
use kubeopt_model::agents::NodeHour;
use kubeopt_model::usage::{OomKill, Window};

use super::DAY_S;
use super::book::Book;
use crate::error::ObserveError;
use crate::owners::PodOwners;
use crate::source::SliceReport;

/// How often an hour is read that cannot be, until more of it comes.
const ATTEMPTS_MAX: u32 = 3;

/// What is kept of agents may be of hours that lie so long before it came: they hold a day, and their batches are taken for two.
const LATE_S: i64 = 3 * DAY_S;

/// What was read and could not be used, or not be read, since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeCounts {
    /// Containers, by hour, that a node told of and that run on another: nothing of it is used.
    pub other_node: u64,
    /// Hours of which something was removed before it was read.
    pub gone_hours: u64,
    /// Hours that could not be read, each time.
    pub unreadable_hours: u64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) book: Book,
    /// When it was asked last what can be read.
    pub(super) now: Option<Timestamp>,
    /// Hours that were told to have changed and that were not read since.
    pub(super) promised: BTreeSet<i64>,
    /// The marks of hours when they were read; they are not stored yet.
    read: BTreeMap<i64, u64>,
    /// Kills of hours that are not stored yet.
    pub(super) kills: BTreeMap<i64, Vec<OomKill>>,
    /// At which mark hours could not be read, and how often.
    failed: BTreeMap<i64, (u64, u32)>,
    /// Of each hour, the containers that run on another node than that which told of them, as counted.
    of_others: BTreeMap<i64, u64>,
    pub(super) counts: NodeCounts,
}

/// Nothing panics between lock and unlock that leaves half a change.
pub(super) fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    pub(super) fn with(book: Book) -> Self {
        Self { book, ..Self::default() }
    }

    pub(super) fn learn(&mut self, owners: &PodOwners, now: Timestamp, retention_s: i64) {
        let kept_s = retention_s + LATE_S;
        self.book.learn(owners, now.as_second());
        self.book.forget(now.as_second(), kept_s);
        let oldest = now.as_second() - kept_s;
        self.failed.retain(|hour, _| *hour >= oldest);
        self.of_others.retain(|hour, _| *hour >= oldest);
    }

    /// Whether there is something of the hour that is not stored. One that cannot be read is tried some times.
    pub(super) fn is_news(&self, known: &NodeHour) -> bool {
        let hour = known.hour.from_unix_s;
        let is_tried = |(mark, times): &(u64, u32)| *mark == known.mark && *times >= ATTEMPTS_MAX;
        !self.book.is_stored(hour, known.mark) && !self.failed.get(&hour).is_some_and(is_tried)
    }

    /// Counts the hours that were to be read and that are not there any more: history keeps what it has of them.
    pub(super) fn note_gone(&mut self, hours: &[NodeHour]) {
        let there: BTreeSet<i64> = hours.iter().map(|known| known.hour.from_unix_s).collect();
        let gone: Vec<i64> = self.promised.difference(&there).copied().collect();
        self.promised.retain(|hour| there.contains(hour));
        self.counts.gone_hours += gone.len() as u64;
        if let Some(first) = gone.first() {
            tracing::warn!(
                hours = gone.len(),
                first,
                "what node agents sent of these hours was removed before it was read: raise `agents.spoolMax` or `agents.retention`"
            );
        }
    }

    pub(super) fn note_read(&mut self, known: &NodeHour, kills: Vec<OomKill>, of_others: &[(String, u64)]) {
        let hour = known.hour.from_unix_s;
        self.read.insert(hour, known.mark);
        self.kills.insert(hour, kills);
        self.failed.remove(&hour);
        self.count_others(hour, of_others);
    }

    /// What was read of this time lies in history.
    pub(super) fn note_stored(&mut self, slice: Window) {
        let read: Vec<(i64, u64)> =
            self.read.range(slice.from_unix_s..slice.to_unix_s).map(|(hour, mark)| (*hour, *mark)).collect();
        for (hour, mark) in read {
            self.read.remove(&hour);
            self.kills.remove(&hour);
            self.promised.remove(&hour);
            self.book.store(hour, mark);
        }
    }

    pub(super) fn note_unreadable(
        &mut self,
        known: &NodeHour,
        error: &ObserveError,
        report: &mut SliceReport,
    ) {
        let hour = known.hour.from_unix_s;
        tracing::warn!(hour, "what node agents sent of this hour cannot be read: {error}");
        let (mark, times) = self.failed.entry(hour).or_insert((known.mark, 0));
        *times = if *mark == known.mark { *times + 1 } else { 1 };
        *mark = known.mark;
        self.counts.unreadable_hours += 1;
        report.unread_hours += 1;
        report.unread = report.unread.take().or_else(|| Some(error.problem()));
    }

    /// An hour is read more than once; each container counts once.
    fn count_others(&mut self, hour: i64, of_others: &[(String, u64)]) {
        let now = of_others.iter().map(|(_, containers)| containers).sum();
        let before = self.of_others.get(&hour).copied().unwrap_or(0);
        if now <= before {
            return;
        }
        self.of_others.insert(hour, now);
        self.counts.other_node += now - before;
        if let Some((node, containers)) = of_others.iter().max_by_key(|(_, containers)| containers) {
            tracing::warn!(
                node,
                containers,
                hour,
                "a node told of containers that run on other nodes: not used"
            );
        }
    }
}
