//! The CPU request that costs least: cores that are reserved, and the price of the share of samples above them.
//!
//! Half of that share is of the last days, half of all that is known, each sample taken as a little larger than it was.
//! An hour of the week that was busy in each of the last weeks is a schedule, and is covered. What was given before is
//! kept unless another value costs clearly less.

use kubeopt_model::usage::DayUsage;
use kubeopt_signal::Sketch;

use crate::cheapest::{Choice, Chosen};
use crate::given::{FIRST_DAYS, History, Then};
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
        let oldest = history.cpu.days.iter().map(|day| day.at_unix_s).min()?;
        let settled = history.now_unix_s - oldest >= (SETTLED_DAYS - 1) * DAY_S;
        let mut samples = Samples::of(history.cpu.days);
        let mut chosen: Option<Chosen> = None;
        for now in history.weekly(oldest, if settled { SETTLED_DAYS } else { FIRST_DAYS }) {
            let then = Then { at_unix_s: now, most: history.most_at(now), fleet: history.fleet };
            if let Some(next) = self.at(&then, &mut samples, history.cpu.hours, chosen) {
                chosen = Some(next);
            }
        }
        chosen
    }

    /// The value that would have been given at each of these moments, which are midnights of UTC, oldest first, a day apart
    /// and beginning within a day of the oldest sample: none without a sample before it. Nothing that lies after a moment
    /// has a part in its value. The history is gone through once for all of them.
    ///
    /// The weeks before a moment are gone through with what was known around the container in each of them.
    pub fn give_at(&self, history: &History<'_>, moments: &[Then]) -> Vec<Option<Chosen>> {
        let Some(oldest) = history.cpu.days.iter().map(|day| day.at_unix_s).min() else {
            return vec![None; moments.len()];
        };
        let mut samples = Samples::of(history.cpu.days);
        // What was given from less than four weeks, and what since.
        let (mut early, mut settled): (Option<Chosen>, Option<Chosen>) = (None, None);
        let give = |then: &Then| {
            let is_settled = then.at_unix_s - oldest >= (SETTLED_DAYS - 1) * DAY_S;
            let before = if is_settled { settled } else { early };
            let chosen = self.at(then, &mut samples, history.cpu.hours, before);
            let is_weekly = history.is_weekly(then.at_unix_s);
            if is_weekly && is_settled {
                settled = chosen.or(settled);
            } else if is_weekly && then.at_unix_s - oldest >= (FIRST_DAYS - 1) * DAY_S {
                early = chosen.or(early);
            }
            chosen
        };
        moments.iter().map(give).collect()
    }

    /// The value at a moment that is not before the one that was asked for last.
    fn at(
        &self,
        then: &Then,
        samples: &mut Samples<'_>,
        hours: &[(i64, f64)],
        before: Option<Chosen>,
    ) -> Option<Chosen> {
        let price = self.price * then.fleet.map_or(MEAN_CORES, |fleet| fleet.cpu_request / 1000.0);
        let most = then.most.cpu_limit.unwrap_or(f64::INFINITY);
        samples.go_to(then.at_unix_s);
        let share = samples.share(most)?;
        let floor = LARGER * busiest_recurring_hour(hours, then.at_unix_s);
        let floor = if floor < ALMOST_ALL * most { floor } else { 0.0 };
        Some(self.least(price, &share, floor, most, before))
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
    fn above(&self, value: f64) -> f64 {
        // The share above a value is that above the last sample at or below it.
        let at = self.steps.partition_point(|(sample, _)| *sample <= value);
        let above = at.checked_sub(1).and_then(|at| self.steps.get(at)).map_or(1.0, |(_, above)| *above);
        (above - self.beyond).max(0.0)
    }
}

/// The samples of the [`DAYS`] before a moment by bin, as the moment moves on: a day is added once, and taken out once.
struct Samples<'a> {
    days: &'a [DayUsage],
    /// The days that count now, as places in `days`.
    within: std::ops::Range<usize>,
    /// The value of each bin from the first of all days on.
    values: Vec<f64>,
    first: i16,
    all: Weights,
    /// The same, a day of a half-life ago counting half. Only relations count, so that later days weigh more instead of
    /// earlier ones less.
    recent: Weights,
}

/// The weight of the zeros, and of each bin.
struct Weights {
    zeros: f64,
    bins: Vec<f64>,
}

impl<'a> Samples<'a> {
    /// None counts yet. Days come oldest first.
    fn of(days: &'a [DayUsage]) -> Self {
        let bins = || days.iter().flat_map(|day| day.sketch.bins());
        let first = bins().map(|(bin, _)| *bin).min().unwrap_or_default();
        let last = bins().map(|(bin, _)| *bin).max().unwrap_or_default();
        let values: Vec<f64> = (first..=last).map(Sketch::value_of).collect();
        let none = || Weights { zeros: 0.0, bins: vec![0.0; values.len()] };
        let (all, recent) = (none(), none());
        Self { days, within: 0..0, values, first, all, recent }
    }

    /// Goes on to a moment.
    fn go_to(&mut self, now_unix_s: i64) {
        let from = now_unix_s - i64::from(DAYS) * DAY_S;
        while let Some(day) = self.days.get(self.within.end).filter(|day| day.at_unix_s < now_unix_s) {
            self.count(day, 1.0);
            self.within.end += 1;
        }
        while self.within.start < self.within.end && self.days[self.within.start].at_unix_s < from {
            self.count(&self.days[self.within.start], -1.0);
            self.within.start += 1;
        }
    }

    fn count(&mut self, day: &DayUsage, sign: f64) {
        let since_first = self.days.first().map_or(0, |first| day.at_unix_s - first.at_unix_s);
        let weight = (since_first.div_euclid(DAY_S) as f64 / HALF_LIFE_DAYS).exp2();
        self.all.add(&day.sketch, self.first, sign);
        self.recent.add(&day.sketch, self.first, sign * weight);
    }

    /// None without a sample.
    fn share(&self, most: f64) -> Option<Share> {
        let (all, recent) = (self.all.sum(), self.recent.sum());
        if all <= 0.0 {
            return None;
        }
        let (mut all_above, mut recent_above) = (all - self.all.zeros, recent - self.recent.zeros);
        let both = |all_above: f64, recent_above: f64| {
            ((recent_above / recent).max(0.0) + (all_above / all).max(0.0)) / 2.0
        };
        let mut steps = vec![(0.0, both(all_above, recent_above))];
        // Counts are whole, so that a bin whose samples are all gone is empty exactly.
        for (at, value) in self.values.iter().enumerate().filter(|(at, _)| self.all.bins[*at] > 0.0) {
            all_above -= self.all.bins[at];
            recent_above -= self.recent.bins[at];
            steps.push((*value, both(all_above, recent_above)));
        }
        let highest = steps.last().map_or(0.0, |(value, _)| *value);
        let mut share = Share { steps, beyond: 0.0, highest };
        share.beyond = if most.is_finite() { share.above(most) } else { 0.0 };
        Some(share)
    }
}

impl Weights {
    fn add(&mut self, sketch: &Sketch, first: i16, weight: f64) {
        self.zeros += weight * sketch.zeros() as f64;
        for (bin, count) in sketch.bins() {
            let at = usize::try_from(i32::from(*bin) - i32::from(first)).unwrap_or(usize::MAX);
            if let Some(kept) = self.bins.get_mut(at) {
                *kept += weight * f64::from(*count);
            }
        }
    }

    fn sum(&self) -> f64 {
        self.zeros + self.bins.iter().sum::<f64>()
    }
}

#[cfg(test)]
#[path = "cpu_cost_tests.rs"]
mod tests;
