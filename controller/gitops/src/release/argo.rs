//! Helm sources of Argo CD's Applications (`github.com/argoproj/argo-cd/docs/user-guide/helm.md`,
//! `docs/user-guide/multiple_sources.md`).

use std::collections::BTreeMap;

use kubeopt_model::release::{
    Capabilities, ChartRef, FileBase, Origin, Parameter, ReleaseKind, ReleaseObject, ValuesLayer,
};
use kubeopt_model::{Release, RepoPath};
use serde_json::Value;

use super::argo_source::{effective_sources, is_helm, is_published};
use super::at_hand::AtHand;
use super::described::{Described, file, inline, list, namespace, text};
use super::{application_set, overrides};

/// The releases of an Application: one for each source that says itself that it is Helm.
pub(super) fn releases(described: &Described<'_>, at_hand: AtHand<'_>) -> Result<Vec<Release>, String> {
    let object = described.object(ReleaseKind::Application)?;
    of_spec(described, &object, described.spec, at_hand)
}

/// The releases of all Applications that an ApplicationSet makes, and what of it is not expanded. A set whose template
/// has no Helm source describes none.
pub(super) fn releases_of_set(
    described: &Described<'_>,
    at_hand: AtHand<'_>,
) -> Result<(Vec<Release>, Vec<String>), String> {
    let object = described.object(ReleaseKind::ApplicationSet)?;
    let spec = described.spec.pointer("/template/spec").unwrap_or(&Value::Null);
    if !effective_sources(spec).into_iter().any(is_helm) {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut made = application_set::made(described.spec, at_hand);
    let mut releases = Vec::new();
    for child in &made.children {
        let spec = child.manifest.get("spec").unwrap_or(&Value::Null);
        let described = Described { namespace: described.namespace, name: &child.name, spec };
        match of_spec(&described, &object, spec, at_hand) {
            Ok(found) => releases.extend(found),
            Err(why) => made.problems.push(format!("its Application {}: {why}", child.name)),
        }
    }
    Ok((releases, made.problems))
}

fn of_spec(
    described: &Described<'_>,
    object: &ReleaseObject,
    spec: &Value,
    at_hand: AtHand<'_>,
) -> Result<Vec<Release>, String> {
    let overridden: Vec<Value> = effective_sources(spec)
        .into_iter()
        .map(|source| overridden(described, source, at_hand))
        .collect::<Result<_, _>>()?;
    let sources: Vec<&Value> = overridden.iter().collect();
    let application = Application {
        object: Some(object.clone()),
        name: described.name,
        destination: spec.pointer("/destination/namespace").and_then(Value::as_str),
    };
    let helm = sources.iter().filter(|source| is_helm(source));
    helm.map(|source| release_of(&application, source, &sources)).collect()
}

/// The source as the files beside it have it.
fn overridden(described: &Described<'_>, source: &Value, at_hand: AtHand<'_>) -> Result<Value, String> {
    let is_here = text(source, "repoURL").is_some_and(|url| (at_hand.is_here)(url));
    let path = text(source, "path").filter(|_| is_here);
    let Some(folder) = path.and_then(|path| RepoPath::new(path.trim_start_matches('/')).ok()) else {
        return Ok(source.clone());
    };
    let files = overrides::files(&folder, described.namespace, described.name);
    overrides::merged(source, &files, at_hand.bytes)
}

/// The release of one source of a live Application that its status calls Helm.
pub(crate) fn release_of_source(
    described: &Described<'_>,
    object: Option<ReleaseObject>,
    source: &Value,
) -> Result<Release, String> {
    let sources = effective_sources(described.spec);
    let application = Application {
        object,
        name: described.name,
        destination: described.spec.pointer("/destination/namespace").and_then(Value::as_str),
    };
    release_of(&application, source, &sources)
}

struct Application<'a> {
    object: Option<ReleaseObject>,
    name: &'a str,
    destination: Option<&'a str>,
}

fn release_of(application: &Application<'_>, source: &Value, all: &[&Value]) -> Result<Release, String> {
    let helm = source.get("helm").unwrap_or(&Value::Null);
    let into = text(helm, "namespace").or(application.destination);
    // In a template the namespace may be a placeholder, which is no namespace yet.
    let into = into.filter(|text| !text.contains("{{")).map(namespace).transpose()?;
    Ok(Release {
        object: application.object.clone(),
        name: text(helm, "releaseName").unwrap_or(application.name).to_owned(),
        namespace: into,
        chart: chart(source)?,
        values: values(application, helm, all),
        parameters: list(helm, "parameters")
            .iter()
            .filter_map(|entry| parameter(application, entry))
            .collect(),
        hidden: Vec::new(),
        capabilities: capabilities(helm),
        changed_after: source
            .get("plugin")
            .filter(|plugin| plugin.is_object())
            .map(|_| "a config management plugin renders the source".to_owned()),
    })
}

