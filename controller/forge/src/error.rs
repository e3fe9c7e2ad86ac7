//! What can go wrong on a forge, as users see it. Tokens never appear here.

use std::time::Duration;

use kubeopt_model::Problem;
use kubeopt_net::NetError;

/// Why a forge did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForgeError {
    /// The token is missing, wrong or expired.
    #[error("the forge does not accept the token")]
    Unauthorized,
    /// The account lacks a permission, the branch is protected, or the repository is archived.
    #[error("the forge forbids it: {why}")]
    Forbidden {
        /// What the forge said.
        why: String,
    },
    /// No such thing, or one that the account may not see.
    #[error("{what} is not known to the forge")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// The expected state is gone: a base moved, a head moved, a pull request was merged.
    #[error("{what}")]
    Conflict {
        /// What moved.
        what: String,
    },
    /// Too many requests.
    #[error("the forge asks to come back later")]
    RateLimited {
        /// How long to wait, if the forge says so.
        retry_after: Option<Duration>,
    },
    /// A 5xx.
    #[error("the forge failed with HTTP {status}")]
    Server {
        /// The status.
        status: u16,
    },
    /// No answer.
    #[error("unable to talk to the forge: {0}")]
    Network(NetError),
    /// An answer that does not parse or contradicts itself.
    #[error("unable to read the forge's answer: {why}")]
    Malformed {
        /// What was wrong.
        why: String,
    },
    /// More than kubeopt reads.
    #[error("{what} is too large")]
    TooLarge {
        /// What is too large, with the limit where it is known.
        what: String,
    },
    /// A request that the forge understands and does not accept.
    #[error("the forge refuses: {why}")]
    Refused {
        /// What it said.
        why: String,
    },
    /// A draft that was asked to be merged.
    #[error("pull request {number} is a draft, and a draft is not merged")]
    Draft {
        /// Its number.
        number: u64,
    },
    /// A merge that a rule of the forge or of the repository keeps kubeopt from.
    #[error("the forge does not let pull request {number} be merged: {why}")]
    MergeBlocked {
        /// Its number.
        number: u64,
        /// What the forge said.
        why: String,
    },
    /// The disk or the repository under a local forge.
    #[error("unable to use the local repository: {why}")]
    Storage {
        /// What the system said.
        why: String,
    },
}

impl ForgeError {
    /// As users see it, with the next step.
    pub fn problem(&self) -> Problem {
        Problem::from(self)
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized => "E-FRG-001",
            Self::Forbidden { .. } => "E-FRG-002",
            Self::NotFound { .. } => "E-FRG-003",
            Self::Conflict { .. } => "E-FRG-004",
            Self::RateLimited { .. } => "E-FRG-005",
            Self::Server { .. } => "E-FRG-006",
            Self::Network(_) => "E-FRG-007",
            Self::Malformed { .. } => "E-FRG-008",
            Self::TooLarge { .. } => "E-FRG-009",
            Self::Refused { .. } => "E-FRG-010",
            Self::Storage { .. } => "E-FRG-011",
            Self::Draft { .. } => "E-FRG-012",
            Self::MergeBlocked { .. } => "E-FRG-019",
        }
    }

    /// Whether the next pass may succeed without anyone changing anything. A conflict is: the next pass reads afresh.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::RateLimited { .. } | Self::Server { .. } | Self::Storage { .. } => {
                true
            }
            Self::Network(error) => error.is_transient(),
            Self::Unauthorized
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Malformed { .. }
            | Self::TooLarge { .. }
            | Self::Refused { .. }
            | Self::Draft { .. }
            | Self::MergeBlocked { .. } => false,
        }
    }

    fn help(&self) -> &'static str {
        match self {
            Self::Unauthorized => {
                "write a valid token of kubeopt's account into the forge's token file, or the private key of the GitHub App into its key file; they are read again at once"
            }
            Self::Forbidden { .. } => {
                "give kubeopt's account write access to code, issues and pull requests of the repository, and leave branches under `kubeopt/` unprotected; where it is not told what others may do, make it an administrator of the repository"
            }
            Self::NotFound { .. } => {
                "check owner and name in the bindings, and that kubeopt's account may read the repository, or that the GitHub App is installed there"
            }
            Self::Conflict { .. } => "nothing to do: the next pass starts from the new state",
            Self::RateLimited { .. } | Self::Server { .. } => {
                "nothing to do unless it lasts: the next pass tries again, and nothing was lost"
            }
            Self::Network(_) => {
                "check the forge's address in kubeopt.yaml and that network policies let kubeopt reach it"
            }
            Self::Malformed { .. } => {
                "check that the configured address is that of a server of this kind, and that no proxy changes its answers"
            }
            Self::TooLarge { .. } => {
                "close or remove what is not needed any more, or bind fewer paths of this repository"
            }
            Self::Refused { .. } => {
                "follow what the forge says; on Gitea regenerating a branch needs 1.26, on Forgejo one that knows `force_overwrite_new_branch`"
            }
            Self::Draft { .. } => {
                "read why it is a draft, and press \"Ready for review\" on its page if it is right all the same; then merge it"
            }
            Self::MergeBlocked { .. } => {
                "give the approvals and let the checks pass that the protection of the base branch asks for, and let kubeopt's account merge into it by merge commits; or merge it by hand"
            }
            Self::Storage { .. } => "check free space and permissions of the local forge's folder",
        }
    }
}

impl From<NetError> for ForgeError {
    fn from(error: NetError) -> Self {
        if let NetError::BodyTooLarge { limit_bytes, .. } = error {
            return Self::TooLarge {
                what: format!("an answer of the forge (more than {limit_bytes} bytes)"),
            };
        }
        Self::Network(error)
    }
}

impl From<&ForgeError> for Problem {
    fn from(error: &ForgeError) -> Self {
        Self::new(error.code(), error.to_string(), error.help())
    }
}

impl From<ForgeError> for Problem {
    fn from(error: ForgeError) -> Self {
        Self::from(&error)
    }
}
