//! Releases that rendered objects describe: the part of HelmRelease, Application and ApplicationSet that the tests'
//! folders use.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_yaml::{Mapping, Value};

use super::{GivenCharts, application_set, object_name};

/// A release, ready for `helm template`.
pub(super) struct Release {
    /// The object that describes it.
    pub(super) of: String,
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    /// The chart's folder.
    pub(super) chart: PathBuf,
    /// Files, the lowest first.
    pub(super) values: Vec<PathBuf>,
    pub(super) parameters: Vec<(String, String)>,
    /// More arguments: what templates are told of the cluster.
    pub(super) told: Vec<String>,
}

/// All releases of some objects.
#[derive(Default)]
pub(super) struct Releases {
    pub(super) found: Vec<Release>,
    /// The names of the objects whose values show in these, ConfigMaps of values among them.
    pub(super) described: BTreeSet<String>,
    /// Holds the values of objects as files.
    _scratch: Option<tempfile::TempDir>,
}

/// The releases whose charts are at hand. Others are left out, as kubeopt leaves them out with a reason.
pub(super) fn releases(root: &Path, documents: &[Value], charts: &GivenCharts) -> Result<Releases, String> {
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut releases = Releases::default();
    for (at, document) in documents.iter().enumerate() {
        let folder = scratch.path().join(at.to_string());
        std::fs::create_dir(&folder).map_err(|error| error.to_string())?;
        let (found, maps) = match document["kind"].as_str() {
            Some("HelmRelease") => flux(root, document, documents, charts, &folder)?,
            Some("Application") => (argo(root, document, charts, &folder)?, Vec::new()),
            Some("ApplicationSet") => (set(root, document, charts, &folder)?, Vec::new()),
            _ => continue,
        };
        if !found.is_empty() {
            releases.described.insert(object_name(document));
            releases.described.extend(maps);
            releases.found.extend(found);
        }
    }
    releases._scratch = Some(scratch);
    Ok(releases)
}

/// Takes away what shows in the rendering of the release.
pub(super) fn without_values(document: &mut Value) {
    let Some(object) = document.as_mapping_mut() else { return };
    if object.get("kind").and_then(Value::as_str) == Some("ConfigMap") {
        object.clear();
        return;
    }
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_mapping_mut) {
        spec.remove("values");
        // The name of a generated ConfigMap follows its content.
        spec.remove("valuesFrom");
        // What they give shows in the Applications that are made of it.
        spec.remove("generators");
        without_helm(spec);
        let template = spec.get_mut("template").and_then(|template| template.get_mut("spec"));
        if let Some(spec) = template.and_then(Value::as_mapping_mut) {
            without_helm(spec);
        }
    }
}

fn without_helm(spec: &mut Mapping) {
    let single = spec.get_mut("source").and_then(Value::as_mapping_mut);
    single.map(|source| source.remove("helm"));
    let several = spec.get_mut("sources").and_then(Value::as_sequence_mut).into_iter().flatten();
    for source in several.filter_map(Value::as_mapping_mut) {
        source.remove("helm");
    }
}

/// Releases, and the names of the ConfigMaps that hold values of theirs.
type Found = (Vec<Release>, Vec<String>);

fn flux(
    root: &Path,
    object: &Value,
    documents: &[Value],
    charts: &GivenCharts,
    folder: &Path,
) -> Result<Found, String> {
    let spec = &object["spec"];
    let chart = spec["chart"]["spec"]["chart"].as_str().unwrap_or_default();
    let chart = if spec["chart"]["spec"]["sourceRef"]["kind"] == "GitRepository" {
        Some(root.join(chart)).filter(|folder| folder.join("Chart.yaml").is_file())
    } else {
        charts.get(chart).cloned()
    };
    let Some(chart) = chart else { return Ok((Vec::new(), Vec::new())) };
    let namespace = text(&object["metadata"]["namespace"]);
    let (mut values, mut maps, mut parameters) = (Vec::new(), Vec::new(), Vec::new());
    for (at, from) in spec["valuesFrom"].as_sequence().into_iter().flatten().enumerate() {
        if from["kind"] != "ConfigMap" {
            continue;
        }
        let map = documents.iter().find(|other| {
            other["kind"] == "ConfigMap"
                && other["metadata"]["name"] == from["name"]
                && other["metadata"]["namespace"] == object["metadata"]["namespace"]
        });
        // What the folder does not show is left out, as kubeopt leaves it out with a reason.
        let Some(map) = map else { continue };
        let key = from["valuesKey"].as_str().unwrap_or("values.yaml");
        let content = map["data"][key].as_str().ok_or_else(|| format!("there is no key {key}"))?;
        match from["targetPath"].as_str() {
            Some(path) => parameters.push((path.to_owned(), content.to_owned())),
            None => values.push(put(folder, &format!("from-{at}.yaml"), content)?),
        }
        // Its name carries a hash of its content; its content shows in the rendering of the release.
        maps.push(object_name(map));
    }
    if let Some(own) = spec.get("values") {
        values.push(put(
            folder,
            "own.yaml",
            &serde_yaml::to_string(own).map_err(|error| error.to_string())?,
        )?);
    }
    let name = text(&spec["releaseName"]).or_else(|| {
        let name = text(&object["metadata"]["name"])?;
        Some(text(&spec["targetNamespace"]).map_or(name.clone(), |target| format!("{target}-{name}")))
    });
    let release = Release {
        of: object_name(object),
        name: name.unwrap_or_default(),
        namespace: text(&spec["targetNamespace"]).or(namespace),
        chart,
        values,
        parameters,
        told: Vec::new(),
    };
    Ok((vec![release], maps))
}

