//! What a kustomization refers to, checked before kustomize sees it: everything must be a file or folder of the
//! repository.
//!
//! kustomize fetches whatever looks like a URL, and reads any path of the machine when it is told to allow files outside
//! a kustomization's folder. So:
//! - each reference of each reachable kustomization file must lead to something in the set of files;
//! - each of these files is written anew from what was read here, so that another YAML reader's idea of merge keys or
//!   tags cannot show kustomize a reference that was not checked;
//! - only what is referred to is laid out for kustomize, unless a generator or transformer may want more;
//! - files outside the kustomization's own folder (`../x.yaml`), which Flux allows, are allowed only where the check
//!   covers all references; a configuration of a generator or transformer may hold paths of its own, so the two are
//!   not allowed together.

use std::collections::BTreeSet;

use kubeopt_model::{FileSet, Problem, RepoPath};
use serde::Deserialize as _;
use serde_yaml::{Mapping, Value};

use crate::codes;
use crate::entry::KUSTOMIZATION_FILES;
use crate::nesting::check_nesting;

/// Most kustomizations that one entry reaches. The largest public repository reaches some hundred.
const FOLDERS_MAX: usize = 2_000;

/// What kustomize's `--load-restrictor` is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restrictor {
    /// Files must lie in or below the folder of their kustomization: kustomize's default.
    RootOnly,
    /// Files may lie anywhere. Chosen only when all references were checked to lie in the private folder, which holds
    /// nothing but the repository's own regular files.
    None,
}

/// The outcome of a check.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// How kustomize is to be restricted.
    pub(crate) restrictor: Restrictor,
    /// The reachable kustomization files, written anew.
    pub(crate) rewritten: FileSet,
    /// All files that kustomize may want, kustomization files included.
    pub(crate) needed: BTreeSet<RepoPath>,
}

/// The files of a repository, some of them replaced or added.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree<'a> {
    /// As they are.
    pub(crate) files: &'a FileSet,
    /// What stands there instead.
    pub(crate) instead: &'a FileSet,
}

impl Tree<'_> {
    fn get(&self, path: &RepoPath) -> Option<&[u8]> {
        self.instead.get(path).or_else(|| self.files.get(path)).map(Vec::as_slice)
    }

    /// Whether a file lies below.
    fn is_folder(&self, path: &RepoPath) -> bool {
        // No name begins with a character before the space, so that this is where the folder's files begin.
        let Ok(first) = path.join(" ") else { return false };
        [self.files, self.instead]
            .iter()
            .any(|files| files.range(first.clone()..).next().is_some_and(|(file, _)| file.is_within(path)))
    }
}

/// Follows all references from the entry.
///
/// # Errors
/// `E-REN-002` for what leads out of the repository, `E-REN-003` for what is not there, `E-REN-012` for a kustomization
/// file that cannot be read.
pub(crate) fn check(tree: Tree<'_>, entry: &RepoPath) -> Result<Checked, Problem> {
    let mut check = Check::new(tree);
    check.folders.push((entry.clone(), Content::Manifests));
    while let Some((folder, content)) = check.folders.pop() {
        if check.seen.insert((folder.clone(), content)) {
            check.follow(&folder, content)?;
        }
        if check.seen.len() > FOLDERS_MAX {
            return Err(unreadable(entry, &format!("it reaches more than {FOLDERS_MAX} kustomizations")));
        }
    }
    check.finish()
}

/// The kustomization file of a folder, if it has one.
///
/// # Errors
/// `E-REN-012` where it has several, which kustomize refuses too.
pub(crate) fn kustomization_of(tree: Tree<'_>, folder: &RepoPath) -> Result<Option<RepoPath>, Problem> {
    let found: Vec<RepoPath> = KUSTOMIZATION_FILES
        .iter()
        .filter_map(|name| folder.join(name).ok())
        .filter(|path| tree.get(path).is_some())
        .collect();
    match found.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only.clone())),
        [first, ..] => Err(unreadable(first, "the folder has several kustomization files")),
    }
}

/// A kustomization file as a mapping, merge keys applied.
///
/// # Errors
/// `E-REN-012` where it is no YAML mapping, or holds tags.
pub(crate) fn read_kustomization(tree: Tree<'_>, path: &RepoPath) -> Result<Mapping, Problem> {
    let bytes = tree.get(path).unwrap_or_default();
    check_nesting(&String::from_utf8_lossy(bytes)).map_err(|why| unreadable(path, &why))?;
    let mut value: Value =
        serde_yaml::from_slice(bytes).map_err(|error| unreadable(path, &error.to_string()))?;
    value.apply_merge().map_err(|error| unreadable(path, &error.to_string()))?;
    if has_tag(&value) {
        return Err(unreadable(path, "it holds a YAML tag"));
    }
    match value {
        Value::Mapping(mapping) => Ok(mapping),
        Value::Null => Ok(Mapping::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Sequence(_) | Value::Tagged(_) => {
            Err(unreadable(path, "it is not a mapping"))
        }
    }
}

/// What the files of a folder are to kustomize.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Content {
    Manifests,
    /// Configurations of generators, transformers or validators.
    Plugins,
}

