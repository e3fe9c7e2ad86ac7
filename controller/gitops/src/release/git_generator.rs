//! The generator `git` of an ApplicationSet: one Application for each folder of the repository, or for each of its files
//! that says something (`applicationset/generators/generator-git`).

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobMatcher};
use kubeopt_model::RepoPath;
use serde_json::{Value, json};

use super::at_hand::AtHand;
use super::described::{list, text};
use super::documents::read_value;
use super::placeholders::{CHILDREN_MAX, Dialect, Params, fill, spelled};
use crate::revision::branch_of;

/// Bytes of a file that describes an Application; these have some lines.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Characters of a pattern that a message shows.
const SHOWN_CHARS_MAX: usize = 100;

/// Kubernetes' own limit on names.
const NAME_BYTES_MAX: usize = 253;

/// What the generator gives.
///
/// # Errors
/// A sentence: what of it is not expanded.
pub(super) fn params(
    generator: &Value,
    dialect: Dialect,
    at_hand: AtHand<'_>,
) -> Result<Vec<Params>, String> {
    let url = text(generator, "repoURL").unwrap_or_default();
    if !(at_hand.is_here)(url) {
        return Err("its generator `git` looks into another repository".to_owned());
    }
    let revision = text(generator, "revision").unwrap_or_default();
    if branch_of(revision).is_err() {
        return Err("its generator `git` looks at a pinned revision".to_owned());
    }
    if text(generator, "pathParamPrefix").is_some() {
        return Err("`pathParamPrefix` of a generator is not expanded".to_owned());
    }
    let mut all = if list(generator, "files").is_empty() {
        directories(list(generator, "directories"), dialect, at_hand)?
    } else {
        files(list(generator, "files"), dialect, at_hand)?
    };
    if all.len() > CHILDREN_MAX {
        return Err(format!("its generator `git` makes more than {CHILDREN_MAX} Applications"));
    }
    let values = generator.get("values").filter(|values| values.is_object());
    for params in all.iter_mut().filter(|_| values.is_some()) {
        add_values(params, values.unwrap_or(&Value::Null), dialect)?;
    }
    Ok(all)
}

/// Folders that a pattern means and none that is excluded does; hidden ones are never meant.
fn directories(wanted: &[Value], dialect: Dialect, at_hand: AtHand<'_>) -> Result<Vec<Params>, String> {
    let (mut included, mut excluded) = (Vec::new(), Vec::new());
    for one in wanted {
        let pattern = text(one, "path").unwrap_or_default();
        if pattern.contains("**") {
            return Err("`**` in a folder of a generator is not expanded".to_owned());
        }
        let pattern = matcher(pattern, Star::WithinFolder)?;
        let is_excluded = one.get("exclude").and_then(Value::as_bool).unwrap_or(false);
        if is_excluded { excluded.push(pattern) } else { included.push(pattern) }
    }
    let mut folders = BTreeSet::new();
    for file in (at_hand.paths)() {
        let mut at = file.parent();
        while let Some(folder) = at.filter(|folder| !folder.is_root() && folders.insert(folder.clone())) {
            at = folder.parent();
        }
    }
    let is_hidden = |folder: &RepoPath| folder.as_str().split('/').any(|part| part.starts_with('.'));
    let matches = |patterns: &[GlobMatcher], folder: &RepoPath| {
        patterns.iter().any(|pattern| pattern.is_match(folder.as_str()))
    };
    let meant = folders
        .iter()
        .filter(|folder| !is_hidden(folder) && matches(&included, folder) && !matches(&excluded, folder));
    Ok(meant.map(|folder| of_folder(folder, dialect)).collect())
}

/// What each file says, with where it stands.
fn files(wanted: &[Value], dialect: Dialect, at_hand: AtHand<'_>) -> Result<Vec<Params>, String> {
    let paths = (at_hand.paths)();
    let (mut meant, mut excluded) = (BTreeSet::new(), BTreeSet::new());
    for one in wanted {
        let found = matching_files(text(one, "path").unwrap_or_default(), &paths)?;
        let is_excluded = one.get("exclude").and_then(Value::as_bool).unwrap_or(false);
        if is_excluded { excluded.extend(found) } else { meant.extend(found) }
    }
    let mut all = Vec::new();
    for path in meant.difference(&excluded) {
        let bytes = (at_hand.bytes)(path).filter(|bytes| bytes.len() <= FILE_BYTES_MAX);
        let content = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let content = content.ok_or_else(|| format!("the file {path} of a generator cannot be read"))?;
        let said = read_value(&content)
            .map_err(|why| format!("the file {path} of a generator is no YAML: {why}"))?;
        let objects = match said {
            Value::Array(items) => items,
            one @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                vec![one]
            }
        };
        for object in objects {
            all.push(of_file(path, object, dialect)?);
            if all.len() > CHILDREN_MAX {
                return Ok(all);
            }
        }
    }
    Ok(all)
}

