//! The Applications of a set, as far as the tests' folders use them: lists, products of two, files of the repository, and
//! placeholders that name a value.

use std::path::Path;

use serde_yaml::{Mapping, Value};

/// The Applications that can be made; a set with another generator, or with a placeholder that names nothing, makes none.
pub(super) fn applications(root: &Path, set: &Value) -> Result<Vec<Value>, String> {
    let mut all = Vec::new();
    for generator in set["spec"]["generators"].as_sequence().into_iter().flatten() {
        all.extend(values(root, generator)?);
    }
    let template = serde_yaml::to_string(&set["spec"]["template"]).map_err(|error| error.to_string())?;
    let mut applications = Vec::new();
    for values in all {
        let Some(text) = filled(&template, &Value::Mapping(values)) else { continue };
        let mut application: Value = serde_yaml::from_str(&text).map_err(|error| error.to_string())?;
        application["kind"] = "Application".into();
        application["metadata"]["namespace"] = set["metadata"]["namespace"].clone();
        applications.push(application);
    }
    Ok(applications)
}

fn values(root: &Path, generator: &Value) -> Result<Vec<Mapping>, String> {
    let all = |list: &Value| list.as_sequence().cloned().unwrap_or_default();
    if let Some(list) = generator.get("list") {
        return Ok(all(&list["elements"])
            .iter()
            .filter_map(|element| element.as_mapping().cloned())
            .collect());
    }
    if let Some(matrix) = generator.get("matrix") {
        let [first, second] = &all(&matrix["generators"])[..] else { return Ok(Vec::new()) };
        let (first, second) = (values(root, first)?, values(root, second)?);
        let pair = |outer: &Mapping, inner: &Mapping| -> Mapping {
            outer.clone().into_iter().chain(inner.clone()).collect()
        };
        return Ok(first
            .iter()
            .flat_map(|outer| second.iter().map(move |inner| pair(outer, inner)))
            .collect());
    }
    if let Some(git) = generator.get("git") {
        let mut found = Vec::new();
        for file in all(&git["files"]) {
            found.extend(of_files(root, file["path"].as_str().unwrap_or_default())?);
        }
        return Ok(found);
    }
    Ok(Vec::new())
}

/// `folder/*/file`: what each of these files says, with the folder that it lies in.
fn of_files(root: &Path, pattern: &str) -> Result<Vec<Mapping>, String> {
    let (above, file) = pattern.split_once("/*/").ok_or_else(|| format!("{pattern} is not understood"))?;
    let mut folders: Vec<String> = std::fs::read_dir(root.join(above))
        .map_err(|error| error.to_string())?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    let mut found = Vec::new();
    for folder in folders {
        let Ok(text) = std::fs::read_to_string(root.join(above).join(&folder).join(file)) else { continue };
        let mut said: Mapping = serde_yaml::from_str(&text).map_err(|error| error.to_string())?;
        let mut path = Mapping::new();
        path.insert("path".into(), format!("{above}/{folder}").into());
        path.insert("basename".into(), folder.into());
        said.insert("path".into(), Value::Mapping(path));
        found.push(said);
    }
    Ok(found)
}

/// None where a placeholder names nothing.
fn filled(template: &str, values: &Value) -> Option<String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, from)) = rest.split_once("{{") {
        let (name, after) = from.split_once("}}")?;
        let mut value = values;
        for key in name.trim().trim_start_matches('.').split('.') {
            value = value.get(key)?;
        }
        filled.push_str(before);
        filled.push_str(&super::scalar(value));
        rest = after;
    }
    Some(filled + rest)
}
