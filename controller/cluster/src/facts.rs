//! Joins what was seen of all kinds into the facts. Pure: the same objects, in any order, give the same facts.
//!
//! Pods find their workload by walking owners: Pod -> ReplicaSet -> Deployment or Rollout, Pod -> Job -> CronJob, or
//! straight to a StatefulSet or DaemonSet. Nothing is guessed from names: a ReplicaSet that cannot be seen leaves its
//! pods without a workload.

use std::collections::BTreeMap;

use kubeopt_model::cluster::Pod;
use kubeopt_model::vpa::Vpa;
use kubeopt_model::workload::Scaler;
use kubeopt_model::{ClusterFacts, Namespace, ObjectName, Problem, Workload, WorkloadId, WorkloadKind};

use crate::applied::Appliers;
use crate::codes;
use crate::objects::Objects;
use crate::seen::{Owner, Seen};

/// Quarantined objects that are told one by one; the first ones show the pattern, the rest is counted.
const QUARANTINED_TOLD_MAX: usize = 100;

/// The facts that these objects tell. Lists are sorted, quarantined objects are told in `unseen`.
pub fn facts_from(objects: &Objects) -> ClusterFacts {
    let joints = Joints::of(objects);
    let appliers = Appliers::of(objects);
    let mut facts = ClusterFacts::empty(objects.cluster.clone());
    for seen in objects.seen.iter().filter_map(|seen| seen.as_ref().as_ref().ok()) {
        match seen {
            Seen::Workload(workload, hints) => {
                let mut workload = joints.workload(workload);
                workload.applied_by = appliers.of_workload(&workload, hints);
                facts.workloads.push(workload);
            }
            Seen::Pod(pod, owner) => facts.pods.push(joints.pod(pod, owner)),
            Seen::Node(node) => facts.nodes.push(node.clone()),
            Seen::LimitRange(range) => facts.limit_ranges.push(range.clone()),
            Seen::Quota(quota) => facts.quotas.push(quota.clone()),
            Seen::Kustomization(kustomization) => facts.kustomizations.push(kustomization.as_ref().clone()),
            Seen::GitRepository(repository) => facts.git_repositories.push(repository.clone()),
            Seen::GitOps(object, hints, labels) => {
                let mut object = object.as_ref().clone();
                object.applied_by = appliers.of_object(&object, hints, labels);
                facts.gitops_objects.push(object);
            }
            Seen::Policy(policy) => facts.policies.push(policy.as_ref().clone()),
            Seen::Borrower { .. }
            | Seen::ReplicaSet { .. }
            | Seen::Scaler(..)
            | Seen::VerticalScaler(..)
            | Seen::Nothing => {}
        }
    }
    sort(&mut facts);
    facts.unseen.clone_from(&objects.unseen);
    facts.unseen.extend(quarantined(objects));
    facts
}

fn sort(facts: &mut ClusterFacts) {
    facts.workloads.sort_by(|a, b| a.id.cmp(&b.id));
    facts.pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    facts.nodes.sort_by(|a, b| a.name.cmp(&b.name));
    facts.limit_ranges.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    facts.quotas.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    facts.kustomizations.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    facts.policies.sort();
    facts.git_repositories.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    facts
        .gitops_objects
        .sort_by(|a, b| (a.kind, &a.namespace, &a.name).cmp(&(b.kind, &b.namespace, &b.name)));
}

fn quarantined(objects: &Objects) -> Vec<Problem> {
    let mut problems: Vec<Problem> = objects
        .seen
        .iter()
        .filter_map(|seen| seen.as_ref().as_ref().err())
        .map(|why| why.as_ref().clone())
        .collect();
    problems.sort();
    let untold = problems.len().saturating_sub(QUARANTINED_TOLD_MAX);
    problems.truncate(QUARANTINED_TOLD_MAX);
    if untold > 0 {
        let text = format!("{untold} more objects are left out");
        problems.push(Problem::new(
            codes::QUARANTINED,
            text,
            "correct the ones above first, then look again",
        ));
    }
    problems
}

