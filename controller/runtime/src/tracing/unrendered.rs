//! The declared fallback where nobody can render: an entry point's own manifests as they are written, values of charts by
//! the layouts that many charts share.
//!
//! What is found so is said to be not rendered, and nothing is created by it. Where files alone do not tell what arrives,
//! nothing is found. Knows files; starts no renderer.

mod layout;

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_gitops::entry::is_kustomization;
use kubeopt_gitops::nesting::check_nesting;
use kubeopt_manifest::kustomization;
use kubeopt_model::source::{RenderedWorkload, RendererKind};
use kubeopt_model::{EditSite, Field, FileSet, Namespace, Problem, RepoPath, TracedField};
use serde_yaml::Value;

use super::entry_point::EntryPoint;
use crate::codes;

pub(crate) use layout::{Running, by_layout};

/// Keys of a kustomization that change names, or values anywhere, in ways that files do not show.
const REACH_FAR: [&str; 8] = [
    "namePrefix",
    "nameSuffix",
    "replacements",
    "vars",
    "transformers",
    "configurations",
    "generators",
    "openapi",
];

/// Places that a message names of those that set one field.
const PLACES_SHOWN: usize = 3;

/// What stands in the place of a rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unrendered {
    /// Manifests of a kustomization as they are written.
    Manifests(Written),
    /// All values that a chart would be given.
    Values(Vec<u8>),
}

/// The manifests of a kustomization that nobody merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The files that hold workloads, or patches that are named like their workloads.
    pub(crate) manifests: BTreeSet<RepoPath>,
    /// Those of them that are patches.
    pub(crate) patches: BTreeSet<RepoPath>,
    /// The namespace that the kustomization sets over all objects.
    pub(crate) namespace: Option<Namespace>,
    /// No patch is about an object that describes a release.
    pub(crate) releases_are_whole: bool,
}

/// What a kustomization is made of, as far as its files tell. None where more is done to them than merging.
pub(crate) fn written(entry: &EntryPoint, files: &FileSet) -> Option<Written> {
    if entry.renderer != RendererKind::Kustomize || entry.overlay.is_some() {
        return None;
    }
    let mut written = Written {
        manifests: BTreeSet::new(),
        patches: BTreeSet::new(),
        namespace: None,
        releases_are_whole: true,
    };
    let mut namespaces: BTreeMap<RepoPath, Namespace> = BTreeMap::new();
    for (path, bytes) in files.iter().filter(|(path, _)| is_kustomization(path)) {
        let folder = path.parent().unwrap_or_default();
        let read = kustomization(path, bytes).ok()?;
        let value = mapping(bytes)?;
        if REACH_FAR.iter().any(|key| value.get(key).is_some()) {
            return None;
        }
        // A ConfigMap that is generated may hold values.
        let generates = ["configMapGenerator", "secretGenerator"];
        written.releases_are_whole &= !generates.iter().any(|key| value.get(key).is_some());
        let is_there = |name: &String| folder.join(name).ok().filter(|path| files.contains_key(path));
        let aimed: BTreeSet<&str> = aimed_patches(&value);
        let patches = read.patches.iter().filter(|name| !aimed.contains(name.as_str()));
        written.patches.extend(patches.filter_map(is_there));
        written.manifests.extend(read.resources.iter().filter_map(is_there));
        if let Some(text) = value.get("namespace").and_then(Value::as_str) {
            namespaces.insert(folder, Namespace::new(text).ok()?);
        }
    }
    written.manifests.extend(written.patches.iter().cloned());
    // A patch that takes things away says nothing of what is left.
    let takes_away = |path: &RepoPath| files.get(path).is_some_and(|bytes| says(bytes, "$patch"));
    if written.patches.iter().any(takes_away) {
        return None;
    }
    let is_base = |path: &RepoPath| written.manifests.contains(path) && !written.patches.contains(path);
    let of_releases = ["HelmRelease", "Application"];
    let mut beside = files.iter().filter(|(path, _)| !is_base(path));
    written.releases_are_whole &= !beside.any(|(_, bytes)| of_releases.iter().any(|kind| says(bytes, kind)));
    let own = namespaces.remove(&entry.path);
    let several = own.is_none() && namespaces.values().collect::<BTreeSet<_>>().len() > 1;
    written.namespace = own.or_else(|| namespaces.into_values().next());
    (!several).then_some(written)
}

