//! Samples a second of each streaming detector on one core, beside a running mean and variance over the same samples.
//!
//! Samples are made up: a daily wave with noise, every ten seconds or every five minutes. Hourly work weighs thirty times more
//! at five minutes.

use std::hint::black_box;
use std::time::Instant;

use kubeopt_signal::{
    AnomalyScore, DriftDetector, EwmaChart, LeakDetector, LimitSample, MemorySample, SaturationDetector,
    SpikeDetector, SpikeRule,
};

use crate::say;

/// Samples of each round: enough that a round takes tenths of a second.
const SAMPLES: i64 = 2_000_000;

/// Seconds between two samples.
const STEPS_S: [i64; 2] = [10, 300];

/// Whether a detector told something; what it tells is not measured.
type Push = Box<dyn FnMut(i64, f64) -> bool>;

/// Prints a table; of so many rounds the fastest counts.
pub(crate) fn run(rounds: usize) {
    for step_s in STEPS_S {
        let samples: Vec<(i64, f64)> = (0..SAMPLES).map(|i| (i * step_s, usage(i * step_s, i))).collect();
        let floor = best(rounds, &samples, &|| Box::new(mean_and_variance()));
        say(&format!("\none sample in {step_s} s; mean and variance: {floor:.1} million a second\n"));
        say("| detector | million samples a second | of mean and variance |\n|---|---:|---:|");
        for (name, make) in detectors(step_s) {
            let speed = best(rounds, &samples, &*make);
            say(&format!("| {name} | {speed:.2} | {:.3} |", speed / floor));
        }
    }
}

type Make = Box<dyn Fn() -> Push>;

fn detectors(step_s: i64) -> Vec<(&'static str, Make)> {
    let gap_s = 12 * step_s;
    let memory = |at_unix_s, bytes| MemorySample { at_unix_s, bytes, limit_bytes: None, request_bytes: None };
    let limits =
        |at_unix_s, ratio| LimitSample { at_unix_s, throttled_ratio: Some(ratio), ..LimitSample::default() };
    vec![
        (
            "spike",
            Box::new(move || {
                let mut own = SpikeDetector::new(match step_s {
                    10 => SpikeRule::cpu_by_10_seconds(None),
                    _ => SpikeRule::cpu_by_5_minutes(None),
                });
                Box::new(move |at, value| own.push(at, value).is_some())
            }),
        ),
        (
            "shift",
            Box::new(move || {
                let mut own = EwmaChart::new(gap_s);
                Box::new(move |at, value| own.push(at, value).is_some())
            }),
        ),
        (
            "leak",
            Box::new(move || {
                let mut own = LeakDetector::new(gap_s);
                Box::new(move |at, value| own.push(&memory(at, value * 1e6)).is_some())
            }),
        ),
        (
            "drift",
            Box::new(|| {
                let mut own = DriftDetector::default();
                Box::new(move |at, value| own.push(at, value).is_some())
            }),
        ),
        (
            "saturation",
            Box::new(move || {
                let mut own = SaturationDetector::new(gap_s);
                Box::new(move |at, value| own.push(&limits(at, value / 1e4)).is_some())
            }),
        ),
        (
            "overall score",
            Box::new(|| {
                let mut own = AnomalyScore::default();
                Box::new(move |at, value| own.push(at, value) > 0.5)
            }),
        ),
    ]
}

/// Millions a second.
fn best(rounds: usize, samples: &[(i64, f64)], make: &dyn Fn() -> Push) -> f64 {
    let round = |_| {
        let mut push = make();
        let start = Instant::now();
        let told = samples.iter().filter(|(at, value)| push(*at, *value)).count();
        black_box(told);
        samples.len() as f64 / 1e6 / start.elapsed().as_secs_f64()
    };
    (0..rounds.max(1)).map(round).fold(0.0, f64::max)
}

/// Welford's, which is the least that anything about a mean can cost.
fn mean_and_variance() -> impl FnMut(i64, f64) -> bool {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    move |_, value| {
        count += 1.0;
        let from_mean = value - mean;
        mean += from_mean / count;
        squares += from_mean * (value - mean);
        squares < 0.0
    }
}

/// Megabytes or millicores: a daily wave and even noise.
fn usage(at_unix_s: i64, number: i64) -> f64 {
    let day = (at_unix_s % 86_400) as f64 / 86_400.0;
    let noise = (number.wrapping_mul(2_654_435_761) >> 9).rem_euclid(1000) as f64 / 1000.0;
    200.0 + 50.0 * (day * std::f64::consts::TAU).sin() + 20.0 * noise
}
