//! The tens of seconds of an hour in which something was read, as bits.

/// Slots of an hour.
pub(super) const SLOTS: u32 = 360;

/// Milliseconds of a slot: how often an agent reads.
const SLOT_MS: i64 = 10_000;

const WORDS: usize = SLOTS.div_ceil(64) as usize;

/// Slots of one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Slots([u64; WORDS]);

impl Slots {
    /// Adds the slots that lie in a span of the hour, both in milliseconds since its start. A slot that the span only touches
    /// counts: readings come every ten seconds, and never at whole ones.
    pub(super) fn add(&mut self, from_ms: i64, to_ms: i64) {
        let last = i64::from(SLOTS) - 1;
        let first = from_ms.div_euclid(SLOT_MS).clamp(0, last);
        let end = (to_ms - 1).div_euclid(SLOT_MS).clamp(first, last);
        for slot in first..=end {
            self.0[slot as usize / 64] |= 1 << (slot % 64);
        }
    }

    /// These and the others.
    pub(super) fn join(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own |= other);
    }

    fn has(&self, slot: u32) -> bool {
        self.0[slot as usize / 64] >> (slot % 64) & 1 == 1
    }

    /// Of how much of the hour a container's use is known, 0 to 1, where these are the slots in which it was read: a slot
    /// before its first or after its last counts too where its node told of others, for it did not run then.
    pub(super) fn known(&self, heard: &Self) -> f64 {
        let first = (0..SLOTS).find(|slot| self.has(*slot)).unwrap_or(SLOTS);
        let last = (0..SLOTS).rev().find(|slot| self.has(*slot)).unwrap_or(0);
        let is_known = |slot: &u32| self.has(*slot) || (heard.has(*slot) && (*slot < first || *slot > last));
        (0..SLOTS).filter(is_known).count() as f64 / f64::from(SLOTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(minutes: std::ops::Range<i64>) -> Slots {
        let mut slots = Slots::default();
        slots.add(minutes.start * 60_000, minutes.end * 60_000);
        slots
    }

    #[test]
    fn a_container_that_did_not_run_is_known_and_one_that_nobody_read_is_not() {
        let hour = of(0..60);
        assert_eq!(hour.known(&hour), 1.0);
        assert_eq!(of(30..60).known(&hour), 1.0, "it started in the middle");
        assert_eq!(of(0..30).known(&hour), 1.0, "it ended in the middle");
        assert_eq!(of(0..30).known(&of(0..30)), 0.5, "its node was not heard of");
        let mut torn = of(0..20);
        torn.join(&of(40..60));
        assert!((torn.known(&hour) - 2.0 / 3.0).abs() < 1e-9, "a hole in its own readings is a hole");
        assert_eq!(Slots::default().known(&Slots::default()), 0.0);
    }

    #[test]
    fn readings_off_the_whole_tens_leave_no_hole() {
        let mut slots = Slots::default();
        (0..359).for_each(|n| slots.add(4_000 + n * 10_000, 14_000 + n * 10_000));
        assert_eq!(slots.known(&Slots::default()), 1.0);
        slots.add(-50_000, -1);
        slots.add(3_600_000, 9_900_000);
        assert_eq!(slots, of(0..60));
    }
}
