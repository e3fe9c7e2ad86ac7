//! How busy the GPUs of a container were.

use serde::{Deserialize, Serialize};

use crate::workload::ContainerId;

/// GPUs of one container over the last days, all of its pods and devices together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GpuUse {
    /// Whose.
    pub container: ContainerId,
    /// Days that were looked at.
    pub days: u32,
    /// Mean share of the time in which a kernel ran, 0 to 1.
    pub busy_mean: f64,
    /// The highest sample of that, 0 to 1.
    pub busy_max: f64,
    /// Highest share of a device's memory that was used, 0 to 1; none where it is not told.
    pub memory_max: Option<f64>,
}
