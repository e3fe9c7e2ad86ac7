//! The seam: what any source of usage can do. Prometheus is one; recorded usage is its twin without a server.

use async_trait::async_trait;
use kubeopt_model::Timestamp;
use kubeopt_model::gpu::GpuUse;
use kubeopt_model::usage::{OomKill, UsageSeries, Window};
use serde::{Deserialize, Serialize};

pub(crate) use crate::slice::checked;
pub use crate::slice::{Emptiness, SLICE_SECONDS_MAX, STARTUP_S, STEP_S, SliceReport};

use crate::error::ObserveError;
use crate::owners::PodOwners;
use crate::window_signs::{SignsAsked, SignsRead};

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
