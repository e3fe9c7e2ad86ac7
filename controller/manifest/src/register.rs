//! A patch file becomes part of a kustomization: one entry more in the list of patches, in the style of the file.
//!
//! What the patch file holds is [`crate::patch_text`]'s concern.

use kubeopt_model::{FieldPath, Problem, RepoPath, Step};

use crate::create::added;
use crate::create_apply::applied;
use crate::create_fresh::Fresh;
use crate::create_place::Spot;
use crate::guard::guard_file;
use crate::kustomize::{is_remote, kustomization};
use crate::refusal::{Refusal, shortened};
use crate::stream::{NodeId, Stream};
use crate::tree_edit::reads_as;
use crate::yaml_text::YamlText;

/// Adds `- path: FILE` to the `patches` of a kustomization or component, which are created where there are none. Where
/// the file only has the older `patchesStrategicMerge`, the entry joins that list, so that one file has one way.
/// `patch_file` is relative to the folder of the kustomization. A file that is there already changes nothing.
///
/// # Errors
/// When the file is no kustomization, is never edited, or its list is written in a form that is not added to; when the
/// patch file would be outside of the repository.
pub fn register_patch(path: &RepoPath, bytes: &[u8], patch_file: &str) -> Result<Vec<u8>, Problem> {
    guard_file(path, bytes)?;
    let known = kustomization(path, bytes)?;
    let target = resolved(path, patch_file)
        .ok_or_else(|| Refusal::OutsideReference { reference: shortened(patch_file) }.of_file(path))?;
    if known.patches.iter().any(|known| resolved(path, known).as_ref() == Some(&target)) {
        return Ok(bytes.to_vec());
    }
    let yaml =
        YamlText::read(bytes).map_err(|unreadable| unreadable.refusal.at(path, unreadable.line, ""))?;
    let line = |list: Option<NodeId>| list.map_or(1, |list| yaml.stream.node(list).at.line);
    let (document, list, entry) = place(&yaml.stream);
    with_entry(&yaml, document, list, patch_file)
        .map_err(|refusal| refusal.at(path, line(entry), yaml.text.line(line(entry))))
}

fn resolved(path: &RepoPath, reference: &str) -> Option<RepoPath> {
    if is_remote(reference) || reference.trim().is_empty() {
        return None;
    }
    path.parent()?.join(reference).ok()
}

/// The document, and the list that the entry joins, with its node if it is there.
fn place(stream: &Stream) -> (usize, &'static str, Option<NodeId>) {
    let at = stream.documents.iter().position(|root| !stream.is_null(*root)).unwrap_or(0);
    let list = |key| stream.documents.get(at).and_then(|root| stream.get(*root, key));
    let older = list("patchesStrategicMerge").filter(|list| !stream.items(*list).is_empty());
    match (list("patches"), older) {
        (None, Some(older)) => (at + 1, "patchesStrategicMerge", Some(older)),
        (patches, _) => (at + 1, "patches", patches),
    }
}

fn with_entry(
    yaml: &YamlText<'_>,
    document: usize,
    list: &str,
    patch_file: &str,
) -> Result<Vec<u8>, Refusal> {
    let name = Fresh::Name(patch_file.to_owned());
    let (item, below) = match list {
        "patches" => (Fresh::Map(vec![("path".to_owned(), name)]), Some(Step::from("path"))),
        _ => (name, None),
    };
    let root = yaml.stream.documents.get(document - 1);
    let count =
        root.and_then(|root| yaml.stream.get(*root, list)).map_or(0, |list| yaml.stream.items(list).len());
    let path = [Step::from(list), Step::Index(count)];
    let planned = added(yaml, document, &path, |place| match place.spot {
        Spot::Mapping(_) | Spot::Blank => Fresh::Map(vec![(list.to_owned(), Fresh::List(vec![item]))]),
        Spot::Sequence(_) | Spot::Null(_) | Spot::Hosted(_) => Fresh::List(vec![item]),
    })?;
    let (bytes, _) = applied(yaml, &planned)?;
    let after = YamlText::read(&bytes).map_err(|unreadable| unreadable.refusal)?;
    let entry = FieldPath(path.into_iter().chain(below).collect());
    reads_as(&after.text, &[(document, &entry, patch_file)])?;
    Ok(bytes)
}