struct Check<'a> {
    tree: Tree<'a>,
    folders: Vec<(RepoPath, Content)>,
    seen: BTreeSet<(RepoPath, Content)>,
    rewritten: FileSet,
    needed: BTreeSet<RepoPath>,
    outside: Option<RepoPath>,
    plugins: Option<RepoPath>,
}

impl<'a> Check<'a> {
    fn new(tree: Tree<'a>) -> Self {
        Self {
            tree,
            folders: Vec::new(),
            seen: BTreeSet::new(),
            rewritten: FileSet::new(),
            needed: BTreeSet::new(),
            outside: None,
            plugins: None,
        }
    }

    fn finish(self) -> Result<Checked, Problem> {
        let restrictor = match (&self.outside, &self.plugins) {
            (None, _) => Restrictor::RootOnly,
            (Some(_), None) => Restrictor::None,
            (Some(outside), Some(plugins)) => {
                return Err(Problem::new(
                    codes::REMOTE_REFERENCE,
                    format!(
                        "{outside} refers to a file outside its folder while {plugins} configures generators or transformers, whose own paths kubeopt does not check"
                    ),
                    "move the file into the folder of its kustomization, or the folder's kustomization beside the file",
                )
                .at(outside.as_str(), None));
            }
        };
        let mut needed = self.needed;
        if self.plugins.is_some() {
            needed.extend(self.tree.files.keys().cloned());
        }
        Ok(Checked { restrictor, rewritten: self.rewritten, needed })
    }

    fn follow(&mut self, folder: &RepoPath, content: Content) -> Result<(), Problem> {
        let Some(path) = kustomization_of(self.tree, folder)? else {
            return Err(missing(folder, "a kustomization file", folder.as_str()));
        };
        let kustomization = read_kustomization(self.tree, &path)?;
        for (key, value) in &kustomization {
            let name = key.as_str().unwrap_or_default();
            let mut at = Reader { check: self, folder, path: &path };
            match name {
                "resources" | "bases" | "components" => at.resources(value, content)?,
                "generators" | "transformers" | "validators" => {
                    self.plugins = Some(path.clone());
                    Reader { check: self, folder, path: &path }.resources(value, Content::Plugins)?;
                }
                "crds" | "configurations" | "patchesStrategicMerge" => at.files(value)?,
                "patches" | "patchesJson6902" | "replacements" => at.patches(value)?,
                "openapi" => at.path_of(value)?,
                "configMapGenerator" | "secretGenerator" => at.generators(value)?,
                "helmCharts" | "helmChartInflationGenerator" | "helmGlobals" => {
                    return Err(unreadable(
                        &path,
                        "it inflates Helm charts, which this version does not render",
                    ));
                }
                _ => {}
            }
        }
        let text =
            serde_yaml::to_string(&kustomization).map_err(|error| unreadable(&path, &error.to_string()))?;
        self.needed.insert(path.clone());
        self.rewritten.insert(path, text.into_bytes());
        Ok(())
    }
}

/// Reads the references of one kustomization file.
struct Reader<'c, 'f, 'a> {
    check: &'c mut Check<'f>,
    folder: &'a RepoPath,
    path: &'a RepoPath,
}

