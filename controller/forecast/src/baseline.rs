//! What foretells the next day without a network: the candidates that a network must beat, and that stand in where there is
//! none. Each sees only what lies before the origin.

use kubeopt_lstm::QUANTILES;
use kubeopt_outlook::{Alike, DAY, DayAhead, HORIZON, Load, Quantiles, WEEK, of_sorted, quantile, quantiles};
use serde::Serialize;

/// Days that quantiles look back over.
const DAYS_LONG: usize = 28;
/// Days of residuals.
const DAYS_RESIDUAL: usize = 21;
/// Days of the median of same hours.
const DAYS_SHORT: usize = 7;

/// Part of the last hour in an exponentially weighted mean: half of it is from the last 6 hours.
const EWMA_SHARE: f32 = 0.11;

/// A period is a cycle where its part of the variance is so much larger than that of the other periods on average
/// (white noise stays below with 0.98 or so: (1 - exp(-12)) over 330 periods).
const CYCLE_STANDS_OUT: f64 = 12.0;

/// A way to foretell a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Baseline {
    /// The last hour goes on.
    Naive,
    /// As the day before.
    SeasonalNaive,
    /// An exponentially weighted mean of all hours goes on.
    Ewma,
    /// The median of the same hours of 7 days.
    SameHourMedian,
    /// Quantiles of all hours of 28 days.
    Flat,
    /// Quantiles of the same hours of 28 days.
    SameHour,
    /// As the day before, and what that was wrong by in 21 days.
    SeasonalConformal,
    /// Quantiles of the same hours of 21 days, the nearer ones and days of the same kind counting more.
    SameHourLately,
    /// Quantiles of the hours around the same hour in 14 days, the nearer ones and days of the same kind counting more.
    AroundLately,
    /// The highest of the same hours of the cycle that stands out in the spectrum, day or week; of 7 days where none does.
    MaxOfCycles,
}

impl Baseline {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Naive,
        Self::SeasonalNaive,
        Self::Ewma,
        Self::SameHourMedian,
        Self::Flat,
        Self::SameHour,
        Self::SeasonalConformal,
        Self::SameHourLately,
        Self::AroundLately,
        Self::MaxOfCycles,
    ];

    /// As tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::SeasonalNaive => "seasonal naive",
            Self::Ewma => "ewma",
            Self::SameHourMedian => "median of 7 same hours",
            Self::Flat => "flat quantile",
            Self::SameHour => "same-hour quantile",
            Self::SeasonalConformal => "seasonal naive + conformal",
            Self::SameHourLately => "same hours lately",
            Self::AroundLately => "hours around lately",
            Self::MaxOfCycles => "max of cycles",
        }
    }

    /// Whether it tells one value only: that stands for all its quantiles.
    pub fn is_point(self) -> bool {
        matches!(
            self,
            Self::Naive | Self::SeasonalNaive | Self::Ewma | Self::SameHourMedian | Self::MaxOfCycles
        )
    }

    /// The next day from `origin` on, the place of the first hour that is not known; none where history is too short for it.
    pub fn day_ahead(self, load: &Load, origin: usize) -> Option<DayAhead> {
        let past = load.highest().get(..origin).filter(|past| !past.is_empty())?;
        let same = |hour: usize, days: usize| same_hours(past, hour, DAY, days);
        match self {
            Self::Naive => past.last().map(|last| [[*last; QUANTILES.len()]; HORIZON]),
            Self::Ewma => Some([[ewma(past); QUANTILES.len()]; HORIZON]),
            Self::SeasonalNaive => {
                each_hour(past, DAY, |hour| Some([past[past.len() - DAY + hour]; QUANTILES.len()]))
            }
            Self::SameHourMedian => each_hour(past, DAY, |hour| {
                Some([quantile(&mut same(hour, DAYS_SHORT), 0.5); QUANTILES.len()])
            }),
            Self::Flat => {
                let mut recent = past[past.len().saturating_sub(DAYS_LONG * DAY)..].to_vec();
                Some([five(&mut recent); HORIZON])
            }
            Self::SameHour => each_hour(past, DAY, |hour| Some(five(&mut same(hour, DAYS_LONG)))),
            Self::SeasonalConformal => seasonal_conformal(past),
            Self::SameHourLately => Alike::SAME.day_ahead(past, load.hour(origin)),
            Self::AroundLately => Alike::AROUND.day_ahead(past, load.hour(origin)),
            Self::MaxOfCycles => {
                let cycle = cycle(past);
                each_hour(past, DAY, |hour| {
                    let all = match cycle {
                        Some(period) => same_hours(past, hour, period, DAYS_LONG * DAY / period),
                        None => past[past.len().saturating_sub(WEEK)..].to_vec(),
                    };
                    Some([all.into_iter().reduce(f32::max)?; QUANTILES.len()])
                })
            }
        }
    }
}

