//! The sources of an Argo CD Application that count, and what each says of itself.

use serde_json::Value;

use super::described::{list, text};

/// The sources that count, the lowest first: the dry source of a hydrator, else `sources`, else `source`.
pub(crate) fn effective_sources(spec: &Value) -> Vec<&Value> {
    if let Some(dry) = spec.pointer("/sourceHydrator/drySource").filter(|dry| dry.is_object()) {
        return vec![dry];
    }
    let several = list(spec, "sources");
    if !several.is_empty() {
        return several.iter().collect();
    }
    spec.get("source").filter(|source| source.is_object()).into_iter().collect()
}

/// It says itself that it is Helm.
pub(super) fn is_helm(source: &Value) -> bool {
    is_published(source) || source.get("helm").is_some_and(Value::is_object)
}

/// The source is a chart that a repository of charts publishes. An artifact of a registry is one unless it says that it
/// is something else.
pub(crate) fn is_published(source: &Value) -> bool {
    let says = |key: &str| source.get(key).is_some_and(Value::is_object);
    text(source, "chart").is_some() || (is_artifact(source) && !says("kustomize") && !says("directory"))
}

/// The source is taken from a registry and not from Git.
pub(crate) fn is_artifact(source: &Value) -> bool {
    text(source, "repoURL").is_some_and(|url| url.starts_with("oci://"))
}
