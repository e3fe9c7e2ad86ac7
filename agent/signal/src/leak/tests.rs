//! Leaks in series that a person can judge.

use super::*;

const MEGA: f64 = 1e6;

fn noise(i: i64) -> f64 {
    (i.wrapping_mul(2_654_435_761) >> 7).rem_euclid(1000) as f64 / 1000.0
}

fn sample(at_unix_s: i64, bytes: f64) -> MemorySample {
    MemorySample { at_unix_s, bytes, limit_bytes: Some(2000.0 * MEGA), request_bytes: None }
}

/// The hour of the first leak that is told, of memory by hour every five minutes, over `days`.
fn first(days: i64, bytes: impl Fn(f64) -> f64) -> Option<(f64, Evidence)> {
    let mut detector = LeakDetector::new(7200);
    (0..days * 288).find_map(|i| {
        let hour = i as f64 / 12.0;
        let told = detector.push(&sample(i * 300, bytes(hour) + noise(i) * 20.0 * MEGA));
        told.map(|evidence| (hour, evidence))
    })
}

#[test]
fn a_leak_is_told_within_a_day_with_its_rate_and_the_time_that_is_left() {
    let leak = |hour: f64| 300.0 * MEGA + (hour - 240.0).max(0.0) * 10.0 * MEGA;
    let (hour, evidence) = first(12, leak).unwrap();
    assert!((246.0..=264.0).contains(&hour), "{hour}");
    let Evidence::Leak { bytes_per_hour, eta_s: Some(eta), .. } = evidence else { panic!("{evidence:?}") };
    assert!((4.0..=12.0).contains(&(bytes_per_hour / MEGA)), "{bytes_per_hour}");
    assert!(eta > 100 * 3600, "{eta}");
}

#[test]
fn a_leak_is_told_after_a_gap_as_it_is_without_one() {
    let told = |gap: std::ops::Range<i64>| {
        let mut detector = LeakDetector::new(7200);
        let mut samples = (0..12 * 288).filter(|i| !gap.contains(&(i / 12)));
        samples.find(|i| {
            let leak = (*i as f64 / 12.0 - 240.0).max(0.0) * 10.0;
            let bytes = (300.0 + leak + noise(*i) * 20.0) * MEGA;
            detector.push(&sample(i * 300, bytes)).is_some()
        })
    };
    let (without, with) = (told(0..0).unwrap(), told(252..255).unwrap());
    assert!((with - without).abs() <= 4 * 12, "hours {} and {}", without / 12, with / 12);
    assert!(told(100..104).is_some_and(|i| i == without), "a gap of days ago changes nothing");
}

#[test]
fn a_container_that_requests_much_more_than_it_uses_leaks_like_one_that_requests_nothing() {
    let told = |request_bytes: Option<f64>| {
        let mut detector = LeakDetector::new(7200);
        (0..12 * 288).find(|i| {
            let leak = (*i as f64 / 12.0 - 240.0).max(0.0) * 5.0;
            let bytes = (300.0 + leak + noise(*i) * 5.0) * MEGA;
            detector.push(&MemorySample { request_bytes, ..sample(i * 300, bytes) }).is_some()
        })
    };
    assert!(told(None).is_some());
    assert_eq!(told(Some(4096.0 * 1_048_576.0)), told(None));
}

#[test]
fn what_is_flat_waves_daily_steps_or_falls_is_no_leak() {
    let shapes: [fn(f64) -> f64; 4] = [
        |_| 300.0,
        |hour| 300.0 + 100.0 * (hour / 24.0 * std::f64::consts::TAU).sin(),
        |hour| if hour < 200.0 { 300.0 } else { 500.0 },
        |hour| 900.0 - hour,
    ];
    for (i, shape) in shapes.into_iter().enumerate() {
        assert_eq!(first(20, |hour| shape(hour) * MEGA), None, "shape {i}");
    }
}

