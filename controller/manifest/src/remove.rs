//! The removal of limits from one file: bytes in, bytes out, without the intended keys and with everything else.
//!
//! Works on places that yaml-rust2 gives. One key at a time is cut out of the text, which is then read anew: its events
//! must be the events before without those of the key. Whether a limit should go is decided elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::{Bound, EditSite, FieldPath, Problem, RepoPath, Step};
use yaml_rust2::parser::Event;

use crate::candidate::{Candidate, by_place, candidates};
use crate::cut::{Entry, cuts};
use crate::guard::guard_file;
use crate::refusal::{Refusal, shortened};
use crate::role::FileRole;
use crate::stream::{Kind, Stream};
use crate::yaml_text::YamlText;

/// Removes the limits at the given sites with their keys, and `limits` itself where nothing is left below it. In block
/// style the whole line goes, with a comment at its end; in flow style the entry and its comma. All other bytes stay,
/// comments on lines of their own included.
///
/// # Errors
/// The first reason why a limit is not removed, with its line: see [`crate::codes::CODES`].
pub fn remove(path: &RepoPath, bytes: &[u8], sites: &[EditSite]) -> Result<Vec<u8>, Problem> {
    remove_bound(path, bytes, sites, Bound::Limit)
}

/// The same for requests that were created and are taken back; `requests` itself goes where nothing is left below it, and
/// what holds it stays.
///
/// # Errors
/// As [`remove`].
pub fn take_out(path: &RepoPath, bytes: &[u8], sites: &[EditSite]) -> Result<Vec<u8>, Problem> {
    remove_bound(path, bytes, sites, Bound::Request)
}

fn remove_bound(path: &RepoPath, bytes: &[u8], sites: &[EditSite], bound: Bound) -> Result<Vec<u8>, Problem> {
    guard_file(path, bytes)?;
    let mut after = bytes.to_vec();
    for (document, place) in steps(path, bytes, sites, bound)? {
        after = without(path, &after, document, &place)?;
    }
    Ok(after)
}

/// The keys to cut, in an order in which each place stays valid: a mapping that loses all its entries goes whole.
fn steps(
    path: &RepoPath,
    bytes: &[u8],
    sites: &[EditSite],
    bound: Bound,
) -> Result<Vec<(usize, FieldPath)>, Problem> {
    let yaml = read(path, bytes)?;
    let candidates = candidates(path, &yaml, FileRole::Values);
    let places = by_place(&candidates);
    let mut by_mapping: BTreeMap<(usize, FieldPath), BTreeSet<FieldPath>> = BTreeMap::new();
    for site in sites {
        let at = |refusal: Refusal, line: usize| refusal.at(path, line, yaml.text.line(line));
        let Some(candidate) = places.get(&(site.document, &site.path)).copied() else {
            let missing =
                Refusal::Missing { path: shortened(&site.path.to_string()), document: site.document };
            return Err(at(missing, site.line));
        };
        if let Some(refusal) = refused(&yaml.stream, candidate, site, bound) {
            return Err(at(refusal, candidate.line));
        }
        let limits = FieldPath(site.path.0[..site.path.0.len().saturating_sub(1)].to_vec());
        by_mapping.entry((site.document, limits)).or_default().insert(site.path.clone());
    }
    let mut steps = Vec::new();
    for ((document, limits), keys) in by_mapping {
        let all = entry(&yaml.stream, document, &limits)
            .is_some_and(|entry| yaml.stream.entries(entry.value).len() == keys.len());
        if all {
            steps.push((document, limits));
        } else {
            steps.extend(keys.into_iter().map(|key| (document, key)));
        }
    }
    Ok(steps)
}

fn read<'b>(path: &RepoPath, bytes: &'b [u8]) -> Result<YamlText<'b>, Problem> {
    YamlText::read(bytes).map_err(|unreadable| unreadable.refusal.at(path, unreadable.line, ""))
}

fn refused(stream: &Stream, candidate: &Candidate, site: &EditSite, bound: Bound) -> Option<Refusal> {
    if let Some(refusal) = &candidate.blocked {
        return Some(refusal.clone());
    }
    if candidate.text != site.text {
        let (expected, found) = (shortened(&site.text), shortened(&candidate.text));
        return Some(Refusal::Stale { expected, found });
    }
    if candidate.field.bound != bound {
        return Some(kept(match bound {
            Bound::Limit => "only limits are ever removed, never requests",
            Bound::Request => "it is no request",
        }));
    }
    if candidate.node.is_none() {
        return Some(kept(
            "it stands in the text of another value, and without it the value below would show",
        ));
    }
    if !ends_in(&candidate.path, bound) {
        return Some(kept("its key is a chart's own, and what its absence means is for the chart to say"));
    }
    in_json_patch(stream, candidate.document, &candidate.path)
        .then(|| kept("it is the value of a JSON patch, which sets it as a whole"))
}

