//! The hours of one container, for forecasts and training: the highest and the median of five-minute means, as the
//! controller's history has them.

use kubeopt_outlook::HourRing;

/// Hours that are kept: six weeks, 4 bytes each.
pub(crate) const HOURS_MAX: usize = 42 * 24;

/// Means of an hour.
const MEANS: usize = 12;
const MEAN_S: i64 = 300;
const HOUR_S: i64 = 3600;

/// One load of one container.
#[derive(Debug)]
pub(crate) struct Hours {
    ring: HourRing,
    hour: i64,
    means: [f32; MEANS],
    known: usize,
    mean_from: i64,
    sum: f64,
    count: u32,
    /// An hour was added since the last forecast.
    pub(crate) is_new: bool,
}

impl Hours {
    pub(crate) fn new(ring: HourRing) -> Self {
        Self {
            ring,
            hour: i64::MIN,
            means: [0.0; MEANS],
            known: 0,
            mean_from: i64::MIN,
            sum: 0.0,
            count: 0,
            is_new: false,
        }
    }

    pub(crate) fn ring(&self) -> &HourRing {
        &self.ring
    }

    /// Takes a step's value, in millicores or bytes.
    pub(crate) fn push(&mut self, at_unix_s: i64, value: f64) {
        let mean_from = at_unix_s.div_euclid(MEAN_S);
        if mean_from != self.mean_from {
            self.end_mean();
            self.mean_from = mean_from;
        }
        let hour = at_unix_s.div_euclid(HOUR_S);
        if hour != self.hour {
            self.end_hour();
            self.hour = hour;
        }
        self.sum += value;
        self.count += 1;
    }

    fn end_mean(&mut self) {
        if self.count > 0 && self.known < MEANS {
            self.means[self.known] = (self.sum / f64::from(self.count)) as f32;
            self.known += 1;
        }
        (self.sum, self.count) = (0.0, 0);
    }

    fn end_hour(&mut self) {
        // Less than half an hour is no hour.
        if self.known >= MEANS / 2 {
            let means = &mut self.means[..self.known];
            means.sort_unstable_by(f32::total_cmp);
            let (highest, median) = (means[means.len() - 1], means[means.len() / 2]);
            self.ring.push(self.hour, highest.into(), median.into());
            self.is_new = true;
        }
        self.known = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_the_highest_and_the_median_of_five_minute_means() {
        let mut hours = Hours::new(HourRing::new(HOURS_MAX));
        for step in 0..(2 * 360 + 1) {
            // The second hour's third five minutes are high, and one step of them very high.
            let value = if step / 30 == 12 + 2 { 500.0 } else { 100.0 };
            hours.push(step * 10, if step == 361 { 3100.0 } else { value });
        }
        let load = hours.ring().load(kubeopt_model::Resource::Cpu).unwrap();
        assert_eq!(load.len(), 2);
        let near = |value: f32, want: f32| (value - want).abs() < want * 0.001;
        assert!(near(load.highest()[0], 100.0) && near(load.highest()[1], 500.0), "{:?}", load.highest());
        assert!(near(load.median()[1], 100.0));
    }
}