/// The releases of all Applications of a set.
fn set(root: &Path, object: &Value, charts: &GivenCharts, folder: &Path) -> Result<Vec<Release>, String> {
    let mut found = Vec::new();
    for (at, application) in application_set::applications(root, object)?.iter().enumerate() {
        let folder = folder.join(at.to_string());
        std::fs::create_dir(&folder).map_err(|error| error.to_string())?;
        found.extend(argo(root, application, charts, &folder)?);
    }
    Ok(found)
}

fn argo(root: &Path, object: &Value, charts: &GivenCharts, folder: &Path) -> Result<Vec<Release>, String> {
    let spec = &object["spec"];
    let sources: Vec<&Value> = match spec["sources"].as_sequence() {
        Some(sources) => sources.iter().collect(),
        None => vec![&spec["source"]],
    };
    let mut found = Vec::new();
    for (at, source) in sources.into_iter().enumerate() {
        let source = overridden(root, source, object["metadata"]["name"].as_str().unwrap_or_default())?;
        found.extend(argo_source(root, object, &source, charts, &folder.join(format!("own-{at}.yaml")))?);
    }
    Ok(found)
}

/// `own` is where the values of the source itself are put.
fn argo_source(
    root: &Path,
    object: &Value,
    source: &Value,
    charts: &GivenCharts,
    own: &Path,
) -> Result<Option<Release>, String> {
    let chart = match (source["chart"].as_str(), source["path"].as_str()) {
        (Some(name), _) => charts.get(name).cloned(),
        (None, Some(path)) => Some(root.join(path)).filter(|folder| folder.join("Chart.yaml").is_file()),
        (None, None) => None,
    };
    let Some(chart) = chart else { return Ok(None) };
    let helm = &source["helm"];
    let texts = |key: &str| helm[key].as_sequence().into_iter().flatten().filter_map(Value::as_str);
    let application = object["metadata"]["name"].as_str().unwrap_or_default();
    let place = |file: &str| {
        let file = file.replace("$ARGOCD_APP_NAME", application);
        match (file.strip_prefix('$'), file.strip_prefix('/')) {
            (Some(named), _) => root.join(named.split_once('/').map_or("", |(_, path)| path)),
            (None, Some(path)) => root.join(path),
            (None, None) => chart.join(file),
        }
    };
    let mut values: Vec<PathBuf> = texts("valueFiles").map(place).collect();
    let inline = match helm.get("valuesObject") {
        Some(object) => Some(serde_yaml::to_string(object).map_err(|error| error.to_string())?),
        None => helm["values"].as_str().map(str::to_owned),
    };
    if let Some(inline) = inline {
        std::fs::write(own, inline).map_err(|error| error.to_string())?;
        values.push(own.to_owned());
    }
    let parameters = helm["parameters"].as_sequence().into_iter().flatten();
    let parameters = parameters.filter_map(|one| Some((text(&one["name"])?, text(&one["value"])?))).collect();
    let version = text(&helm["kubeVersion"]).map(|version| format!("--kube-version={version}"));
    let told = version.into_iter().chain(texts("apiVersions").map(|api| format!("--api-versions={api}")));
    let told = told.collect();
    Ok(Some(Release {
        of: object_name(object),
        name: text(&helm["releaseName"]).or_else(|| text(&object["metadata"]["name"])).unwrap_or_default(),
        namespace: text(&helm["namespace"]).or_else(|| text(&object["spec"]["destination"]["namespace"])),
        chart,
        values,
        parameters,
        told,
    }))
}

/// The source with what the files beside it replace: lists and texts whole, mappings key by key.
fn overridden(root: &Path, source: &Value, application: &str) -> Result<Value, String> {
    let mut merged = source.clone();
    let Some(folder) = source["path"].as_str().map(|path| root.join(path)) else { return Ok(merged) };
    for name in [".argocd-source.yaml".to_owned(), format!(".argocd-source-{application}.yaml")] {
        let Ok(content) = std::fs::read_to_string(folder.join(name)) else { continue };
        merge(&mut merged, serde_yaml::from_str(&content).map_err(|error| error.to_string())?);
    }
    Ok(merged)
}

fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Mapping(target), Value::Mapping(patch)) => {
            for (key, value) in patch {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
        (target, patch) => *target = patch,
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn put(folder: &Path, name: &str, content: &str) -> Result<PathBuf, String> {
    let path = folder.join(name);
    std::fs::write(&path, content).map_err(|error| error.to_string())?;
    Ok(path)
}
