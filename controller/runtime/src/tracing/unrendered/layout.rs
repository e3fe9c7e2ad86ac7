//! Values of a chart that is not at hand, by layouts that many charts share: `resources`, `<component>.resources`,
//! `<component>.<component>Spec.resources`, `controllers.*.containers.*.resources`.
//!
//! The containers of a release are those that the cluster runs for it, else those that `helm create` would make. A
//! container that no place or more than one may mean is left out. Pure.

use std::collections::BTreeMap;

use kubeopt_model::release::Parameter;
use kubeopt_model::source::RenderedWorkload;
use kubeopt_model::{ContainerName, Field, Namespace, ObjectName, Release, WorkloadKind};
use serde_yaml::{Mapping, Value};

/// A workload of a release with its containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    /// Which.
    pub(crate) workload: RenderedWorkload,
    /// Its containers.
    pub(crate) containers: Vec<ContainerName>,
}

/// What values come to by their layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ValuesByLayout {
    /// Workloads that have nothing but the resources of their containers.
    pub(crate) manifests: Vec<u8>,
    /// All values, merged: what a chart would be given.
    pub(crate) values: Vec<u8>,
}

/// The workloads of a release whose values, lowest layer first, set resources in a known layout; none where they do not.
/// `running` is what the cluster runs for it, if anything is known.
pub(crate) fn by_layout(
    release: &Release,
    chart: &str,
    layers: &[String],
    running: &[Running],
) -> Option<ValuesByLayout> {
    let mut values = Value::Mapping(Mapping::new());
    for layer in layers {
        kubeopt_gitops::nesting::check_nesting(layer).ok()?;
        merge(&mut values, serde_yaml::from_str(layer).ok()?);
    }
    for parameter in &release.parameters {
        set(&mut values, parameter)?;
    }
    let fullname = fullname(release, chart, &values);
    let places = places(&values);
    let guessed: Vec<Running>;
    let known = if running.is_empty() {
        guessed = as_created(release, chart, &fullname, &places);
        &guessed
    } else {
        running
    };
    let mut manifests = Vec::new();
    for workload in known {
        let sized: Vec<(&ContainerName, &Place<'_>)> = workload
            .containers
            .iter()
            .filter_map(|container| {
                let of = |place: &&Place<'_>| {
                    place.may_mean(workload, container, known, &[chart, &release.name, &fullname])
                };
                let mut meant = places.iter().filter(of);
                let one = meant.next()?;
                meant.next().is_none().then_some((container, one))
            })
            .collect();
        if !sized.is_empty() {
            manifests.extend_from_slice(b"---\n");
            manifests.extend(serde_yaml::to_string(&manifest(&workload.workload, &sized)).ok()?.into_bytes());
        }
    }
    let values = serde_yaml::to_string(&values).ok()?.into_bytes();
    (!manifests.is_empty()).then_some(ValuesByLayout { manifests, values })
}

/// Helm's way: mappings are merged, everything else is replaced, null takes away.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Mapping(into), Value::Mapping(from)) => {
            for (key, value) in from {
                if value.is_null() {
                    into.remove(&key);
                } else if let Some(there) = into.get_mut(&key) {
                    merge(there, value);
                } else {
                    into.insert(key, value);
                }
            }
        }
        (_, Value::Null) => {}
        (into, from) => *into = from,
    }
}

/// Sets a single value; none for a path that is more than keys.
fn set(values: &mut Value, parameter: &Parameter) -> Option<()> {
    if parameter.name.contains(['[', '\\', '{', ',']) {
        return None;
    }
    let mut inside = Value::String(parameter.value.clone());
    for key in parameter.name.rsplit('.') {
        inside = Value::Mapping(Mapping::from_iter([(Value::String(key.to_owned()), inside)]));
    }
    merge(values, inside);
    Some(())
}

/// The name that charts of `helm create` give to their objects.
fn fullname(release: &Release, chart: &str, values: &Value) -> String {
    let text = |key: &str| values.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(name) = text("fullnameOverride") {
        return name.to_owned();
    }
    let chart = text("nameOverride").unwrap_or(chart);
    match release.name.contains(chart) {
        true => release.name.clone(),
        false => format!("{}-{chart}", release.name),
    }
}

/// One `resources` of the values.
#[derive(Debug, Clone, Copy)]
struct Place<'v> {
    /// The key of the part of the chart, if it is not the chart as a whole.
    component: Option<&'v str>,
    /// The key of the container, where the layout has it.
    container: Option<&'v str>,
    /// The component is the only one of its layout.
    is_only: bool,
    kind: WorkloadKind,
    resources: &'v Value,
}

