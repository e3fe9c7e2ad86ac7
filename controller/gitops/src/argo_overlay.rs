//! What `kustomize` of an Application adds on top of its folder, as a fragment of a kustomization: the keys that move or
//! change workloads. Labels, annotations and replicas change no resources and are left out. Pure.

use serde_json::{Map, Value, json};

use crate::release::{list, text};

/// An overlay is a handful of patches; the same limit as for Flux's.
const OVERLAY_BYTES_MAX: usize = 64 * 1024;

/// The fragment, as YAML; none where nothing is added.
///
/// # Errors
/// A sentence, where it is too large.
pub(crate) fn fragment(kustomize: &Value) -> Result<Option<String>, String> {
    let mut fragment = Map::new();
    for key in ["patches", "components"] {
        let entries = list(kustomize, key);
        if !entries.is_empty() {
            fragment.insert(key.to_owned(), Value::Array(entries.to_vec()));
        }
    }
    let images: Vec<Value> =
        list(kustomize, "images").iter().filter_map(Value::as_str).filter_map(image).collect();
    if !images.is_empty() {
        fragment.insert("images".to_owned(), Value::Array(images));
    }
    for key in ["namePrefix", "nameSuffix"] {
        if let Some(affix) = text(kustomize, key) {
            fragment.insert(key.to_owned(), Value::from(affix));
        }
    }
    if fragment.is_empty() {
        return Ok(None);
    }
    let yaml = serde_yaml::to_string(&fragment).map_err(|error| error.to_string())?;
    if yaml.len() > OVERLAY_BYTES_MAX {
        let have = yaml.len();
        return Err(format!("its `kustomize` takes {have} bytes, more than {OVERLAY_BYTES_MAX}"));
    }
    Ok(Some(yaml))
}

/// `[old=]name[:tag][@digest]`, as `kustomize edit set image` takes it.
fn image(written: &str) -> Option<Value> {
    let (old, new) = written.split_once('=').map_or((None, written), |(old, new)| (Some(old), new));
    let (new, digest) = new.split_once('@').map_or((new, None), |(new, digest)| (new, Some(digest)));
    // A `:` before the last `/` is the port of a registry.
    let (new, tag) = match new.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (new, None),
    };
    let name = old.unwrap_or(new);
    if name.is_empty() {
        return None;
    }
    let mut image = Map::from_iter([("name".to_owned(), json!(name))]);
    if old.is_some() && !new.is_empty() {
        image.insert("newName".to_owned(), json!(new));
    }
    for (key, value) in [("newTag", tag), ("digest", digest)] {
        if let Some(value) = value {
            image.insert(key.to_owned(), json!(value));
        }
    }
    Some(Value::Object(image))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_read_as_kustomize_edit_takes_them() {
        for (written, want) in [
            ("web:2", json!({"name": "web", "newTag": "2"})),
            (
                "web=registry.example:5000/shop/web",
                json!({"name": "web", "newName": "registry.example:5000/shop/web"}),
            ),
            ("web=shop/web:2", json!({"name": "web", "newName": "shop/web", "newTag": "2"})),
            ("shop/web@sha256:1", json!({"name": "shop/web", "digest": "sha256:1"})),
            (
                "web=shop/web:2@sha256:1",
                json!({"name": "web", "newName": "shop/web", "newTag": "2", "digest": "sha256:1"}),
            ),
            ("web=:2", json!({"name": "web", "newTag": "2"})),
        ] {
            assert_eq!(image(written), Some(want), "{written}");
        }
        assert_eq!(image("=x"), None);
    }

    #[test]
    fn only_what_moves_or_changes_workloads_is_kept() {
        let kustomize = json!({"namePrefix": "a-", "nameSuffix": "-b", "commonLabels": {"x": "y"}, "version": "v5",
            "images": ["web:2"], "components": ["../c"], "patches": [{"patch": "p", "target": {"kind": "Deployment"}}]});
        let fragment: Value = serde_yaml::from_str(&fragment(&kustomize).unwrap().unwrap()).unwrap();
        assert_eq!(
            fragment,
            json!({"namePrefix": "a-", "nameSuffix": "-b", "images": [{"name": "web", "newTag": "2"}],
                "components": ["../c"], "patches": [{"patch": "p", "target": {"kind": "Deployment"}}]})
        );
        assert_eq!(super::fragment(&json!({"commonLabels": {"x": "y"}})), Ok(None));
        let large = json!({"patches": [{"patch": "x".repeat(OVERLAY_BYTES_MAX)}]});
        assert!(super::fragment(&large).unwrap_err().contains("more than 65536"));
    }
}
