//! One slice of time that is read from a source: its steps, its bounds, and what reading it took and gave.

use kubeopt_model::Problem;
use kubeopt_model::usage::Window;
use serde::{Deserialize, Serialize};

use crate::error::ObserveError;

/// Seconds between two samples of CPU and memory.
pub const STEP_S: i64 = 300;

/// Seconds after a container's start whose CPU does not speak for its request: what most programs take to load, compile
/// and warm up, and one step.
pub const STARTUP_S: i64 = 300;

/// Longest slice. A day keeps one answer at 288 points a series: some megabytes for a thousand containers, and far from
/// the 11,000 points and 50 million samples at which Prometheus refuses.
pub const SLICE_SECONDS_MAX: i64 = 86_400;

/// What reading one slice took and gave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceReport {
    /// Requests that were sent, repetitions included.
    pub queries: u64,
    /// Samples handed to the sink.
    pub samples: u64,
    /// Series handed to the sink.
    pub series: u64,
    /// Bytes of the answers, after decompression.
    pub bytes: u64,
    /// Samples dropped: NaN, infinite, negative.
    pub unusable_samples: u64,
    /// Samples dropped: outside of the slice, the future included.
    pub misplaced_samples: u64,
    /// Series dropped: the same labels twice in one answer, or labels that no container can have.
    pub odd_series: u64,
    /// Series dropped: no known workload owns the pod.
    pub unowned_series: u64,
    /// Hours that node agents told of and that cannot be read now.
    pub unread_hours: u64,
    /// Why the first of them is not.
    pub unread: Option<Problem>,
    /// Hours that stayed as they were in history, since there is more of them there; who stores the slice sets it.
    pub kept_hours: u64,
    /// Why the slice is incomplete, if it is: nothing is lowered on it.
    pub partial: Option<String>,
    /// Set when no series came at all, with what that means.
    pub empty: Option<Emptiness>,
}

impl SliceReport {
    /// Adds another report; the first reason for incompleteness stays.
    pub fn absorb(&mut self, other: &Self) {
        self.queries += other.queries;
        self.samples += other.samples;
        self.series += other.series;
        self.bytes += other.bytes;
        self.unusable_samples += other.unusable_samples;
        self.misplaced_samples += other.misplaced_samples;
        self.odd_series += other.odd_series;
        self.unowned_series += other.unowned_series;
        self.unread_hours += other.unread_hours;
        self.unread = self.unread.take().or_else(|| other.unread.clone());
        self.kept_hours += other.kept_hours;
        self.partial = self.partial.take().or_else(|| other.partial.clone());
        self.empty = if self.series == 0 { self.empty.or(other.empty) } else { None };
    }
}

/// The slice, if it can be read: whole hours, not empty, at most a day.
pub(crate) fn checked(slice: Window) -> Result<Window, ObserveError> {
    let whole = slice.from_unix_s % 3600 == 0 && slice.to_unix_s % 3600 == 0;
    let length = slice.to_unix_s.saturating_sub(slice.from_unix_s);
    if whole && (1..=SLICE_SECONDS_MAX).contains(&length) {
        Ok(slice)
    } else {
        Err(ObserveError::Slice { window: slice })
    }
}

/// Why an answer without series is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Emptiness {
    /// The source has no container metrics at all: cAdvisor is not scraped.
    NoSuchMetric,
    /// There are container metrics at that time, but none match the cluster label and namespaces.
    NothingSelected,
    /// There are container metrics today, but not from that time.
    NoDataThen,
}
