//! Shapes of usage with known answers, generated at five minutes over the policy's window, sized by the default policy.
//!
//! Each test says what the answer is and why. The fleet is the container alone, so that risks are priced by its own size.

use std::collections::BTreeMap;

use kubeopt_model::policy::{BelowObservedMax, EffectivePolicy, SizingStrategy};
use kubeopt_model::quantity::MIB;
use kubeopt_model::usage::{ContainerPoints, DayUsage, HourPoint, ResourceUsage, Startup, Strain};
use kubeopt_model::{
    Bytes, ClusterName, Container, ContainerName, ContainerRole, ContainerUsage, Coverage, Field, MilliCores,
    Namespace, NoRecommendation, ObjectName, Resources, Window, Workload, WorkloadId, WorkloadKind,
};
use kubeopt_recommend::{EarlierDays, Evidence, Fleet, Sizing, fleet_of, size};
use kubeopt_signal::Sketch;

const STEP_S: i64 = 300;
const HOUR_S: i64 = 3600;
const DAY_S: i64 = 86_400;
const WEEK_S: i64 = 7 * DAY_S;
/// The end of the window: ten weeks after the epoch, so that weeks and days end with it.
const NOW_S: i64 = 10 * WEEK_S;

/// What the pods use at a moment: (seconds since the epoch) -> one value a pod.
type Shape<'a> = &'a dyn Fn(i64) -> Vec<f64>;

/// Samples of one resource from a moment on.
fn used(shape: Shape<'_>, from_s: i64) -> ResourceUsage {
    let mut all = ResourceUsage {
        sketch: Sketch::default(),
        max: 0.0,
        max_at_unix_s: from_s,
        coverage: Coverage::default(),
        days: Vec::new(),
    };
    for at in (from_s..NOW_S).step_by(STEP_S as usize) {
        let day_start = at - at.rem_euclid(DAY_S);
        if all.days.last().is_none_or(|day| day.at_unix_s != day_start) {
            all.days.push(DayUsage {
                at_unix_s: day_start,
                sketch: Sketch::default(),
                max: 0.0,
                coverage: Default::default(),
                partial: false,
            });
        }
        for value in shape(at) {
            all.sketch.add(value, 1);
            if value > all.max {
                (all.max, all.max_at_unix_s) = (value, at);
            }
            if let Some(day) = all.days.last_mut() {
                day.sketch.add(value, 1);
                day.max = day.max.max(value);
            }
        }
    }
    let have = all.sketch.count();
    all.coverage = Coverage { have, expected: have };
    all
}

fn hours(shape: Shape<'_>, from_s: i64) -> Vec<HourPoint> {
    let hour = |at_unix_s: i64| {
        let mut sketch = Sketch::default();
        let steps = (at_unix_s..at_unix_s + HOUR_S).step_by(STEP_S as usize);
        steps.flat_map(shape).for_each(|value| sketch.add(value, 1));
        let quantile = |q| sketch.quantile(q).unwrap_or_default();
        HourPoint { at_unix_s, median: quantile(0.5), p95: quantile(0.95), max: quantile(1.0) }
    };
    (from_s..NOW_S).step_by(HOUR_S as usize).map(hour).collect()
}

/// A container of a Deployment that asks for 4 cores and 8Gi, with CPU in millicores and memory in MiB of these shapes.
fn container(cpu: Shape<'_>, memory_mebi: Shape<'_>, days: i64) -> Evidence {
    let from_s = NOW_S - days * DAY_S;
    let memory = |at: i64| memory_mebi(at).into_iter().map(|mebi| mebi * MIB as f64).collect::<Vec<f64>>();
    let mut evidence = bare();
    let id = evidence.id();
    let pods = cpu(NOW_S - STEP_S).len() as u64;
    let usage = ContainerUsage {
        container: id.clone(),
        window: Window { from_unix_s: NOW_S - 28 * DAY_S, to_unix_s: NOW_S },
        seen: Window { from_unix_s: from_s, to_unix_s: NOW_S },
        cpu: Some(used(cpu, from_s)),
        memory: Some(used(&memory, from_s)),
        oom_kills: Vec::new(),
        throttled_ratio: None,
        strain: Strain::default(),
        startup: Startup::default(),
        nodes: None,
        gpus: None,
        pods,
        replica_hours: (pods * 24) as f64 * days as f64,
        cpu_hours: hours(cpu, from_s).into_iter().collect(),
        pod_peaks: Vec::new(),
        memory_hours: Default::default(),
        partial: None,
    };
    let steps = || (NOW_S - 14 * DAY_S..NOW_S).step_by(STEP_S as usize);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let highest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    evidence.points = Some(ContainerPoints {
        container: id,
        cpu: steps().map(|at| (at, mean(&cpu(at)))).collect(),
        memory: steps().map(|at| (at, highest(&memory(at)))).collect(),
        restarts: vec![],
    });
    evidence.fleet = fleet_of([(&usage, pods as u32)]);
    evidence.usage = Some(usage);
    evidence
}

