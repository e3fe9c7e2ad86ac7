//! The peak of the next day and week as one answer: the network's heads and the baselines, weighted by how they did on the
//! last peaks of this very load. A weight of 0 of the network is legal, and told.

use std::collections::VecDeque;

use kubeopt_lstm::{QUANTILES, pinball};
use serde::Serialize;

use crate::baseline::{Quantiles, five_at};
use crate::blend::shares;
use crate::conformal::in_order;
use crate::load::Load;
use crate::model::Foretold;
use crate::peak::{PeakCandidate, PeakSaid, PeakSpan};

/// Days whose peaks decide; a week's peak is known seven days later.
const DAYS_KEPT: usize = 35;

/// Peaks without which a load has no offset of its own.
const PEAKS_MIN: usize = 7;

/// A load's own offset counts as much as that of all loads after so many peaks.
const PEAKS_HALF: f32 = 14.0;

/// How fast weight falls with loss; peaks are one a day, and their losses noisier than those of hours.
const SHARPNESS: f32 = 4.0;

/// The quantile whose weight is told: 0.9.
const TOLD: usize = 2;

/// One peak, foretold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Peak {
    /// Quantiles of the highest, in the load's unit; never crossing, never below 0.
    pub quantiles: Quantiles,
    /// How much each candidate counts, in the order of [`PeakCandidate::ALL`]; those of one quantile add up to 1.
    pub weights: [Quantiles; PeakCandidate::ALL.len()],
    /// What each candidate said.
    pub said: PeakSaid,
}

/// The peaks after an origin; none where history is too short for every candidate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeakOutlook {
    /// The first hour that was not known, in hours since the epoch.
    pub from_hour: i64,
    /// Of the next 24 hours.
    pub day: Option<Peak>,
    /// Of the next 7 days.
    pub week: Option<Peak>,
}

impl Peak {
    /// The network's part of the 0.9 quantile, from 0 to 1.
    pub fn network_weight(&self) -> f32 {
        self.network_weight_of(TOLD)
    }

    /// The network's part of a quantile, by its place in [`QUANTILES`].
    pub fn network_weight_of(&self, quantile: usize) -> f32 {
        let own =
            PeakCandidate::ALL.iter().zip(&self.weights).filter(|(candidate, _)| candidate.is_network());
        own.map(|(_, weights)| weights[quantile]).sum()
    }
}

impl PeakOutlook {
    /// The peak of a span.
    pub fn of(&self, span: PeakSpan) -> Option<&Peak> {
        match span {
            PeakSpan::Day => self.day.as_ref(),
            PeakSpan::Week => self.week.as_ref(),
        }
    }
}

/// What was said of the peaks of one load on its last days. What came of it is read from the load.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PeakRecord {
    days: VecDeque<PeakOutlook>,
}

impl PeakRecord {
    pub(crate) fn keep(&mut self, outlook: &PeakOutlook) {
        self.days.push_back(*outlook);
        if self.days.len() > DAYS_KEPT {
            self.days.pop_front();
        }
    }

    pub(crate) fn outlook(&self, load: &Load, origin: usize, foretold: Option<&Foretold>) -> PeakOutlook {
        let of = |span| self.peak(span, load, origin, foretold);
        PeakOutlook { from_hour: load.hour(origin), day: of(PeakSpan::Day), week: of(PeakSpan::Week) }
    }

    fn peak(&self, span: PeakSpan, load: &Load, origin: usize, foretold: Option<&Foretold>) -> Option<Peak> {
        let passed = self.passed(span, load, origin);
        let network = foretold.map(|foretold| *span.of(foretold));
        let said: PeakSaid = PeakCandidate::ALL.map(|candidate| match candidate {
            PeakCandidate::Network => network,
            PeakCandidate::NetworkOnline => network.map(|said| corrected(&said, &passed)),
            PeakCandidate::PastPeaks => span.baseline(load, origin),
            PeakCandidate::LastPeak => span.last_and_error(load, origin),
            PeakCandidate::Highest => span.highest(load, origin),
        });
        said.iter().any(Option::is_some).then(|| {
            let weights = weights(&said, &passed);
            Peak { quantiles: blended(&said, &weights), weights, said }
        })
    }

    /// What was said of spans that ended before the origin, and what came.
    fn passed(&self, span: PeakSpan, load: &Load, origin: usize) -> Vec<(PeakSaid, f32)> {
        let came = |outlook: &PeakOutlook| {
            let from = load.place(outlook.from_hour)?;
            Some((outlook.of(span)?.said, span.truth_before(load, from, origin)?))
        };
        self.days.iter().filter_map(came).collect()
    }
}

/// With what the network was wrong by on this load, as far as its peaks are many.
fn corrected(said: &Quantiles, passed: &[(PeakSaid, f32)]) -> Quantiles {
    let wrong_by: Vec<(Quantiles, f32)> =
        passed.iter().filter_map(|(said, came)| Some((said[0]?, *came))).collect();
    if wrong_by.len() < PEAKS_MIN {
        return *said;
    }
    let part = wrong_by.len() as f32 / (wrong_by.len() as f32 + PEAKS_HALF);
    in_order(std::array::from_fn(|at| {
        let mut errors: Vec<f32> = wrong_by.iter().map(|(said, came)| came - said[at]).collect();
        said[at] + part * five_at(&mut errors, at)
    }))
}

/// By the losses on peaks that passed, for each quantile apart; equal ones before there is one.
fn weights(said: &PeakSaid, passed: &[(PeakSaid, f32)]) -> [Quantiles; PeakCandidate::ALL.len()] {
    let mut weights = [[0.0; QUANTILES.len()]; PeakCandidate::ALL.len()];
    for quantile in 0..QUANTILES.len() {
        let losses: Vec<Option<f32>> = (0..said.len())
            .map(|at| {
                said[at]?;
                let loss = |(said, came): &(PeakSaid, f32)| {
                    Some(pinball(QUANTILES[quantile], said[at]?[quantile], *came))
                };
                passed.iter().map(loss).sum::<Option<f32>>()
            })
            .collect();
        for (slot, share) in weights.iter_mut().zip(shares(&losses, SHARPNESS)) {
            slot[quantile] = share;
        }
    }
    weights
}

fn blended(said: &PeakSaid, weights: &[Quantiles; PeakCandidate::ALL.len()]) -> Quantiles {
    let mut sum = [0.0; QUANTILES.len()];
    for (said, weights) in said.iter().zip(weights) {
        let Some(said) = said else { continue };
        (0..QUANTILES.len()).for_each(|at| sum[at] += weights[at] * said[at]);
    }
    in_order(sum)
}
