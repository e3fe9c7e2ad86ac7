//! Another sizer of the same workload: a VerticalPodAutoscaler.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::ContainerName;
use crate::quantity::Resource;
use crate::resource_list::ResourceList;

/// A VerticalPodAutoscaler that targets a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vpa {
    /// Name of the object.
    pub name: String,
    /// Whether it sets requests, or only says what it would set.
    pub mode: VpaMode,
    /// What it controls where its policy says nothing of a container.
    pub controls: Vec<Resource>,
    /// What its policy says of containers by name: what it controls; nothing where its mode is `Off`.
    pub of_containers: Vec<(ContainerName, Vec<Resource>)>,
    /// The targets of its status.
    pub targets: Vec<(ContainerName, ResourceList)>,
}

/// `spec.updatePolicy.updateMode`
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum VpaMode {
    /// It recommends and sets nothing.
    Off,
    /// It sets requests of pods when they are made.
    Initial,
    /// It sets requests of pods when they are made, and evicts them for that.
    Recreate,
    /// It sets requests of running pods, and evicts them where that fails.
    InPlaceOrRecreate,
    /// What its version does by default; also any mode that is not known.
    Auto,
}

impl VpaMode {
    /// It changes requests of pods.
    pub fn acts(self) -> bool {
        match self {
            Self::Off => false,
            Self::Initial | Self::Recreate | Self::InPlaceOrRecreate | Self::Auto => true,
        }
    }
}

impl fmt::Display for VpaMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Vpa {
    /// Whether it speaks of a resource of a container.
    pub fn controls(&self, container: &ContainerName, resource: Resource) -> bool {
        let own = self.of_containers.iter().find(|(name, _)| name == container);
        own.map_or(&self.controls, |(_, own)| own).contains(&resource)
    }

    /// What it would set for a container.
    pub fn target(&self, container: &ContainerName) -> Option<&ResourceList> {
        self.targets.iter().find(|(name, _)| name == container).map(|(_, target)| target)
    }
}
