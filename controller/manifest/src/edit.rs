//! The edit of one file: bytes in, bytes out, with the intended scalars changed and nothing else.
//!
//! yaml-edit makes the change; yaml-rust2 finds the same values by itself, and both must give the same bytes; the
//! events before and after must differ in exactly these values. What shall stand there is decided elsewhere.

use std::collections::BTreeMap;

use kubeopt_model::{Amount, FieldEdit, Problem, RepoPath};

use crate::candidate::{Candidate, Sought, by_place, candidates, sought};
use crate::guard::guard_file;
use crate::refusal::{Refusal, shortened};
use crate::replace::{Replacement, replaced};
use crate::role::FileRole;
use crate::template::{edit_template, is_below_templates, is_template};
use crate::text::{Splice, splice};
use crate::tree_edit::edited_tree;
use crate::wish::Wish;
use crate::written::written;
use crate::yaml_text::YamlText;

/// Sets the values at the given sites. Quotes, comments, line ends, byte order mark, anchors and all other bytes stay;
/// a value that is already there in another notation is left as it is, so that editing twice changes nothing. In a template
/// of a chart a literal is edited as text, whose only proof is the rendering.
///
/// # Errors
/// The first reason why a value is not edited, with its line: see [`crate::codes::CODES`].
pub fn edit(path: &RepoPath, bytes: &[u8], edits: &[FieldEdit]) -> Result<Vec<u8>, Problem> {
    let wishes: Vec<Wish<'_>> = edits.iter().map(|edit| Wish { edit, text: None }).collect();
    edit_wishes(path, bytes, &wishes)
}

/// The same, each with the text that a person wrote for the amount: it stands in the file as it was written, where its
/// form is one that what reads the file understands. Setting the text back that was there gives every byte back.
///
/// # Errors
/// As [`edit`]. A text that is not the amount is not taken.
pub fn edit_as_written(
    path: &RepoPath,
    bytes: &[u8],
    edits: &[(FieldEdit, String)],
) -> Result<Vec<u8>, Problem> {
    let wishes: Vec<Wish<'_>> =
        edits.iter().map(|(edit, text)| Wish { edit, text: Some(text.as_str()) }).collect();
    edit_wishes(path, bytes, &wishes)
}

fn edit_wishes(path: &RepoPath, bytes: &[u8], edits: &[Wish<'_>]) -> Result<Vec<u8>, Problem> {
    if !is_below_templates(path) || !is_template(bytes) {
        return edit_yaml(path, bytes, edits, Lines::MayMove);
    }
    // A folder may have that name without being part of a chart, and some templates read as YAML: what is a place in
    // YAML is edited as such, with its stronger proof.
    match edit_yaml(path, bytes, edits, Lines::Exact) {
        Err(problem) if is_for_text(&problem) => edit_template(path, bytes, edits),
        edited => edited,
    }
}

/// Whether the line of a site must be that of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    Exact,
    MayMove,
}

/// No YAML, a template, or no such place.
fn is_for_text(problem: &Problem) -> bool {
    ["E-SRC-004", "E-SRC-005", "E-SRC-015"].contains(&problem.code.as_str())
}