#[test]
fn samples_every_ten_seconds_whose_noise_hides_the_growth_still_show_the_leak() {
    let mut detector = LeakDetector::new(600);
    let told = (0..6 * 8640).find(|i| {
        let hour = *i as f64 / 360.0;
        let bytes = 50.0 * MEGA + (hour - 96.0).max(0.0) * MEGA + 0.2 * MEGA * noise(*i);
        detector.push(&sample(i * 10, bytes)).is_some()
    });
    assert!(told.is_some_and(|i| (102 * 360..=120 * 360).contains(&i)), "{told:?}");
}

#[test]
fn the_faster_a_leak_the_more_speaks_for_it() {
    let mut weights = Vec::new();
    for megabytes in [3.0, 30.0, 300.0, 3000.0] {
        let mut detector = LeakDetector::new(7200);
        let weight = |i: i64| {
            let hour = i as f64 / 12.0;
            let bytes = 300.0 * MEGA + (hour - 240.0).max(0.0) * megabytes * MEGA;
            detector.push(&sample(i * 300, bytes + noise(i) * 20.0 * MEGA));
            detector.weight_of_evidence()
        };
        weights.push((0..264 * 12).map(weight).fold(0.0, f64::max));
    }
    assert!(weights.windows(2).all(|pair| pair[1] > pair[0] - 0.2), "{weights:?}");
    assert!(weights[0] > LeakDetector::EVIDENCE_MIN, "{weights:?}");
}

#[test]
fn growth_of_the_first_half_hour_is_ignored_and_a_restart_begins_anew() {
    let mut detector = LeakDetector::new(7200);
    let mut told = 0;
    for i in 0..12 * 288 {
        let at = i * 300;
        if at % 14_400 == 0 {
            detector.restarted(at);
        }
        told += usize::from(detector.push(&sample(at, 1e8 + (at % 14_400) as f64 * 1e4)).is_some());
    }
    assert_eq!(told, 0, "what grows for four hours and starts again is no leak of a day");
}

/// The hours of each life after which a leak that began on day 10 is first told; it is killed every 40 hours.
fn told_in_lives(restarts: bool) -> Vec<i64> {
    let (begins, life) = (2880, 40 * 12_i64);
    let mut detector = LeakDetector::new(7200);
    let mut lives = std::collections::BTreeMap::new();
    for i in 0..begins + 10 * life {
        let age = (i - begins).rem_euclid(life);
        if restarts && i > begins && age == 0 {
            detector.restarted(i * 300);
        }
        let grown = if i < begins { 0.0 } else { age as f64 / 12.0 * 10.0 };
        let bytes = (300.0 + grown + noise(i) * 10.0) * MEGA;
        if detector.push(&sample(i * 300, bytes)).is_some() {
            lives.entry((i - begins).div_euclid(life)).or_insert(age / 12);
        }
    }
    lives.into_values().collect()
}

#[test]
fn a_leak_that_restarts_cut_is_told_in_each_life_before_a_day_is_over() {
    let told = told_in_lives(true);
    assert!(told.len() == 10 && told.iter().all(|hours| (6..24).contains(hours)), "{told:?}");
    // Nobody says that it started again: it is the same leak still, an hour after its memory fell.
    assert!(told_in_lives(false)[1..].iter().all(|hours| *hours == 0));
}

#[test]
fn a_series_that_often_grows_for_a_day_must_grow_more_than_ever() {
    let sawtooth = |hour: f64| 300.0 * MEGA + (hour.rem_euclid(40.0) - 8.0).max(0.0) * 3.0 * MEGA;
    let mut detector = LeakDetector::new(7200);
    let told: Vec<i64> = (0..30 * 288)
        .filter(|i| detector.push(&sample(i * 300, sawtooth(*i as f64 / 12.0))).is_some())
        .collect();
    assert!(told.iter().all(|i| *i < 10 * 288), "{:?}", told.last());
}