fn mapping(bytes: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(bytes).ok()?;
    check_nesting(text).ok()?;
    serde_yaml::from_str::<Value>(text).ok().filter(Value::is_mapping)
}

fn says(bytes: &[u8], word: &str) -> bool {
    String::from_utf8_lossy(bytes).contains(word)
}

/// Files of patches that name their targets otherwise than by their own name, or are JSON patches.
fn aimed_patches(kustomization: &Value) -> BTreeSet<&str> {
    let items = |key| kustomization.get(key).and_then(Value::as_sequence).into_iter().flatten();
    let aimed = items("patches").filter(|patch| patch.get("target").is_some());
    aimed.chain(items("patchesJson6902")).filter_map(|patch| patch.get("path")?.as_str()).collect()
}

/// The texts of the manifests, one after the other.
pub(crate) fn concatenated(written: &Written, files: &FileSet) -> Vec<u8> {
    let mut output = Vec::new();
    for bytes in written.manifests.iter().filter_map(|path| files.get(path)) {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        // A file that cannot be read alone would hide its neighbours.
        if read_all(bytes).is_err() {
            continue;
        }
        output.extend_from_slice(b"---\n");
        output.extend_from_slice(bytes);
        if !bytes.ends_with(b"\n") {
            output.push(b'\n');
        }
    }
    output
}

fn read_all(bytes: &[u8]) -> Result<(), Problem> {
    kubeopt_manifest::workloads(bytes).map(|_| ())
}

/// The fields of manifests that nobody merged: a patch goes before what it patches, and where that does not tell which of
/// several places wins, or `elsewhere` says that a text sets the field in another form, none is edited.
pub(crate) fn settled(
    fields: Vec<TracedField>,
    written: &Written,
    elsewhere: &BTreeMap<Field, EditSite>,
) -> Vec<TracedField> {
    let mut by_field: BTreeMap<(RenderedWorkload, String, Field), Vec<TracedField>> = BTreeMap::new();
    for field in without_created(fields) {
        let key = (field.workload.clone(), field.container.to_string(), field.field);
        by_field.entry(key).or_default().push(field);
    }
    by_field
        .into_iter()
        .filter_map(|((_, _, field), setters)| {
            let is_patch = |setter: &TracedField| {
                place(setter).is_some_and(|file| written.patches.iter().any(|path| path.as_str() == file))
            };
            let (patches, patched): (Vec<&TracedField>, Vec<&TracedField>) =
                setters.iter().partition(|setter| is_patch(setter));
            let winner = (*patches.first().or(patched.first())?).clone();
            let unclear = patches.len() > 1 || patched.len() > 1;
            let problem = match elsewhere.get(&field) {
                Some(site) => Some(maybe_covered(&winner, site)),
                None => unclear.then(|| several(&winner, &setters)),
            };
            Some(match problem {
                Some(problem) => TracedField { site: Err(problem), ..winner },
                None => winner,
            })
        })
        .collect()
}

/// Without a rendering nothing is created: whether a value arrives shows there alone.
pub(crate) fn without_created(fields: Vec<TracedField>) -> impl Iterator<Item = TracedField> {
    fields.into_iter().filter(|field| !field.site.as_ref().is_ok_and(EditSite::is_absent))
}

fn place(field: &TracedField) -> Option<&str> {
    match &field.site {
        Ok(site) => Some(site.file.as_str()),
        Err(problem) => problem.place.as_ref().map(|place| place.file.as_str()),
    }
}

fn several(winner: &TracedField, setters: &[TracedField]) -> Problem {
    let shown: Vec<String> = setters
        .iter()
        .filter_map(|setter| setter.site.as_ref().ok())
        .take(PLACES_SHOWN)
        .map(|site| format!("{}:{}", site.file, site.line))
        .collect();
    let text = format!(
        "{} of {} is set in {} places ({}), and only a rendering tells which of them counts",
        winner.field,
        winner.container,
        setters.len(),
        shown.join(", ")
    );
    unsettled(text)
}

fn maybe_covered(winner: &TracedField, site: &EditSite) -> Problem {
    let text = format!(
        "{} of {} may be changed by {}:{}, and only a rendering tells whether it is",
        winner.field, winner.container, site.file, site.line
    );
    unsettled(text)
}

fn unsettled(text: String) -> Problem {
    Problem::new(
        codes::UNSETTLED,
        text,
        "install kustomize, or name it with --kustomize; then kubeopt renders",
    )
}

#[cfg(test)]
#[path = "unrendered_tests.rs"]
mod tests;
