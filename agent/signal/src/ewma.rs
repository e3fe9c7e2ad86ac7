//! The EWMA control chart: whether the rolling average has left the band in which chance would keep it.

use crate::order::{Order, Step};
use crate::rolling::{floor, score};

/// Weight of a new sample in the rolling average, as charts have it (Roberts 1959).
const LAMBDA: f64 = 0.2;

/// Weight of a new sample in the baseline: a hundred samples are its memory.
const BASELINE: f64 = 0.01;

/// Samples before the chart says anything.
const WARM_UP: u32 = 60;

/// Samples count in the baseline as if they lay no further out than this, so that it does not follow what it judges.
const CLIP_SIGMA: f64 = 3.0;

/// Makes the mean absolute deviation of normal values their standard deviation.
const MEAN_TO_SIGMA: f64 = 1.2533;

/// Where the rolling average stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Charted {
    /// The rolling average.
    pub average: f64,
    /// What it was expected to be.
    pub expected: f64,
    /// The distance between both in standard deviations of the average; charts alarm beyond 3.
    pub sigmas: f64,
}

/// The chart of one series.
#[derive(Debug, Clone)]
pub struct EwmaChart {
    order: Order,
    count: u32,
    average: f64,
    expected: f64,
    deviation: f64,
}

impl EwmaChart {
    /// Starts anew after `gap_s` seconds of silence.
    pub fn new(gap_s: i64) -> Self {
        Self { order: Order::new(gap_s), count: 0, average: 0.0, expected: 0.0, deviation: 0.0 }
    }

    /// Takes a sample; none while it warms up, and for samples that are no numbers or out of order.
    pub fn push(&mut self, at_unix_s: i64, value: f64) -> Option<Charted> {
        match self.order.admit(at_unix_s, value) {
            Step::Refused => return None,
            Step::Restart => {
                (self.average, self.expected, self.deviation, self.count) = (value, value, 0.0, 0);
            }
            Step::Next => {}
        }
        self.count = self.count.saturating_add(1);
        self.average += LAMBDA * (value - self.average);
        let sigma = floor(MEAN_TO_SIGMA * self.deviation, self.expected);
        let charted = (self.count > WARM_UP).then(|| Charted {
            average: self.average,
            expected: self.expected,
            sigmas: score(self.average - self.expected, sigma * (LAMBDA / (2.0 - LAMBDA)).sqrt()),
        });
        self.learn(value, sigma);
        charted
    }

    fn learn(&mut self, value: f64, sigma: f64) {
        let weight = BASELINE.max(1.0 / f64::from(self.count));
        let mut distance = value - self.expected;
        if self.count > WARM_UP {
            distance = distance.clamp(-CLIP_SIGMA * sigma, CLIP_SIGMA * sigma);
        }
        self.expected += weight * distance;
        self.deviation += weight * (distance.abs() - self.deviation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(i: i64) -> f64 {
        (i * 7919 % 97) as f64 / 97.0 - 0.5
    }

    #[test]
    fn a_small_lasting_shift_is_charted_and_noise_is_not() {
        let mut chart = EwmaChart::new(600);
        let quiet = (0..500).filter_map(|i| chart.push(i * 10, 10.0 + noise(i)));
        assert!(quiet.map(|c| c.sigmas.abs()).fold(0.0, f64::max) < 3.0);
        let shifted = (500..520).filter_map(|i| chart.push(i * 10, 10.6 + noise(i))).last().unwrap();
        assert!(shifted.sigmas > 3.0, "{shifted:?}");
    }

    #[test]
    fn a_gap_starts_the_chart_anew() {
        let mut chart = EwmaChart::new(600);
        let charted = (0..100).filter(|i| chart.push(i * 10, 1.0).is_some()).count();
        assert_eq!(charted, 100 - WARM_UP as usize);
        assert_eq!(chart.push(100_000, 1.0), None);
    }
}
