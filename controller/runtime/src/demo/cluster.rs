//! The demo's cluster: it runs what stands on the main branch, as a GitOps controller would see to. A fake, and named
//! one: there is no API server behind it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use kubeopt_gitops::{GitStore, Location, Remote, Snapshot};
use kubeopt_manifest::workloads;
use kubeopt_model::cluster::{Node, NodeMachine, Pod, PodCgroups};
use kubeopt_model::workload::{ResourceList, Scaler, ScalerTarget};
use kubeopt_model::{
    Bytes, ClusterFacts, ClusterName, Container, ContainerName, ContainerRole, Field, MilliCores, Problem,
    RepoPath, RepositoryId, Resource, Resources, Workload,
};

use super::workloads::{CLUSTER, DemoWorkload, WORKLOADS, workload_id};
use crate::edges::FactsSource;

/// Nodes of the cluster: as many as the requests of the beginning need.
const NODES: usize = 3;

/// Shows what the main branch says.
#[derive(Debug)]
pub(super) struct DemoCluster {
    pub(super) git: GitStore,
    pub(super) repository: RepositoryId,
    pub(super) folder: PathBuf,
}

#[async_trait]
impl FactsSource for DemoCluster {
    async fn facts(&self) -> Result<ClusterFacts, Problem> {
        let remote = Remote { id: self.repository.clone(), location: Location::Local(self.folder.clone()) };
        let snapshot = self.git.fetch(&remote, None).await.map_err(|error| error.problem())?;
        let mut facts = ClusterFacts::empty(ClusterName::new(CLUSTER).expect("a literal that a test reads"));
        for demo in WORKLOADS {
            let workload = running(demo, &snapshot)?;
            for replica in 0..demo.replicas {
                let node = facts.pods.len() % NODES;
                facts.pods.push(pod(&workload, replica, node));
            }
            facts.workloads.push(workload);
        }
        facts.workloads.sort_by(|a, b| a.id.cmp(&b.id));
        facts.nodes.extend((0..NODES).map(node));
        Ok(facts)
    }
}

fn running(demo: &DemoWorkload, snapshot: &Snapshot) -> Result<Workload, Problem> {
    let mut resources: BTreeMap<String, Resources> = BTreeMap::new();
    for file in demo.files {
        let path = RepoPath::new(file).expect("the demo's paths are literals that a test reads");
        let bytes = snapshot.read(&path).map_err(|error| error.problem())?.unwrap_or_default();
        for found in
            workloads(&bytes)?.containers.iter().filter(|found| found.workload.name.as_str() == demo.name)
        {
            let merged = resources.entry(found.container.to_string()).or_default();
            for field in Field::ALL {
                if let Some(amount) = found.resources.get(field) {
                    merged.set(field.bound, amount);
                }
            }
        }
    }
    let container = |name: &str| Container {
        name: ContainerName::new(name).expect("the demo's names are literals that a test reads"),
        role: ContainerRole::Main,
        image: String::new(),
        resources: resources.get(name).copied().unwrap_or_default(),
        java: None,
        gpus: 0,
    };
    let targets = vec![ScalerTarget { resource: Resource::Cpu, utilization_percent: Some(70) }];
    let scaler = Scaler { name: demo.name.to_owned(), min_replicas: 2, max_replicas: 6, targets };
    Ok(Workload {
        id: workload_id(demo),
        labels: BTreeMap::from([("app".to_owned(), demo.name.to_owned())]),
        annotations: BTreeMap::new(),
        replicas: demo.replicas,
        containers: demo.containers.iter().map(|(name, _)| container(name)).collect(),
        scaler: demo.scaled_on_cpu.then_some(scaler),
        applied_by: None,
        owner: None,
        vpa: None,
    })
}

fn pod(workload: &Workload, replica: u32, on: usize) -> Pod {
    Pod {
        namespace: workload.id.namespace.clone(),
        name: format!("{}-{replica}", workload.id.name),
        workload: Some(workload.id.clone()),
        node: Some(node_name(on)),
        ready: true,
        started_unix_s: None,
        oom_kills: Vec::new(),
        running: workload.containers.iter().map(|c| (c.name.clone(), c.resources)).collect(),
        cgroups: PodCgroups::default(),
    }
}

fn node_name(at: usize) -> String {
    format!("demo-node-{at}")
}

/// An m5.xlarge of a pool that Karpenter scales, with what a kubelet leaves of it to pods.
fn node(at: usize) -> Node {
    let (cpu, memory) = (MilliCores(4000), Bytes::mebi(16 * 1024));
    Node {
        name: node_name(at),
        instance_type: Some("m5.xlarge".to_owned()),
        region: Some("us-east-1".to_owned()),
        allocatable_cpu: MilliCores(3920),
        allocatable_memory: Bytes::mebi(14_848),
        schedulable: true,
        machine: NodeMachine {
            provider_id: Some(format!("aws:///us-east-1a/i-{at}")),
            labels: BTreeMap::from([("karpenter.sh/nodepool".to_owned(), "general".to_owned())]),
            taints: Vec::new(),
            capacity: ResourceList { cpu: Some(cpu), memory: Some(memory) },
            pods: Some(58),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_container_of_the_demo_stands_in_its_repository() {
        let files = super::super::repository::files();
        for demo in WORKLOADS {
            let _ = workload_id(demo);
            for (name, _) in demo.containers {
                let found = demo.files.iter().any(|file| {
                    let bytes = &files[&RepoPath::new(file).unwrap()];
                    let read = workloads(bytes).unwrap().containers;
                    read.iter()
                        .any(|c| c.container.as_str() == *name && c.workload.name.as_str() == demo.name)
                });
                assert!(found, "{}/{name}", demo.name);
            }
        }
    }
}
