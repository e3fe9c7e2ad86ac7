//! The layers of a release's values that are files of the repository, the one that wins first.
//!
//! Pure. A key that no layer sets is created in the first of them that takes it.

use std::collections::BTreeSet;

use kubeopt_gitops::nesting::check_nesting;
use kubeopt_model::release::{FileBase, ReleaseKind, ReleaseObject, ValuesLayer};
use kubeopt_model::{FieldPath, Release, RepoPath, Step};
use serde::Deserialize as _;
use serde_yaml::Value;

use super::view::View;

/// Where a layer's values begin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Layer {
    /// File.
    pub(crate) file: RepoPath,
    /// Document within the file, counted from 1.
    pub(crate) document: usize,
    /// Path to the mapping of values; empty where the whole document is one.
    pub(crate) root: FieldPath,
}

/// The layers of a release, the highest first. `own` are the files of the entry point whose rendering shows the release,
/// `entry` its folder, `chart` the chart's folder where it is in the repository.
pub(crate) fn layers(
    release: &Release,
    own: &BTreeSet<RepoPath>,
    entry: &RepoPath,
    chart: Option<&RepoPath>,
    view: &View<'_>,
) -> Vec<Layer> {
    let mut found = Vec::new();
    if let Some(object) = &release.object {
        found = own.iter().flat_map(|file| of_object(object, file, view)).collect();
        // A patch stands in the folder of the overlay, or nearer to it than the base that it changes.
        found.sort_by_key(|layer: &Layer| {
            (
                !layer.file.is_within(entry),
                std::cmp::Reverse(common_parts(&layer.file, entry)),
                is_whole(layer, view),
            )
        });
    }
    let files = release.values.iter().rev().filter_map(|layer| match layer {
        ValuesLayer::File { base, path, .. } => file_of(base, path, chart),
        ValuesLayer::Inline(_) | ValuesLayer::Elsewhere { .. } => None,
    });
    found.extend(files.chain(chart.and_then(|folder| folder.join("values.yaml").ok())).map(whole_file));
    found.retain(|layer| view.has(&layer.file));
    found
}

/// Whether one of the layers sets the value at a path that counts from the root of values.
pub(crate) fn is_set(path: &[Step], layers: &[Layer], view: &View<'_>) -> bool {
    layers.iter().any(|layer| {
        let Some(document) = document(layer, view) else { return false };
        let Some(values) = follow(&document, &layer.root.0) else { return false };
        let hosted = values.as_str().and_then(hosted);
        follow(hosted.as_ref().unwrap_or(values), path).is_some_and(|found| !found.is_null())
    })
}

/// The YAML that stands as text in a scalar; none where it cannot be read, such as text with placeholders.
fn hosted(text: &str) -> Option<Value> {
    check_nesting(text).ok()?;
    serde_yaml::from_str(text).ok()
}

fn document(layer: &Layer, view: &View<'_>) -> Option<Value> {
    let bytes = view.bytes(&layer.file)?;
    check_nesting(&String::from_utf8_lossy(&bytes)).ok()?;
    let mut documents = serde_yaml::Deserializer::from_slice(&bytes);
    Value::deserialize(documents.nth(layer.document - 1)?).ok()
}

fn follow<'v>(value: &'v Value, path: &[Step]) -> Option<&'v Value> {
    path.iter().try_fold(value, |at, step| match step {
        Step::Key(key) => at.get(key.as_str()),
        Step::Index(index) => at.get(index),
    })
}

fn file_of(base: &FileBase, path: &str, chart: Option<&RepoPath>) -> Option<RepoPath> {
    match base {
        FileBase::Chart => chart?.join(path).ok(),
        FileBase::ChartRepository | FileBase::Root(_) => RepoPath::new(path.trim_start_matches('/')).ok(),
    }
}

fn whole_file(file: RepoPath) -> Layer {
    Layer { file, document: 1, root: FieldPath::default() }
}

fn common_parts(file: &RepoPath, entry: &RepoPath) -> usize {
    file.as_str().split('/').zip(entry.as_str().split('/')).take_while(|(a, b)| a == b).count()
}

/// A document that describes the chart as well is the object itself; one without is a patch on it, which comes later.
fn is_whole(layer: &Layer, view: &View<'_>) -> bool {
    let object = documents(&layer.file, view).into_iter().nth(layer.document - 1);
    object.is_some_and(|object| {
        object["spec"].get("chart").is_some() || object["spec"].get("chartRef").is_some()
    })
}

/// The documents of a file that describe or patch the object.
fn of_object(object: &ReleaseObject, file: &RepoPath, view: &View<'_>) -> Vec<Layer> {
    let kind = object.kind.to_string();
    let is_meant = |document: &Value| {
        document.get("kind").and_then(Value::as_str) == Some(&kind)
            && document["metadata"].get("name").and_then(Value::as_str) == Some(object.name.as_str())
    };
    let all = documents(file, view).into_iter().enumerate();
    let meant = all.filter(|(_, document)| is_meant(document));
    meant
        .flat_map(|(at, document)| {
            let roots = roots(object.kind, &document);
            roots.into_iter().map(move |root| Layer { file: file.clone(), document: at + 1, root })
        })
        .collect()
}

/// The documents that can be read, in order; a file with one that cannot is passed over.
fn documents(file: &RepoPath, view: &View<'_>) -> Vec<Value> {
    let Some(bytes) = view.bytes(file) else { return Vec::new() };
    let Ok(text) = std::str::from_utf8(&bytes) else { return Vec::new() };
    if !text.contains("HelmRelease") && !text.contains("Application") {
        return Vec::new();
    }
    if check_nesting(text).is_err() {
        return Vec::new();
    }
    let documents = serde_yaml::Deserializer::from_str(text).map(Value::deserialize);
    documents.collect::<Result<Vec<_>, _>>().unwrap_or_default()
}

/// Where values begin in an object of this kind.
fn roots(kind: ReleaseKind, object: &Value) -> Vec<FieldPath> {
    let path = |steps: &[&str]| FieldPath(steps.iter().map(|step| Step::from(*step)).collect());
    let prefix: &[&str] = match kind {
        ReleaseKind::HelmRelease => return vec![path(&["spec", "values"])],
        ReleaseKind::Application => &["spec"],
        ReleaseKind::ApplicationSet => &["spec", "template", "spec"],
    };
    let mut spec = object;
    for key in prefix {
        spec = &spec[*key];
    }
    let mut roots = Vec::new();
    if let Some(source) = spec.get("source") {
        roots.extend(of_source(&path(prefix), &[Step::from("source")], source));
    }
    for (at, source) in spec.get("sources").and_then(Value::as_sequence).into_iter().flatten().enumerate() {
        roots.extend(of_source(&path(prefix), &[Step::from("sources"), Step::Index(at)], source));
    }
    roots
}

fn of_source(prefix: &FieldPath, source: &[Step], value: &Value) -> Option<FieldPath> {
    let helm = value.get("helm");
    let has = |key: &str| helm.is_some_and(|helm| helm.get(key).is_some());
    let is_chart = value.get("chart").is_some() || helm.is_some();
    let key = if has("values") && !has("valuesObject") { "values" } else { "valuesObject" };
    let steps = prefix.0.iter().chain(source).cloned().chain([Step::from("helm"), Step::from(key)]);
    is_chart.then(|| FieldPath(steps.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_nested_without_end_says_nothing() {
        assert_eq!(hosted("a: 1").and_then(|values| values["a"].as_u64()), Some(1));
        assert_eq!(hosted(&format!("a: {}", "[".repeat(100_000))), None);
    }
}