/// Argo CD reads `*` of a file in two ways, by a setting of its own: as one that crosses folders, or not.
fn matching_files(pattern: &str, paths: &[RepoPath]) -> Result<Vec<RepoPath>, String> {
    let found = |star: Star| -> Result<Vec<RepoPath>, String> {
        let matcher = matcher(pattern, star)?;
        Ok(paths.iter().filter(|path| matcher.is_match(path.as_str())).cloned().collect())
    };
    let (within, across) = (found(Star::WithinFolder)?, found(Star::AcrossFolders)?);
    if within == across {
        return Ok(within);
    }
    let shown: String = pattern.escape_debug().take(SHOWN_CHARS_MAX).collect();
    Err(format!("`{shown}` of a generator means other files with the new globbing of Argo CD than without"))
}

/// What `*` stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Star {
    WithinFolder,
    AcrossFolders,
}

fn matcher(pattern: &str, star: Star) -> Result<GlobMatcher, String> {
    let crosses = star == Star::AcrossFolders;
    let glob = GlobBuilder::new(pattern.trim_start_matches("./")).literal_separator(!crosses).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|_| {
        let shown: String = pattern.escape_debug().take(SHOWN_CHARS_MAX).collect();
        format!("`{shown}` of a generator is no pattern of paths")
    })
}

fn of_folder(folder: &RepoPath, dialect: Dialect) -> Params {
    let name = folder.file_name();
    let segments: Vec<&str> = folder.as_str().split('/').collect();
    match dialect {
        Dialect::Go => as_params(json!({"path": {
            "path": folder.as_str(), "basename": name, "basenameNormalized": normalized(name), "segments": segments,
        }})),
        Dialect::Names => {
            let mut params = as_params(json!({
                "path": folder.as_str(), "path.basename": name, "path.basenameNormalized": normalized(name),
            }));
            let numbered = segments.iter().enumerate();
            params.extend(numbered.map(|(at, part)| (format!("path[{at}]"), Value::from(*part))));
            params
        }
    }
}

fn of_file(path: &RepoPath, object: Value, dialect: Dialect) -> Result<Params, String> {
    let mut params = of_folder(&path.parent().unwrap_or_default(), dialect);
    let name = path.file_name();
    let Value::Object(object) = object else {
        return Err(format!("the file {path} of a generator does not hold mappings"));
    };
    match dialect {
        Dialect::Go => {
            if let Some(Value::Object(place)) = params.get_mut("path") {
                place.insert("filename".to_owned(), Value::from(name));
                place.insert("filenameNormalized".to_owned(), Value::from(normalized(name)));
            }
            for (key, value) in object.into_iter().filter(|(key, _)| key != "path") {
                params.insert(key, value);
            }
        }
        Dialect::Names => {
            params.insert("path.filename".to_owned(), Value::from(name));
            params.insert("path.filenameNormalized".to_owned(), Value::from(normalized(name)));
            flatten(&Value::Object(object), String::new(), &mut params);
        }
    }
    Ok(params)
}

/// `a.b.0.c`, each with its value as text; depth is bounded by the reader.
fn flatten(value: &Value, at: String, params: &mut Params) {
    let below = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| flatten(value, below(key), params)),
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| flatten(value, below(&index.to_string()), params));
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {
            if let Some(text) = spelled(value) {
                params.insert(at, Value::from(text));
            }
        }
    }
}

/// Values of the generator itself, which may name what it found.
fn add_values(params: &mut Params, values: &Value, dialect: Dialect) -> Result<(), String> {
    let filled = fill(values, params, dialect);
    if let Some(left) = filled.left {
        return Err(format!("`{left}` of a generator is not expanded"));
    }
    match (dialect, filled.value) {
        (Dialect::Go, values) => drop(params.insert("values".to_owned(), values)),
        (Dialect::Names, values) => flatten(&json!({ "values": values }), String::new(), params),
    }
    Ok(())
}

/// As a name of Kubernetes.
fn normalized(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '-' };
    let cut: String = name.to_lowercase().chars().map(plain).take(NAME_BYTES_MAX).collect();
    cut.trim_matches(['-', '.']).to_owned()
}

fn as_params(value: Value) -> Params {
    match value {
        Value::Object(params) => params,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Params::new(),
    }
}
