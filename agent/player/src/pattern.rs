//! A load of a seed, made block by block: a daily wave with noise, short bursts, and memory that wanders or leaks.

use crate::block::{Block, Burst};

const BLOCK_MS: u64 = 10_000;
pub(crate) const DAY_MS: u64 = 86_400_000;

/// A load that is made while it is played, so that days of it take no room.
#[derive(Debug, Clone, Copy)]
pub struct Pattern {
    pub(crate) seed: u64,
    pub(crate) base_millicores: u64,
    pub(crate) base_bytes: u64,
    /// 0 for the nineteen of twenty that do not leak.
    pub(crate) leak_bytes_per_hour: u64,
    /// One block in so many has a burst.
    pub(crate) burst_every: u64,
    pub(crate) burst_millicores: u64,
    pub(crate) day_shift_ms: u64,
}

/// Numbers that look random and are the same for the same three.
pub(crate) fn dice(seed: u64, number: u64, what: u64) -> u64 {
    // Steps of SplitMix64 (Steele, Lea, Flood 2014).
    let mut mixed = seed;
    for part in [number, what] {
        mixed = mixed.wrapping_add(part.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
    }
    mixed
}

pub(crate) fn between(dice: u64, low: u64, high: u64) -> u64 {
    low + dice % (high - low)
}

impl Pattern {
    pub(crate) fn block(&self, at_ms: u64) -> Block {
        let number = at_ms / BLOCK_MS;
        let from_ms = number * BLOCK_MS;
        let roll = |what| dice(self.seed, number, what);
        // A triangle over the day from 60 to 140 percent, and 20 percent of noise.
        let day = (from_ms + self.day_shift_ms) % DAY_MS;
        let slope = day.min(DAY_MS - day);
        let percent = 60 + 160 * slope / DAY_MS;
        let noise = between(roll(0), 80, 121);
        let burst = (roll(1) % self.burst_every == 0).then(|| {
            let from_ms = from_ms + between(roll(2), 0, 80) * 100;
            let length_ms = between(roll(3), 2, 10) * 100;
            Burst { from_ms, until_ms: from_ms + length_ms, cpu_millicores: self.burst_millicores }
        });
        let leaked = u128::from(self.leak_bytes_per_hour) * u128::from(from_ms) / 3_600_000;
        let wandering = self.base_bytes * between(roll(4), 95, 106) / 100;
        Block {
            from_ms,
            until_ms: from_ms + BLOCK_MS,
            cpu_millicores: self.base_millicores * percent * noise / 10_000,
            memory_bytes: wandering.saturating_add(u64::try_from(leaked).unwrap_or(u64::MAX)),
            burst,
        }
    }
}
