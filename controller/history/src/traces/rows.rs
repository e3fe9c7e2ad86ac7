//! Some rows of a file of traces, and the columns that it must have. Knows no format.

use std::path::Path;

use super::columns::Columns;
use super::error::TracesError;

/// Some rows in columns: as many of each. Values that are missing are NaN.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// (series, how many rows in a row), in the order of the file.
    pub(super) runs: Vec<(String, usize)>,
    pub(super) at_unix_s: Vec<i64>,
    pub(super) cpu: Vec<f64>,
    pub(super) cpu_provisioned: Vec<f64>,
    pub(super) memory: Vec<f64>,
    pub(super) memory_provisioned: Vec<f64>,
}

/// Columns of a file, checked.
pub(super) fn checked(path: &Path, names: &[String]) -> Result<Columns, TracesError> {
    Columns::find(names).map_err(|missing| TracesError::Columns {
        path: path.to_owned(),
        missing: missing.into_iter().map(str::to_owned).collect(),
        found: names.to_vec(),
    })
}
