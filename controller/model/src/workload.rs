//! Workloads and their containers, as the cluster shows them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use crate::resource_list::ResourceList;

use crate::java::JavaFlags;
use crate::names::{ClusterName, ContainerName, InvalidName, Namespace, ObjectName};
use crate::quantity::{Amount, Bound, Field, Resource};
use crate::vpa::Vpa;

/// The kinds that kubeopt sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WorkloadKind {
    /// `apps/v1` Deployment
    Deployment,
    /// `apps/v1` StatefulSet
    StatefulSet,
    /// `apps/v1` DaemonSet
    DaemonSet,
    /// `batch/v1` Job
    Job,
    /// `batch/v1` CronJob
    CronJob,
    /// `argoproj.io/v1alpha1` Rollout
    Rollout,
}

impl WorkloadKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Deployment, Self::StatefulSet, Self::DaemonSet, Self::Job, Self::CronJob, Self::Rollout];

    /// The `kind` of the manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::Rollout => "Rollout",
        }
    }

    /// The API group of the manifest's `apiVersion`.
    pub fn api_group(self) -> &'static str {
        match self {
            Self::Deployment | Self::StatefulSet | Self::DaemonSet => "apps",
            Self::Job | Self::CronJob => "batch",
            Self::Rollout => "argoproj.io",
        }
    }

    /// The short name that tables show, as kubectl would: `deploy`, `sts`, `ds`, `job`, `cronjob`, `rollout`.
    pub fn short(self) -> &'static str {
        match self {
            Self::Deployment => "deploy",
            Self::StatefulSet => "sts",
            Self::DaemonSet => "ds",
            Self::Job => "job",
            Self::CronJob => "cronjob",
            Self::Rollout => "rollout",
        }
    }

    /// The keys that lead from the document's root to the pod spec.
    pub fn pod_spec_path(self) -> &'static [&'static str] {
        match self {
            Self::Deployment | Self::StatefulSet | Self::DaemonSet | Self::Job | Self::Rollout => {
                &["spec", "template", "spec"]
            }
            Self::CronJob => &["spec", "jobTemplate", "spec", "template", "spec"],
        }
    }

    /// Runs to completion rather than serving.
    pub fn is_batch(self) -> bool {
        matches!(self, Self::Job | Self::CronJob)
    }
}

impl fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for WorkloadKind {
    type Err = InvalidName;

    /// Reads the kind, its lower-case singular and plural, and kubectl's short names.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|kind| {
                let full = kind.as_str().to_ascii_lowercase();
                lower == full
                    || lower == format!("{full}s")
                    || lower == kind.short()
                    || (lower == "cj" && *kind == Self::CronJob)
            })
            .ok_or_else(|| InvalidName {
                what: "workload kind",
                text: text.chars().take(80).collect(),
                rule: "one of deployment, statefulset, daemonset, job, cronjob, rollout",
            })
    }
}

/// One workload in one cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkloadId {
    /// Cluster.
    pub cluster: ClusterName,
    /// Namespace.
    pub namespace: Namespace,
    /// Kind.
    pub kind: WorkloadKind,
    /// Name.
    pub name: ObjectName,
}

impl WorkloadId {
    /// As tables show it within a namespace: `deploy/api`.
    pub fn short(&self) -> String {
        format!("{}/{}", self.kind.short(), self.name)
    }
}

impl fmt::Display for WorkloadId {
    /// As people select it: `payments/deploy/api`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.kind.short(), self.name)
    }
}

/// One container of one workload: the key of usage history.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContainerId {
    /// The workload.
    pub workload: WorkloadId,
    /// The container.
    pub container: ContainerName,
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.workload, self.container)
    }
}

/// What a container is to its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerRole {
    /// In `containers`.
    Main,
    /// In `initContainers`, ends before the others start.
    Init,
    /// In `initContainers` with `restartPolicy: Always`: a native sidecar.
    Sidecar,
}

/// Requests and limits of one container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// `resources.requests`
    #[serde(default)]
    pub requests: ResourceList,
    /// `resources.limits`
    #[serde(default)]
    pub limits: ResourceList,
}

impl Resources {
    fn list(&self, bound: Bound) -> &ResourceList {
        match bound {
            Bound::Request => &self.requests,
            Bound::Limit => &self.limits,
        }
    }

