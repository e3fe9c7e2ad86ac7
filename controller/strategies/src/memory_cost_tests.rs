//! The rule against values that another program computed from the same formulas, and what it must do by itself.

use kubeopt_signal::Sketch;
use serde_json::Value;

use super::*;
use crate::given::{Fleet, Given, Series};

fn days(peaks_mib: impl IntoIterator<Item = Option<f64>>) -> Vec<DayUsage> {
    let days = peaks_mib.into_iter().enumerate();
    days.filter_map(|(day, peak)| {
        Some(DayUsage {
            at_unix_s: day as i64 * DAY_S,
            sketch: Sketch::default(),
            max: peak? * MIB as f64,
            coverage: Default::default(),
            partial: false,
        })
    })
    .collect()
}

/// The value in MiB at the start of a day.
fn given(days: &[DayUsage], at_day: i64, most_mib: f64, price_gib: f64) -> Chosen {
    let history = History {
        memory: Series { days, ..Series::default() },
        now_unix_s: at_day * DAY_S,
        most: Given { memory_limit: Some(most_mib * MIB as f64), ..Given::default() },
        fleet: Some(Fleet { cpu_request: 1000.0, memory_request: GIB as f64 }),
        ..History::default()
    };
    let before: Vec<DayUsage> =
        days.iter().filter(|day| day.at_unix_s < history.now_unix_s).cloned().collect();
    let history = History { memory: Series { days: &before, ..Series::default() }, ..history };
    MemoryCost { price: price_gib }.give(&history).unwrap()
}

#[test]
fn values_equal_those_of_another_program() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("memory_vectors.json")).unwrap();
    assert!(vectors.len() > 10);
    for vector in &vectors {
        let peaks = vector["dailyPeaksMib"].as_array().unwrap().iter().map(Value::as_f64);
        let days = days(peaks);
        let (most, price) = (vector["mostMib"].as_f64().unwrap(), vector["priceGib"].as_f64().unwrap());
        let moments = vector["days"].as_array().unwrap().iter().zip(vector["givenMib"].as_array().unwrap());
        for (day, expected) in moments {
            let (day, expected) = (day.as_i64().unwrap(), expected.as_f64().unwrap());
            let found = given(&days, day, most, price).value / MIB as f64;
            // Two candidates that cost the same within the last digits may change places.
            let ratio = found / expected;
            assert!(
                (0.979..1.021).contains(&ratio),
                "{} on day {day}: {found} for {expected}",
                vector["name"]
            );
        }
    }
}

#[test]
fn what_is_needed_each_day_is_never_gone_below() {
    let days = days((0..90).map(|day| Some(if day % 7 == 3 { 4096.0 } else { 1024.0 })));
    let chosen = given(&days, 90, f64::INFINITY, 15.0);
    assert!(chosen.value >= 4096.0 * MIB as f64, "a weekly peak is covered: {chosen:?}");
    let cheap = given(&days, 90, f64::INFINITY, 0.001);
    assert!(cheap.value >= 1024.0 * FLOOR_LARGER * MIB as f64, "also where risk costs nothing: {cheap:?}");
}

#[test]
fn a_fleet_of_small_containers_prices_its_risks_accordingly() {
    let days = days((0..60).map(|_| Some(100.0)));
    let of_fleet = |memory_request: f64| {
        let history = History {
            memory: Series { days: &days, ..Series::default() },
            now_unix_s: 60 * DAY_S,
            fleet: Some(Fleet { cpu_request: 100.0, memory_request }),
            ..History::default()
        };
        MemoryCost::default().give(&history).unwrap().value / MIB as f64
    };
    let (small, large) = (of_fleet(0.25 * GIB as f64), of_fleet(8.0 * GIB as f64));
    assert!(small < 200.0 && large > 1.5 * small, "{small} {large}");
}

#[test]
fn the_same_weeks_are_seen_tomorrow() {
    let days = days((0..80).map(|day| Some(900.0 + 40.0 * f64::from(day % 5))));
    let at = |now_unix_s: i64| {
        let history = History {
            memory: Series { days: &days, ..Series::default() },
            now_unix_s,
            weeks_from_unix_s: Some(0),
            ..History::default()
        };
        history.weekly(0, FIRST_DAYS)
    };
    let (today, tomorrow) = (at(75 * DAY_S), at(76 * DAY_S));
    assert_eq!(today[..today.len() - 1], tomorrow[..tomorrow.len() - 1]);
    assert_eq!(today.last(), Some(&(75 * DAY_S)));
    assert_eq!(at(77 * DAY_S).last(), Some(&(77 * DAY_S)), "a whole number of weeks is not said twice");
}

#[test]
fn no_sample_gives_nothing_and_zeros_give_the_least() {
    let history = History { now_unix_s: 90 * DAY_S, ..History::default() };
    assert_eq!(MemoryCost::default().give(&history), None);
    let zeros = given(&days((0..30).map(|_| Some(0.0))), 30, f64::INFINITY, 2.0);
    assert!(zeros.value < 64.0 * MIB as f64, "{zeros:?}");
}

#[test]
fn what_could_not_be_exceeded_then_bounds_what_was_given_then() {
    let days = days((0..60).map(|day| Some(if day < 40 { 900.0 } else { 1050.0 })));
    let mebi = |mib: f64| Given { memory_limit: Some(mib * MIB as f64), ..Given::default() };
    let raised = [(0, mebi(1000.0)), (40 * DAY_S, mebi(8000.0))];
    let history =
        History { now_unix_s: 60 * DAY_S, most: mebi(4000.0), most_before: &raised, ..History::default() };
    let at = |day: i64| history.most_at(day * DAY_S).memory_limit.unwrap() / MIB as f64;
    assert_eq!([at(39), at(40), at(59), at(60)], [1000.0, 8000.0, 8000.0, 4000.0]);
    let unknown = History { most_before: &[], ..history };
    assert_eq!(unknown.most_at(0), history.most);
    // A week that exceeded what could be given then is one that exceeded it, and makes the next ones dearer, so that more is given.
    let fleet = Some(Fleet { cpu_request: 100.0, memory_request: GIB as f64 });
    let of = |history: History<'_>| {
        let memory = Series { days: &days, ..Series::default() };
        MemoryCost::default().give(&History { memory, fleet, ..history }).unwrap().value
    };
    assert!(of(history) > of(unknown), "{} {}", of(history), of(unknown));
}
