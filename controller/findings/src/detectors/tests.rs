//! What the detectors find in series that a person can judge, and in broken ones.

use kubeopt_model::finding::Severity;
use kubeopt_model::workload::ResourceList;
use kubeopt_model::{Bytes, MilliCores};
use proptest::prelude::*;

use super::*;
use crate::life::tests::container;

const MIB: f64 = 1_048_576.0;
const START: i64 = 1_794_009_600;
const DAYS: i64 = 14;

fn noise(step: i64) -> f64 {
    (step * 7919 % 97) as f64 / 97.0
}

fn sizes() -> Sizes {
    let list = |cpu, memory| ResourceList { cpu: Some(MilliCores(cpu)), memory: Some(Bytes::mebi(memory)) };
    Sizes {
        resources: Resources { requests: list(500, 512), limits: list(1000, 1024) },
        scope: Scope::Lasting,
    }
}

fn points(days: i64, cpu: impl Fn(i64) -> f64, memory: impl Fn(i64) -> f64) -> ContainerPoints {
    let steps = 0..days * 288;
    let at = |step: i64| START + step * 300;
    ContainerPoints {
        container: container("cache"),
        cpu: steps.clone().map(|step| (at(step), cpu(step))).collect(),
        memory: steps.map(|step| (at(step), memory(step))).collect(),
        restarts: vec![],
    }
}

fn quiet() -> ContainerPoints {
    points(DAYS, |step| 200.0 + 10.0 * noise(step), |step| (300.0 + 4.0 * noise(step)) * MIB)
}

fn found(points: &ContainerPoints) -> Vec<Finding> {
    let mut detectors = Detectors::new(sizes());
    detectors.feed(points, &Signs::default());
    let last = points.memory.iter().chain(&points.cpu).map(|(at, _)| *at).max().unwrap_or(START);
    detectors.open(&points.container, last + 300)
}

/// From the twelfth day on, 4 MiB an hour.
fn leaking() -> ContainerPoints {
    let begins = 12 * 288;
    points(
        DAYS,
        |step| 200.0 + 10.0 * noise(step),
        |step| (300.0 + 4.0 * noise(step) + 4.0 * (step - begins).max(0) as f64 / 12.0) * MIB,
    )
}

#[test]
fn nothing_is_found_where_nothing_happens() {
    assert_eq!(found(&quiet()), []);
}

#[test]
fn a_leak_is_found_with_its_rate_its_beginning_and_the_time_that_is_left() {
    let found = found(&leaking());
    assert_eq!(found.len(), 1, "{found:#?}");
    let leak = &found[0];
    assert_eq!((leak.kind(), leak.resource), (Kind::Leak, Resource::Memory));
    let begun = START + 12 * DAY_S;
    assert!((leak.since_unix_s - begun).abs() < DAY_S, "{} {begun}", leak.since_unix_s);
    // 532 MiB are left at 4 MiB an hour: between 130 and 136 hours, and the rate is that of the floor.
    assert!((120 * 3600..150 * 3600).contains(&leak.eta_s().unwrap()), "{leak:?}");
    assert_eq!(leak.severity, Severity::Medium);
}

/// From the fifth day on, 6 MiB an hour, and a kill every 40 hours; the last life is a day old.
fn restarting() -> ContainerPoints {
    let (begins, life) = (4 * 288, 40 * 12);
    let of_life = |step: i64| (step - begins).rem_euclid(life);
    let grown = |step: i64| if step < begins { 0.0 } else { of_life(step) as f64 / 2.0 };
    let all = points(DAYS, |_| 200.0, |step| (300.0 + 4.0 * noise(step) + grown(step)) * MIB);
    let killed = (begins + life..DAYS * 288).step_by(life as usize);
    ContainerPoints { restarts: killed.map(|step| START + step * 300).collect(), ..all }
}

