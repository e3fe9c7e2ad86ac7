//! What the network gets and what it answers, in numbers around 0: the schema of both, and its hash.
//!
//! A window is the last week, three hours a step: recurrence over 56 steps learns as well as over 168, three times faster.
//! What a baseline would say is given beside it, so that the network learns what to add. Hours that were not measured carry
//! the last value on, and say so. It knows nothing of how a network is trained.

use crate::error::OutlookError;
use crate::hours::{DAY, WEEK};
use crate::load::Load;
use crate::numbers::{quantile, quantiles};
use crate::shape::{FEATURES, HISTORY_MIN, HORIZON, STATICS, STEP_HOURS};
use crate::similar::Alike;
use kubeopt_model::Resource;

/// What stands where in inputs and targets. Whoever changes a number below changes this text, and by it the hash.
pub const SCHEMA: &str = "\
kubeopt forecast, schema 2. Origin: the first hour that is not known. x: highest of each hour. m: median of each hour.
scale: centre c = median of x over 168 h; spread s = mean |x(t) - x(t - 24 h)| over 28 d + 0.01 mean x over 28 d + floor (cpu 1 millicore, memory 1 MiB). z(v) = (v - c) / s.
56 steps of 3 hours, oldest first, each: for each hour asinh z(x), asinh z(m), 1 if not measured; then sin, cos of the hour of the day and of the day of the week of the step's last hour (UTC).
270 statics, differences within -20 and 60: for 24 hours z of x a day ago; of the median, the highest of 7 same hours; of the 0.9 quantile of 28 same hours; of x a week ago; of the highest of 4 same hours of the week; of the .9 quantile of 21 same hours, the nearer ones and days of the same kind (workday or weekend) counting more; of the .5, of the .9 and of the .95 quantile of the hours up to 5 around in 14 days, counted alike; z of quantiles .5 .9 .95 .99 1 of 28 d and of 7 d, .5 .9 1 of 24 h; quantiles .1 .5 .9 .95 .99 of x(t) - x(t - 24 h) over 21 d and .1 .9 .99 over 7 d, over s; z of the last hour, of the highest of the last 3; ln(s / (mean + floor)), asinh(mean / floor) / 10, 1 if memory; sin, cos of the origin's hour and day.
26 targets: z of x of each of the next 24 hours; of the highest of the next 24 h; of the highest of the next 7 d.
quantiles .1 .5 .9 .95 .99";

/// Hours that statics look back over.
const LOOK_BACK: usize = 28 * DAY;

/// What statics are held within: a thousandfold step must not drown the rest.
const LOW: f32 = -20.0;
const HIGH: f32 = 60.0;

/// Of the hours of a peak's span so many must have been measured, in quarters, or it is not known.
const PEAK_MEASURED_QUARTERS: usize = 3;

/// From a load's own unit to numbers around 0, and back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// What becomes 0.
    pub centre: f32,
    /// What becomes 1; above 0.
    pub spread: f32,
}

impl Scale {
    /// Around 0.
    pub fn scaled(self, value: f32) -> f32 {
        (value - self.centre) / self.spread
    }

    /// In the load's unit, never below 0.
    pub fn unscaled(self, value: f32) -> f32 {
        (self.centre + self.spread * value).max(0.0)
    }
}

/// SHA-256 of [`SCHEMA`]: weights of another one are refused.
pub fn schema_hash() -> [u8; 32] {
    kubeopt_lstm::digest(SCHEMA.as_bytes())
}

