//! What was told is told again after a restart, whatever became of the file, and rests on what lay before midnight.

use kubeopt_model::usage::HourSeries;
use kubeopt_model::{ContainerName, Namespace, ObjectName, Window, WorkloadId, WorkloadKind};

use super::*;

const DAYS: i64 = 42;

/// Ten hours into a day.
const NOW_S: i64 = DAYS * DAY_S + 10 * HOUR_S;

fn now() -> Timestamp {
    Timestamp::from_second(NOW_S).unwrap()
}

fn usage(name: &str, value: impl Fn(i64) -> f64) -> ContainerUsage {
    let workload = WorkloadId {
        cluster: kubeopt_model::ClusterName::new("prod").unwrap(),
        namespace: Namespace::new("shop").unwrap(),
        kind: WorkloadKind::Deployment,
        name: ObjectName::new(name).unwrap(),
    };
    let container = ContainerId { workload, container: ContainerName::new("main").unwrap() };
    let window = Window { from_unix_s: 0, to_unix_s: NOW_S };
    let hours: HourSeries = (0..NOW_S / HOUR_S)
        .map(|hour| {
            let max = value(hour);
            HourPoint { at_unix_s: hour * HOUR_S, median: max * 0.8, p95: max * 0.9, max }
        })
        .collect();
    ContainerUsage {
        cpu_hours: hours.clone(),
        memory_hours: hours,
        ..ContainerUsage::unseen(container, window)
    }
}

fn wave(hour: i64) -> f64 {
    100.0 + (hour % 24) as f64 + (hour * 7919 % 13) as f64
}

fn hours(usage: &ContainerUsage) -> Vec<Hours> {
    vec![Hours::of(usage, None, now())]
}

#[test]
fn a_restart_says_the_same_whether_its_file_is_there_damaged_or_of_another_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foretold.json");
    let usage = usage("api", wave);
    let tell = || {
        let foretelling = Foretelling::new(None, Some(path.clone()));
        let told = foretelling.tell(&hours(&usage), now());
        foretelling.end_pass();
        told
    };
    let first = tell();
    let load = first.values().next().unwrap().cpu.clone().unwrap();
    assert!(load.peak_week.q50 > 0.0 && load.peak_week.q10 <= load.peak_week.q99, "{load:?}");
    assert_eq!(load.hours.len(), 24);
    let written = std::fs::read(&path).unwrap();
    assert_eq!(tell(), first);
    let cut = &written[..written.len() / 2];
    let other = String::from_utf8_lossy(&written).replacen("\"version\":2", "\"version\":99", 1);
    for damaged in [cut, other.as_bytes(), b"[]".as_slice(), b"\xff".as_slice()] {
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(tell(), first);
        assert_eq!(std::fs::read(&path).unwrap(), written, "it is written anew");
    }
}

#[test]
fn what_comes_after_midnight_changes_nothing_and_what_lay_before_does() {
    let midnight = DAYS * 24;
    let tell = |usage: &ContainerUsage| Foretelling::default().tell(&hours(usage), now());
    let first = tell(&usage("api", wave));
    let later = tell(&usage("api", |hour| wave(hour) * if hour >= midnight { 50.0 } else { 1.0 }));
    assert_eq!(later, first);
    let before = tell(&usage("api", |hour| wave(hour) * if hour == midnight - 1 { 50.0 } else { 1.0 }));
    assert_ne!(before, first);
}

#[test]
fn one_process_tells_of_history_that_was_read_later_on_the_same_day() {
    let foretelling = Foretelling::default();
    let first = foretelling.tell(&hours(&usage("api", wave)), now());
    let more = foretelling.tell(&hours(&usage("api", |hour| wave(hour) * 2.0)), now());
    assert_ne!(more, first);
    assert_eq!(foretelling.tell(&hours(&usage("api", wave)), now()), first);
}

#[test]
fn a_load_that_is_too_short_strange_or_gone_is_told_nothing_of_or_something_finite() {
    let short = usage("api", |hour| if hour >= DAYS * 24 - 5 { 1.0 } else { f64::NAN });
    let gone = usage("api", |hour| if hour < DAYS * 12 { 1.0 } else { f64::NAN });
    for (usage, told) in
        [(short, false), (gone, false), (usage("api", |_| 0.0), true), (usage("api", |_| 1e17), true)]
    {
        let found = Foretelling::default().tell(&hours(&usage), now());
        assert_eq!(!found.is_empty(), told, "{found:?}");
        let loads = found.values().filter_map(|foretold| foretold.cpu.as_ref());
        loads.for_each(|load| {
            assert!(load.peak_week.q99.is_finite() && load.peak_week.q10 >= 0.0, "{load:?}")
        });
    }
}