    /// The amount of one field, if set.
    pub fn get(&self, field: Field) -> Option<Amount> {
        let list = self.list(field.bound);
        match field.resource {
            Resource::Cpu => list.cpu.map(Amount::Cpu),
            Resource::Memory => list.memory.map(Amount::Memory),
        }
    }

    /// Sets one field; the bound decides where, the amount's resource decides what.
    pub fn set(&mut self, bound: Bound, amount: Amount) {
        let list = match bound {
            Bound::Request => &mut self.requests,
            Bound::Limit => &mut self.limits,
        };
        match amount {
            Amount::Cpu(cpu) => list.cpu = Some(cpu),
            Amount::Memory(memory) => list.memory = Some(memory),
        }
    }

    /// Unsets one field.
    pub fn unset(&mut self, field: Field) {
        let list = match field.bound {
            Bound::Request => &mut self.requests,
            Bound::Limit => &mut self.limits,
        };
        match field.resource {
            Resource::Cpu => list.cpu = None,
            Resource::Memory => list.memory = None,
        }
    }

    /// What the scheduler reserves: the request, or the limit where only that is set (the API server's default).
    pub fn effective_request(&self, resource: Resource) -> Option<Amount> {
        self.get(Field { bound: Bound::Request, resource })
            .or_else(|| self.get(Field { bound: Bound::Limit, resource }))
    }
}

/// Quality of service class of a pod, computed as `k8s.io/kubernetes/pkg/apis/core/v1/helper/qos` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum QosClass {
    /// Every container has limits for both resources and requests equal to them.
    Guaranteed,
    /// Something is set, but not all of that.
    Burstable,
    /// Nothing is set.
    BestEffort,
}

impl fmt::Display for QosClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The class of a pod with these containers, init containers included.
pub fn qos_class<'a>(containers: impl IntoIterator<Item = &'a Resources>) -> QosClass {
    let (mut any, mut all) = (false, true);
    for resources in containers {
        for resource in [Resource::Cpu, Resource::Memory] {
            let limit = resources.get(Field { bound: Bound::Limit, resource });
            let some = |amount: Option<Amount>| amount.is_some_and(|amount| amount.base() > 0);
            any |= some(resources.effective_request(resource)) || some(limit);
            all &= limit.is_some() && resources.effective_request(resource) == limit;
        }
    }
    match (any, all) {
        (false, _) => QosClass::BestEffort,
        (true, true) => QosClass::Guaranteed,
        (true, false) => QosClass::Burstable,
    }
}

/// One container of a workload's pod template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Name.
    pub name: ContainerName,
    /// What it is to its pod.
    pub role: ContainerRole,
    /// Image reference, for hints only.
    pub image: String,
    /// Requests and limits of the template.
    pub resources: Resources,
    /// Flags of a JVM; none where nothing in the template shows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub java: Option<JavaFlags>,
    /// Whole GPUs that it asks for (`nvidia.com/gpu`, `amd.com/gpu`).
    #[serde(default)]
    pub gpus: u32,
}

/// What a scaler keeps at a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalerTarget {
    /// The resource that is kept at the target.
    pub resource: Resource,
    /// Per cent of the request, if that is the target; none for an absolute average value.
    pub utilization_percent: Option<u32>,
}

/// A HorizontalPodAutoscaler that targets a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaler {
    /// Name of the object.
    pub name: String,
    /// Fewest replicas.
    pub min_replicas: u32,
    /// Most replicas.
    pub max_replicas: u32,
    /// Resource targets; other metrics do not interact with requests.
    pub targets: Vec<ScalerTarget>,
}

/// Which GitOps object says that it applied the workload.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AppliedBy {
    /// Labels `kustomize.toolkit.fluxcd.io/{namespace,name}`.
    FluxKustomization {
        /// Namespace of the Kustomization.
        namespace: Namespace,
        /// Name of the Kustomization.
        name: ObjectName,
    },
    /// Labels `helm.toolkit.fluxcd.io/{namespace,name}`.
    FluxHelmRelease {
        /// Namespace of the HelmRelease.
        namespace: Namespace,
        /// Name of the HelmRelease.
        name: ObjectName,
    },
    /// `status.resources` of an Argo CD Application, its tracking annotation, or its instance label.
    ArgoApplication {
        /// Namespace of the Application.
        namespace: Namespace,
        /// Name of the Application.
        name: ObjectName,
    },
    /// No GitOps controller: an object of a kind that kubeopt does not know, whose controller made the workload.
    Object {
        /// Its kind: `Prometheus`.
        kind: String,
        /// Its name, in the workload's namespace.
        name: String,
    },
}