fn capabilities(helm: &Value) -> Capabilities {
    let versions = list(helm, "apiVersions").iter().filter_map(Value::as_str);
    Capabilities {
        kube_version: text(helm, "kubeVersion").map(str::to_owned),
        api_versions: versions.map(str::to_owned).collect(),
    }
}

fn chart(source: &Value) -> Result<ChartRef, String> {
    let url = text(source, "repoURL").ok_or("a source has no `repoURL`")?;
    if !is_published(source) {
        let path = text(source, "path").unwrap_or_default();
        let path = RepoPath::new(path.trim_start_matches('/')).map_err(|error| error.to_string())?;
        return Ok(ChartRef::Folder { origin: Origin::Url(url.to_owned()), path });
    }
    // A registry is written without a scheme where Argo CD knows it by its settings.
    let url = if url.contains("://") { url.to_owned() } else { format!("oci://{url}") };
    Ok(ChartRef::Published {
        origin: Origin::Url(url),
        name: text(source, "chart").unwrap_or_default().to_owned(),
        version: text(source, "targetRevision").filter(|version| *version != "*").map(str::to_owned),
    })
}

/// The lowest layer first. `valuesObject` does not come on top of `values`, it stands in its place.
fn values(application: &Application<'_>, helm: &Value, all: &[&Value]) -> Vec<ValuesLayer> {
    let optional = helm.get("ignoreMissingValueFiles").and_then(Value::as_bool).unwrap_or(false);
    let named: BTreeMap<&str, &str> =
        all.iter().filter_map(|source| Some((text(source, "ref")?, text(source, "repoURL")?))).collect();
    let written = list(helm, "valueFiles").iter().filter_map(Value::as_str);
    let mut layers: Vec<ValuesLayer> = written
        .map(|written| values_file(&replace_names(application, written, &named), &named, optional))
        .collect();
    match helm.get("valuesObject").filter(|value| value.is_object()) {
        Some(object) => layers.extend(inline(object)),
        None => layers.extend(text(helm, "values").map(|text| ValuesLayer::Inline(text.to_owned()))),
    }
    let from_files = list(helm, "fileParameters").iter().filter_map(|entry| {
        let what = format!("file {}, for {}", text(entry, "path")?, text(entry, "name")?);
        Some(ValuesLayer::Elsewhere { what, optional: false })
    });
    layers.extend(from_files);
    layers
}

/// `$ref/path` counts from the root of the source that carries the name, `/path` from the root of the chart's
/// repository, any other path from the chart.
fn values_file(written: &str, named: &BTreeMap<&str, &str>, optional: bool) -> ValuesLayer {
    if let Some(reference) = written.strip_prefix('$') {
        let (name, path) = reference.split_once('/').unwrap_or((reference, ""));
        if let Some(url) = named.get(name) {
            return file(FileBase::Root(Origin::Url((*url).to_owned())), path, optional, false);
        }
        let what = format!("{written}, which no source is called");
        return ValuesLayer::Elsewhere { what, optional };
    }
    if let Some((scheme, rest)) = written.split_once("://") {
        // Whoever can log in is named before an `@`.
        let shown = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
        return ValuesLayer::Elsewhere { what: format!("{scheme}://{shown}"), optional };
    }
    match written.strip_prefix('/') {
        Some(path) => file(FileBase::ChartRepository, path, optional, false),
        None => file(FileBase::Chart, written, optional, false),
    }
}

/// The names that Argo CD puts into paths and parameters; a source that is called like one of them comes first.
fn replace_names(application: &Application<'_>, written: &str, named: &BTreeMap<&str, &str>) -> String {
    let mut replaced = written.to_owned();
    let names = [
        // The longer name first: the other is its beginning.
        ("ARGOCD_APP_NAMESPACE", application.destination),
        ("ARGOCD_APP_NAME", Some(application.name)),
    ];
    for (name, value) in names {
        let Some(value) = value.filter(|_| !named.contains_key(name)) else { continue };
        replaced = replaced.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value);
    }
    replaced
}

fn parameter(application: &Application<'_>, entry: &Value) -> Option<Parameter> {
    let value = text(entry, "value").unwrap_or_default();
    Some(Parameter {
        name: text(entry, "name")?.to_owned(),
        value: replace_names(application, value, &BTreeMap::new()),
        force_string: entry.get("forceString").and_then(Value::as_bool).unwrap_or(false),
    })
}
