//! What can go wrong with what is stored.

use std::path::PathBuf;

use kubeopt_model::{Problem, Window};

/// Why the store or the journal failed.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A file of the usage history.
    #[error("unable to use the history file `{}`: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A history file is not what was written.
    #[error("the history file `{name}` is damaged: {why}")]
    Damaged {
        /// Which, relative to the history folder.
        name: String,
        /// What does not fit.
        why: String,
    },
    /// A file of exported usage is not what an export writes.
    #[error("unable to take over `{}`: {place}: {why}", path.display())]
    Portable {
        /// Which.
        path: PathBuf,
        /// Where in it: a row, or the day of a cluster.
        place: String,
        /// What does not fit.
        why: String,
    },
    /// The data-frame engine refused; a fault of kubeopt.
    #[error("a computation on the usage history failed: {0}")]
    Compute(String),
    /// Not on whole hours, or empty.
    #[error("the slice from {} to {} does not lie on whole hours", window.from_unix_s, window.to_unix_s)]
    Slice {
        /// The slice.
        window: Window,
    },
    /// The database file cannot be opened or created, or its tables cannot be set up.
    #[error("unable to open the database `{place}`: {why}")]
    Open {
        /// File, or `memory`.
        place: String,
        /// What went wrong.
        why: String,
    },
    /// No connection to the database server, or none that it accepts.
    #[error("unable to use the database server {place}: {why}")]
    Server {
        /// Which.
        place: String,
        /// What was said.
        why: String,
    },
    /// Another process holds the lock for longer than is waited.
    #[error("the database is locked by another process")]
    Locked,
    /// No room.
    #[error("the disk that holds the database is full")]
    DiskFull,
    /// Anything else that the database says.
    #[error("the database failed: {0}")]
    Database(String),
    /// A row that cannot be read, such as a step of a later version.
    #[error("the database holds a {what} that this version does not understand: {text}")]
    Unreadable {
        /// What it should be.
        what: &'static str,
        /// What stands there, shortened.
        text: String,
    },
}

impl HistoryError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "E-HIS-001",
            Self::Damaged { .. } => "E-HIS-002",
            Self::Compute(_) => "E-HIS-003",
            Self::Slice { .. } => "E-HIS-004",
            Self::Open { .. } => "E-HIS-005",
            Self::Locked => "E-HIS-006",
            Self::DiskFull => "E-HIS-007",
            Self::Database(_) => "E-HIS-008",
            Self::Unreadable { .. } => "E-HIS-009",
            Self::Portable { .. } => "E-HIS-012",
            Self::Server { .. } => "E-HIS-011",
        }
    }

    fn help(&self) -> &'static str {
        match self {
            Self::File { .. } => {
                "check that the history folder exists, is writable by kubeopt and has free space"
            }
            Self::Damaged { .. } => {
                "nothing to do: the file was set aside as `*.damaged` and its hours are read again in the next pass"
            }
            Self::Portable { .. } => {
                "name a file that `kubeopt history export` wrote, or export it again: nothing of this one was taken over"
            }
            Self::Compute(_) | Self::Slice { .. } => "report this as a fault of kubeopt",
            Self::Open { .. } => {
                "check that the folder of `store.database` exists and is writable by kubeopt; a file that is not a database of kubeopt may be moved away"
            }
            Self::Locked => {
                "make sure that only one kubeopt uses this database file; it is tried again in the next pass"
            }
            Self::DiskFull => {
                "free space on the volume of `store.database`; nothing was lost, the forge holds what is open"
            }
            Self::Database(_) => {
                "check the volume of `store.database`; if the file is damaged, delete it: kubeopt rebuilds it from the forge"
            }
            Self::Server { .. } => {
                "check that PostgreSQL runs and may be reached, and user, database, `sslmode` and password file of `store.database`; it is tried again in the next pass"
            }
            Self::Unreadable { .. } => "run the version of kubeopt that wrote the database, or a later one",
        }
    }

    /// As users see it.
    pub fn problem(&self) -> Problem {
        Problem::new(self.code(), self.to_string(), self.help())
    }
}

impl From<polars::error::PolarsError> for HistoryError {
    fn from(error: polars::error::PolarsError) -> Self {
        Self::Compute(error.to_string().chars().take(300).collect())
    }
}