fn bare() -> Evidence {
    let mut resources = Resources::default();
    resources.requests.cpu = Some(MilliCores(4000));
    resources.requests.memory = Some(Bytes::mebi(8192));
    let container = Container {
        name: ContainerName::new("main").expect("a name"),
        role: ContainerRole::Main,
        image: String::new(),
        resources,
        java: None,
        gpus: 0,
    };
    let workload = Workload {
        id: WorkloadId {
            cluster: ClusterName::new("probes").expect("a name"),
            namespace: Namespace::new("probes").expect("a name"),
            kind: WorkloadKind::Deployment,
            name: ObjectName::new("probe").expect("a name"),
        },
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        replicas: 1,
        containers: vec![container.clone()],
        scaler: None,
        applied_by: None,
        owner: None,
        vpa: None,
    };
    Evidence {
        workload,
        container,
        filled_in: Resources::default(),
        usage: None,
        earlier: None,
        points: None,
        gpu: None,
        foretold: None,
        fleet: None,
        scale_targets: Vec::new(),
        given: Vec::new(),
        lessons: Vec::new(),
        frozen: None,
        leak: None,
    }
}

fn with(evidence: &Evidence, strategy: SizingStrategy) -> Sizing {
    let mut policy = EffectivePolicy::default();
    policy.sizing.strategy = strategy;
    size(evidence, &policy)
}

/// Millicores and MiB of the requests.
fn requests(sizing: &Sizing) -> (u64, u64) {
    let requests = sizing.resources.requests;
    (requests.cpu.map_or(0, |cpu| cpu.0), requests.memory.map_or(0, |memory| memory.0 / MIB))
}

fn kubeopt(evidence: &Evidence) -> (u64, u64) {
    requests(&with(evidence, SizingStrategy::Kubeopt))
}

/// 2 % around: no shape is a flat line.
fn noise(at: i64) -> f64 {
    1.0 + 0.02 * ((at / STEP_S).wrapping_mul(2_654_435_761).rem_euclid(1000) as f64 / 500.0 - 1.0)
}

#[test]
fn a_weekly_peak_of_two_hours_is_covered_and_vpa_forgets_it() {
    // A fiftieth of the time, but each week: it will come again on Monday.
    let cpu = |at: i64| {
        let peak = (30 * HOUR_S..32 * HOUR_S).contains(&at.rem_euclid(WEEK_S));
        vec![noise(at) * if peak { 2000.0 } else { 200.0 }]
    };
    let evidence = container(&cpu, &|_| vec![500.0], 28);
    let (own, _) = kubeopt(&evidence);
    assert!((1960..=2400).contains(&own), "{own}m");
    let (vpa, _) = requests(&with(&evidence, SizingStrategy::Vpa));
    assert!(vpa < 500, "p90 of a histogram with a half-life of a day: {vpa}m");
}

#[test]
fn a_weekly_peak_of_memory_is_covered_and_vpa_forgets_it() {
    // Five days ago; the daily peaks since then weigh more than nine tenths with a half-life of a day.
    let memory = |at: i64| {
        let peak =
            (30 * HOUR_S..32 * HOUR_S).contains(&(at + 5 * DAY_S).rem_euclid(WEEK_S).rem_euclid(WEEK_S));
        vec![if peak { 1500.0 } else { 400.0 }]
    };
    let evidence = container(&|at| vec![100.0 * noise(at)], &memory, 28);
    let (_, own) = kubeopt(&evidence);
    assert!((1500..=3000).contains(&own), "{own}Mi");
    let mut policy = EffectivePolicy::default();
    policy.sizing.strategy = SizingStrategy::Vpa;
    policy.sizing.below_observed_max = BelowObservedMax::Allow;
    let (_, vpa) = requests(&size(&evidence, &policy));
    assert!(vpa < 600, "one daily peak of five days ago: {vpa}Mi");
}

