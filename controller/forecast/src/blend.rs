//! Which candidate is listened to: by its recent pinball loss on this load, for each quantile apart.
//!
//! A candidate that is much worse than the best gets no weight at all; where that is the network, it is told so.

use std::collections::VecDeque;

use kubeopt_lstm::{QUANTILES, pinball};
use kubeopt_outlook::{DayAhead, HORIZON, Quantiles, in_order};
use serde::Serialize;

/// Days whose losses decide.
const DAYS_KEPT: usize = 14;

/// How fast weight falls with loss: at 1.25 times the best loss a seventh of its weight is left.
const SHARPNESS: f32 = 8.0;

/// Below this part of the best one's weight a candidate has none.
const WEIGHT_MIN: f32 = 0.02;

/// What may be blended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Candidate {
    /// The network with the offsets of its resource.
    Network,
    /// The network with the load's own offsets beside them.
    NetworkOnline,
    /// Quantiles of the same hours, the nearer days and those of the same kind counting more.
    SameHourLately,
    /// Quantiles of the hours around, counted alike.
    AroundLately,
    /// The median of 7 same hours: for the median alone.
    SameHourMedian,
}

impl Candidate {
    /// All of them, in the order of [`Days`].
    pub const ALL: [Self; 5] =
        [Self::Network, Self::NetworkOnline, Self::SameHourLately, Self::AroundLately, Self::SameHourMedian];

    /// Whether it is the network, however corrected.
    pub fn is_network(self) -> bool {
        matches!(self, Self::Network | Self::NetworkOnline)
    }

    fn tells(self, quantile: usize) -> bool {
        self != Self::SameHourMedian || QUANTILES[quantile] == 0.5
    }
}

/// What each candidate foretells of a day; none where it cannot.
pub type Days = [Option<DayAhead>; Candidate::ALL.len()];

/// By candidate and quantile; those of one quantile add up to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Weights(pub [Quantiles; Candidate::ALL.len()]);

impl Weights {
    /// What the network has of a quantile, from 0 to 1.
    pub fn network(&self, quantile: usize) -> f32 {
        let own = Candidate::ALL.iter().zip(&self.0).filter(|(candidate, _)| candidate.is_network());
        own.map(|(_, weights)| weights[quantile]).sum()
    }
}

/// The recent losses of each candidate on one load.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    days: VecDeque<[Option<Quantiles>; Candidate::ALL.len()]>,
}

impl Record {
    /// A day has passed.
    pub fn learn(&mut self, days: &Days, truth: &[Option<f32>; HORIZON]) {
        if truth.iter().all(Option::is_none) {
            return;
        }
        self.days.push_back(std::array::from_fn(|at| days[at].as_ref().map(|day| mean_losses(day, truth))));
        if self.days.len() > DAYS_KEPT {
            self.days.pop_front();
        }
    }

    /// The weights of today, over the candidates that answer today and did on most days that count, by those on which all of
    /// them did; equal ones before there is a day.
    pub fn weights(&self, today: &Days) -> Weights {
        let mut weights = [[0.0; QUANTILES.len()]; Candidate::ALL.len()];
        for quantile in 0..QUANTILES.len() {
            let speaks = std::array::from_fn(|at| today[at].is_some() && Candidate::ALL[at].tells(quantile));
            let days = self.days.iter().map(|day| day.map(|losses| Some(losses?[quantile])));
            let losses = in_common(&days.collect::<Vec<_>>(), speaks);
            for (slot, share) in weights.iter_mut().zip(shares(&losses, SHARPNESS)) {
                slot[quantile] = share;
            }
        }
        Weights(weights)
    }
}

/// The candidates, weighted.
pub fn blended(days: &Days, weights: &Weights) -> DayAhead {
    let mut sum = [[0.0; QUANTILES.len()]; HORIZON];
    for (day, weights) in days.iter().zip(&weights.0) {
        let Some(day) = day else { continue };
        for (sum, hour) in sum.iter_mut().zip(day) {
            (0..QUANTILES.len()).for_each(|at| sum[at] += weights[at] * hour[at]);
        }
    }
    sum.map(in_order)
}

/// The losses of those who speak, summed over the days on which all of them have one: a sum over other days compares nothing.
/// Who has one on less than half of the days has no say, so that nobody else is judged by a few days.
pub(crate) fn in_common<const N: usize>(days: &[[Option<f32>; N]], speaks: [bool; N]) -> [Option<f32>; N] {
    let answered = |at: usize| days.iter().filter(|day| day[at].is_some()).count();
    let takes_part: [bool; N] = std::array::from_fn(|at| speaks[at] && 2 * answered(at) >= days.len());
    let is_common = |day: &&[Option<f32>; N]| (0..N).all(|at| !takes_part[at] || day[at].is_some());
    let common: Vec<_> = days.iter().filter(is_common).collect();
    std::array::from_fn(|at| takes_part[at].then(|| common.iter().filter_map(|day| day[at]).sum()))
}

