//! Measured usage: what observation hands over, and what history gives back for a window.

mod hours;

use std::fmt;

use kubeopt_signal::Sketch;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::names::{ContainerName, Namespace, ObjectName};
use crate::quantity::{Bytes, Resource};
use crate::workload::ContainerId;

pub use hours::{HourPoint, HourSeries};

/// A half-open span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// First instant within, in seconds since the epoch.
    pub from_unix_s: i64,
    /// First instant after, in seconds since the epoch.
    pub to_unix_s: i64,
}

impl Window {
    /// The `seconds` that end at `now`.
    pub fn ending(now: Timestamp, seconds: i64) -> Self {
        let to_unix_s = now.as_second();
        Self { from_unix_s: to_unix_s - seconds, to_unix_s }
    }

    /// Length in seconds, never negative.
    pub fn seconds(&self) -> i64 {
        (self.to_unix_s - self.from_unix_s).max(0)
    }

    /// Length in days.
    pub fn days(&self) -> f64 {
        self.seconds() as f64 / 86_400.0
    }
}

/// How much of what was expected is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Samples that are there.
    pub have: u64,
    /// Samples that a gapless window would have.
    pub expected: u64,
}

impl Coverage {
    /// Between 0 and 1; 0 where nothing was expected.
    pub fn ratio(&self) -> f64 {
        if self.expected == 0 { 0.0 } else { (self.have as f64 / self.expected as f64).min(1.0) }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} %", self.ratio() * 100.0)
    }
}

/// What one sample measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Mean CPU over the step, millicores.
    CpuMillicores,
    /// Highest working set within the step, bytes.
    MemoryBytes,
    /// Share of CFS periods that were throttled, 0 to 1.
    ThrottledRatio,
    /// CPU in the first five minutes after the container started, millicores; not among [`Signal::CpuMillicores`].
    CpuStartupMillicores,
    /// Working set in the first five minutes after the container started, bytes; also among [`Signal::MemoryBytes`],
    /// since memory that is missing then ends the container just the same.
    MemoryStartupBytes,
    /// Restarts within the step.
    Restarts,
    /// Share of the time in which some task waited for CPU (PSI), 0 to 1.
    CpuPressure,
    /// Share of the time in which some task waited for memory (PSI), 0 to 1.
    MemoryPressure,
    /// Highest CPU of the readings of a node agent within the step, each a mean over some ten seconds, millicores. There for
    /// each step whose usage a node agent told, and only for these.
    CpuReadingMillicores,
    /// Highest CPU within one second of the step, as a node agent watched it, millicores.
    CpuSecondMillicores,
    /// Seconds for which a CPU quota held tasks back, of the hour, as a node agent told it.
    ThrottledSeconds,
    /// Mean share of the step in which something ran on the GPUs of the container, 0 to 1, as a node agent told it.
    GpuBusy,
    /// The highest reading of that within the step, of any of them.
    GpuBusyMax,
    /// Highest share of the memory of one of its GPUs that was used within the step, 0 to 1, as a node agent told it.
    GpuMemory,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::CpuMillicores,
        Self::MemoryBytes,
        Self::ThrottledRatio,
        Self::CpuStartupMillicores,
        Self::MemoryStartupBytes,
        Self::Restarts,
        Self::CpuPressure,
        Self::MemoryPressure,
        Self::CpuReadingMillicores,
        Self::CpuSecondMillicores,
        Self::ThrottledSeconds,
        Self::GpuBusy,
        Self::GpuBusyMax,
        Self::GpuMemory,
    ];
}

/// Samples of one pod's container, in the order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageSeries {
    /// Whose.
    pub container: ContainerId,
    /// Of which pod; tells replicas apart.
    pub pod: String,
    /// What.
    pub signal: Signal,
    /// (seconds since the epoch, value in the signal's unit); finite values only.
    pub points: Vec<(i64, f64)>,
}