/// The five quantiles of a list.
pub(crate) fn five(values: &mut [f32]) -> Quantiles {
    let found = quantiles(values, &QUANTILES);
    std::array::from_fn(|at| found[at])
}

/// One of the five.
pub(crate) fn five_at(values: &mut [f32], at: usize) -> f32 {
    quantile(values, QUANTILES[at])
}

fn each_hour(past: &[f32], need: usize, of: impl Fn(usize) -> Option<Quantiles>) -> Option<DayAhead> {
    if past.len() < need {
        return None;
    }
    let mut day = [[0.0; QUANTILES.len()]; HORIZON];
    for (hour, slot) in day.iter_mut().enumerate() {
        *slot = of(hour)?;
    }
    Some(day)
}

/// The values at the same hour of so many periods before, as far as there are.
fn same_hours(past: &[f32], hour: usize, period: usize, periods: usize) -> Vec<f32> {
    (1..=periods)
        .filter_map(|back| past.get((past.len() + hour).checked_sub(period * back)?).copied())
        .collect()
}

/// From the first hour on; before the last hundred hours nothing is left of a value.
fn ewma(past: &[f32]) -> f32 {
    let mut values = past[past.len().saturating_sub(200)..].iter().copied();
    let first = values.next().unwrap_or_default();
    values.fold(first, |mean, value| mean + EWMA_SHARE * (value - mean))
}

fn seasonal_conformal(past: &[f32]) -> Option<DayAhead> {
    if past.len() < 2 * DAY {
        return None;
    }
    let from = past.len().saturating_sub(DAYS_RESIDUAL * DAY).max(DAY);
    let mut residuals: Vec<f32> = (from..past.len()).map(|at| past[at] - past[at - DAY]).collect();
    residuals.sort_unstable_by(f32::total_cmp);
    let offsets = QUANTILES.map(|part| of_sorted(&residuals, part));
    each_hour(past, DAY, |hour| {
        let before = past[past.len() - DAY + hour];
        Some(offsets.map(|offset| (before + offset).max(0.0)))
    })
}

/// A day or a week, where the spectrum of the last four weeks has a peak there.
fn cycle(past: &[f32]) -> Option<usize> {
    let hours = DAYS_LONG * DAY;
    let recent = &past[past.len().checked_sub(hours)?..];
    let mean = recent.iter().map(|value| f64::from(*value)).sum::<f64>() / hours as f64;
    let variance = recent.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>();
    if variance <= f64::EPSILON {
        return None;
    }
    // By Parseval the power of all periods adds up to the variance: on average each of half the hours has as much.
    let average = variance / (hours as f64 / 2.0);
    let stands_out = |period: &usize| power(recent, mean, *period) > CYCLE_STANDS_OUT * average;
    [DAY, WEEK].into_iter().find(stands_out)
}