fn kept(reason: &'static str) -> Refusal {
    Refusal::NotRemoved { reason }
}

/// The path ends in `limits`, or `requests`, and one resource.
fn ends_in(path: &FieldPath, bound: Bound) -> bool {
    let [.., Step::Key(bounds), Step::Key(_)] = path.0.as_slice() else { return false };
    bounds
        == match bound {
            Bound::Limit => "limits",
            Bound::Request => "requests",
        }
}

/// Whether a mapping on the way is an operation of a JSON patch (RFC 6902).
fn in_json_patch(stream: &Stream, document: usize, path: &FieldPath) -> bool {
    let Some(mut node) = document.checked_sub(1).and_then(|at| stream.documents.get(at).copied()) else {
        return false;
    };
    for step in &path.0 {
        let patches = |key| stream.text(node, key).is_some();
        if patches("op") && stream.text(node, "path").is_some_and(|path| path.starts_with('/')) {
            return true;
        }
        let next = match step {
            Step::Key(key) => stream.get(node, key),
            Step::Index(index) => stream.items(node).get(*index).copied(),
        };
        let Some(next) = next else { return false };
        node = next;
    }
    false
}

/// The key and value at a path, and the mapping that holds them. Aliases are not followed: what they name is shared.
fn entry(stream: &Stream, document: usize, path: &FieldPath) -> Option<Entry> {
    let (last, way) = path.0.split_last()?;
    let Step::Key(last) = last else { return None };
    let mut node = *stream.documents.get(document.checked_sub(1)?)?;
    for step in way {
        node = match (step, &stream.node(node).kind) {
            (Step::Key(key), Kind::Mapping(_)) => stream.get(node, key)?,
            (Step::Index(index), Kind::Sequence(items)) => *items.get(*index)?,
            (Step::Key(_) | Step::Index(_), _) => return None,
        };
    }
    let Kind::Mapping(entries) = &stream.node(node).kind else { return None };
    let (key, value) = *entries.iter().find(|(key, _)| stream.scalar(*key) == Some(last))?;
    Some(Entry { mapping: node, key, value })
}

/// The bytes without the key at one place, proven to lose nothing else.
fn without(path: &RepoPath, bytes: &[u8], document: usize, place: &FieldPath) -> Result<Vec<u8>, Problem> {
    let yaml = read(path, bytes)?;
    let missing = || Refusal::Missing { path: shortened(&place.to_string()), document };
    let entry = entry(&yaml.stream, document, place).ok_or_else(|| missing().of_file(path))?;
    let line = yaml.stream.node(entry.key).at.line;
    let at = |refusal: Refusal| refusal.at(path, line, yaml.text.line(line));
    if let Some(refusal) = entry_refusal(&yaml.stream, &entry) {
        return Err(at(refusal));
    }
    let splices = cuts(&yaml, &entry).map_err(at)?;
    let after = yaml.text.spliced(&splices);
    prove(&yaml.stream, &entry, &after).map_err(at)?;
    Ok(after)
}

/// Forms in which a removed key would leave something behind or bring something back.
fn entry_refusal(stream: &Stream, entry: &Entry) -> Option<Refusal> {
    let siblings = stream.entries(entry.mapping);
    if siblings.iter().any(|(key, _)| stream.scalar(*key) == Some("<<")) {
        return Some(kept("a merge key (`<<`) beside it may set it again"));
    }
    if stream.events[events_of(stream, entry)].iter().any(is_anchored) {
        return Some(kept("it carries a YAML anchor"));
    }
    None
}

fn is_anchored(event: &Event) -> bool {
    match event {
        Event::Scalar(_, _, anchor, _) | Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
            *anchor > 0
        }
        Event::Nothing
        | Event::StreamStart
        | Event::StreamEnd
        | Event::DocumentStart
        | Event::DocumentEnd
        | Event::Alias(_)
        | Event::SequenceEnd
        | Event::MappingEnd => false,
    }
}

/// The events of key and value.
fn events_of(stream: &Stream, entry: &Entry) -> std::ops::Range<usize> {
    let end = stream.close_event(entry.value).map_or(stream.events.len(), |at| at + 1);
    stream.node(entry.key).event..end
}

/// Read anew, the file has the same events without those of the entry.
fn prove(before: &Stream, entry: &Entry, after: &[u8]) -> Result<(), Refusal> {
    let unproven = |reason: String| Refusal::Unproven { reason };
    let yaml = YamlText::read(after).map_err(|unreadable| unproven(unreadable.refusal.to_string()))?;
    let gone = events_of(before, entry);
    let expected = before.events[..gone.start].iter().chain(&before.events[gone.end..]);
    if expected.eq(&yaml.stream.events) {
        Ok(())
    } else {
        Err(unproven("more than the limit would go".to_owned()))
    }
}
