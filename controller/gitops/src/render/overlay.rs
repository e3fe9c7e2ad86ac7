//! What Flux does to a folder before kustomize builds it: a kustomization file where there is none, and the Flux
//! object's own `targetNamespace`, `namePrefix`, `nameSuffix`, `patches`, `components` and `images`.
//!
//! Flux writes them into the folder's own kustomization file rather than around it, which decides what comes first; so
//! this does the same, on the private copy.

use kubeopt_model::{FileSet, Namespace, Problem, RepoPath};
use serde_yaml::{Mapping, Value};

use crate::nesting::check_nesting;
use crate::render::plain::nothing_there;
use crate::render::references::{Tree, kustomization_of, read_kustomization};
use crate::{codes, entry};

/// The kustomization file that makes the entry a folder that kustomize can build; none where it is one as it stands.
///
/// # Errors
/// `E-REN-007` where there is nothing to build, `E-REN-011` for an overlay that is no kustomization fragment,
/// `E-REN-012` for a kustomization file that cannot be read.
pub(crate) fn prepare(
    files: &FileSet,
    entry: &RepoPath,
    overlay: Option<&str>,
    target_namespace: Option<&Namespace>,
) -> Result<FileSet, Problem> {
    let tree = Tree { files, instead: &FileSet::new() };
    let (path, mut kustomization) = match kustomization_of(tree, entry)? {
        Some(path) => {
            if overlay.is_none() && target_namespace.is_none() {
                return Ok(FileSet::new());
            }
            let kustomization = read_kustomization(tree, &path)?;
            (path, kustomization)
        }
        None => (entry_file(entry), generate(files, entry)?),
    };
    if let Some(namespace) = target_namespace {
        kustomization.insert("namespace".into(), namespace.as_str().into());
    }
    if let Some(overlay) = overlay {
        merge(&mut kustomization, read_overlay(overlay)?)?;
    }
    let text = serde_yaml::to_string(&kustomization)
        .map_err(|error| unreadable_overlay(&format!("it cannot be written: {error}")))?;
    Ok(FileSet::from([(path, text.into_bytes())]))
}

fn entry_file(entry: &RepoPath) -> RepoPath {
    entry.join("kustomization.yaml").expect("a plain name stays within its folder")
}

fn generate(files: &FileSet, entry: &RepoPath) -> Result<Mapping, Problem> {
    let listed = entry::plain_resources(files.keys(), entry);
    if listed.is_empty() {
        return Err(nothing_there(entry));
    }
    let relative = |path: &RepoPath| {
        let rest = path.as_str().strip_prefix(entry.as_str()).unwrap_or(path.as_str());
        Value::from(format!("./{}", rest.trim_start_matches('/')))
    };
    let mut kustomization = Mapping::new();
    kustomization.insert("apiVersion".into(), "kustomize.config.k8s.io/v1beta1".into());
    kustomization.insert("kind".into(), "Kustomization".into());
    kustomization.insert("resources".into(), Value::Sequence(listed.iter().map(relative).collect()));
    Ok(kustomization)
}

fn read_overlay(text: &str) -> Result<Mapping, Problem> {
    check_nesting(text).map_err(|why| unreadable_overlay(&why))?;
    serde_yaml::from_str(text).map_err(|error| unreadable_overlay(&error.to_string()))
}

/// Lists are appended, but for images of a name that is there already: the Flux object's wins. Texts replace.
fn merge(kustomization: &mut Mapping, overlay: Mapping) -> Result<(), Problem> {
    for (key, value) in overlay {
        let name = key.as_str().unwrap_or_default();
        match (name, value) {
            ("patches" | "components" | "images", Value::Sequence(added)) => {
                let list = kustomization.entry(key.clone()).or_insert_with(|| Value::Sequence(Vec::new()));
                let Value::Sequence(list) = list else {
                    return Err(unreadable_overlay(&format!("`{name}` of the kustomization is not a list")));
                };
                if name == "images" {
                    let taken = |image: &Value| added.iter().any(|new| new.get("name") == image.get("name"));
                    list.retain(|image| !taken(image));
                }
                list.extend(added);
            }
            ("namespace" | "namePrefix" | "nameSuffix", Value::String(text)) => {
                kustomization.insert(key, Value::String(text));
            }
            (_, Value::Null) => {}
            _ => return Err(unreadable_overlay(&format!("`{name}` is not understood"))),
        }
    }
    Ok(())
}

fn unreadable_overlay(why: &str) -> Problem {
    Problem::new(
        codes::OVERLAY,
        format!("unable to add what the Flux Kustomization puts on top: {why}"),
        "check `patches`, `components` and `images` of the Flux Kustomization with `flux build kustomization`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> FileSet {
        files.iter().map(|(path, text)| (RepoPath::new(path).unwrap(), text.as_bytes().to_vec())).collect()
    }

    fn prepared(
        list: &[(&str, &str)],
        overlay: Option<&str>,
        namespace: Option<&str>,
    ) -> Result<Value, Problem> {
        let files = files(list);
        let entry = RepoPath::new("apps").unwrap();
        let namespace = namespace.map(|text| Namespace::new(text).unwrap());
        let made = prepare(&files, &entry, overlay, namespace.as_ref())?;
        assert_eq!(made.len(), 1);
        Ok(serde_yaml::from_slice(made.values().next().unwrap()).unwrap())
    }

    #[test]
    fn a_folder_without_a_kustomization_gets_the_one_that_flux_would_generate() {
        let tree =
            [("apps/a.yaml", "a: 1"), ("apps/web/kustomization.yaml", "{}"), ("apps/web/w.yaml", "w: 1")];
        let made = prepared(&tree, None, Some("payments")).unwrap();
        assert_eq!(made["resources"], serde_yaml::from_str::<Value>("[./a.yaml, ./web]").unwrap());
        assert_eq!(made["namespace"], "payments");
        assert_eq!(prepared(&[("x.yaml", "")], None, None).unwrap_err().code, codes::ENTRY_EMPTY);
    }

    #[test]
    fn the_flux_objects_patches_come_after_the_folders_own() {
        let own = "patches: [{path: own.yaml}]\nimages: [{name: a, newTag: '1'}, {name: b, newTag: '1'}]\nnamespace: x\n";
        let overlay = "patches: [{patch: 'p'}]\ncomponents: [../c]\nimages: [{name: a, newTag: '2'}]\n";
        let made = prepared(&[("apps/kustomization.yml", own)], Some(overlay), Some("payments")).unwrap();
        let want = "patches: [{path: own.yaml}, {patch: 'p'}]\nimages: [{name: b, newTag: '1'}, {name: a, newTag: '2'}]\nnamespace: payments\ncomponents: [../c]\n";
        assert_eq!(made, serde_yaml::from_str::<Value>(want).unwrap());
    }

    #[test]
    fn an_overlay_that_is_not_understood_is_a_problem() {
        let deep = format!("patches: {}", "[".repeat(100_000));
        for overlay in
            ["[]", "patches: 1", "generators: [x.yaml]", "a: [", "resources: [../../x]", deep.as_str()]
        {
            let problem = prepared(&[("apps/kustomization.yaml", "{}")], Some(overlay), None).unwrap_err();
            assert_eq!(problem.code, codes::OVERLAY, "{}", overlay.get(..40).unwrap_or(overlay));
        }
    }
}