/// What is read at a moment: the last 28 days, and the two weeks before them.
fn read(now_s: i64, with_earlier: bool) -> Vec<Hours> {
    let whole = usage("api", wave);
    let between = |from: i64, to: i64| -> HourSeries {
        let points = whole.cpu_hours.iter().filter(|hour| (from..to).contains(&hour.at_unix_s));
        // After the hours of the fixture the same goes on.
        let later = (NOW_S.max(from)..to).step_by(HOUR_S as usize).map(|at_unix_s| {
            let max = wave(at_unix_s / HOUR_S);
            HourPoint { at_unix_s, median: max * 0.8, p95: max * 0.9, max }
        });
        points.chain(later).collect()
    };
    let begin = now_s - 28 * DAY_S;
    let window = Window { from_unix_s: begin, to_unix_s: now_s };
    let (own, before) = (between(begin, now_s), between(now_s - 42 * DAY_S, begin));
    let container = whole.container.clone();
    let usage = ContainerUsage {
        cpu_hours: own.clone(),
        memory_hours: own,
        ..ContainerUsage::unseen(container, window)
    };
    let earlier = EarlierDays { cpu_hours: before.clone(), memory_hours: before, ..EarlierDays::default() };
    vec![Hours::of(&usage, with_earlier.then_some(&earlier), Timestamp::from_second(now_s).unwrap())]
}

#[test]
fn nothing_is_worked_out_again_from_hour_to_hour_and_all_is_on_the_next_day() {
    for with_earlier in [true, false] {
        let foretelling = Foretelling::default();
        let tell =
            |now_s: i64| foretelling.tell(&read(now_s, with_earlier), Timestamp::from_second(now_s).unwrap());
        // From a midnight on: the fixture begins 42 days before.
        let first = tell(DAYS * DAY_S);
        for hour in 1..24 {
            assert_eq!(tell(DAYS * DAY_S + hour * HOUR_S), first);
        }
        assert_eq!(foretelling.lock().len(), 2, "CPU and memory, once");
        assert_ne!(tell((DAYS + 1) * DAY_S), first);
        assert_eq!(foretelling.lock().len(), 2, "yesterday is forgotten");
    }
}

#[test]
fn what_a_pass_did_not_ask_for_is_forgotten_when_something_new_came() {
    let foretelling = Foretelling::default();
    let tell = |factor: f64| foretelling.tell(&hours(&usage("api", |hour| wave(hour) * factor)), now());
    tell(1.0);
    foretelling.end_pass();
    tell(1.0);
    foretelling.end_pass();
    assert_eq!(foretelling.lock().len(), 2);
    tell(2.0);
    foretelling.end_pass();
    assert_eq!(foretelling.lock().len(), 2);
    tell(1.0);
    assert_eq!(foretelling.lock().len(), 4);
}

/// What is foretold of a wave of so many days, whose last hours were not measured.
fn told_of(days: i64, silent_hours: i64) -> ForetoldLoad {
    let hours = (0..days * 24 - silent_hours).map(|hour| {
        let max = wave(hour);
        HourPoint { at_unix_s: hour * HOUR_S, median: max * 0.8, p95: max * 0.9, max }
    });
    let load = Load::of(Resource::Cpu, hours).unwrap();
    foretell_load(Some(&kubeopt_forecast::Model::shipped().unwrap()), &load, days * 24).unwrap()
}

#[test]
fn a_sentence_says_whether_the_network_has_too_little_history_is_untried_or_was_weighed() {
    let of = |days| {
        let told = told_of(days, 0);
        (told.network_weight > 0.0, told.because)
    };
    let (is_heard, because) = of(7);
    assert!(!is_heard && because.contains("too little history"), "{because}");
    let (is_heard, because) = of(12);
    assert!(is_heard && because.contains("untried"), "{because}");
    for days in [16, 21, 30] {
        let (is_heard, because) = of(days);
        assert!(is_heard && because.ends_with("by its losses on the last weeks' peaks"), "{days}: {because}");
    }
}

#[test]
fn hours_begin_at_midnight_where_the_last_ones_before_it_were_not_measured() {
    let whole = told_of(30, 0).hours;
    let cut = told_of(30, 5).hours;
    assert_eq!((whole.len(), cut.len()), (24, 19));
    assert!(told_of(30, 30).hours.is_empty());
}
