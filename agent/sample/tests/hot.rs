//! Who is read every second, over steps.

use kubeopt_sample::{
    Bound, ContainerId, Counters, HOT_HOLD_MS, HOT_MAX, Heat, HotSet, Sample, second_of_pair,
};
use proptest::prelude::*;
use std::time::Duration;

const STEP_MS: u64 = 10_000;

fn heat(stalled_us: u64) -> Heat {
    Heat { stalled_us, limit_permille: 0 }
}

fn hot(set: &HotSet<u32>) -> Vec<u32> {
    set.hot().copied().collect()
}

#[test]
fn a_container_stays_a_minute_after_its_last_reason() {
    let mut set = HotSet::new(HOT_MAX);
    set.note(7, heat(1), 0);
    for now in (0..HOT_HOLD_MS).step_by(10_000) {
        set.settle(now);
        assert!(set.is_hot(&7), "{now}");
    }
    set.settle(HOT_HOLD_MS);
    assert!(!set.is_hot(&7) && !set.is_hot(&8));
}

#[test]
fn of_too_many_the_hottest_are_in_and_of_two_alike_who_was_in() {
    let mut set = HotSet::new(2);
    for key in [5, 6] {
        set.note(key, heat(10), 0);
    }
    set.settle(0);
    // Alike, with a lower key: it does not push anybody out.
    set.note(1, heat(10), STEP_MS);
    set.settle(STEP_MS);
    assert_eq!(hot(&set), [5, 6]);
    // Held back longer: it does.
    set.note(1, heat(11), 2 * STEP_MS);
    set.settle(2 * STEP_MS);
    assert_eq!(hot(&set), [1, 5]);
    set.forget(&5);
    set.settle(3 * STEP_MS);
    assert_eq!(hot(&set), [1, 6]);
}

#[test]
fn no_place_at_all_is_nobody() {
    let mut set = HotSet::new(0);
    set.note(1, heat(1), 0);
    set.settle(0);
    assert_eq!(hot(&set), [0_u32; 0]);
}

#[test]
fn throttling_waiting_and_a_near_limit_are_reasons() {
    let before = Counters {
        cpu_used_us: Some(0),
        cpu_throttled_us: Some(0),
        cpu_waited_us: Some(0),
        cfs_quota_us: Some(Bound::At(100_000)),
        cfs_period_us: Some(100_000),
        memory_bytes: Some(700),
        inactive_file_bytes: Some(0),
        memory_limit_bytes: Some(Bound::At(1000)),
        ..Counters::default()
    };
    let reason = |change: &dyn Fn(&mut Counters)| {
        let mut after = before;
        change(&mut after);
        Heat::of(&Sample::between(&before, &after, Duration::from_secs(10)), &after)
    };
    assert_eq!(reason(&|_| {}), None);
    assert_eq!(reason(&|after| after.cpu_used_us = Some(7_000_000)), None);
    assert_eq!(reason(&|after| after.cpu_used_us = Some(7_020_000)).unwrap().limit_permille, 702);
    assert_eq!(reason(&|after| after.memory_bytes = Some(701)).unwrap().limit_permille, 701);
    assert_eq!(reason(&|after| after.cpu_throttled_us = Some(3)).unwrap().stalled_us, 3);
    assert_eq!(reason(&|after| after.cpu_waited_us = Some(4)).unwrap().stalled_us, 4);
    assert_eq!(reason(&|after| after.cfs_quota_us = Some(Bound::Unlimited)), None);
}

proptest! {
    #[test]
    fn never_more_than_the_most_and_never_one_without_a_reason(
        steps in prop::collection::vec(prop::collection::vec((0..20_u32, 1..50_u64), 0..20), 1..20), max in 0..8_usize,
    ) {
        let mut set = HotSet::new(max);
        let mut last_reason = [None; 20];
        for (step, noted) in (0_u64..).zip(&steps) {
            let now = step * STEP_MS;
            for (key, stalled) in noted {
                set.note(*key, heat(*stalled), now);
                last_reason[*key as usize] = Some(now);
            }
            set.settle(now);
            let fresh = |key: u32| last_reason[key as usize].is_some_and(|last| now - last < HOT_HOLD_MS);
            let in_it = hot(&set);
            prop_assert_eq!(in_it.len(), max.min((0..20).filter(|key| fresh(*key)).count()));
            prop_assert!(in_it.iter().all(|key| fresh(*key)));
        }
    }
}

#[test]
fn pairs_of_readings_spread_over_the_seconds_of_a_step() {
    let id = ContainerId::parse(&"c5".repeat(32)).unwrap();
    let mut times = [0_u32; 9];
    for step in 0..9000 {
        times[second_of_pair(&id, step, 10) as usize] += 1;
    }
    // 1000 each; six standard deviations are 179.
    assert!(times.iter().all(|count| (821..1179).contains(count)), "{times:?}");
    assert_eq!(second_of_pair(&id, 3, 2), 0);
    assert_eq!(second_of_pair(&id, 3, 0), 0);
}
