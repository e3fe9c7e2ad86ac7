//! What came of what was sent, counted for whoever shows it. Knows nothing of metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::spool::ledger::Opened;

/// Of what is refused for one reason, so many are logged, and then each hundredth: whoever wants to can be refused for ever.
const LOGGED_FIRST: u64 = 100;

/// Whether this one of its reason is logged.
pub(crate) fn is_logged(times: u64) -> bool {
    times <= LOGGED_FIRST || times.is_multiple_of(LOGGED_FIRST)
}

/// Counts since the process began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Batches that were stored.
    pub stored: u64,
    /// Bytes that they take on disk.
    pub stored_bytes: u64,
    /// Batches that were stored before, and were not stored again.
    pub doubles: u64,
    /// Batches that never came though later ones of the same buffer did.
    pub missing: u64,
    /// Batches that could not be written and were not acknowledged.
    pub unwritten: u64,
    /// Batches that were taken and not kept, by reason.
    pub unusable: BTreeMap<&'static str, u64>,
    /// Calls and connections that were turned away, by reason.
    pub turned_away: BTreeMap<&'static str, u64>,
    /// Bytes of the log that went before their time, since it was too large.
    pub crowded_out_bytes: u64,
    /// Bytes that an interrupted write had left.
    pub torn_bytes: u64,
    /// Places of the log that could not be read, each once.
    pub damaged: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

impl Tally {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Nothing can panic while it is held, so a poisoned lock holds whole counts.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read(&self) -> Counts {
        self.counts().clone()
    }

    pub(crate) fn opened(&self, opened: Opened) {
        let mut counts = self.counts();
        counts.torn_bytes += opened.torn_bytes;
        counts.damaged += opened.damaged;
    }

    pub(crate) fn sorted(&self, missing: u64, doubles: u64) {
        let mut counts = self.counts();
        counts.missing = counts.missing.saturating_add(missing);
        counts.doubles += doubles;
    }

    pub(crate) fn stored(&self, batches: u64, bytes: u64) {
        let mut counts = self.counts();
        counts.stored += batches;
        counts.stored_bytes += bytes;
    }

    pub(crate) fn failed(&self, batches: u64) {
        self.counts().unwritten += batches;
    }

    /// Counts so many; tells how many there were for this reason.
    pub(crate) fn unusable(&self, reason: &'static str, batches: u64) -> u64 {
        if batches == 0 {
            return 0;
        }
        count(&mut self.counts().unusable, reason, batches)
    }

    /// Counts one; tells how many there were for this reason.
    pub(crate) fn turned_away(&self, reason: &'static str) -> u64 {
        count(&mut self.counts().turned_away, reason, 1)
    }

    pub(crate) fn removed(&self, before_its_time: bool, bytes: u64) {
        if before_its_time {
            self.counts().crowded_out_bytes += bytes;
        }
    }

    pub(crate) fn damaged(&self) {
        self.counts().damaged += 1;
    }
}

fn count(by_reason: &mut BTreeMap<&'static str, u64>, reason: &'static str, times: u64) -> u64 {
    let all = by_reason.entry(reason).or_default();
    *all += times;
    *all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_for_ever_does_not_fill_the_log() {
        let tally = Tally::default();
        let logged = (0..10_000).filter(|_| is_logged(tally.turned_away("x"))).count();
        assert_eq!(logged, 199);
        assert_eq!(tally.read().turned_away.get("x"), Some(&10_000));
    }
}
