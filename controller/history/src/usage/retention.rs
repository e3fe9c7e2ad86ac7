//! How long usage is kept.

/// Days of hours that are kept by default: the longest window that a rule asks for.
pub const RETENTION_DAYS: i64 = 90;

/// Days of 5-minute points that are kept by default: the window of the published rules that look at single samples.
pub const POINT_DAYS: i64 = 14;

/// How long usage is kept, in whole days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Hours: sketches, maxima, OOM kills, throttling, restarts, pressure.
    pub hours_days: i64,
    /// 5-minute points; not longer than hours.
    pub points_days: i64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { hours_days: RETENTION_DAYS, points_days: POINT_DAYS }
    }
}
