//! The level of each hour of the day, sample by sample.

/// Samples of an hour that it must have had before it is asked.
const SAMPLES_MIN: u32 = 24;

/// Weight of a sample: the last fifty of an hour count, four days at five minutes.
const WEIGHT: f64 = 0.02;

/// Levels by hour, in UTC.
#[derive(Debug, Clone, Default)]
pub(crate) struct HourLevels {
    levels: [f64; 24],
    samples: [u32; 24],
}

impl HourLevels {
    /// What that hour had; none where it is not known yet.
    pub(crate) fn expected(&self, at_unix_s: i64) -> Option<f64> {
        let hour = hour(at_unix_s);
        (self.samples[hour] >= SAMPLES_MIN).then_some(self.levels[hour])
    }

    pub(crate) fn learn(&mut self, at_unix_s: i64, value: f64) {
        let hour = hour(at_unix_s);
        self.samples[hour] = self.samples[hour].saturating_add(1);
        let weight = WEIGHT.max(1.0 / f64::from(self.samples[hour]));
        self.levels[hour] += weight * (value - self.levels[hour]);
    }
}

fn hour(at_unix_s: i64) -> usize {
    usize::try_from(at_unix_s.div_euclid(3600).rem_euclid(24)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_known_after_two_days_and_apart_from_the_others() {
        let mut hours = HourLevels::default();
        let value = |at: i64| if hour(at) == 5 { 50.0 } else { 10.0 };
        (0..2 * 288).for_each(|i| hours.learn(i * 300, value(i * 300)));
        assert_eq!((hours.expected(5 * 3600), hours.expected(6 * 3600 + 1)), (Some(50.0), Some(10.0)));
        assert_eq!(HourLevels::default().expected(0), None);
    }
}
