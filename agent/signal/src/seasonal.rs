//! What the hour of the day says about a value, used only where it says more than the recent past does.

use crate::rolling::floor;

/// Hours of a day.
const HOURS: usize = 24;

/// Days that an hour must have been seen before it is asked.
const DAYS_MIN: u16 = 3;

/// Weight of a new day: the last five days or so count.
const WEIGHT: f64 = 0.2;

/// Weight of a sample in the two errors that are compared: the last few hundred samples.
const ERROR_WEIGHT: f64 = 0.005;

/// The profile of the day is used where its error is below this share of the recent past's.
const GAIN: f64 = 0.8;

/// A profile by hour of day, in UTC: the season matters, not its name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Profile {
    levels: [f64; HOURS],
    days: [u16; HOURS],
    hour: Option<i64>,
    sum: f64,
    count: u32,
    error: f64,
    flat_error: f64,
}

impl Profile {
    /// What is expected at that time; `flat` is what the recent past says.
    pub(crate) fn expected(&self, at_unix_s: i64, flat: f64) -> f64 {
        let slot = slot(at_unix_s.div_euclid(3600));
        let usable = self.days[slot] >= DAYS_MIN && self.error < GAIN * self.flat_error;
        if usable { self.levels[slot] } else { flat }
    }

    /// Takes a sample that was expected by the recent past to be `flat`.
    pub(crate) fn learn(&mut self, at_unix_s: i64, value: f64, flat: f64) {
        let hour = at_unix_s.div_euclid(3600);
        if self.hour != Some(hour) {
            self.close();
            self.hour = Some(hour);
        }
        self.sum += value;
        self.count = self.count.saturating_add(1);
        let own = slot(hour);
        if self.days[own] >= DAYS_MIN {
            let cap = 10.0 * floor(self.flat_error, flat);
            let bounded =
                |distance: f64| if self.flat_error > 0.0 { distance.abs().min(cap) } else { distance.abs() };
            let (seasonal, recent) = (bounded(value - self.levels[own]), bounded(value - flat));
            self.error += ERROR_WEIGHT * (seasonal - self.error);
            self.flat_error += ERROR_WEIGHT * (recent - self.flat_error);
        }
    }

    /// The mean of the hour that ended goes into its level.
    fn close(&mut self) {
        let Some(hour) = self.hour else { return };
        let (own, mean) = (slot(hour), self.sum / f64::from(self.count.max(1)));
        let weight = WEIGHT.max(1.0 / (f64::from(self.days[own]) + 1.0));
        self.levels[own] += weight * (mean - self.levels[own]);
        self.days[own] = self.days[own].saturating_add(1);
        (self.sum, self.count) = (0.0, 0);
    }
}

fn slot(hour: i64) -> usize {
    usize::try_from(hour.rem_euclid(HOURS as i64)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daily_step_is_expected_after_a_few_days_and_a_constant_needs_no_season() {
        let day = |at: i64| if at.rem_euclid(86_400) / 3600 >= 12 { 100.0 } else { 10.0 };
        let mut profile = Profile::default();
        for at in (0..10 * 86_400).step_by(300) {
            profile.learn(at, day(at), 55.0);
        }
        let noon = 10 * 86_400 + 12 * 3600;
        assert!((profile.expected(noon, 55.0) - 100.0).abs() < 1.0);
        let mut flat = Profile::default();
        (0..10 * 86_400).step_by(300).for_each(|at| flat.learn(at, 7.0, 7.0));
        assert_eq!(flat.expected(noon, 7.5), 7.5);
    }
}
