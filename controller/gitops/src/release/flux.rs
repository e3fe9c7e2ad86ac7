//! HelmReleases: `helm.toolkit.fluxcd.io/v2` and the `v2beta` versions before it
//! (`github.com/fluxcd/helm-controller/docs/spec/v2/helmreleases.md`).

use hex::ToHex as _;
use kubeopt_model::release::{
    Capabilities, ChartRef, FileBase, Hidden, Origin, Parameter, ReleaseKind, ValuesLayer,
};
use kubeopt_model::{Namespace, Release, RepoPath};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::beside::{Beside, ConfigMap};
use super::described::{Described, file, inline, list, namespace, text};

/// Helm's own limit; longer names are shortened as helm-controller does it.
const NAME_BYTES_MAX: usize = 53;

/// What helm-controller keeps of the hash of a name that is too long.
const NAME_HASH_CHARS: usize = 12;

/// Reads a HelmRelease.
pub(super) fn release(described: &Described<'_>, beside: &dyn Beside) -> Result<Release, String> {
    let spec = described.spec;
    if !spec.is_object() {
        return Err("it has no spec".to_owned());
    }
    let target = text(spec, "targetNamespace");
    let (chart, mut values) = chart(described, beside)?;
    let Above { parameters, hidden } = values_from(described, beside, &mut values)?;
    Ok(Release {
        object: Some(described.object(ReleaseKind::HelmRelease)?),
        name: release_name(text(spec, "releaseName"), target, described.name),
        namespace: target.or(described.namespace).map(namespace).transpose()?,
        chart,
        values,
        parameters,
        hidden,
        capabilities: Capabilities::default(),
        changed_after: changed_after(spec),
    })
}

/// `[<target namespace>-]<name>`; a composition beyond Helm's limit keeps 40 characters and gets a hash.
fn release_name(given: Option<&str>, target: Option<&str>, name: &str) -> String {
    if let Some(given) = given {
        return given.to_owned();
    }
    let composed = target.map_or_else(|| name.to_owned(), |target| format!("{target}-{name}"));
    if composed.len() <= NAME_BYTES_MAX {
        return composed;
    }
    let hash: String = Sha256::digest(composed.as_bytes()).encode_hex();
    let kept = NAME_BYTES_MAX - NAME_HASH_CHARS - 1;
    let kept: String = composed.chars().take(kept).collect();
    format!("{kept}-{}", &hash[..NAME_HASH_CHARS])
}

fn changed_after(spec: &Value) -> Option<String> {
    if !list(spec, "postRenderers").is_empty() {
        return Some("`postRenderers` of the HelmRelease change what the chart renders".to_owned());
    }
    let preserves = spec.pointer("/upgrade/preserveValues").and_then(Value::as_bool) == Some(true);
    preserves.then(|| "`upgrade.preserveValues` keeps values of earlier releases".to_owned())
}

/// The chart, and the files of values that it is packed with.
fn chart(described: &Described<'_>, beside: &dyn Beside) -> Result<(ChartRef, Vec<ValuesLayer>), String> {
    if let Some(reference) = described.spec.get("chartRef").filter(|value| value.is_object()) {
        let asked = Referred {
            kind: text(reference, "kind").ok_or("`chartRef` has no kind")?.to_owned(),
            namespace: text(reference, "namespace").or(described.namespace),
            name: text(reference, "name").ok_or("`chartRef` has no name")?.to_owned(),
            chart: String::new(),
            version: None,
        };
        return Ok(chart_of_source(&asked, beside));
    }
    let Some(template) = described.spec.get("chart") else {
        let why = "the HelmRelease names no chart: neither `chart` nor `chartRef`";
        return Ok((ChartRef::Unknown(why.to_owned()), Vec::new()));
    };
    let spec = template.get("spec").unwrap_or(&Value::Null);
    if text(template, "kind") == Some("OCIRepository") {
        return Ok((oci(spec), Vec::new()));
    }
    Ok(chart_of_spec(spec, described.namespace, beside))
}

/// A reference to a Flux source that holds a chart.
pub(super) struct Referred<'a> {
    pub(super) kind: String,
    pub(super) namespace: Option<&'a str>,
    pub(super) name: String,
    /// The chart within the source: its name, or its folder. Empty where the source is the chart.
    pub(super) chart: String,
    pub(super) version: Option<String>,
}

impl Referred<'_> {
    fn origin(&self) -> Origin {
        let namespace = self.namespace.and_then(|text| Namespace::new(text).ok());
        Origin::FluxSource(self.kind.clone(), namespace, self.name.clone())
    }

    fn shown(&self) -> String {
        let place = self.namespace.map_or_else(String::new, |namespace| format!("{namespace}/"));
        format!("{} {place}{}", self.kind, self.name)
    }
}

/// The chart of a source, followed as far as the source is known.
pub(super) fn chart_of_source(asked: &Referred<'_>, beside: &dyn Beside) -> (ChartRef, Vec<ValuesLayer>) {
    let spec = beside.spec(&asked.kind, asked.namespace, &asked.name);
    let url = spec.as_ref().and_then(|spec| text(spec, "url")).map(|url| Origin::Url(url.to_owned()));
    let published = |origin: Option<Origin>| ChartRef::Published {
        origin: origin.unwrap_or_else(|| asked.origin()),
        name: asked.chart.clone(),
        version: asked.version.clone(),
    };
    let chart = match asked.kind.as_str() {
        "HelmRepository" => published(url),
        "OCIRepository" => spec.as_ref().map_or_else(|| published(None), oci),
        "HelmChart" => match &spec {
            Some(spec) => return chart_of_spec(spec, asked.namespace, beside),
            None => published(None),
        },
        "GitRepository" => match RepoPath::new(asked.chart.trim_start_matches('/')) {
            Ok(path) => ChartRef::Folder { origin: url.unwrap_or_else(|| asked.origin()), path },
            Err(error) => ChartRef::Unknown(error.to_string()),
        },
        _ => ChartRef::Unknown(format!("the chart is taken from {}, which is not read", asked.shown())),
    };
    (chart, Vec::new())
}