/// Writes the window `[STEPS, FEATURES]` and the `STATICS` of what was known before `origin`, which may be the place after
/// the last hour. Gives the scale of the answer.
///
/// # Errors
/// [`OutlookError::TooShort`] where fewer than [`HISTORY_MIN`] hours lie before the origin.
pub fn write_inputs(
    load: &Load,
    origin: usize,
    window: &mut [f32],
    statics: &mut [f32],
) -> Result<Scale, OutlookError> {
    if origin < HISTORY_MIN || origin > load.len() {
        return Err(OutlookError::TooShort { have: origin.min(load.len()), need: HISTORY_MIN });
    }
    let from = origin.saturating_sub(LOOK_BACK);
    let past = &load.highest()[from..origin];
    let mean = past.iter().sum::<f32>() / past.len() as f32;
    let scale = Scale {
        centre: quantile(&mut load.highest()[origin - WEEK..origin].to_vec(), 0.5),
        spread: load.seasonal_error(from, origin) + 0.01 * mean + floor(load.resource()),
    };
    for (step, row) in window.chunks_exact_mut(FEATURES).enumerate() {
        write_step(load, origin - WEEK + step * STEP_HOURS, scale, row);
    }
    let numbers = Statics { load, origin, from, scale, mean }.numbers();
    debug_assert_eq!(numbers.len(), STATICS);
    statics.copy_from_slice(&numbers);
    Ok(scale)
}

/// Writes the `TARGETS` that are known before `end`, scaled; those that are not are NaN.
pub fn write_targets(load: &Load, origin: usize, end: usize, scale: Scale, targets: &mut [f32]) {
    let end = end.min(load.len());
    let known = |at: usize| load.measured(at).filter(|_| at < end);
    for (hour, target) in targets[..HORIZON].iter_mut().enumerate() {
        *target = known(origin + hour).map_or(f32::NAN, |value| scale.scaled(value));
    }
    for (target, hours) in targets[HORIZON..].iter_mut().zip([DAY, WEEK]) {
        *target = peak(load, origin, hours, end).map_or(f32::NAN, |value| scale.scaled(value));
    }
}

/// The highest of a span that was measured for the most part and ends before `end`.
pub fn peak(load: &Load, origin: usize, hours: usize, end: usize) -> Option<f32> {
    let to = origin + hours;
    let is_known =
        to <= end.min(load.len()) && 4 * load.measured_hours(origin, to) >= PEAK_MEASURED_QUARTERS * hours;
    is_known.then(|| (origin..to).filter_map(|at| load.measured(at)).fold(0.0, f32::max))
}

/// Below this a spread is noise of the source.
fn floor(resource: Resource) -> f32 {
    match resource {
        Resource::Cpu => 1.0,
        Resource::Memory => 1_048_576.0,
    }
}

fn write_step(load: &Load, from: usize, scale: Scale, row: &mut [f32]) {
    for hour in 0..STEP_HOURS {
        let at = from + hour;
        let own = &mut row[3 * hour..3 * hour + 3];
        own[0] = scale.scaled(load.highest()[at]).asinh();
        own[1] = scale.scaled(load.median()[at]).asinh();
        own[2] = if load.is_measured(at) { 0.0 } else { 1.0 };
    }
    row[3 * STEP_HOURS..].copy_from_slice(&clock(load.hour(from + STEP_HOURS - 1)));
}

/// Where on the circles of day and week an hour since the epoch is.
fn clock(hour: i64) -> [f32; 4] {
    let on = |part: i64, of: i64| (part as f32 / of as f32 * std::f32::consts::TAU).sin_cos();
    let (day_sin, day_cos) = on(hour.rem_euclid(DAY as i64), DAY as i64);
    // The epoch was a Thursday; weeks begin on Sunday.
    let weekday = (hour.div_euclid(DAY as i64) + 4).rem_euclid(7);
    let (week_sin, week_cos) = on(weekday, 7);
    [day_sin, day_cos, week_sin, week_cos]
}

struct Statics<'a> {
    load: &'a Load,
    origin: usize,
    from: usize,
    scale: Scale,
    mean: f32,
}

