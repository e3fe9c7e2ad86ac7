//! CPU and memory, as requests and limits list them.

use serde::{Deserialize, Serialize};

use crate::quantity::{Bytes, MilliCores};

/// CPU and memory of one bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceList {
    /// CPU, if set.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cpu: Option<MilliCores>,
    /// Memory, if set.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub memory: Option<Bytes>,
}
