//! `krr-simple` and `krr-simple-limit` against KRR's formulas, evaluated by numpy in a Python of its own.
//!
//! Both compute in doubles and interpolate percentiles in another order of operations, so that they may differ in the last
//! digits: by a part in 10^12 at most, where KRR itself rounds to a millicore and a mebibyte.

use std::collections::BTreeMap;
use std::path::Path;

use kubeopt_strategies::{Given, History, KrrSimple, KrrSimpleLimit, Series as Points, Strategy};
use kubeopt_tests::process::Launch;
use kubeopt_tests::{OrFail, servers, servers_enabled};
use serde_json::{Value, json};

use super::series::{STEP_S, Series, generated};

/// KRR's window.
const DAYS: i64 = 14;

/// Now; the same each time, as nothing but the samples counts.
const NOW: i64 = 1_763_596_800;

const TOLERANCE: f64 = 1e-12;

#[tokio::test]
async fn both_strategies_give_what_krrs_formulas_do_in_numpy_on_a_hundred_series() {
    if !servers_enabled() {
        return;
    }
    let all = shortened(generated(DAYS, NOW));
    let folder = kubeopt_tests::folder("krr");
    let input = folder.path().join("usage.json");
    std::fs::write(&input, told(&all).to_string()).or_fail("write the usage");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/peers/krr.py");
    let answer =
        Launch::new("python", servers::program("numpy", "python")).arg(script).arg(&input).run().await;
    let wanted: BTreeMap<String, Value> = serde_json::from_str(&answer).or_fail("read numpy's answer");

    let mut nothing = 0;
    for one in &all {
        let (cpu, memory) = (millicores(one), bytes(one));
        let history = History {
            cpu: Points { points: &cpu, ..Points::default() },
            memory: Points { points: &memory, ..Points::default() },
            oom_kills: &kills(one),
            now_unix_s: NOW,
            ..History::default()
        };
        for (strategy, key) in [(&KrrSimple as &dyn Strategy, "simple"), (&KrrSimpleLimit, "simple_limit")] {
            let (given, wanted) = (strategy.give(&history), &wanted[&one.name][key]);
            assert_same(&given, wanted, &format!("{} {key}", one.name));
            nothing += usize::from(given == Given::default());
        }
    }
    assert_eq!(nothing, 2 * 5, "the five series of 99 samples are not enough for either strategy");
}

/// As they are, but for five that are a sample too short for KRR.
fn shortened(mut all: Vec<Series>) -> Vec<Series> {
    for one in all.iter_mut().step_by(20) {
        one.samples.drain(..one.samples.len() - 99);
    }
    all
}

fn millicores(one: &Series) -> Vec<(i64, f64)> {
    one.samples.iter().map(|(at, cores, _)| (*at, cores * 1000.0)).collect()
}

fn bytes(one: &Series) -> Vec<(i64, f64)> {
    one.samples.iter().map(|(at, _, bytes)| (*at, *bytes)).collect()
}

/// Some were killed for want of memory, twice, when they had half or twice of what they otherwise used at most.
fn kills(one: &Series) -> Vec<(i64, f64)> {
    let bytes = one.samples.iter().map(|sample| sample.2).fold(0.0, f64::max);
    let (killed, twice) = (one.name.len().is_multiple_of(3), one.name.ends_with(['1', '3', '5', '7', '9']));
    let had = if twice { 2.0 * bytes } else { 0.5 * bytes };
    if killed { vec![(NOW - 100 * STEP_S, had), (NOW - 10 * STEP_S, 0.9 * had)] } else { Vec::new() }
}

fn told(all: &[Series]) -> Value {
    let of = |one: &Series| {
        let values = |points: Vec<(i64, f64)>| points.into_iter().map(|point| point.1).collect::<Vec<f64>>();
        let cores: Vec<f64> = values(millicores(one)).into_iter().map(|value| value / 1000.0).collect();
        json!({ "cpu": cores, "memory": values(bytes(one)), "killed": values(kills(one)) })
    };
    all.iter().map(|one| (one.name.clone(), of(one))).collect::<serde_json::Map<_, _>>().into()
}

#[track_caller]
fn assert_same(given: &Given, wanted: &Value, what: &str) {
    let amounts = [
        (given.cpu_request.map(|millicores| millicores / 1000.0), "cpuRequest"),
        (given.cpu_limit.map(|millicores| millicores / 1000.0), "cpuLimit"),
        (given.memory_request, "memoryRequest"),
        (given.memory_limit, "memoryLimit"),
    ];
    for (given, key) in amounts {
        let wanted = wanted[key].as_f64();
        let same = match (given, wanted) {
            (Some(given), Some(wanted)) => (given - wanted).abs() <= TOLERANCE * wanted.abs(),
            (given, wanted) => given == wanted,
        };
        assert!(same, "{what}, {key}: {given:?} is not {wanted:?}");
    }
}
