//! Rows of a Parquet file, some at a time: what is in memory does not grow with the file.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use polars::prelude::{DataFrame, DataType, ParquetReader, SerReader as _};

use super::columns::{Column, Columns, Reading};
use super::error::TracesError;
use super::rows::{Rows, checked};

/// Rows that are read at a time: 24 MB of numbers.
const ROWS: usize = 500_000;

/// How much of what the engine says is shown.
const SHOWN_CHARS: usize = 300;

/// A file, read slice by slice.
#[derive(Debug)]
pub(super) struct ParquetRows {
    path: PathBuf,
    columns: Columns,
    reading: Reading,
    next: usize,
    total: usize,
}

impl ParquetRows {
    pub(super) fn open(path: &Path, reading: Reading) -> Result<Self, TracesError> {
        let mut reader = ParquetReader::new(opened(path)?);
        let (names, total) = caught(path, || {
            let names = reader.schema()?.iter_names().map(|name| name.to_string()).collect::<Vec<_>>();
            Ok((names, reader.num_rows()?))
        })?;
        Ok(Self { path: path.to_owned(), columns: checked(path, &names)?, reading, next: 0, total })
    }

    fn slice(&self) -> Result<Rows, TracesError> {
        let columns = &self.columns;
        let wanted: Vec<&Column> = match self.reading {
            Reading::Provisioned => vec![&columns.cpu_provisioned, &columns.memory_provisioned],
            Reading::Everything => vec![
                &columns.series,
                &columns.time,
                &columns.cpu,
                &columns.cpu_provisioned,
                &columns.memory,
                &columns.memory_provisioned,
            ],
        };
        let file = opened(&self.path)?;
        caught(&self.path, || {
            let names = wanted.iter().map(|column| column.name.clone()).collect();
            let reader = ParquetReader::new(file).with_slice(Some((self.next, ROWS)));
            let table = reader.with_columns(Some(names)).finish()?;
            let mut rows = Rows {
                cpu_provisioned: numbers(&table, &columns.cpu_provisioned)?,
                memory_provisioned: numbers(&table, &columns.memory_provisioned)?,
                ..Rows::default()
            };
            if self.reading == Reading::Everything {
                rows.cpu = numbers(&table, &columns.cpu)?;
                rows.memory = numbers(&table, &columns.memory)?;
                rows.at_unix_s = times(&table, &columns.time)?;
                rows.runs = runs(&table, &columns.series)?;
            }
            Ok(rows)
        })
    }
}

impl Iterator for ParquetRows {
    type Item = Result<Rows, TracesError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.total {
            return None;
        }
        let rows = self.slice();
        self.next = if rows.is_ok() { self.next + ROWS } else { self.total };
        Some(rows)
    }
}

fn opened(path: &Path) -> Result<File, TracesError> {
    File::open(path).map_err(|source| TracesError::File { path: path.to_owned(), source })
}

/// The engine may panic on damaged bytes; nothing of it is used afterwards.
fn caught<T>(
    path: &Path,
    read: impl FnOnce() -> Result<T, polars::error::PolarsError>,
) -> Result<T, TracesError> {
    let refused = |why: String| TracesError::Parquet {
        path: path.to_owned(),
        why: why.chars().take(SHOWN_CHARS).collect(),
    };
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|error| refused(error.to_string())),
        Err(_) => Err(refused("it is damaged".to_owned())),
    }
}

/// NaN where nothing stands.
fn numbers(table: &DataFrame, column: &Column) -> Result<Vec<f64>, polars::error::PolarsError> {
    let numbers = table.column(&column.name)?.strict_cast(&DataType::Float64)?;
    Ok(numbers.f64()?.iter().map(|value| value.map_or(f64::NAN, |value| value * column.factor)).collect())
}

/// The first second where nothing stands: such rows come before all others and tell nothing.
fn times(table: &DataFrame, column: &Column) -> Result<Vec<i64>, polars::error::PolarsError> {
    let seconds = numbers(table, column)?;
    Ok(seconds
        .into_iter()
        .map(|second| if second.is_nan() { i64::MIN } else { second.floor() as i64 })
        .collect())
}

fn runs(table: &DataFrame, column: &Column) -> Result<Vec<(String, usize)>, polars::error::PolarsError> {
    let names = table.column(&column.name)?;
    if names.dtype().is_integer() {
        let names = names.cast(&DataType::Int64)?;
        let text = |name: Option<i64>| name.map_or_else(String::new, |name| name.to_string());
        Ok(counted(names.i64()?.iter()).into_iter().map(|(name, count)| (text(name), count)).collect())
    } else {
        let names = names.cast(&DataType::String)?;
        let text = |name: Option<&str>| name.unwrap_or_default().to_owned();
        Ok(counted(names.str()?.iter()).into_iter().map(|(name, count)| (text(name), count)).collect())
    }
}

/// Each value with how often it comes in a row.
fn counted<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<(T, usize)> {
    let mut runs: Vec<(T, usize)> = Vec::new();
    for value in values {
        match runs.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => runs.push((value, 1)),
        }
    }
    runs
}