/// What one container uses at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct MomentSample {
    /// Namespace of its pod.
    pub namespace: Namespace,
    /// Name of its pod.
    pub pod: ObjectName,
    /// The container.
    pub container: ContainerName,
    /// When the measurement ended, in seconds since the epoch.
    pub at_unix_s: i64,
    /// Seconds over which CPU is a mean.
    pub window_s: f64,
    /// Mean CPU over these seconds, millicores; none where it is not told.
    pub cpu_millicores: Option<f64>,
    /// Working set at the end, bytes; none where it is not told.
    pub memory_bytes: Option<f64>,
}

/// What all containers of a cluster use at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Moment {
    /// One a container.
    pub samples: Vec<MomentSample>,
    /// Values and objects that could not be read and were left out.
    pub unusable: u64,
    /// Why containers are missing, if they are.
    pub partial: Option<String>,
    /// Requests that it took.
    pub requests: u64,
    /// Bytes of the answers.
    pub bytes: u64,
}

/// An OOM kill.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OomKill {
    /// Whose container.
    pub container: ContainerId,
    /// When, in seconds since the epoch (the first sample that shows it).
    pub at_unix_s: i64,
    /// The memory limit at that time, if known.
    pub limit: Option<Bytes>,
}

/// One day of one resource of one container, all pods together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DayUsage {
    /// Start of the day (UTC), in seconds since the epoch.
    pub at_unix_s: i64,
    /// All 5-minute samples of the day in millicores; empty for memory, where the highest sample is what counts.
    pub sketch: Sketch,
    /// The exact highest sample, in millicores or bytes.
    pub max: f64,
    /// Samples there and expected: of a pod from its first sight to its last, what is missing between two days included.
    #[serde(default)]
    pub coverage: Coverage,
    /// Some hour of it was not read, or read incompletely.
    #[serde(default)]
    pub partial: bool,
}

/// Usage of one resource of one container over a window, all pods together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResourceUsage {
    /// All 5-minute samples of all pods, in millicores or bytes.
    pub sketch: Sketch,
    /// The exact highest sample, in millicores or bytes.
    pub max: f64,
    /// When the highest sample was seen, in seconds since the epoch.
    pub max_at_unix_s: i64,
    /// Samples there and expected (from the first sight of each pod to its last).
    pub coverage: Coverage,
    /// The days of the window that have samples, oldest first; of the window's first day only what lies within.
    pub days: Vec<DayUsage>,
}

/// The highest samples of the first five minutes after containers started, all pods together; none where no start was
/// seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Startup {
    /// Millicores. These samples do not count for [`ContainerUsage::cpu`].
    pub cpu_max: Option<f64>,
    /// Bytes. These samples count for [`ContainerUsage::memory`] too.
    pub memory_max: Option<f64>,
}

/// Signs of trouble beside usage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Strain {
    /// Restarts of all pods.
    pub restarts: u64,
    /// Mean share of the time in which some task waited for CPU, 0 to 1; none where the kubelet does not tell.
    pub cpu_pressure: Option<f64>,
    /// Mean share of the time in which some task waited for memory, 0 to 1; none where the kubelet does not tell.
    pub memory_pressure: Option<f64>,
}

/// A CPU peak that means over minutes do not show.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CpuPeak {
    /// Millicores.
    pub millicores: f64,
    /// Start of the step of 5 minutes that it lies in, in seconds since the epoch.
    pub at_unix_s: i64,
}

/// What node agents told of a container, all pods together. It is evidence: sizing takes the same samples of 5 minutes,
/// whoever told them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenByNodes {
    /// Steps of pods that agents told, and all that there are.
    pub steps: Coverage,
    /// The highest reading, a mean over some ten seconds. Starts of containers are left out, as they are of usage.
    pub reading: CpuPeak,
    /// The highest second; none where no second was watched.
    pub second: Option<CpuPeak>,
    /// Seconds for which a CPU quota held tasks back, of all pods; none without a quota.
    pub throttled_seconds: Option<f64>,
}

