//! What can go wrong between a repository and its files. Never holds a URL with credentials.

use kubeopt_model::{Bytes, Problem, RepositoryId};
use kubeopt_net::NetError;

use crate::codes;

/// Why a repository could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    /// 404, or a local folder that is not there.
    #[error("repository {0} was not found")]
    RepositoryNotFound(RepositoryId),
    /// The branch is not there.
    #[error("repository {repository} has no branch `{branch}`")]
    BranchNotFound {
        /// The repository.
        repository: RepositoryId,
        /// The branch that was asked for.
        branch: String,
    },
    /// No commit, or no default branch.
    #[error("repository {0} has no commit on its default branch")]
    Empty(RepositoryId),
    /// 401 or 403, or an ssh key that does not let in.
    #[error("the server of repository {repository} refused the credentials ({how})")]
    Unauthorized {
        /// The repository.
        repository: RepositoryId,
        /// The status, or the ssh key's fingerprint and the user.
        how: String,
    },
    /// Over ssh: the program that serves the repository ended before it said anything.
    #[error("the ssh server did not serve repository {repository}; it says: {says}")]
    Refused {
        /// The repository.
        repository: RepositoryId,
        /// Its words.
        says: String,
    },
    /// Nothing is trusted at first sight.
    #[error("the ssh server {server} offers the host key {offered}, and `knownHosts` names no key for it")]
    HostKeyUnknown {
        /// Host and port.
        server: String,
        /// Kind and fingerprint.
        offered: String,
    },
    /// Another key than the pinned ones, or one that was taken back.
    #[error("the ssh server {server} offers the host key {offered}, but {why}")]
    HostKeyChanged {
        /// Host and port.
        server: String,
        /// Kind and fingerprint.
        offered: String,
        /// What the list says.
        why: String,
    },
    /// A list of host keys that cannot be read.
    #[error("unable to use the host keys of {place}: {why}")]
    KnownHosts {
        /// The key of kubeopt.yaml, or the file.
        place: String,
        /// Which line, and why not.
        why: String,
    },
    /// A private key that cannot be used.
    #[error("unable to use {why}")]
    SshKey {
        /// Which, and why not; never the content.
        why: String,
    },
    /// What the server does is not what ssh says.
    #[error("{why}")]
    Ssh {
        /// What was wrong.
        why: String,
    },
    /// 429, a status of 500 and above, no connection or a broken one; the next pass may succeed.
    #[error("unable to fetch repository {repository}: {why}")]
    Unreachable {
        /// The repository.
        repository: RepositoryId,
        /// What happened.
        why: String,
    },
    /// A fault of configuration that the HTTP client found: host not allowed, TLS, credentials file.
    #[error("{0}")]
    Net(NetError),
    /// The answer is not what the Git protocol says.
    #[error("the server of repository {repository} does not answer as a Git server: {why}")]
    Protocol {
        /// The repository.
        repository: RepositoryId,
        /// What was wrong.
        why: String,
    },
    /// A limit.
    #[error("repository {repository} exceeds the limit of {limit}")]
    TooLarge {
        /// The repository.
        repository: RepositoryId,
        /// Which limit, with its unit.
        limit: String,
    },
    /// More than the cache keeps of one repository, or than one transfer brings.
    #[error("repository {repository} {} {limit}, the limit `{}`", .quota.verb(), .quota.key())]
    OverQuota {
        /// The repository.
        repository: RepositoryId,
        /// Which limit.
        quota: Quota,
        /// Its value.
        limit: Bytes,
    },
    /// The folder of the cache.
    #[error("unable to use the repository cache: {0}")]
    Store(String),
    /// An object is missing or damaged, or a path is not there.
    #[error("unable to read from repository {repository}: {why}")]
    Object {
        /// The repository.
        repository: RepositoryId,
        /// What was wrong.
        why: String,
    },
}

/// Which of the limits was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// What is kept of a repository.
    Repository,
    /// What one transfer brings.
    Pack,
}

impl Quota {
    /// What the repository does that is too much.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Repository => "takes more room than",
            Self::Pack => "needs a transfer of more than",
        }
    }

    /// The key of kubeopt.yaml that sets the limit.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Repository => "store.gitRepositoryMax",
            Self::Pack => "store.gitPackMax",
        }
    }
}

