//! What a recommendation is explained with in words: written by kubeopt, or worded by a model over kubeopt's numbers.
//!
//! It is for reading. No number, path or decision is taken from it: they stand in the recommendation.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest summary in characters: about four lines of a pull request, and all that it shows of one text.
pub const SUMMARY_CHARS_MAX: usize = 500;

/// Most risks that are said; more are not read.
pub const RISKS_MAX: usize = 3;

/// Longest text of one risk in characters.
pub const RISK_CHARS_MAX: usize = 200;

/// Why a value is right, and what could go wrong. Plain text of one line each: no Markdown, no links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// At most [`SUMMARY_CHARS_MAX`] characters.
    pub summary: String,
    /// What could go wrong, the worst first; at most [`RISKS_MAX`].
    pub risks: Vec<RiskNote>,
    /// How much the data supports the values; never a model's opinion.
    pub confidence: Confidence,
    /// Every number that the texts may hold, by name, as it is shown: `memory_request_change` is `2Gi to 1184Mi`.
    pub figures: BTreeMap<String, String>,
    /// Whose words they are.
    pub worded_by: WordedBy,
}

/// One thing that could go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskNote {
    /// Which.
    pub code: RiskCode,
    /// What it would mean here, and what to do; at most [`RISK_CHARS_MAX`] characters.
    pub text: String,
}

/// What could go wrong, from a closed list. The order is that of its weight: the first is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RiskCode {
    /// It was killed for memory, and may be again.
    OomAgain,
    /// Memory rose over the whole window.
    MemoryGrows,
    /// Part of the samples is missing.
    PartialData,
    /// The window is short.
    ShortHistory,
    /// A CPU limit that stays slows it down.
    Throttled,
    /// Bursts above the request depend on idle time of the node.
    BurstsAboveRequest,
    /// A restart is dear: state is moved or warmed up.
    RestartIsDear,
    /// The heap follows the limit or is not known.
    HeapBound,
    /// Starting takes more than running.
    SlowStart,
    /// Runs may take longer.
    LongerRuns,
    /// Little room between the highest use and the limit.
    ThinMargin,
    /// Nothing bounds its memory.
    NoMemoryLimit,
    /// Tasks waited for CPU or memory already.
    Pressure,
    /// An autoscaler reacts to the same resource.
    ScalerReacts,
    /// The same lines size other containers too.
    SharedLines,
}

impl RiskCode {
    /// All of them, the worst first.
    pub const ALL: [Self; 15] = [
        Self::OomAgain,
        Self::MemoryGrows,
        Self::PartialData,
        Self::ShortHistory,
        Self::Throttled,
        Self::BurstsAboveRequest,
        Self::RestartIsDear,
        Self::HeapBound,
        Self::SlowStart,
        Self::LongerRuns,
        Self::ThinMargin,
        Self::NoMemoryLimit,
        Self::Pressure,
        Self::ScalerReacts,
        Self::SharedLines,
    ];

    /// As it is written: `oom-again`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OomAgain => "oom-again",
            Self::MemoryGrows => "memory-grows",
            Self::PartialData => "partial-data",
            Self::ShortHistory => "short-history",
            Self::Throttled => "throttled",
            Self::BurstsAboveRequest => "bursts-above-request",
            Self::RestartIsDear => "restart-is-dear",
            Self::HeapBound => "heap-bound",
            Self::SlowStart => "slow-start",
            Self::LongerRuns => "longer-runs",
            Self::ThinMargin => "thin-margin",
            Self::NoMemoryLimit => "no-memory-limit",
            Self::Pressure => "pressure",
            Self::ScalerReacts => "scaler-reacts",
            Self::SharedLines => "shared-lines",
        }
    }
}

impl fmt::Display for RiskCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much the data supports the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Short or partial.
    Low,
    /// Neither.
    Medium,
    /// Weeks without holes, and nothing risky.
    High,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

/// Whose words an explanation is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum WordedBy {
    /// kubeopt's own sentences.
    Kubeopt,
    /// A language model's, over kubeopt's numbers.
    Model {
        /// As the configuration names it.
        model: String,
    },
}

impl fmt::Display for WordedBy {
    /// `computed by kubeopt`, or `worded by the model X, numbers computed by kubeopt`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kubeopt => f.write_str("computed by kubeopt"),
            Self::Model { model } => write!(f, "worded by the model {model}, numbers computed by kubeopt"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_written_as_programs_read_them_and_stand_in_their_order() {
        for code in RiskCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
        assert!(RiskCode::ALL.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn it_says_whose_words_they_are() {
        let model = WordedBy::Model { model: "small-1".to_owned() };
        assert_eq!(model.to_string(), "worded by the model small-1, numbers computed by kubeopt");
        assert_eq!(WordedBy::Kubeopt.to_string(), "computed by kubeopt");
    }
}