impl Statics<'_> {
    fn numbers(&self) -> Vec<f32> {
        let mut numbers = Vec::with_capacity(STATICS);
        self.same_hours(&mut numbers);
        self.alike(&mut numbers);
        self.levels(&mut numbers);
        self.differences(&mut numbers);
        let floor = floor(self.load.resource());
        numbers.push((self.scale.spread / (self.mean + floor)).ln());
        numbers.push((self.mean / floor).asinh() / 10.0);
        numbers.push(if self.load.resource() == Resource::Memory { 1.0 } else { 0.0 });
        numbers.extend(clock(self.load.hour(self.origin)));
        numbers
    }

    fn z(&self, value: f32) -> f32 {
        self.scale.scaled(value).clamp(LOW, HIGH)
    }

    /// For each hour of the horizon what the same hours of the past were.
    fn same_hours(&self, numbers: &mut Vec<f32>) {
        let past = self.load.highest();
        let days = (self.origin - self.from) / DAY;
        let of = |hour: usize, days: usize| -> Vec<f32> {
            (1..=days).map(|day| past[self.origin - DAY * day + hour]).collect()
        };
        numbers.extend((0..HORIZON).map(|hour| self.z(past[self.origin - DAY + hour])));
        numbers.extend((0..HORIZON).map(|hour| self.z(quantile(&mut of(hour, 7), 0.5))));
        numbers.extend((0..HORIZON).map(|hour| self.z(of(hour, 7).into_iter().fold(0.0, f32::max))));
        numbers.extend((0..HORIZON).map(|hour| self.z(quantile(&mut of(hour, days), 0.9))));
        let weeks = (self.origin - self.from) / WEEK;
        let of_week = |hour: usize, week: usize| past[self.origin - WEEK * week + hour];
        numbers.extend((0..HORIZON).map(|hour| self.z(of_week(hour, 1))));
        numbers.extend(
            (0..HORIZON).map(|hour| self.z((1..=weeks).map(|week| of_week(hour, week)).fold(0.0, f32::max))),
        );
    }

    /// What the hours that are most like each hour of the horizon say of it.
    fn alike(&self, numbers: &mut Vec<f32>) {
        let past = &self.load.highest()[..self.origin];
        let from_hour = self.load.hour(self.origin);
        for (alike, quantiles) in [(Alike::SAME, &[2][..]), (Alike::AROUND, &[1, 2, 3])] {
            let day = alike.day_ahead(past, from_hour).unwrap_or_default();
            for at in quantiles {
                numbers.extend(day.iter().map(|hour| self.z(hour[*at])));
            }
        }
    }

    fn levels(&self, numbers: &mut Vec<f32>) {
        for (hours, parts) in [
            (LOOK_BACK, &[0.5, 0.9, 0.95, 0.99, 1.0][..]),
            (WEEK, &[0.5, 0.9, 0.95, 0.99, 1.0]),
            (DAY, &[0.5, 0.9, 1.0]),
        ] {
            let mut past =
                self.load.highest()[self.from.max(self.origin.saturating_sub(hours))..self.origin].to_vec();
            numbers.extend(quantiles(&mut past, parts).into_iter().map(|value| self.z(value)));
        }
    }

    /// What "as the day before" would have to add.
    fn differences(&self, numbers: &mut Vec<f32>) {
        let past = self.load.highest();
        for (hours, parts) in [(21 * DAY, &[0.1, 0.5, 0.9, 0.95, 0.99][..]), (WEEK, &[0.1, 0.9, 0.99])] {
            let from = (self.from + DAY).max(self.origin.saturating_sub(hours));
            let mut all: Vec<f32> = (from..self.origin).map(|at| past[at] - past[at - DAY]).collect();
            numbers.extend(
                quantiles(&mut all, parts)
                    .into_iter()
                    .map(|value| (value / self.scale.spread).clamp(LOW, HIGH)),
            );
        }
        numbers.push(self.z(past[self.origin - 1]));
        numbers.push(self.z(past[self.origin - 3..self.origin].iter().copied().fold(0.0, f32::max)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::tests::{load, lots};
    use crate::shape::{STEPS, TARGETS};

    fn inputs(load: &Load, origin: usize) -> Result<(Vec<f32>, Vec<f32>, Scale), OutlookError> {
        let (mut window, mut statics) = (vec![0.0; STEPS * FEATURES], vec![0.0; STATICS]);
        let scale = write_inputs(load, origin, &mut window, &mut statics)?;
        Ok((window, statics, scale))
    }

    #[test]
    fn what_comes_after_the_origin_changes_nothing_of_what_goes_in() {
        let mut random = lots(3);
        let values: Vec<f64> = (0..900).map(|_| 100.0 * random()).collect();
        let whole = load(900, |hour| values[hour]);
        let other = load(900, |hour| if hour < 500 { values[hour] } else { 9e9 });
        assert_eq!(inputs(&whole, 500), inputs(&other, 500));
        assert_eq!(inputs(&whole, 500), inputs(&load(500, |hour| values[hour]), 500));
    }

    #[test]
    fn twice_the_load_gives_about_the_same_numbers() {
        let mut random = lots(4);
        let values: Vec<f64> = (0..900).map(|_| 1e6 * random()).collect();
        let (once, twice) = (load(900, |hour| values[hour]), load(900, |hour| 2.0 * values[hour]));
        let (once, twice) = (inputs(&once, 900).unwrap(), inputs(&twice, 900).unwrap());
        assert!(once.0.iter().zip(&twice.0).all(|(a, b)| (a - b).abs() < 1e-3));
    }

    #[test]
    fn strange_loads_give_finite_numbers() {
        type Shape = (&'static str, fn(usize) -> f64);
        let strange: [Shape; 4] = [
            ("all zero", |_| 0.0),
            ("constant", |_| 5e9),
            ("a thousandfold step", |hour| if hour < 300 { 1.0 } else { 1000.0 }),
            ("one hour of much", |hour| if hour == 399 { 1e15 } else { 0.0 }),
        ];
        for (what, at) in strange {
            let (window, statics, scale) = inputs(&load(400, at), 400).unwrap();
            assert!(window.iter().chain(&statics).all(|number| number.is_finite()), "{what}");
            assert!(scale.spread > 0.0 && scale.spread.is_finite(), "{what}");
        }
    }

    #[test]
    fn little_history_is_told_and_not_guessed() {
        let short = load(HISTORY_MIN - 1, |_| 1.0);
        assert_eq!(
            inputs(&short, short.len()).unwrap_err(),
            OutlookError::TooShort { have: HISTORY_MIN - 1, need: HISTORY_MIN }
        );
        assert!(inputs(&load(HISTORY_MIN, |_| 1.0), HISTORY_MIN).is_ok());
        assert!(inputs(&short, 9999).is_err());
    }

    #[test]
    fn targets_end_where_they_are_no_longer_known() {
        let load = load(400, |hour| hour as f64);
        let scale = Scale { centre: 0.0, spread: 1.0 };
        let mut targets = [0.0; TARGETS];
        write_targets(&load, 300, 330, scale, &mut targets);
        assert_eq!((targets[0], targets[23], targets[24]), (300.0, 323.0, 323.0));
        assert!(targets[25].is_nan(), "the week ends later");
        write_targets(&load, 320, 330, scale, &mut targets);
        assert!(targets[9] == 329.0 && targets[10].is_nan() && targets[24].is_nan());
    }

    #[test]
    fn the_hash_is_that_of_the_words() {
        assert_eq!(schema_hash(), kubeopt_lstm::digest(SCHEMA.as_bytes()));
        assert!(
            SCHEMA.contains(&format!("{STATICS} statics")) && SCHEMA.contains(&format!("{TARGETS} targets"))
        );
        assert!(SCHEMA.contains(&format!("{STEPS} steps")));
    }
}
