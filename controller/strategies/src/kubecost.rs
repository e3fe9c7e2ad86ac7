//! The request sizing of Kubecost.
//!
//! Source: `savings/requestSizingV2` in kubecost/docs: the highest sample of all replicas in the window, divided by the
//! target utilisation of 0.7. The window is the user's ("more than 2 days advised"); a week here. Its floors of 10m and
//! 20MiB are left to the caller.

use crate::given::{Given, History, Strategy};
use crate::window::{highest, points};

const DAYS: u32 = 7;
const TARGET_UTILIZATION: f64 = 0.7;

/// max / 0.7 of both resources.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kubecost;

impl Strategy for Kubecost {
    fn name(&self) -> &'static str {
        "kubecost"
    }

    fn about(&self) -> &'static str {
        "Kubecost's default: max of 7 days / 0.7, CPU and memory"
    }

    fn days(&self) -> u32 {
        DAYS
    }

    fn give(&self, history: &History<'_>) -> Given {
        let cpu = highest(points(&history.cpu, history.now_unix_s, DAYS));
        let memory = highest(points(&history.memory, history.now_unix_s, DAYS));
        Given {
            cpu_request: cpu.map(|millicores| millicores / TARGET_UTILIZATION),
            memory_request: memory.map(|bytes| bytes / TARGET_UTILIZATION),
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
    fn the_highest_sample_of_a_week_is_70_per_cent_of_the_request() {
        let points = [(0, 9000.0), (2 * DAY_S, 700.0), (8 * DAY_S - 1, 140.0)];
        let series = Series { points: &points, ..Series::default() };
        let now_unix_s = 8 * DAY_S;
        let given = Kubecost.give(&History { cpu: series, now_unix_s, ..History::default() });
        assert!((given.cpu_request.unwrap() - 1000.0).abs() < 1e-9);
        assert_eq!(given.memory_request, None);
    }
}
