//! The outlook of one load: candidates blended by how they did on its last days, and the network's say in it.

use kubeopt_lstm::QUANTILES;
use kubeopt_outlook::{DayAhead, Foretold, HORIZON, Load};

use crate::baseline::Baseline;
use crate::blend::{Candidate, Days, Record, Weights, blended};
use crate::conformal::Online;
use crate::peaks::{PeakOutlook, PeakRecord};

/// The quantile whose weight is told: 0.9.
const TOLD: usize = 2;

/// What is remembered of one load from day to day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Track {
    record: Record,
    online: Online,
    peaks: PeakRecord,
}

/// What is foretold of one day.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// Hour by hour, never crossing, never below 0; none where history is too short for every candidate.
    pub hours: Option<DayAhead>,
    /// How much each candidate counts.
    pub weights: Weights,
    /// What each candidate said: [`Track::learn`] wants it back when the day has passed.
    pub said: Days,
}

impl Track {
    /// The day from `origin` on. Without a network's answer the baselines speak alone.
    pub fn outlook(&self, load: &Load, origin: usize, foretold: Option<&Foretold>) -> Outlook {
        let said: Days = Candidate::ALL.map(|candidate| match candidate {
            Candidate::Network => foretold.map(|foretold| foretold.hours),
            Candidate::NetworkOnline => foretold.map(|foretold| self.online.corrected(&foretold.hours)),
            Candidate::SameHourMedian => Baseline::SameHourMedian.day_ahead(load, origin),
            Candidate::SameHourLately => Baseline::SameHourLately.day_ahead(load, origin),
            Candidate::AroundLately => Baseline::AroundLately.day_ahead(load, origin),
        });
        let weights = self.record.weights(&said);
        let hours = said.iter().any(Option::is_some).then(|| blended(&said, &weights));
        Outlook { hours, weights, said }
    }

    /// The peaks of the day and of the week from `origin` on, of what lies before it. Without a network's answer the baselines
    /// speak alone.
    pub fn peaks(&self, load: &Load, origin: usize, foretold: Option<&Foretold>) -> PeakOutlook {
        self.peaks.outlook(load, origin, foretold)
    }

    /// Remembers what was said of peaks, one a day; what came of it is read from the load when the span has passed.
    pub fn learn_peaks(&mut self, outlook: &PeakOutlook) {
        self.peaks.keep(outlook);
    }

    /// The day of an outlook has passed.
    pub fn learn(&mut self, outlook: &Outlook, truth: &[Option<f32>; HORIZON]) {
        self.record.learn(&outlook.said, truth);
        if let Some(hours) = &outlook.said[0] {
            self.online.learn(hours, truth);
        }
    }
}

impl Outlook {
    /// The network's part of the 0.9 quantile, from 0 to 1.
    pub fn network_weight(&self) -> f32 {
        self.weights.network(TOLD)
    }

    /// A sentence about the network's part; it may say that the network is of no use here.
    pub fn because(&self) -> String {
        let weight = self.network_weight();
        if self.said[0].is_none() {
            "the network has too little history here; baselines foretell it".to_owned()
        } else if weight == 0.0 {
            "the model is not better than seasonal naive here: its weight is 0".to_owned()
        } else {
            format!(
                "the model has a weight of {weight:.2} of the {} quantile, by its losses of the last days",
                QUANTILES[TOLD]
            )
        }
    }
}

/// What was measured of the day from an origin on.
pub fn measured_day(load: &Load, origin: usize) -> [Option<f32>; HORIZON] {
    std::array::from_fn(|hour| load.measured(origin + hour))
}

#[cfg(test)]
mod tests {
    use kubeopt_outlook::DAY;

    use super::*;
    use crate::made::load;

    fn foretold(value: f32) -> Foretold {
        Foretold {
            hours: [[value; 5]; HORIZON],
            peak_day: [value; 5],
            peak_week: [value; 5],
            above: [[1.0; 5]; 2],
        }
    }

    fn followed(value: f32) -> Outlook {
        let load = load(60 * DAY, |hour| (hour % 25) as f64 + 10.0);
        let mut track = Track::default();
        for day in 40..59 {
            let outlook = track.outlook(&load, day * DAY, Some(&foretold(value)));
            track.learn(&outlook, &measured_day(&load, day * DAY));
        }
        track.outlook(&load, 59 * DAY, Some(&foretold(value)))
    }

    #[test]
    fn a_network_that_is_far_off_has_no_weight_and_the_outlook_says_so() {
        let outlook = followed(1e6);
        assert_eq!(outlook.weights.0[0], [0.0; 5]);
        // Its own offsets bring it back: that is another candidate.
        assert!(outlook.hours.unwrap().iter().flatten().all(|value| *value < 40.0), "{outlook:?}");
        let alone = Outlook { weights: Weights([[0.0; 5]; 5]), ..outlook };
        assert_eq!(alone.because(), "the model is not better than seasonal naive here: its weight is 0");
    }

    #[test]
    fn quantiles_of_an_outlook_never_cross() {
        let hours = followed(20.0).hours.unwrap();
        assert!(hours.iter().all(|hour| hour.is_sorted()), "{hours:?}");
    }

    #[test]
    fn without_history_there_is_no_outlook_and_without_a_network_baselines_speak() {
        let short = load(2, |_| 1.0);
        let outlook = Track::default().outlook(&short, 2, None);
        assert_eq!((outlook.hours, outlook.network_weight()), (None, 0.0));
        let week = load(7 * DAY, |_| 3.0);
        let outlook = Track::default().outlook(&week, 7 * DAY, None);
        assert_eq!(outlook.hours.unwrap()[0], [3.0; 5]);
        assert!(outlook.because().contains("too little history"));
    }
}
