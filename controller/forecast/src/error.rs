//! Why there is no forecast, or no model.

use kubeopt_lstm::LstmError;
use kubeopt_model::Problem;
use thiserror::Error;

use crate::codes;

/// Why there is no forecast, or no model.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ForecastError {
    /// No hour was measured.
    #[error("no hour was measured")]
    Nothing,
    /// There are fewer hours than the network looks at.
    #[error("{have} hours of history are too few: {need} are needed")]
    TooShort {
        /// Hours that there are.
        have: usize,
        /// Hours that are needed.
        need: usize,
    },
    /// The file of the model cannot be used.
    #[error("the model cannot be used: {0}")]
    Model(#[from] LstmError),
    /// The card and the weights do not belong together, or the card says what cannot be.
    #[error("the card of the model cannot be used: {why}")]
    Card {
        /// What is wrong.
        why: String,
    },
    /// Nothing to learn from, or to measure on.
    #[error("no load lasts long enough to {what}: {have} were looked at")]
    NoLoads {
        /// `train on`, `measure on`
        what: &'static str,
        /// Loads that there are.
        have: usize,
    },
    /// Every week of the recording was trained or calibrated on.
    #[error(
        "the recording ends before the weeks do that the model was trained and calibrated on: none is left to measure it on"
    )]
    Overlap,
    /// The state of a training is of another plan, or damaged.
    #[error("the training cannot go on: {why}")]
    State {
        /// What is wrong.
        why: &'static str,
    },
}

impl ForecastError {
    /// A code that stays.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Nothing => codes::NOTHING,
            Self::TooShort { .. } => codes::TOO_SHORT,
            Self::Model(_) => codes::MODEL,
            Self::Card { .. } => codes::CARD,
            Self::NoLoads { .. } | Self::Overlap => codes::NO_LOADS,
            Self::State { .. } => codes::STATE,
        }
    }

    /// As users see it.
    pub fn problem(&self) -> Problem {
        let help = match self {
            Self::Nothing => "check that the metrics source has usage of this container",
            Self::TooShort { .. } => "let history grow; until then baselines foretell it",
            Self::Model(_) | Self::Card { .. } => {
                "train it again with `kubeopt forecast train`, or leave it out: the model that comes with kubeopt is used then"
            }
            Self::NoLoads { .. } => {
                "name a file with more weeks of usage; docs/forecast.md says how many are needed"
            }
            Self::Overlap => {
                "name a file with later weeks; the model's card says under `data` which it has seen"
            }
            Self::State { .. } => {
                "remove the file that ends in .state beside the weights, or name other weights with --to"
            }
        };
        Problem::new(self.code(), self.to_string(), help)
    }
}
