//! Which containers are read every second: those that are held back, wait, or come near a limit. Counters integrate, so
//! nothing is lost of the others' means; only the shape within ten seconds is, and a pair of readings one second apart, at
//! a second that changes from step to step, shows an unbiased part of that.

use std::cmp::Reverse;

use crate::{Bound, ContainerId, Counters, Sample};

/// How many containers are read every second at most: 32 of them cost 32 small reads a second.
pub const HOT_MAX: usize = 32;

/// How long a container stays after its last reason, in milliseconds: six steps of ten seconds.
pub const HOT_HOLD_MS: u64 = 60_000;

/// Usage above this share of a limit is a reason.
pub const NEAR_LIMIT_PERMILLE: u64 = 700;

/// Why a container is worth a look every second. Ordered: who stood still longer is hotter, then who is nearer its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heat {
    /// Time held back by the quota or waited for CPU, memory or IO, in microseconds.
    pub stalled_us: u64,
    /// The higher of CPU by quota and working set by limit, in thousandths; 0 where there is no limit.
    pub limit_permille: u64,
}

impl Heat {
    /// The reason, if there is one, in a sample and the limits that were read with it.
    #[must_use]
    pub fn of(sample: &Sample, counters: &Counters) -> Option<Self> {
        let stalls =
            [sample.cpu_throttled_us, sample.cpu_waited_us, sample.memory_waited_us, sample.io_waited_us];
        let stalled_us = stalls.iter().flatten().fold(0_u64, |sum, time| sum.saturating_add(*time));
        let shares = [
            share(sample.cpu_millicores(), counters.quota_millicores()),
            share(sample.working_set_bytes, counters.memory_limit_bytes),
        ];
        let limit_permille = shares.into_iter().flatten().max().unwrap_or(0);
        let is_hot = stalled_us > 0 || limit_permille > NEAR_LIMIT_PERMILLE;
        is_hot.then_some(Self { stalled_us, limit_permille })
    }
}

fn share(used: Option<u64>, bound: Option<Bound>) -> Option<u64> {
    let (used, bound) = (u128::from(used?), u128::from(bound?.at()?));
    u64::try_from((used * 1000).checked_div(bound)?).ok()
}

#[derive(Debug, Clone, Copy)]
struct Place<K> {
    key: K,
    heat: Heat,
    last_reason_ms: u64,
    is_hot: bool,
}

/// The containers that are read every second. Grows to the number of containers that ever had a reason within a hold, and
/// then allocates no more.
#[derive(Debug)]
pub struct HotSet<K> {
    max: usize,
    /// Sorted by key.
    places: Vec<Place<K>>,
    ranking: Vec<(Reverse<Heat>, Reverse<bool>, K)>,
}

impl<K: Copy + Ord> HotSet<K> {
    /// Of at most so many containers.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { max, places: Vec::new(), ranking: Vec::new() }
    }

    /// A container had a reason in the step that ended at `now_ms`.
    pub fn note(&mut self, key: K, heat: Heat, now_ms: u64) {
        match self.places.binary_search_by_key(&key, |place| place.key) {
            Ok(at) => {
                let place = &mut self.places[at];
                (place.heat, place.last_reason_ms) = (heat, now_ms);
            }
            Err(at) => {
                self.places.insert(at, Place { key, heat, last_reason_ms: now_ms, is_hot: false });
            }
        }
    }

    /// A container is gone.
    pub fn forget(&mut self, key: &K) {
        if let Ok(at) = self.places.binary_search_by_key(key, |place| place.key) {
            self.places.remove(at);
        }
    }

    /// Ends a step: who had no reason for a hold leaves, and of the rest the hottest are in; of two alike, who was in.
    /// A clock that jumps back holds everybody for as long as it jumped.
    pub fn settle(&mut self, now_ms: u64) {
        self.places.retain(|place| now_ms.saturating_sub(place.last_reason_ms) < HOT_HOLD_MS);
        self.ranking.clear();
        let ranked = self.places.iter().map(|place| (Reverse(place.heat), Reverse(place.is_hot), place.key));
        self.ranking.extend(ranked);
        self.ranking.sort_unstable();
        let last_in = self.max.checked_sub(1).and_then(|last| self.ranking.get(last));
        for place in &mut self.places {
            let rank = (Reverse(place.heat), Reverse(place.is_hot), place.key);
            place.is_hot = self.max > 0 && last_in.is_none_or(|last| rank <= *last);
        }
    }

    /// Is it read every second?
    #[must_use]
    pub fn is_hot(&self, key: &K) -> bool {
        self.places.binary_search_by_key(key, |place| place.key).is_ok_and(|at| self.places[at].is_hot)
    }

    /// All that are, by key.
    pub fn hot(&self) -> impl Iterator<Item = &K> {
        self.places.iter().filter(|place| place.is_hot).map(|place| &place.key)
    }
}

/// The second of step number `step` at which a container that is not hot is read, and read again one second later:
/// 0 to `seconds - 2`, another one each step, spread evenly over containers and steps. 0 where a step has fewer than two.
#[must_use]
pub fn second_of_pair(id: &ContainerId, step: u64, seconds: u32) -> u32 {
    // The finaliser of SplitMix64 (Steele, Lea, Flood 2014): neighbouring steps give unrelated seconds.
    let mut mixed = id.bits().wrapping_add(step.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let pairs = u64::from(seconds.saturating_sub(1).max(1));
    u32::try_from(mixed % pairs).unwrap_or_default()
}
