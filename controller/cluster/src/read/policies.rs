//! Policies that stand in the cluster, held as they are written. Nothing of them is judged here, and none is left out: what
//! cannot be held is told in its place.

use kube::core::DynamicObject;
use kubeopt_model::Problem;
use kubeopt_model::policy::PolicyObject;
use serde_json::{Map, Value};

use crate::codes;
use crate::error::shortened;
use crate::kinds::Watched;
use crate::seen::Seen;

/// One spec as YAML; a long policy takes a hundredth.
const SPEC_BYTES_MAX: usize = 256 * 1024;

/// Reads an object.
pub(super) fn read(object: DynamicObject) -> Seen {
    let name = shortened(&object.metadata.name.unwrap_or_default());
    let spec = match object.data.get("spec") {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(spec) => spec.clone(),
    };
    let generation = object.metadata.generation.unwrap_or_default();
    let spec = text(&spec).map_err(|why| {
        let place = format!("{}/{name}", Watched::Policies.resource());
        let help = "make it smaller: all RightsizingPolicies of a cluster count together";
        Problem::new(codes::POLICY_UNREADABLE, format!("RightsizingPolicy {name} {why}"), help)
            .at(place, None)
    });
    Seen::Policy(Box::new(PolicyObject { name, generation, spec }))
}

fn text(spec: &Value) -> Result<String, String> {
    let text = serde_yaml::to_string(spec).map_err(|_| "cannot be written as YAML".to_owned())?;
    if text.len() > SPEC_BYTES_MAX {
        return Err(format!("takes {} bytes, at most {SPEC_BYTES_MAX} are read", text.len()));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::read_json;
    use super::*;

    fn policy(json: Value) -> PolicyObject {
        let Ok(Seen::Policy(policy)) = read_json(Watched::Policies, json) else { panic!("not a policy") };
        *policy
    }

    #[test]
    fn a_policy_is_held_as_it_is_written() {
        let spec = json!({"enabled": true, "sizing": {"cpu": {"quantile": 0.9, "floor": "20m"}}, "extends": "kubeopt:jvm"});
        let held = policy(json!({"metadata": {"name": "all", "generation": 3}, "spec": spec}));
        assert_eq!((held.name.as_str(), held.generation), ("all", 3));
        let text = held.spec.unwrap();
        assert_eq!(
            text,
            "enabled: true\nextends: kubeopt:jvm\nsizing:\n  cpu:\n    floor: 20m\n    quantile: 0.9\n"
        );
        let empty = policy(json!({"metadata": {"name": "all"}}));
        assert_eq!((empty.generation, empty.spec.as_deref()), (0, Ok("{}\n")));
    }

    #[test]
    fn what_cannot_be_held_is_told_and_stays() {
        let labels = json!({"a": "x".repeat(100 << 10)});
        let held = policy(json!({"metadata": {"name": "../odd`", "labels": labels}, "spec": [1, null]}));
        assert!(held.spec.is_ok() && !held.name.is_empty());
        let large = policy(json!({"metadata": {"name": "all"}, "spec": {"x": "x".repeat(SPEC_BYTES_MAX)}}));
        let problem = large.spec.unwrap_err();
        assert_eq!(problem.code, codes::POLICY_UNREADABLE);
        assert!(problem.text.contains("at most 262144"), "{problem}");
    }
}
