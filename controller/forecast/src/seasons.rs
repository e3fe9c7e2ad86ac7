//! Whether load comes again each day or each week: told by its autocorrelation, and believed only where a profile of the
//! past foretells the last week.

use kubeopt_outlook::{DAY, WEEK};

use crate::series::{Hours, mean};

/// Periods that must be in the history before one is looked for.
const PERIODS_MIN: usize = 3;

/// Least autocorrelation at the period's length.
const CORRELATION_MIN: f64 = 0.3;

/// Least part of the variance of the last week that the profile of the weeks before explains.
const EXPLAINED_MIN: f64 = 0.3;

/// A season that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Season {
    /// Its length: 24 or 168.
    pub period_hours: usize,
    /// Autocorrelation at its length, up to 1.
    pub correlation: f64,
    /// Part of the variance of the last week that hours of earlier periods explain, up to 1. Measured on hours that the
    /// profile has not seen.
    pub explained: f64,
}

/// The seasons of a load, shortest first. A weekly one is told beside a daily one only where it explains clearly more.
pub fn seasons(hours: &Hours) -> Vec<Season> {
    let level = hours.without_trend();
    let daily = season(&level, DAY);
    let weekly = season(&level, WEEK);
    let adds = |weekly: &Season| daily.is_none_or(|daily| weekly.explained > daily.explained + 0.05);
    daily.into_iter().chain(weekly.filter(adds)).collect()
}

fn season(hours: &Hours, period: usize) -> Option<Season> {
    if hours.len() < PERIODS_MIN * period.max(WEEK) {
        return None;
    }
    let correlation = autocorrelation(hours.values(), period).filter(|found| *found >= CORRELATION_MIN)?;
    let explained = explained(hours, period).filter(|found| *found >= EXPLAINED_MIN)?;
    Some(Season { period_hours: period, correlation, explained })
}

/// Correlation of values with those `lag` earlier, over pairs that were both measured; none for a constant load.
pub(crate) fn autocorrelation(values: &[Option<f64>], lag: usize) -> Option<f64> {
    let pairs: Vec<(f64, f64)> = values
        .iter()
        .zip(values.get(lag..)?)
        .filter_map(|(before, after)| Some(((*before)?, (*after)?)))
        .collect();
    let before = mean(pairs.iter().map(|(before, _)| *before))?;
    let after = mean(pairs.iter().map(|(_, after)| *after))?;
    let sum = |of: fn(f64, f64) -> f64| pairs.iter().map(|(a, b)| of(a - before, b - after)).sum::<f64>();
    let (both, first, second) = (sum(|a, b| a * b), sum(|a, _| a * a), sum(|_, b| b * b));
    let scale = (first * second).sqrt();
    (scale > f64::EPSILON).then(|| both / scale)
}

/// How much of the last week's variance the mean profile of the time before explains.
fn explained(hours: &Hours, period: usize) -> Option<f64> {
    let (past, last) = hours.split(WEEK);
    let mut sums = vec![(0.0, 0_u32); period];
    for (hour, value) in past.by_week() {
        let (sum, count) = &mut sums[hour % period];
        (*sum, *count) = (*sum + value, *count + 1);
    }
    let level = mean(past.by_week().map(|(_, value)| value))?;
    let foretold = |hour: usize| match sums[hour % period] {
        (_, 0) => level,
        (sum, count) => sum / f64::from(count),
    };
    // Beside the level that the last week itself has: a season is a shape, not a height.
    let shift = mean(last.by_week().map(|(hour, value)| value - foretold(hour)))?;
    let own = mean(last.by_week().map(|(_, value)| value))?;
    let left: f64 = last.by_week().map(|(hour, value)| (value - foretold(hour) - shift).powi(2)).sum();
    let all: f64 = last.by_week().map(|(_, value)| (value - own).powi(2)).sum();
    (all > f64::EPSILON).then(|| 1.0 - left / all)
}

#[cfg(test)]
pub(crate) mod tests {
    use kubeopt_model::usage::HourPoint;

    use super::*;

    /// Weeks of hours; ±10 % by lot.
    pub(crate) fn load(weeks: usize, at: impl Fn(usize) -> f64) -> Hours {
        let mut lot = 88_172_645_463_325_252_u64;
        let points: Vec<HourPoint> = (0..weeks * WEEK)
            .map(|hour| {
                lot ^= lot << 13;
                lot ^= lot >> 7;
                lot ^= lot << 17;
                let noise = 0.9 + 0.2 * ((lot >> 11) as f64 / (1_u64 << 53) as f64);
                let value = at(hour) * noise;
                HourPoint { at_unix_s: hour as i64 * 3600, median: value, p95: value, max: value }
            })
            .collect();
        Hours::of(points.iter().copied(), |point| point.p95)
    }

    fn periods(hours: &Hours) -> Vec<usize> {
        seasons(hours).iter().map(|season| season.period_hours).collect()
    }

    #[test]
    fn what_comes_each_day_or_each_week_is_found_and_noise_is_not() {
        let office = |hour: usize| if (9..17).contains(&(hour % DAY)) { 900.0 } else { 100.0 };
        assert_eq!(periods(&load(4, office)), [24]);
        let weekly = |hour: usize| if (100..104).contains(&(hour % WEEK)) { 900.0 } else { 100.0 };
        assert_eq!(periods(&load(4, weekly)), [168]);
        let weekdays = |hour: usize| if hour % WEEK < 5 * DAY { office(hour) } else { 100.0 };
        assert_eq!(periods(&load(6, weekdays)), [24, 168]);
        assert_eq!(periods(&load(4, |_| 500.0)), [0; 0]);
        assert_eq!(periods(&load(4, |hour| hour as f64)), [0; 0], "growth is no season");
    }

    #[test]
    fn little_history_gaps_and_constants_do_no_harm() {
        assert_eq!(periods(&load(2, |hour| (hour % DAY) as f64)), [0; 0], "two weeks are too few");
        assert_eq!(seasons(&Hours::of([], |point| point.p95)), []);
        let one = HourPoint { at_unix_s: 0, median: f64::NAN, p95: f64::NAN, max: 1.0 };
        assert_eq!(seasons(&Hours::of([one], |point| point.p95)), []);
        let mut gaps = Vec::new();
        for hour in (0..5 * WEEK).filter(|hour| hour % 3 != 0) {
            let value = if (9..17).contains(&(hour % DAY)) { 900.0 } else { 100.0 };
            gaps.push(HourPoint { at_unix_s: hour as i64 * 3600, median: value, p95: value, max: value });
        }
        assert_eq!(periods(&Hours::of(gaps, |point| point.p95)), [24]);
    }

    #[test]
    fn a_season_that_ended_is_not_told() {
        let ended =
            |hour: usize| if hour < 5 * WEEK && (9..17).contains(&(hour % DAY)) { 900.0 } else { 100.0 };
        assert_eq!(periods(&load(6, ended)), [0; 0], "the last week knows nothing of it");
    }
}
