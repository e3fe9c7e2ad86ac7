//! What node agents saw of containers, as the controller holds it until it lies in history.
//!
//! An agent knows containers by what their cgroups are called: the UID of the pod and the id of the container. Whose they are
//! is joined later. What a node does not tell is none, never zero.

use serde::{Deserialize, Serialize};

use crate::quantity::{Bytes, MilliCores};
use crate::usage::Window;

/// A container as the node calls it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CgroupId {
    /// UID of the pod; of a static pod the hash of its manifest.
    pub pod_uid: String,
    /// Id of the container, 64 hexadecimal digits.
    pub container_id: String,
}

/// A part of what a node sent.
#[derive(Debug, Clone, PartialEq)]
pub enum NodePart {
    /// Of a container.
    Series(NodeSeries),
    /// Of a GPU.
    Gpu(NodeGpu),
}

impl NodePart {
    /// What it tells of a container; none where it is of something else.
    pub fn series(self) -> Option<NodeSeries> {
        match self {
            Self::Series(series) => Some(series),
            Self::Gpu(_) => None,
        }
    }
}

impl From<NodeSeries> for NodePart {
    fn from(series: NodeSeries) -> Self {
        Self::Series(series)
    }
}

/// Who uses a GPU, as its node tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GpuUser {
    /// Nobody could say.
    Unknown,
    /// A container by its cgroup.
    Cgroup(CgroupId),
    /// A container by the names that an exporter on the node gave: namespace, pod, container.
    Named(String, String, String),
}

/// What a GPU did over a batch, for one of its users.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeGpu {
    /// The node that sent it.
    pub node: String,
    /// The same in each batch of the node.
    pub id: String,
    /// Whose.
    pub user: GpuUser,
    /// From when, in milliseconds since the epoch.
    pub from_unix_ms: i64,
    /// Until when, in milliseconds since the epoch.
    pub to_unix_ms: i64,
    /// Share of the time in which something ran, 0 to 1: mean and highest; none where it does not tell.
    pub busy: Option<(f64, f64)>,
    /// Highest share of its memory that was used, 0 to 1; none where it does not tell.
    pub memory_max: Option<f64>,
}

/// Readings of one container in a row; those of an hour come in several parts, as they were sent.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeSeries {
    /// The node that sent them.
    pub node: String,
    /// Whose.
    pub id: CgroupId,
    /// When the agent saw the container first, shortly after its start, in milliseconds since the epoch; none of one that was
    /// there before the agent.
    pub seen_unix_ms: Option<i64>,
    /// OOM kills between the first of these readings and the last.
    pub oom_kills: u32,
    /// Memory limit of the cgroup, as last seen.
    pub memory_limit: Option<Bytes>,
    /// CPU quota of the cgroup, as last seen.
    pub cpu_quota: Option<MilliCores>,
    /// Oldest first.
    pub readings: Vec<NodeReading>,
}

/// What one reading tells of the time since the one before.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct NodeReading {
    /// When it was taken, in milliseconds since the epoch.
    pub at_unix_ms: i64,
    /// How long ago the one before was, in milliseconds; above 0.
    pub span_ms: u32,
    /// CPU that was used meanwhile, microseconds.
    pub cpu_used_us: Option<u64>,
    /// Highest CPU within one second of it, millicores; none where no second was watched.
    pub cpu_peak_millicores: Option<u32>,
    /// CFS periods that ended, and those of them that were throttled; none without a quota.
    pub cfs: Option<CfsPeriods>,
    /// Working set (without inactive file cache), bytes.
    pub working_set_bytes: Option<u64>,
    /// Anonymous memory, bytes.
    pub anon_bytes: Option<u64>,
    /// Highest memory with file cache, where the kernel told a new high, bytes.
    pub memory_peak_bytes: Option<u64>,
    /// Time in which some task waited for CPU (PSI), microseconds.
    pub cpu_waited_us: Option<u64>,
    /// Time in which some task waited for memory (PSI), microseconds.
    pub memory_waited_us: Option<u64>,
    /// Time in which some task waited for IO (PSI), microseconds.
    pub io_waited_us: Option<u64>,
}

/// CFS periods of a cgroup with a quota.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CfsPeriods {
    /// Ended.
    pub all: u32,
    /// Throttled among them.
    pub throttled: u32,
    /// Time for which tasks were held back, microseconds.
    pub throttled_us: u64,
}

impl NodeReading {
    /// Mean CPU over its time, millicores.
    pub fn cpu_millicores(&self) -> Option<f64> {
        // Microseconds by milliseconds are millicores.
        self.cpu_used_us.filter(|_| self.span_ms > 0).map(|used| used as f64 / f64::from(self.span_ms))
    }
}

/// An hour of which agents sent something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeHour {
    /// The hour.
    pub hour: Window,
    /// Higher whenever something of the hour came in, over restarts too: who has read the hour at this mark has read all.
    pub mark: u64,
}

/// How one node's agent is doing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStanding {
    /// The node.
    pub node: String,
    /// A stream is open.
    pub connected: bool,
    /// Version of the agent; none before it registered with this process.
    pub version: Option<String>,
    /// The end of the newest reading that is stored, in milliseconds since the epoch.
    pub newest_unix_ms: Option<i64>,
    /// Batches that the agent lost so far since its buffer was full.
    pub dropped_batches: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_a_thousand_millicores() {
        let reading = NodeReading { span_ms: 10_000, cpu_used_us: Some(5_000_000), ..NodeReading::default() };
        assert_eq!(reading.cpu_millicores(), Some(500.0));
        assert_eq!(NodeReading::default().cpu_millicores(), None);
    }
}
