//! Which deliveries were taken already. Given the time; what a restart forgets is looked at once more, which does no harm.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// How long: GitHub offers to send a delivery again for three days, GitLab for seven.
const KEPT: Duration = Duration::from_secs(7 * 86_400);

/// Most deliveries that are remembered, about 3 MB; the oldest go first.
const DELIVERIES_MAX: usize = 20_000;

type Key = (String, String);

/// The deliveries of the last days.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    known: BTreeSet<Key>,
    order: VecDeque<(Instant, Key)>,
}

impl Remembered {
    /// Whether a delivery was not taken before; remembers it.
    pub(super) fn is_new(&mut self, forge: &str, id: &str, now: Instant) -> bool {
        self.forget(now);
        let key = (forge.to_owned(), id.to_owned());
        if !self.known.insert(key.clone()) {
            return false;
        }
        self.order.push_back((now, key));
        true
    }

    fn forget(&mut self, now: Instant) {
        let is_gone = |(at, _): &(Instant, Key), many: usize| {
            many >= DELIVERIES_MAX || now.saturating_duration_since(*at) >= KEPT
        };
        while self.order.front().is_some_and(|first| is_gone(first, self.order.len())) {
            if let Some((_, key)) = self.order.pop_front() {
                self.known.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_new_once_in_seven_days_and_for_each_forge() {
        let (mut remembered, now) = (Remembered::default(), Instant::now());
        assert!(remembered.is_new("a", "1", now));
        assert!(!remembered.is_new("a", "1", now + KEPT - Duration::from_secs(1)));
        assert!(remembered.is_new("b", "1", now));
        assert!(remembered.is_new("a", "1", now + KEPT));
    }

    #[test]
    fn what_is_remembered_has_a_bound_and_the_oldest_goes_first() {
        let (mut remembered, now) = (Remembered::default(), Instant::now());
        for id in 0..=DELIVERIES_MAX {
            assert!(remembered.is_new("a", &id.to_string(), now));
        }
        assert_eq!((remembered.known.len(), remembered.order.len()), (DELIVERIES_MAX, DELIVERIES_MAX));
        assert!(!remembered.is_new("a", &DELIVERIES_MAX.to_string(), now));
        assert!(remembered.is_new("a", "0", now));
    }
}
