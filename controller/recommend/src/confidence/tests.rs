//! What is said of histories of which the right answer is known.

use kubeopt_model::outcome::Lesson;
use kubeopt_model::policy::SizingStrategy;
use kubeopt_model::quantity::MIB;
use kubeopt_model::recommendation::Member;
use kubeopt_model::usage::{ContainerPoints, DayUsage, HourPoint, OomKill, ResourceUsage};
use kubeopt_model::{Amount, Bytes, Change, ContainerUsage, Coverage, Field, Resource, Window};
use kubeopt_signal::Sketch;
use kubeopt_strategies::Fleet;

use super::*;
use crate::evidence::{EarlierDays, Evidence};
use crate::rules::fixture::{Case, DAY, resources};
use crate::size;

const FLEET: Fleet = Fleet { cpu_request: 800.0, memory_request: 600.0 * MIB as f64 };

/// Samples of a day.
const STEPS: u64 = 288;

/// A day whose CPU samples lie at a value and, a tenth of them, at twice that; and whose memory reaches a peak, in MiB.
type Load = (f64, f64);

fn case(strategy: SizingStrategy) -> Case {
    let mut case = Case::serving();
    case.policy.sizing.strategy = strategy;
    // No limit bounds anything.
    case.resources = resources(["1", "", "2Gi", ""]);
    case
}

fn day(at: i64, sketch: Sketch, max: f64) -> DayUsage {
    let coverage = Coverage { have: STEPS, expected: STEPS };
    DayUsage { at_unix_s: at * DAY, sketch, max, coverage, partial: false }
}

fn cpu_day(at: i64, value: f64) -> DayUsage {
    let mut sketch = Sketch::default();
    sketch.add(value, STEPS * 9 / 10);
    sketch.add(value * 2.0, STEPS - STEPS * 9 / 10);
    day(at, sketch, value * 2.0)
}

/// Days in the order of time, of the last of which the window ends.
fn used(days: Vec<DayUsage>) -> Option<ResourceUsage> {
    let highest = days.iter().filter(|day| day.max.is_finite()).max_by(|a, b| a.max.total_cmp(&b.max))?;
    let mut sketch = Sketch::default();
    days.iter().for_each(|day| sketch.merge(&day.sketch));
    let (max, max_at_unix_s, have) = (highest.max, highest.at_unix_s, days.len() as u64 * STEPS);
    Some(ResourceUsage { sketch, max, max_at_unix_s, coverage: Coverage { have, expected: have }, days })
}

/// The evidence at the end of these days: the window of the policy, and what lies before it.
fn evidence(case: &Case, loads: &[Load]) -> Evidence {
    let mut evidence = case.evidence();
    let whole = |from: usize, to: usize| {
        let days = || (from..).zip(&loads[from..to]);
        let window = Window { from_unix_s: from as i64 * DAY, to_unix_s: to as i64 * DAY };
        let hours = days().flat_map(|(at, (cpu, _))| {
            (0..24).map(move |hour| HourPoint {
                at_unix_s: at as i64 * DAY + hour * 3600,
                median: *cpu,
                p95: cpu * 2.0,
                max: cpu * 2.0,
            })
        });
        ContainerUsage {
            cpu: used(days().map(|(at, (cpu, _))| cpu_day(at as i64, *cpu)).collect()),
            memory: used(
                days().map(|(at, (_, mebi))| day(at as i64, Sketch::default(), mebi * MIB as f64)).collect(),
            ),
            seen: window,
            pods: 1,
            cpu_hours: hours.collect(),
            ..ContainerUsage::unseen(evidence.id(), window)
        }
    };
    let begins = loads.len().saturating_sub(28);
    let mut earlier = EarlierDays::default();
    earlier.add(whole(0, begins), begins as i64 * DAY);
    (evidence.usage, evidence.earlier, evidence.fleet) =
        (Some(whole(begins, loads.len())), Some(earlier), Some(FLEET));
    evidence
}

fn judged(case: &Case, loads: &[Load]) -> PastDays {
    past_days(&evidence(case, loads), &case.policy, &|_| Some(FLEET))
}

/// Loads by lot, with a busy day in each week.
fn by_lot(days: i64) -> Vec<Load> {
    let mut lot = 0x2545_f491_4f6c_dd1d_u64;
    let mut drawn = || {
        lot ^= lot << 13;
        lot ^= lot >> 7;
        lot ^= lot << 17;
        (lot >> 11) as f64 / (1_u64 << 53) as f64
    };
    let busy = |day: i64| if day % 7 == 2 { 2.0 } else { 1.0 };
    (0..days).map(|day| (200.0 * busy(day) * (0.7 + drawn()), 400.0 * busy(day) * (0.7 + drawn()))).collect()
}

