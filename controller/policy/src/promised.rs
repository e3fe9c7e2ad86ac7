//! What proposals ask more of a namespace: pods with all their replicas, counted as a ResourceQuota counts them. Knows no
//! quota.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::pod::asked;
use kubeopt_model::recommendation::Member;
use kubeopt_model::{
    Amount, Bound, Change, ClusterFacts, ClusterName, ContainerRole, Field, Namespace, Recommendation,
    Resources, WorkloadId,
};

/// What recommendations of the same pass that were admitted before ask more of each namespace. Only raises count: what
/// another proposal would free is not free before it is merged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Promised {
    more: BTreeMap<(ClusterName, Namespace, Field), i128>,
}

impl Promised {
    /// Adds a recommendation that was admitted.
    pub fn add(&mut self, recommendation: &Recommendation, facts: &[&ClusterFacts]) {
        let places: BTreeSet<(&ClusterName, &Namespace)> = recommendation
            .members
            .iter()
            .map(|member| (&member.container.workload.cluster, &member.container.workload.namespace))
            .collect();
        for (cluster, namespace) in places {
            for field in Field::ALL {
                let more = growth(recommendation, facts, field, cluster, namespace);
                if more > 0 {
                    let sum = self.more.entry((cluster.clone(), namespace.clone(), field)).or_default();
                    *sum = sum.saturating_add(more);
                }
            }
        }
    }

    /// What was promised of a field in a namespace: millicores or bytes.
    pub(crate) fn more(&self, cluster: &ClusterName, namespace: &Namespace, field: Field) -> i128 {
        self.more.get(&(cluster.clone(), namespace.clone(), field)).copied().unwrap_or(0)
    }
}

/// How much more a namespace would be asked for: all replicas of all pods that the recommendation speaks of.
pub(crate) fn growth(
    recommendation: &Recommendation,
    facts: &[&ClusterFacts],
    field: Field,
    cluster: &ClusterName,
    namespace: &Namespace,
) -> i128 {
    let mut pods: BTreeMap<&WorkloadId, Vec<&Member>> = BTreeMap::new();
    for member in &recommendation.members {
        let id = &member.container.workload;
        if &id.cluster == cluster && &id.namespace == namespace {
            pods.entry(id).or_default().push(member);
        }
    }
    let pod = |(id, members): (&WorkloadId, Vec<&Member>)| {
        let each = of_pod(id, &members, facts, field);
        let replicas = members.first().map_or(0, |member| member.replicas);
        (i128::from(each.after) - i128::from(each.before)).saturating_mul(i128::from(replicas))
    };
    pods.into_iter().map(pod).fold(0, i128::saturating_add)
}

/// What one pod asks for, now and proposed; of a workload that the cluster does not show, the members alone.
fn of_pod(id: &WorkloadId, members: &[&Member], facts: &[&ClusterFacts], field: Field) -> Change<u64> {
    let workload =
        facts.iter().filter(|facts| facts.cluster == id.cluster).find_map(|facts| facts.workload(id));
    let alone = |member: &&Member| (ContainerRole::Main, member.resources);
    let containers: Vec<(ContainerRole, Change<Resources>)> = match workload {
        None => members.iter().map(alone).collect(),
        Some(workload) => workload
            .containers
            .iter()
            .map(|container| {
                let spoken = members.iter().find(|member| member.container.container == container.name);
                let unchanged = Change { before: container.resources, after: container.resources };
                (container.role, spoken.map_or(unchanged, |member| member.resources))
            })
            .collect(),
    };
    let sum = |side: fn(Change<Resources>) -> Resources| {
        let of = |(role, change): &(ContainerRole, Change<Resources>)| (*role, counted(side(*change), field));
        asked(&containers.iter().map(of).collect::<Vec<_>>())
    };
    Change { before: sum(|change| change.before), after: sum(|change| change.after) }
}

fn counted(resources: Resources, field: Field) -> u64 {
    let amount = match field.bound {
        Bound::Request => resources.effective_request(field.resource),
        Bound::Limit => resources.get(field),
    };
    amount.map_or(0, Amount::base)
}
