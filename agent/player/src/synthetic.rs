//! Containers of a seed: a daily wave with noise, short bursts, memory that wanders, and one in twenty that leaks.

use kubeopt_sample::{ContainerId, PodUid};

use crate::load::{Container, Load};
use crate::pattern::{DAY_MS, Pattern, between, dice};

const MIB: u64 = 1 << 20;

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
