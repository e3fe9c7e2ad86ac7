//! The seam: what any source of usage can do. Prometheus is one; recorded usage is its twin without a server.

use async_trait::async_trait;
use kubeopt_model::gpu::GpuUse;
use kubeopt_model::usage::{OomKill, UsageSeries, Window};
use kubeopt_model::{Problem, Timestamp};
use serde::{Deserialize, Serialize};

use crate::aftermath::{SignsAsked, SignsRead};
use crate::error::ObserveError;
use crate::owners::PodOwners;

/// Seconds between two samples of CPU and memory.
pub const STEP_S: i64 = 300;

/// Seconds after a container's start whose CPU does not speak for its request: what most programs take to load, compile
/// and warm up, and one step.
pub const STARTUP_S: i64 = 300;

/// Longest slice. A day keeps one answer at 288 points a series: some megabytes for a thousand containers, and far from
/// the 11,000 points and 50 million samples at which Prometheus refuses.
pub const SLICE_SECONDS_MAX: i64 = 86_400;

/// Takes series while they arrive.
pub type Sink<'a> = &'a mut (dyn FnMut(UsageSeries) + Send);

/// What can be read of a source at this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// All hours that have ended, as far as the source goes back.
    Past,
    /// The source has no past and tells what it was asked often enough: only of these slices, oldest first. The running
    /// hour may be among them. Each read gives all that is known of the hour, so it is stored in the place of what was
    /// stored of it before.
    Sampled(Vec<Window>),
    /// As [`Reach::Past`]; of these hours more is known than when they were read, so they are read again.
    PastAndAgain(Vec<Window>),
}

/// Where usage comes from.
#[async_trait]
pub trait MetricsSource: Send + Sync {
    /// Looks what can be read; asked before each pass and, by a process that stays, every [`STEP_S`] between them. A source
    /// without a past takes a sample here.
    ///
    /// # Errors
    /// Any [`ObserveError`], where there was something to ask.
    async fn reach(&self, now: Timestamp) -> Result<Reach, ObserveError>;

    /// Reads CPU, memory, throttling, restarts and pressure of all containers with a known owner and hands each series to
    /// `sink`; samples of the first [`STARTUP_S`] after a container's start come as signals of their own.
    ///
    /// A sample is stamped with the start of the step that it measures. `slice` lies on whole hours and is at most
    /// [`SLICE_SECONDS_MAX`] long. A series may arrive in several parts; no sample comes twice.
    ///
    /// # Errors
    /// Any [`ObserveError`]. What the sink has been given before belongs to an incomplete slice: drop it.
    async fn read(
        &self,
        slice: Window,
        owners: &PodOwners,
        sink: Sink<'_>,
    ) -> Result<SliceReport, ObserveError>;

    /// Says that what was read last of this slice is stored: what the source holds of it only until then may go.
    fn stored(&self, slice: Window);

    /// OOM kills within the window, oldest first, of containers with a known owner.
    ///
    /// # Errors
    /// Any [`ObserveError`].
    async fn oom_kills(&self, window: Window, owners: &PodOwners) -> Result<Vec<OomKill>, ObserveError>;

    /// The signs by which a merge is judged, of some containers over a window of whole hours: kills, restarts, throttling,
    /// pressure, an objective, and what else may have changed. What is not told is none.
    ///
    /// # Errors
    /// Any [`ObserveError`]. An objective that cannot be used is a problem in the answer and no error.
    async fn window_signs(&self, asked: &SignsAsked, owners: &PodOwners) -> Result<SignsRead, ObserveError>;

    /// How busy GPUs were in the last days, by container with a known owner; empty where nothing tells.
    ///
    /// # Errors
    /// Any [`ObserveError`].
    async fn gpu_use(&self, owners: &PodOwners) -> Result<Vec<GpuUse>, ObserveError>;

    /// Looks whether the source can be used and what it offers.
    ///
    /// # Errors
    /// Any [`ObserveError`].
    async fn check(&self) -> Result<SourceFacts, ObserveError>;
}

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

/// What a source offers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceFacts {
    /// Version, where the source tells it.
    pub version: Option<String>,
    /// Containers with CPU samples now.
    pub cpu_containers: u64,
    /// Containers with memory samples now.
    pub memory_containers: u64,
    /// Containers with CFS periods now; 0 where throttling is not measured.
    pub throttled_containers: u64,
    /// kube-state-metrics is scraped: OOM kills and owners of past pods are known.
    pub kube_state_metrics: bool,
    /// Seconds between two raw samples, estimated; none without samples.
    pub scrape_interval_s: Option<u64>,
    /// The source has no past: it tells what is at the moment it is asked.
    pub only_now: bool,
}
