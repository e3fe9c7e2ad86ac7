//! What can go wrong: with the log, and with the server.

use std::path::Path;

use kubeopt_model::Problem;

/// Why the log does not hold or tell something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// The folder cannot be read or written.
    #[error("failed to open the agents' log in {folder}: {reason}")]
    Open {
        /// Its folder.
        folder: String,
        /// What the system said.
        reason: String,
    },
    /// No space is left.
    #[error("unable to keep what agents send: the disk of {folder} is full")]
    Full {
        /// Its folder.
        folder: String,
    },
    /// A write or a sync failed.
    #[error("unable to write the agents' log in {folder}: {reason}")]
    Write {
        /// Its folder.
        folder: String,
        /// What the system said.
        reason: String,
    },
    /// A file cannot be read.
    #[error("unable to read the agents' log {file}: {reason}")]
    Read {
        /// The file.
        file: String,
        /// What the system said.
        reason: String,
    },
    /// The process is ending.
    #[error("the agents' log is closed")]
    Closed,
    /// More than one node may send within an hour.
    #[error("node {node} sent more than its share of the agents' log")]
    Share {
        /// The node.
        node: String,
    },
}

impl SpoolError {
    pub(crate) fn read(file: &Path, error: &std::io::Error) -> Self {
        Self::Read { file: file.display().to_string(), reason: error.to_string() }
    }

    /// The stable code; see [`crate::codes::CODES`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "E-AGT-001",
            Self::Full { .. } => "E-AGT-002",
            Self::Write { .. } => "E-AGT-003",
            Self::Read { .. } => "E-AGT-004",
            Self::Closed => "E-AGT-005",
            Self::Share { .. } => "E-AGT-009",
        }
    }

    /// As users see it.
    pub fn problem(&self) -> Problem {
        let help = match self {
            Self::Open { .. } => "let kubeopt write to the folder of the agents' log, or name another one",
            Self::Full { .. } => {
                "free space on that disk, or keep less: agents hold what is not acknowledged for a day and send it again"
            }
            Self::Write { .. } => {
                "check the disk: agents hold what is not acknowledged for a day and send it again"
            }
            Self::Read { .. } => {
                "check the disk; hours that cannot be read are left to other sources of metrics"
            }
            Self::Closed => "nothing has to be done: agents connect again",
            Self::Share { .. } => {
                "the rest is taken in the next hours; where a node has very many containers, raise `agents.spoolMax`"
            }
        };
        Problem::new(self.code(), self.to_string(), help)
    }
}

/// Why the server cannot begin, or ended.
#[derive(Debug, thiserror::Error)]
pub enum AgentsError {
    /// The server's own certificate or key.
    #[error("failed to use the certificate {certificate} with the key {key}: {reason}")]
    Certificate {
        /// The file of the certificate.
        certificate: String,
        /// The file of the key.
        key: String,
        /// What is wrong with them.
        reason: String,
    },
    /// The certificates that clients are checked with.
    #[error("failed to use the certificates of {file} to check agents: {reason}")]
    ClientCa {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Accepting fails again and again, or the transport ended.
    #[error("failed to take connections of agents: {reason}")]
    Serve {
        /// What the system said.
        reason: String,
    },
}

impl AgentsError {
    /// The stable code; see [`crate::codes::CODES`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Certificate { .. } => "E-AGT-006",
            Self::ClientCa { .. } => "E-AGT-007",
            Self::Serve { .. } => "E-AGT-008",
        }
    }

    /// As users see it.
    pub fn problem(&self) -> Problem {
        let help = match self {
            Self::Certificate { .. } => "mount a PEM certificate chain and its unencrypted private key",
            Self::ClientCa { .. } => "mount PEM certificates of who signs the agents' certificates",
            Self::Serve { .. } => "check the limit of open files (`ulimit -n`) and start kubeopt again",
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
        let text = || "x".to_owned();
        let spool = [
            SpoolError::Open { folder: text(), reason: text() },
            SpoolError::Full { folder: text() },
            SpoolError::Write { folder: text(), reason: text() },
            SpoolError::Read { file: text(), reason: text() },
            SpoolError::Closed,
        ];
        let server = [
            AgentsError::Certificate { certificate: text(), key: text(), reason: text() },
            AgentsError::ClientCa { file: text(), reason: text() },
            AgentsError::Serve { reason: text() },
        ];
        let share = SpoolError::Share { node: text() };
        let problems = spool.iter().map(SpoolError::problem).chain(server.iter().map(AgentsError::problem));
        let problems: Vec<Problem> = problems.chain([share.problem()]).collect();
        let codes: Vec<&str> = problems.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(codes, CODES.iter().map(|(code, _)| *code).collect::<Vec<_>>());
        assert!(problems.iter().all(|problem| !problem.help.is_empty()));
    }
}
