//! Joins a pod to its workload, in constant time: from what the cluster shows for pods that exist, by name for others.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kubeopt_model::cluster::{Node, PodCgroups};
use kubeopt_model::{ClusterFacts, ContainerId, ContainerRole, Namespace, WorkloadId, WorkloadKind};

use crate::pod_names;

/// Whose a pod is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'a> {
    /// The cluster shows the pod, and this workload on top of its owner references.
    Shown(&'a WorkloadId),
    /// The pod is gone; exactly one known workload names its pods like that.
    Named(&'a WorkloadId),
    /// The pod is gone, and several known workloads of the longest fitting name could have made it.
    Ambiguous,
    /// The cluster shows the pod, and no workload owns it.
    Nobody,
    /// The pod is gone, and no known workload fits.
    Unknown,
}

/// A workload and the one that it is sized through.
#[derive(Debug, Clone)]
struct Known {
    kind: WorkloadKind,
    top: Arc<WorkloadId>,
}

/// A pod that exists.
#[derive(Debug, Clone)]
struct ShownPod {
    /// None where nobody owns it.
    owner: Option<Arc<WorkloadId>>,
    started_unix_s: Option<i64>,
}

/// Owners of pods of one cluster.
#[derive(Debug, Clone, Default)]
pub struct PodOwners {
    /// namespace -> pod -> what the cluster shows of it.
    pods: HashMap<String, HashMap<String, ShownPod>>,
    /// namespace -> name -> workloads of that name.
    workloads: HashMap<String, HashMap<String, Vec<Known>>>,
    /// Init containers that end before the others start.
    init: HashSet<ContainerId>,
    /// What nodes call the pods that exist and have run.
    cgroups: Vec<ShownCgroups>,
    /// By the name of the node.
    machines: HashMap<String, Machine>,
}

/// What its node calls a pod that exists.
#[derive(Debug, Clone)]
pub(crate) struct ShownCgroups {
    pub(crate) namespace: Namespace,
    pub(crate) pod: String,
    pub(crate) node: String,
    pub(crate) cgroups: PodCgroups,
}

/// All that a node has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Machine {
    pub(crate) cpu_millicores: f64,
    pub(crate) memory_bytes: u64,
}

impl Machine {
    fn of(node: &Node) -> Self {
        let capacity = &node.machine.capacity;
        Self {
            cpu_millicores: capacity.cpu.unwrap_or(node.allocatable_cpu).0 as f64,
            memory_bytes: capacity.memory.unwrap_or(node.allocatable_memory).0,
        }
    }
}

impl PodOwners {
    /// From one look at a cluster.
    pub fn from_facts(facts: &ClusterFacts) -> Self {
        let mut owners = Self::default();
        for workload in &facts.workloads {
            let top = Arc::new(workload.owner.clone().unwrap_or_else(|| workload.id.clone()));
            let init = workload.containers.iter().filter(|container| container.role == ContainerRole::Init);
            owners.init.extend(init.map(|container| ContainerId {
                workload: (*top).clone(),
                container: container.name.clone(),
            }));
            owners.add_workload(&workload.id, top);
        }
        for pod in &facts.pods {
            let owner = pod.workload.as_ref().map(|id| owners.shared(id));
            if let (Some(node), false) = (&pod.node, pod.cgroups.containers.is_empty()) {
                let (namespace, cgroups) = (pod.namespace.clone(), pod.cgroups.clone());
                let (pod, node) = (pod.name.clone(), node.clone());
                owners.cgroups.push(ShownCgroups { namespace, pod, node, cgroups });
            }
            let shown = ShownPod { owner, started_unix_s: pod.started_unix_s };
            owners.pods.entry(pod.namespace.to_string()).or_default().insert(pod.name.clone(), shown);
        }
        owners.machines = facts.nodes.iter().map(|node| (node.name.clone(), Machine::of(node))).collect();
        owners
    }

