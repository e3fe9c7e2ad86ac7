//! How well forecasts did, as tables: what an evaluation finds and a card keeps.

use kubeopt_model::Resource;
use kubeopt_outlook::Quantiles;
use serde::{Deserialize, Serialize};

use crate::differences::Difference;
use crate::scores::Scores;

pub(crate) const PEAKS: [&str; 2] = ["peak of a day", "peak of a week"];

/// The baseline that a win is told against, and the bar is measured by.
pub const TO_BEAT: &str = "seasonal naive + conformal";

/// What the blend is called in tables.
pub const OUTLOOK: &str = "kubeopt outlook";

/// All tables.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    /// The next day hour by hour.
    pub hours: Vec<Row>,
    /// The highest of the next day and week.
    pub peaks: Vec<Row>,
    /// How often the outlook beats the baseline.
    pub wins: Vec<Wins>,
    /// How far it is below the baseline, by how loads come again, with intervals.
    #[serde(default)]
    pub differences: Vec<Difference>,
}

/// One method on one part of the loads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Of which resource.
    pub resource: Resource,
    /// `seen` or `unseen`: whether training saw other weeks of these loads; `other` for loads of another recording.
    pub part: String,
    /// `next day`, `peak of a day`, `peak of a week`.
    pub target: String,
    /// Who foretold.
    pub method: String,
    /// How well.
    pub scores: Scores,
}

/// How often the outlook beats [`TO_BEAT`] on a load, by the sum of its losses at .9 and .95, and what the network had to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wins {
    /// Of which resource.
    pub resource: Resource,
    /// `seen`, `unseen` or `other`.
    pub part: String,
    /// Loads.
    pub loads: usize,
    /// Loads on which it has the lower loss.
    pub won: usize,
    /// Mean weight of the network by quantile.
    pub network_weight: Quantiles,
    /// Part of the days on which the network had no weight at the .9 quantile.
    pub network_silent: f32,
}
