//! A cluster of Deployments of two containers each on machines that have a price, as a pass sees it.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;
use kubeopt_gitops::GitStore;
use kubeopt_gitops::render::Renderer;
use kubeopt_history::{ParquetUsage, SqliteJournal};
use kubeopt_model::cluster::{Node, Pod};
use kubeopt_model::workload::ResourceList;
use kubeopt_model::{
    Bytes, ClusterFacts, ClusterName, Container, ContainerId, ContainerName, ContainerRole, MilliCores,
    Namespace, ObjectName, Problem, Resources, Workload, WorkloadId, WorkloadKind,
};
use kubeopt_runtime::edges::{ClusterEdge, Edges, FactsSource, Kept};
use kubeopt_tests::OrFail;

/// Names of the two containers of a pod.
const CONTAINERS: [&str; 2] = ["main", "proxy"];

/// Deployments in a namespace.
const APPS: usize = 50;

/// Containers on a node.
const ON_A_NODE: usize = 60;

/// History that is read: all that is kept.
const HISTORY_S: i64 = 90 * 86_400;

pub(super) fn cluster() -> ClusterName {
    ClusterName::new("bench").expect("a literal that is a name")
}

pub(super) fn container(at: usize) -> ContainerId {
    let name = CONTAINERS[at % CONTAINERS.len()];
    let container = ContainerName::new(name).expect("a literal that is a name");
    ContainerId { workload: workload_id(at / CONTAINERS.len()), container }
}

pub(super) fn pod(at: usize) -> String {
    format!("app-{}-7d9f8c6b54-x7k2p", at / CONTAINERS.len())
}

fn workload_id(app: usize) -> WorkloadId {
    WorkloadId {
        cluster: cluster(),
        namespace: Namespace::new(format!("team-{}", app / APPS)).expect("a number makes a name"),
        kind: WorkloadKind::Deployment,
        name: ObjectName::new(format!("app-{app}")).expect("a number makes a name"),
    }
}

struct Still(ClusterFacts);

#[async_trait]
impl FactsSource for Still {
    async fn facts(&self) -> Result<ClusterFacts, Problem> {
        Ok(self.0.clone())
    }
}

fn facts(containers: usize) -> ClusterFacts {
    let mut facts = ClusterFacts::empty(cluster());
    for app in 0..containers.div_ceil(CONTAINERS.len()) {
        let id = workload_id(app);
        facts.pods.push(Pod {
            namespace: id.namespace.clone(),
            name: pod(app * CONTAINERS.len()),
            workload: Some(id.clone()),
            node: Some(format!("node-{}", app * CONTAINERS.len() / ON_A_NODE)),
            ready: true,
            started_unix_s: None,
            oom_kills: Vec::new(),
            running: Vec::new(),
            cgroups: kubeopt_model::cluster::PodCgroups::default(),
        });
        facts.workloads.push(workload(id));
    }
    facts.nodes.extend((0..containers.div_ceil(ON_A_NODE)).map(node));
    facts
}

pub(super) fn workload(id: WorkloadId) -> Workload {
    let requests = ResourceList { cpu: Some(MilliCores(1000)), memory: Some(Bytes::mebi(1024)) };
    let container = |name: &str| Container {
        name: ContainerName::new(name).expect("a literal that is a name"),
        role: ContainerRole::Main,
        image: "registry.example/app:1".to_owned(),
        resources: Resources { requests, ..Resources::default() },
        java: None,
        gpus: 0,
    };
    Workload {
        id,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        replicas: 1,
        containers: CONTAINERS.into_iter().map(container).collect(),
        scaler: None,
        applied_by: None,
        owner: None,
        vpa: None,
    }
}

fn node(number: usize) -> Node {
    Node {
        name: format!("node-{number}"),
        instance_type: Some("m5.16xlarge".to_owned()),
        region: Some("eu-central-1".to_owned()),
        allocatable_cpu: MilliCores(63_000),
        allocatable_memory: Bytes::mebi(240 * 1024),
        schedulable: true,
        machine: Default::default(),
    }
}

/// What a pass is given: history from this folder, nothing to read it from.
pub(super) async fn edges(folder: &Path, scratch: &Path, containers: usize) -> Edges {
    let facts = facts(containers);
    let kept = Kept {
        history: Box::new(ParquetUsage::open(folder).or_fail("open a history")),
        journal: Box::new(SqliteJournal::in_memory().await.or_fail("make a journal")),
        git: GitStore::open(&scratch.join("git")).or_fail("open the cache of repositories"),
        renderer: Renderer::new(scratch.join("kubeopt"), None, None),
    };
    let cluster = ClusterEdge {
        name: cluster(),
        metrics: None,
        facts: Box::new(Still(facts)),
        metrics_at: "history on disk".to_owned(),
        terms: kubeopt_runtime::pricing::Terms::default(),
    };
    Edges { clusters: vec![cluster], history_seconds: HISTORY_S, ..Edges::of(kept) }
}
