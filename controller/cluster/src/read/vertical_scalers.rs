//! VerticalPodAutoscalers, `autoscaling.k8s.io/v1`: what they size, whether they act, and what they would set.

use kubeopt_model::vpa::{Vpa, VpaMode};
use kubeopt_model::workload::ResourceList;
use kubeopt_model::{ContainerName, Resource};

use super::object::{Object, Unreadable};
use super::template;
use crate::seen::Seen;
use crate::wire;

/// The policy of every container that none names.
const EVERY_CONTAINER: &str = "*";

/// Reads a VPA; one of a kind that is not sized says nothing.
pub(super) fn read(object: &Object) -> Result<Seen, Unreadable> {
    let spec: wire::VerticalScalerSpec = object.part("spec")?;
    let target = &spec.target_ref;
    let Some(workload) = object.refers_to(target.api_version.as_deref(), &target.kind, &target.name) else {
        return Ok(Seen::Nothing);
    };
    let status: wire::VerticalScalerStatus = object.part_or_empty("status")?;
    let policies = spec.resource_policy.unwrap_or_default().container_policies;
    let every = policies.iter().find(|policy| policy.container_name == EVERY_CONTAINER);
    let named = |policy: &wire::ContainerPolicy| {
        Some((ContainerName::new(policy.container_name.as_str()).ok()?, controlled(policy)))
    };
    let vpa = Vpa {
        name: object.name.to_string(),
        mode: mode(spec.update_policy.and_then(|policy| policy.update_mode).as_deref()),
        controls: every.map_or_else(both, controlled),
        of_containers: policies.iter().filter_map(named).collect(),
        targets: targets(&status.recommendation.unwrap_or_default())?,
    };
    Ok(Seen::VerticalScaler(Box::new(vpa), workload))
}

/// A mode of a later version may act, so it counts as one that does.
fn mode(text: Option<&str>) -> VpaMode {
    match text {
        Some("Off") => VpaMode::Off,
        Some("Initial") => VpaMode::Initial,
        Some("Recreate") => VpaMode::Recreate,
        Some("InPlaceOrRecreate") => VpaMode::InPlaceOrRecreate,
        Some(_) | None => VpaMode::Auto,
    }
}

/// The API's default.
fn both() -> Vec<Resource> {
    vec![Resource::Cpu, Resource::Memory]
}

fn controlled(policy: &wire::ContainerPolicy) -> Vec<Resource> {
    if policy.mode.as_deref() == Some("Off") {
        return Vec::new();
    }
    let Some(names) = &policy.controlled_resources else { return both() };
    both().into_iter().filter(|resource| names.contains(&resource.to_string())).collect()
}

fn targets(
    recommendation: &wire::VerticalRecommendation,
) -> Result<Vec<(ContainerName, ResourceList)>, Unreadable> {
    let of = |target: &wire::ContainerTarget| {
        let field = |key: &str| format!("target.{key} of container {}", target.container_name);
        let amounts = template::amounts(&target.target, &field)?;
        Ok((ContainerName::new(target.container_name.as_str())?, amounts))
    };
    recommendation.container_recommendations.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{Bytes, MilliCores};
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::Watched;
    use crate::read::testing::read_json;

    fn vpa(spec: Value, status: Value) -> Vpa {
        let mut spec = spec;
        spec["targetRef"] = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
        let object =
            json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec, "status": status});
        match read_json(Watched::VerticalScalers, object) {
            Ok(Seen::VerticalScaler(vpa, workload)) if workload.short() == "deploy/web" => *vpa,
            other => panic!("not a VPA of web: {other:?}"),
        }
    }

    #[test]
    fn a_mode_that_is_not_off_acts() {
        for (text, mode) in [
            (json!("Off"), VpaMode::Off),
            (json!("Initial"), VpaMode::Initial),
            (json!("Recreate"), VpaMode::Recreate),
            (json!("InPlaceOrRecreate"), VpaMode::InPlaceOrRecreate),
            (json!("Auto"), VpaMode::Auto),
            (json!("InPlace"), VpaMode::Auto),
            (Value::Null, VpaMode::Auto),
        ] {
            let found = vpa(json!({"updatePolicy": {"updateMode": text}}), Value::Null).mode;
            assert_eq!((found, found.acts()), (mode, mode != VpaMode::Off), "{text}");
        }
        assert!(vpa(json!({}), Value::Null).mode.acts());
    }

    #[test]
    fn what_it_controls_follows_the_policy_of_each_container() {
        let policies = json!({"resourcePolicy": {"containerPolicies": [
            {"containerName": "*", "controlledResources": ["memory"]},
            {"containerName": "proxy", "mode": "Off"},
            {"containerName": "app"},
        ]}});
        let found = vpa(policies, Value::Null);
        for (name, cpu, memory) in [("app", true, true), ("proxy", false, false), ("another", false, true)] {
            let name = ContainerName::new(name).unwrap();
            let controls = |resource| found.controls(&name, resource);
            assert_eq!((controls(Resource::Cpu), controls(Resource::Memory)), (cpu, memory), "{name}");
        }
    }

    #[test]
    fn the_targets_of_its_status_are_read() {
        let status = json!({"recommendation": {"containerRecommendations": [
            {"containerName": "app", "target": {"cpu": "163m", "memory": "262144k"}, "upperBound": {"cpu": "1"}},
        ]}});
        let found = vpa(json!({}), status);
        let target = found.target(&ContainerName::new("app").unwrap()).copied();
        let wanted = ResourceList { cpu: Some(MilliCores(163)), memory: Some(Bytes(262_144_000)) };
        assert_eq!(target, Some(wanted));
    }

    #[test]
    fn a_vpa_of_a_custom_kind_says_nothing() {
        let spec =
            json!({"targetRef": {"apiVersion": "example.com/v1", "kind": "Deployment", "name": "web"}});
        let object = json!({"metadata": {"name": "web", "namespace": "shop"}, "spec": spec});
        assert_eq!(read_json(Watched::VerticalScalers, object), Ok(Seen::Nothing));
    }
}
