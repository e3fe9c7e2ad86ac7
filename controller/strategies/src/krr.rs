//! The two strategies of Robusta KRR.
//!
//! Source: `robusta_krr/strategies/simple.py` and `simple_limit.py` of robusta-dev/krr (1.8). KRR reads 14 days at a step
//! of 75 seconds and takes, for `simple`, the highest of the pods' own 95th percentiles; here the points of all pods stand
//! together, 5 minutes apart. It then rounds CPU up to 1m and memory up to 1Mi and gives at least 10m and 100Mi: that is
//! left to the caller, as everywhere in this crate.

use crate::given::{Given, History, Strategy};
use crate::window::{highest, interpolated, points, values};

/// `history_duration`: 336 hours.
const DAYS: u32 = 14;

/// `points_required`: with fewer samples KRR answers "?".
const POINTS_MIN: usize = 100;

/// `memory_buffer_percentage`: 15 on the highest sample.
const MEMORY_BUFFER: f64 = 1.15;

/// `oom_memory_buffer_percentage`: 25 on the limit that was exceeded.
const OOM_BUFFER: f64 = 1.25;

/// `simple`: CPU request at the 95th percentile and no CPU limit; memory request and limit 15 % above the highest sample,
/// and 25 % above what an OOM-killed container had.
#[derive(Debug, Clone, Copy, Default)]
pub struct KrrSimple;

impl Strategy for KrrSimple {
    fn name(&self) -> &'static str {
        "krr-simple"
    }

    fn about(&self) -> &'static str {
        "KRR's default: CPU p95 of 14 days, memory max of 14 days + 15 %"
    }

    fn days(&self) -> u32 {
        DAYS
    }

    fn give(&self, history: &History<'_>) -> Given {
        let memory = memory(history);
        Given {
            cpu_request: cpu(history, 0.95),
            cpu_limit: None,
            memory_request: memory,
            memory_limit: memory,
        }
    }
}

/// `simple_limit`: CPU request at the 66th and limit at the 96th percentile of all pods' samples; memory as in `simple`.
#[derive(Debug, Clone, Copy, Default)]
pub struct KrrSimpleLimit;

impl Strategy for KrrSimpleLimit {
    fn name(&self) -> &'static str {
        "krr-simple-limit"
    }

    fn about(&self) -> &'static str {
        "KRR's simple_limit: CPU p66 of 14 days (limit p96), memory max of 14 days + 15 %"
    }

    fn days(&self) -> u32 {
        DAYS
    }

    fn give(&self, history: &History<'_>) -> Given {
        let memory = memory(history);
        Given {
            cpu_request: cpu(history, 0.66),
            cpu_limit: cpu(history, 0.96),
            memory_request: memory,
            memory_limit: memory,
        }
    }
}

fn cpu(history: &History<'_>, q: f64) -> Option<f64> {
    let points = points(&history.cpu, history.now_unix_s, DAYS);
    (points.len() >= POINTS_MIN).then(|| interpolated(values(points), q))?
}

fn memory(history: &History<'_>) -> Option<f64> {
    let points = points(&history.memory, history.now_unix_s, DAYS);
    let seen = (points.len() >= POINTS_MIN).then(|| highest(points))??;
    let from_unix_s = history.now_unix_s - i64::from(DAYS) * crate::window::DAY_S;
    let killed = history.oom_kills.iter().filter(|(at, _)| (from_unix_s..history.now_unix_s).contains(at));
    let needed = killed.map(|(_, bytes)| bytes * OOM_BUFFER).reduce(f64::max);
    Some((seen * MEMORY_BUFFER).max(needed.unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::Series;

    fn hundred() -> Vec<(i64, f64)> {
        (0..100).map(|step| (step * 300, (step + 1) as f64)).collect()
    }

    fn history(points: &[(i64, f64)]) -> History<'_> {
        let series = Series { points, ..Series::default() };
        History { cpu: series, memory: series, now_unix_s: 100 * 300, ..History::default() }
    }

    #[test]
    fn simple_takes_the_95th_percentile_and_the_highest_sample_with_15_per_cent() {
        let points = hundred();
        let given = KrrSimple.give(&history(&points));
        // numpy.percentile(range(1, 101), 95) is 95.05.
        assert!((given.cpu_request.unwrap() - 95.05).abs() < 1e-9);
        assert_eq!(given.cpu_limit, None);
        assert!((given.memory_request.unwrap() - 115.0).abs() < 1e-9);
        assert_eq!(given.memory_limit, given.memory_request, "KRR sets the limit to the request");
    }

    #[test]
    fn simple_limit_takes_the_66th_and_the_96th_percentile() {
        let points = hundred();
        let given = KrrSimpleLimit.give(&history(&points));
        assert!((given.cpu_request.unwrap() - 66.34).abs() < 1e-9);
        assert!((given.cpu_limit.unwrap() - 96.04).abs() < 1e-9);
        assert_eq!(given.memory_request, KrrSimple.give(&history(&points)).memory_request);
    }

    #[test]
    fn an_oom_kill_asks_for_a_quarter_more_than_the_container_had() {
        let points = hundred();
        let kills = [(10, 100.0)];
        let given = KrrSimple.give(&History { oom_kills: &kills, ..history(&points) });
        assert_eq!(given.memory_request, Some(125.0));
        let later = History { oom_kills: &kills, now_unix_s: 14 * 86_400 + 3_000, ..history(&points) };
        assert!(
            KrrSimple.give(&later).memory_request.is_none(),
            "nothing is left of a window that has passed"
        );
    }

    #[test]
    fn fewer_than_100_samples_are_not_enough() {
        let points = hundred();
        assert_eq!(KrrSimple.give(&history(&points[1..])), Given::default());
    }
}
