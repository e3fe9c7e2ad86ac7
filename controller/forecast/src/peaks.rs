//! The peak of the next day and week as one answer: the network's heads and the baselines, weighted by how they did on the
//! last peaks of this very load. A weight of 0 of the network is legal, and told.

use std::collections::VecDeque;

use kubeopt_lstm::{QUANTILES, pinball};
use kubeopt_outlook::{Foretold, Load, Quantiles, in_order};
use serde::Serialize;

use crate::baseline::five_at;
use crate::blend::{in_common, shares};
use crate::peak::{PeakCandidate, PeakSaid, PeakSpan};

/// Days whose peaks decide; a week's peak is known seven days later.
const DAYS_KEPT: usize = 35;

/// Peaks without which a load has no offset of its own.
const PEAKS_MIN: usize = 7;

/// A load's own offset counts as much as that of all loads after so many peaks.
const PEAKS_HALF: f32 = 14.0;

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
    /// Peaks that passed, and that the network had foretold: what it is weighed by.
    pub network_peaks: usize,
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
        let above = foretold.map_or(&[1.0; QUANTILES.len()], |foretold| span.above(foretold));
        let network = foretold.map(|foretold| *span.of(foretold));
        let said: PeakSaid = PeakCandidate::ALL.map(|candidate| match candidate {
            PeakCandidate::Network => network,
            PeakCandidate::NetworkOnline => network.map(|said| corrected(&said, &passed)),
            PeakCandidate::PastPeaks => span.baseline(load, origin),
            PeakCandidate::LastPeak => span.last_and_error(load, origin),
            PeakCandidate::Highest => span.highest(load, origin, above),
        });
        said.iter().any(Option::is_some).then(|| {
            let weights = weights(span, &said, &passed);
            let network_peaks = passed.iter().filter(|(said, _)| said[0].is_some()).count();
            Peak { quantiles: blended(&said, &weights), weights, said, network_peaks }
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

/// By the losses on peaks that passed and that all foretold, for each quantile apart; equal ones before there is one.
fn weights(
    span: PeakSpan,
    said: &PeakSaid,
    passed: &[(PeakSaid, f32)],
) -> [Quantiles; PeakCandidate::ALL.len()] {
    let mut weights = [[0.0; QUANTILES.len()]; PeakCandidate::ALL.len()];
    for quantile in 0..QUANTILES.len() {
        let speaks =
            std::array::from_fn(|at| said[at].is_some() && span.is_told_by(PeakCandidate::ALL[at], quantile));
        let losses = passed
            .iter()
            .map(|(said, came)| said.map(|said| Some(pinball(QUANTILES[quantile], said?[quantile], *came))));
        let losses = in_common(&losses.collect::<Vec<_>>(), speaks);
        for (slot, share) in weights.iter_mut().zip(shares(&losses, span.sharpness())) {
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

#[cfg(test)]
mod tests {
    use kubeopt_model::Resource;
    use kubeopt_model::usage::HourPoint;
    use kubeopt_outlook::{DAY, HISTORY_MIN, HORIZON};

    use super::*;
    use crate::made::load;
    use crate::model::Model;
    use crate::outlook::{Track, measured_day};

    fn foretold(value: f32) -> Foretold {
        let all = [value; 5];
        Foretold { hours: [all; HORIZON], peak_day: all, peak_week: all, above: [[1.0; 5]; 2] }
    }

    /// After 40 days on which the network said one thing of a load whose days end at 100 and weeks at 200.
    fn followed(network: Option<f32>) -> PeakOutlook {
        let load = load(90 * DAY, |hour| match hour % (7 * DAY) {
            30 => 200.0,
            hour if hour % DAY == 12 => 100.0,
            _ => 10.0,
        });
        let mut record = PeakRecord::default();
        for day in 40..80 {
            record.keep(&record.outlook(&load, day * DAY, network.map(foretold).as_ref()));
        }
        record.outlook(&load, 80 * DAY, network.map(foretold).as_ref())
    }

    #[test]
    fn a_network_that_is_right_is_listened_to_and_one_that_is_far_off_has_no_weight() {
        let right = followed(Some(200.0)).week.unwrap();
        assert!(right.network_weight() > 0.3, "{right:?}");
        assert!((right.quantiles[2] - 200.0).abs() < 0.01, "{right:?}");
        let wrong = followed(Some(1e7)).week.unwrap();
        assert_eq!(wrong.network_weight(), 0.0);
        assert!((wrong.quantiles[2] - 200.0).abs() < 0.01, "{wrong:?}");
        let sum: f32 = right.weights.iter().map(|own| own[2]).sum();
        assert!((sum - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_network_that_answers_later_than_baselines_is_weighed_by_what_both_foretold() {
        let load = load(40 * DAY, |hour| if hour % DAY == 12 { 100.0 } else { 10.0 });
        let weight = |silent_until: usize| {
            let said = |day: usize| (day >= silent_until).then(|| foretold(100.0));
            let mut record = PeakRecord::default();
            (12..40).for_each(|day| record.keep(&record.outlook(&load, day * DAY, said(day).as_ref())));
            let week = record.outlook(&load, 40 * DAY, said(40).as_ref()).week.unwrap();
            (week.network_weight(), week.network_peaks)
        };
        assert_eq!(weight(12), (0.5, 22), "as good as the highest of 28 days, which is right too");
        assert_eq!(weight(16), (0.5, 18));
        assert_eq!(weight(38), (0.0, 0), "none of its weeks has passed, and others' have");
    }

    #[test]
    fn without_a_network_baselines_speak_and_only_of_what_they_can_know() {
        let peaks = followed(None);
        assert_eq!(peaks.week.unwrap().network_weight(), 0.0);
        assert!((peaks.week.unwrap().quantiles[3] - 200.0).abs() < 0.01, "{peaks:?}");
        let past = PeakCandidate::ALL.iter().position(|own| *own == PeakCandidate::PastPeaks).unwrap();
        assert_eq!(peaks.week.unwrap().weights[past][3], 0.0, "no tail of a week's peak from four weeks");
        assert!(peaks.day.unwrap().weights[past][3] > 0.0);
    }

    #[test]
    fn a_week_that_has_not_passed_teaches_nothing() {
        let load = load(60 * DAY, |hour| if hour < 50 * DAY { 10.0 } else { 1000.0 });
        let known = |origin: usize| {
            let mut record = PeakRecord::default();
            (origin / DAY - 6..origin / DAY)
                .for_each(|day| record.keep(&record.outlook(&load, day * DAY, Some(&foretold(10.0)))));
            record.outlook(&load, origin, Some(&foretold(10.0))).week.unwrap()
        };
        // Six days back at most: no week has ended, and all that have a say in it have the same.
        assert_eq!(known(50 * DAY).weights[0][2], 0.5);
    }

    #[test]
    fn strange_loads_have_finite_peaks_in_order_or_none() {
        let model = Model::shipped().expect("its files belong together");
        let point = |hour: i64, max: f64| HourPoint { at_unix_s: hour * 3600, median: max, p95: max, max };
        let every =
            |hours: i64, at: fn(i64) -> f64| (0..hours).map(|hour| point(hour, at(hour))).collect::<Vec<_>>();
        let strange = [
            ("two points", every(2, |_| 5.0)),
            ("all zero", every(900, |_| 0.0)),
            ("constant", every(900, |_| 7.0)),
            ("one in three is no number", every(900, |hour| if hour % 3 == 0 { f64::NAN } else { 4.0 })),
            (
                "gaps of days",
                every(900, |hour| (hour % 24) as f64)
                    .into_iter()
                    .filter(|point| point.at_unix_s / 86_400 % 5 > 1)
                    .collect(),
            ),
            ("a thousandfold step", every(900, |hour| if hour < 700 { 1.0 } else { 1000.0 })),
        ];
        for (what, points) in strange {
            let load = Load::of(Resource::Memory, points).expect("some hour was measured");
            let mut track = Track::default();
            for origin in (DAY.min(load.len())..=load.len()).step_by(DAY) {
                let said = model.foretell(&[(&load, origin)]).remove(0);
                assert_eq!(said.is_err(), origin < HISTORY_MIN, "{what}");
                let outlook = track.outlook(&load, origin, said.as_ref().ok());
                let peaks = track.peaks(&load, origin, said.as_ref().ok());
                let hours = outlook.hours.iter().flatten();
                let all = peaks.day.iter().chain(&peaks.week).map(|peak| &peak.quantiles);
                for own in hours.chain(all) {
                    assert!(
                        own.is_sorted() && own.iter().all(|value| value.is_finite() && *value >= 0.0),
                        "{what}: {own:?}"
                    );
                }
                track.learn(&outlook, &measured_day(&load, origin));
                track.learn_peaks(&peaks);
            }
            assert_eq!(track.peaks(&load, load.len(), None).day.is_some(), what != "two points", "{what}");
        }
    }
}
