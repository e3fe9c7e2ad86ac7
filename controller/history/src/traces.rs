//! Recorded usage in one file, Parquet or CSV, series by series: what a backtest reads.
//!
//! Columns are found by name, the unit in the name. Rows of one series stand together, so that one series at a time is in
//! memory. Knows nothing of what traces are for.

mod columns;
mod csv;
mod error;
mod parquet;
mod rows;
mod series;

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use kubeopt_model::UsageTrace;

pub use columns::COLUMNS;
pub use error::TracesError;

use columns::Reading;
use csv::CsvRows;
use parquet::ParquetRows;
use rows::Rows;
use series::Gathering;

/// The first bytes of each Parquet file.
const PARQUET_MAGIC: &[u8; 4] = b"PAR1";

/// A file of traces.
#[derive(Debug, Clone)]
pub struct TraceFile {
    path: PathBuf,
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Parquet,
    Csv,
}

/// What is provisioned on average, each sample counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MeanProvisioned {
    /// CPU in millicores.
    pub cpu_millicores: f64,
    /// Memory in bytes.
    pub memory_bytes: f64,
}

impl TraceFile {
    /// Opens a file and tells by its first bytes what it is: whatever is not Parquet is read as CSV.
    ///
    /// # Errors
    /// [`TracesError::File`] where it cannot be read.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, TracesError> {
        let path = path.into();
        let mut magic = [0; PARQUET_MAGIC.len()];
        let file = File::open(&path).map_err(|source| TracesError::File { path: path.clone(), source })?;
        let mut start = file.take(magic.len() as u64);
        let read = start.read_exact(&mut magic);
        let format = if read.is_ok() && magic == *PARQUET_MAGIC { Format::Parquet } else { Format::Csv };
        Ok(Self { path, format })
    }

    /// All series, one after the other, each in the order of time.
    ///
    /// # Errors
    /// Where the file cannot be read, lacks columns, or holds what is no number; the iterator ends after an error.
    pub fn traces(
        &self,
    ) -> Result<impl Iterator<Item = Result<UsageTrace, TracesError>> + use<>, TracesError> {
        Ok(Gathering::new(self.rows(Reading::Everything)?))
    }

    /// The means of what is provisioned; 0 where nothing is said.
    ///
    /// # Errors
    /// As [`TraceFile::traces`].
    pub fn mean_provisioned(&self) -> Result<MeanProvisioned, TracesError> {
        let (mut cpu, mut memory) = (Mean::default(), Mean::default());
        for rows in self.rows(Reading::Provisioned)? {
            let rows = rows?;
            rows.cpu_provisioned.iter().for_each(|value| cpu.add(*value));
            rows.memory_provisioned.iter().for_each(|value| memory.add(*value));
        }
        Ok(MeanProvisioned { cpu_millicores: cpu.value(), memory_bytes: memory.value() })
    }

    fn rows(&self, reading: Reading) -> Result<RowsOf, TracesError> {
        Ok(match self.format {
            Format::Parquet => RowsOf::Parquet(ParquetRows::open(&self.path, reading)?),
            Format::Csv => RowsOf::Csv(CsvRows::open(&self.path, reading)?),
        })
    }
}

/// Rows of either format.
#[derive(Debug)]
enum RowsOf {
    Parquet(ParquetRows),
    Csv(CsvRows),
}

impl Iterator for RowsOf {
    type Item = Result<Rows, TracesError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Parquet(rows) => rows.next(),
            Self::Csv(rows) => rows.next(),
        }
    }
}

#[derive(Debug, Default)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        if value.is_finite() && value >= 0.0 {
            self.sum += value;
            self.count += 1;
        }
    }

    fn value(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }
}

#[cfg(test)]
mod tests;
