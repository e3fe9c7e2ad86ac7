//! The target of the Vertical Pod Autoscaler's recommender.
//!
//! Source: `vertical-pod-autoscaler/pkg/recommender` of kubernetes/autoscaler (`model/container.go`, `logic/estimator.go`,
//! `util/histogram_options.go`). CPU is the 90th percentile of all samples, memory that of the daily peaks, both in
//! histograms that forget with a half-life of a day, both with 15 % on top. It counts in whole millicores and bytes, and
//! so does this. Its bounds, which only say when a pod is evicted, are left out, as are its floors of 25m and 250Mi, which
//! the caller may add.

use kubeopt_model::quantity::MIB;

use crate::decaying::{Buckets, Decaying};
use crate::given::{Given, History, Strategy};
use crate::window::{DAY_S, age_days, points};

/// `history-length`, and 8 windows of memory peaks.
const DAYS: u32 = 8;

/// `target-cpu-percentile` and `target-memory-percentile`.
const PERCENTILE: f64 = 0.9;

/// `recommendation-margin-fraction`.
const MARGIN_FRACTION: f64 = 0.15;

/// `cpu-histogram-decay-half-life` and that of memory: 24 hours.
const HALF_LIFE_DAYS: f64 = 1.0;

/// `oom-min-bump-up-bytes` and `oom-bump-up-ratio`.
const OOM_BUMP: f64 = 100.0 * MIB as f64;
const OOM_RATIO: f64 = 1.2;

const CPU_CORES: Buckets = Buckets::Exponential { first: 0.01, ratio: 1.05, max: 1000.0 };
const MEMORY_BYTES: Buckets = Buckets::Exponential { first: 1e7, ratio: 1.05, max: 1e12 };

/// The target recommendation.
#[derive(Debug, Clone, Copy, Default)]
pub struct Vpa;

impl Strategy for Vpa {
    fn name(&self) -> &'static str {
        "vpa"
    }

    fn about(&self) -> &'static str {
        "VPA's target: p90 of CPU and of daily memory peaks, half-life a day, + 15 %"
    }

    fn days(&self) -> u32 {
        DAYS
    }

    fn give(&self, history: &History<'_>) -> Given {
        Given { cpu_request: cpu(history), memory_request: memory(history), ..Given::default() }
    }
}

fn cpu(history: &History<'_>) -> Option<f64> {
    let mut samples = Decaying::new(CPU_CORES, HALF_LIFE_DAYS);
    for (at, millicores) in points(&history.cpu, history.now_unix_s, DAYS) {
        samples.add(millicores.trunc() / 1000.0, age_days(*at, history.now_unix_s));
    }
    Some(with_margin(samples.percentile(PERCENTILE)? * 1000.0))
}

fn memory(history: &History<'_>) -> Option<f64> {
    let mut peaks = Decaying::new(MEMORY_BYTES, HALF_LIFE_DAYS);
    for peak in Peaks::of(history).0 {
        peaks.add(peak.bytes(), age_days(peak.ends_unix_s, history.now_unix_s));
    }
    Some(with_margin(peaks.percentile(PERCENTILE)?))
}

/// Whole amounts, before the margin and of it.
fn with_margin(amount: f64) -> f64 {
    let amount = amount.trunc();
    amount + (amount * MARGIN_FRACTION).trunc()
}

/// The highest sample of 24 hours, which counts as one sample at their end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Peak {
    ends_unix_s: i64,
    /// Of samples that were the highest when they came.
    used_bytes: f64,
    /// Of the needs that kills showed. One does not add to that of the next kill.
    killed_bytes: f64,
}

impl Peak {
    fn bytes(self) -> f64 {
        self.used_bytes.max(self.killed_bytes)
    }
}

/// What a sample says.
#[derive(Debug, Clone, Copy)]
enum Seen {
    Used,
    Killed,
}

/// Spans of 24 hours, counted from the first sample.
#[derive(Debug, Default)]
struct Peaks(Vec<Peak>);

impl Peaks {
    fn of(history: &History<'_>) -> Self {
        let mut peaks = Self::default();
        let from_unix_s = history.now_unix_s - i64::from(DAYS) * DAY_S;
        let known = |(at, _): &&(i64, f64)| (from_unix_s..history.now_unix_s).contains(at);
        let mut kills = history.oom_kills.iter().filter(known).peekable();
        for (at, bytes) in points(&history.memory, history.now_unix_s, DAYS) {
            while let Some((killed_at, had)) = kills.next_if(|(killed_at, _)| killed_at < at) {
                peaks.add_kill(*killed_at, *had);
            }
            peaks.add(*at, bytes.trunc(), Seen::Used);
        }
        kills.for_each(|(at, had)| peaks.add_kill(*at, *had));
        peaks
    }

    fn add(&mut self, at_unix_s: i64, bytes: f64, seen: Seen) {
        let end = match self.0.last_mut() {
            Some(peak) if at_unix_s < peak.ends_unix_s => {
                // A span that began at zero stays at zero: so does the recommender's, which takes zero for no peak yet.
                if peak.bytes() != 0.0 && bytes > peak.bytes() {
                    peak.raise(bytes, seen);
                }
                return;
            }
            Some(peak) => peak.ends_unix_s,
            None => at_unix_s,
        };
        let ends_unix_s = end + ((at_unix_s - end) / DAY_S + 1) * DAY_S;
        let mut peak = Peak { ends_unix_s, ..Peak::default() };
        peak.raise(bytes, seen);
        self.0.push(peak);
    }