impl GitError {
    /// As users see it, with the next step.
    pub fn problem(&self) -> Problem {
        Problem::from(self)
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::RepositoryNotFound(_) | Self::Refused { .. } => codes::REPOSITORY_NOT_FOUND,
            Self::BranchNotFound { .. } => codes::BRANCH_NOT_FOUND,
            Self::Empty(_) => codes::REPOSITORY_EMPTY,
            Self::Unauthorized { .. } => codes::UNAUTHORIZED,
            Self::HostKeyUnknown { .. } => codes::HOST_KEY_UNKNOWN,
            Self::HostKeyChanged { .. } => codes::HOST_KEY_CHANGED,
            Self::KnownHosts { .. } => codes::KNOWN_HOSTS,
            Self::SshKey { .. } => codes::SSH_KEY,
            Self::Ssh { .. } => codes::SSH,
            Self::Unreachable { .. } => codes::UNREACHABLE,
            Self::Net(error) => error.code(),
            Self::Protocol { .. } => codes::PROTOCOL,
            Self::TooLarge { .. } => codes::REPOSITORY_TOO_LARGE,
            Self::OverQuota { .. } => codes::OVER_QUOTA,
            Self::Store(_) => codes::STORE,
            Self::Object { .. } => codes::OBJECT,
        }
    }

    /// Whether the next pass may succeed without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Store(_) | Self::Object { .. } => true,
            Self::Net(error) => error.is_transient(),
            Self::RepositoryNotFound(_)
            | Self::BranchNotFound { .. }
            | Self::Empty(_)
            | Self::Unauthorized { .. }
            | Self::Refused { .. }
            | Self::HostKeyUnknown { .. }
            | Self::HostKeyChanged { .. }
            | Self::KnownHosts { .. }
            | Self::SshKey { .. }
            | Self::Ssh { .. }
            | Self::Protocol { .. }
            | Self::TooLarge { .. }
            | Self::OverQuota { .. } => false,
        }
    }

    fn help(&self) -> &'static str {
        match self {
            Self::RepositoryNotFound(_) => {
                "check that it still exists under this name and that kubeopt's account may read it; forges answer 404 for both"
            }
            Self::BranchNotFound { .. } => {
                "point the Flux GitRepository, or `branch` in `sources`, to a branch that exists"
            }
            Self::Empty(_) => "push a first commit, or set the default branch at the forge",
            Self::Unauthorized { .. } => {
                "check that the forge's token or ssh key in kubeopt.yaml is valid, not expired, and may read this repository"
            }
            Self::Refused { .. } => {
                "check that it still exists under this name and that the ssh key may read it, as a deploy key or a user's"
            }
            Self::HostKeyUnknown { .. } => {
                "compare the fingerprint with the one that the forge's administrators publish; if they are equal, add the line that `ssh-keyscan` prints for this server to `knownHosts` of the forge in kubeopt.yaml"
            }
            Self::HostKeyChanged { .. } => {
                "someone may stand between kubeopt and the server: ask the forge's administrators whether they changed the key, and only then replace the line in `knownHosts`"
            }
            Self::KnownHosts { .. } => {
                "write a line `HOST TYPE KEY` for each host key, as `ssh-keyscan` prints it and the forge's administrators publish it"
            }
            Self::SshKey { .. } => {
                "name a file with an ed25519, ECDSA or RSA private key as ssh-keygen writes it, and its passphrase as `passphraseFile`"
            }
            Self::Ssh { .. } => {
                "check that the address is that of an ssh server with algorithms of this decade (OpenSSH 7.2 and later)"
            }
            Self::Unreachable { .. } => {
                "check that the forge runs and that network policies let kubeopt reach it; it is tried again in the next pass"
            }
            Self::Net(_) => "",
            Self::Protocol { .. } => {
                "check that the address is that of a Git server with protocol version 2 (Git 2.18 and later); an ssh server must accept the variable GIT_PROTOCOL (`AcceptEnv GIT_PROTOCOL` in sshd_config)"
            }
            Self::TooLarge { .. } => "split the repository, or keep large files out of it",
            Self::OverQuota { .. } => {
                "keep large and generated files out of the repository, split it, or raise the limit in kubeopt.yaml; it is fetched again when it changes"
            }
            Self::Store(_) => "check that the folder is writable, owned by kubeopt's user, and not full",
            Self::Object { .. } => {
                "it is fetched again in the next pass; if it stays, run `git fsck` on the repository"
            }
        }
    }
}

impl From<&GitError> for Problem {
    fn from(error: &GitError) -> Self {
        if let GitError::Net(net) = error {
            return Self::from(net);
        }
        Self::new(error.code(), error.to_string(), error.help())
    }
}

impl From<GitError> for Problem {
    fn from(error: GitError) -> Self {
        Self::from(&error)
    }
}
