//! Nodes: what prices and caps need.

use kubeopt_model::Bytes;
use kubeopt_model::cluster::{NODE_LABELS, Node, NodeMachine, Taint, TaintEffect};

use super::object::{Object, Unreadable};
use super::template;
use crate::seen::Seen;
use crate::wire;

const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
const REGION: &str = "topology.kubernetes.io/region";

/// Most taints that are kept of a node; real ones have a handful.
const TAINTS_MAX: usize = 64;

/// Most characters of a provider id; those of the clouds are below 256.
const PROVIDER_ID_CHARS_MAX: usize = 512;

/// Reads a node. One that does not tell what pods may use of it is of no use to caps and is left out with that reason.
pub(super) fn read(object: &Object) -> Result<Seen, Unreadable> {
    let spec: wire::NodeSpec = object.part_or_empty("spec")?;
    let status: wire::NodeStatus = object.part_or_empty("status")?;
    let allocatable = template::amounts(&status.allocatable, &|key| format!("allocatable.{key}"))?;
    Ok(Seen::Node(Node {
        name: object.name.to_string(),
        instance_type: object.labels.get(INSTANCE_TYPE).cloned(),
        region: object.labels.get(REGION).cloned(),
        allocatable_cpu: allocatable.cpu.ok_or(Unreadable::Missing("status.allocatable.cpu"))?,
        allocatable_memory: allocatable.memory.ok_or(Unreadable::Missing("status.allocatable.memory"))?,
        schedulable: !spec.unschedulable,
        machine: machine(object, spec, &status)?,
    }))
}

fn machine(
    object: &Object,
    spec: wire::NodeSpec,
    status: &wire::NodeStatus,
) -> Result<NodeMachine, Unreadable> {
    let label = |key: &&str| object.labels.get(*key).map(|value| ((*key).to_owned(), value.clone()));
    let pods: Option<Bytes> =
        template::amount(&status.allocatable, "pods", &|key| format!("allocatable.{key}"))?;
    Ok(NodeMachine {
        provider_id: spec.provider_id.map(|id| id.chars().take(PROVIDER_ID_CHARS_MAX).collect()),
        labels: NODE_LABELS.iter().filter_map(label).collect(),
        taints: spec.taints.into_iter().flatten().filter_map(taint).take(TAINTS_MAX).collect(),
        capacity: template::amounts(&status.capacity, &|key| format!("capacity.{key}"))?,
        pods: pods.map(|count| u32::try_from(count.0).unwrap_or(u32::MAX)),
    })
}

/// An effect that this version does not know keeps no pod away that it could tell of.
fn taint(taint: wire::NodeTaint) -> Option<Taint> {
    let effect = match taint.effect.as_str() {
        "NoSchedule" => TaintEffect::NoSchedule,
        "PreferNoSchedule" => TaintEffect::PreferNoSchedule,
        "NoExecute" => TaintEffect::NoExecute,
        _ => return None,
    };
    Some(Taint { key: taint.key, value: taint.value.unwrap_or_default(), effect })
}

#[cfg(test)]
mod tests {
    use kubeopt_model::MilliCores;
    use serde_json::json;

    use super::*;
    use crate::kinds::Watched;
    use crate::read::testing::read_json;

    #[test]
    fn a_node_tells_its_size_type_and_region() {
        let node = |status| {
            read_json(
                Watched::Nodes,
                json!({"metadata": {"name": "n1", "labels": {INSTANCE_TYPE: "m5.xlarge", REGION: "us-east-1"}},
                    "spec": {"unschedulable": true}, "status": status}),
            )
        };
        let Ok(Seen::Node(seen)) =
            node(json!({"allocatable": {"cpu": "3920m", "memory": "15Gi", "pods": "110"}}))
        else {
            panic!("not a node")
        };
        assert_eq!(
            (seen.allocatable_cpu, seen.allocatable_memory),
            (MilliCores(3920), Bytes::mebi(15 * 1024))
        );
        assert_eq!(
            (seen.instance_type.as_deref(), seen.region.as_deref()),
            (Some("m5.xlarge"), Some("us-east-1"))
        );
        assert!(!seen.schedulable);
        assert!(node(json!({})).unwrap_err().text.contains("no status.allocatable.cpu"));
    }

    #[test]
    fn a_node_tells_its_pool_how_it_is_bought_and_what_keeps_pods_away() {
        let object = json!({
            "metadata": {"name": "n1", "labels": {
                "karpenter.sh/capacity-type": "spot", "karpenter.sh/nodepool": "web", "secret": "kept out"}},
            "spec": {"providerID": "aws:///us-east-1a/i-1", "taints": [
                {"key": "gpu", "value": "yes", "effect": "NoSchedule"}, {"key": "odd", "effect": "Unheard"}]},
            "status": {"allocatable": {"cpu": "3920m", "memory": "15Gi", "pods": "58"},
                "capacity": {"cpu": "4", "memory": "16Gi"}},
        });
        let Ok(Seen::Node(Node { machine, .. })) = read_json(Watched::Nodes, object) else {
            panic!("not a node")
        };
        assert_eq!(machine.provider_id.as_deref(), Some("aws:///us-east-1a/i-1"));
        assert_eq!(
            machine.labels.keys().collect::<Vec<_>>(),
            ["karpenter.sh/capacity-type", "karpenter.sh/nodepool"]
        );
        assert_eq!(
            machine.taints.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["gpu=yes:NoSchedule"]
        );
        assert_eq!((machine.capacity.cpu, machine.pods), (Some(MilliCores(4000)), Some(58)));
    }
}
