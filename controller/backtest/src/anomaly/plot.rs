//! Pictures of what came of detectors.

use super::compare::Compared;
use super::leaks::{Decade, LeakTrials};
use crate::picture::{Axis, Picture, Plane, Tone};

/// What is aimed at: of leaks found, and of clean weeks flagged.
const FOUND_AIM: f64 = 0.9;
const FLAGGED_AIM: f64 = 0.01;

impl Compared {
    /// The share of windows that were found against the share of alarms in a window, and the scores under two profiles.
    pub fn picture(&self) -> Picture {
        let tone = |name: &str| if name == "kubeopt" { Tone::Own } else { Tone::Peer };
        let mut events = Plane::new(
            "Events",
            "higher and further right is better",
            Axis::shares("precision: alarms that lie in a window"),
            Axis::shares("recall: windows with an alarm"),
        );
        events.spots(
            self.rows
                .iter()
                .map(|row| (row.name.clone(), tone(&row.name), row.event_precision, row.event_recall)),
        );
        let tens = || (0..=5).map(|tick| (f64::from(tick) * 20.0, (tick * 20).to_string())).collect();
        let mut scores = Plane::new(
            "Scores of the benchmark",
            "higher and further right is better",
            Axis::even("standard", 0.0, 100.0, tens()),
            Axis::even("few false alarms (low FP)", 0.0, 100.0, tens()),
        );
        scores.spots(
            self.rows
                .iter()
                .map(|row| (row.name.clone(), tone(&row.name), row.standard, row.low_false_positives)),
        );
        let mut description = format!("{}.", self.headline());
        for row in &self.rows {
            description.push_str(&format!(
                " {}: standard {:.1}, low FP {:.1}, low FN {:.1}, event precision {:.2}, recall {:.2}.",
                row.name,
                row.standard,
                row.low_false_positives,
                row.low_false_negatives,
                row.event_precision,
                row.event_recall
            ));
        }
        Picture {
            title: "Detectors on labelled series".to_owned(),
            description,
            planes: vec![events, scores],
        }
    }
}

impl LeakTrials {
    /// Leaks found by rate with 95 % intervals, and leaks found against weeks flagged at each threshold.
    pub fn picture(&self) -> Picture {
        let ticks = [1.0, 3.0, 10.0, 30.0, 100.0].map(|tick| (tick, format!("{tick}"))).to_vec();
        let mut rates = Plane::new(
            "By rate",
            "with 95 % intervals",
            Axis::logarithmic("MB an hour", 1.0, 100.0, ticks),
            Axis::shares("leaks found within a day"),
        );
        rates.curve(Tone::Aim, [(1.0, FOUND_AIM), (100.0, FOUND_AIM)]);
        let middle = |rate: &Decade| (rate.from_mb_per_hour * rate.to_mb_per_hour).sqrt();
        for rate in &self.rates {
            let (low, high) = rate.interval();
            rates.range(Tone::Own, middle(rate), low, high);
        }
        rates.spots(
            self.rates
                .iter()
                .map(|rate| (rate.leaks.to_string(), Tone::Own, middle(rate), rate.share_found())),
        );
        let ticks = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2];
        let ticks = ticks.map(|tick| (tick, format!("{} %", tick * 100.0))).to_vec();
        let mut trade = Plane::new(
            "By threshold",
            "higher and further left is better",
            Axis::logarithmic("weeks as recorded that are flagged", 0.002, 0.2, ticks),
            Axis::shares("leaks found within a day"),
        );
        trade.curve(Tone::Aim, [(0.002, FOUND_AIM), (FLAGGED_AIM, FOUND_AIM), (FLAGGED_AIM, 0.0)]);
        trade.curve(Tone::Own, self.thresholds.iter().map(|own| (own.share_flagged(), own.share_found())));
        trade.spots([("kubeopt".to_owned(), Tone::Own, self.share_flagged(), self.share_found())]);
        Picture {
            title: "Leaks put into recorded memory".to_owned(),
            description: format!("{}.", self.headline()),
            planes: vec![rates, trade],
        }
    }
}