#[test]
fn a_leak_that_restarts_cut_is_found_in_the_life_that_runs() {
    let points = restarting();
    assert_eq!(points.restarts.len(), 5);
    let leaks = |points: &ContainerPoints| {
        let found = found(points);
        found.into_iter().filter(|one| one.kind() == Kind::Leak).collect::<Vec<_>>()
    };
    let found = leaks(&points);
    assert_eq!(found.len(), 1, "{found:#?}");
    let begun = points.restarts[4];
    assert!((found[0].since_unix_s - begun).abs() < 6 * HOUR_S, "{} {begun}", found[0].since_unix_s);
}

#[test]
fn where_another_pod_restarts_the_leak_of_the_highest_is_the_same() {
    let leaking = leaking();
    let hours = (START..START + DAYS * DAY_S).step_by(HOUR_S as usize);
    let beside = ContainerPoints { restarts: hours.collect(), ..leaking.clone() };
    assert_eq!(found(&beside), found(&leaking));
}

#[test]
fn what_grows_after_each_rollout_up_to_what_it_needs_is_no_leak() {
    // A new pod every two or three days fills its caches for ten hours. Nothing counts as a restart, or each of them does.
    let rollouts = [3, 5, 8, 11, 13].map(|day| day * 288 + 60);
    let age = |step: i64| rollouts.iter().rev().find(|at| **at <= step).map_or(9999, |at| step - at);
    let cache = |step: i64| 200.0 * (1.0 - (-age(step) as f64 / 40.0).exp());
    let without = points(DAYS, |_| 200.0, |step| (200.0 + 4.0 * noise(step) + cache(step)) * MIB);
    let hours = rollouts.map(|step| (START + step * 300).div_euclid(HOUR_S) * HOUR_S);
    let with = ContainerPoints { restarts: hours.to_vec(), ..without.clone() };
    for points in [without, with] {
        let mut detectors = Detectors::new(sizes());
        for (at, value) in &points.memory {
            let restarts = points.restarts.iter().copied().filter(|hour| hour == at).collect();
            let part =
                ContainerPoints { cpu: vec![], memory: vec![(*at, *value)], restarts, ..points.clone() };
            detectors.feed(&part, &Signs::default());
            let open = detectors.clone().open(&points.container, *at);
            assert!(
                open.iter().all(|one| one.kind() != Kind::Leak),
                "step {} {}",
                (at - START) / 300,
                points.restarts.len()
            );
        }
    }
}

#[test]
fn it_does_not_matter_in_how_many_parts_points_come() {
    let whole = restarting();
    let mut by_hour = Detectors::new(sizes());
    for hour in 0..DAYS * 24 {
        let within = |points: &[(i64, f64)]| {
            let hour = START + hour * 3600..START + (hour + 1) * 3600;
            points.iter().filter(|(at, _)| hour.contains(at)).copied().collect()
        };
        let part = ContainerPoints {
            container: whole.container.clone(),
            cpu: within(&whole.cpu),
            memory: within(&whole.memory),
            restarts: whole.restarts.iter().copied().filter(|at| *at == START + hour * 3600).collect(),
        };
        by_hour.feed(&part, &Signs::default());
    }
    let now = START + DAYS * DAY_S;
    assert_eq!(by_hour.open(&whole.container, now), found(&whole));
}

#[test]
fn a_leak_that_is_mended_is_over_within_a_day() {
    let mended = 13 * 288 + 144;
    let leaking = leaking();
    let mut points = quiet();
    for (step, point) in points.memory.iter_mut().enumerate().take(mended) {
        point.1 = leaking.memory[step].1;
    }
    let mut detectors = Detectors::new(sizes());
    let mut part = points.clone();
    part.memory.truncate(mended);
    detectors.feed(&part, &Signs::default());
    let at = points.memory[mended].0;
    let leaks = |detectors: &Detectors, at: i64| {
        let open = detectors.clone().open(&container("cache"), at);
        open.iter().filter(|one| one.kind() == Kind::Leak).count()
    };
    assert_eq!(leaks(&detectors, at), 1);
    part.memory = points.memory.split_off(mended);
    part.cpu.clear();
    detectors.feed(&part, &Signs::default());
    assert_eq!(detectors.growth(), None);
    assert_eq!(leaks(&detectors, at + DAY_S), 0);
}