#[test]
fn a_daily_peak_is_covered() {
    // An hour of each day is 4 % of the samples: too many to be left to idle time.
    let cpu = |at: i64| {
        let peak = (9 * HOUR_S..10 * HOUR_S).contains(&at.rem_euclid(DAY_S));
        vec![noise(at) * if peak { 1500.0 } else { 200.0 }]
    };
    let (own, _) = kubeopt(&container(&cpu, &|_| vec![500.0], 28));
    assert!((1500..=1800).contains(&own), "{own}m");
}

#[test]
fn a_step_up_is_followed_within_three_days() {
    let stepped = |low: f64, high: f64| move |at: i64| vec![if at >= NOW_S - 3 * DAY_S { high } else { low }];
    let (cpu, memory) = kubeopt(&container(&stepped(200.0, 600.0), &stepped(300.0, 900.0), 28));
    assert!((600..=720).contains(&cpu), "{cpu}m");
    assert!((900..=1800).contains(&memory), "{memory}Mi");
}

#[test]
fn a_step_down_is_followed_at_last_and_memory_not_while_the_window_remembers() {
    let stepped = |days: i64, high: f64, low: f64| {
        move |at: i64| vec![if at >= NOW_S - days * DAY_S { low } else { high }]
    };
    // What was needed ten days ago may be needed again: belowObservedMax is never.
    let recent = container(&stepped(10, 2000.0, 500.0), &stepped(10, 2000.0, 500.0), 28);
    let (cpu, memory) = kubeopt(&recent);
    assert!(memory >= 2000 && cpu >= 500, "{cpu}m {memory}Mi");
    // When the window has only seen the lower level, nothing of the higher one is kept.
    let past = container(&stepped(28, 2000.0, 500.0), &stepped(28, 2000.0, 500.0), 28);
    let (cpu, memory) = kubeopt(&past);
    assert!((500..=600).contains(&cpu) && (500..=1000).contains(&memory), "{cpu}m {memory}Mi");
}

#[test]
fn a_linear_leak_gets_what_was_seen_and_is_not_run_after() {
    // 10Mi a day from 300Mi. The request is above the last sample, and not where the line will be in a quarter.
    let memory = |at: i64| vec![300.0 + 10.0 * (at - NOW_S + 28 * DAY_S) as f64 / DAY_S as f64];
    let (_, own) = kubeopt(&container(&|_| vec![100.0], &memory, 28));
    assert!((580..=1160).contains(&own), "{own}Mi");
}

#[test]
fn a_start_up_spike_of_a_minute_does_not_speak_for_the_request() {
    // History keeps the first minutes apart: they are in `startup` and not among the samples.
    let mut evidence = container(&|at| vec![200.0 * noise(at)], &|_| vec![500.0], 28);
    let without = kubeopt(&evidence);
    if let Some(usage) = &mut evidence.usage {
        usage.startup = Startup { cpu_max: Some(3000.0), memory_max: Some(500.0 * MIB as f64) };
    }
    assert_eq!(kubeopt(&evidence), without);
    assert!((200..=240).contains(&without.0), "{}m", without.0);
}

#[test]
fn a_pod_of_three_minutes_does_not_decide_cpu_and_its_memory_counts() {
    // One sample of 40 times the usual among 48,384.
    let is_short = |at: i64| at == NOW_S - 5 * DAY_S;
    let cpu = |at: i64| {
        let mut pods = vec![100.0 * noise(at); 6];
        pods.extend(is_short(at).then_some(4000.0));
        pods
    };
    let memory = |at: i64| {
        let mut pods = vec![300.0; 6];
        pods.extend(is_short(at).then_some(700.0));
        pods
    };
    let (cpu, memory) = kubeopt(&container(&cpu, &memory, 28));
    assert!((100..=150).contains(&cpu), "a sample above the request is slower, not fatal: {cpu}m");
    assert!(memory >= 700, "a pod that does not get it is killed: {memory}Mi");
}

