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
        foretelling.save();
        told
    };
    let first = tell();
    let load = first.values().next().unwrap().cpu.clone().unwrap();
    assert!(load.peak_week.q50 > 0.0 && load.peak_week.q10 <= load.peak_week.q99, "{load:?}");
    assert_eq!(load.hours.len(), 24);
    let written = std::fs::read(&path).unwrap();
    assert_eq!(tell(), first);
    let cut = &written[..written.len() / 2];
    let other = String::from_utf8_lossy(&written).replacen("\"version\":1", "\"version\":99", 1);
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
