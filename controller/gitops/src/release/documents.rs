//! Rendered YAML as the few objects that describe releases, and those that they refer to.

use kubeopt_model::Problem;
use serde_json::{Map, Value};
use serde_yaml::Value as Yaml;

use super::beside::{Beside, ConfigMap};
use crate::codes;

/// Kinds that are read; a document that names none of them is passed over without being parsed.
const KINDS: [&str; 9] = [
    "HelmRelease",
    "Application",
    "ApplicationSet",
    "HelmRepository",
    "HelmChart",
    "GitRepository",
    "OCIRepository",
    "Bucket",
    "ConfigMap",
];

/// Problems of one rendering that are told; the first ones show the pattern.
const PROBLEMS_MAX: usize = 100;

/// Nesting of a document: what the YAML parser itself allows.
const DEPTH_MAX: usize = 128;

/// The objects of a rendering.
pub(super) struct Documents {
    pub(super) described: Vec<Document>,
    pub(super) problems: Vec<Problem>,
}

/// One object.
pub(super) struct Document {
    pub(super) kind: String,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
    value: Value,
}

impl Document {
    pub(super) fn spec(&self) -> &Value {
        self.value.get("spec").unwrap_or(&Value::Null)
    }

    fn is(&self, kind: &str, namespace: Option<&str>, name: &str) -> bool {
        let same = match (&self.namespace, namespace) {
            (Some(own), Some(asked)) => own == asked,
            // A document without a namespace goes where the one who applies it says, as its neighbours do.
            (None, _) | (_, None) => true,
        };
        self.kind == kind && self.name == name && same
    }
}

impl Documents {
    /// Reads a stream of documents.
    pub(super) fn read(rendered: &[u8]) -> Self {
        let mut read = Self { described: Vec::new(), problems: Vec::new() };
        let text = String::from_utf8_lossy(rendered);
        for (at, chunk) in chunks(&text) {
            if !KINDS.iter().any(|kind| chunk.contains(kind)) {
                continue;
            }
            match document(chunk) {
                Ok(document) => read.described.extend(document),
                Err(why) if read.problems.len() < PROBLEMS_MAX => read.problems.push(broken(at, &why)),
                Err(_) => {}
            }
        }
        read
    }

    fn find(&self, kind: &str, namespace: Option<&str>, name: &str) -> Option<&Document> {
        self.described.iter().find(|document| document.is(kind, namespace, name))
    }
}

impl Beside for Documents {
    fn spec(&self, kind: &str, namespace: Option<&str>, name: &str) -> Option<Value> {
        self.find(kind, namespace, name).map(|document| document.spec().clone())
    }

    fn config_map(&self, namespace: Option<&str>, name: &str) -> Option<ConfigMap> {
        let document = self.find("ConfigMap", namespace, name)?;
        let data = document.value.get("data").and_then(Value::as_object);
        let pairs = data.into_iter().flatten();
        Some(pairs.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect())
    }
}

/// The documents of a stream with the line each begins on. `---` at the start of a line always begins a document, so
/// that a broken one does not take the others with it.
fn chunks(text: &str) -> Vec<(usize, &str)> {
    let (mut chunks, mut begin, mut at, mut line) = (Vec::new(), 0, 1, 0);
    let mut offset = 0;
    for full in text.split_inclusive('\n') {
        line += 1;
        let begins = full
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']));
        if begins {
            chunks.push((at, &text[begin..offset]));
            (begin, at) = (offset, line);
        }
        offset += full.len();
    }
    chunks.push((at, &text[begin..]));
    chunks
}

/// One document, as the API server reads YAML.
pub(super) fn read_value(text: &str) -> Result<Value, String> {
    crate::nesting::check_nesting(text)?;
    let yaml: Yaml = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    json(yaml, 0)
}

fn document(chunk: &str) -> Result<Option<Document>, String> {
    let value = read_value(chunk)?;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let Some(kind) = text(&value, "kind").filter(|kind| KINDS.contains(&kind.as_str())) else {
        return Ok(None);
    };
    if !is_known_group(&kind, &text(&value, "apiVersion").unwrap_or_default()) {
        return Ok(None);
    }
    let metadata = value.get("metadata").unwrap_or(&Value::Null);
    let name = text(metadata, "name").ok_or_else(|| format!("a {kind} has no name"))?;
    Ok(Some(Document { kind, namespace: text(metadata, "namespace"), name, value }))
}

fn is_known_group(kind: &str, api_version: &str) -> bool {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    match kind {
        "ConfigMap" => group.is_empty(),
        "Application" | "ApplicationSet" => group == "argoproj.io",
        "HelmRelease" => group == "helm.toolkit.fluxcd.io",
        _ => group == "source.toolkit.fluxcd.io",
    }
}

/// Keys are texts.
fn json(yaml: Yaml, depth: usize) -> Result<Value, String> {
    if depth > DEPTH_MAX {
        return Err(format!("it is nested deeper than {DEPTH_MAX}"));
    }
    Ok(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => Value::Bool(value),
        Yaml::Number(number) => number_of(&number),
        Yaml::String(text) => Value::String(text),
        Yaml::Sequence(items) => {
            Value::Array(items.into_iter().map(|item| json(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        Yaml::Mapping(mapping) => {
            let mut map = Map::new();
            for (key, value) in mapping {
                map.insert(key_of(key)?, json(value, depth + 1)?);
            }
            Value::Object(map)
        }
        Yaml::Tagged(tagged) => json(tagged.value, depth + 1)?,
    })
}

fn number_of(number: &serde_yaml::Number) -> Value {
    if let Some(whole) = number.as_i64() {
        return Value::from(whole);
    }
    if let Some(whole) = number.as_u64() {
        return Value::from(whole);
    }
    number.as_f64().map_or(Value::Null, Value::from)
}

fn key_of(key: Yaml) -> Result<String, String> {
    match key {
        Yaml::String(text) => Ok(text),
        Yaml::Number(number) => Ok(number.to_string()),
        Yaml::Bool(value) => Ok(value.to_string()),
        Yaml::Null | Yaml::Sequence(_) | Yaml::Mapping(_) | Yaml::Tagged(_) => {
            Err("a key is not a text".to_owned())
        }
    }
}

fn broken(line: usize, why: &str) -> Problem {
    Problem::new(
        codes::RELEASE,
        format!("the rendered document from line {line} on is left out: {why}"),
        "correct what renders it; all other documents are used meanwhile",
    )
}