/// What node agents told of the GPUs of a container, all pods and devices together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GpuSeen {
    /// Seconds that are known, from the first sight to the last; what is missing in between is left out.
    pub known_s: i64,
    /// Mean share of the time in which something ran, 0 to 1.
    pub busy_mean: f64,
    /// The highest reading of that, 0 to 1.
    pub busy_max: f64,
    /// Highest share of a device's memory that was used, 0 to 1; none where it is not told.
    pub memory_max: Option<f64>,
}

/// 5-minute points of one container, all pods together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerPoints {
    /// Whose.
    pub container: ContainerId,
    /// (start of the step in seconds since the epoch, mean over the pods of the step in millicores), oldest first.
    pub cpu: Vec<(i64, f64)>,
    /// (start of the step in seconds since the epoch, highest of the pods of the step in bytes), oldest first.
    pub memory: Vec<(i64, f64)>,
    /// The hours in which a pod's container restarted, by their starts in seconds since the epoch, oldest first.
    pub restarts: Vec<i64>,
}

/// The highest samples of one pod of a DaemonSet over a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PodPeak {
    /// The pod, as usage history calls it.
    pub pod: u64,
    /// The node that it runs on; none where it is gone, or nobody has looked.
    pub node: Option<String>,
    /// Millicores; none without a sample. Starts are left out.
    pub cpu_max: Option<f64>,
    /// Bytes; none without a sample.
    pub memory_max: Option<f64>,
}

/// Usage of one container over a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerUsage {
    /// Whose.
    pub container: ContainerId,
    /// The window that was asked for.
    pub window: Window,
    /// First and last sample within the window: the history that there really is.
    pub seen: Window,
    /// CPU in millicores; none when there is no sample.
    pub cpu: Option<ResourceUsage>,
    /// Memory in bytes; none when there is no sample.
    pub memory: Option<ResourceUsage>,
    /// OOM kills within the window, oldest first.
    pub oom_kills: Vec<OomKill>,
    /// Mean share of throttled CFS periods; none when not measured.
    pub throttled_ratio: Option<f64>,
    /// Restarts and pressure.
    pub strain: Strain,
    /// How the container is while it starts.
    pub startup: Startup,
    /// What node agents told of it; none where they told nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<SeenByNodes>,
    /// What node agents told of its GPUs; none where it has none, or nothing tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<GpuSeen>,
    /// Pods seen in the window.
    pub pods: u64,
    /// Sum of the pods' time, in hours.
    pub replica_hours: f64,
    /// Each pod of a DaemonSet, whose pods are its nodes; none of other kinds.
    pub pod_peaks: Vec<PodPeak>,
    /// CPU by hour, for charts.
    pub cpu_hours: HourSeries,
    /// Memory by hour, for charts.
    pub memory_hours: HourSeries,
    /// Why the window is partial, if it is: nothing is lowered on it.
    pub partial: Option<String>,
}

impl ContainerUsage {
    /// Of a container that was never seen in this window.
    pub fn unseen(container: ContainerId, window: Window) -> Self {
        Self {
            container,
            window,
            seen: Window { from_unix_s: window.to_unix_s, to_unix_s: window.to_unix_s },
            cpu: None,
            memory: None,
            oom_kills: Vec::new(),
            throttled_ratio: None,
            strain: Strain::default(),
            startup: Startup::default(),
            nodes: None,
            gpus: None,
            pods: 0,
            replica_hours: 0.0,
            pod_peaks: Vec::new(),
            cpu_hours: HourSeries::default(),
            memory_hours: HourSeries::default(),
            partial: None,
        }
    }

    /// Usage of one resource.
    pub fn resource(&self, resource: Resource) -> Option<&ResourceUsage> {
        match resource {
            Resource::Cpu => self.cpu.as_ref(),
            Resource::Memory => self.memory.as_ref(),
        }
    }
}
