//! Usage of one container sample by sample, beside what it was given at that time: what sizing rules are tried on.

use crate::quantity::Resource;

/// One container over the time that was recorded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UsageTrace {
    /// Its name, unique among the traces of one source.
    pub name: String,
    /// CPU in millicores.
    pub cpu: ResourceTrace,
    /// Memory in bytes.
    pub memory: ResourceTrace,
}

/// One resource of one container.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResourceTrace {
    /// (seconds since the epoch, value), oldest first; finite values that are not negative.
    pub points: Vec<(i64, f64)>,
    /// What was provisioned at each point: as long as `points`, in the same unit.
    pub provisioned: Vec<f64>,
}

impl UsageTrace {
    /// One resource.
    pub fn resource(&self, resource: Resource) -> &ResourceTrace {
        match resource {
            Resource::Cpu => &self.cpu,
            Resource::Memory => &self.memory,
        }
    }

    /// When the first sample was taken, in seconds since the epoch; none where there is none.
    pub fn starts_unix_s(&self) -> Option<i64> {
        let first = |resource: &ResourceTrace| resource.points.first().map(|(at, _)| *at);
        [first(&self.cpu), first(&self.memory)].into_iter().flatten().min()
    }
}
