//! What was seen: usage sketches in Parquet and the journal in SQL.
//!
//! The home of polars and sqlx; no type of either shows in the interface. Usage comes in as series and goes out as one
//! summary per container; the journal keeps what kubeopt decided and did. This crate knows nothing of where usage comes
//! from, and decides nothing. Beside them it reads traces: usage that was recorded elsewhere, in one file.

pub mod codes;
pub mod error;
pub mod journal;
pub mod traces;
pub mod usage;

pub use error::HistoryError;
pub use journal::{
    Event, EventFilter, Journal, KeptModels, KeptNotices, ModelJournal, ModelsChange, OutboxEntry,
    OutboxStep, PostgresJournal, PostgresPlace, PullRequestRecord, RecordedState, RoundRecord, SqliteJournal,
    UploadRecord, WeightsRecord,
};
pub use traces::{MeanProvisioned, TraceFile, TracesError};
pub use usage::{MemoryUsage, Moved, ParquetUsage, Retention, Rollup, UsageStore, missing, pod_id};
