//! Why there is no forecast, or no model.

use kubeopt_lstm::LstmError;
use kubeopt_model::Problem;
use kubeopt_outlook::OutlookError;
use thiserror::Error;

use crate::codes;

/// Why there is no forecast, or no model.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ForecastError {
    /// What comes of hours and network alone.
    #[error(transparent)]
    Outlook(#[from] OutlookError),
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

impl From<LstmError> for ForecastError {
    fn from(error: LstmError) -> Self {
        Self::Outlook(error.into())
    }
}

impl ForecastError {
    /// A code that stays.
    pub fn code(&self) -> &'static str {
        self.told().0
    }

    /// As users see it.
    pub fn problem(&self) -> Problem {
        let (code, help) = self.told();
        Problem::new(code, self.to_string(), help)
    }

    fn told(&self) -> (&'static str, &'static str) {
        let again = "train it again with `kubeopt forecast train`, or leave it out: the model that comes with kubeopt is used then";
        match self {
            Self::Outlook(OutlookError::Nothing) => {
                (codes::NOTHING, "check that the metrics source has usage of this container")
            }
            Self::Outlook(OutlookError::TooShort { .. } | OutlookError::TooFewWindows { .. }) => {
                (codes::TOO_SHORT, "let history grow; until then baselines foretell it")
            }
            Self::Outlook(
                OutlookError::Model(_)
                | OutlookError::Shape
                | OutlookError::OutOfTime { .. }
                | OutlookError::Kept { .. },
            ) => (codes::MODEL, again),
            Self::Card { .. } => (codes::CARD, again),
            Self::NoLoads { .. } => (
                codes::NO_LOADS,
                "name a file with more weeks of usage; docs/forecast.md says how many are needed",
            ),
            Self::Overlap => (
                codes::NO_LOADS,
                "name a file with later weeks; the model's card says under `data` which it has seen",
            ),
            Self::State { .. } => (
                codes::STATE,
                "remove the file that ends in .state beside the weights, or name other weights with --to",
            ),
        }
    }
}