impl fmt::Display for AppliedBy {
    /// `Flux Kustomization flux-system/apps`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FluxKustomization { namespace, name } => write!(f, "Flux Kustomization {namespace}/{name}"),
            Self::FluxHelmRelease { namespace, name } => write!(f, "Flux HelmRelease {namespace}/{name}"),
            Self::ArgoApplication { namespace, name } => write!(f, "Argo CD Application {namespace}/{name}"),
            Self::Object { kind, name } => write!(f, "{kind} {name}"),
        }
    }
}

/// A workload as the cluster shows it, pruned to what sizing needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Which.
    pub id: WorkloadId,
    /// Labels of the object.
    pub labels: BTreeMap<String, String>,
    /// Annotations under `kubeopt.dev/`; nothing else is kept.
    pub annotations: BTreeMap<String, String>,
    /// Wanted replicas (DaemonSet: nodes; CronJob and Job: parallelism).
    pub replicas: u32,
    /// Containers of the pod template, init containers first.
    pub containers: Vec<Container>,
    /// The HPA that scales it, if any.
    pub scaler: Option<Scaler>,
    /// The VerticalPodAutoscaler that targets it, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpa: Option<Vpa>,
    /// Who applied it, if a GitOps controller left its label.
    pub applied_by: Option<AppliedBy>,
    /// The workload that owns it (a Job of a CronJob); such a workload is sized through its owner.
    pub owner: Option<WorkloadId>,
}

impl Workload {
    /// The container with this name.
    pub fn container(&self, name: &ContainerName) -> Option<&Container> {
        self.containers.iter().find(|container| &container.name == name)
    }

    /// Quality of service class of its pods.
    pub fn qos_class(&self) -> QosClass {
        qos_class(self.containers.iter().map(|container| &container.resources))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::MilliCores;

    fn resources(text: [Option<&str>; 4]) -> Resources {
        let mut resources = Resources::default();
        for (field, text) in Field::ALL.into_iter().zip(text) {
            if let Some(text) = text {
                resources.set(field.bound, Amount::parse(field.resource, text).unwrap());
            }
        }
        resources
    }

    #[test]
    fn an_unset_limit_takes_guaranteed_and_at_last_burstable_away() {
        let mut one = resources([Some("1"), Some("1"), Some("1Gi"), Some("1Gi")]);
        assert_eq!(qos_class([&one]), QosClass::Guaranteed);
        one.unset(Field::CPU_LIMIT);
        assert_eq!((one.limits.cpu, qos_class([&one])), (None, QosClass::Burstable));
        let mut zero = resources([Some("0"), Some("1"), None, None]);
        assert_eq!(qos_class([&zero]), QosClass::Burstable);
        zero.unset(Field::CPU_LIMIT);
        assert_eq!(qos_class([&zero]), QosClass::BestEffort);
    }

    #[test]
    fn reads_kinds_as_kubectl_does() {
        for (text, kind) in [
            ("deploy", WorkloadKind::Deployment),
            ("StatefulSet", WorkloadKind::StatefulSet),
            ("ds", WorkloadKind::DaemonSet),
            ("cronjobs", WorkloadKind::CronJob),
            ("cj", WorkloadKind::CronJob),
        ] {
            assert_eq!(text.parse(), Ok(kind));
        }
        assert!("pod".parse::<WorkloadKind>().is_err());
    }

    #[test]
    fn a_limit_alone_is_a_request_and_makes_guaranteed() {
        let limits_only = resources([None, Some("1"), None, Some("1Gi")]);
        assert_eq!(qos_class([&limits_only]), QosClass::Guaranteed);
        assert_eq!(limits_only.effective_request(Resource::Cpu), Some(Amount::Cpu(MilliCores(1000))));
        let burst = resources([Some("500m"), Some("1"), None, Some("1Gi")]);
        assert_eq!(qos_class([&limits_only, &burst]), QosClass::Burstable);
        assert_eq!(qos_class([&Resources::default()]), QosClass::BestEffort);
        assert_eq!(qos_class([&limits_only, &Resources::default()]), QosClass::Burstable);
    }
}
