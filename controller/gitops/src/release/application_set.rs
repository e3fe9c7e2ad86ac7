//! The Applications that an ApplicationSet makes: its template, once for everything that its generators give
//! (`github.com/argoproj/argo-cd/docs/operator-manual/applicationset`). What needs a cluster, a forge or a template's
//! function is not expanded, and told.

use serde_json::{Value, json};

use super::at_hand::AtHand;
use super::described::text;
use super::generators::generated;
use super::placeholders::{CHILDREN_MAX, Dialect, Filled, Params, fill};

/// Bytes of all Applications of one set together.
const CHILDREN_BYTES_MAX: usize = 32 * 1024 * 1024;

/// What came of a set.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) children: Vec<Child>,
    /// What is not expanded, as sentences.
    pub(super) problems: Vec<String>,
}

/// An Application of a set.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) name: String,
    /// The manifest. Placeholders may be left where they say nothing of what is deployed from where.
    pub(super) manifest: Value,
    /// None are left.
    pub(super) is_whole: bool,
}

/// Expands a set.
pub(super) fn made(spec: &Value, at_hand: AtHand<'_>) -> Made {
    if text(spec, "templatePatch").is_some() {
        return Made { problems: vec!["its `templatePatch` is not applied".to_owned()], ..Made::default() };
    }
    let is_go = spec.get("goTemplate").and_then(Value::as_bool).unwrap_or(false);
    let dialect = if is_go { Dialect::Go } else { Dialect::Names };
    let generated = generated(spec, dialect, at_hand);
    let mut made = Made { children: Vec::new(), problems: generated.problems };
    let template = spec.get("template").unwrap_or(&Value::Null);
    let (count, mut bytes) = (generated.params.len(), 0);
    for params in generated.params.iter().take(CHILDREN_MAX) {
        match child(template, params, dialect) {
            Ok((child, size)) => {
                bytes += size;
                made.children.push(child);
            }
            // Most say the same.
            Err(why) if made.problems.contains(&why) => {}
            Err(why) => made.problems.push(why),
        }
        if bytes > CHILDREN_BYTES_MAX {
            made.problems.push(format!("its Applications take more than {CHILDREN_BYTES_MAX} bytes"));
            break;
        }
    }
    if count > CHILDREN_MAX {
        made.problems.push(format!("it makes {count} Applications, of which {CHILDREN_MAX} are looked at"));
    }
    made
}

/// What decides which chart is deployed from where, with which values and under which name.
const DECISIVE: [&str; 5] = [
    "/metadata/name",
    "/spec/source",
    "/spec/sources",
    "/spec/sourceHydrator",
    "/spec/destination/namespace",
];

/// One Application, and its size.
fn child(template: &Value, params: &Params, dialect: Dialect) -> Result<(Child, usize), String> {
    let part = |key: &str| template.get(key).unwrap_or(&Value::Null);
    let written = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": part("metadata"),
        "spec": part("spec"),
    });
    let mut decisive = DECISIVE.iter().filter_map(|pointer| written.pointer(pointer));
    if let Some(left) = decisive.find_map(|part| fill(part, params, dialect).left) {
        return Err(format!("`{left}` of its template is not expanded"));
    }
    let Filled { value: manifest, left } = fill(&written, params, dialect);
    let name = manifest.pointer("/metadata/name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or("its template gives no name")?.to_owned();
    let size = manifest.to_string().len();
    Ok((Child { name, manifest, is_whole: left.is_none() }, size))
}

#[cfg(test)]
#[path = "application_set_tests.rs"]
mod tests;
