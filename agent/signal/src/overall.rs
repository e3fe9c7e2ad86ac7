//! One score for how strange a sample is on its own series, whatever the reason.
//!
//! Six statistics look at it (the jump from the recent level, the distance out of the range of the past, the same of the
//! recent level, the distance to the hour of the day, the strangeness of the shape of the last 16 and of the last 32
//! samples). Each is measured by how rarely this series had it so large; the surprises are added. After a high score
//! only a higher one is told for a while: one anomaly is one alarm. The weights were chosen on half of the series of a
//! public benchmark; docs/anomaly.md tells which, and what the other half says.

use crate::order::{Order, Step};
use crate::rolling::{Rolling, SCORE_MAX};
use crate::seasonal_level::HourLevels;
use crate::shape::Shapes;
use crate::tail::Tail;

/// What each statistic weighs, in the order of the module's description.
const WEIGHTS: [f64; 6] = [0.5, 0.5, 1.0, 1.0, 1.0, 1.5];

/// The sum of surprises that is a score of 1.
const FULL: f64 = 30.0;

/// What must be exceeded fades by this share a sample; by half in about a hundred samples.
const FADING: f64 = 0.993;

/// A score is told where it exceeds the faded one by this factor.
const HIGHER: f64 = 1.2;

/// The weight of a sample in the level that is compared with the hour of the day.
const LEVEL_WEIGHT: f64 = 0.3;

/// A spread below this share of the level, or of the range of the past, is taken for it.
const SPREAD_MIN: f64 = 1e-6;
const JUMP_OF_RANGE_MIN: f64 = 0.01;

/// The least spread of all: series of zeros have one.
const SPREAD_LEAST: f64 = 1e-12;

/// Silence of more than a day: the recent past is void.
const GAP_S: i64 = 86_400;

/// The overall anomaly score of one series. About 50 KB, most of it shapes.
#[derive(Debug, Clone)]
pub struct AnomalyScore {
    order: Order,
    past: Rolling<512>,
    level: Rolling<24>,
    recent: Rolling<12>,
    jumps: Rolling<128>,
    hours: HourLevels,
    smooth: f64,
    short: Shapes<16>,
    long: Shapes<32>,
    tails: [Tail; WEIGHTS.len()],
    told: f64,
}

impl Default for AnomalyScore {
    fn default() -> Self {
        Self {
            order: Order::new(GAP_S),
            past: Rolling::default(),
            level: Rolling::default(),
            recent: Rolling::default(),
            jumps: Rolling::default(),
            hours: HourLevels::default(),
            smooth: 0.0,
            short: Shapes::default(),
            long: Shapes::default(),
            tails: Default::default(),
            told: 0.0,
        }
    }
}

impl AnomalyScore {
    /// Takes a sample; from 0, ordinary, to 1. A sample that is no number or out of order is ordinary.
    pub fn push(&mut self, at_unix_s: i64, value: f64) -> f64 {
        match self.order.admit(at_unix_s, value) {
            Step::Refused => return 0.0,
            Step::Restart => self.interrupt(value),
            Step::Next => {}
        }
        let statistics = self.statistics(at_unix_s, value);
        let each = self.tails.iter_mut().zip(statistics).zip(WEIGHTS);
        let sum: f64 = each.map(|((tail, size), weight)| weight * tail.surprise(size)).sum();
        self.tell((sum / FULL).min(1.0))
    }

    /// What was learnt of the past stays.
    fn interrupt(&mut self, value: f64) {
        self.level.clear();
        self.recent.clear();
        self.short.interrupt();
        self.long.interrupt();
        self.smooth = value;
    }

    /// None is negative, all are finite. Then learns the sample.
    fn statistics(&mut self, at_unix_s: i64, value: f64) -> [f64; WEIGHTS.len()] {
        let level = if self.level.is_empty() { value } else { self.level.median() };
        let range = (self.past.quantile(0.95) - self.past.quantile(0.05))
            .max(self.past.robust_sigma())
            .max(SPREAD_MIN * value.abs())
            .max(SPREAD_LEAST);
        let jump = value - level;
        let jumps = self.jumps.robust_sigma().max(JUMP_OF_RANGE_MIN * range);
        let outside = |value: f64, low: f64, high: f64| (value - high).max(low - value).max(0.0);
        let past = &self.past;
        let of_value = outside(value, past.quantile(0.01), past.quantile(0.99));
        let of_level = outside(self.recent.median(), past.quantile(0.05), past.quantile(0.95));
        let of_hour = self.hours.expected(at_unix_s).map_or(0.0, |expected| (self.smooth - expected).abs());
        let short = self.short.distance(value).unwrap_or_default();
        let long = self.long.distance(value).unwrap_or_default();
        self.smooth += LEVEL_WEIGHT * (value - self.smooth);
        self.hours.learn(at_unix_s, value);
        self.level.push(value);
        self.past.push(value);
        self.recent.push(value);
        self.jumps.push(jump);
        let of_range = [of_value, of_level, of_hour, short, long].map(|distance| distance / range);
        let [of_value, of_level, of_hour, short, long] = of_range;
        [jump.abs() / jumps, of_value, of_level, of_hour, short, long].map(|size| size.min(SCORE_MAX))
    }

    fn tell(&mut self, score: f64) -> f64 {
        self.told *= FADING;
        if score <= self.told * HIGHER {
            return 0.0;
        }
        self.told = score;
        score
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(i: i64) -> f64 {
        (i.wrapping_mul(2_654_435_761) >> 9).rem_euclid(1000) as f64 / 100.0
    }

    /// The three highest scores after 1,500 of 2,000 samples, and where they are.
    fn highest(value: impl Fn(i64) -> f64) -> Vec<(i64, f64)> {
        let mut detector = AnomalyScore::default();
        let mut all: Vec<(i64, f64)> = (0..2000).map(|i| (i, detector.push(i * 300, value(i)))).collect();
        all.drain(..1500);
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all.truncate(3);
        all
    }

    #[test]
    fn a_burst_scores_high_at_its_beginning_and_once() {
        let all = highest(|i| if (1700..1730).contains(&i) { 90.0 } else { 20.0 + noise(i) });
        assert!((1700..1705).contains(&all[0].0) && all[0].1 > 0.5, "{all:?}");
        assert!(all[2].1 < 0.5 * all[0].1 || all[2].0 < 1710, "{all:?}");
    }

    #[test]
    fn a_plateau_between_the_usual_levels_is_strange() {
        let day = |i: i64| if i % 48 < 24 { 80.0 } else { 20.0 };
        let all = highest(|i| if (1700..1760).contains(&i) { 50.0 } else { day(i) } + noise(i) / 5.0);
        assert!((1700..1770).contains(&all[0].0), "{all:?}");
    }

    #[test]
    fn a_constant_is_ordinary_throughout() {
        let all = highest(|_| 7.0);
        assert!(all[0].1 < 1e-3, "{all:?}");
    }
}
