//! Rows of the store's tables as rows of the one table of a file, and that file being written.

use std::fs::File;
use std::path::Path;

use kubeopt_model::ClusterName;
use polars::io::parquet::write::BatchedWriter;
use polars::prelude::*;

use super::super::frame;
use super::super::merge::Day;
use super::super::points;
use crate::error::HistoryError;

/// Rows that are written at a time. Most of their columns are empty; all of them take 25 MB in memory.
const ROWS: usize = 200_000;

/// Which table of the store a row is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Ledger,
    Bins,
    Pods,
    Points,
}

impl Part {
    /// As they follow each other within a day.
    pub(super) const ALL: [Self; 4] = [Self::Ledger, Self::Bins, Self::Pods, Self::Points];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Bins => "bins",
            Self::Pods => "pods",
            Self::Points => "points",
        }
    }

    /// The columns of its table.
    pub(super) fn columns(self) -> Vec<(&'static str, DataType)> {
        let series = ("series", DataType::UInt64);
        let hour = ("hour", DataType::Int64);
        match self {
            Self::Ledger => vec![("ledger", DataType::String)],
            Self::Bins => vec![series, hour, ("bin", DataType::Int32), ("count", DataType::UInt32)],
            Self::Pods => vec![
                series,
                ("pod", DataType::UInt64),
                hour,
                ("samples", DataType::UInt32),
                ("first", DataType::Int64),
                ("last", DataType::Int64),
                ("sum", DataType::Float64),
                ("max", DataType::Float64),
                ("max_at", DataType::Int64),
            ],
            Self::Points => {
                let minutes = points::columns().into_iter().skip(2).map(|name| (name, DataType::Float32));
                [series, hour].into_iter().chain(minutes).collect()
            }
        }
    }
}

/// What every row has, and the columns of all tables.
pub(super) fn columns() -> Vec<(&'static str, DataType)> {
    let mut all = vec![("part", DataType::String), ("cluster", DataType::String), ("day", DataType::Int64)];
    for (name, kind) in Part::ALL.into_iter().flat_map(Part::columns) {
        if !all.iter().any(|(known, _)| *known == name) {
            all.push((name, kind));
        }
    }
    all
}

/// A file on its way.
pub(super) struct FlatWriter {
    writer: BatchedWriter<File>,
}

impl FlatWriter {
    /// A new file.
    pub(super) fn create(path: &Path) -> Result<Self, HistoryError> {
        let failed = |source| HistoryError::File { path: path.to_owned(), source };
        let file = File::create(path).map_err(failed)?;
        let schema: Schema =
            columns().into_iter().map(|(name, kind)| Field::new(name.into(), kind)).collect();
        let writer = ParquetWriter::new(file)
            .with_compression(ParquetCompression::Zstd(Some(ZstdLevel::try_new(3)?)))
            .with_statistics(StatisticsOptions::empty())
            .batched(&schema)?;
        Ok(Self { writer })
    }

    /// Adds a day: the hours that its ledger names.
    pub(super) fn with_day(
        mut self,
        cluster: &ClusterName,
        day: i64,
        whole: &Day,
    ) -> Result<Self, HistoryError> {
        let text = String::from_utf8(whole.ledger.write()?)
            .map_err(|error| HistoryError::Compute(error.to_string()))?;
        let ledger = DataFrame::new(vec![StringChunked::full("ledger".into(), &text, 1).into_column()])?;
        self.add(Part::Ledger, cluster, day, &ledger)?;
        let counts = |hour: i64| whole.ledger.hours.contains_key(&hour);
        let tables = [
            (Part::Bins, Some(&whole.tables.bins)),
            (Part::Pods, Some(&whole.tables.pods)),
            (Part::Points, whole.points.as_ref()),
        ];
        for (part, table) in tables {
            if let Some(table) = table {
                self.add(part, cluster, day, &frame::picked(table, &counts)?)?;
            }
        }
        Ok(self)
    }

    /// Ends the file.
    pub(super) fn finish(self) -> Result<(), HistoryError> {
        self.writer.finish()?;
        Ok(())
    }

    fn add(
        &mut self,
        part: Part,
        cluster: &ClusterName,
        day: i64,
        table: &DataFrame,
    ) -> Result<(), HistoryError> {
        let mut from = 0;
        while from < table.height() {
            let piece = table.slice(from as i64, ROWS);
            let rows = piece.height();
            let own = part.columns();
            let all = columns().into_iter().map(|(name, kind)| match name {
                "part" => Ok(StringChunked::full("part".into(), part.name(), rows).into_column()),
                "cluster" => Ok(StringChunked::full("cluster".into(), cluster.as_str(), rows).into_column()),
                "day" => Ok(Int64Chunked::full("day".into(), day, rows).into_column()),
                name if own.iter().any(|(own, _)| *own == name) => piece.column(name).cloned(),
                name => Ok(Column::full_null(name.into(), rows, &kind)),
            });
            let mut flat = DataFrame::new(all.collect::<PolarsResult<Vec<_>>>()?)?;
            flat.as_single_chunk();
            self.writer.write_batch(&flat)?;
            from += rows;
        }
        Ok(())
    }
}
