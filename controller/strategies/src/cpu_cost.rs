//! The CPU request that costs least: cores that are reserved, and the price of the share of samples above them.
//!
//! Half of that share is of the last days, half of all that is known, each sample taken as a little larger than it was.
//! An hour of the week that was busy in each of the last weeks is a schedule, and is covered. What was given before is
//! kept unless another value costs clearly less.

use kubeopt_model::usage::DayUsage;
use kubeopt_signal::Sketch;

use crate::cheapest::{Choice, Chosen};
use crate::given::{FIRST_DAYS, History};
use crate::memory_cost::DAYS;
use crate::schedule::busiest_recurring_hour;

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// Days after which a sample of the recent half counts half.
const HALF_LIFE_DAYS: f64 = 7.0;

/// Samples count as this much larger: next week is not last week.
const LARGER: f64 = 1.08;

/// What was given from less than four weeks is not held on to once four weeks are known.
const SETTLED_DAYS: i64 = 28;

/// Candidates: each 4 % above the last, from 5 millicores to 200 cores.
const FIRST_MILLICORES: f64 = 5.0;
const STEP: f64 = 1.04;
const CANDIDATES: i32 = 271;

/// A schedule that takes almost all there is tells nothing.
const ALMOST_ALL: f64 = 0.99;

/// What containers of the fleet request on average where nobody says it, in cores: the mean of the machines of
/// `bitbrains-rnd-2013`, on which the prices were found.
const MEAN_CORES: f64 = 2.9;

/// The parameters of the cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CpuCost {
    /// What it costs to have all samples above the request, in mean requests of the fleet.
    pub price: f64,
    /// No value is chosen that leaves more than this share of samples above it.
    pub most_above: f64,
}

impl Default for CpuCost {
    fn default() -> Self {
        Self { price: 20.0, most_above: 0.25 }
    }
}

impl CpuCost {
    /// Reserves less, at more risk.
    pub fn economy() -> Self {
        Self { price: 15.0 / MEAN_CORES, most_above: 0.5 }
    }

    /// The value for the week from now on; none without a sample. What was given before is found by going through the
    /// weeks of the history.
    pub fn give(&self, history: &History<'_>) -> Option<Chosen> {
        let price = self.price * history.fleet.map_or(MEAN_CORES, |fleet| fleet.cpu_request / 1000.0);
        let days = history.cpu.days;
        let oldest = days.iter().map(|day| day.at_unix_s).min()?;
        let settled = history.now_unix_s - oldest >= (SETTLED_DAYS - 1) * DAY_S;
        let mut chosen: Option<Chosen> = None;
        for now in history.weekly(oldest, if settled { SETTLED_DAYS } else { FIRST_DAYS }) {
            let most = history.most_at(now).cpu_limit.unwrap_or(f64::INFINITY);
            let Some(share) = Share::of(days, now, most) else { continue };
            let floor = LARGER * busiest_recurring_hour(history.cpu.hours, now);
            let floor = if floor < ALMOST_ALL * most { floor } else { 0.0 };
            chosen = Some(self.least(price, &share, floor, most, chosen));
        }
        chosen
    }

    fn least(&self, price: f64, share: &Share, floor: f64, most: f64, before: Option<Chosen>) -> Chosen {
        let weigh = |value: f64| {
            let exceeding = if value >= most { 0.0 } else { share.above(value / LARGER) };
            Chosen { value, reserved: value / 1000.0, exceeding, risk: price * exceeding, kept: false }
        };
        let allowed = |chosen: &Chosen| chosen.exceeding <= self.most_above && chosen.value >= floor;
        let grid = (0..CANDIDATES).map(|step| FIRST_MILLICORES * STEP.powi(step));
        // Above all candidates lies only what was seen.
        let beyond = share.highest.max(floor);
        Choice { most, weigh, allowed }.cheapest(grid, beyond, before.map(|before| before.value))
    }
}

