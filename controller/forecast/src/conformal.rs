//! Quantiles that hold as often as they say: offsets from what forecasts were wrong by.
//!
//! Twice: one offset for each resource, span of the horizon and quantile, fitted on a tail that training has not seen
//! (split-conformal, Romano et al., NeurIPS 2019); then one for each load from its own last days, whose level moves with
//! what was covered (Gibbs and Candès, NeurIPS 2021).

use std::collections::VecDeque;

use kubeopt_lstm::QUANTILES;
use kubeopt_model::Resource;
use kubeopt_outlook::{ABOVE_MAX, DayAhead, HORIZON, Offsets, Quantiles, SPANS, in_order, quantile, span};

/// Days whose residuals make a load's own offset.
const DAYS_KEPT: usize = 21;

/// Days without which a load has no offset of its own.
const DAYS_MIN: usize = 3;

/// How far the level moves when all hours of a day are missed: after a change of regime it takes about ten days to cover
/// again, and noise of single days moves it by less than a point.
const LEVEL_STEP: f32 = 0.02;

/// A level stays this close to what is asked for, in parts of the way to the nearer end.
const LEVEL_ROOM: f32 = 0.5;

/// Residuals of a tail, gathered until offsets are made of them.
#[derive(Debug, Clone)]
pub struct Gathered {
    /// By resource, then by span and the two peaks, then by quantile.
    residuals: Vec<Vec<f32>>,
    /// By resource, then day and week: peaks, in highests of the 28 days before.
    above: [[Vec<f32>; 2]; 2],
}

const GROUPS: usize = SPANS.len() + 2;

impl Default for Gathered {
    fn default() -> Self {
        Self { residuals: vec![Vec::new(); 2 * GROUPS * QUANTILES.len()], above: Default::default() }
    }
}

impl Gathered {
    /// What a target was, beside what was forecast of it; both scaled.
    pub fn add(&mut self, resource: Resource, target: usize, truth: f32, forecast: &Quantiles) {
        let group =
            target.checked_sub(HORIZON).map_or_else(|| span(target), |peak| SPANS.len() + peak.min(1));
        for (at, value) in forecast.iter().enumerate().filter(|_| truth.is_finite()) {
            self.residuals[(which(resource) * GROUPS + group) * QUANTILES.len() + at].push(truth - value);
        }
    }

    /// How many times the highest of the 28 days before a peak was; `span` is 0 for a day's and 1 for a week's.
    pub fn add_above(&mut self, resource: Resource, span: usize, times: f32) {
        if times.is_finite() {
            self.above[which(resource)][span.min(1)].push(times);
        }
    }

    /// The offsets with which so many of the truths would have been covered as each quantile says.
    pub fn offsets(mut self) -> Offsets {
        let mut of = |resource: Resource, group: usize| {
            let own = (which(resource) * GROUPS + group) * QUANTILES.len();
            std::array::from_fn(|at| quantile(&mut self.residuals[own + at], QUANTILES[at]))
        };
        let mut spans = |resource| std::array::from_fn(|group| of(resource, group));
        let (cpu, memory) = (spans(Resource::Cpu), spans(Resource::Memory));
        let mut peaks = |resource| std::array::from_fn(|group| of(resource, SPANS.len() + group));
        let (cpu_peaks, memory_peaks) = (peaks(Resource::Cpu), peaks(Resource::Memory));
        let [cpu_above, memory_above] =
            self.above.each_mut().map(|own| own.each_mut().map(|times| above(times)));
        Offsets { cpu, memory, cpu_peaks, memory_peaks, cpu_above, memory_above }
    }
}

/// The quantiles of a list; of nothing, the highest as it is.
fn above(times: &mut [f32]) -> Quantiles {
    if times.is_empty() {
        [1.0; QUANTILES.len()]
    } else {
        QUANTILES.map(|part| quantile(times, part).clamp(0.0, ABOVE_MAX))
    }
}

fn which(resource: Resource) -> usize {
    match resource {
        Resource::Cpu => 0,
        Resource::Memory => 1,
    }
}

/// What the forecasts of one load were wrong by, day by day, and the levels that followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Online {
    /// Of each day, for each quantile, what its hours were above it.
    days: VecDeque<[Vec<f32>; QUANTILES.len()]>,
    levels: Quantiles,
}

impl Default for Online {
    fn default() -> Self {
        Self { days: VecDeque::new(), levels: QUANTILES }
    }
}

impl Online {
    /// The offsets of today; none before there are three days.
    pub fn offsets(&self) -> Option<Quantiles> {
        if self.days.len() < DAYS_MIN {
            return None;
        }
        Some(std::array::from_fn(|at| {
            let mut all: Vec<f32> = self.days.iter().flat_map(|day| &day[at]).copied().collect();
            quantile(&mut all, self.levels[at])
        }))
    }

