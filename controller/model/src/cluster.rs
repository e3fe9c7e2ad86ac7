//! What one look at a cluster gives: the facts that the later stages work on.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::{ClusterName, ContainerName, Namespace, ObjectName};
use crate::policy::PolicyObject;
use crate::problem::Problem;
use crate::quantity::{Bytes, MilliCores};
use crate::workload::{AppliedBy, ResourceList, Workload, WorkloadId};

/// A pod, reduced to what joins usage to its workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Namespace.
    pub namespace: Namespace,
    /// Name.
    pub name: String,
    /// The workload at the top of its owner references (Job of a CronJob: the CronJob).
    pub workload: Option<WorkloadId>,
    /// Node it runs on.
    pub node: Option<String>,
    /// Is Ready.
    pub ready: bool,
    /// Seconds since the epoch when it started.
    pub started_unix_s: Option<i64>,
    /// Containers that were killed for memory, as the status of the pod tells it.
    pub oom_kills: Vec<PodOomKill>,
    /// The requests that its containers run with, by container name; shows whether new values have arrived.
    pub running: Vec<(ContainerName, crate::workload::Resources)>,
    /// What its node calls it.
    #[serde(default)]
    pub cgroups: PodCgroups,
}

/// What the node of a pod calls the pod and its containers, which is all that a node agent knows of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodCgroups {
    /// UID of the pod; of a static pod the hash of its manifest. Empty where the cluster does not tell.
    pub uid: String,
    /// Containers that run or ran last, by the id that the runtime gave them, without the runtime's name.
    pub containers: Vec<(String, ContainerName)>,
}

/// An OOM kill that a pod's status shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodOomKill {
    /// The container.
    pub container: ContainerName,
    /// When, in seconds since the epoch.
    pub at_unix_s: i64,
    /// The memory limit that it had then, if the template still says so.
    pub limit: Option<Bytes>,
}

/// A node, reduced to what prices and caps need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Name.
    pub name: String,
    /// Label `node.kubernetes.io/instance-type`.
    pub instance_type: Option<String>,
    /// Label `topology.kubernetes.io/region`.
    pub region: Option<String>,
    /// What pods may use of it.
    pub allocatable_cpu: MilliCores,
    /// What pods may use of it.
    pub allocatable_memory: Bytes,
    /// May be scheduled to.
    pub schedulable: bool,
    /// What it is as a machine that is paid for.
    #[serde(default)]
    pub machine: NodeMachine,
}

/// Labels of a node that are kept: they tell its pool, how it is bought, and whether it holds GPUs.
pub const NODE_LABELS: [&str; 12] = [
    "karpenter.sh/nodepool",
    "karpenter.sh/capacity-type",
    "eks.amazonaws.com/nodegroup",
    "eks.amazonaws.com/capacityType",
    "alpha.eksctl.io/nodegroup-name",
    "cloud.google.com/gke-nodepool",
    "cloud.google.com/gke-spot",
    "cloud.google.com/gke-preemptible",
    "cloud.google.com/gke-accelerator",
    "kubernetes.azure.com/agentpool",
    "kubernetes.azure.com/scalesetpriority",
    "agentpool",
];

/// A node as a machine that is paid for: what tells its price, its pool and what it can run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeMachine {
    /// `spec.providerID`: `aws:///eu-central-1a/i-0abc`.
    pub provider_id: Option<String>,
    /// Those of [`NODE_LABELS`] that it has.
    pub labels: BTreeMap<String, String>,
    /// `spec.taints`
    pub taints: Vec<Taint>,
    /// All that it has, which is what is paid for.
    pub capacity: ResourceList,
    /// Most pods (`status.allocatable.pods`).
    pub pods: Option<u32>,
}

/// What keeps pods away from a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value; may be empty.
    #[serde(default)]
    pub value: String,
    /// What it does.
    pub effect: TaintEffect,
}

impl fmt::Display for Taint {
    /// `gpu=yes:NoSchedule`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}:{:?}", self.key, self.value, self.effect)
    }
}

/// What a taint does to pods that do not tolerate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TaintEffect {
    /// No new ones.
    NoSchedule,
    /// Rather none.
    PreferNoSchedule,
    /// None at all.
    NoExecute,
}

/// Container bounds of one LimitRange (`type: Container`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRange {
    /// Namespace.
    pub namespace: Namespace,
    /// Name.
    pub name: String,
    /// Lowest allowed per container.
    pub min: ResourceList,
    /// Highest allowed per container.
    pub max: ResourceList,
    /// The limit that a container without one gets; the lowest, if several say one.
    #[serde(default)]
    pub default_limit: ResourceList,
    /// Highest allowed limit / request, times 1000; none where not bounded. (CPU, memory)
    pub max_ratio_per_mille: (Option<u64>, Option<u64>),
}

/// A ResourceQuota: what is allowed and used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Namespace.
    pub namespace: Namespace,
    /// Name.
    pub name: String,
    /// `requests.*` and `limits.*` allowed.
    pub hard: crate::workload::Resources,
    /// `requests.*` and `limits.*` used.
    pub used: crate::workload::Resources,
}

/// A Flux Kustomization, reduced to what tells the source of its objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FluxKustomization {
    /// Namespace.
    pub namespace: Namespace,
    /// Name.
    pub name: ObjectName,
    /// `spec.path`, as written.
    pub path: String,
    /// `spec.sourceRef`: kind, namespace, name.
    pub source: (String, Namespace, String),
    /// `spec.targetNamespace`.
    pub target_namespace: Option<Namespace>,
    /// `spec.suspend`.
    pub suspended: bool,
    /// It carries `patches`, `components` or `images` of its own, as YAML of a kustomization fragment.
    pub overlay: Option<String>,
    /// It carries `postBuild`.
    pub substitutes: bool,
    /// `status.lastAppliedRevision`.
    pub applied_revision: Option<String>,
    /// The message of its Ready condition when that is not True.
    pub not_ready: Option<String>,
}

