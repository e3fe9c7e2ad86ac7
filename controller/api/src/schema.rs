//! JSON Schemas of both files, generated from the same declarations that read them.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::config::document::ConfigDocument;
use crate::policy::document::PolicyDocument;
use crate::policy::keys::merge_of;

/// The JSON Schema of `.kubeopt.yaml`.
pub fn policy_schema() -> Value {
    let mut schema =
        generate::<PolicyDocument>("kubeopt policy", "https://kubeopt.dev/schema/policy-v1.json");
    note_merges(&mut schema, "");
    schema
}

/// The JSON Schema of `kubeopt.yaml`.
pub fn config_schema() -> Value {
    let mut schema =
        generate::<ConfigDocument>("kubeopt configuration", "https://kubeopt.dev/schema/config-v1.json");
    if let Some(policy) = schema.pointer_mut("/properties/policy") {
        note_merges(policy, "");
    }
    schema
}

fn generate<T: JsonSchema>(title: &str, id: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), json!(title));
        root.insert("$id".to_owned(), json!(id));
    }
    schema
}

/// Notes on each key how it is merged. Keys below `overrides` are those of the file itself.
fn note_merges(schema: &mut Value, path: &str) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(merge) = merge_of(path) {
        object.insert("x-kubeopt-merge".to_owned(), json!(merge));
    }
    if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
        note_properties(properties, path);
    }
    if path == "overrides"
        && let Some(items) = object.get_mut("items")
    {
        note_merges(items, "");
    }
}

fn note_properties(properties: &mut Map<String, Value>, path: &str) {
    for (key, property) in properties {
        let path = crate::text::reading::join(path, key);
        note_merges(property, &path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every leaf with its path; elements of lists as `[]`.
    fn leaves(schema: &Value, path: &str, found: &mut Vec<(String, Value)>) {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            for (key, property) in properties {
                found.push((crate::text::reading::join(path, key), property.clone()));
                leaves(property, &crate::text::reading::join(path, key), found);
            }
        }
        if let Some(items) = schema.get("items") {
            leaves(items, &format!("{path}[]"), found);
        }
    }

    #[test]
    fn every_key_has_a_doc_line_and_a_default() {
        for schema in [policy_schema(), config_schema()] {
            let mut found = Vec::new();
            leaves(&schema, "", &mut found);
            assert!(found.len() > 40);
            for (path, property) in found {
                assert!(
                    property["description"].as_str().is_some_and(|text| text.len() > 5),
                    "{path}: {property}"
                );
                assert!(property.get("default").is_some(), "{path}");
            }
        }
    }

    #[test]
    fn defaults_of_the_schema_are_those_of_the_effective_policy() {
        let schema = policy_schema();
        for key in crate::policy::effective_keys(&kubeopt_model::EffectivePolicy::default()) {
            let pointer = key.path.split('.').map(|part| format!("/properties/{part}")).collect::<String>();
            let property =
                schema.pointer(&pointer).unwrap_or_else(|| panic!("{} is not in the schema", key.path));
            assert_eq!(property["default"], key.value, "{}", key.path);
            assert!(property.get("x-kubeopt-merge").is_some(), "{}", key.path);
        }
    }

    #[test]
    fn every_used_leaf_of_the_policy_says_how_it_is_merged() {
        let mut found = Vec::new();
        leaves(&policy_schema(), "", &mut found);
        let owners = ["extends", "overrides", "allowedOverrides", "environments"];
        for (path, property) in found {
            let is_leaf = property.get("properties").is_none();
            let inside = [
                "selectors.",
                "exclude.",
                "blackouts[]",
                "findings.silences[]",
                "environments[]",
                "overrides[].match",
            ];
            let later = property["description"]
                .as_str()
                .is_some_and(|text| text.contains("Not used by this version"));
            if is_leaf
                && !later
                && !owners.contains(&path.as_str())
                && !inside.iter().any(|p| path.starts_with(p))
            {
                assert!(property.get("x-kubeopt-merge").is_some(), "{path}");
            }
        }
    }
}