#[test]
fn a_spike_is_open_for_two_hours_and_critical_at_the_limit() {
    let spike = 13 * 288;
    let cpu = |step: i64| if step == spike { 980.0 } else { 200.0 + 10.0 * noise(step) };
    let memory = |step: i64| (300.0 + 4.0 * noise(step)) * MIB;
    let mut points = points(DAYS, cpu, memory);
    points.cpu.truncate(spike as usize + 6);
    points.memory.truncate(spike as usize + 6);
    let open = found(&points);
    assert_eq!(
        open.iter().map(|one| (one.kind(), one.severity)).collect::<Vec<_>>(),
        [(Kind::Spike, Severity::Critical)]
    );
    let mut detectors = Detectors::new(sizes());
    detectors.feed(&points, &Signs::default());
    assert_eq!(detectors.open(&points.container, START + spike * 300 + 2 * HOUR_S + 1), []);
}

#[test]
fn throttling_of_the_last_hours_is_saturation_and_that_of_nobody_is_none() {
    let points = quiet();
    let signs = |ratio| Signs {
        throttled_ratio: Some(ratio),
        from_unix_s: START + DAYS * DAY_S - 2 * HOUR_S,
        ..Signs::default()
    };
    for (ratio, severities) in
        [(0.02, vec![]), (0.15, vec![Severity::High]), (0.31, vec![Severity::Critical])]
    {
        let mut detectors = Detectors::new(sizes());
        detectors.feed(&points, &signs(ratio));
        let open = detectors.open(&points.container, START + DAYS * DAY_S);
        let found: Vec<_> = open.iter().map(|one| one.severity).collect();
        assert_eq!(found, severities, "{ratio}");
        assert!(open.iter().all(|one| one.kind() == Kind::Saturation && one.resource == Resource::Cpu));
    }
}

#[test]
fn memory_at_its_limit_is_saturation_of_memory() {
    let full = points(2, |_| 200.0, |_| 1000.0 * MIB);
    let open = found(&full);
    assert_eq!((open.len(), open[0].kind(), open[0].resource), (1, Kind::Saturation, Resource::Memory));
    assert!(open[0].sentence().contains("short of memory since"), "{}", open[0].sentence());
}

#[test]
fn what_a_job_takes_from_run_to_run_is_no_leak() {
    let mut detectors = Detectors::new(Sizes { scope: Scope::of(WorkloadKind::CronJob), ..sizes() });
    let points = leaking();
    detectors.feed(&points, &Signs::default());
    assert_eq!(detectors.open(&points.container, START + DAYS * DAY_S), []);
}

/// Series as broken sources give them: nothing is found in them, and nothing fails.
#[test]
fn broken_series_are_survived_and_nothing_is_made_of_them() {
    let at = |step: i64| START + step * 300;
    let cases: [(&str, Vec<(i64, f64)>); 8] = [
        ("no points", vec![]),
        ("two points", vec![(at(0), 1e8), (at(1), 2e8)]),
        ("zeros", (0..4032).map(|step| (at(step), 0.0)).collect()),
        ("a constant", (0..4032).map(|step| (at(step), 3e8)).collect()),
        ("no numbers", (0..4032).map(|step| (at(step), f64::NAN)).collect()),
        ("infinities", (0..4032).map(|step| (at(step), f64::INFINITY)).collect()),
        ("gaps of days", (0..4032).map(|step| (at(step * 600), 3e8 + step as f64)).collect()),
        ("backwards", (0..4032).map(|step| (at(-step), 3e8)).collect()),
    ];
    for (name, memory) in cases {
        let cpu = memory.iter().map(|(at, value)| (*at, value / 1e7)).collect();
        let points = ContainerPoints { container: container("cache"), cpu, memory, restarts: vec![] };
        assert_eq!(found(&points), [], "{name}");
    }
}

