//! What is known about one container when its size is decided.

use kubeopt_model::usage::ContainerPoints;
use kubeopt_model::{Container, ContainerId, ContainerUsage, Resources, Workload};
use kubeopt_strategies::Fleet;

/// One container, its workload, and its usage over the policy's window.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The workload, as the cluster shows it now.
    pub workload: Workload,
    /// The container of its pod template.
    pub container: Container,
    /// What its pods run with although the template does not say it: a LimitRange or a webhook fills it in.
    pub filled_in: Resources,
    /// Usage over the window; none when no sample was found.
    pub usage: Option<ContainerUsage>,
    /// 5-minute points of its last days, for strategies that need them; none where they were not read.
    pub points: Option<ContainerPoints>,
    /// What containers of the fleet request on average; none where that is not known. Risks are priced by it.
    pub fleet: Option<Fleet>,
}

impl Evidence {
    /// The key of its usage history.
    pub fn id(&self) -> ContainerId {
        ContainerId { workload: self.workload.id.clone(), container: self.container.name.clone() }
    }
}
