//! Nodes: what prices and caps need.

use kubeopt_model::cluster::Node;

use super::{Object, Unreadable, template};
use crate::seen::Seen;
use crate::wire;

const INSTANCE_TYPE: &str = "node.kubernetes.io/instance-type";
const REGION: &str = "topology.kubernetes.io/region";

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
    }))
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{Bytes, MilliCores};
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
}