/// The spec of a HelmChart, as `chart.spec` of a HelmRelease writes it too.
fn chart_of_spec(spec: &Value, namespace: Option<&str>, beside: &dyn Beside) -> (ChartRef, Vec<ValuesLayer>) {
    let source = spec.get("sourceRef").unwrap_or(&Value::Null);
    let (Some(kind), Some(name), Some(chart)) =
        (text(source, "kind"), text(source, "name"), text(spec, "chart"))
    else {
        return (ChartRef::Unknown("the chart names no source".to_owned()), Vec::new());
    };
    let asked = Referred {
        kind: kind.to_owned(),
        namespace: text(source, "namespace").or(namespace),
        name: name.to_owned(),
        chart: chart.to_owned(),
        version: text(spec, "version").filter(|version| *version != "*").map(str::to_owned),
    };
    // A HelmChart is made of a repository or a folder, never of another HelmChart: no endless way.
    if asked.kind == "HelmChart" {
        return (ChartRef::Unknown("a chart of a chart is nothing that Flux makes".to_owned()), Vec::new());
    }
    let (chart, _) = chart_of_source(&asked, beside);
    // Within a folder of Git, files of values count from the root of the repository.
    let base = if asked.kind == "HelmRepository" { FileBase::Chart } else { FileBase::ChartRepository };
    let optional = spec.get("ignoreMissingValuesFiles").and_then(Value::as_bool).unwrap_or(false);
    let single = text(spec, "valuesFile").into_iter();
    let files = single.chain(list(spec, "valuesFiles").iter().filter_map(Value::as_str));
    (chart, files.map(|path| file(base.clone(), path, optional, true)).collect())
}

/// An artifact of a registry that is a chart. A digest counts before a range, a range before a tag.
fn oci(spec: &Value) -> ChartRef {
    let Some(url) = text(spec, "url") else {
        return ChartRef::Unknown("the OCIRepository has no URL".to_owned());
    };
    let reference = spec.get("ref").unwrap_or(&Value::Null);
    let version = ["digest", "semver", "tag"].iter().find_map(|key| text(reference, key));
    ChartRef::Published {
        origin: Origin::Url(url.to_owned()),
        name: String::new(),
        // Without a reference source-controller takes this tag, not the newest version.
        version: Some(version.unwrap_or("latest").to_owned()),
    }
}

/// What `targetPath` sets on top of all layers.
#[derive(Default)]
struct Above {
    parameters: Vec<Parameter>,
    hidden: Vec<Hidden>,
}

/// Adds the layers of `valuesFrom` and `values`; gives back what is set on top of them.
fn values_from(
    described: &Described<'_>,
    beside: &dyn Beside,
    values: &mut Vec<ValuesLayer>,
) -> Result<Above, String> {
    let (mut above, mut unknown_above) = (Above::default(), Vec::new());
    for entry in list(described.spec, "valuesFrom") {
        let kind = text(entry, "kind").ok_or("an entry of `valuesFrom` has no kind")?;
        let name = text(entry, "name").ok_or("an entry of `valuesFrom` has no name")?;
        let key = text(entry, "valuesKey").unwrap_or("values.yaml");
        let optional = entry.get("optional").and_then(Value::as_bool).unwrap_or(false);
        let target = text(entry, "targetPath");
        // What a Secret says is nobody's business, even where it stands among the rendered documents.
        let map = if kind == "ConfigMap" { beside.config_map(described.namespace, name) } else { None };
        let held = map.as_ref().and_then(|map: &ConfigMap| map.get(key));
        match (held, target) {
            (Some(held), None) => values.push(ValuesLayer::Inline(held.clone())),
            (Some(held), Some(path)) => {
                // It comes on top of whatever came before.
                above.hidden.retain(|hidden| hidden.name != path);
                above.parameters.push(parameter(path, held, entry));
            }
            (None, _) if map.is_some() && optional => {}
            (None, _) => {
                let place = described.namespace.map_or_else(String::new, |namespace| format!("{namespace}/"));
                let at = target.map_or_else(String::new, |path| format!(", for {path}"));
                let whose = format!("{kind} {place}{name}, key {key}");
                let what = format!("{whose}{at}");
                above.hidden.extend(target.map(|path| Hidden { name: path.to_owned(), what: whose }));
                let layers = if target.is_some() { &mut unknown_above } else { &mut *values };
                layers.push(ValuesLayer::Elsewhere { what, optional });
            }
        }
    }
    values.extend(described.spec.get("values").and_then(inline));
    values.append(&mut unknown_above);
    Ok(above)
}

/// A value in quotes stays a text, as does one that is taken literally.
fn parameter(path: &str, held: &str, entry: &Value) -> Parameter {
    let literal = entry.get("literal").and_then(Value::as_bool).unwrap_or(false);
    let quoted = ['\'', '"'].into_iter().find_map(|quote| held.strip_prefix(quote)?.strip_suffix(quote));
    Parameter {
        name: path.to_owned(),
        value: if literal { held } else { quoted.unwrap_or(held) }.to_owned(),
        force_string: literal || quoted.is_some(),
    }
}