fn count(days: &[PastDay]) -> (usize, usize) {
    (days.iter().filter(|day| day.held).count(), days.len())
}

#[test]
fn a_day_is_judged_by_what_the_rule_gave_at_its_start() {
    let loads = by_lot(75);
    for strategy in [SizingStrategy::Kubeopt, SizingStrategy::Quantile] {
        let case = case(strategy);
        let found = judged(&case, &loads);
        assert_eq!((found.cpu.len(), found.memory.len()), (68, 68), "a week tells too little, {strategy:?}");
        for (cpu, memory) in found.cpu.iter().zip(&found.memory) {
            let past = &loads[..(cpu.at_unix_s / DAY) as usize];
            let requests = size(&evidence(&case, past), &case.policy).resources.requests;
            let values = (Some(cpu.value), Some(memory.value));
            assert_eq!(values, (requests.cpu.map(Amount::Cpu), requests.memory.map(Amount::Memory)));
            let (millicores, mebi) = loads[past.len()];
            let tolerated = strategy == SizingStrategy::Kubeopt;
            let needed = if tolerated { millicores } else { millicores * 2.0 };
            assert_eq!(
                cpu.held,
                cpu.value.base() as f64 >= needed * 0.99,
                "a tenth lies at twice {millicores}"
            );
            assert_eq!(memory.held, memory.value.base() as f64 >= mebi * MIB as f64);
        }
    }
}

#[test]
fn nothing_of_a_day_or_after_it_has_a_part_in_its_value() {
    let loads = by_lot(60);
    for strategy in [SizingStrategy::Kubeopt, SizingStrategy::Quantile] {
        let mut case = case(strategy);
        // A limit that stays bounds what is given, until a kill or throttling speaks against it.
        case.resources = resources(["1", "3", "2Gi", "3Gi"]);
        let values = |evidence: &Evidence, until: i64| -> Vec<(i64, Amount)> {
            let found = past_days(evidence, &case.policy, &|_| Some(FLEET));
            let all = found.cpu.iter().chain(&found.memory).map(|day| (day.at_unix_s, day.value));
            all.filter(|(at, _)| *at <= until * DAY).collect()
        };
        let before = evidence(&case, &loads);
        for from in [0, 8, 20, 33, 45, 59] {
            let mut other = loads.clone();
            other[from..]
                .iter_mut()
                .for_each(|(cpu, memory)| (*cpu, *memory) = (*cpu * 30.0, *memory * 30.0));
            let mut after = evidence(&case, &other);
            let (id, from) = (after.id(), from as i64);
            let kill =
                |at: i64| OomKill { container: id.clone(), at_unix_s: at, limit: Some(Bytes::mebi(9000)) };
            let kills = (from..60).map(|day| kill(day * DAY));
            let (early, late): (Vec<_>, Vec<_>) = kills.partition(|kill| kill.at_unix_s < 32 * DAY);
            after.earlier.as_mut().unwrap().oom_kills = early;
            after.lessons.push(Lesson {
                container: id.clone(),
                field: Field::MEMORY_REQUEST,
                hurt: Amount::Memory(Bytes::mebi(1)),
                floor: Amount::Memory(Bytes::mebi(50_000)),
                learned_unix_s: from * DAY,
                frozen_until_unix_s: from * DAY,
                until_unix_s: 900 * DAY,
                why: String::new(),
            });
            let usage = after.usage.as_mut().unwrap();
            usage.oom_kills = late;
            (usage.throttled_ratio, usage.startup.cpu_max) = (Some(0.9), Some(9e6));
            assert_eq!(values(&after, from), values(&before, from), "from day {from} on, {strategy:?}");
        }
    }
}

#[test]
fn an_idle_steady_workload_is_surer_than_one_that_grows() {
    for strategy in [SizingStrategy::Kubeopt, SizingStrategy::Quantile] {
        let case = case(strategy);
        let idle = judged(&case, &[(2.0, 20.0); 60]);
        assert_eq!((count(&idle.cpu), count(&idle.memory)), ((53, 53), (53, 53)), "{strategy:?}");
        let growing: Vec<Load> =
            (0..36).map(|day| (4.0 * 1.5_f64.powi(day), 0.1 * 1.5_f64.powi(day))).collect();
        let growing = judged(&case, &growing);
        let bound =
            |days: &PastDays, resource| state(days.count(resource), resource, None).unwrap().lower_bound;
        for resource in [Resource::Cpu, Resource::Memory] {
            assert!(bound(&idle, resource) > 0.94, "{resource} {strategy:?}");
            assert!(bound(&growing, resource) < 0.6, "{resource} {strategy:?}: {growing:?}");
        }
    }
}

