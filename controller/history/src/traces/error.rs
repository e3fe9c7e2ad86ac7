//! What can go wrong with a file of traces.

use std::path::PathBuf;

use kubeopt_model::Problem;

use super::columns::wanted;

/// The columns of a file as a message names them.
fn there_are(columns: &[String]) -> String {
    let is_empty = columns.iter().all(|name| name.trim().is_empty());
    if is_empty { "none: the file is empty".to_owned() } else { columns.join(", ") }
}

/// Why a file of traces cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// It cannot be opened or read.
    #[error("unable to read `{}`: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Columns are not there.
    #[error("`{}` has no column for {}; it has {}", path.display(), missing.join(", "), there_are(found))]
    Columns {
        /// Which.
        path: PathBuf,
        /// What the missing columns would hold.
        missing: Vec<String>,
        /// The columns that are there.
        found: Vec<String>,
    },
    /// A field is not what its column says.
    #[error("line {line}: `{text}` in column `{column}` is no number")]
    Value {
        /// Counted from 1.
        line: u64,
        /// Its name.
        column: String,
        /// What stands there, shortened.
        text: String,
    },
    /// A line that is too long or lacks fields.
    #[error("line {line}: {why}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The rows of a series do not stand together.
    #[error("the rows of series `{name}` do not stand together")]
    Scattered {
        /// Which.
        name: String,
    },
    /// A series is longer than what is held in memory.
    #[error("series `{name}` has more than {max} samples")]
    TooLong {
        /// Which.
        name: String,
        /// How many there may be.
        max: usize,
    },
    /// The Parquet file is damaged or holds other types.
    #[error("unable to read `{}` as Parquet: {why}", path.display())]
    Parquet {
        /// Which.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
}

impl TracesError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "E-HIS-031",
            Self::Columns { .. } => "E-HIS-032",
            Self::Value { .. } | Self::Line { .. } => "E-HIS-033",
            Self::Scattered { .. } => "E-HIS-034",
            Self::TooLong { .. } => "E-HIS-035",
            Self::Parquet { .. } => "E-HIS-036",
        }
    }

    fn help(&self) -> String {
        match self {
            Self::File { .. } => "name a file that exists and may be read".to_owned(),
            Self::Columns { .. } => format!("columns are found by name, the unit in the name: {}", wanted()),
            Self::Value { .. } | Self::Line { .. } => {
                "correct that line; a value that was not measured is left empty".to_owned()
            }
            Self::Scattered { .. } => "sort the rows by series, then by time".to_owned(),
            Self::TooLong { .. } => {
                "keep 90 days at steps of 5 minutes; a backtest looks at no more".to_owned()
            }
            Self::Parquet { .. } => {
                "write the file anew, with numbers in all columns but that of the series".to_owned()
            }
        }
    }

    /// As users see it.
    pub fn problem(&self) -> Problem {
        Problem::new(self.code(), self.to_string(), self.help())
    }
}
