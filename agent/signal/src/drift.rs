//! Drift: usage is distributed otherwise than before, and has been for two days. What was learnt may no longer hold.
//!
//! Two tests must agree, once a day: the distance between the last two days and the week before them (Wasserstein: how
//! far values moved on average), and a Page-Hinkley sum over daily medians, which a single odd day does not carry.

use crate::finding::Evidence;
use crate::order::{Order, Step};
use crate::rolling::{Rolling, floor, score};

/// Hours of the two windows.
const RECENT_HOURS: usize = 48;
const BEFORE_HOURS: usize = 168;
const ALL_HOURS: usize = RECENT_HOURS + BEFORE_HOURS;

/// How far values must have moved, in robust standard deviations of the week before.
const DISTANCE_MIN: f64 = 2.0;

/// What a daily median may deviate without adding to the Page-Hinkley sum, and the sum that alarms, in the same unit.
const TOLERATED: f64 = 0.5;
const SUM_MAX: f64 = 2.5;

/// A spread below this share of the level is not worth calling drift.
const SPREAD_OF_LEVEL_MIN: f64 = 0.02;

/// Silence of more than two days: there is no "before" any more.
const GAP_S: i64 = 172_800;

/// Hours that a day must have for its median to count.
const DAY_HOURS_MIN: usize = 12;

/// The drift of one series. About 2.5 KB.
#[derive(Debug, Clone)]
pub struct DriftDetector {
    order: Order,
    hour: i64,
    sum: f64,
    count: u32,
    hours: [f64; ALL_HOURS],
    known: usize,
    today: Rolling<24>,
    day: i64,
    up: f64,
    down: f64,
    verdict: Option<Evidence>,
}

impl Default for DriftDetector {
    fn default() -> Self {
        Self {
            order: Order::new(GAP_S),
            hour: 0,
            sum: 0.0,
            count: 0,
            hours: [0.0; ALL_HOURS],
            known: 0,
            today: Rolling::default(),
            day: 0,
            up: 0.0,
            down: 0.0,
            verdict: None,
        }
    }
}

impl DriftDetector {
    /// Takes a sample; the evidence while there is drift. It changes with the day.
    pub fn push(&mut self, at_unix_s: i64, value: f64) -> Option<Evidence> {
        let hour = at_unix_s.div_euclid(3600);
        match self.order.admit(at_unix_s, value) {
            Step::Refused => return self.verdict,
            Step::Restart => {
                let order = self.order.clone();
                *self = Self { order, hour, day: hour.div_euclid(24), ..Self::default() };
            }
            Step::Next => {}
        }
        if hour != self.hour {
            self.close_hour(hour);
        }
        self.sum += value;
        self.count = self.count.saturating_add(1);
        self.verdict
    }

    fn close_hour(&mut self, hour: i64) {
        let mean = self.sum / f64::from(self.count.max(1));
        if self.known == ALL_HOURS {
            self.hours.copy_within(1.., 0);
            self.hours[ALL_HOURS - 1] = mean;
        } else {
            self.hours[self.known] = mean;
            self.known += 1;
        }
        self.today.push(mean);
        (self.hour, self.sum, self.count) = (hour, 0.0, 0);
        let day = hour.div_euclid(24);
        if day != self.day {
            self.day = day;
            self.close_day();
        }
    }

    fn close_day(&mut self) {
        let enough = self.known == ALL_HOURS && self.today.len() >= DAY_HOURS_MIN;
        let median = self.today.median();
        self.today.clear();
        if !enough {
            return;
        }
        let mut all = self.hours;
        let (before, recent) = all.split_at_mut(BEFORE_HOURS);
        before.sort_unstable_by(f64::total_cmp);
        recent.sort_unstable_by(f64::total_cmp);
        let (middle, spread) = (before[BEFORE_HOURS / 2], spread(before));
        let deviation = score(median - middle, spread);
        self.up = (self.up + deviation - TOLERATED).clamp(0.0, 2.0 * SUM_MAX);
        self.down = (self.down - deviation - TOLERATED).clamp(0.0, 2.0 * SUM_MAX);
        let distance = score(wasserstein(before, recent), spread);
        let drifts = distance >= DISTANCE_MIN && self.up.max(self.down) >= SUM_MAX;
        self.verdict =
            drifts.then_some(Evidence::Drift { before: middle, after: recent[RECENT_HOURS / 2], distance });
    }
}

/// Half of the middle 68 % of sorted values, which is a standard deviation of normal ones.
fn spread(sorted: &[f64]) -> f64 {
    let at = |q: f64| sorted[(q * (sorted.len() - 1) as f64) as usize];
    let level = at(0.5).abs();
    floor(((at(0.84) - at(0.16)) / 2.0).max(SPREAD_OF_LEVEL_MIN * level), level)
}

/// The mean distance between equal quantiles of two sorted samples.
fn wasserstein(before: &[f64], recent: &[f64]) -> f64 {
    let of = |i: usize| before[(2 * i + 1) * before.len() / (2 * recent.len())];
    recent.iter().enumerate().map(|(i, value)| (value - of(i)).abs()).sum::<f64>() / recent.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Days on which drift is said, of a daily wave at a level by day.
    fn drifting(level: impl Fn(i64) -> f64) -> Vec<i64> {
        let mut detector = DriftDetector::default();
        let mut days = Vec::new();
        for hour in 0..30 * 24 {
            let wave = 20.0 * (hour as f64 / 24.0 * std::f64::consts::TAU).sin();
            if detector.push(hour * 3600, level(hour / 24) + wave).is_some()
                && days.last() != Some(&(hour / 24))
            {
                days.push(hour / 24);
            }
        }
        days
    }

    #[test]
    fn a_level_that_stays_is_drift_after_two_days_and_is_learnt_in_a_week() {
        let days = drifting(|day| if day >= 15 { 200.0 } else { 100.0 });
        assert!((16..=17).contains(&days[0]), "{days:?}");
        assert!(*days.last().unwrap() <= 25, "{days:?}");
    }

    #[test]
    fn a_daily_wave_is_no_drift() {
        assert_eq!(drifting(|_| 100.0), [0_i64; 0]);
    }

    #[test]
    fn a_constant_that_moves_by_a_hundredth_is_no_drift() {
        let mut detector = DriftDetector::default();
        let said = (0..20 * 24).filter(|hour| {
            let value = if *hour > 12 * 24 { 101.0 } else { 100.0 };
            detector.push(hour * 3600, value).is_some()
        });
        assert_eq!(said.count(), 0);
    }
}
