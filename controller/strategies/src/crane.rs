//! The `resource` recommender of crane.
//!
//! Source: `pkg/recommendation/recommender/resource` and `pkg/prediction/percentile` of gocrane/crane (2024-12). The
//! 99th percentile of 7 days of CPU and of memory, 15 % on top, from VPA's histogram with linear buckets, which makes CPU
//! as coarse as 100m. Its optional rounding up to machine sizes is left out.

use kubeopt_model::quantity::MIB;

use crate::decaying::{Buckets, Decaying};
use crate::given::{Given, History, Strategy};
use crate::window::{DAY_S, age_days, points};

/// `cpu-model-history-length` and `mem-model-history-length`: 168 hours.
const DAYS: u32 = 7;

/// `cpu-request-percentile` and `mem-request-percentile`.
const PERCENTILE: f64 = 0.99;

/// `cpu-request-margin-fraction` and that of memory, at a target utilisation of 1.
const MARGIN: f64 = 1.15;

const CPU_HALF_LIFE_DAYS: f64 = 1.0;
const MEMORY_HALF_LIFE_DAYS: f64 = 2.0;

const CPU_CORES: Buckets = Buckets::Linear { width: 0.1, max: 100.0 };
const MEMORY_BYTES: Buckets = Buckets::Linear { width: 104_857_600.0, max: 107_374_182_400.0 };

/// What an OOM kill asks for beyond what the container had.
const OOM_BUMP: f64 = 100.0 * MIB as f64;
const OOM_RATIO: f64 = 1.2;

/// The recommender.
#[derive(Debug, Clone, Copy, Default)]
pub struct Crane;

impl Strategy for Crane {
    fn name(&self) -> &'static str {
        "crane"
    }

    fn about(&self) -> &'static str {
        "crane: p99 of 7 days of CPU and memory, half-life 1 and 2 days, + 15 %"
    }

    fn days(&self) -> u32 {
        DAYS
    }

    fn give(&self, history: &History<'_>) -> Given {
        Given { cpu_request: cpu(history), memory_request: memory(history), ..Given::default() }
    }
}

fn cpu(history: &History<'_>) -> Option<f64> {
    let mut samples = Decaying::new(CPU_CORES, CPU_HALF_LIFE_DAYS);
    for (at, millicores) in points(&history.cpu, history.now_unix_s, DAYS) {
        samples.add(millicores / 1000.0, age_days(*at, history.now_unix_s));
    }
    Some(samples.percentile(PERCENTILE)? * MARGIN * 1000.0)
}

fn memory(history: &History<'_>) -> Option<f64> {
    let mut samples = Decaying::new(MEMORY_BYTES, MEMORY_HALF_LIFE_DAYS);
    for (at, bytes) in points(&history.memory, history.now_unix_s, DAYS) {
        samples.add(*bytes, age_days(*at, history.now_unix_s));
    }
    let from_unix_s = history.now_unix_s - i64::from(DAYS) * DAY_S;
    let killed = history.oom_kills.iter().filter(|(at, _)| (from_unix_s..history.now_unix_s).contains(at));
    let needed = killed.map(|(_, had)| (had + OOM_BUMP).max(had * OOM_RATIO)).reduce(f64::max);
    Some((samples.percentile(PERCENTILE)? * MARGIN).max(needed.unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::Series;

    #[test]
    fn values_are_as_coarse_as_the_buckets() {
        let (cpu, memory) = ([(0, 30.0)], [(0, 130.0 * MIB as f64)]);
        let given = Crane.give(&History {
            cpu: Series { points: &cpu, ..Series::default() },
            memory: Series { points: &memory, ..Series::default() },
            now_unix_s: 300,
            ..History::default()
        });
        // The end of the bucket from 0 to 100m, and of that from 100Mi to 200Mi.
        assert!((given.cpu_request.unwrap() - 115.0).abs() < 1e-9);
        assert!((given.memory_request.unwrap() / MIB as f64 - 230.0).abs() < 1e-9);
    }

    #[test]
    fn an_oom_kill_of_the_last_week_is_a_lower_bound() {
        let memory = [(0, 130.0 * MIB as f64)];
        let give = |killed_at: i64, now_unix_s: i64| {
            let kills = [(killed_at, 1000.0 * MIB as f64)];
            let series = Series { points: &memory, ..Series::default() };
            Crane.give(&History { memory: series, oom_kills: &kills, now_unix_s, ..History::default() })
        };
        assert_eq!(give(10, 300).memory_request, Some(1200.0 * MIB as f64));
        assert_eq!(give(-8 * DAY_S, 300).memory_request.map(|bytes| bytes < 300.0 * MIB as f64), Some(true));
    }
}
