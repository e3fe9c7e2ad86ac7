//! What came of requests, counted for whoever shows it. Knows nothing of metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Requests by the status that answered them; none where nothing answered.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<Option<u16>, u64>>);

impl Tally {
    pub(crate) fn count(&self, status: Option<u16>) {
        // Nothing can panic while it is held, so a poisoned lock holds whole counts.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(status).or_default() += 1;
    }

    /// The counts since the last call.
    pub(crate) fn take(&self) -> Vec<(Option<u16>, u64)> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *counts).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_once() {
        let tally = Tally::default();
        for status in [Some(200), None, Some(200), Some(503)] {
            tally.count(status);
        }
        assert_eq!(tally.take(), [(None, 1), (Some(200), 2), (Some(503), 1)]);
        assert_eq!(tally.take(), []);
    }
}
