//! A YAML stream as yaml-rust2 reads it: nodes with their positions, and the events for the proof.
//!
//! Only here is yaml-rust2 driven. It is pulled event by event, so that neither depth nor size of a hostile text can
//! exhaust the stack. Knows YAML, not Kubernetes.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::{Marker, TScalarStyle};

use crate::refusal::Refusal;

/// Nested collections that are followed. A pod template is about 12 deep; 100 is far above any manifest.
const DEPTH_MAX: usize = 100;

/// Nodes of one stream. The largest rendering seen (kube-prometheus) has about 100,000.
const NODES_MAX: usize = 2_000_000;

/// Index of a node within its stream.
pub(crate) type NodeId = usize;

/// A place in the text: line from 1, column in characters from 0.
///
/// yaml-rust2's own index is not used: it counts characters, but bytes within block scalars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Line, counted from 1.
    pub(crate) line: usize,
    /// Characters before it on its line.
    pub(crate) column: usize,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Value without quotes, and how it was written.
    Scalar(String, TScalarStyle),
    /// Items.
    Sequence(Vec<NodeId>),
    /// Keys and values in the order of the text; keys may stand twice.
    Mapping(Vec<(NodeId, NodeId)>),
    /// The node that it stands for.
    Alias(NodeId),
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// What it is.
    pub(crate) kind: Kind,
    /// Where its content begins, after anchor and tag.
    pub(crate) at: Position,
    /// It has an explicit tag.
    pub(crate) tagged: bool,
    /// Lines on which aliases stand for it.
    pub(crate) users: Vec<usize>,
    /// Its event.
    pub(crate) event: usize,
}

/// All documents of a text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stream {
    /// All nodes.
    pub(crate) nodes: Vec<Node>,
    /// Roots, in order.
    pub(crate) documents: Vec<NodeId>,
    /// Events without their places.
    pub(crate) events: Vec<Event>,
}

/// Why a text is not a stream, and the line where that showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Why.
    pub(crate) refusal: Refusal,
    /// Line, counted from 1.
    pub(crate) line: usize,
}

impl Stream {
    /// Reads all documents. The text has no byte order mark.
    pub(crate) fn read(text: &str) -> Result<Self, Unreadable> {
        // A defect of the parser on hostile text must cost one file, not the pass.
        catch_unwind(AssertUnwindSafe(|| Builder::default().read(text))).unwrap_or_else(|_| {
            Err(Unreadable { refusal: Refusal::NotYaml { reason: "the parser gave up".to_owned() }, line: 1 })
        })
    }

    /// The node.
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    /// The node itself, or what its alias stands for.
    pub(crate) fn resolved(&self, id: NodeId) -> NodeId {
        match self.node(id).kind {
            Kind::Alias(target) => target,
            Kind::Scalar(..) | Kind::Sequence(_) | Kind::Mapping(_) => id,
        }
    }

    /// The value of a scalar, aliases followed.
    pub(crate) fn scalar(&self, id: NodeId) -> Option<&str> {
        match &self.node(self.resolved(id)).kind {
            Kind::Scalar(value, _) => Some(value),
            Kind::Sequence(_) | Kind::Mapping(_) | Kind::Alias(_) => None,
        }
    }

    /// The entries of a mapping, aliases followed; nothing for anything else.
    pub(crate) fn entries(&self, id: NodeId) -> &[(NodeId, NodeId)] {
        match &self.node(self.resolved(id)).kind {
            Kind::Mapping(entries) => entries,
            Kind::Scalar(..) | Kind::Sequence(_) | Kind::Alias(_) => &[],
        }
    }

    /// The items of a sequence, aliases followed; nothing for anything else.
    pub(crate) fn items(&self, id: NodeId) -> &[NodeId] {
        match &self.node(self.resolved(id)).kind {
            Kind::Sequence(items) => items,
            Kind::Scalar(..) | Kind::Mapping(_) | Kind::Alias(_) => &[],
        }
    }

    /// The last event of a node: its own, or the one that closes it.
    pub(crate) fn close_event(&self, id: NodeId) -> Option<usize> {
        let mut depth = 0_usize;
        for (at, event) in self.events.iter().enumerate().skip(self.node(id).event) {
            match event {
                Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
                Event::MappingEnd | Event::SequenceEnd => depth = depth.checked_sub(1)?,
                Event::Nothing
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart
                | Event::DocumentEnd
                | Event::Alias(_)
                | Event::Scalar(..) => {}
            }
            if depth == 0 {
                return Some(at);
            }
        }
        None
    }

    /// The first value of a key that stands in the mapping itself (merge keys are not followed).
    pub(crate) fn get(&self, id: NodeId, key: &str) -> Option<NodeId> {
        self.entries(id).iter().find(|(k, _)| self.scalar(*k) == Some(key)).map(|(_, value)| *value)
    }

    /// The text of a key's scalar, for mappings of text to text.
    pub(crate) fn text(&self, id: NodeId, key: &str) -> Option<&str> {
        self.get(id, key).and_then(|value| self.scalar(value))
    }

