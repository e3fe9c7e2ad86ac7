//! Where a path ends in what is there, and whether a key may be created at that place.
//!
//! Shared nodes, merges, values that stand in the way: each has its reason. How the key is written is decided elsewhere.

use kubeopt_model::Step;
use yaml_rust2::parser::Event;
use yaml_rust2::scanner::TScalarStyle;

use crate::create_extent::is_flow;
use crate::pods::is_merged;
use crate::refusal::{Lines, Refusal, shortened};
use crate::stream::{Kind, NodeId, Stream};
use crate::yaml_text::YamlText;

/// Where the missing part of a path begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// What is there.
    pub(crate) spot: Spot,
    /// Mappings and sequences on the way, the root first, the one that takes the key last.
    pub(crate) around: Vec<NodeId>,
    /// The key of the last of them in the one before, if it has one.
    pub(crate) key: Option<NodeId>,
    /// Steps of the path that lead there; those behind them are missing.
    pub(crate) existing: usize,
    /// Something around it has braces or brackets.
    pub(crate) in_flow: bool,
}

/// What stands at the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Spot {
    /// A mapping without the key.
    Mapping(NodeId),
    /// A sequence that takes another item.
    Sequence(NodeId),
    /// Nothing: `null`, `~` or no text at all.
    Null(NodeId),
    /// A block of text in which the path goes on.
    Hosted(NodeId),
    /// A document without any node.
    Blank,
}

/// Follows a path as far as it goes. `document` counts from 1; the index behind the last item of a list asks for one
/// more.
pub(crate) fn find(yaml: &YamlText<'_>, document: usize, path: &[Step]) -> Result<Place, Refusal> {
    let stream = &yaml.stream;
    let mut place = Place { spot: Spot::Blank, around: Vec::new(), key: None, existing: 0, in_flow: false };
    let Some(root) = document.checked_sub(1).and_then(|at| stream.documents.get(at)) else {
        let is_blank = stream.documents.is_empty() && document == 1;
        return if is_blank { Ok(place) } else { Err(not_created("the document is not there")) };
    };
    let mut node = *root;
    for (at, step) in path.iter().enumerate() {
        node_refusal(stream, node)?;
        place.existing = at;
        let next = match (&stream.node(node).kind, step) {
            (Kind::Mapping(_), Step::Key(key)) => {
                place.around.push(node);
                key_refusal(stream, node, key)?;
                place.spot = Spot::Mapping(node);
                entry(stream, node, key)
            }
            (Kind::Sequence(items), Step::Index(index)) => {
                place.around.push(node);
                place.spot = Spot::Sequence(node);
                match items.get(*index) {
                    Some(item) => Some((None, *item)),
                    None if *index == items.len() => None,
                    None => return Err(not_created("the list has no such item")),
                }
            }
            (Kind::Scalar(_, TScalarStyle::Literal), _) if at > 0 => {
                place.spot = Spot::Hosted(node);
                return Ok(place);
            }
            (Kind::Scalar(..), _) if stream.is_null(node) => return null(stream, place, node),
            (Kind::Scalar(..), _) => return Err(not_created("a value stands where keys are needed")),
            (Kind::Mapping(_) | Kind::Sequence(_) | Kind::Alias(_), _) => {
                return Err(not_created("the path and the file have different shapes"));
            }
        };
        let Some((key, value)) = next else { return Ok(place) };
        place.in_flow |= is_flow(yaml, node);
        (place.key, node) = (key, value);
    }
    node_refusal(stream, node)?;
    place.existing = path.len();
    if stream.is_null(node) { null(stream, place, node) } else { Err(already_set(stream, path, node)) }
}

/// The line of what is there already: that of the last key on the way, or where the last item begins.
pub(crate) fn line(yaml: &YamlText<'_>, place: &Place) -> usize {
    let first_key = |node: &NodeId| yaml.stream.entries(*node).first().map(|(key, _)| *key);
    let node = place.key.or_else(|| place.around.last().and_then(first_key));
    node.map_or(1, |node| yaml.stream.node(node).at.line)
}

fn null(stream: &Stream, mut place: Place, node: NodeId) -> Result<Place, Refusal> {
    if stream.node(node).tagged {
        return Err(Refusal::Form { form: "with a tag" });
    }
    match stream.events.get(stream.node(node).event) {
        Some(Event::Scalar(_, _, 0, _)) => {
            place.spot = Spot::Null(node);
            Ok(place)
        }
        Some(_) | None => Err(Refusal::Form { form: "with an anchor" }),
    }
}