/// What a wave of the period has of the variance.
fn power(values: &[f32], mean: f64, period: usize) -> f64 {
    let (sin, cos) = values.iter().enumerate().fold((0.0, 0.0), |(sin, cos), (at, value)| {
        let (s, c) = (at as f64 / period as f64 * std::f64::consts::TAU).sin_cos();
        (sin + s * (f64::from(*value) - mean), cos + c * (f64::from(*value) - mean))
    });
    2.0 * (sin * sin + cos * cos) / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made::{load, lots};

    fn day(baseline: Baseline, load: &Load) -> DayAhead {
        baseline.day_ahead(load, load.len()).expect("there is enough history")
    }

    #[test]
    fn each_foretells_what_it_is_called_by() {
        let load = load(28 * DAY, |hour| (hour % DAY) as f64 + if hour < 27 * DAY { 0.0 } else { 100.0 });
        let at_5 = |baseline: Baseline| day(baseline, &load)[5];
        assert_eq!(at_5(Baseline::Naive), [123.0; 5]);
        assert_eq!(at_5(Baseline::SeasonalNaive), [105.0; 5]);
        assert_eq!(at_5(Baseline::SameHourMedian), [5.0; 5]);
        assert_eq!(at_5(Baseline::Flat)[1], 12.0);
        assert_eq!(at_5(Baseline::SameHour)[..4], [5.0, 5.0, 5.0, 5.0]);
        // Of 504 residuals 24 are 100: the 95th percentile is at 478 of 503, before the first of them.
        assert_eq!(at_5(Baseline::SeasonalConformal), [105.0, 105.0, 105.0, 105.0, 205.0]);
        assert_eq!(at_5(Baseline::MaxOfCycles), [105.0; 5]);
        let ewma = at_5(Baseline::Ewma)[0];
        assert!((110.0..120.0).contains(&ewma), "{ewma}");
    }

    #[test]
    fn noise_has_no_cycle_and_a_day_and_a_week_are_told_apart() {
        let mut random = lots(11);
        let noise: Vec<f64> = (0..28 * DAY).map(|_| random()).collect();
        let of = |at: &dyn Fn(usize) -> f64| cycle(load(28 * DAY, at).highest());
        assert_eq!(of(&|hour| noise[hour]), None);
        assert_eq!(of(&|_| 5.0), None);
        assert_eq!(of(&|hour| noise[hour] + if hour % DAY < 8 { 2.0 } else { 0.0 }), Some(DAY));
        assert_eq!(of(&|hour| noise[hour] + if hour % WEEK < 48 { 2.0 } else { 0.0 }), Some(WEEK));
    }

    #[test]
    fn conformal_offsets_cover_what_they_say() {
        let mut random = lots(5);
        let values: Vec<f64> =
            (0..120 * DAY).map(|hour| 50.0 + (hour % DAY) as f64 + 20.0 * random()).collect();
        let load = load(values.len(), |hour| values[hour]);
        let (mut held, mut all) = (0, 0);
        for origin in (30 * DAY..119 * DAY).step_by(DAY) {
            let day = Baseline::SeasonalConformal.day_ahead(&load, origin).unwrap();
            held += (0..HORIZON).filter(|hour| load.highest()[origin + hour] <= day[*hour][2]).count();
            all += HORIZON;
        }
        let coverage = held as f64 / f64::from(all as u32);
        assert!((0.88..0.92).contains(&coverage), "{coverage}");
    }

    #[test]
    fn quantiles_never_cross_and_are_finite_on_strange_loads() {
        let strange: [fn(usize) -> f64; 4] = [
            |_| 0.0,
            |_| 7.0,
            |hour| if hour < 400 { 1.0 } else { 1000.0 },
            |hour| if hour == 500 { 1e15 } else { 3.0 },
        ];
        for at in strange {
            let load = load(700, at);
            for baseline in Baseline::ALL {
                let day = day(baseline, &load);
                assert!(
                    day.iter().flatten().all(|value| value.is_finite() && *value >= 0.0),
                    "{}",
                    baseline.name()
                );
                assert!(day.iter().all(|hour| hour.is_sorted()), "{}", baseline.name());
            }
        }
    }

    #[test]
    fn with_two_points_only_what_needs_no_day_answers() {
        let two = load(2, |hour| hour as f64);
        let answers: Vec<Baseline> =
            Baseline::ALL.into_iter().filter(|own| own.day_ahead(&two, 2).is_some()).collect();
        assert_eq!(answers, [Baseline::Naive, Baseline::Ewma, Baseline::Flat]);
        assert!(
            Baseline::ALL
                .iter()
                .all(|own| own.day_ahead(&two, 0).is_none() && own.day_ahead(&two, 3).is_none())
        );
    }
}
