//! The highest of the next day and of the next week: what a request must stand. The quantile of a peak is not the peak of
//! quantiles, so it has heads of its own, and baselines of its own.

use kubeopt_lstm::QUANTILES;
use kubeopt_model::Resource;
use kubeopt_outlook::{DAY, Foretold, Load, Quantiles, WEEK, in_order, peak};
use serde::Serialize;

use crate::baseline::five;

/// Days whose spans a baseline looks at.
const DAYS: usize = 28;

/// Days on which the last peak is compared with the next one.
const DAYS_OF_ERRORS: usize = 28;

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

    /// By what the highest of 28 days is multiplied, as the model's card says.
    pub fn above(self, foretold: &Foretold) -> &Quantiles {
        match self {
            Self::Day => &foretold.above[0],
            Self::Week => &foretold.above[1],
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

    /// The peak of the last such span, and what that was wrong by where it was said on the days of the last five weeks; none
    /// without a day of these.
    pub fn last_and_error(self, load: &Load, origin: usize) -> Option<Quantiles> {
        let last = self.before(load, origin, origin)?;
        let wrong_by = |back: usize| {
            let from = origin.checked_sub(self.hours() + back * DAY)?;
            Some(peak(load, from, self.hours(), origin)? - self.before(load, from, origin)?)
        };
        let mut errors: Vec<f32> = (0..DAYS_OF_ERRORS).map_while(wrong_by).collect();
        let offsets = (!errors.is_empty()).then(|| five(&mut errors))?;
        Some(in_order(offsets.map(|offset| last + offset)))
    }

    /// The highest of 28 days, times what other loads' peaks were of theirs.
    pub fn highest(self, load: &Load, origin: usize, above: &Quantiles) -> Option<Quantiles> {
        origin.checked_sub(self.hours())?;
        let recent = load.highest().get(origin.saturating_sub(DAYS * DAY)..origin)?;
        let highest = recent.iter().copied().reduce(f32::max)?;
        Some(in_order(above.map(|times| times * highest)))
    }

    /// Whether a candidate has a say in a quantile. Four weeks hold four weeks' peaks that have nothing in common: what a
    /// baseline takes from these alone tells nothing above the middle.
    pub(crate) fn is_told_by(self, candidate: PeakCandidate, quantile: usize) -> bool {
        match (self, candidate) {
            (Self::Day, _) | (Self::Week, PeakCandidate::Network | PeakCandidate::Highest) => true,
            (
                Self::Week,
                PeakCandidate::NetworkOnline | PeakCandidate::PastPeaks | PeakCandidate::LastPeak,
            ) => QUANTILES[quantile] <= 0.5,
        }
    }

    /// How fast weight falls with loss. Weeks overlap: what passed of them says less.
    pub(crate) fn sharpness(self) -> f32 {
        match self {
            Self::Day => 2.0,
            Self::Week => 1.0,
        }
    }

    /// The peak of the span that ends before a place.
    fn before(self, load: &Load, place: usize, end: usize) -> Option<f32> {
        peak(load, place.checked_sub(self.hours())?, self.hours(), end)
    }

    /// What came, where it was measured.
    pub fn truth(self, load: &Load, origin: usize) -> Option<f32> {
        self.truth_before(load, origin, load.len())
    }

    /// The same, where the span ends before `end`.
    pub(crate) fn truth_before(self, load: &Load, origin: usize, end: usize) -> Option<f32> {
        peak(load, origin, self.hours(), end)
    }
}

/// What may foretell a peak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeakCandidate {
    /// The head of the network that was trained for it, with the offsets of its resource.
    Network,
    /// The same with the load's own offsets beside them.
    NetworkOnline,
    /// The quantiles of the peaks of the last 28 days.
    PastPeaks,
    /// The peak of the last such span, and what that was wrong by.
    LastPeak,
    /// The highest of 28 days, times what the peaks of other loads were of theirs.
    Highest,
}

impl PeakCandidate {
    /// All of them, in the order of [`PeakSaid`].
    pub const ALL: [Self; 5] =
        [Self::Network, Self::NetworkOnline, Self::PastPeaks, Self::LastPeak, Self::Highest];

    /// As tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "peak head",
            Self::NetworkOnline => "peak head + own offsets",
            Self::PastPeaks => "quantiles of past peaks",
            Self::LastPeak => "last peak + conformal",
            Self::Highest => "highest of 28 days",
        }
    }

    /// Whether it is the network, however corrected.
    pub fn is_network(self) -> bool {
        matches!(self, Self::Network | Self::NetworkOnline)
    }
}

/// What each candidate says of a peak; none where it cannot.
pub type PeakSaid = [Option<Quantiles>; PeakCandidate::ALL.len()];

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
    use crate::made::load;

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
