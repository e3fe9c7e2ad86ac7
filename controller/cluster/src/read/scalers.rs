//! HorizontalPodAutoscalers, `autoscaling/v2`: what they scale and on which resource.

use kubeopt_model::Resource;
use kubeopt_model::workload::{Scaler, ScalerTarget};

use super::object::{Object, Unreadable, count};
use crate::seen::Seen;
use crate::wire;

/// Reads an HPA; one of a kind that is not sized says nothing.
pub(super) fn read(object: &Object) -> Result<Seen, Unreadable> {
    let spec: wire::ScalerSpec = object.part("spec")?;
    let target = &spec.scale_target_ref;
    let Some(workload) = object.refers_to(target.api_version.as_deref(), &target.kind, &target.name) else {
        return Ok(Seen::Nothing);
    };
    let scaler = Scaler {
        name: object.name.to_string(),
        // The API's default.
        min_replicas: spec.min_replicas.map_or(1, count),
        max_replicas: count(spec.max_replicas),
        targets: spec.metrics.iter().flatten().filter_map(resource_target).collect(),
    };
    Ok(Seen::Scaler(scaler, workload))
}

/// Metrics other than CPU and memory do not depend on requests.
fn resource_target(metric: &wire::Metric) -> Option<ScalerTarget> {
    let metric = metric.resource.as_ref().or(metric.container_resource.as_ref())?;
    let resource = [Resource::Cpu, Resource::Memory].into_iter().find(|r| r.to_string() == metric.name)?;
    Some(ScalerTarget { resource, utilization_percent: metric.target.average_utilization.map(count) })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::Watched;
    use crate::read::testing::read_json;

    fn scaler(target: Value, metrics: Value) -> Seen {
        read_json(
            Watched::Scalers,
            json!({"metadata": {"name": "web", "namespace": "shop"},
                "spec": {"scaleTargetRef": target, "maxReplicas": 10, "metrics": metrics}}),
        )
        .unwrap()
    }

    #[test]
    fn resource_and_container_metrics_are_targets_and_others_are_not() {
        let target = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"});
        let metrics = json!([
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}},
            {"type": "ContainerResource", "containerResource": {"name": "memory", "container": "app",
                "target": {"type": "AverageValue", "averageValue": "500Mi"}}},
            {"type": "External", "external": {"metric": {"name": "queue"}, "target": {"type": "Value", "value": "3"}}},
        ]);
        let Seen::Scaler(scaler, workload) = scaler(target, metrics) else { panic!("not a scaler") };
        assert_eq!(workload.short(), "rollout/web");
        assert_eq!((scaler.min_replicas, scaler.max_replicas), (1, 10));
        assert_eq!(
            scaler.targets,
            [
                ScalerTarget { resource: Resource::Cpu, utilization_percent: Some(70) },
                ScalerTarget { resource: Resource::Memory, utilization_percent: None },
            ]
        );
    }

    #[test]
    fn a_scaler_of_a_custom_kind_says_nothing() {
        let target = json!({"apiVersion": "example.com/v1", "kind": "Deployment", "name": "web"});
        assert_eq!(scaler(target, Value::Null), Seen::Nothing);
    }
}