    /// Is nothing: an empty plain scalar, `~` or `null`.
    pub(crate) fn is_null(&self, id: NodeId) -> bool {
        matches!(&self.node(self.resolved(id)).kind,
            Kind::Scalar(value, TScalarStyle::Plain) if matches!(value.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Every node below and including `root`, without following aliases, in the order of the text.
    pub(crate) fn below(&self, root: NodeId) -> Vec<NodeId> {
        let (mut seen, mut open) = (Vec::new(), vec![root]);
        while let Some(id) = open.pop() {
            seen.push(id);
            match &self.node(id).kind {
                Kind::Sequence(items) => open.extend(items.iter().rev()),
                Kind::Mapping(entries) => {
                    open.extend(entries.iter().rev().flat_map(|(key, value)| [*value, *key]));
                }
                Kind::Scalar(..) | Kind::Alias(_) => {}
            }
        }
        seen
    }
}

/// A collection that is not closed yet.
struct Open {
    node: NodeId,
    /// The key that waits for its value.
    key: Option<NodeId>,
}

/// Turns events into nodes.
#[derive(Default)]
struct Builder {
    stream: Stream,
    open: Vec<Open>,
    /// Anchored nodes of the present document, by the parser's number for the anchor.
    anchors: HashMap<usize, NodeId>,
}

impl Builder {
    fn read(mut self, text: &str) -> Result<Stream, Unreadable> {
        let mut parser = Parser::new_from_str(text);
        loop {
            let (event, mark) = parser.next_token().map_err(|error| Unreadable {
                refusal: Refusal::NotYaml { reason: error.info().to_owned() },
                line: error.marker().line().max(1),
            })?;
            let done = event == Event::StreamEnd;
            self.take(&event, mark).map_err(|refusal| Unreadable { refusal, line: mark.line().max(1) })?;
            self.stream.events.push(event);
            if done {
                return Ok(self.stream);
            }
        }
    }

    fn take(&mut self, event: &Event, mark: Marker) -> Result<(), Refusal> {
        match event {
            Event::DocumentStart => self.anchors.clear(),
            Event::Alias(anchor) => {
                let target = *self.anchors.get(anchor).ok_or_else(|| Refusal::NotYaml {
                    reason: "an alias stands for an anchor of another document".to_owned(),
                })?;
                self.stream.nodes[target].users.push(mark.line());
                self.add(Kind::Alias(target), mark, 0, false)?;
            }
            Event::Scalar(value, style, anchor, tag) => {
                self.add(Kind::Scalar(value.clone(), *style), mark, *anchor, tag.is_some())?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(Kind::Sequence(Vec::new()), mark, *anchor, tag.is_some())?;
            }
            Event::MappingStart(anchor, tag) => {
                self.open(Kind::Mapping(Vec::new()), mark, *anchor, tag.is_some())?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn open(&mut self, kind: Kind, mark: Marker, anchor: usize, tagged: bool) -> Result<(), Refusal> {
        if self.open.len() >= DEPTH_MAX {
            return Err(Refusal::Limit { what: "levels of nesting", limit: DEPTH_MAX });
        }
        let node = self.add(kind, mark, anchor, tagged)?;
        self.open.push(Open { node, key: None });
        Ok(())
    }

    fn add(&mut self, kind: Kind, mark: Marker, anchor: usize, tagged: bool) -> Result<NodeId, Refusal> {
        let id = self.stream.nodes.len();
        if id >= NODES_MAX {
            return Err(Refusal::Limit { what: "values", limit: NODES_MAX });
        }
        let at = Position { line: mark.line().max(1), column: mark.col() };
        let event = self.stream.events.len();
        self.stream.nodes.push(Node { kind, at, tagged, users: Vec::new(), event });
        if anchor > 0 {
            self.anchors.insert(anchor, id);
        }
        self.attach(id);
        Ok(id)
    }

    fn attach(&mut self, id: NodeId) {
        let Some(parent) = self.open.last_mut() else {
            self.stream.documents.push(id);
            return;
        };
        match &mut self.stream.nodes[parent.node].kind {
            Kind::Sequence(items) => items.push(id),
            Kind::Mapping(entries) => match parent.key.take() {
                Some(key) => entries.push((key, id)),
                None => parent.key = Some(id),
            },
            Kind::Scalar(..) | Kind::Alias(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_text_beyond_ascii_and_block_scalars() {
        let text = "a: |\n  äöü 日本語 äöü äöü äöü äöü\n  ß\nb: 'ü' # é\n\"ключ\": 7\n";
        let stream = Stream::read(text).expect("valid YAML");
        let value = stream.get(stream.documents[0], "ключ").expect("the key is there");
        assert_eq!(stream.node(value).at, Position { line: 5, column: 8 });
    }

    #[test]
    fn content_of_an_anchored_scalar_begins_after_its_anchor() {
        let stream = Stream::read("a: &x 100m\nb: *x\n").expect("valid YAML");
        let a = stream.get(stream.documents[0], "a").expect("the key is there");
        assert_eq!(stream.node(a).at.column, 6);
        assert_eq!(stream.node(a).users, vec![2]);
    }

    #[test]
    fn an_anchor_ends_with_its_document() {
        let unreadable = Stream::read("a: &x 1\n---\nb: *x\n").expect_err("the alias has no anchor");
        assert_eq!(unreadable.refusal.code(), "E-SRC-005");
    }

    #[test]
    fn deep_text_is_refused_and_does_not_exhaust_the_stack() {
        for opener in ["[", "{a: ", "- "] {
            let text = opener.repeat(20_000);
            assert!(Stream::read(&text).is_err(), "{opener}");
        }
    }

    #[test]
    fn an_alias_of_itself_is_not_followed_for_ever() {
        let stream = Stream::read("a: &x [*x]\n").expect("valid YAML");
        assert_eq!(stream.below(stream.documents[0]).len(), 4);
    }
}