fn edit_yaml(path: &RepoPath, bytes: &[u8], edits: &[Wish<'_>], lines: Lines) -> Result<Vec<u8>, Problem> {
    guard_file(path, bytes)?;
    let yaml =
        YamlText::read(bytes).map_err(|unreadable| unreadable.refusal.at(path, unreadable.line, ""))?;
    let candidates = candidates(path, &yaml, FileRole::Values);
    let replacements = replacements(path, &yaml, &candidates, edits, lines)?;
    applied(path, &yaml, bytes, &candidates, &replacements, Sought::Amounts)
}

/// All bytes of the file with the replacements made, which two ways to edit and a second reading must agree on.
pub(crate) fn applied(
    path: &RepoPath,
    yaml: &YamlText<'_>,
    bytes: &[u8],
    candidates: &[Candidate],
    replacements: &[Replacement<'_>],
    sought: Sought,
) -> Result<Vec<u8>, Problem> {
    if replacements.is_empty() {
        return Ok(bytes.to_vec());
    }
    let apply = || {
        let after = replaced(yaml, replacements)?;
        agree(yaml, replacements)?;
        only_these_values(path, candidates, replacements, &after, sought)?;
        Ok(after)
    };
    apply().map_err(|refusal: Refusal| refusal.of_file(path))
}

fn replacements<'c>(
    path: &RepoPath,
    yaml: &YamlText<'_>,
    candidates: &'c [Candidate],
    edits: &[Wish<'_>],
    lines: Lines,
) -> Result<Vec<Replacement<'c>>, Problem> {
    let places = by_place(candidates);
    let mut wanted: BTreeMap<(usize, usize), (&'c Candidate, Amount, Option<&str>)> = BTreeMap::new();
    for Wish { edit, text } in edits.iter().copied() {
        let site = &edit.site;
        let at = |refusal: Refusal, line: usize| refusal.at(path, line, yaml.text.line(line));
        let missing =
            || Refusal::Missing { path: shortened(&site.path.to_string()), document: site.document };
        let candidate = places.get(&(site.document, &site.path)).copied();
        let candidate = candidate.filter(|found| lines == Lines::MayMove || found.line == site.line);
        let Some(candidate) = candidate else { return Err(at(missing(), site.line)) };
        if let Some(refusal) = refused(candidate, edit) {
            return Err(at(refusal, candidate.line));
        }
        let start = candidate.span.as_ref().map_or(0, |span| span.start);
        match wanted.insert((candidate.event, start), (candidate, edit.after, text)) {
            Some((_, before, _)) if before != edit.after => {
                let (first, second) = (before.to_string(), edit.after.to_string());
                return Err(at(Refusal::Contradiction { first, second }, candidate.line));
            }
            Some(_) | None => {}
        }
    }
    let changes = wanted.into_values().filter(|(candidate, after, _)| {
        Amount::parse(candidate.field.resource, &candidate.text).ok() != Some(*after)
    });
    Ok(changes
        .map(|(candidate, after, text)| Replacement {
            candidate,
            with: written(&candidate.text, after, text, candidate.in_values),
        })
        .collect())
}

fn refused(candidate: &Candidate, edit: &FieldEdit) -> Option<Refusal> {
    if let Some(refusal) = &candidate.blocked {
        return Some(refusal.clone());
    }
    if candidate.text != edit.site.text {
        let (expected, found) = (shortened(&edit.site.text), shortened(&candidate.text));
        return Some(Refusal::Stale { expected, found });
    }
    let resource = candidate.field.resource;
    (resource != edit.after.resource()).then(|| Refusal::other_resource(edit.after, resource))
}

/// The editor's own result must be the same bytes.
fn agree(yaml: &YamlText<'_>, replacements: &[Replacement<'_>]) -> Result<(), Refusal> {
    let by_editor = edited_tree(&yaml.text, replacements)?;
    let in_tree = replacements.iter().filter(|one| one.candidate.within.is_none());
    let splices: Vec<Splice> = in_tree.filter_map(Replacement::splice).collect();
    if by_editor == splice(&yaml.text.body, &splices) {
        Ok(())
    } else {
        Err(Refusal::Unproven { reason: "two independent ways to edit differ".to_owned() })
    }
}

/// Read anew, the file has the same values at the same places, but for the intended ones. This looks into inline
/// patches too.
fn only_these_values(
    path: &RepoPath,
    before: &[Candidate],
    replacements: &[Replacement<'_>],
    after: &[u8],
    sought_here: Sought,
) -> Result<(), Refusal> {
    let unproven = |reason: &str| Refusal::Unproven { reason: reason.to_owned() };
    let yaml = YamlText::read(after).map_err(|unreadable| unproven(&unreadable.refusal.to_string()))?;
    let seen = sought(path, &yaml, FileRole::Values, sought_here);
    let expected = before.iter().map(|candidate| {
        let new = replacements.iter().find(|one| std::ptr::eq(one.candidate, candidate));
        (candidate.document, &candidate.path, new.map_or(candidate.text.as_str(), |one| one.with.as_str()))
    });
    let actual = seen.iter().map(|candidate| (candidate.document, &candidate.path, candidate.text.as_str()));
    if expected.eq(actual) { Ok(()) } else { Err(unproven("another value changed")) }
}