/// The share of samples above a value, beyond what the container cannot exceed anyway.
struct Share {
    /// (millicores, share of samples above), lowest first.
    steps: Vec<(f64, f64)>,
    /// What even the most that the container can have does not hold: no value can spare it.
    beyond: f64,
    highest: f64,
}

impl Share {
    /// None without a sample before `now`.
    fn of(days: &[DayUsage], now_unix_s: i64, most: f64) -> Option<Self> {
        let from = now_unix_s - i64::from(DAYS) * DAY_S;
        let within = || days.iter().filter(|day| (from..now_unix_s).contains(&day.at_unix_s));
        let bins = || within().flat_map(|day| day.sketch.bins());
        let first = bins().map(|(bin, _)| *bin).min().unwrap_or_default();
        let last = bins().map(|(bin, _)| *bin).max().unwrap_or_default();
        let (mut recent, mut all) = (Weighted::over(first, last), Weighted::over(first, last));
        for day in within() {
            let age_days = (now_unix_s - 1 - day.at_unix_s).div_euclid(DAY_S);
            recent.add(&day.sketch, (-(age_days as f64) / HALF_LIFE_DAYS).exp2());
            all.add(&day.sketch, 1.0);
        }
        let highest = all.highest()?;
        let (recent, all) = (recent.above(), all.above());
        let both = recent.into_iter().zip(all);
        let steps = both.map(|((value, recent), (_, all))| (value, (recent + all) / 2.0)).collect();
        let mut share = Self { steps, beyond: 0.0, highest };
        share.beyond = if most.is_finite() { share.above(most) } else { 0.0 };
        Some(share)
    }

    fn above(&self, value: f64) -> f64 {
        // The share above a value is that above the last sample at or below it.
        let at = self.steps.partition_point(|(sample, _)| *sample <= value);
        let above = at.checked_sub(1).and_then(|at| self.steps.get(at)).map_or(1.0, |(_, above)| *above);
        (above - self.beyond).max(0.0)
    }
}

/// Samples by bin, each with the weight of its day.
struct Weighted {
    zeros: f64,
    /// The first bin.
    first: i16,
    /// The weight of each bin from there on; 0 where it has no sample.
    bins: Vec<f64>,
}

impl Weighted {
    fn over(first: i16, last: i16) -> Self {
        let count = usize::try_from(i32::from(last) - i32::from(first) + 1).unwrap_or(1);
        Self { zeros: 0.0, first, bins: vec![0.0; count] }
    }

    fn add(&mut self, sketch: &Sketch, weight: f64) {
        self.zeros += weight * sketch.zeros() as f64;
        for (bin, count) in sketch.bins() {
            let at = usize::try_from(i32::from(*bin) - i32::from(self.first)).unwrap_or(usize::MAX);
            if let Some(kept) = self.bins.get_mut(at) {
                *kept += weight * f64::from(*count);
            }
        }
    }

    /// The value and weight of each bin that has samples, lowest first.
    fn filled(&self) -> impl DoubleEndedIterator<Item = (f64, f64)> + '_ {
        let filled = self.bins.iter().enumerate().filter(|(_, weight)| **weight > 0.0);
        filled.map(|(at, weight)| {
            let bin = i16::try_from(i32::from(self.first) + at as i32).unwrap_or(i16::MAX);
            (Sketch::value_of(bin), *weight)
        })
    }

    fn highest(&self) -> Option<f64> {
        let highest = self.filled().next_back().map(|(value, _)| value);
        highest.or_else(|| (self.zeros > 0.0).then_some(0.0))
    }

    /// For each sample, the share that lies above it, lowest first.
    fn above(&self) -> Vec<(f64, f64)> {
        let total: f64 = self.zeros + self.bins.iter().sum::<f64>();
        let mut left = total - self.zeros;
        let mut steps = vec![(0.0, left / total)];
        for (value, weight) in self.filled() {
            left -= weight;
            steps.push((value, (left / total).max(0.0)));
        }
        steps
    }
}

#[cfg(test)]
#[path = "cpu_cost_tests.rs"]
mod tests;
