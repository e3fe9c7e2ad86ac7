//! Rendered manifests without the values of Helm releases: what remains must not change when values do. Pure.

use kubeopt_model::release::{ReleaseKind, ReleaseObject};
use serde_yaml::{Mapping, Value};

use crate::nesting::check_nesting;
use crate::release::{AtHand, applications_of_set};

/// The documents, with the values of the named releases taken out, ConfigMaps of values included; all others byte by byte
/// as they were.
///
/// What the values do shows in the rendering of the release, which is compared by itself. What the generators of an
/// ApplicationSet give may show elsewhere too: in their place stand the Applications that it makes, without values. Where
/// not all of them are known, the generators stay.
pub fn without_values(yaml: &[u8], releases: &[ReleaseObject], at_hand: AtHand<'_>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(yaml) else { return yaml.to_vec() };
    if releases.is_empty() {
        return yaml.to_vec();
    }
    let maps: Vec<ValuesMap> = documents(text)
        .filter_map(|document| release(document, releases))
        .flat_map(|one| maps(&one))
        .collect();
    let bare = |document| bare(document, releases, at_hand).or_else(|| bare_map(document, &maps));
    documents(text)
        .flat_map(|document| bare(document).unwrap_or_else(|| document.to_owned()).into_bytes())
        .collect()
}

/// A key of a ConfigMap that a release takes values from.
#[derive(PartialEq)]
struct ValuesMap {
    namespace: Option<String>,
    name: String,
    key: String,
    /// What it is called once its own name is taken out: that of a generated one follows its content.
    of: String,
}

/// The key where values are looked for unless the release says another.
const VALUES_KEY: &str = "values.yaml";

fn maps(release: &Mapping) -> Vec<ValuesMap> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let metadata = release.get("metadata").cloned().unwrap_or_default();
    let named = text(&metadata, "name").unwrap_or_default();
    let from = release.get("spec").and_then(|spec| spec.get("valuesFrom")).and_then(Value::as_sequence);
    let maps = from.into_iter().flatten().enumerate();
    let maps = maps.filter(|(_, from)| from.get("kind").and_then(Value::as_str) == Some("ConfigMap"));
    maps.filter_map(|(at, from)| {
        Some(ValuesMap {
            namespace: text(&metadata, "namespace"),
            name: text(from, "name")?,
            key: text(from, "valuesKey").unwrap_or_else(|| VALUES_KEY.to_owned()),
            of: format!("{named}-values-{at}"),
        })
    })
    .collect()
}