fn places(values: &Value) -> Vec<Place<'_>> {
    let plain = |component, resources| Place {
        component,
        container: None,
        is_only: false,
        kind: WorkloadKind::Deployment,
        resources,
    };
    let mut places: Vec<Place<'_>> =
        resources(values).map(|resources| plain(None, resources)).into_iter().collect();
    for (name, part) in entries(values) {
        let of_operator = part.get(format!("{name}Spec")).and_then(resources);
        let found = resources(part).or(of_operator);
        places.extend(found.map(|resources| plain(Some(name), resources)));
    }
    let controllers: Vec<(&str, &Value)> =
        values.get("controllers").map(entries).into_iter().flatten().collect();
    for (name, controller) in &controllers {
        for (container, of) in controller.get("containers").map(entries).into_iter().flatten() {
            places.extend(resources(of).map(|resources| Place {
                component: Some(name),
                container: Some(container),
                is_only: controllers.len() == 1,
                kind: kind_of(controller),
                resources,
            }));
        }
    }
    places
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_mapping().into_iter().flatten().filter_map(|(key, value)| Some((key.as_str()?, value)))
}

/// `resources`, if they set anything that is sized.
fn resources(of: &Value) -> Option<&Value> {
    let resources = of.get("resources")?;
    let is_set =
        |field: &Field| resources.get(field.bound_key()).and_then(|bound| bound.get(field.resource_key()));
    Field::ALL.iter().any(|field| is_set(field).is_some()).then_some(resources)
}

fn kind_of(controller: &Value) -> WorkloadKind {
    match controller.get("type").and_then(Value::as_str) {
        Some("statefulset") => WorkloadKind::StatefulSet,
        Some("daemonset") => WorkloadKind::DaemonSet,
        Some("cronjob") => WorkloadKind::CronJob,
        Some("job") => WorkloadKind::Job,
        Some(_) | None => WorkloadKind::Deployment,
    }
}

impl Place<'_> {
    /// Whether the place may size a container. `names` are those of the chart and the release.
    fn may_mean(&self, of: &Running, container: &ContainerName, all: &[Running], names: &[&str]) -> bool {
        let (workload, name) = (of.workload.name.as_str(), container.as_str());
        let is_alone = of.containers.len() == 1;
        let is_main = |part: &str| name == part || is_alone;
        match (self.component, self.container) {
            (None, _) => {
                let is_whole = all.len() == 1 || names.contains(&workload);
                is_whole && (names.contains(&name) || is_alone)
            }
            (Some(component), None) => {
                let part = kebab(component);
                is_part(workload, &part) && is_main(&part)
            }
            (Some(component), Some(key)) => {
                name == key && (self.is_only || is_part(workload, &kebab(component)))
            }
        }
    }
}

fn is_part(workload: &str, part: &str) -> bool {
    workload == part || workload.strip_suffix(part).is_some_and(|before| before.ends_with('-'))
}

/// `queryFrontend` as objects are named: `query-frontend`.
fn kebab(key: &str) -> String {
    let mut name = String::new();
    for c in key.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(if c == '_' { '-' } else { c.to_ascii_lowercase() });
    }
    name
}

/// The workloads as charts of these layouts would make them.
fn as_created(release: &Release, chart: &str, fullname: &str, places: &[Place<'_>]) -> Vec<Running> {
    let mut found: BTreeMap<(WorkloadKind, String), Vec<ContainerName>> = BTreeMap::new();
    for place in places {
        let (name, container) = match (place.component, place.container) {
            (None, _) => (fullname.to_owned(), chart.to_owned()),
            (Some(component), None) => (format!("{fullname}-{}", kebab(component)), kebab(component)),
            (Some(_), Some(key)) if place.is_only => (release.name.clone(), key.to_owned()),
            (Some(component), Some(key)) => {
                (format!("{}-{}", release.name, kebab(component)), key.to_owned())
            }
        };
        if let Ok(container) = ContainerName::new(container) {
            found.entry((place.kind, name)).or_default().push(container);
        }
    }
    let running = |((kind, name), containers): ((WorkloadKind, String), Vec<ContainerName>)| {
        let name = ObjectName::new(name).ok()?;
        let namespace: Option<Namespace> = release.namespace.clone();
        Some(Running { workload: RenderedWorkload { kind, namespace, name }, containers })
    };
    found.into_iter().filter_map(running).collect()
}

fn manifest(workload: &RenderedWorkload, sized: &[(&ContainerName, &Place<'_>)]) -> serde_json::Value {
    let containers: Vec<serde_json::Value> = sized
        .iter()
        .map(|(name, place)| serde_json::json!({"name": name, "resources": sized_fields(place.resources)}))
        .collect();
    let mut inside = serde_json::json!({ "containers": containers });
    for key in workload.kind.pod_spec_path().iter().rev() {
        inside = serde_json::json!({ *key: inside });
    }
    let mut object = serde_json::json!({
        "apiVersion": format!("{}/v1", workload.kind.api_group()),
        "kind": workload.kind.as_str(),
        "metadata": {"name": workload.name},
    });
    if let Some(namespace) = &workload.namespace {
        object["metadata"]["namespace"] = namespace.as_str().into();
    }
    object["spec"] = inside["spec"].take();
    object
}

/// The sized fields alone, as texts.
fn sized_fields(resources: &Value) -> serde_json::Value {
    let mut sized = serde_json::json!({});
    for field in Field::ALL {
        let value = resources.get(field.bound_key()).and_then(|bound| bound.get(field.resource_key()));
        let text = match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(_) | None => continue,
        };
        sized[field.bound_key()][field.resource_key()] = text.into();
    }
    sized
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
