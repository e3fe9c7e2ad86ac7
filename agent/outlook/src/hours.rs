//! Lengths of time that all of it counts in.

/// Seconds of an hour.
pub const HOUR_S: i64 = 3600;

/// Hours of a day.
pub const DAY: usize = 24;

/// Hours of a week.
pub const WEEK: usize = 168;
