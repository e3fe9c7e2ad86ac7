//! The target of a HorizontalPodAutoscaler that is a share of a request: where it stands in Git, and how it moves together
//! with the request.
//!
//! Share times request is the *scale point*: the usage of one pod at which replicas are added. It is what people tuned,
//! so whoever moves one of the two moves the other.

use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::names::ObjectName;
use crate::quantity::{Amount, Resource};
use crate::source::{EditSite, RenderedWorkload};

/// A target, and the scalar in Git that sets it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ScaleTarget {
    /// The autoscaler.
    pub scaler: String,
    /// The resource that is kept at a share of its request.
    pub resource: Resource,
    /// The share, in per cent.
    pub percent: u32,
    /// The scalar.
    pub site: EditSite,
}

/// A target that moves with its request, in the same pull request or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetChange {
    /// The target as it stands.
    pub target: ScaleTarget,
    /// The share that shall stand there, in per cent.
    pub after: u32,
    /// The usage of one pod at which replicas are added; the sides differ by rounding alone.
    pub scale_point: Change<Amount>,
}

impl TargetChange {
    /// The share before and after, in per cent.
    pub fn percent(&self) -> Change<u32> {
        Change { before: self.target.percent, after: self.after }
    }
}

impl std::fmt::Display for TargetChange {
    /// ``HPA `web` target 70 % → 84 %, scale point kept at 700m``
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (target, point) = (&self.target, self.scale_point);
        write!(f, "HPA `{}` target {} % → {} %, ", target.scaler, target.percent, self.after)?;
        match point.is_none() {
            true => write!(f, "scale point kept at {}", point.before),
            false => write!(f, "scale point kept at {} ({} before)", point.after, point.before),
        }
    }
}

/// The integer of a target that is to be replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetEdit {
    /// Which scalar, with the text that must stand there now.
    pub site: EditSite,
    /// What shall stand there, in per cent.
    pub after: u32,
}

/// A target that differs between two renderings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChangedTarget {
    /// The autoscaler.
    pub scaler: ObjectName,
    /// The workload that it scales.
    pub workload: RenderedWorkload,
    /// The resource.
    pub resource: Resource,
    /// The share, in per cent.
    pub percent: Change<u32>,
}
