//! A request that no node can hold leaves pods pending. A raise stays within the largest schedulable node, less what the
//! containers of the pod that run at the same time ask for. DaemonSets and other pods on that node are not counted.

use kubeopt_model::pod::asked_beside;
use kubeopt_model::{Amount, Bound, Container, Resource, Workload};

use crate::guardrails::bounds::at_most;
use crate::guardrails::guardrail::{Guardrail, Judgement};
use crate::wanted::Wanted;

pub(super) const GUARDRAIL: Guardrail =
    Guardrail { name: "largest-node", about: "no request is raised beyond the largest node", judge };

fn judge(wanted: &Wanted<'_>) -> Judgement {
    let is_request = |other: Option<Amount>| wanted.field.bound == Bound::Request || other.is_none();
    let members = wanted.members.iter().filter(|member| is_request(wanted.other_bound(member)));
    let tightest = members
        .filter_map(|member| {
            let id = &member.container.workload;
            let largest = largest(wanted, &id.cluster)?;
            let others = wanted
                .workload(id)
                .map_or(0, |workload| others(wanted, workload, &member.container.container));
            Some((largest.base().saturating_sub(others), largest))
        })
        .min();
    let Some((high, largest)) = tightest else { return Judgement::Pass };
    let high = Amount::from_base(wanted.resource(), high);
    at_most(wanted, high, || {
        format!("the largest node has {largest} allocatable, {high} of it beside the pod's other containers")
    })
}

fn largest(wanted: &Wanted<'_>, cluster: &kubeopt_model::ClusterName) -> Option<Amount> {
    let nodes = wanted.facts(cluster)?.nodes.iter().filter(|node| node.schedulable);
    nodes
        .map(|node| match wanted.resource() {
            Resource::Cpu => Amount::Cpu(node.allocatable_cpu),
            Resource::Memory => Amount::Memory(node.allocatable_memory),
        })
        .max()
}

/// What the others would ask for while it runs.
fn others(wanted: &Wanted<'_>, workload: &Workload, name: &kubeopt_model::ContainerName) -> u64 {
    let asked = |container: &Container| {
        let resources = wanted.resources_after(workload, container);
        (container.role, resources.effective_request(wanted.resource()).map_or(0, Amount::base))
    };
    let containers: Vec<_> = workload.containers.iter().map(asked).collect();
    let own = workload.containers.iter().position(|container| &container.name == name);
    own.map_or(0, |index| asked_beside(&containers, index))
}
