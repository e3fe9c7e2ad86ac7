//! How good forecasts were: scaled pinball loss, MASE, coverage, and how often one beats another.
//!
//! Losses are divided by what "as the day before" is wrong by on the part that was trained on, so that loads of all heights
//! count alike. Means are led by few loads that change; medians and win rates say what is usual.

use kubeopt_lstm::QUANTILES;
use kubeopt_outlook::{Quantiles, quantile};
use serde::{Deserialize, Serialize};

use crate::blend::mean_losses;

/// Scores over many days of many loads.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scores {
    /// Days of loads that were scored.
    pub days: usize,
    /// Mean over days of the mean pinball loss of a day's hours, scaled.
    pub pinball: Quantiles,
    /// Part of all measured hours that were not above the quantile.
    pub coverage: Quantiles,
    /// Mean over days of the mean absolute error of the median, scaled.
    pub mase_mean: f32,
    /// Median over days.
    pub mase_median: f32,
}

/// Days as they are scored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    pinball: [f64; QUANTILES.len()],
    covered: [usize; QUANTILES.len()],
    hours: usize,
    /// Of each day the scaled mean absolute error of the median.
    errors: Vec<f32>,
}

impl Tally {
    /// A day, or a peak as a day of one hour; `scale` is above 0. A day of which nothing was measured is none.
    pub fn add(&mut self, forecast: &[Quantiles], truth: &[Option<f32>], scale: f32) {
        let known = truth.iter().flatten().count();
        if known == 0 {
            return;
        }
        let losses = mean_losses(forecast, truth);
        for (at, loss) in losses.iter().enumerate() {
            self.pinball[at] += f64::from(loss / scale);
            let held = forecast
                .iter()
                .zip(truth)
                .filter(|(hour, truth)| truth.is_some_and(|truth| truth <= hour[at]));
            self.covered[at] += held.count();
        }
        self.hours += known;
        // The pinball loss of the median is half the absolute error.
        self.errors.push(2.0 * losses[1] / scale);
    }

    /// With the days of another.
    pub fn merge(&mut self, other: &Self) {
        for at in 0..QUANTILES.len() {
            self.pinball[at] += other.pinball[at];
            self.covered[at] += other.covered[at];
        }
        self.hours += other.hours;
        self.errors.extend(&other.errors);
    }

    /// Sum of the scaled losses at .9 and .95: what a win is told by.
    pub fn upper_loss(&self) -> f64 {
        self.pinball[2] + self.pinball[3]
    }

    /// Sums of the scaled losses over days, by quantile.
    pub(crate) fn losses(&self) -> &[f64; QUANTILES.len()] {
        &self.pinball
    }

    /// Days that were scored.
    pub(crate) fn days(&self) -> usize {
        self.errors.len()
    }

    /// The scores; none without a day.
    pub fn scores(&self) -> Option<Scores> {
        let days = self.errors.len();
        (days > 0).then(|| Scores {
            days,
            pinball: self.pinball.map(|sum| (sum / days as f64) as f32),
            coverage: self.covered.map(|held| held as f32 / self.hours as f32),
            mase_mean: (self.errors.iter().copied().map(f64::from).sum::<f64>() / days as f64) as f32,
            mase_median: quantile(&mut self.errors.clone(), 0.5),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_means_over_days_and_coverage_is_over_hours() {
        let mut tally = Tally::default();
        let day = [[1.0, 2.0, 3.0, 4.0, 5.0]; 2];
        tally.add(&day, &[Some(2.0), Some(4.0)], 2.0);
        tally.add(&day, &[Some(12.0), None], 2.0);
        tally.add(&day, &[None, None], 2.0);
        let scores = tally.scores().unwrap();
        assert_eq!(scores.days, 2);
        // (|2 - 2| + |4 - 2|) / 2 / 2 and |12 - 2| / 2.
        assert_eq!((scores.mase_mean, scores.mase_median), (2.75, 2.75));
        assert_eq!(scores.coverage, [0.0, 1.0 / 3.0, 1.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0]);
        // At .9: (0.1 * 1 + 0.9 * 1) / 2 / 2 and 0.9 * 9 / 2.
        assert!((scores.pinball[2] - (0.25 + 4.05) / 2.0).abs() < 1e-6, "{scores:?}");
    }

    #[test]
    fn parts_add_up_to_the_whole_and_nothing_has_no_score() {
        let (mut one, mut other, mut both) = (Tally::default(), Tally::default(), Tally::default());
        let day = [[1.0, 2.0, 3.0, 4.0, 5.0]];
        assert_eq!(one.scores(), None);
        one.add(&day, &[Some(9.0)], 1.0);
        other.add(&day, &[Some(1.0)], 1.0);
        both.add(&day, &[Some(9.0)], 1.0);
        both.add(&day, &[Some(1.0)], 1.0);
        one.merge(&other);
        assert_eq!(one, both);
    }
}
