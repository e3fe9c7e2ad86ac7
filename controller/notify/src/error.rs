//! What can go wrong with a notice. Texts name receivers as the configuration does, never by their address.

use kubeopt_model::Problem;
use kubeopt_net::NetError;
use serde::{Deserialize, Serialize};

/// Why a notice was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotifyError {
    /// No answer.
    #[error("unable to reach the receiver: {why}")]
    Unreachable {
        /// The code of the error below.
        code: &'static str,
        /// In words that hold no address.
        why: &'static str,
    },
    /// A status that will not change by itself.
    #[error("the receiver refuses it (HTTP {status})")]
    Refused {
        /// The status.
        status: u16,
    },
    /// A status that may change by itself.
    #[error("the receiver is busy or has a fault (HTTP {status})")]
    Busy {
        /// 408, 429 or 5xx.
        status: u16,
        /// What `Retry-After` asks for, in seconds.
        retry_after_s: Option<u64>,
    },
    /// The file of the address or key cannot be read, or holds none.
    #[error("the address or key of the receiver cannot be used: {why}")]
    Address {
        /// What is wrong; never what it is.
        why: &'static str,
    },
    /// More notices wait than are kept.
    #[error("more than {limit} notices wait")]
    QueueFull {
        /// The limit.
        limit: usize,
    },
    /// Receivers that cannot be told apart, or too many.
    #[error("the receivers cannot be used: {why}")]
    Destinations {
        /// What is wrong.
        why: &'static str,
    },
}

/// Whether a notice is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Again {
    /// Later.
    Later,
    /// It would come out the same.
    Never,
}

impl NotifyError {
    /// The stable code; see [`crate::codes::CODES`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "E-NTF-001",
            Self::Refused { .. } => "E-NTF-002",
            Self::Busy { .. } => "E-NTF-003",
            Self::Address { .. } => "E-NTF-004",
            Self::QueueFull { .. } => "E-NTF-005",
            Self::Destinations { .. } => "E-NTF-006",
        }
    }

    /// As users see it.
    pub fn problem(&self) -> Problem {
        Problem::new(self.code(), self.to_string(), self.help())
    }

    /// What people can correct while it waits counts as passing: a file, a server, a network.
    pub(crate) fn again(&self) -> Again {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } | Self::Address { .. } => Again::Later,
            Self::Refused { .. } | Self::QueueFull { .. } | Self::Destinations { .. } => Again::Never,
        }
    }

    fn help(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => {
                "check that the receiver runs and that network policies let kubeopt reach it; it is sent again for a day"
            }
            Self::Refused { status: 401 | 403 | 404 | 410 } => {
                "make a new webhook or key at the receiver and put it into the file that kubeopt.yaml names"
            }
            Self::Refused { .. } => "check that the receiver is of the service that kubeopt.yaml says",
            Self::Busy { .. } => "nothing has to be done: it is sent again for a day",
            Self::Address { .. } => {
                "put one https address, or one key, into the file that kubeopt.yaml names; it is sent again for a day"
            }
            Self::QueueFull { .. } => "check why the receivers take nothing; the dead letters tell",
            Self::Destinations { .. } => "correct the notifications section of kubeopt.yaml",
        }
    }
}

impl From<&NetError> for NotifyError {
    /// Errors of the network name hosts and files; only what happened is taken over.
    fn from(error: &NetError) -> Self {
        let code = error.code();
        let unreachable = |why| Self::Unreachable { code, why };
        match error {
            NetError::HostNotAllowed { .. } | NetError::InvalidUrl { .. } => {
                Self::Address { why: "it is no https address that can be called" }
            }
            NetError::AddressRefused { .. } => {
                Self::Address { why: "it leads to an address that is never called" }
            }
            NetError::SecretUnusable { .. } => Self::Address { why: "its file cannot be read, or is empty" },
            NetError::InvalidRequest { .. } => Self::Address { why: "it cannot be made a request of" },
            NetError::Redirect { .. } => unreachable("it redirects in a way that is not followed"),
            NetError::BodyTooLarge { .. } => unreachable("its answer is too large"),
            NetError::Timeout { .. } => unreachable("it did not answer in time"),
            NetError::Connect { .. } => unreachable("no connection could be made"),
            NetError::Tls { .. } => unreachable("its certificate was not accepted"),
            NetError::NoRoots { .. } | NetError::CertificateUnusable { .. } => {
                unreachable("no certificate authorities are known")
            }
            NetError::Interrupted { .. } => unreachable("the connection broke"),
            NetError::Malformed { .. } | NetError::NoIdentity { .. } => {
                unreachable("its answer cannot be read")
            }
            NetError::Status { status, retry_after, .. } => Self::of_status(*status, *retry_after),
        }
    }
}

impl NotifyError {
    /// What a status that is not 2xx means.
    pub(crate) fn of_status(status: u16, retry_after: Option<std::time::Duration>) -> Self {
        match status {
            408 | 425 | 429 | 500..=599 => {
                Self::Busy { status, retry_after_s: retry_after.map(|after| after.as_secs()) }
            }
            status => Self::Refused { status },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::CODES;

    #[test]
    fn every_error_has_its_code_and_says_what_to_do() {
        let errors = [
            NotifyError::Unreachable { code: "E-NET-006", why: "it did not answer in time" },
            NotifyError::Refused { status: 404 },
            NotifyError::Busy { status: 429, retry_after_s: None },
            NotifyError::Address { why: "it is empty" },
            NotifyError::QueueFull { limit: 1 },
            NotifyError::Destinations { why: "two have the same name" },
        ];
        let codes: Vec<&str> = errors.iter().map(NotifyError::code).collect();
        assert_eq!(codes, CODES.iter().map(|(code, _)| *code).collect::<Vec<_>>());
        assert!(errors.iter().all(|error| !error.problem().help.ends_with('.')));
    }

    #[test]
    fn an_error_of_the_network_tells_neither_address_nor_file() {
        let url = "https://hooks.example/services/T0/B0/secret".to_owned();
        for error in [
            NetError::InvalidUrl { url: url.clone(), why: "x" },
            NetError::SecretUnusable { path: url.clone().into(), why: url.clone() },
            NetError::Connect { host: url.clone(), why: url.clone() },
        ] {
            let told = NotifyError::from(&error);
            assert!(!told.problem().to_string().contains("secret"), "{told}");
            assert_eq!(told.again(), Again::Later);
        }
    }
}