/// The part of each candidate by its loss; those without one have none. They add up to 1 where there is any.
pub(crate) fn shares(losses: &[Option<f32>], sharpness: f32) -> Vec<f32> {
    let best = losses.iter().flatten().copied().fold(f32::INFINITY, f32::min);
    let parts: Vec<f32> =
        losses.iter().map(|loss| loss.map_or(0.0, |loss| weight(loss, best, sharpness))).collect();
    let sum = f32::max(parts.iter().sum(), f32::MIN_POSITIVE);
    parts.into_iter().map(|part| part / sum).collect()
}

/// 1 for the best, falling with how much worse a loss is.
fn weight(loss: f32, best: f32, sharpness: f32) -> f32 {
    if loss <= best {
        return 1.0;
    }
    // Where the best was never wrong, nobody else is listened to.
    let weight = if best > 0.0 { (-sharpness * (loss / best - 1.0)).exp() } else { 0.0 };
    if weight < WEIGHT_MIN { 0.0 } else { weight }
}

/// Mean pinball losses over the hours that were measured.
pub(crate) fn mean_losses(day: &[Quantiles], truth: &[Option<f32>]) -> Quantiles {
    let mut sum = [0.0; QUANTILES.len()];
    let mut known = 0;
    for (hour, truth) in day.iter().zip(truth) {
        let Some(truth) = truth else { continue };
        known += 1;
        (0..QUANTILES.len()).for_each(|at| sum[at] += pinball(QUANTILES[at], hour[at], *truth));
    }
    sum.map(|loss| loss / f32::max(known as f32, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(value: f32) -> Option<DayAhead> {
        Some([[value; 5]; HORIZON])
    }

    fn after(days: &Days, truth: f32) -> Record {
        let mut record = Record::default();
        (0..5).for_each(|_| record.learn(days, &[Some(truth); HORIZON]));
        record
    }

    #[test]
    fn who_was_right_is_listened_to_and_who_was_far_off_has_no_weight() {
        let days = [flat(50.0), flat(50.0), flat(10.0), flat(10.5), flat(10.0)];
        let record = after(&days, 10.0);
        let weights = record.weights(&days);
        assert_eq!(weights.network(2), 0.0, "the network was wrong, and says nothing");
        assert_eq!(weights.0[2][2], 1.0);
        assert_eq!(weights.0[4], [0.0, 0.5, 0.0, 0.0, 0.0], "medians are for the median");
        assert_eq!(blended(&days, &weights)[0], [10.0; 5]);
    }

    #[test]
    fn close_losses_share() {
        let days = [flat(12.0), None, flat(12.2), None, None];
        let weights = after(&days, 10.0).weights(&days);
        assert!((0.4..0.8).contains(&weights.network(3)), "{weights:?}");
        let sum: f32 = weights.0.iter().map(|own| own[3]).sum();
        assert!((sum - 1.0).abs() < 1e-6);
    }

    #[test]
    fn without_a_day_all_that_answer_are_equal() {
        let days = [None, None, flat(1.0), flat(3.0), None];
        let weights = Record::default().weights(&days);
        assert_eq!((weights.network(0), weights.0[2][0], weights.0[3][0]), (0.0, 0.5, 0.5));
        assert_eq!(blended(&days, &weights)[7], [2.0; 5]);
    }

    #[test]
    fn days_on_which_somebody_failed_or_nothing_was_measured_do_not_count_and_who_failed_mostly_has_no_say() {
        let all = [flat(10.0), flat(10.0), flat(11.0), flat(11.0), flat(10.0)];
        let without = [None, None, flat(11.0), flat(11.0), flat(10.0)];
        let mut record = Record::default();
        (0..5).for_each(|_| record.learn(&without, &[Some(10.0); HORIZON]));
        (0..4).for_each(|_| record.learn(&all, &[Some(10.0); HORIZON]));
        assert_eq!(record.weights(&all).network(2), 0.0, "four days of nine");
        record.learn(&all, &[Some(10.0); HORIZON]);
        assert_eq!(record.weights(&all), after(&all, 10.0).weights(&all), "the same as by these five alone");
        let before = record.clone();
        record.learn(&all, &[None; HORIZON]);
        assert_eq!(record, before);
    }
}
