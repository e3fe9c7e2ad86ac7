//! Windows of the week in which a load is high, and those in which it is low: the hours of the week in two clusters, kept
//! only where the two explain the load.
//!
//! They are data: a pull request carries the value for all windows unless a policy schedules more.

use kubeopt_model::load::{HourSpan, LoadWindows, WEEK_HOURS};
use kubeopt_outlook::{DAY, WEEK};
use linfa::DatasetBase;
use linfa::traits::{Fit as _, Predict as _};
use linfa_clustering::KMeans;
use ndarray::Array2;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng as _;

use crate::seasons::seasons;
use crate::series::{Hours, mean};

/// Least part of the variance over the hours of the week that the two windows explain.
const EXPLAINED_MIN: f64 = 0.5;

/// How much higher the high window must be.
const RATIO_MIN: f64 = 1.5;

/// Shorter runs of hours belong to what is around them.
const RUN_HOURS_MIN: usize = 2;

/// Part of a window's hours that its value must hold.
const HELD: f64 = 0.98;

/// The same hours give the same windows.
const SEED: u64 = 20_131_001;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowKind {
    /// High load.
    Peak,
    /// Low load.
    OffPeak,
}

/// A run of hours of the week with one kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadWindow {
    /// Which.
    pub kind: WindowKind,
    /// First hour of the week, counted from Thursday, 00:00 UTC, when the epoch began.
    pub from_hour: usize,
    /// How many hours; it may go on into the next week.
    pub hours: usize,
}

/// The windows of a load, and what each would need.
#[derive(Debug, Clone, PartialEq)]
pub struct Windows {
    /// In the order of the week; of a daily load each day has its own.
    pub windows: Vec<LoadWindow>,
    /// Length after which they come again: 24 or 168 hours.
    pub period_hours: usize,
    /// Part of the variance over the hours of the week that they explain, up to 1.
    pub explained: f64,
    /// What holds 98 % of the hours of peak windows, in the unit of the usage.
    pub peak_value: f64,
    /// What holds 98 % of the hours of off-peak windows, in the unit of the usage.
    pub off_peak_value: f64,
}

impl Windows {
    /// The same as a value that other stages take.
    pub fn load(&self) -> LoadWindows {
        let of = |kind: WindowKind| {
            let own = self.windows.iter().filter(move |window| window.kind == kind);
            // Hours of a week are few.
            let hour = |hours: usize| u32::try_from(hours).unwrap_or(WEEK_HOURS);
            own.map(|window| HourSpan { from_hour: hour(window.from_hour), hours: hour(window.hours) })
                .collect()
        };
        LoadWindows {
            period_hours: u32::try_from(self.period_hours).unwrap_or(WEEK_HOURS),
            explained: self.explained,
            peak: of(WindowKind::Peak),
            off_peak: of(WindowKind::OffPeak),
        }
    }
}

/// The windows of a load; none where it has no season, or two windows do not explain it.
pub fn load_windows(hours: &Hours) -> Option<Windows> {
    let period_hours = seasons(hours).last()?.period_hours;
    let profile = profile(hours, period_hours)?;
    // The hours of a day come seven times: clustering them once gives the same.
    let once = clustered(profile.get(..period_hours)?)?;
    let mut is_high: Vec<bool> = once.into_iter().cycle().take(WEEK).collect();
    smooth(&mut is_high, period_hours);
    let explained = explained(&profile, &is_high).filter(|found| *found >= EXPLAINED_MIN)?;
    let is = &is_high;
    let of = |high: bool| hours.by_week().filter(move |(hour, _)| is[*hour] == high).map(|(_, value)| value);
    let (peak, off_peak) = (mean(of(true))?, mean(of(false))?);
    if peak < RATIO_MIN * off_peak {
        return None;
    }
    Some(Windows {
        windows: runs(&is_high),
        period_hours,
        explained,
        peak_value: held(of(true)),
        off_peak_value: held(of(false)),
    })
}

/// The mean of each hour of the week; of a daily season, of each hour of the day, seven times.
fn profile(hours: &Hours, period: usize) -> Option<Vec<f64>> {
    let mut sums = vec![(0.0, 0_u32); period];
    for (hour, value) in hours.by_week() {
        let (sum, count) = &mut sums[hour % period];
        (*sum, *count) = (*sum + value, *count + 1);
    }
    let level = mean(hours.by_week().map(|(_, value)| value))?;
    let once: Vec<f64> =
        sums.iter().map(|(sum, count)| if *count == 0 { level } else { sum / f64::from(*count) }).collect();
    Some(once.iter().copied().cycle().take(WEEK).collect())
}

/// Which hours belong to the higher of two clusters.
fn clustered(profile: &[f64]) -> Option<Vec<bool>> {
    let records = Array2::from_shape_vec((profile.len(), 1), profile.to_vec()).ok()?;
    let dataset = DatasetBase::from(records);
    let rng = Xoshiro256Plus::seed_from_u64(SEED);
    let model = KMeans::params_with_rng(2, rng).max_n_iterations(100).n_runs(4).fit(&dataset).ok()?;
    let centroids = model.centroids();
    let higher = usize::from(centroids[[1, 0]] > centroids[[0, 0]]);
    let clusters = model.predict(&dataset);
    Some(clusters.iter().map(|cluster| *cluster == higher).collect())
}

