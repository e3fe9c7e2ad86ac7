//! Releases that rendered objects describe: the part of HelmRelease and Application that the tests' folders use.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::{GivenCharts, object_name};

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
        let found = match document["kind"].as_str() {
            Some("HelmRelease") => flux(root, document, documents, charts, &folder)?,
            Some("Application") => argo(root, document, charts, &folder)?,
            _ => continue,
        };
        if let Some((release, maps)) = found {
            releases.described.insert(object_name(document));
            releases.described.extend(maps);
            releases.found.push(release);
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
        if let Some(source) = spec.get_mut("source").and_then(Value::as_mapping_mut) {
            source.remove("helm");
        }
    }
}

type Found = Option<(Release, Vec<String>)>;

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
    let Some(chart) = chart else { return Ok(None) };
    let namespace = text(&object["metadata"]["namespace"]);
    let (mut values, mut maps) = (Vec::new(), Vec::new());
    for (at, from) in spec["valuesFrom"].as_sequence().into_iter().flatten().enumerate() {
        if from.get("targetPath").is_some() || from["kind"] != "ConfigMap" {
            return Err(format!("valuesFrom is not understood: {from:?}"));
        }
        let map = documents.iter().find(|other| {
            other["kind"] == "ConfigMap"
                && other["metadata"]["name"] == from["name"]
                && other["metadata"]["namespace"] == object["metadata"]["namespace"]
        });
        let map = map.ok_or_else(|| format!("there is no ConfigMap {:?}", from["name"]))?;
        let key = from["valuesKey"].as_str().unwrap_or("values.yaml");
        let content = map["data"][key].as_str().ok_or_else(|| format!("there is no key {key}"))?;
        values.push(put(folder, &format!("from-{at}.yaml"), content)?);
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
        parameters: Vec::new(),
    };
    Ok(Some((release, maps)))
}

fn argo(root: &Path, object: &Value, charts: &GivenCharts, folder: &Path) -> Result<Found, String> {
    let source = &object["spec"]["source"];
    let chart = match (source["chart"].as_str(), source["path"].as_str()) {
        (Some(name), _) => charts.get(name).cloned(),
        (None, Some(path)) => Some(root.join(path)).filter(|folder| folder.join("Chart.yaml").is_file()),
        (None, None) => None,
    };
    let Some(chart) = chart else { return Ok(None) };
    let helm = &source["helm"];
    let mut values: Vec<PathBuf> = helm["valueFiles"]
        .as_sequence()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|file| chart.join(file))
        .collect();
    if let Some(object) = helm.get("valuesObject") {
        values.push(put(
            folder,
            "own.yaml",
            &serde_yaml::to_string(object).map_err(|error| error.to_string())?,
        )?);
    } else if let Some(text) = helm["values"].as_str() {
        values.push(put(folder, "own.yaml", text)?);
    }
    let parameters = helm["parameters"].as_sequence().into_iter().flatten();
    let parameters = parameters.filter_map(|one| Some((text(&one["name"])?, text(&one["value"])?))).collect();
    let release = Release {
        of: object_name(object),
        name: text(&helm["releaseName"]).or_else(|| text(&object["metadata"]["name"])).unwrap_or_default(),
        namespace: text(&object["spec"]["destination"]["namespace"]),
        chart,
        values,
        parameters,
    };
    Ok(Some((release, Vec::new())))
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn put(folder: &Path, name: &str, content: &str) -> Result<PathBuf, String> {
    let path = folder.join(name);
    std::fs::write(&path, content).map_err(|error| error.to_string())?;
    Ok(path)
}
