//! Why a model's words are not used. None of it stops anything: kubeopt's own sentences stand instead.

use jiff::Timestamp;
use kubeopt_model::Problem;
use kubeopt_net::NetError;

use crate::guard::Unfit;

/// Why a model's words are not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReasonError {
    /// No answer, or one with another status than 200.
    #[error("unable to ask the model: {0}")]
    Net(#[from] NetError),
    /// Too many requests, or a server that is overloaded.
    #[error("the model's server is busy (HTTP {status})")]
    Busy {
        /// 408, 429, 5xx or 529.
        status: u16,
        /// What `Retry-After` asks for, in seconds.
        retry_after_s: Option<u64>,
    },
    /// All attempts together took too long.
    #[error("the model did not answer within {limit_s} seconds")]
    TooSlow {
        /// The limit.
        limit_s: u64,
    },
    /// An answer that is not what the API says.
    #[error("the model's server does not answer as its API says")]
    Malformed,
    /// A text that is not the JSON that was asked for.
    #[error("the model did not answer in the shape that it was asked for")]
    NotTheShape {
        /// What it cost.
        tokens: u64,
    },
    /// The model does not want to answer.
    #[error("the model declined to answer")]
    Declined {
        /// What it cost.
        tokens: u64,
    },
    /// The answer was longer than asked for.
    #[error("the model's answer was cut off at its limit")]
    CutOff {
        /// What it cost.
        tokens: u64,
    },
    /// A text that is not shown to people.
    #[error("the model's text is not used: {0}")]
    Unfit(#[from] Unfit),
    /// The same question was asked before, and what came of it was not shown.
    #[error("the model's text for the same question was not used, and it is asked again after a day")]
    UnfitBefore,
    /// The tokens of this pull request are used up.
    #[error("the tokens for this pull request are used up ({limit})")]
    PullRequestBudget {
        /// The limit.
        limit: u64,
    },
    /// The tokens of this day are used up.
    #[error("the tokens for today are used up ({limit})")]
    DayBudget {
        /// The limit.
        limit: u64,
    },
    /// The tokens of this namespace are used up for today.
    #[error("the namespace has used up its share of today's tokens ({limit})")]
    NamespaceBudget {
        /// The limit.
        limit: u64,
    },
    /// The server failed so often that it is left alone for a while.
    #[error("the model is not asked until {until}, since it failed {failures} times in a row")]
    Resting {
        /// Until when.
        until: Timestamp,
        /// How often it failed.
        failures: u32,
    },
    /// What the configuration says cannot be used.
    #[error("the model cannot be used as configured: {why}")]
    Settings {
        /// What is wrong.
        why: &'static str,
    },
}

impl ReasonError {
    /// The stable code; see [`crate::codes::CODES`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Net(_) => "E-RSN-001",
            Self::Busy { .. } => "E-RSN-002",
            Self::TooSlow { .. } => "E-RSN-003",
            Self::Malformed => "E-RSN-004",
            Self::NotTheShape { .. } => "E-RSN-005",
            Self::Declined { .. } => "E-RSN-006",
            Self::CutOff { .. } => "E-RSN-007",
            Self::Unfit(_) => "E-RSN-008",
            Self::PullRequestBudget { .. } => "E-RSN-009",
            Self::DayBudget { .. } => "E-RSN-010",
            Self::NamespaceBudget { .. } => "E-RSN-011",
            Self::Resting { .. } => "E-RSN-012",
            Self::Settings { .. } => "E-RSN-013",
            Self::UnfitBefore => "E-RSN-014",
        }
    }

    /// As users see it.
    pub fn problem(&self) -> Problem {
        Problem::new(self.code(), self.to_string(), self.help())
    }

    /// What was spent although nothing came of it.
    pub(crate) fn tokens(&self) -> Option<u64> {
        match self {
            Self::NotTheShape { tokens } | Self::Declined { tokens } | Self::CutOff { tokens } => {
                (*tokens > 0).then_some(*tokens)
            }
            // The server said no before it began.
            Self::Busy { .. } | Self::Net(NetError::Status { .. } | NetError::Connect { .. }) => Some(0),
            Self::Net(_)
            | Self::TooSlow { .. }
            | Self::Malformed
            | Self::Unfit(_)
            | Self::UnfitBefore
            | Self::PullRequestBudget { .. }
            | Self::DayBudget { .. }
            | Self::NamespaceBudget { .. }
            | Self::Resting { .. }
            | Self::Settings { .. } => None,
        }
    }

    fn help(&self) -> String {
        let text = match self {
            Self::Net(error) => return error.problem().help,
            Self::Busy { .. } | Self::TooSlow { .. } => {
                "nothing has to be done: kubeopt's own sentences stand, and the model is asked again in a later pass"
            }
            Self::Malformed => {
                "check that the configured address is that of the model's API, and of the provider that is named"
            }
            Self::NotTheShape { .. } => {
                "choose a model that can answer in JSON by a schema; kubeopt's own sentences stand until then"
            }
            Self::Declined { .. } | Self::CutOff { .. } | Self::Unfit(_) | Self::UnfitBefore => {
                "nothing has to be done: kubeopt's own sentences stand; choose another model if it happens often"
            }
            Self::PullRequestBudget { .. } | Self::DayBudget { .. } | Self::NamespaceBudget { .. } => {
                "raise the budget of the reasoning in kubeopt.yaml, or leave it: kubeopt's own sentences stand"
            }
            Self::Resting { .. } => {
                "look into the earlier failures of the model's server; kubeopt's own sentences stand"
            }
            Self::Settings { .. } => "correct the reasoning section of kubeopt.yaml",
        };
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::CODES;

    #[test]
    fn every_error_has_its_code_and_says_what_to_do() {
        let until = Timestamp::UNIX_EPOCH;
        let errors = [
            ReasonError::Net(NetError::Timeout { host: "h".to_owned() }),
            ReasonError::Busy { status: 529, retry_after_s: None },
            ReasonError::TooSlow { limit_s: 20 },
            ReasonError::Malformed,
            ReasonError::NotTheShape { tokens: 1 },
            ReasonError::Declined { tokens: 0 },
            ReasonError::CutOff { tokens: 0 },
            ReasonError::Unfit(Unfit::Link),
            ReasonError::PullRequestBudget { limit: 1 },
            ReasonError::DayBudget { limit: 1 },
            ReasonError::NamespaceBudget { limit: 1 },
            ReasonError::Resting { until, failures: 5 },
            ReasonError::Settings { why: "x" },
            ReasonError::UnfitBefore,
        ];
        let codes: Vec<&str> = errors.iter().map(ReasonError::code).collect();
        assert_eq!(codes, CODES.iter().map(|(code, _)| *code).collect::<Vec<_>>());
        for error in errors {
            let problem = error.problem();
            assert!(
                !problem.help.is_empty() && !problem.help.ends_with('.') && !problem.text.ends_with('.'),
                "{problem}"
            );
        }
    }
}