    /// Whose the pod is.
    pub fn owner(&self, namespace: &str, pod: &str) -> Owner<'_> {
        match self.shown(namespace, pod).map(|shown| &shown.owner) {
            Some(Some(id)) => Owner::Shown(id),
            Some(None) => Owner::Nobody,
            None => self.by_name(namespace, pod),
        }
    }

    /// When the pod started, in seconds since the epoch; none of one that is gone or has not started.
    pub fn started(&self, namespace: &str, pod: &str) -> Option<i64> {
        self.shown(namespace, pod)?.started_unix_s
    }

    /// Whether any workload of this namespace is known.
    pub fn knows(&self, namespace: &str) -> bool {
        self.workloads.contains_key(namespace)
    }

    /// The workload that a controller of this kind and name is sized through.
    pub fn workload(&self, namespace: &str, kind: WorkloadKind, name: &str) -> Option<&WorkloadId> {
        let same_name = self.workloads.get(namespace)?.get(name)?;
        same_name.iter().find(|known| known.kind == kind).map(|known| known.top.as_ref())
    }

    /// Whether the container is made to run longer than it takes to start: not one of a Job, nor one that ends before
    /// the others start.
    pub fn outlives_its_start(&self, container: &ContainerId) -> bool {
        !matches!(container.workload.kind, WorkloadKind::Job | WorkloadKind::CronJob)
            && !self.init.contains(container)
    }

    /// What nodes call the pods that exist and have run.
    pub(crate) fn cgroups(&self) -> &[ShownCgroups] {
        &self.cgroups
    }

    /// What the node has; none where the cluster does not show it.
    pub(crate) fn machine(&self, node: &str) -> Option<Machine> {
        self.machines.get(node).copied()
    }

    fn shown(&self, namespace: &str, pod: &str) -> Option<&ShownPod> {
        self.pods.get(namespace)?.get(pod)
    }

    fn by_name(&self, namespace: &str, pod: &str) -> Owner<'_> {
        let Some(names) = self.workloads.get(namespace) else { return Owner::Unknown };
        let mut best: Option<(usize, &Arc<WorkloadId>)> = None;
        for guess in pod_names::guesses(pod) {
            if best.is_some_and(|(length, _)| length > guess.name.len()) {
                break;
            }
            let fitting = names.get(guess.name).into_iter().flatten();
            for known in fitting.filter(|known| guess.kinds.contains(&known.kind)) {
                match best {
                    Some((_, other)) if *other != known.top => return Owner::Ambiguous,
                    Some(_) => {}
                    None => best = Some((guess.name.len(), &known.top)),
                }
            }
        }
        best.map_or(Owner::Unknown, |(_, id)| Owner::Named(id))
    }

    fn add_workload(&mut self, id: &WorkloadId, top: Arc<WorkloadId>) {
        let names = self.workloads.entry(id.namespace.to_string()).or_default();
        names.entry(id.name.to_string()).or_default().push(Known { kind: id.kind, top });
    }

    /// The same allocation for all pods of a workload that is known.
    fn shared(&self, id: &WorkloadId) -> Arc<WorkloadId> {
        let names = self.workloads.get(id.namespace.as_str()).and_then(|names| names.get(id.name.as_str()));
        let known = names.into_iter().flatten().find(|known| *known.top == *id);
        known.map_or_else(|| Arc::new(id.clone()), |known| Arc::clone(&known.top))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kubeopt_model::cluster::Pod;
    use kubeopt_model::{ClusterName, ObjectName, Workload};

    use super::*;

    fn id(kind: WorkloadKind, name: &str) -> WorkloadId {
        WorkloadId {
            cluster: ClusterName::new("test").unwrap(),
            namespace: Namespace::new("shop").unwrap(),
            kind,
            name: ObjectName::new(name).unwrap(),
        }
    }

    fn workload(kind: WorkloadKind, name: &str, owner: Option<WorkloadId>) -> Workload {
        Workload {
            id: id(kind, name),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            replicas: 1,
            containers: vec![],
            scaler: None,
            vpa: None,
            applied_by: None,
            owner,
        }
    }

    fn facts(workloads: Vec<Workload>, pods: Vec<(&str, Option<WorkloadId>)>) -> PodOwners {
        let mut facts = ClusterFacts::empty(ClusterName::new("test").unwrap());
        facts.workloads = workloads;
        facts.pods = pods
            .into_iter()
            .map(|(name, workload)| Pod {
                namespace: Namespace::new("shop").unwrap(),
                name: name.to_owned(),
                workload,
                node: None,
                ready: true,
                started_unix_s: None,
                oom_kills: vec![],
                running: vec![],
                cgroups: kubeopt_model::cluster::PodCgroups::default(),
            })
            .collect();
        PodOwners::from_facts(&facts)
    }

    #[test]
    fn what_the_cluster_shows_wins_over_the_name() {
        let (api, agent) = (id(WorkloadKind::Deployment, "api"), id(WorkloadKind::DaemonSet, "agent"));
        let owners = facts(
            vec![
                workload(WorkloadKind::Deployment, "api", None),
                workload(WorkloadKind::DaemonSet, "agent", None),
            ],
            vec![("agent-x7k2p", Some(api.clone())), ("agent-b2b2b", None)],
        );
        assert_eq!(owners.owner("shop", "agent-x7k2p"), Owner::Shown(&api));
        assert_eq!(owners.owner("shop", "agent-b2b2b"), Owner::Nobody);
        assert_eq!(owners.owner("shop", "agent-c4c4c"), Owner::Named(&agent));
        assert_eq!(owners.owner("other", "agent-c4c4c"), Owner::Unknown);
    }

    #[test]
    fn the_longest_name_wins_and_a_tie_is_ambiguous() {
        let owners = facts(
            vec![
                workload(WorkloadKind::Deployment, "api", None),
                workload(WorkloadKind::DaemonSet, "api-x7k2p", None),
                workload(WorkloadKind::DaemonSet, "sync", None),
                workload(WorkloadKind::Job, "sync", None),
            ],
            vec![],
        );
        assert_eq!(
            owners.owner("shop", "api-x7k2p-b2b2b"),
            Owner::Named(&id(WorkloadKind::DaemonSet, "api-x7k2p"))
        );
        assert_eq!(
            owners.owner("shop", "api-5d8c7b9f6d-b2b2b"),
            Owner::Named(&id(WorkloadKind::Deployment, "api"))
        );
        assert_eq!(owners.owner("shop", "sync-b2b2b"), Owner::Ambiguous);
    }

    #[test]
    fn jobs_count_for_the_cron_job_that_made_them() {
        let report = id(WorkloadKind::CronJob, "report");
        let owners = facts(
            vec![
                workload(WorkloadKind::CronJob, "report", None),
                workload(WorkloadKind::Job, "report-29345678", Some(report.clone())),
            ],
            vec![],
        );
        assert_eq!(owners.owner("shop", "report-29345678-x7k2p"), Owner::Named(&report));
        assert_eq!(owners.owner("shop", "report-29345000-x7k2p"), Owner::Named(&report));
        assert_eq!(owners.workload("shop", WorkloadKind::Job, "report-29345678"), Some(&report));
    }
}