/// Gives runs that are too short to their surroundings. The week is a circle.
fn smooth(is_high: &mut [bool], period: usize) {
    // What a week has once is short by nature; hours of a day come seven times.
    let shortest = if period == DAY { RUN_HOURS_MIN } else { 1 };
    for run in runs(is_high).into_iter().filter(|run| run.hours < shortest) {
        for hour in run.from_hour..run.from_hour + run.hours {
            if let Some(slot) = is_high.get_mut(hour % WEEK) {
                *slot = !*slot;
            }
        }
    }
}

/// Runs of equal hours around the week. None where all are equal.
fn runs(is_high: &[bool]) -> Vec<LoadWindow> {
    let length = is_high.len();
    let begins = |at: &usize| is_high[*at] != is_high[(at + length - 1) % length];
    let starts: Vec<usize> = (0..length).filter(begins).collect();
    let run = |(index, from): (usize, &usize)| {
        let next = starts[(index + 1) % starts.len()];
        let hours = (next + length - from) % length;
        let kind = if is_high[*from] { WindowKind::Peak } else { WindowKind::OffPeak };
        LoadWindow { kind, from_hour: *from, hours }
    };
    starts.iter().enumerate().map(run).collect()
}

/// Part of the profile's variance that lies between the two windows.
fn explained(profile: &[f64], is_high: &[bool]) -> Option<f64> {
    let of =
        |high: bool| profile.iter().zip(is_high).filter(move |(_, is)| **is == high).map(|(value, _)| *value);
    let all = mean(profile.iter().copied())?;
    let total: f64 = profile.iter().map(|value| (value - all).powi(2)).sum();
    let within: f64 = [true, false]
        .into_iter()
        .filter_map(|high| {
            let own = mean(of(high))?;
            Some(of(high).map(|value| (value - own).powi(2)).sum::<f64>())
        })
        .sum();
    (total > f64::EPSILON).then(|| 1.0 - within / total)
}

fn held(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let rank = ((HELD * sorted.len() as f64).ceil() as usize).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seasons::tests::load;

    #[test]
    fn office_hours_are_a_window_of_each_day() {
        let office = load(4, |hour| if (9..17).contains(&(hour % DAY)) { 900.0 } else { 100.0 });
        let found = load_windows(&office).expect("windows");
        assert_eq!((found.period_hours, found.windows.len()), (24, 14));
        let peaks: Vec<(usize, usize)> = found
            .windows
            .iter()
            .filter(|window| window.kind == WindowKind::Peak)
            .map(|window| (window.from_hour % DAY, window.hours))
            .collect();
        assert_eq!(peaks, [(9, 8); 7]);
        assert!(found.explained > 0.95, "{found:?}");
        assert!((900.0..1000.0).contains(&found.peak_value), "{found:?}");
        assert!((100.0..115.0).contains(&found.off_peak_value), "{found:?}");
        assert_eq!(load_windows(&office), Some(found), "the same hours give the same windows");
    }

    #[test]
    fn as_a_value_each_hour_of_the_week_belongs_to_one_of_the_two() {
        let office = load(4, |hour| if (9..17).contains(&(hour % DAY)) { 900.0 } else { 100.0 });
        let found = load_windows(&office).expect("windows").load();
        assert_eq!((found.period_hours, found.peak.len(), found.off_peak.len()), (24, 7, 7));
        for hour in 0..i64::from(WEEK_HOURS) {
            let holds = |spans: &[HourSpan]| spans.iter().filter(|span| span.holds(hour * 3600)).count();
            let is_peak = usize::from((9..17).contains(&(hour % 24)));
            assert_eq!((holds(&found.peak), holds(&found.off_peak)), (is_peak, 1 - is_peak), "{hour}");
        }
    }

    #[test]
    fn two_hours_of_a_week_are_a_window_of_the_week() {
        let weekly = load(5, |hour| if (100..102).contains(&(hour % WEEK)) { 2000.0 } else { 300.0 });
        let found = load_windows(&weekly).expect("windows");
        let peaks: Vec<&LoadWindow> =
            found.windows.iter().filter(|window| window.kind == WindowKind::Peak).collect();
        assert_eq!(peaks, [&LoadWindow { kind: WindowKind::Peak, from_hour: 100, hours: 2 }]);
        assert_eq!(found.period_hours, 168);
    }

    #[test]
    fn a_steady_load_and_a_faint_season_have_no_windows() {
        assert_eq!(load_windows(&load(4, |_| 500.0)), None);
        let faint = load(6, |hour| if (9..17).contains(&(hour % DAY)) { 130.0 } else { 100.0 });
        assert_eq!(load_windows(&faint), None, "a third more is not worth a window");
        assert_eq!(load_windows(&Hours::of([], |point| point.max)), None);
    }

    #[test]
    fn a_window_may_go_on_into_the_next_week() {
        let late = load(4, |hour| if !(4..20).contains(&(hour % DAY)) { 900.0 } else { 100.0 });
        let found = load_windows(&late).expect("windows");
        let peak = found.windows.iter().filter(|window| window.kind == WindowKind::Peak);
        assert!(peak.clone().all(|window| window.hours == 8), "{found:?}");
        assert_eq!(peak.count(), 7);
    }
}
