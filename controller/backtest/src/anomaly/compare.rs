//! Detectors side by side on the same series, each at the threshold that serves it best.

use kubeopt_signal::AnomalyScore;
use serde::Serialize;

use super::corpus::Column;
use super::score::{Events, PROFILES, Scored, best, events};

/// The columns of [`AnomalyRow::cells`].
pub const HEADERS_ANOMALY: [&str; 7] = [
    "detector",
    "standard",
    "low FP",
    "low FN",
    "half for choosing",
    "other half",
    "event precision / recall",
];

/// A series and where its anomalies are.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// Its name in the corpus.
    pub name: String,
    /// Its samples.
    pub samples: Column,
    /// First and last sample of each window.
    pub windows: Vec<(usize, usize)>,
}

/// What another detector said of the same series: one list of scores a series, in the same order.
#[derive(Debug, Clone, PartialEq)]
pub struct Peer {
    /// Its name.
    pub name: String,
    /// A score a sample.
    pub scores: Vec<Vec<f64>>,
}

/// One detector.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnomalyRow {
    /// Its name.
    pub name: String,
    /// Of 100, under the three profiles of the benchmark, each at its own best threshold.
    pub standard: f64,
    /// See above.
    pub low_false_positives: f64,
    /// See above.
    pub low_false_negatives: f64,
    /// The standard score of every other series, on which parameters of kubeopt were chosen, and of the rest.
    pub choosing: f64,
    /// See above.
    pub other: f64,
    /// The threshold of the standard score; none where silence is best.
    pub threshold: Option<f64>,
    /// Of all runs of alarms at that threshold, the share in a window.
    pub event_precision: f64,
    /// Of all windows, the share with an alarm.
    pub event_recall: f64,
}

/// All detectors on one corpus.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// Series.
    pub series: usize,
    /// Samples of all.
    pub samples: usize,
    /// Windows of all.
    pub windows: usize,
    /// One a detector; kubeopt's is the first.
    #[serde(rename = "methods")]
    pub rows: Vec<AnomalyRow>,
    /// What was left out, one sentence each; the one who read the corpus tells it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Scores kubeopt's detector and its peers; `step` is called for each series.
pub fn compare(corpus: &[Labelled], peers: &[Peer], mut step: impl FnMut()) -> Compared {
    let own = corpus
        .iter()
        .map(|series| {
            step();
            said(&series.samples)
        })
        .collect();
    let own = Peer { name: "kubeopt".to_owned(), scores: own };
    Compared {
        series: corpus.len(),
        samples: corpus.iter().map(|series| series.samples.values.len()).sum(),
        windows: corpus.iter().map(|series| series.windows.len()).sum(),
        rows: std::iter::once(&own).chain(peers).map(|peer| row(corpus, peer)).collect(),
        notes: Vec::new(),
    }
}

/// What kubeopt's detector says, sample by sample.
fn said(samples: &Column) -> Vec<f64> {
    let mut detector = AnomalyScore::default();
    let both = samples.at_unix_s.iter().zip(&samples.values);
    both.map(|(at, value)| detector.push(*at, *value)).collect()
}

fn row(corpus: &[Labelled], peer: &Peer) -> AnomalyRow {
    let all: Vec<Scored<'_>> = corpus
        .iter()
        .zip(&peer.scores)
        .map(|(series, scores)| Scored { scores, windows: &series.windows })
        .collect();
    let half = |odd: usize| all.iter().skip(odd).step_by(2).copied().collect::<Vec<_>>();
    let [standard, low_fp, low_fn] = PROFILES.map(|profile| best(&all, &profile));
    let met = all
        .iter()
        .map(|series| events(series, standard.threshold))
        .fold(Events::default(), |sum, own| sum.plus(own));
    AnomalyRow {
        name: peer.name.clone(),
        standard: standard.score,
        low_false_positives: low_fp.score,
        low_false_negatives: low_fn.score,
        choosing: best(&half(0), &PROFILES[0]).score,
        other: best(&half(1), &PROFILES[0]).score,
        threshold: Some(standard.threshold).filter(|threshold| threshold.is_finite()),
        event_precision: met.precision(),
        event_recall: met.recall(),
    }
}

impl AnomalyRow {
    /// Under [`HEADERS_ANOMALY`].
    pub fn cells(&self) -> [String; 7] {
        let score = |score: f64| format!("{score:.1}");
        [
            self.name.clone(),
            score(self.standard),
            score(self.low_false_positives),
            score(self.low_false_negatives),
            score(self.choosing),
            score(self.other),
            format!("{:.2} / {:.2}", self.event_precision, self.event_recall),
        ]
    }
}
