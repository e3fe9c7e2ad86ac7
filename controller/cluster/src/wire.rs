//! What is read of the API's JSON: the fields that sizing needs. Every other field (volumes, managed fields, most of every
//! status) is not named here and so is let go while the object is read. Commands and environments are looked through for
//! flags of a JVM, and let go then.
//!
//! The shapes follow the API: `apps/v1`, `batch/v1`, `v1`, `autoscaling/v2`, `autoscaling.k8s.io/v1`, `argoproj.io/v1alpha1`,
//! `kustomize.toolkit.fluxcd.io/v1`, `source.toolkit.fluxcd.io/v1`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A quantity: a string in built-in kinds, a string or a number where a CRD says int-or-string.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Scalar {
    Text(String),
    Number(serde_json::Number),
}

impl Scalar {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
        }
    }
}

pub(crate) type Quantities = BTreeMap<String, Scalar>;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ResourceRequirements {
    pub(crate) requests: Option<Quantities>,
    pub(crate) limits: Option<Quantities>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) image: Option<String>,
    #[serde(default)]
    pub(crate) restart_policy: Option<String>,
    #[serde(default)]
    pub(crate) resources: Option<ResourceRequirements>,
    #[serde(default)]
    pub(crate) command: Hidden,
    #[serde(default)]
    pub(crate) args: Hidden,
    #[serde(default)]
    pub(crate) env: Hidden,
}

/// What may hold passwords, whatever its shape: never printed, and never an error that could quote it.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Hidden(Value);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Hidden {
    /// The elements of a list; none where it is no list.
    pub(crate) fn list(&self) -> &[Value] {
        self.0.as_array().map_or(&[], Vec::as_slice)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodSpec {
    pub(crate) init_containers: Option<Vec<Container>>,
    pub(crate) containers: Vec<Container>,
    pub(crate) node_name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Template {
    pub(crate) spec: PodSpec,
}

/// Deployment, StatefulSet, DaemonSet, Job, Rollout.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkloadSpec {
    #[serde(default)]
    pub(crate) replicas: Option<i64>,
    #[serde(default)]
    pub(crate) parallelism: Option<i64>,
    /// Absent in a Rollout that refers to a Deployment.
    #[serde(default)]
    pub(crate) template: Option<Template>,
    /// Of a Rollout.
    #[serde(default)]
    pub(crate) workload_ref: Option<Reference>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CronJobSpec {
    pub(crate) job_template: JobTemplate,
}

#[derive(Debug, Deserialize)]
pub(crate) struct JobTemplate {
    pub(crate) spec: WorkloadSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DaemonSetStatus {
    pub(crate) desired_number_scheduled: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reference {
    #[serde(default)]
    pub(crate) api_version: Option<String>,
    pub(crate) kind: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) namespace: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) message: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PodStatus {
    pub(crate) start_time: Option<jiff::Timestamp>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) container_statuses: Vec<ContainerStatus>,
    pub(crate) init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerStatus {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) state: ContainerState,
    #[serde(default)]
    pub(crate) last_state: ContainerState,
    #[serde(rename = "containerID", default)]
    pub(crate) container_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ContainerState {
    pub(crate) terminated: Option<Terminated>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Terminated {
    #[serde(default)]
    pub(crate) reason: Option<String>,
    #[serde(default)]
    pub(crate) finished_at: Option<jiff::Timestamp>,
    #[serde(rename = "containerID", default)]
    pub(crate) container_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeSpec {
    pub(crate) unschedulable: bool,
    #[serde(rename = "providerID")]
    pub(crate) provider_id: Option<String>,
    pub(crate) taints: Option<Vec<NodeTaint>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct NodeTaint {
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: Option<String>,
    pub(crate) effect: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeStatus {
    pub(crate) allocatable: Quantities,
    pub(crate) capacity: Quantities,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScalerSpec {
    pub(crate) scale_target_ref: Reference,
    #[serde(default)]
    pub(crate) min_replicas: Option<i64>,
    pub(crate) max_replicas: i64,
    #[serde(default)]
    pub(crate) metrics: Option<Vec<Metric>>,
}

/// `Resource` and `ContainerResource` metrics; the other types are read as neither.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metric {
    #[serde(default)]
    pub(crate) resource: Option<ResourceMetric>,
    #[serde(default)]
    pub(crate) container_resource: Option<ResourceMetric>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ResourceMetric {
    pub(crate) name: String,
    pub(crate) target: MetricTarget,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricTarget {
    #[serde(default)]
    pub(crate) average_utilization: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerticalScalerSpec {
    pub(crate) target_ref: Reference,
    #[serde(default)]
    pub(crate) update_policy: Option<UpdatePolicy>,
    #[serde(default)]
    pub(crate) resource_policy: Option<ResourcePolicy>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdatePolicy {
    #[serde(default)]
    pub(crate) update_mode: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ResourcePolicy {
    pub(crate) container_policies: Vec<ContainerPolicy>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerPolicy {
    #[serde(default)]
    pub(crate) container_name: String,
    #[serde(default)]
    pub(crate) mode: Option<String>,
    #[serde(default)]
    pub(crate) controlled_resources: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct VerticalScalerStatus {
    pub(crate) recommendation: Option<VerticalRecommendation>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct VerticalRecommendation {
    pub(crate) container_recommendations: Vec<ContainerTarget>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerTarget {
    pub(crate) container_name: String,
    #[serde(default)]
    pub(crate) target: Quantities,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LimitRangeSpec {
    pub(crate) limits: Vec<LimitRangeItem>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LimitRangeItem {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) min: Quantities,
    #[serde(default)]
    pub(crate) max: Quantities,
    #[serde(default)]
    pub(crate) default: Quantities,
    #[serde(default)]
    pub(crate) max_limit_request_ratio: Quantities,
}

/// Of a ResourceQuota: spec (`hard` only) and status.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct QuotaNumbers {
    pub(crate) hard: Quantities,
    pub(crate) used: Quantities,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KustomizationSpec {
    #[serde(default)]
    pub(crate) path: String,
    pub(crate) source_ref: Reference,
    #[serde(default)]
    pub(crate) target_namespace: Option<String>,
    #[serde(default)]
    pub(crate) suspend: bool,
    #[serde(default)]
    pub(crate) post_build: Option<Value>,
    /// Everything else, of which the parts of an overlay are taken.
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct KustomizationStatus {
    pub(crate) last_applied_revision: Option<String>,
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct GitRepositorySpec {
    pub(crate) url: String,
    #[serde(rename = "ref", default)]
    pub(crate) reference: GitRef,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GitRef {
    pub(crate) branch: Option<String>,
    pub(crate) tag: Option<String>,
    pub(crate) semver: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) commit: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct GitRepositoryStatus {
    pub(crate) artifact: Option<Artifact>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Artifact {
    #[serde(default)]
    pub(crate) revision: Option<String>,
}
