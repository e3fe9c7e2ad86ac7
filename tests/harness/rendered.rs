//! What folders of a repository render to, by the bare programs and nothing else, and in which values two renderings
//! differ.
//!
//! The second opinion on kubeopt's proofs: it shares no code with it, and understands only what the tests' folders use.

mod application_set;
mod release;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize as _;
use serde_yaml::Value;

use crate::servers;

/// Who renders a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The objects in the folder's own files.
    Reading,
    /// `kustomize build`
    Kustomize,
    /// `helm template` under the chart's own name.
    Helm,
}

/// Every value of every object, by object and path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered(BTreeMap<(String, String), String>);

/// A value that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// `Deployment shop/web`, or `Deployment shop/web of HelmRelease apps/shop` for what a release makes.
    pub object: String,
    /// `spec.template.spec.containers[web].resources.requests.cpu`: elements that have a name go by it.
    pub path: String,
    /// Without quotes; none where it is not set.
    pub before: Option<String>,
    /// Without quotes; none where it is not set.
    pub after: Option<String>,
}

/// Charts that are not in the repository: folders by name.
pub type GivenCharts = BTreeMap<String, PathBuf>;

/// Renders one folder and every release that is described in it.
///
/// # Errors
/// What the program said.
pub fn render(root: &Path, folder: &str, by: By, charts: &GivenCharts) -> Result<Rendered, String> {
    let place = root.join(folder);
    let own = match by {
        By::Reading => read(&place)?,
        By::Kustomize => kustomize(&place)?,
        By::Helm => {
            let chart =
                std::fs::read_to_string(place.join("Chart.yaml")).map_err(|error| error.to_string())?;
            let chart: Value = serde_yaml::from_str(&chart).map_err(|error| error.to_string())?;
            let name = chart["name"].as_str().ok_or("a chart without a name")?;
            helm(&place, name, None, &[], &[], &[])?
        }
    };
    let documents = documents(&own)?;
    let mut rendered = Rendered::default();
    let releases = release::releases(root, &documents, charts)?;
    documents.iter().for_each(|document| rendered.add(document, "", &releases.described));
    for release in releases.found {
        let (name, namespace) = (&release.name, release.namespace.as_deref());
        let yaml = helm(&release.chart, name, namespace, &release.values, &release.parameters, &release.told);
        // One that cannot be rendered shows nothing; should it only come to that by a change, all of it is missed.
        let Ok(yaml) = yaml else { continue };
        let suffix = format!(" of {}", release.of);
        for mut document in self::documents(&yaml)? {
            fill_namespace(&mut document, namespace);
            rendered.add(&document, &suffix, &BTreeSet::new());
        }
    }
    Ok(rendered)
}

impl Rendered {
    /// Values that differ, sorted.
    pub fn differences(&self, after: &Self) -> Vec<Difference> {
        let keys: BTreeSet<_> = self.0.keys().chain(after.0.keys()).collect();
        let differs = |key: &&&(String, String)| self.0.get(**key) != after.0.get(**key);
        keys.iter()
            .filter(differs)
            .map(|key| Difference {
                object: key.0.clone(),
                path: key.1.clone(),
                before: self.0.get(*key).cloned(),
                after: after.0.get(*key).cloned(),
            })
            .collect()
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was rendered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, document: &Value, suffix: &str, described: &BTreeSet<String>) {
        let mut name = object_name(document);
        let mut document = document.clone();
        if described.contains(&name) {
            // What it says shows in the rendering of the release.
            release::without_values(&mut document);
        }
        name.push_str(suffix);
        flatten(&document, &mut String::new(), &mut |path, value| {
            self.0.insert((name.clone(), path.to_owned()), value);
        });
    }
}

/// `Deployment shop/web`
pub(crate) fn object_name(document: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &document["metadata"];
    format!("{} {}/{}", text(&document["kind"]), text(&metadata["namespace"]), text(&metadata["name"]))
}

fn fill_namespace(document: &mut Value, namespace: Option<&str>) {
    if let (Some(namespace), Some(metadata)) = (namespace, document.get_mut("metadata"))
        && let Some(metadata) = metadata.as_mapping_mut()
    {
        metadata.entry("namespace".into()).or_insert_with(|| namespace.into());
    }
}

/// Empty mappings and nulls say nothing; a container that comes or goes is seen by its other keys.
fn flatten(value: &Value, path: &mut String, put: &mut impl FnMut(&str, String)) {
    let mut below = |key: &str, value: &Value| {
        let length = path.len();
        path.push_str(key);
        flatten(value, path, put);
        path.truncate(length);
    };
    match value {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                below(&format!(".{}", scalar(key)), value);
            }
        }
        Value::Sequence(items) => {
            for (at, item) in items.iter().enumerate() {
                let name =
                    item.get("name").and_then(Value::as_str).map_or_else(|| at.to_string(), str::to_owned);
                below(&format!("[{name}]"), item);
            }
        }
        Value::Tagged(tagged) => flatten(&tagged.value, path, put),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            put(path.trim_start_matches('.'), scalar(value));
        }
    }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(bool) => bool.to_string(),
        Value::Null | Value::Mapping(_) | Value::Sequence(_) | Value::Tagged(_) => format!("{value:?}"),
    }
}

fn documents(yaml: &str) -> Result<Vec<Value>, String> {
    let read = serde_yaml::Deserializer::from_str(yaml).map(Value::deserialize);
    let all: Vec<Value> = read.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    let mut documents = Vec::new();
    for document in all.into_iter().filter(|document| !document.is_null()) {
        match document.get("items").and_then(Value::as_sequence) {
            Some(items) => documents.extend(items.iter().cloned()),
            None => documents.push(document),
        }
    }
    Ok(documents)
}

/// All files of a folder that can be read as YAML: one that cannot describes nothing.
fn read(folder: &Path) -> Result<String, String> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|error| error.to_string())?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml"))
        .collect();
    names.sort();
    let texts = names.iter().filter_map(|path| std::fs::read_to_string(path).ok());
    let readable: Vec<String> = texts.filter(|text| documents(text).is_ok()).collect();
    Ok(readable.join("\n---\n"))
}

fn kustomize(folder: &Path) -> Result<String, String> {
    run(Command::new(servers::kustomize()).arg("build").arg(folder))
}

/// `helm template`, with these files of values and single values on top, and what it is told of the cluster.
fn helm(
    chart: &Path,
    name: &str,
    namespace: Option<&str>,
    values: &[PathBuf],
    parameters: &[(String, String)],
    told: &[String],
) -> Result<String, String> {
    let mut command = Command::new(servers::helm());
    command.arg("template").arg(name).arg(chart).arg("--include-crds").args(told);
    if let Some(namespace) = namespace {
        command.args(["--namespace", namespace]);
    }
    for file in values {
        command.arg("--values").arg(file);
    }
    for (name, value) in parameters {
        command.arg("--set").arg(format!("{name}={value}"));
    }
    run(&mut command)
}

fn run(command: &mut Command) -> Result<String, String> {
    let home = tempfile::tempdir().map_err(|error| error.to_string())?;
    let output = command.env_clear().env("HOME", home.path()).output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}
