//! How busy the GPUs of a container were.

use serde::{Deserialize, Serialize};

use crate::workload::ContainerId;

/// Who tells how busy GPUs were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GpuSource {
    /// NVIDIA's DCGM exporter, through a Prometheus that scrapes it.
    Prometheus,
    /// Node agents: device files, or the exporter on the node.
    NodeAgents,
}

/// GPUs of one container over the last days, all of its pods and devices together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GpuUse {
    /// Whose.
    pub container: ContainerId,
    /// Who tells.
    pub source: GpuSource,
    /// Hours that are known, of a week at most.
    pub hours: u32,
    /// Mean share of the time in which a kernel ran, 0 to 1.
    pub busy_mean: f64,
    /// The highest sample of that, 0 to 1.
    pub busy_max: f64,
    /// Highest share of a device's memory that was used, 0 to 1; none where it is not told.
    pub memory_max: Option<f64>,
}