/// None where no release takes values from it.
fn bare_map(document: &str, maps: &[ValuesMap]) -> Option<String> {
    if maps.is_empty() || !document.contains("ConfigMap") {
        return None;
    }
    check_nesting(document).ok()?;
    let mut object: Mapping = serde_yaml::from_str(document).ok()?;
    if object.get("kind")?.as_str()? != "ConfigMap" {
        return None;
    }
    let metadata = object.get_mut("metadata")?.as_mapping_mut()?;
    let text = |key: &str| metadata.get(key).and_then(Value::as_str).map(str::to_owned);
    let (namespace, name) = (text("namespace"), text("name")?);
    let of_map: Vec<&ValuesMap> =
        maps.iter().filter(|map| map.name == name && map.namespace == namespace).collect();
    metadata.insert("name".into(), of_map.first()?.of.clone().into());
    let data = object.get_mut("data")?.as_mapping_mut()?;
    for map in of_map {
        data.remove(map.key.as_str());
    }
    serde_yaml::to_string(&object).ok().map(|text| format!("---\n{text}"))
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
fn release(document: &str, releases: &[ReleaseObject]) -> Option<Mapping> {
    if !document.contains("HelmRelease") && !document.contains("Application") {
        return None;
    }
    check_nesting(document).ok()?;
    let object: Mapping = serde_yaml::from_str(document).ok()?;
    let kind = kind(&object)?;
    let metadata = object.get("metadata")?.as_mapping()?;
    let text = |key: &str| metadata.get(key).and_then(Value::as_str);
    let (name, namespace) = (text("name")?, text("namespace"));
    releases.iter().find(|release| {
        let written = release.namespace.as_ref().map(kubeopt_model::Namespace::as_str);
        release.kind == kind && release.name.as_str() == name && (namespace.is_none() || written == namespace)
    })?;
    Some(object)
}

fn kind(object: &Mapping) -> Option<ReleaseKind> {
    match object.get("kind")?.as_str()? {
        "HelmRelease" => Some(ReleaseKind::HelmRelease),
        "Application" => Some(ReleaseKind::Application),
        "ApplicationSet" => Some(ReleaseKind::ApplicationSet),
        _ => None,
    }
}

fn bare(document: &str, releases: &[ReleaseObject], at_hand: AtHand<'_>) -> Option<String> {
    let mut object = release(document, releases)?;
    let kind = kind(&object)?;
    let spec = object.get_mut("spec")?.as_mapping_mut()?;
    let mut made = Vec::new();
    match kind {
        ReleaseKind::HelmRelease => {
            spec.remove("values");
            let from = spec.get_mut("valuesFrom").and_then(Value::as_sequence_mut);
            let maps = from.into_iter().flatten().filter_map(Value::as_mapping_mut);
            for map in maps.filter(|map| map.get("kind").and_then(Value::as_str) == Some("ConfigMap")) {
                map.remove("name");
            }
        }
        ReleaseKind::Application => remove_of_sources(spec),
        ReleaseKind::ApplicationSet => {
            let template = spec.get_mut("template")?.as_mapping_mut()?;
            remove_of_sources(template.get_mut("spec")?.as_mapping_mut()?);
            if let Some(applications) = applications_of_set(document, at_hand) {
                spec.remove("generators");
                made = applications;
            }
        }
    }
    let applications = made.into_iter().map(|application| {
        let mut object = serde_yaml::to_value(application).ok()?;
        remove_of_sources(object.get_mut("spec")?.as_mapping_mut()?);
        Some(object)
    });
    let objects: Vec<Value> =
        [Some(Value::Mapping(object))].into_iter().chain(applications).collect::<Option<_>>()?;
    let texts = objects.iter().map(|object| Some(format!("---\n{}", serde_yaml::to_string(object).ok()?)));
    texts.collect()
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
        assert_eq!(without_values(STREAM.as_bytes(), &[other], AtHand::nothing()), STREAM.as_bytes());
        let bare =
            String::from_utf8(without_values(STREAM.as_bytes(), &[shop()], AtHand::nothing())).unwrap();
        let (first, second) = bare.split_once("\n---\n").unwrap();
        assert!(STREAM.starts_with(first));
        let second: Value = serde_yaml::from_str(second).unwrap();
        assert_eq!(second["spec"]["interval"], "1m");
        assert_eq!(second["spec"].get("values"), None);
    }

    #[test]
    fn a_change_beside_the_values_stays_visible() {
        let before = without_values(STREAM.as_bytes(), &[shop()], AtHand::nothing());
        let bare = |text: &str| without_values(text.as_bytes(), &[shop()], AtHand::nothing());
        let values = bare(&STREAM.replace("cpu: 1", "cpu: 2"));
        let interval = bare(&STREAM.replace("1m", "2m"));
        assert_eq!(before, values);
        assert_ne!(before, interval);
    }

    #[test]
    fn a_generated_map_of_values_may_change_with_its_name_and_another_key_of_it_may_not() {
        const MAPS: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: shop-abc, namespace: shop}
data: {values.yaml: 'cpu: 1', other: x}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: shop, namespace: shop}
spec:
  valuesFrom: [{kind: ConfigMap, name: shop-abc}]
";
        let bare = |text: &str| without_values(text.as_bytes(), &[shop()], AtHand::nothing());
        let changed = MAPS.replace("shop-abc", "shop-def").replace("cpu: 1", "cpu: 2");
        assert_eq!(bare(MAPS), bare(&changed));
        assert_ne!(bare(MAPS), bare(&MAPS.replace("other: x", "other: y")));
        let elsewhere = MAPS.replacen("namespace: shop}", "namespace: else}", 1);
        assert_eq!(bare(&elsewhere).iter().filter(|byte| **byte == b'\'').count(), 2, "it is left as it is");
    }

    #[test]
    fn elements_of_a_set_may_change_what_values_do_and_nothing_else() {
        const SET: &str = "apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: shop, namespace: argocd}
spec:
  generators:
  - list: {elements: [{name: blue, cpu: 100m, team: a}, {name: green, cpu: 200m, team: b}]}
  template:
    metadata: {name: '{{name}}', labels: {team: '{{team}}'}}
    spec:
      source: {repoURL: r, path: charts/web, helm: {parameters: [{name: cpu, value: '{{cpu}}'}]}}
";
        let set = ReleaseObject {
            kind: ReleaseKind::ApplicationSet,
            namespace: Some(kubeopt_model::Namespace::new("argocd").unwrap()),
            name: ObjectName::new("shop").unwrap(),
        };
        let bare =
            |text: &str| without_values(text.as_bytes(), std::slice::from_ref(&set), AtHand::nothing());
        assert_eq!(bare(SET), bare(&SET.replace("cpu: 200m", "cpu: 300m")));
        for other in [("team: b", "team: c"), ("name: green", "name: red"), ("charts/web", "charts/api")] {
            assert_ne!(bare(SET), bare(&SET.replace(other.0, other.1)), "{other:?}");
        }
        // What is not expanded may say anything.
        let open = SET.replace("{team: '{{team}}'}", "{team: '{{.team | upper}}'}");
        assert_ne!(bare(&open), bare(&open.replace("cpu: 200m", "cpu: 300m")));
    }
}
