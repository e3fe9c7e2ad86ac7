//! Containers of a seed: a daily wave with noise, short bursts, memory that wanders, and one in twenty that leaks.

use kubeopt_sample::{ContainerId, PodUid};

use crate::load::{Block, Burst, Container, Load};

const BLOCK_MS: u64 = 10_000;
const DAY_MS: u64 = 86_400_000;
const MIB: u64 = 1 << 20;

/// A load that is made while it is played, so that days of it take no room.
#[derive(Debug, Clone, Copy)]
pub struct Pattern {
    seed: u64,
    base_millicores: u64,
    base_bytes: u64,
    /// 0 for the nineteen of twenty that do not leak.
    leak_bytes_per_hour: u64,
    /// One block in so many has a burst.
    burst_every: u64,
    burst_millicores: u64,
    day_shift_ms: u64,
}

/// Numbers that look random and are the same for the same three.
fn dice(seed: u64, number: u64, what: u64) -> u64 {
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

fn between(dice: u64, low: u64, high: u64) -> u64 {
    low + dice % (high - low)
}

/// A pod's UID and a container's id, the same for the same seed and number.
#[must_use]
pub fn ids(seed: u64, number: u64) -> (PodUid, ContainerId) {
    let words: Vec<String> = (0..6).map(|word| format!("{:016x}", dice(seed, number, 1000 + word))).collect();
    let uid = format!(
        "{}-{}-4{}-9{}-{}",
        &words[0][..8],
        &words[0][8..12],
        &words[0][13..],
        &words[1][1..4],
        &words[1][4..16]
    );
    let digits = words[2..].concat();
    let (Some(uid), Some(id)) = (PodUid::parse(&uid), ContainerId::parse(&digits)) else {
        unreachable!("hexadecimal digits of the right number");
    };
    (uid, id)
}

/// So many containers, one to a pod. Two of three have a CPU quota, three of four a memory limit.
#[must_use]
pub fn containers(count: u64, seed: u64) -> Vec<Container> {
    (0..count).map(|number| container(seed, number)).collect()
}

fn container(seed: u64, number: u64) -> Container {
    let roll = |what| dice(seed, number, what);
    let base_millicores = between(roll(0), 20, 600);
    let quota_millicores = (roll(1) % 3 < 2).then(|| base_millicores * between(roll(2), 15, 30) / 10);
    let base_bytes = between(roll(3), 32, 512) * MIB;
    let limit_bytes = (roll(4) % 4 < 3).then(|| base_bytes * between(roll(5), 15, 30) / 10);
    let leaks = roll(6) % 20 == 0;
    let (pod_uid, container_id) = ids(seed, number);
    let pattern = Pattern {
        seed: roll(7),
        base_millicores,
        base_bytes,
        leak_bytes_per_hour: if leaks { between(roll(8), 1, 20) * MIB } else { 0 },
        burst_every: between(roll(9), 6, 60),
        burst_millicores: base_millicores * between(roll(10), 3, 8),
        day_shift_ms: roll(11) % DAY_MS,
    };
    Container { pod_uid, container_id, quota_millicores, limit_bytes, load: Load::Pattern(pattern) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_seed_gives_the_same_containers_each_time_and_another_seed_others() {
        let shown = |seed| format!("{:?}", containers(50, seed));
        assert_eq!(shown(1), shown(1));
        assert_ne!(shown(1), shown(2));
        let all = containers(1000, 3);
        let ids: BTreeSet<ContainerId> = all.iter().map(|container| container.container_id).collect();
        assert_eq!(ids.len(), all.len());
        let with = |has: &dyn Fn(&Container) -> bool| all.iter().filter(|container| has(container)).count();
        // Six standard deviations of the shares that the documentation names.
        assert!(with(&|container| container.quota_millicores.is_some()).abs_diff(667) < 90);
        assert!(with(&|container| container.limit_bytes.is_some()).abs_diff(750) < 83);
    }
}
