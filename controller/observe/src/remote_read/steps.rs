//! From raw samples to one number a step, as Prometheus' `rate` and `max_over_time` over five minutes make it, and the
//! highest of the series of one container, as `max by (namespace, pod, container)` does.

use std::collections::HashMap;

use kubeopt_model::usage::Window;

use crate::intake::Asked;
use crate::oom::{Key, Points};
use crate::scanner::Labels;
use crate::slice::STEP_S;

/// The range of each step, in milliseconds.
const RANGE_MS: i64 = STEP_S * 1000;

/// Whether a sample at the very start of a step's range counts: it does up to version 2 of Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boundary {
    Counts,
    DoesNot,
}

impl Boundary {
    /// As the version of a server has it.
    pub(crate) fn of_version(version: Option<&str>) -> Self {
        let major =
            version.and_then(|text| text.trim_start_matches('v').split('.').next()?.parse::<u32>().ok());
        if major.is_some_and(|major| major >= 3) { Self::DoesNot } else { Self::Counts }
    }
}

/// Numbers by container and step.
pub(super) struct Sums {
    asked: Asked,
    slice: Window,
    boundary: Boundary,
    found: HashMap<Key, Vec<f64>>,
}

impl Sums {
    pub(super) fn new(asked: Asked, slice: Window, boundary: Boundary) -> Self {
        Self { asked, slice, boundary, found: HashMap::new() }
    }

    /// How many containers there are.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// Adds a series.
    pub(super) fn add(&mut self, labels: &Labels, samples: Vec<(i64, f64)>) {
        let text = |name: &str| labels.get(name).cloned().unwrap_or_default();
        if samples.is_empty() {
            return;
        }
        let steps = (self.slice.seconds() / STEP_S) as usize;
        let key = (text("namespace"), text("pod"), text("container"));
        let all = self.found.entry(key).or_insert_with(|| vec![f64::NAN; steps]);
        let from = self.slice.from_unix_s * 1000;
        for (step, highest) in (1_i64..).zip(all.iter_mut()) {
            let end = from + step * RANGE_MS;
            let within = within(&samples, end, self.boundary);
            let value = match self.asked {
                Asked::Cpu => rate(within, end).map(|cores| cores * 1000.0),
                Asked::Memory | Asked::Hourly => within.iter().map(|(_, value)| *value).reduce(f64::max),
            };
            if let Some(value) = value {
                // Gives the other one where one is no number.
                *highest = highest.max(value);
            }
        }
    }

    /// The numbers, stamped with the end of their step as a query stamps them; steps without one are left out.
    pub(super) fn into_points(self) -> HashMap<Key, Points> {
        let from = self.slice.from_unix_s;
        let stamped = |all: Vec<f64>| -> Points {
            let at = (1_i64..).map(|step| from + step * STEP_S);
            at.zip(all).filter(|(_, value)| !value.is_nan()).collect()
        };
        self.found
            .into_iter()
            .map(|(key, all)| (key, stamped(all)))
            .filter(|(_, points)| !points.is_empty())
            .collect()
    }
}

fn within(samples: &[(i64, f64)], end: i64, boundary: Boundary) -> &[(i64, f64)] {
    let start = end - RANGE_MS + i64::from(boundary == Boundary::DoesNot);
    let first = samples.partition_point(|(at, _)| *at < start);
    let last = samples.partition_point(|(at, _)| *at <= end);
    &samples[first..last]
}

/// Increase a second of a counter over the range that ends at `end`: what Prometheus calls extrapolated. The samples are
/// taken to go on as they did up to the ends of the range, but not by more than half a scrape interval where they are
/// further away, and not to before the counter was zero.
fn rate(samples: &[(i64, f64)], end: i64) -> Option<f64> {
    let (first, last) = (samples.first()?, samples.last()?);
    if samples.len() < 2 {
        return None;
    }
    let resets: f64 = samples.windows(2).filter(|two| two[1].1 < two[0].1).map(|two| two[0].1).sum();
    let increase = last.1 - first.1 + resets;
    let seconds = |ms: i64| ms as f64 / 1000.0;
    let sampled = seconds(last.0 - first.0);
    let interval = sampled / (samples.len() - 1) as f64;
    let mut before = seconds(first.0 - (end - RANGE_MS));
    let after = seconds(end - last.0);
    if increase > 0.0 && first.1 >= 0.0 {
        before = before.min(sampled * (first.1 / increase));
    }
    let near = interval * 1.1;
    let reach = |gap: f64| if gap < near { gap } else { interval / 2.0 };
    let covered = sampled + reach(before) + reach(after);
    Some(increase * (covered / sampled) / seconds(RANGE_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(
        every_s: i64,
        range_s: std::ops::RangeInclusive<i64>,
        value: impl Fn(i64) -> f64,
    ) -> Vec<(i64, f64)> {
        range_s.step_by(every_s as usize).map(|at| (at * 1000, value(at))).collect()
    }

    #[test]
    fn a_steady_counter_has_its_rate_whatever_the_interval_and_across_a_reset() {
        for every in [15, 30, 60] {
            let steady = samples(every, 7..=307, |at| 100.0 + at as f64 * 0.25);
            let rate = rate(within(&steady, 300_000, Boundary::Counts), 300_000).unwrap();
            assert!((rate - 0.25).abs() < 1e-9, "{every}: {rate}");
        }
        let reset = samples(30, 0..=300, |at| if at < 150 { 50.0 + at as f64 } else { (at - 150) as f64 });
        let rate = rate(&reset, 300_000).unwrap();
        // The step across the reset is lost, as it is to Prometheus.
        assert!((rate - 270.0 / 300.0).abs() < 1e-9, "{rate}");
    }

    #[test]
    fn a_counter_is_not_taken_to_before_it_was_zero_and_one_sample_has_no_rate() {
        let young = samples(30, 240..=300, |at| (at - 240) as f64);
        assert!((rate(&young, 300_000).unwrap() - 60.0 / 300.0).abs() < 1e-9);
        assert_eq!(rate(&young[..1], 300_000), None);
        assert_eq!(rate(&[], 300_000), None);
    }

    #[test]
    fn the_start_of_a_range_counts_up_to_version_two() {
        let all = samples(300, 0..=600, |at| at as f64);
        for (version, boundary, count) in [
            (Some("2.42.0"), Boundary::Counts, 2),
            (Some("v3.1.0"), Boundary::DoesNot, 1),
            (Some("0.37.2"), Boundary::Counts, 2),
            (None, Boundary::Counts, 2),
        ] {
            assert_eq!(Boundary::of_version(version), boundary, "{version:?}");
            assert_eq!(within(&all, 600_000, boundary).len(), count, "{version:?}");
        }
    }
}