/// A Flux GitRepository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FluxGitRepository {
    /// Namespace.
    pub namespace: Namespace,
    /// Name.
    pub name: ObjectName,
    /// `spec.url`.
    pub url: String,
    /// `spec.ref`, reduced.
    pub reference: GitReference,
    /// `status.artifact.revision`.
    pub revision: Option<String>,
}

/// What a source follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GitReference {
    /// The default branch.
    Default,
    /// A branch; pull requests go to it.
    Branch(String),
    /// A tag, commit, reference name or version range: nothing to open a pull request against.
    Pinned(String),
}

/// Kinds of GitOps objects that are held as they are written, because kubeopt reads many fields of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GitOpsKind {
    /// `helm.toolkit.fluxcd.io` HelmRelease
    HelmRelease,
    /// `source.toolkit.fluxcd.io` HelmChart
    HelmChart,
    /// `source.toolkit.fluxcd.io` HelmRepository
    HelmRepository,
    /// `source.toolkit.fluxcd.io` OCIRepository
    #[serde(rename = "OCIRepository")]
    OciRepository,
    /// `source.toolkit.fluxcd.io` ExternalArtifact
    ExternalArtifact,
    /// `source.extensions.fluxcd.io` ArtifactGenerator
    ArtifactGenerator,
    /// `argoproj.io` Application
    Application,
    /// `argoproj.io` ApplicationSet
    ApplicationSet,
    /// The ConfigMap `argocd-cm`: its spec is the data that says how Argo CD marks what it applies.
    ArgoSettings,
}

impl GitOpsKind {
    /// The `kind` of the object.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HelmRelease => "HelmRelease",
            Self::HelmChart => "HelmChart",
            Self::HelmRepository => "HelmRepository",
            Self::OciRepository => "OCIRepository",
            Self::ExternalArtifact => "ExternalArtifact",
            Self::ArtifactGenerator => "ArtifactGenerator",
            Self::Application => "Application",
            Self::ApplicationSet => "ApplicationSet",
            Self::ArgoSettings => "ConfigMap",
        }
    }
}

/// A GitOps object, as it is written. Bounded in size when it is read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GitOpsObject {
    /// Kind.
    pub kind: GitOpsKind,
    /// Namespace.
    pub namespace: Namespace,
    /// Name.
    pub name: ObjectName,
    /// Who applied the object itself: the way to where it is written in Git.
    pub applied_by: Option<AppliedBy>,
    /// Its owner references: kind and name.
    pub owners: Vec<(String, String)>,
    /// `spec`, but for what nothing reads; may hold passwords.
    pub spec: serde_json::Value,
    /// The fields of `status` that are read.
    pub status: serde_json::Value,
}

impl fmt::Debug for GitOpsObject {
    /// Without the spec: values of charts hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{} by {:?}: ***", self.kind.as_str(), self.namespace, self.name, self.applied_by)
    }
}

/// One look at one cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterFacts {
    /// Which cluster.
    pub cluster: ClusterName,
    /// Workloads, sorted by id.
    pub workloads: Vec<Workload>,
    /// Pods.
    pub pods: Vec<Pod>,
    /// Nodes.
    pub nodes: Vec<Node>,
    /// LimitRanges.
    pub limit_ranges: Vec<LimitRange>,
    /// ResourceQuotas.
    pub quotas: Vec<Quota>,
    /// Flux Kustomizations.
    pub kustomizations: Vec<FluxKustomization>,
    /// Flux GitRepositories.
    pub git_repositories: Vec<FluxGitRepository>,
    /// Other objects of Flux and Argo CD, sorted by kind, namespace and name.
    #[serde(default)]
    pub gitops_objects: Vec<GitOpsObject>,
    /// Policies that stand in the cluster, sorted by name.
    #[serde(default)]
    pub policies: Vec<PolicyObject>,
    /// What could not be seen (a kind that may not be listed, an object that could not be read), with its help.
    pub unseen: Vec<Problem>,
}

impl ClusterFacts {
    /// Nothing seen yet.
    pub fn empty(cluster: ClusterName) -> Self {
        Self {
            cluster,
            workloads: Vec::new(),
            pods: Vec::new(),
            nodes: Vec::new(),
            limit_ranges: Vec::new(),
            quotas: Vec::new(),
            kustomizations: Vec::new(),
            git_repositories: Vec::new(),
            gitops_objects: Vec::new(),
            policies: Vec::new(),
            unseen: Vec::new(),
        }
    }

    /// The GitOps objects of a kind.
    pub fn gitops(&self, kind: GitOpsKind) -> impl Iterator<Item = &GitOpsObject> {
        self.gitops_objects.iter().filter(move |object| object.kind == kind)
    }

    /// One GitOps object.
    pub fn gitops_object(&self, kind: GitOpsKind, namespace: &str, name: &str) -> Option<&GitOpsObject> {
        self.gitops(kind)
            .find(|object| object.namespace.as_str() == namespace && object.name.as_str() == name)
    }

    /// The workload with this id.
    pub fn workload(&self, id: &WorkloadId) -> Option<&Workload> {
        let at = self.workloads.binary_search_by(|workload| workload.id.cmp(id)).ok()?;
        self.workloads.get(at)
    }
}
