//! The edit itself, in yaml-edit's lossless tree.
//!
//! Only here is yaml-edit driven. What it makes is not trusted: [`crate::edit`] compares it with what yaml-rust2 says.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::str::FromStr;

use kubeopt_model::{FieldPath, Step};
use yaml_edit::{Scalar, YamlFile, YamlNode};

use crate::refusal::Refusal;
use crate::replace::Replacement;
use crate::text::Text;

/// The text with the scalars replaced in yaml-edit's tree; quotes stay. Values of inline patches are only located:
/// the tree has no nodes within a block scalar.
pub(crate) fn edited_tree(text: &Text<'_>, replacements: &[Replacement<'_>]) -> Result<String, Refusal> {
    // A defect of the editor on hostile text must cost one file, not the pass.
    catch_unwind(AssertUnwindSafe(|| edit(&text.body, replacements)))
        .unwrap_or_else(|_| Err(unproven("the editor gave up")))
}

/// Whether the editor, too, reads these texts at these places: document from 1, path, text without quotes. A path into
/// the text of a block is left to the other parser.
pub(crate) fn reads_as(text: &Text<'_>, wanted: &[(usize, &FieldPath, &str)]) -> Result<(), Refusal> {
    let read = || {
        let file = YamlFile::from_str(&text.body).map_err(|_| unproven("the editor cannot read the file"))?;
        let roots: Vec<Option<YamlNode>> = file
            .documents()
            .map(|document| {
                document
                    .as_mapping()
                    .map(YamlNode::Mapping)
                    .or_else(|| document.as_sequence().map(YamlNode::Sequence))
            })
            .collect();
        for (document, path, text) in wanted {
            let root = document.checked_sub(1).and_then(|at| roots.get(at)?.clone());
            let root = root.ok_or_else(|| unproven("the editor sees no such document"))?;
            let scalar = descend(root, path).ok_or_else(|| unproven("the editor does not find the value"))?;
            let raw = scalar.value();
            let is_block = raw.starts_with(['|', '>']) || raw.contains('\n');
            if !is_block && raw.trim_matches(['"', '\'']) != *text {
                return Err(unproven("the editor reads another value"));
            }
        }
        Ok(())
    };
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(unproven("the editor gave up")))
}

fn unproven(reason: &str) -> Refusal {
    Refusal::Unproven { reason: reason.to_owned() }
}

fn edit(text: &str, replacements: &[Replacement<'_>]) -> Result<String, Refusal> {
    let file = YamlFile::from_str(text).map_err(|_| unproven("the editor cannot read the file"))?;
    let located: Result<Vec<_>, _> = replacements.iter().map(|one| locate(&file, one)).collect();
    for (scalar, raw) in located?.into_iter().flatten() {
        scalar.set_value(&raw);
    }
    Ok(file.to_string())
}

/// The scalar and its new raw text; none for a value within a block scalar, whose bytes are checked all the same.
fn locate(file: &YamlFile, one: &Replacement<'_>) -> Result<Option<(Scalar, String)>, Refusal> {
    let candidate = one.candidate;
    let document =
        file.documents().nth(candidate.document - 1).ok_or_else(|| unproven("a document is gone"))?;
    let root = match (document.as_mapping(), document.as_sequence()) {
        (Some(mapping), _) => YamlNode::Mapping(mapping),
        (None, Some(sequence)) => YamlNode::Sequence(sequence),
        (None, None) => return Err(unproven("the document is no collection")),
    };
    let scalar =
        descend(root, &candidate.path).ok_or_else(|| unproven("the editor does not find the value"))?;
    let range = scalar.byte_range();
    let (start, end) = (range.start as usize, range.end as usize);
    let span = candidate.span.as_ref().ok_or_else(|| unproven("the value has no place"))?;
    if span.start < start || span.end > end {
        return Err(unproven("the editor sees the value elsewhere"));
    }
    if candidate.within.is_some() {
        return Ok(None);
    }
    let raw = scalar.value();
    let (head, tail) = (raw.get(..span.start - start), raw.get(span.end - start..));
    match (head, tail) {
        (Some(head), Some(tail)) => Ok(Some((scalar, format!("{head}{}{tail}", one.with)))),
        (None, _) | (_, None) => Err(unproven("the editor sees another text")),
    }
}

/// Follows the path until it ends in a scalar; what is left of the path leads on within that scalar's text.
fn descend(root: YamlNode, path: &FieldPath) -> Option<Scalar> {
    let mut node = root;
    for step in &path.0 {
        if let YamlNode::Scalar(scalar) = node {
            return Some(scalar);
        }
        node = match step {
            Step::Key(key) => node.get(key.as_str())?,
            Step::Index(index) => node.get_item(*index)?,
        };
    }
    match node {
        YamlNode::Scalar(scalar) => Some(scalar),
        YamlNode::Mapping(_) | YamlNode::Sequence(_) | YamlNode::Alias(_) | YamlNode::TaggedNode(_) => None,
    }
}
