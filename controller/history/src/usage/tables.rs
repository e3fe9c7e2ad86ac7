//! The tables of a day as files in Parquet.

use std::io::Cursor;

use polars::prelude::{
    DataFrame, ParquetCompression, ParquetReader, ParquetWriter, SerReader as _, StatisticsOptions, ZstdLevel,
};

use super::{frame, points};
use crate::error::HistoryError;

/// A day's tables, or those of one segment.
#[derive(Debug, Clone, Default)]
pub(super) struct Tables {
    pub(super) bins: DataFrame,
    pub(super) pods: DataFrame,
}

impl Tables {
    /// These, and others of the same day below them.
    pub(super) fn stacked(self, other: &Self) -> Result<Self, HistoryError> {
        Ok(Self {
            bins: frame::stacked(self.bins, &other.bins)?,
            pods: frame::stacked(self.pods, &other.pods)?,
        })
    }

    /// The rows of these hours.
    pub(super) fn picked(&self, counts: &dyn Fn(i64) -> bool) -> Result<Self, HistoryError> {
        Ok(Self { bins: frame::picked(&self.bins, counts)?, pods: frame::picked(&self.pods, counts)? })
    }

    /// From the bytes of the two files. The engine may panic on damaged bytes; the caller runs it where that is caught.
    pub(super) fn read(bins: Vec<u8>, pods: Vec<u8>) -> Result<Self, String> {
        Ok(Self {
            bins: table(bins, &["series", "hour", "bin", "count"])?,
            pods: table(
                pods,
                &["series", "pod", "hour", "samples", "first", "last", "sum", "max", "max_at"],
            )?,
        })
    }

    /// The bytes of the two files: bins, pods.
    pub(super) fn write(&mut self) -> Result<(Vec<u8>, Vec<u8>), HistoryError> {
        Ok((parquet(&mut self.bins)?, parquet(&mut self.pods)?))
    }

    /// The third table, from the bytes of its file; may panic as [`Tables::read`].
    pub(super) fn read_points(bytes: Vec<u8>) -> Result<DataFrame, String> {
        table(bytes, &points::columns())
    }

    /// The bytes of the file of a third table or a digest.
    pub(super) fn write_one(table: &mut DataFrame) -> Result<Vec<u8>, HistoryError> {
        parquet(table)
    }
}

pub(super) fn table(bytes: Vec<u8>, columns: &[&str]) -> Result<DataFrame, String> {
    let mut table = ParquetReader::new(Cursor::new(bytes)).finish().map_err(|error| error.to_string())?;
    table.as_single_chunk_par();
    table.select(columns.iter().copied()).map_err(|error| error.to_string())
}

fn parquet(table: &mut DataFrame) -> Result<Vec<u8>, HistoryError> {
    let mut bytes = Vec::new();
    table.as_single_chunk();
    // Level 1: numbers in sorted runs are small already; higher levels gain a few per cent and cost several times as much.
    ParquetWriter::new(&mut bytes)
        .with_compression(ParquetCompression::Zstd(Some(ZstdLevel::try_new(1)?)))
        .with_statistics(StatisticsOptions::empty())
        .finish(table)?;
    Ok(bytes)
}
