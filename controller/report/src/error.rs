//! What can go wrong with words: templates, and texts that do not fit. Knows nothing of who asked for the text.

use kubeopt_model::Problem;

/// Why a text could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// An override for a template that does not exist.
    #[error("there is no template `{name}` to override")]
    UnknownTemplate {
        /// The name that was given.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// A template that is not one.
    #[error("unable to read the template `{name}`: {reason}")]
    BadTemplate {
        /// Which.
        name: String,
        /// What the template engine says.
        reason: String,
    },
    /// A template that failed on its values.
    #[error("failed to fill in the template `{name}`: {reason}")]
    Render {
        /// Which.
        name: String,
        /// What the template engine says.
        reason: String,
    },
    /// Longer than a forge takes, after everything that may go is gone.
    #[error("the text of the pull request has {chars} characters, at most {limit} fit")]
    TooLong {
        /// Characters of the shortest text.
        chars: usize,
        /// Characters that fit.
        limit: usize,
    },
    /// No recommendation.
    #[error("there is no recommendation to describe")]
    Nothing,
}

impl ReportError {
    /// The stable code; see [`crate::codes::CODES`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownTemplate { .. } => "E-RPT-001",
            Self::BadTemplate { .. } => "E-RPT-002",
            Self::Render { .. } => "E-RPT-003",
            Self::TooLong { .. } => "E-RPT-004",
            Self::Nothing => "E-RPT-005",
        }
    }

    /// As users see it.
    pub fn problem(&self) -> Problem {
        let help = match self {
            Self::UnknownTemplate { known, .. } => format!("rename the file to one of: {known}"),
            Self::BadTemplate { .. } | Self::Render { .. } => {
                "correct your template, or remove it: the built-in one is used then".to_owned()
            }
            Self::TooLong { .. } => {
                "shorten your pull-request templates, or set `pullRequests.groupBy: namespace`".to_owned()
            }
            Self::Nothing => "this is a fault of kubeopt: report it with the log of this pass".to_owned(),
        };
        Problem::new(self.code(), self.to_string(), help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::CODES;

    #[test]
    fn every_error_has_a_listed_code_and_a_next_step() {
        let text = String::new;
        let all = [
            ReportError::UnknownTemplate { name: text(), known: text() },
            ReportError::BadTemplate { name: text(), reason: text() },
            ReportError::Render { name: text(), reason: text() },
            ReportError::TooLong { chars: 1, limit: 0 },
            ReportError::Nothing,
        ];
        assert_eq!(
            all.iter().map(ReportError::code).collect::<Vec<_>>(),
            CODES.iter().map(|c| c.0).collect::<Vec<_>>()
        );
        assert!(all.iter().all(|error| !error.problem().help.is_empty()));
    }
}