#[test]
fn one_hot_replica_of_20_is_covered() {
    // All replicas have one request. The hot one is a twentieth of all samples, always above what the others need.
    let pods = |hot: f64, cool: f64| {
        move |at: i64| {
            let mut pods = vec![cool * noise(at); 20];
            pods[7] = hot * noise(at);
            pods
        }
    };
    let (cpu, memory) = kubeopt(&container(&pods(900.0, 100.0), &pods(900.0, 200.0), 28));
    assert!((900..=1100).contains(&cpu), "{cpu}m");
    assert!(memory >= 900, "{memory}Mi");
}

#[test]
fn nothing_used_gets_the_floors() {
    let policy = EffectivePolicy::default().sizing;
    // Beside containers of half a core and a GiB, since a fleet that uses nothing measures nothing.
    let mut evidence = container(&|_| vec![0.0], &|_| vec![0.0], 28);
    evidence.fleet = Some(Fleet { cpu_request: 500.0, memory_request: 1024.0 * MIB as f64 });
    let (cpu, memory) = kubeopt(&evidence);
    assert_eq!((cpu, memory * MIB), (policy.cpu_floor.0, policy.memory_floor.0));
}

#[test]
fn two_points_of_history_move_nothing_and_say_what_is_missing() {
    let mut evidence = container(&|_| vec![100.0], &|_| vec![100.0], 1);
    if let Some(usage) = &mut evidence.usage {
        usage.seen.from_unix_s = NOW_S - 2 * STEP_S;
    }
    let sizing = with(&evidence, SizingStrategy::Kubeopt);
    assert_eq!(sizing.resources, evidence.container.resources);
    let why = sizing.left_because(Field::CPU_REQUEST);
    assert_eq!(why, Some(&NoRecommendation::TooLittleHistory { have_seconds: 600, need_seconds: 7 * DAY_S }));
}

#[test]
fn what_the_policy_allows_to_fall_below_the_highest_sample_still_holds_most_weeks() {
    // One week of four reached 1500Mi; where the policy allows it, the price decides and not the one sample.
    let memory = |at: i64| vec![if at == NOW_S - 20 * DAY_S { 1500.0 } else { 400.0 }];
    let evidence = container(&|_| vec![100.0], &memory, 28);
    let mut policy = EffectivePolicy::default();
    policy.sizing.below_observed_max = BelowObservedMax::Allow;
    let (_, free) = requests(&size(&evidence, &policy));
    assert!(free >= 440, "10 % above the lowest peak of the last three days: {free}Mi");
    assert!(kubeopt(&evidence).1 >= 1500);
}

#[test]
fn what_lies_before_the_window_counts_for_the_cost_and_not_for_bounds() {
    // Up to six weeks ago each day reached 2000Mi for an hour, since then 400Mi; the window has four weeks.
    let memory = |at: i64| {
        let is_busy = at < NOW_S - 42 * DAY_S && at.rem_euclid(DAY_S) < HOUR_S;
        vec![if is_busy { 2000.0 } else { 400.0 }]
    };
    let cpu = |at: i64| vec![noise(at) * if at < NOW_S - 42 * DAY_S { 900.0 } else { 100.0 }];
    let mut evidence = container(&cpu, &memory, 28);
    let window_alone = kubeopt(&evidence);
    let whole = container(&cpu, &memory, 70).usage.expect("a usage");
    let mut earlier = EarlierDays::default();
    earlier.add(whole, NOW_S - 28 * DAY_S);
    assert_eq!((earlier.cpu.len(), earlier.memory.len()), (42, 42));
    evidence.earlier = Some(earlier);
    let (cpu, memory) = kubeopt(&evidence);
    assert!(cpu > window_alone.0 && memory != window_alone.1, "{cpu}m {memory}Mi after {window_alone:?}");
    assert!(
        memory < 2000,
        "the highest sample of the window bounds it, not that of ten weeks ago: {memory}Mi"
    );
    let sizing = with(&evidence, SizingStrategy::Kubeopt);
    let said = sizing.reasons.iter().find(|reason| reason.rule == "memory-cost").map(|r| r.text.as_str());
    assert!(said.is_some_and(|text| text.contains("; 70 days of 1 pod")), "{said:?}");
    assert_eq!(requests(&with(&evidence, SizingStrategy::Quantile)), {
        evidence.earlier = None;
        requests(&with(&evidence, SizingStrategy::Quantile))
    });
}