/// What one kind tells about the objects of another.
struct Joints<'a> {
    replica_sets: BTreeMap<(&'a Namespace, &'a ObjectName), &'a Owner>,
    cron_jobs: BTreeMap<&'a WorkloadId, &'a WorkloadId>,
    borrowers: BTreeMap<&'a WorkloadId, &'a WorkloadId>,
    borrowed_replicas: BTreeMap<&'a WorkloadId, u32>,
    scalers: BTreeMap<&'a WorkloadId, Vec<&'a Scaler>>,
    vertical_scalers: BTreeMap<&'a WorkloadId, Vec<&'a Vpa>>,
}

impl<'a> Joints<'a> {
    fn of(objects: &'a Objects) -> Self {
        let mut joints = Self {
            replica_sets: BTreeMap::new(),
            cron_jobs: BTreeMap::new(),
            borrowers: BTreeMap::new(),
            borrowed_replicas: BTreeMap::new(),
            scalers: BTreeMap::new(),
            vertical_scalers: BTreeMap::new(),
        };
        for seen in objects.seen.iter().filter_map(|seen| seen.as_ref().as_ref().ok()) {
            joints.add(seen);
        }
        joints
    }

    fn add(&mut self, seen: &'a Seen) {
        match seen {
            Seen::ReplicaSet { namespace, name, owner } => {
                self.replica_sets.insert((namespace, name), owner);
            }
            Seen::Workload(workload, _) => {
                if let Some(owner) = &workload.owner {
                    self.cron_jobs.insert(&workload.id, owner);
                }
            }
            Seen::Borrower { rollout, replicas, template_of } => {
                self.borrowers.insert(rollout, template_of);
                *self.borrowed_replicas.entry(template_of).or_default() += replicas;
            }
            Seen::Scaler(scaler, target) => self.scalers.entry(target).or_default().push(scaler),
            Seen::VerticalScaler(vpa, target) => self.vertical_scalers.entry(target).or_default().push(vpa),
            Seen::Pod(..)
            | Seen::Node(_)
            | Seen::LimitRange(_)
            | Seen::Quota(_)
            | Seen::Kustomization(_)
            | Seen::GitRepository(_)
            | Seen::GitOps(..)
            | Seen::Policy(_)
            | Seen::Nothing => {}
        }
    }

    fn workload(&self, workload: &Workload) -> Workload {
        let mut workload = workload.clone();
        workload.scaler = self.scaler(&workload.id);
        workload.vpa = self.vertical_scaler(&workload.id);
        if let Some(replicas) = self.borrowed_replicas.get(&workload.id) {
            workload.replicas = workload.replicas.saturating_add(*replicas);
        }
        workload
    }

    /// The scaler of a workload, or of a Rollout that runs its template. Two scalers of one workload fight each other;
    /// the first by name is told, with the targets of both, because both keep a resource at a target.
    fn scaler(&self, workload: &WorkloadId) -> Option<Scaler> {
        let mut scalers: Vec<&Scaler> = self.runners(workload, &self.scalers).collect();
        scalers.sort_by(|a, b| a.name.cmp(&b.name));
        let mut scalers = scalers.into_iter();
        let mut first = scalers.next()?.clone();
        first.targets.extend(scalers.flat_map(|scaler| scaler.targets.iter().cloned()));
        Some(first)
    }

    /// The VerticalPodAutoscaler of a workload, or of a Rollout that runs its template: of several one that acts, and of
    /// these the first by name.
    fn vertical_scaler(&self, workload: &WorkloadId) -> Option<Vpa> {
        let all = self.runners(workload, &self.vertical_scalers);
        all.min_by_key(|vpa| (!vpa.mode.acts(), &vpa.name)).cloned()
    }

