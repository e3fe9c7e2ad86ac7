//! The highest of the next day and of the next week: what a request must stand. The quantile of a peak is not the peak of
//! quantiles, so it has heads of its own, and baselines of its own.

use kubeopt_model::Resource;
use serde::Serialize;

use crate::baseline::{Quantiles, five};
use crate::inputs::peak;
use crate::load::Load;
use crate::model::Foretold;
use crate::series::{DAY, WEEK};

/// Days whose spans a baseline looks at.
const DAYS: usize = 28;

/// Which peak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PeakSpan {
    /// Of the next 24 hours.
    Day,
    /// Of the next 7 days.
    Week,
}

impl PeakSpan {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Day, Self::Week];

    /// How long.
    pub fn hours(self) -> usize {
        match self {
            Self::Day => DAY,
            Self::Week => WEEK,
        }
    }

    /// What the network says of it.
    pub fn of(self, foretold: &Foretold) -> &Quantiles {
        match self {
            Self::Day => &foretold.peak_day,
            Self::Week => &foretold.peak_week,
        }
    }

    /// The quantiles of the peaks of all spans that lie in the last 28 days, one beginning each day; none where there is none.
    pub fn baseline(self, load: &Load, origin: usize) -> Option<Quantiles> {
        let last = origin.checked_sub(self.hours())?;
        let from = origin.saturating_sub(DAYS * DAY);
        let begins = (0..=last - from.min(last)).step_by(DAY).map(|back| last - back);
        let mut peaks: Vec<f32> = begins.filter_map(|at| peak(load, at, self.hours(), origin)).collect();
        (!peaks.is_empty()).then(|| five(&mut peaks))
    }

    /// What came, where it was measured.
    pub fn truth(self, load: &Load, origin: usize) -> Option<f32> {
        peak(load, origin, self.hours(), load.len())
    }
}

/// What memory is never lowered below: the highest that was seen before the origin. A forecast may raise a value; only this
/// may be its floor.
pub fn at_least_seen(load: &Load, origin: usize, foretold: f32) -> f32 {
    match load.resource() {
        Resource::Memory => load.highest()[..origin.min(load.len())].iter().copied().fold(foretold, f32::max),
        Resource::Cpu => foretold,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::tests::load;

    #[test]
    fn a_baseline_is_the_quantiles_of_the_peaks_that_were() {
        let load = load(40 * DAY, |hour| (hour / DAY) as f64);
        let day = PeakSpan::Day.baseline(&load, 40 * DAY).unwrap();
        // Days 12 to 39.
        assert_eq!(day[1], 25.5);
        let week = PeakSpan::Week.baseline(&load, 40 * DAY).unwrap();
        // Weeks that end on days 18 to 39.
        assert_eq!(week[1], 28.5);
        assert_eq!(PeakSpan::Day.baseline(&load, 23), None);
        assert_eq!(PeakSpan::Week.truth(&load, 33 * DAY), Some(39.0));
        assert_eq!(PeakSpan::Week.truth(&load, 34 * DAY), None, "the week has not passed");
    }

    #[test]
    fn memory_is_never_foretold_below_what_was_seen() {
        let points = (0..50).map(|hour| kubeopt_model::usage::HourPoint {
            at_unix_s: hour * 3600,
            median: 1.0,
            p95: 1.0,
            max: if hour == 7 { 9.0 } else { 1.0 },
        });
        let memory = Load::of(Resource::Memory, points.clone()).unwrap();
        let cpu = Load::of(Resource::Cpu, points).unwrap();
        assert_eq!(at_least_seen(&memory, 50, 2.0), 9.0);
        assert_eq!(at_least_seen(&memory, 50, 12.0), 12.0);
        assert_eq!(at_least_seen(&cpu, 50, 2.0), 2.0);
    }
}
