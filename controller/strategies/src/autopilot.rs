//! The moving-window recommender of Google's Autopilot.
//!
//! Source: Rzadca et al., "Autopilot: workload autoscaling at Google", EuroSys 2020. Samples weigh less with a half-life
//! of 12 hours (CPU) and 48 hours (memory). A percentile is load-adjusted: a sample weighs as much as it is high, so that
//! it says below which value most of the *work* was done. CPU of serving jobs is the 95th; memory is the 98th for jobs
//! that tolerate few OOM kills, and the highest sample for those that tolerate none. On top come 10 to 15 %; 15 here. The
//! maximum over the recommendations of the last hour is left out: a request in Git does not move by the hour.

use crate::given::{Given, History, Strategy};
use crate::window::{age_days, highest, points, weighted};

const DAYS: u32 = 14;
const CPU_HALF_LIFE_DAYS: f64 = 0.5;
const MEMORY_HALF_LIFE_DAYS: f64 = 2.0;
const CPU_QUANTILE: f64 = 0.95;
const MEMORY_QUANTILE: f64 = 0.98;
const MARGIN: f64 = 1.15;

/// Keeps idle samples in order where all weights would be zero.
const LEAST_WEIGHT: f64 = 1e-12;

/// For jobs that tolerate few OOM kills: load-adjusted p98 of memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Autopilot;

impl Strategy for Autopilot {
    fn name(&self) -> &'static str {
        "autopilot"
    }

    fn about(&self) -> &'static str {
        "Autopilot's moving window: load-adjusted p95 of CPU and p98 of memory, + 15 %"
    }

    fn days(&self) -> u32 {
        DAYS
    }

    fn give(&self, history: &History<'_>) -> Given {
        let memory = points(&history.memory, history.now_unix_s, DAYS);
        let memory = load_adjusted(memory, history.now_unix_s, MEMORY_HALF_LIFE_DAYS, MEMORY_QUANTILE);
        Given {
            cpu_request: cpu(history),
            memory_request: memory.map(|bytes| bytes * MARGIN),
            ..Given::default()
        }
    }
}

/// For jobs that tolerate no OOM kill: the highest sample of memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct AutopilotMax;

impl Strategy for AutopilotMax {
    fn name(&self) -> &'static str {
        "autopilot-max"
    }

    fn about(&self) -> &'static str {
        "Autopilot's moving window where no OOM kill is tolerated: memory max of 14 days + 15 %"
    }

    fn days(&self) -> u32 {
        DAYS
    }

    fn give(&self, history: &History<'_>) -> Given {
        let memory = highest(points(&history.memory, history.now_unix_s, DAYS));
        Given {
            cpu_request: cpu(history),
            memory_request: memory.map(|bytes| bytes * MARGIN),
            ..Given::default()
        }
    }
}

fn cpu(history: &History<'_>) -> Option<f64> {
    let points = points(&history.cpu, history.now_unix_s, DAYS);
    let value = load_adjusted(points, history.now_unix_s, CPU_HALF_LIFE_DAYS, CPU_QUANTILE)?;
    Some(value * MARGIN)
}

fn load_adjusted(points: &[(i64, f64)], now_unix_s: i64, half_life_days: f64, q: f64) -> Option<f64> {
    let weight = |(at, value): &(i64, f64)| {
        (*value, value * (-age_days(*at, now_unix_s) / half_life_days).exp2() + LEAST_WEIGHT)
    };
    weighted(points.iter().map(weight).collect(), q)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::Series;

    #[test]
    fn a_sample_weighs_as_much_as_it_is_high() {
        // All at one moment: 90 samples of 10 hold 900 of the work, 10 of 90 hold the other 900.
        let points: Vec<(i64, f64)> = (0..100).map(|at| (0, if at < 90 { 10.0 } else { 90.0 })).collect();
        assert_eq!(load_adjusted(&points, 1, 0.5, 0.4), Some(10.0));
        assert_eq!(load_adjusted(&points, 1, 0.5, 0.6), Some(90.0));
        assert_eq!(load_adjusted(&[(0, 0.0)], 1, 0.5, 0.95), Some(0.0));
    }

    #[test]
    fn cpu_forgets_by_the_half_day_and_the_strict_variant_keeps_the_maximum() {
        let day = 86_400;
        let mut points: Vec<(i64, f64)> = vec![(0, 1000.0)];
        points.extend((0..288).map(|step| (12 * day + step * 300, 100.0)));
        let series = Series { points: &points, ..Series::default() };
        let history = History { cpu: series, memory: series, now_unix_s: 13 * day, ..History::default() };
        let near = |got: Option<f64>, want: f64| assert!((got.unwrap() - want).abs() < 1e-9, "{got:?}");
        near(Autopilot.give(&history).cpu_request, 115.0);
        near(Autopilot.give(&history).memory_request, 115.0);
        near(AutopilotMax.give(&history).cpu_request, 115.0);
        near(AutopilotMax.give(&history).memory_request, 1150.0);
    }
}
