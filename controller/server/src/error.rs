//! What can go wrong with serving: with the server as a whole, and with one request.

use axum::http::StatusCode;
use kubeopt_model::Problem;

/// Why serving could not begin or had to end.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Accepting fails again and again.
    #[error("failed to take connections")]
    Accept(#[source] std::io::Error),
    /// No randomness.
    #[error("unable to make the token of the forms")]
    NoRandomness,
}

impl ServerError {
    /// The stable code; see [`crate::codes::CODES`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Accept(_) => "E-SRV-001",
            Self::NoRandomness => "E-SRV-002",
        }
    }

    /// As users see it.
    pub fn problem(&self) -> Problem {
        let help = match self {
            Self::Accept(_) => "check the limit of open files (`ulimit -n`) and start kubeopt again",
            Self::NoRandomness => {
                "check that the system's random source may be read, and start kubeopt again"
            }
        };
        Problem::new(self.code(), self.to_string(), help)
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("there is nothing at this address")]
    NothingHere,
    #[error("pages are shown only under the loopback names of this machine")]
    ForeignHost,
    #[error("this form was sent from another site")]
    ForeignOrigin,
    #[error("this form does not carry the token of its page")]
    WrongToken,
    #[error("this form cannot be read")]
    UnreadableForm,
    #[error("this took too long")]
    TooSlow,
    #[error("a comment has between 1 and 20,000 characters")]
    WrongComment,
    #[error("kubeopt failed while it answered")]
    Fault,
    #[error("too many deliveries")]
    TooMany,
    #[error("a delivery has at most 1 MiB")]
    TooLarge,
    #[error("the delivery came too slowly")]
    SlowBody,
    // Says nothing of what was wrong: who forges would learn from it.
    #[error("not taken")]
    Unproven,
    #[error("the delivery cannot be read")]
    UnreadableDelivery,
    #[error("no delivery can be taken now")]
    Busy,
}

impl Refusal {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 14] = [
        Self::NothingHere,
        Self::ForeignHost,
        Self::ForeignOrigin,
        Self::WrongToken,
        Self::UnreadableForm,
        Self::TooSlow,
        Self::WrongComment,
        Self::Fault,
        Self::TooMany,
        Self::TooLarge,
        Self::SlowBody,
        Self::Unproven,
        Self::UnreadableDelivery,
        Self::Busy,
    ];

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::NothingHere => "E-SRV-003",
            Self::ForeignHost => "E-SRV-004",
            Self::ForeignOrigin => "E-SRV-005",
            Self::WrongToken => "E-SRV-006",
            Self::UnreadableForm => "E-SRV-007",
            Self::TooSlow => "E-SRV-008",
            Self::WrongComment => "E-SRV-009",
            Self::Fault => "E-SRV-010",
            Self::TooMany => "E-SRV-011",
            Self::TooLarge => "E-SRV-012",
            Self::SlowBody => "E-SRV-013",
            Self::Unproven => "E-SRV-014",
            Self::UnreadableDelivery => "E-SRV-015",
            Self::Busy => "E-SRV-016",
        }
    }

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::NothingHere => StatusCode::NOT_FOUND,
            // 421 tells a browser and a proxy alike that this server does not answer for that name.
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::ForeignOrigin | Self::WrongToken => StatusCode::FORBIDDEN,
            Self::UnreadableForm | Self::WrongComment => StatusCode::BAD_REQUEST,
            Self::TooSlow => StatusCode::GATEWAY_TIMEOUT,
            Self::Fault => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::Unproven => StatusCode::UNAUTHORIZED,
            Self::UnreadableDelivery => StatusCode::BAD_REQUEST,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::NothingHere => "Nothing here",
            Self::ForeignHost | Self::ForeignOrigin | Self::WrongToken => "Refused",
            Self::UnreadableForm | Self::WrongComment | Self::UnreadableDelivery => "Not understood",
            Self::TooSlow | Self::SlowBody => "Too slow",
            Self::Fault => "A fault of kubeopt",
            Self::TooMany | Self::TooLarge | Self::Unproven | Self::Busy => "Not taken",
        }
    }

    pub(crate) fn problem(self) -> Problem {
        let help = match self {
            Self::NothingHere => "go back to the list of pull requests",
            Self::ForeignHost => "open the address that kubeopt printed, such as http://127.0.0.1:8080",
            Self::ForeignOrigin | Self::WrongToken => "load the page again and send the form from there",
            Self::UnreadableForm => "load the page again and send the form from there, with less text",
            Self::TooSlow => "load the page again to see what was done",
            Self::WrongComment => "go back and write a shorter or longer comment",
            Self::TooMany | Self::Busy => "nothing has to be done: kubeopt looks around by itself",
            Self::TooLarge => "send events of pull requests and comments only; pushes are not needed",
            Self::SlowBody => "check the network between the forge and kubeopt",
            Self::Unproven => {
                "set the secret of the webhook to what `webhooks.secretFile` of kubeopt.yaml holds"
            }
            Self::UnreadableDelivery => {
                "let the webhook send JSON, of the kind of forge that kubeopt.yaml says"
            }
            Self::Fault => "look into the log of kubeopt and report this with what stands there",
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
        let server = [ServerError::Accept(std::io::ErrorKind::Other.into()), ServerError::NoRandomness];
        let problems: Vec<Problem> = server
            .iter()
            .map(ServerError::problem)
            .chain(Refusal::ALL.into_iter().map(Refusal::problem))
            .collect();
        let codes: Vec<&str> = problems.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(codes, CODES.iter().map(|(code, _)| *code).collect::<Vec<_>>());
        assert!(problems.iter().all(|problem| !problem.help.is_empty()));
    }
}