impl Reader<'_, '_, '_> {
    /// Files or folders.
    fn resources(&mut self, list: &Value, content: Content) -> Result<(), Problem> {
        for text in strings(list) {
            if content == Content::Plugins && is_inline(text) {
                check_plugin(self.path, text.as_bytes())?;
                continue;
            }
            let target = self.resolve(text)?;
            if let Some(bytes) = self.check.tree.get(&target) {
                if content == Content::Plugins {
                    check_plugin(&target, bytes)?;
                }
                self.note(target);
            } else if self.check.tree.is_folder(&target) {
                self.check.folders.push((target, content));
            } else {
                return Err(self.not_there(text));
            }
        }
        Ok(())
    }

    /// Files, or patches written in place.
    fn files(&mut self, list: &Value) -> Result<(), Problem> {
        for text in strings(list).filter(|text| !is_inline(text)) {
            self.file(text)?;
        }
        Ok(())
    }

    /// Mappings with `path`; kustomize's older form is a list of files.
    fn patches(&mut self, list: &Value) -> Result<(), Problem> {
        self.files(list)?;
        for patch in list.as_sequence().into_iter().flatten() {
            self.path_of(patch)?;
        }
        Ok(())
    }

    fn path_of(&mut self, mapping: &Value) -> Result<(), Problem> {
        match mapping.get("path").and_then(Value::as_str) {
            Some(text) if !text.is_empty() => self.file(text),
            Some(_) | None => Ok(()),
        }
    }

    /// `files: [key=path]`, `envs: [path]`, `env: path`.
    fn generators(&mut self, list: &Value) -> Result<(), Problem> {
        for generator in list.as_sequence().into_iter().flatten() {
            for text in generator.get("files").into_iter().flat_map(strings) {
                self.file(text.split_once('=').map_or(text, |(_, path)| path))?;
            }
            for key in ["envs", "env"] {
                for text in generator.get(key).into_iter().flat_map(strings) {
                    self.file(text)?;
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, text: &str) -> Result<(), Problem> {
        let target = self.resolve(text)?;
        if self.check.tree.get(&target).is_none() {
            return Err(self.not_there(text));
        }
        self.note(target);
        Ok(())
    }

    fn resolve(&self, text: &str) -> Result<RepoPath, Problem> {
        if looks_remote(text) {
            return Err(remote(self.path, text));
        }
        self.folder.join(text).map_err(|_| remote(self.path, text))
    }

    fn not_there(&self, text: &str) -> Problem {
        missing(self.path, "a file or folder", text)
    }

    fn note(&mut self, target: RepoPath) {
        if !target.is_within(self.folder) {
            self.check.outside.get_or_insert_with(|| self.path.clone());
        }
        self.check.needed.insert(target);
    }
}

/// All texts of a list, or the one text.
fn strings(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_sequence().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).chain(value.as_str())
}

/// YAML in place of a file name. kustomize tries the name first, so this must not be true for anything that is a URL
/// (which holds no line feed and begins with no brace) or a way out of the folder.
fn is_inline(text: &str) -> bool {
    (text.contains('\n') || text.starts_with('{')) && !text.contains("../")
}

fn looks_remote(text: &str) -> bool {
    let host = text.split('/').next().unwrap_or_default();
    text.contains("://")
        || text.contains("::")
        || text.contains("?ref=")
        || text.starts_with("git@")
        || ["github.com", "gitlab.com", "bitbucket.org"].contains(&host.split(':').next().unwrap_or_default())
}

/// The built-in generators and transformers load files and URLs that their configuration names. Files are kept in the
/// folder by kustomize's restrictor; a URL is refused here, and so is what could hide one.
fn check_plugin(path: &RepoPath, bytes: &[u8]) -> Result<(), Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable(path, "it is not UTF-8"))?;
    // Tags of YAML's own, such as `!!binary`, do not show in the value that is read.
    if ["!!", "!<", "%TAG"].iter().any(|tag| text.contains(tag)) {
        return Err(unreadable(path, "it holds a YAML tag"));
    }
    check_nesting(text).map_err(|why| unreadable(path, &why))?;
    for document in serde_yaml::Deserializer::from_str(text) {
        let value = Value::deserialize(document).map_err(|error| unreadable(path, &error.to_string()))?;
        if has_tag(&value) || any_text(&value, &|text| text == "<<") {
            return Err(unreadable(path, "it holds a YAML tag or a merge key"));
        }
        if any_text(&value, &|text| text.contains("://")) {
            return Err(remote(path, "a URL in the configuration of a generator or transformer"));
        }
    }
    Ok(())
}

fn has_tag(value: &Value) -> bool {
    match value {
        Value::Tagged(_) => true,
        Value::Sequence(list) => list.iter().any(has_tag),
        Value::Mapping(mapping) => mapping.iter().any(|(key, value)| has_tag(key) || has_tag(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn any_text(value: &Value, test: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => test(text),
        Value::Sequence(list) => list.iter().any(|value| any_text(value, test)),
        Value::Mapping(mapping) => {
            mapping.iter().any(|(key, value)| any_text(key, test) || any_text(value, test))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Tagged(_) => false,
    }
}

fn shown(text: &str) -> String {
    text.escape_debug().take(200).collect()
}

fn remote(path: &RepoPath, text: &str) -> Problem {
    Problem::new(
        codes::REMOTE_REFERENCE,
        format!("{path} refers to something outside its repository: {}", shown(text)),
        "copy what is referred to into the repository; kubeopt renders without network and without other repositories",
    )
    .at(path.as_str(), None)
}

fn missing(path: &RepoPath, what: &str, text: &str) -> Problem {
    Problem::new(
        codes::REFERENCE_MISSING,
        format!("{path} refers to {what} that is not in the repository: {}", shown(text)),
        "run `kustomize build` in a fresh clone; symbolic links, submodules and files over 4 MiB are not read",
    )
    .at(path.as_str(), None)
}

fn unreadable(path: &RepoPath, why: &str) -> Problem {
    Problem::new(
        codes::KUSTOMIZATION_UNREADABLE,
        format!("unable to read {path}: {why}"),
        "run `kustomize build` on its folder and correct what it reports",
    )
    .at(path.as_str(), None)
}

#[cfg(test)]
#[path = "references_tests.rs"]
mod tests;