#[test]
fn a_thousandfold_step_has_finite_numbers() {
    let step = points(DAYS, |s| if s < 3900 { 1.0 } else { 1000.0 }, |s| if s < 3900 { 1e5 } else { 1e8 });
    for finding in found(&step) {
        let text = finding.sentence();
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_series_panics_and_every_sentence_is_finite(
        values in proptest::collection::vec((0_i64..5_000_000, prop_oneof![
            Just(f64::NAN), Just(f64::INFINITY), Just(-1.0), Just(0.0), 0.0..1e12, Just(1e300)
        ]), 0..600)
    ) {
        let series: Vec<(i64, f64)> = values.into_iter().map(|(at, value)| (START + at, value)).collect();
        let points = ContainerPoints { container: container("cache"), cpu: series.clone(), memory: series, restarts: vec![START, START + 7200] };
        let mut detectors = Detectors::new(sizes());
        detectors.feed(&points, &Signs { throttled_ratio: Some(f64::NAN), ..Signs::default() });
        for finding in detectors.open(&points.container, START + 5_000_000) {
            prop_assert!(!finding.sentence().contains("NaN"));
        }
    }
}

#[test]
fn a_leak_goes_on_while_the_floor_rises_from_day_to_day_and_noise_is_no_rise() {
    let grows = |memory: &dyn Fn(i64) -> f64| {
        let mut detectors = Detectors::new(sizes());
        detectors.feed(&points(5, |_| 200.0, memory), &Signs::default());
        detectors.growth().is_some()
    };
    assert!(grows(&|step| (300.0 + step as f64 / 12.0) * MIB), "24 MiB a day");
    assert!(!grows(&|step| (300.0 + 9.0 * noise(step)) * MIB), "noise");
    assert!(!grows(&|step| (300.0 + (step % 1300) as f64 / 12.0) * MIB), "it fell today");
}

#[test]
fn a_leak_that_is_usual_by_now_has_the_rate_and_the_time_of_the_last_days() {
    let mut detectors = Detectors::new(sizes());
    let memory = |step: i64| (300.0 + step as f64 / 12.0) * MIB;
    detectors.feed(&points(20, |_| 200.0, memory), &Signs::default());
    let growth = detectors.growth().unwrap();
    assert!((growth.bytes_per_hour / MIB - 1.0).abs() < 0.01, "{growth:?}");
    // 300 and 480 of 1024 MiB are taken, at 1 MiB an hour.
    assert!((growth.eta_s.unwrap() - 244 * HOUR_S).abs() < HOUR_S, "{growth:?}");
    assert_eq!(growth.limit, Some(Amount::Memory(Bytes::mebi(1024))));
}

#[test]
fn shortage_of_the_hours_before_midnight_is_found_after_it() {
    let points = quiet();
    let midnight = START + DAYS * DAY_S;
    let signs = Signs { throttled_ratio: Some(0.31), from_unix_s: midnight - 2 * HOUR_S, ..Signs::default() };
    let mut detectors = Detectors::new(sizes());
    detectors.feed(&points, &Signs::default());
    let late =
        |all: &[(i64, f64)]| all.iter().copied().filter(|(at, _)| *at >= midnight - 3 * HOUR_S).collect();
    let late = ContainerPoints {
        container: points.container.clone(),
        cpu: late(&points.cpu),
        memory: late(&points.memory),
        restarts: vec![],
    };
    let before = detectors.clone().open(&points.container, midnight + 1200);
    assert_eq!(before, []);
    detectors.feed_from(midnight, &late, &signs);
    let open = detectors.open(&points.container, midnight + 1200);
    let found: Vec<_> = open.iter().map(|one| (one.kind(), one.severity)).collect();
    assert_eq!(found, [(Kind::Saturation, Severity::Critical)]);
}