    fn add_kill(&mut self, at_unix_s: i64, had_bytes: f64) {
        // Of the span before, where the kill is the first of its own: the recommender has not begun the new one yet.
        let used = self.0.last().map_or(had_bytes, |peak| had_bytes.max(peak.used_bytes)).trunc();
        self.add(at_unix_s, (used + OOM_BUMP).max((used * OOM_RATIO).trunc()), Seen::Killed);
    }
}

impl Peak {
    fn raise(&mut self, bytes: f64, seen: Seen) {
        match seen {
            Seen::Used => self.used_bytes = bytes,
            Seen::Killed => self.killed_bytes = bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::Series;

    const MIB_F: f64 = MIB as f64;

    fn give(cpu: &[(i64, f64)], memory: &[(i64, f64)], kills: &[(i64, f64)], now_unix_s: i64) -> Given {
        Vpa.give(&History {
            cpu: Series { points: cpu, ..Series::default() },
            memory: Series { points: memory, ..Series::default() },
            oom_kills: kills,
            now_unix_s,
            ..History::default()
        })
    }

    #[test]
    fn the_smallest_target_is_the_first_bucket_and_15_per_cent() {
        let given = give(&[(0, 0.0)], &[(0, 1.0)], &[], 300);
        assert_eq!(given.cpu_request, Some(11.0), "11.5 millicores, of which the half is lost");
        assert_eq!(given.memory_request, Some(11.5e6));
    }

    #[test]
    fn a_target_lies_up_to_a_bucket_above_the_samples_before_its_margin() {
        let day: Vec<(i64, f64)> = (0..288).map(|step| (step * 300, 250.0)).collect();
        let target = give(&day, &[], &[], DAY_S).cpu_request.unwrap();
        assert!((250.0 * 1.15..250.0 * 1.15 * 1.05).contains(&target), "{target}");
    }

    #[test]
    fn a_daily_peak_is_forgotten_when_it_is_three_days_old() {
        let eight_days = |peak_day: i64| -> Vec<(i64, f64)> {
            let bytes = |day: i64| if day == peak_day { 4000.0 * MIB_F } else { 500.0 * MIB_F };
            (0..8 * 288).map(|step| (step * 300, bytes(step * 300 / DAY_S))).collect()
        };
        // Of eight decayed peaks the newest weigh .502, .251, .125, .063: more than a tenth lies in three of them.
        for (peak_day, remembered) in [(7, true), (6, true), (5, true), (4, false), (0, false)] {
            let target = give(&[], &eight_days(peak_day), &[], 8 * DAY_S).memory_request.unwrap();
            assert_eq!(target > 4000.0 * MIB_F, remembered, "day {peak_day}: {target}");
        }
    }

    #[test]
    fn an_oom_kill_raises_the_peak_of_its_day_by_a_fifth_or_100_mebibytes() {
        let day: Vec<(i64, f64)> = (0..288).map(|step| (step * 300, 200.0 * MIB_F)).collect();
        let small = Peaks::of(&History {
            memory: Series { points: &day, ..Series::default() },
            oom_kills: &[(DAY_S - 60, 210.0 * MIB_F)],
            now_unix_s: DAY_S,
            ..History::default()
        });
        assert_eq!(small.0.len(), 1);
        let (needed, used) = (310.0 * MIB_F, 200.0 * MIB_F);
        assert_eq!(small.0, [Peak { ends_unix_s: DAY_S, used_bytes: used, killed_bytes: needed }]);
        let large = Peaks::of(&History {
            oom_kills: &[(60, 1000.0 * MIB_F), (90, 1100.0 * MIB_F)],
            now_unix_s: DAY_S,
            ..History::default()
        });
        // The second kill counts from what the container had, not from what the first one asked for.
        assert_eq!(
            large.0,
            [Peak { ends_unix_s: 60 + DAY_S, used_bytes: 0.0, killed_bytes: 1320.0 * MIB_F }]
        );
    }

    #[test]
    fn spans_are_counted_from_the_first_sample_and_leave_out_days_without_any() {
        let points = [(100, 1.0), (DAY_S + 99, 5.0), (DAY_S + 100, 2.0), (4 * DAY_S, 3.0)];
        let peaks = Peaks::of(&History {
            memory: Series { points: &points, ..Series::default() },
            now_unix_s: 4 * DAY_S + 1,
            ..History::default()
        });
        let spans: Vec<(i64, f64)> = peaks.0.iter().map(|peak| (peak.ends_unix_s, peak.bytes())).collect();
        assert_eq!(spans, [(100 + DAY_S, 5.0), (100 + 2 * DAY_S, 2.0), (100 + 4 * DAY_S, 3.0)]);
    }

    #[test]
    fn a_span_that_begins_at_zero_stays_there_as_the_recommenders_does() {
        let points = [(0, 0.0), (300, 7e8), (DAY_S, 2e8), (DAY_S + 300, 3e8)];
        let peaks = Peaks::of(&History {
            memory: Series { points: &points, ..Series::default() },
            now_unix_s: 2 * DAY_S,
            ..History::default()
        });
        assert_eq!(peaks.0.iter().map(|peak| peak.bytes()).collect::<Vec<_>>(), [0.0, 3e8]);
    }
}
