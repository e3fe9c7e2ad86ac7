//! Whether the clock can be believed: it is held against one that only goes forward. A jump would make good batches too old, or
//! ahead of their time, and would make all that is kept old.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::spool::Clock;

/// What clocks may differ by between two looks, milliseconds: one is set right by seconds.
const DIFFERENCE_MS_MAX: i64 = 60_000;
/// A clock that jumped and then goes on evenly for so long is right, milliseconds.
const SETTLED_MS: i64 = 15 * 60_000;

pub(crate) struct Steady {
    /// Milliseconds since any moment; never backwards.
    ticks: Clock,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The clock less the ticks.
    ahead_ms: Option<i64>,
    /// The same after a jump, and at which tick that was.
    doubted: Option<(i64, i64)>,
}

/// Ticks of this process.
pub(crate) fn ticks() -> Clock {
    let begun = Instant::now();
    Arc::new(move || i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX))
}

impl Steady {
    pub(crate) fn new(ticks: Clock) -> Self {
        Self { ticks, seen: Mutex::default() }
    }

    /// Whether the clock that tells this moment has gone on evenly.
    pub(crate) fn believes(&self, now_ms: i64) -> bool {
        // Each look is noted as a whole, so a poisoned lock holds nothing half done.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let tick = (self.ticks)();
        let ahead_ms = now_ms.saturating_sub(tick);
        let is_near = |known: i64| ahead_ms.abs_diff(known) <= DIFFERENCE_MS_MAX.unsigned_abs();
        let is_settled = match (seen.ahead_ms, seen.doubted) {
            (None, _) => true,
            (Some(known), _) if is_near(known) => true,
            (Some(_), Some((doubted, since))) if is_near(doubted) => tick.saturating_sub(since) >= SETTLED_MS,
            (Some(known), _) => {
                let jump_s = ahead_ms.saturating_sub(known) / 1000;
                tracing::warn!(
                    jump_s,
                    "the clock of this machine jumped: nothing is taken from agents until it is right"
                );
                seen.doubted = Some((ahead_ms, tick));
                false
            }
        };
        if is_settled {
            *seen = Seen { ahead_ms: Some(ahead_ms), doubted: None };
        }
        is_settled
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn a_jump_is_doubted_until_it_is_taken_back_or_has_settled() {
        let tick = Arc::new(AtomicI64::new(0));
        let told = Arc::clone(&tick);
        let steady = Steady::new(Arc::new(move || told.load(Ordering::Relaxed)));
        let believed = |tick_ms: i64, jump_ms: i64| {
            tick.store(tick_ms, Ordering::Relaxed);
            steady.believes(1_000_000_000_000 + tick_ms + jump_ms)
        };
        assert!(believed(0, 0));
        assert!(believed(86_400_000, 1_500), "it was set right by a second and a half");
        for jump in [-3_600_000, 48 * 3_600_000] {
            assert!(!believed(86_410_000, jump));
            assert!(!believed(86_470_000, jump), "a minute later");
            assert!(believed(86_480_000, 0), "it was taken back");
        }
        let begun = 90_000_000;
        assert!(!believed(begun, 7_200_000));
        assert!(!believed(begun + SETTLED_MS - 1, 7_200_000));
        assert!(believed(begun + SETTLED_MS, 7_200_000), "it has settled");
        assert!(!believed(begun + SETTLED_MS, 0));
    }
}
