//! Usage history: hourly mergeable sketches and exact maxima, per container and signal, and 5-minute points of the last
//! days beside them.
//!
//! A slice of series becomes three tables (see [`frame`] and [`points`]); a day is segments of tables, a digest of them, and its
//! ledger (see [`day`] and [`digest`]); a window of days becomes one summary per container (see [`summary`]). Hours are replaced whole, so that reading a
//! slice twice, or a kill between two files, changes nothing.

mod cover;
mod day;
mod digest;
mod files;
mod frame;
mod merge;
mod points;
mod portable;
mod retention;
mod rollup;
mod series_day;
mod shelf;
mod store;
mod summary;
mod tables;

#[cfg(test)]
mod tests;

pub use cover::missing;
pub use files::{MemoryUsage, ParquetUsage, UsageFiles};
pub use points::POINT_ERROR;
pub use portable::Moved;
pub use retention::{POINT_DAYS, RETENTION_DAYS, Retention};
pub use rollup::{Rollup, pod_id};
pub use shelf::{Folder, Memory, Shelf};
pub use store::UsageStore;

/// Seconds between two samples, as observation delivers them.
pub const STEP_S: i64 = 300;

/// Seconds of an hour.
pub(crate) const HOUR_S: i64 = 3600;

/// Seconds of a day; days begin at midnight UTC.
pub(crate) const DAY_S: i64 = 86_400;