    /// What targets a workload, or a Rollout that runs its template.
    fn runners<'b, T>(
        &'b self,
        workload: &'b WorkloadId,
        of: &'b BTreeMap<&'a WorkloadId, Vec<&'a T>>,
    ) -> impl Iterator<Item = &'a T> + 'b {
        let borrowers = self
            .borrowers
            .iter()
            .filter(move |(_, template_of)| **template_of == workload)
            .map(|(id, _)| *id);
        std::iter::once(workload).chain(borrowers).filter_map(|id| of.get(id)).flatten().copied()
    }

    fn pod(&self, pod: &Pod, owner: &Owner) -> Pod {
        let mut pod = pod.clone();
        pod.workload = self.top(&pod.namespace, owner).cloned();
        pod
    }

    /// The workload at the top of the owners of a pod.
    fn top(&self, namespace: &Namespace, owner: &'a Owner) -> Option<&'a WorkloadId>
    where
        Self: 'a,
    {
        let owner = match owner {
            Owner::ReplicaSet(name) => self.replica_sets.get(&(namespace, name)).copied()?,
            Owner::Workload(_) | Owner::Other => owner,
        };
        match owner {
            Owner::Workload(id) if id.kind == WorkloadKind::Job => {
                Some(self.cron_jobs.get(id).copied().unwrap_or(id))
            }
            Owner::Workload(id) => Some(self.borrowers.get(id).copied().unwrap_or(id)),
            // A ReplicaSet of a ReplicaSet is nothing that any controller makes.
            Owner::ReplicaSet(_) | Owner::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::Watched;
    use crate::read::testing::cluster;

    fn objects(list: Vec<(Watched, Value)>) -> Objects {
        let documents = list.into_iter().map(|(kind, mut document)| {
            let group = kind.group();
            document["apiVersion"] =
                if group.is_empty() { json!("v1") } else { json!(format!("{group}/v1")) };
            document["kind"] = json!(kind.kind());
            document
        });
        Objects::read(cluster(), documents)
    }

    fn named(name: &str, owner: Option<(&str, &str, &str)>) -> Value {
        let owners: Vec<Value> = owner
            .into_iter()
            .map(|(group, kind, name)| json!({"apiVersion": format!("{group}/v1"), "kind": kind, "name": name, "uid": "u", "controller": true}))
            .collect();
        json!({"name": name, "namespace": "shop", "ownerReferences": owners})
    }

    fn workload(kind: Watched, name: &str, owner: Option<(&str, &str, &str)>) -> (Watched, Value) {
        let template = json!({"spec": {"containers": [{"name": "app"}]}});
        let spec = if kind == Watched::CronJobs {
            json!({"jobTemplate": {"spec": {"template": template}}})
        } else {
            json!({"replicas": 2, "template": template})
        };
        (kind, json!({"metadata": named(name, owner), "spec": spec}))
    }

    fn pod(name: &str, owner: (&str, &str, &str)) -> (Watched, Value) {
        (
            Watched::Pods,
            json!({"metadata": named(name, Some(owner)), "spec": {"containers": [{"name": "app"}]}}),
        )
    }

    fn replica_set(name: &str, owner: (&str, &str, &str)) -> (Watched, Value) {
        (Watched::ReplicaSets, json!({"metadata": named(name, Some(owner))}))
    }

    fn tops(facts: &ClusterFacts) -> Vec<(String, String)> {
        let top = |pod: &Pod| pod.workload.as_ref().map_or("-".to_owned(), WorkloadId::short);
        facts.pods.iter().map(|pod| (pod.name.clone(), top(pod))).collect()
    }

    #[test]
    fn pods_find_the_workload_at_the_top_of_their_owners() {
        let list = vec![
            workload(Watched::Deployments, "web", None),
            replica_set("web-1", ("apps", "Deployment", "web")),
            pod("a", ("apps", "ReplicaSet", "web-1")),
            replica_set("canary-1", ("argoproj.io", "Rollout", "canary")),
            pod("b", ("apps", "ReplicaSet", "canary-1")),
            workload(Watched::CronJobs, "report", None),
            workload(Watched::Jobs, "report-1", Some(("batch", "CronJob", "report"))),
            pod("c", ("batch", "Job", "report-1")),
            pod("d", ("batch", "Job", "once")),
            pod("e", ("apps", "DaemonSet", "agent")),
            pod("f", ("apps", "ReplicaSet", "unseen-1")),
            pod("g", ("example.com", "Widget", "w")),
        ];
        let expected = [
            ("a", "deploy/web"),
            ("b", "rollout/canary"),
            ("c", "cronjob/report"),
            ("d", "job/once"),
            ("e", "ds/agent"),
            ("f", "-"),
            ("g", "-"),
        ];
        let expected = expected.map(|(pod, top)| (pod.to_owned(), top.to_owned()));
        assert_eq!(tops(&facts_from(&objects(list.clone()))), expected);
        let mut backwards = list;
        backwards.reverse();
        assert_eq!(facts_from(&objects(backwards.clone())), {
            backwards.reverse();
            facts_from(&objects(backwards))
        });
    }

    #[test]
    fn a_deployment_is_seen_through_the_rollout_that_runs_its_template() {
        let rollout = json!({"metadata": named("web", None), "spec": {"replicas": 5,
            "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
        let mut deployment = workload(Watched::Deployments, "web", None);
        deployment.1["spec"]["replicas"] = json!(0);
        let scaler = json!({"metadata": named("web", None), "spec": {"maxReplicas": 9,
            "scaleTargetRef": {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"}}});
        let facts = facts_from(&objects(vec![
            deployment,
            (Watched::Rollouts, rollout),
            (Watched::Scalers, scaler),
            replica_set("web-1", ("argoproj.io", "Rollout", "web")),
            pod("a", ("apps", "ReplicaSet", "web-1")),
        ]));
        assert_eq!(tops(&facts), [("a".to_owned(), "deploy/web".to_owned())]);
        let [web] = facts.workloads.as_slice() else { panic!("{:?}", facts.workloads) };
        assert_eq!((web.replicas, web.scaler.as_ref().map(|s| s.max_replicas)), (5, Some(9)));
    }

    #[test]
    fn a_workload_shows_the_targets_of_all_its_scalers() {
        let scaler = |name: &str, metric: &str| {
            let metrics = json!([{"type": "Resource", "resource": {"name": metric, "target": {"averageUtilization": 70}}}]);
            (
                Watched::Scalers,
                json!({"metadata": named(name, None), "spec": {"maxReplicas": 3, "metrics": metrics,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}}),
            )
        };
        let list =
            vec![scaler("b", "memory"), workload(Watched::Deployments, "web", None), scaler("a", "cpu")];
        let facts = facts_from(&objects(list));
        let scaler = facts.workloads[0].scaler.as_ref().unwrap();
        assert_eq!((scaler.name.as_str(), scaler.targets.len()), ("a", 2));
    }

    #[test]
    fn poisonous_objects_are_told_and_the_others_go_on() {
        let mut list: Vec<_> =
            (0..150).map(|n| workload(Watched::Deployments, &format!("Bad{n}"), None)).collect();
        list.push(workload(Watched::Deployments, "good", None));
        let facts = facts_from(&objects(list));
        assert_eq!(facts.workloads.len(), 1);
        assert_eq!(facts.unseen.len(), QUARANTINED_TOLD_MAX + 1);
        assert_eq!(facts.unseen.last().map(|p| p.text.as_str()), Some("50 more objects are left out"));
    }

    #[test]
    fn documents_of_other_kinds_are_passed_over_and_broken_ones_are_told() {
        let documents = [
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}}),
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": 7}}),
            json!("text"),
        ];
        let facts = facts_from(&Objects::read(cluster(), documents));
        assert_eq!(facts.unseen.len(), 1);
        assert!(
            facts.unseen[0].text.starts_with("one of deployments.apps is left out"),
            "{}",
            facts.unseen[0].text
        );
        assert!(facts.workloads.is_empty());
    }
}
