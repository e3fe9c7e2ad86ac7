//! Rendered manifests without the values of Helm releases: what remains must not change when values do. Pure.

use kubeopt_model::release::{ReleaseKind, ReleaseObject};
use serde_yaml::{Mapping, Value};

/// The documents, with the values of the named releases taken out; all others byte by byte as they were.
///
/// What the values do shows in the rendering of the release, which is compared by itself.
pub fn without_values(yaml: &[u8], releases: &[ReleaseObject]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(yaml) else { return yaml.to_vec() };
    if releases.is_empty() {
        return yaml.to_vec();
    }
    documents(text)
        .flat_map(|document| bare(document, releases).unwrap_or_else(|| document.to_owned()).into_bytes())
        .collect()
}

/// The parts of a stream, each with the marker line that begins it. A line `---` at its start is nothing else in a
/// rendering: block scalars are indented.
fn documents(text: &str) -> impl Iterator<Item = &str> {
    let mut starts: Vec<usize> = vec![0];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if at > 0 && line.trim_end() == "---" {
            starts.push(at);
        }
        at += line.len();
    }
    starts.push(text.len());
    let ends = starts.clone().into_iter().skip(1);
    starts.into_iter().zip(ends).map(|(start, end)| &text[start..end])
}

/// None where the document is no such release.
fn bare(document: &str, releases: &[ReleaseObject]) -> Option<String> {
    if !document.contains("HelmRelease") && !document.contains("Application") {
        return None;
    }
    let mut object: Mapping = serde_yaml::from_str(document).ok()?;
    let kind = match object.get("kind")?.as_str()? {
        "HelmRelease" => ReleaseKind::HelmRelease,
        "Application" => ReleaseKind::Application,
        "ApplicationSet" => ReleaseKind::ApplicationSet,
        _ => return None,
    };
    let metadata = object.get("metadata")?.as_mapping()?;
    let text = |key: &str| metadata.get(key).and_then(Value::as_str);
    let (name, namespace) = (text("name")?, text("namespace"));
    releases.iter().find(|release| {
        let written = release.namespace.as_ref().map(kubeopt_model::Namespace::as_str);
        release.kind == kind && release.name.as_str() == name && (namespace.is_none() || written == namespace)
    })?;
    let spec = object.get_mut("spec")?.as_mapping_mut()?;
    match kind {
        ReleaseKind::HelmRelease => {
            spec.remove("values");
        }
        ReleaseKind::Application => remove_of_sources(spec),
        ReleaseKind::ApplicationSet => {
            let template = spec.get_mut("template")?.as_mapping_mut()?;
            remove_of_sources(template.get_mut("spec")?.as_mapping_mut()?);
        }
    }
    serde_yaml::to_string(&object).ok().map(|text| format!("---\n{text}"))
}

fn remove_of_sources(spec: &mut Mapping) {
    for source in sources(spec) {
        if let Some(helm) = source.get_mut("helm").and_then(Value::as_mapping_mut) {
            for key in ["values", "valuesObject", "parameters"] {
                helm.remove(key);
            }
        }
    }
}

fn sources(spec: &mut Mapping) -> Vec<&mut Value> {
    let mut found = Vec::new();
    for (key, value) in spec {
        match (key.as_str(), value) {
            (Some("source"), value) => found.push(value),
            (Some("sources"), Value::Sequence(items)) => found.extend(items),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use kubeopt_model::ObjectName;

    use super::*;

    const STREAM: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
  x: |
    ---
    kind: HelmRelease
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: shop, namespace: shop}
spec:
  interval: 1m
  values: {cpu: 1}
";

    fn shop() -> ReleaseObject {
        ReleaseObject {
            kind: ReleaseKind::HelmRelease,
            namespace: Some(kubeopt_model::Namespace::new("shop").unwrap()),
            name: ObjectName::new("shop").unwrap(),
        }
    }

    #[test]
    fn only_the_values_of_named_releases_go() {
        let other = ReleaseObject { name: ObjectName::new("other").unwrap(), ..shop() };
        assert_eq!(without_values(STREAM.as_bytes(), &[other]), STREAM.as_bytes());
        let bare = String::from_utf8(without_values(STREAM.as_bytes(), &[shop()])).unwrap();
        let (first, second) = bare.split_once("\n---\n").unwrap();
        assert!(STREAM.starts_with(first));
        let second: Value = serde_yaml::from_str(second).unwrap();
        assert_eq!(second["spec"]["interval"], "1m");
        assert_eq!(second["spec"].get("values"), None);
    }

    #[test]
    fn a_change_beside_the_values_stays_visible() {
        let before = without_values(STREAM.as_bytes(), &[shop()]);
        let values = without_values(STREAM.replace("cpu: 1", "cpu: 2").as_bytes(), &[shop()]);
        let interval = without_values(STREAM.replace("1m", "2m").as_bytes(), &[shop()]);
        assert_eq!(before, values);
        assert_ne!(before, interval);
    }
}