#[test]
fn days_that_tell_too_little_are_not_judged() {
    let case = case(SizingStrategy::Kubeopt);
    let with = |change: &dyn Fn(&mut DayUsage)| {
        let mut evidence = evidence(&case, &[(50.0, 300.0); 40]);
        let usage = evidence.usage.as_mut().unwrap();
        usage.memory.as_mut().unwrap().days.iter_mut().skip(3).take(4).for_each(change);
        let found = past_days(&evidence, &case.policy, &|_| Some(FLEET));
        (count(&found.cpu), count(&found.memory))
    };
    assert_eq!(with(&|_| {}), ((33, 33), (33, 33)));
    assert_eq!(with(&|day| day.partial = true), ((33, 33), (29, 29)));
    assert_eq!(with(&|day| day.coverage.have = 100), ((33, 33), (29, 29)));
    assert_eq!(with(&|day| day.coverage = Coverage::default()), ((33, 33), (29, 29)));
    assert_eq!(with(&|day| day.max = f64::NAN), ((33, 33), (29, 29)));
    assert_eq!(with(&|day| day.max = f64::INFINITY), ((33, 33), (29, 29)));
}

#[test]
fn the_days_of_a_gap_are_none_and_the_running_day_is_not_over() {
    let case = case(SizingStrategy::Kubeopt);
    let mut evidence = evidence(&case, &[(50.0, 300.0); 40]);
    let usage = evidence.usage.as_mut().unwrap();
    usage.window.to_unix_s -= DAY / 2;
    for used in [&mut usage.cpu, &mut usage.memory].into_iter().flatten() {
        used.days.retain(|day| !(20..25).contains(&(day.at_unix_s / DAY)));
    }
    let found = past_days(&evidence, &case.policy, &|_| Some(FLEET));
    assert_eq!((count(&found.cpu), count(&found.memory)), ((27, 27), (27, 27)));
}

#[test]
fn a_day_that_is_stored_in_two_parts_is_one_day() {
    let case = case(SizingStrategy::Kubeopt);
    let whole = evidence(&case, &by_lot(40));
    let mut cut = whole.clone();
    let own = &mut cut.usage.as_mut().unwrap().cpu.as_mut().unwrap().days;
    let mut part = own[0].clone();
    part.sketch = Sketch::default();
    part.sketch.add(1.0, 10);
    part.coverage = Coverage { have: 10, expected: 10 };
    part.max = 1.0;
    cut.earlier.as_mut().unwrap().cpu.push(part);
    let judge = |evidence: &Evidence| past_days(evidence, &case.policy, &|_| Some(FLEET));
    assert_eq!(judge(&cut).cpu.len(), judge(&whole).cpu.len());
}

#[test]
fn on_the_day_of_an_oom_kill_memory_did_not_hold() {
    let case = case(SizingStrategy::Kubeopt);
    let mut evidence = evidence(&case, &[(50.0, 300.0); 60]);
    let container = evidence.id();
    let kill = |day: i64| OomKill { container: container.clone(), at_unix_s: day * DAY + 7, limit: None };
    evidence.earlier.as_mut().unwrap().oom_kills = vec![kill(20)];
    evidence.usage.as_mut().unwrap().oom_kills = vec![kill(50), kill(51)];
    let found = past_days(&evidence, &case.policy, &|_| Some(FLEET));
    assert_eq!((count(&found.cpu), count(&found.memory)), ((53, 53), (50, 53)));
    let fallen: Vec<i64> =
        found.memory.iter().filter(|day| !day.held).map(|day| day.at_unix_s / DAY).collect();
    assert_eq!(fallen, [20, 50, 51]);
}

#[test]
fn a_rule_that_looks_at_points_is_judged_where_points_reach_back_far_enough() {
    let case = case(SizingStrategy::KrrSimple);
    let mut evidence = evidence(&case, &[(50.0, 300.0); 40]);
    let points = |value: f64| (26 * 288..40 * 288).map(|step| (step * 300, value)).collect();
    let container = evidence.id();
    evidence.points = Some(ContainerPoints {
        container,
        cpu: points(110.0),
        memory: points(300.0 * MIB as f64),
        restarts: vec![],
    });
    let found = past_days(&evidence, &case.policy, &|_| None);
    assert_eq!((count(&found.cpu), count(&found.memory)), ((7, 7), (7, 7)));
    evidence.points = None;
    assert_eq!(past_days(&evidence, &case.policy, &|_| None), PastDays::default());
}

