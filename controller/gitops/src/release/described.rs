//! An object that describes a release, and how parts of it are read.

use kubeopt_model::release::{FileBase, ReleaseKind, ReleaseObject, ValuesLayer};
use kubeopt_model::{Namespace, ObjectName};
use serde_json::Value;

/// An object that describes a release.
pub(crate) struct Described<'a> {
    pub(crate) namespace: Option<&'a str>,
    pub(crate) name: &'a str,
    pub(crate) spec: &'a Value,
}

impl Described<'_> {
    pub(super) fn object(&self, kind: ReleaseKind) -> Result<ReleaseObject, String> {
        Ok(ReleaseObject {
            kind,
            namespace: self.namespace.map(namespace).transpose()?,
            name: ObjectName::new(self.name).map_err(|error| error.to_string())?,
        })
    }
}

/// A text of a mapping; none where it is absent, empty, or no text.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The elements of a list; none where it is absent.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn namespace(text: &str) -> Result<Namespace, String> {
    Namespace::new(text).map_err(|error| error.to_string())
}

/// A mapping as one layer; JSON, because it is YAML whose texts nobody reads as numbers.
pub(super) fn inline(value: &Value) -> Option<ValuesLayer> {
    let filled = value.as_object().is_some_and(|map| !map.is_empty());
    filled.then(|| ValuesLayer::Inline(value.to_string()))
}

/// A file of values in a chart's own folder or repository.
pub(super) fn file(base: FileBase, path: &str, optional: bool, instead_of_defaults: bool) -> ValuesLayer {
    ValuesLayer::File { base, path: path.to_owned(), optional, instead_of_defaults }
}
