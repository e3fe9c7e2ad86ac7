//! The default of CAST AI's workload autoscaler.
//!
//! Source: docs.cast.ai, "workload autoscaling configuration": every 30 minutes, CPU at the 80th percentile of 5 days with
//! nothing on top, memory at the highest sample of 5 days and 10 % on top.

use crate::given::{Given, History, Strategy};
use crate::window::{highest, interpolated, points, values};

const DAYS: u32 = 5;
const CPU_QUANTILE: f64 = 0.8;
const MEMORY_OVERHEAD: f64 = 1.1;

/// p80 of CPU, max of memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cast;

impl Strategy for Cast {
    fn name(&self) -> &'static str {
        "cast"
    }

    fn about(&self) -> &'static str {
        "CAST AI's default: CPU p80 of 5 days, memory max of 5 days + 10 %"
    }

    fn days(&self) -> u32 {
        DAYS
    }

    fn give(&self, history: &History<'_>) -> Given {
        let cpu = points(&history.cpu, history.now_unix_s, DAYS);
        let memory = points(&history.memory, history.now_unix_s, DAYS);
        Given {
            cpu_request: interpolated(values(cpu), CPU_QUANTILE),
            memory_request: highest(memory).map(|bytes| bytes * MEMORY_OVERHEAD),
            ..Given::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::Series;
    use crate::window::DAY_S;

    #[test]
    fn cpu_is_the_80th_percentile_and_memory_the_maximum_of_five_days() {
        // The first is older than five days.
        let points = [(0, 900.0), (DAY_S, 10.0), (2 * DAY_S, 20.0), (3 * DAY_S, 30.0)];
        let series = Series { points: &points, ..Series::default() };
        let now_unix_s = 6 * DAY_S;
        let given = Cast.give(&History { cpu: series, memory: series, now_unix_s, ..History::default() });
        // numpy.percentile([10, 20, 30], 80) is 26.
        assert!((given.cpu_request.unwrap() - 26.0).abs() < 1e-9);
        assert!((given.memory_request.unwrap() - 33.0).abs() < 1e-9);
    }
}