#[test]
fn two_days_tell_nothing_and_no_usage_tells_nothing() {
    let case = case(SizingStrategy::Kubeopt);
    let found = judged(&case, &[(50.0, 300.0); 9]);
    assert_eq!((count(&found.cpu), count(&found.memory)), ((2, 2), (2, 2)));
    assert_eq!(state(found.count(Resource::Cpu), Resource::Cpu, None), None);
    let mut unseen = case.evidence();
    unseen.usage = None;
    assert_eq!(past_days(&unseen, &case.policy, &|_| None), PastDays::default());
}

#[test]
fn of_the_resources_that_change_the_less_sure_one_is_told() {
    let case = case(SizingStrategy::Kubeopt);
    let evidence = evidence(&case, &[(50.0, 300.0); 60]);
    let held = |held: usize| {
        let day = |at| PastDay {
            at_unix_s: at,
            value: Amount::Cpu(kubeopt_model::MilliCores(50)),
            held: (at as usize) < held,
        };
        (0..53).map(day).collect::<Vec<_>>()
    };
    let own = PastDays { cpu: held(53), memory: held(50) };
    let member = |after: [&str; 4]| Member {
        container: evidence.id(),
        replicas: 1,
        resources: Change { before: case.resources, after: resources(after) },
        usage: evidence.usage.clone().unwrap(),
        cost: None,
        timed: Vec::new(),
        terms: Vec::new(),
        confidence: None,
        foretold: None,
    };
    let said = |after, by_hand: &[Field]| {
        confidence_of(&member(after), &own.counts(), by_hand, &|_| None).map(|it| (it.resource, it.held_days))
    };
    assert_eq!(said(["100m", "", "400Mi", ""], &[]), Some((Resource::Memory, 50)));
    assert_eq!(said(["100m", "", "2Gi", ""], &[]), Some((Resource::Cpu, 53)));
    assert_eq!(said(["1", "", "2Gi", "3Gi"], &[]), Some((Resource::Memory, 50)), "a limit alone");
    assert_eq!(said(["1", "", "2Gi", ""], &[]), Some((Resource::Memory, 50)), "nothing of its own");
    assert_eq!(said(["100m", "", "400Mi", ""], &[Field::MEMORY_REQUEST]), None, "a person said so");
    assert_eq!(said(["100m", "", "2Gi", ""], &[Field::MEMORY_REQUEST]), Some((Resource::Cpu, 53)));
    let short = PastDays { memory: held(3)[..3].to_vec(), ..own.clone() };
    let unknown = confidence_of(&member(["100m", "", "400Mi", ""]), &short.counts(), &[], &|_| None);
    assert_eq!(unknown, None, "what is not known of one is not known of both");
}

#[test]
fn the_key_of_a_past_stays_while_the_day_goes_on_and_moves_with_all_that_the_past_rests_on() {
    let case = case(SizingStrategy::Kubeopt);
    let base = evidence(&case, &by_lot(60));
    let key =
        |evidence: &Evidence, case: &Case, fleet: Fleet| past_key(evidence, &case.policy, &|_| Some(fleet));
    let same = key(&base, &case, FLEET);
    let mut later = base.clone();
    let usage = later.usage.as_mut().unwrap();
    usage.window.to_unix_s += 9 * 3600;
    usage.cpu.as_mut().unwrap().days.push(cpu_day(60, 900.0));
    assert_eq!(key(&later, &case, FLEET), same, "the running day judges nothing");
    later.usage.as_mut().unwrap().window.to_unix_s += 15 * 3600;
    assert_ne!(key(&later, &case, FLEET), same, "it is over");
    let changes: [&dyn Fn(&mut Evidence); 6] = [
        &|it| it.usage.as_mut().unwrap().memory.as_mut().unwrap().days[3].max += 1.0,
        &|it| it.usage.as_mut().unwrap().cpu.as_mut().unwrap().days[3].coverage.have -= 1,
        &|it| it.usage.as_mut().unwrap().cpu.as_mut().unwrap().days[3].sketch.add(5.0, 1),
        &|it| it.earlier.as_mut().unwrap().memory[4].partial = true,
        &|it| it.container.resources = resources(["1", "2", "2Gi", ""]),
        &|it| {
            let kill = OomKill { container: it.id(), at_unix_s: 45 * DAY, limit: None };
            it.usage.as_mut().unwrap().oom_kills.push(kill);
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut other = base.clone();
        change(&mut other);
        assert_ne!(key(&other, &case, FLEET), same, "change {number}");
    }
    assert_ne!(key(&base, &case, Fleet { cpu_request: 801.0, ..FLEET }), same);
    let mut dearer = case.clone();
    dearer.policy.sizing.memory_price = 2.0;
    assert_ne!(key(&base, &dearer, FLEET), same);
}