/// Aliases stand for what is written elsewhere, and what has aliases is read elsewhere.
fn node_refusal(stream: &Stream, node: NodeId) -> Result<(), Refusal> {
    let users = match stream.node(node).kind {
        Kind::Alias(target) => &stream.node(target).users,
        Kind::Scalar(..) | Kind::Sequence(_) | Kind::Mapping(_) => &stream.node(node).users,
    };
    if users.is_empty() { Ok(()) } else { Err(Refusal::Shared { users: Lines::of(users) }) }
}

fn key_refusal(stream: &Stream, mapping: NodeId, key: &str) -> Result<(), Refusal> {
    if key.starts_with("volumeClaim") {
        return Err(Refusal::VolumeClaim);
    }
    if stream.text(mapping, "$patch") == Some("delete") {
        return Err(not_created("the patch deletes what the key would stand in"));
    }
    if entry(stream, mapping, key).is_none() && is_merged(stream, mapping, key) {
        return Err(Refusal::Merged);
    }
    Ok(())
}

/// The key and value of a mapping itself.
pub(crate) fn entry(stream: &Stream, mapping: NodeId, key: &str) -> Option<(Option<NodeId>, NodeId)> {
    let is_key = |(name, _): &&(NodeId, NodeId)| stream.scalar(*name) == Some(key);
    stream.entries(mapping).iter().find(is_key).map(|(key, value)| (Some(*key), *value))
}

fn already_set(stream: &Stream, path: &[Step], node: NodeId) -> Refusal {
    let path = kubeopt_model::FieldPath(path.to_vec()).to_string();
    let found = stream.scalar(node).unwrap_or("a list or mapping");
    Refusal::AlreadySet { path: shortened(&path), found: shortened(found) }
}

pub(crate) fn not_created(reason: &'static str) -> Refusal {
    Refusal::NotCreated { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, path: &str) -> Result<(usize, bool, usize), &'static str> {
        let yaml = YamlText::read(text.as_bytes()).expect("YAML");
        let step = |part: &str| part.parse().map_or_else(|_| Step::from(part), Step::Index);
        let path: Vec<Step> = path.split('.').map(step).collect();
        find(&yaml, 1, &path)
            .map(|place| (place.existing, place.in_flow, line(&yaml, &place)))
            .map_err(|refusal| refusal.code())
    }

    #[test]
    fn a_path_is_followed_as_far_as_it_goes() {
        for (text, path, expected) in [
            ("a:\n  b: {}\n", "a.b.c", Ok((2, false, 2))),
            ("a:\n  b:\n", "a.b.c", Ok((2, false, 2))),
            ("a: [{b: {c: 1}}]\n", "a.0.b.d", Ok((3, true, 1))),
            ("a:\n- b: 1\n", "a.0.c.d", Ok((2, false, 2))),
            ("", "a.b", Ok((0, false, 1))),
            ("# a\n", "a.b", Ok((0, false, 1))),
            ("a: |\n  b: 1\n", "a.c", Ok((1, false, 1))),
            ("a: {b: ~}\n", "a.b", Ok((2, true, 1))),
            ("a: 1\n", "a", Err("E-SRC-029")),
            ("a: {b: 1}\n", "a", Err("E-SRC-029")),
            ("a: 1\n", "a.b", Err("E-SRC-030")),
            ("a: [1]\n", "a.1", Ok((1, false, 1))),
            ("a: [1]\n", "a.2", Err("E-SRC-030")),
            ("a: [1]\n", "a.b", Err("E-SRC-030")),
            ("a: &a {}\nb: *a\n", "a.b", Err("E-SRC-009")),
            ("a: &a {}\nb: *a\n", "b.b", Err("E-SRC-009")),
            ("a: &a {r: {x: 1}}\nb: {<<: *a}\n", "b.r.y", Err("E-SRC-010")),
            ("a: &a {q: {x: 1}}\nb: {<<: *a}\n", "b.r.y", Ok((1, false, 2))),
            ("volumeClaimTemplates: {}\n", "volumeClaimTemplates.x", Err("E-SRC-012")),
            ("a: !!null\n", "a.b", Err("E-SRC-019")),
            ("a: &a\n", "a.b", Err("E-SRC-019")),
            ("a: {$patch: delete}\n", "a.b", Err("E-SRC-030")),
        ] {
            assert_eq!(found(text, path), expected, "{text} {path}");
        }
    }
}
