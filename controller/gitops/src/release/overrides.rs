//! `.argocd-source.yaml` and `.argocd-source-<application>.yaml`: files beside a source by which Argo CD renders it
//! otherwise than the Application says (`docs/user-guide/parameters.md#store-overrides-in-git`). Pure.
//!
//! Each is a merge patch (RFC 7396) on the source, first that of all Applications. What would lead elsewhere, such as the
//! repository or the path, stays.

use kubeopt_model::RepoPath;
use serde_json::{Map, Value};

use super::argo_source::is_published;
use super::documents::read_value;

/// The file that holds for every Application.
const OF_ALL: &str = ".argocd-source.yaml";

/// Bytes of such a file; they have some lines.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Levels of a merge: what the reader of YAML allows.
const DEPTH_MAX: usize = 128;

/// Keys of a source that no file overrides.
const KEPT: [&str; 4] = ["repoURL", "path", "chart", "targetRevision"];

/// The files that may override a source in this folder, in the order in which they count. An Application outside of
/// Argo CD's own namespace is named with its namespace.
pub(crate) fn files(folder: &RepoPath, namespace: Option<&str>, application: &str) -> Vec<RepoPath> {
    let with_namespace = namespace.map(|namespace| format!(".argocd-source-{namespace}_{application}.yaml"));
    let names = [Some(OF_ALL.to_owned()), Some(format!(".argocd-source-{application}.yaml")), with_namespace];
    names.iter().flatten().filter_map(|name| folder.join(name).ok()).collect()
}

/// The source with what these files override; none of them may be there.
///
/// # Errors
/// A sentence that names the file which cannot be read.
pub(crate) fn merged(
    source: &Value,
    files: &[RepoPath],
    bytes: &dyn Fn(&RepoPath) -> Option<Vec<u8>>,
) -> Result<Value, String> {
    let mut merged = source.clone();
    if is_published(source) {
        return Ok(merged);
    }
    for file in files {
        let Some(bytes) = bytes(file) else { continue };
        let patch = read(&bytes).map_err(|why| format!("`{file}` overrides the source and {why}"))?;
        merge(&mut merged, patch, 0);
    }
    let Value::Object(object) = &mut merged else { return Ok(source.clone()) };
    for key in KEPT {
        match source.get(key) {
            Some(own) => drop(object.insert(key.to_owned(), own.clone())),
            None => drop(object.remove(key)),
        }
    }
    Ok(merged)
}

fn read(bytes: &[u8]) -> Result<Value, String> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(format!("has more than {FILE_BYTES_MAX} bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())?;
    match read_value(text).map_err(|why| format!("is no YAML: {why}"))? {
        Value::Null => Ok(Value::Object(Map::new())),
        patch @ Value::Object(_) => Ok(patch),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("is no mapping".to_owned())
        }
    }
}

/// Mappings are merged, null takes away, everything else replaces.
fn merge(target: &mut Value, patch: Value, depth: usize) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if depth > DEPTH_MAX {
        return;
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(&key);
        } else {
            merge(target.entry(key).or_insert(Value::Null), value, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn after(source: Value, all: &str, own: &str) -> Result<Value, String> {
        let folder = RepoPath::new("charts/web").unwrap();
        let bytes = |path: &RepoPath| match path.as_str() {
            "charts/web/.argocd-source.yaml" if !all.is_empty() => Some(all.as_bytes().to_vec()),
            "charts/web/.argocd-source-shop.yaml" if !own.is_empty() => Some(own.as_bytes().to_vec()),
            _ => None,
        };
        merged(&source, &files(&folder, Some("team"), "shop"), &bytes)
    }

    #[test]
    fn both_files_are_merged_and_the_one_of_the_application_counts_more() {
        let source = json!({"repoURL": "r", "path": "charts/web", "helm": {"parameters": [{"name": "a"}], "valuesObject": {"x": {"y": 1, "z": 2}}}});
        let all = "helm: {parameters: [{name: b}], valuesObject: {x: {y: 3}}}";
        let own = "repoURL: https://elsewhere.example\npath: ../..\nchart: c\nhelm: {valuesObject: {x: {z: null}}, releaseName: w}";
        let want = json!({"repoURL": "r", "path": "charts/web", "helm": {"parameters": [{"name": "b"}], "valuesObject": {"x": {"y": 3}}, "releaseName": "w"}});
        assert_eq!(after(source.clone(), all, own), Ok(want));
        assert_eq!(after(source.clone(), "", ""), Ok(source.clone()));
        assert_eq!(after(source.clone(), "# nothing\n", ""), Ok(source));
    }

    #[test]
    fn a_published_chart_has_no_such_files() {
        let source = json!({"repoURL": "https://charts.example", "chart": "web"});
        assert_eq!(after(source.clone(), "helm: {releaseName: x}", ""), Ok(source));
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        for text in ["[]", "a: [", "\u{1}", &"[".repeat(100_000)] {
            let why = after(json!({"path": "charts/web"}), text, "").unwrap_err();
            assert!(why.starts_with("`charts/web/.argocd-source.yaml` overrides the source and "), "{why}");
        }
    }
}