    /// A forecast with today's offsets, in order and never below 0.
    pub fn corrected(&self, day: &DayAhead) -> DayAhead {
        let Some(offsets) = self.offsets() else { return *day };
        day.map(|hour| in_order(std::array::from_fn(|at| hour[at] + offsets[at])))
    }

    /// A day has passed: what was forecast before any correction, and what was measured of it.
    pub fn learn(&mut self, forecast: &[Quantiles], truth: &[Option<f32>]) {
        let offsets = self.offsets().unwrap_or_default();
        let known: Vec<(&Quantiles, f32)> =
            forecast.iter().zip(truth).filter_map(|(hour, truth)| Some((hour, (*truth)?))).collect();
        if known.is_empty() {
            return;
        }
        for at in 0..QUANTILES.len() {
            let covered = known.iter().filter(|(hour, truth)| *truth <= hour[at] + offsets[at]).count()
                as f32
                / known.len() as f32;
            let asked = QUANTILES[at];
            let room = LEVEL_ROOM * asked.min(1.0 - asked);
            self.levels[at] =
                (self.levels[at] + LEVEL_STEP * (asked - covered)).clamp(asked - room, asked + room);
        }
        self.days.push_back(std::array::from_fn(|at| {
            known.iter().map(|(hour, truth)| truth - hour[at]).collect()
        }));
        if self.days.len() > DAYS_KEPT {
            self.days.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_outlook::{HORIZON, TARGETS};

    use super::*;
    use crate::made::lots;

    #[test]
    fn offsets_cover_the_tail_that_they_were_fitted_on_by_resource_and_span() {
        let mut random = lots(1);
        let mut gathered = Gathered::default();
        let mut truths = Vec::new();
        for _ in 0..400 {
            for target in 0..TARGETS {
                // The far end spreads more, and memory not at all.
                let truth = random() as f32 * if target >= 12 { 10.0 } else { 1.0 };
                gathered.add(Resource::Cpu, target, truth, &[0.0; 5]);
                gathered.add(Resource::Memory, target, 2.0, &[1.0; 5]);
                truths.push((target, truth));
            }
        }
        gathered.add(Resource::Cpu, 0, f32::NAN, &[0.0; 5]);
        let offsets = gathered.offsets();
        for (at, asked) in QUANTILES.iter().enumerate() {
            let held = truths
                .iter()
                .filter(|(target, truth)| *truth <= offsets.of(Resource::Cpu, *target)[at])
                .count();
            assert!((held as f32 / truths.len() as f32 - asked).abs() < 0.01, "{asked}");
        }
        assert!(offsets.of(Resource::Cpu, 2)[2] < 1.0 && offsets.of(Resource::Cpu, 13)[2] > 8.0);
        assert_eq!(offsets.of(Resource::Memory, HORIZON + 1), &[1.0; 5]);
        assert!(offsets.are_valid());
    }

    #[test]
    fn a_load_that_is_always_above_is_covered_after_its_own_days() {
        let mut random = lots(2);
        let mut online = Online::default();
        let day = [[0.0, 1.0, 2.0, 3.0, 4.0]; HORIZON];
        let (mut held, mut all) = (0.0, 0.0);
        for passed in 0..80 {
            let truth: Vec<Option<f32>> =
                (0..HORIZON).map(|_| Some(100.0 + 10.0 * random() as f32)).collect();
            let corrected = online.corrected(&day);
            if passed >= 21 {
                held += truth.iter().flatten().filter(|truth| **truth <= corrected[0][2]).count() as f32;
                all += HORIZON as f32;
            }
            online.learn(&day, &truth);
        }
        assert!((held / all - 0.9).abs() < 0.02, "{}", held / all);
    }

    #[test]
    fn the_level_rises_where_too_little_is_covered_and_stays_in_its_room() {
        let mut online = Online::default();
        for passed in 0..200 {
            // Each day is worse than all before it.
            online.learn(&[[0.0; 5]; HORIZON], &[Some(passed as f32); HORIZON]);
        }
        assert!(online.levels[2] > 0.92 && online.levels[2] <= 0.95, "{:?}", online.levels);
        assert!(online.levels[4] < 1.0);
    }

    #[test]
    fn days_that_were_not_measured_teach_nothing() {
        let mut online = Online::default();
        for _ in 0..10 {
            online.learn(&[[1.0; 5]; HORIZON], &[None; HORIZON]);
        }
        assert_eq!(online, Online::default());
        assert_eq!(online.offsets(), None);
    }

    #[test]
    fn corrections_never_cross_nor_fall_below_0() {
        assert_eq!(in_order([-3.0, 5.0, 4.0, 4.5, 9.0]), [0.0, 4.0, 4.5, 5.0, 9.0]);
    }
}
