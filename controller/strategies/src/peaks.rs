//! Three plain rules that others are measured against: what is given today, and margins on peaks.

use crate::given::{Given, History, Series, Strategy};
use crate::window::{DAY_S, highest, interpolated, points};

const DAYS: u32 = 14;
const MARGIN: f64 = 1.15;

/// Leaves everything as it is: requests what the container can have.
#[derive(Debug, Clone, Copy, Default)]
pub struct Current;

impl Strategy for Current {
    fn name(&self) -> &'static str {
        "current"
    }

    fn about(&self) -> &'static str {
        "what is given today"
    }

    fn days(&self) -> u32 {
        0
    }

    fn give(&self, history: &History<'_>) -> Given {
        Given {
            cpu_request: history.most.cpu_limit,
            memory_request: history.most.memory_limit,
            ..Given::default()
        }
    }
}

/// The highest sample of 14 days and 15 %, CPU and memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Max14d;

impl Strategy for Max14d {
    fn name(&self) -> &'static str {
        "max-14d"
    }

    fn about(&self) -> &'static str {
        "max of 14 days + 15 %, CPU and memory"
    }

    fn days(&self) -> u32 {
        DAYS
    }

    fn give(&self, history: &History<'_>) -> Given {
        let of = |series| highest(points(series, history.now_unix_s, DAYS)).map(|highest| highest * MARGIN);
        Given { cpu_request: of(&history.cpu), memory_request: of(&history.memory), ..Given::default() }
    }
}

/// The 90th percentile of 14 daily peaks and 15 %, CPU and memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct P90DailyPeaks;

impl Strategy for P90DailyPeaks {
    fn name(&self) -> &'static str {
        "p90-daily-peaks"
    }

    fn about(&self) -> &'static str {
        "p90 of the daily peaks of 14 days + 15 %, CPU and memory"
    }

    fn days(&self) -> u32 {
        DAYS
    }

    fn give(&self, history: &History<'_>) -> Given {
        let of =
            |series| interpolated(daily_peaks(series, history.now_unix_s), 0.9).map(|peak| peak * MARGIN);
        Given { cpu_request: of(&history.cpu), memory_request: of(&history.memory), ..Given::default() }
    }
}

fn daily_peaks(series: &Series<'_>, now_unix_s: i64) -> Vec<f64> {
    let from_unix_s = now_unix_s - i64::from(DAYS) * DAY_S;
    let within = series.days.iter().filter(|day| (from_unix_s..now_unix_s).contains(&day.at_unix_s));
    within.map(|day| day.max).collect()
}

#[cfg(test)]
mod tests {
    use kubeopt_model::usage::DayUsage;
    use kubeopt_signal::Sketch;

    use super::*;

    #[test]
    fn current_is_what_the_container_can_have() {
        let most = Given { cpu_limit: Some(2000.0), memory_limit: Some(1e9), ..Given::default() };
        let given = Current.give(&History { most, ..History::default() });
        assert_eq!((given.cpu_request, given.memory_request), (Some(2000.0), Some(1e9)));
    }

    #[test]
    fn a_margin_lies_on_the_highest_sample_or_on_most_of_the_daily_peaks() {
        let points = [(0, 500.0), (DAY_S, 100.0)];
        let days: Vec<DayUsage> = (0..11)
            .map(|day| DayUsage {
                at_unix_s: day * DAY_S,
                sketch: Sketch::default(),
                max: (day * 10) as f64,
                coverage: Default::default(),
                partial: false,
            })
            .collect();
        let series = Series { days: &days, points: &points, ..Series::default() };
        let history = History { memory: series, now_unix_s: 11 * DAY_S, ..History::default() };
        assert!((Max14d.give(&history).memory_request.unwrap() - 575.0).abs() < 1e-9);
        assert!((P90DailyPeaks.give(&history).memory_request.unwrap() - 90.0 * 1.15).abs() < 1e-9);
    }
}
