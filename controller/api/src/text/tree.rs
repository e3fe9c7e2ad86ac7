//! YAML as a tree in which everything knows its line. Hostile text meets limits here: bytes, depth, nodes, aliases.
//! Knows no key and no type.

use std::collections::HashMap;

use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::{Marker, ScanError, TScalarStyle};

use crate::text::fault::Fault;

/// 1 MiB: the limit of a ConfigMap, and a thousand times a long policy.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// The deepest key of both files stands at depth 8.
const MAX_DEPTH: usize = 32;
/// Aliases count with all that they stand for, so a bomb of aliases ends here: 50,000 nodes are about 1 MiB of lines.
const MAX_NODES: usize = 50_000;

/// A node with the line on which it begins, counted from 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) value: Value,
}

/// What stands there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar; `plain` is false when it is quoted or a block.
    Scalar {
        text: String,
        plain: bool,
    },
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: usize,
    pub(crate) node: Node,
}

/// A fault and its line; none where the whole file is meant.
pub(crate) type Located = (Option<usize>, Fault);

/// Reads one document. Duplicate keys are told beside the tree, so that what else is wrong is told with them.
///
/// # Errors
/// The one fault that makes the rest unreadable.
pub(crate) fn read(text: &str) -> Result<(Node, Vec<Located>), Located> {
    if text.len() > MAX_BYTES {
        let told = format!("the file has {} bytes, the limit is {MAX_BYTES}", text.len());
        return Err((None, Fault::TooLarge(told)));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
        duplicates: Vec::new(),
    };
    let root = builder.document()?;
    Ok((root, builder.duplicates))
}

struct Builder<'t> {
    parser: Parser<std::str::Chars<'t>>,
    /// Finished anchored nodes, each with the number of nodes that it holds.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    duplicates: Vec<Located>,
}

impl Builder<'_> {
    fn document(&mut self) -> Result<Node, Located> {
        let mut root = None;
        loop {
            let (event, mark) = self.next()?;
            match event {
                Event::StreamEnd => {
                    return Ok(root.unwrap_or(Node { line: 1, value: Value::Null }));
                }
                Event::DocumentStart if root.is_some() => {
                    return Err(syntax(mark, "a second document (`---`); there may be one"));
                }
                Event::Nothing | Event::StreamStart | Event::DocumentStart | Event::DocumentEnd => {}
                Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::MappingStart(..)
                | Event::SequenceEnd
                | Event::MappingEnd => root = Some(self.node(event, mark, 0)?),
            }
        }
    }

    fn next(&mut self) -> Result<(Event, Marker), Located> {
        self.parser.next_token().map_err(|error: ScanError| syntax(*error.marker(), error.info()))
    }

    fn count(&mut self, nodes: usize, mark: Marker) -> Result<(), Located> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            let told = format!("more than {MAX_NODES} values, aliases counted with what they stand for");
            return Err((Some(mark.line()), Fault::TooLarge(told)));
        }
        Ok(())
    }

    fn node(&mut self, event: Event, mark: Marker, depth: usize) -> Result<Node, Located> {
        if depth > MAX_DEPTH {
            let told = format!("values nested deeper than {MAX_DEPTH} levels");
            return Err((Some(mark.line()), Fault::TooLarge(told)));
        }
        self.count(1, mark)?;
        let before = self.nodes;
        let (value, anchor, tagged) = match event {
            Event::Scalar(text, style, anchor, tag) => (scalar(text, style), anchor, tag.is_some()),
            Event::SequenceStart(anchor, tag) => (self.sequence(depth)?, anchor, tag.is_some()),
            Event::MappingStart(anchor, tag) => (self.mapping(depth)?, anchor, tag.is_some()),
            Event::Alias(id) => return self.alias(id, mark),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                return Err(syntax(mark, "a value is missing"));
            }
        };
        if tagged {
            return Err(syntax(mark, "a tag (`!`) stands before a value; write the value without it"));
        }
        let node = Node { line: mark.line(), value };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before));
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, mark: Marker) -> Result<Node, Located> {
        let Some((node, nodes)) = self.anchors.get(&id).cloned() else {
            return Err(syntax(mark, "an alias (`*`) that stands within what it names"));
        };
        self.count(nodes, mark)?;
        Ok(node)
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, Located> {
        let mut nodes = Vec::new();
        loop {
            let (event, mark) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(Value::Sequence(nodes));
            }
            nodes.push(self.node(event, mark, depth + 1)?);
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, Located> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut lines: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, mark) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Value::Mapping(entries));
            }
            let Event::Scalar(key, ..) = event else {
                return Err(syntax(mark, "a key that is not a plain word"));
            };
            self.count(1, mark)?;
            let (event, value_mark) = self.next()?;
            let node = self.node(event, value_mark, depth + 1)?;
            match lines.get(&key) {
                Some(&first_line) => {
                    self.duplicates.push((Some(mark.line()), Fault::Duplicate { path: key, first_line }));
                }
                None => {
                    lines.insert(key.clone(), mark.line());
                    entries.push(Entry { key, line: mark.line(), node });
                }
            }
        }
    }
}

fn scalar(text: String, style: TScalarStyle) -> Value {
    let plain = style == TScalarStyle::Plain;
    if plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::Scalar { text, plain }
}

fn syntax(mark: Marker, told: &str) -> Located {
    // The parser quotes what it met; that may be anything.
    let told: String = told.chars().filter(|c| !c.is_control()).take(200).collect();
    (Some(mark.line()), Fault::Syntax(told))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(text: &str) -> Located {
        read(text).expect_err("it must be refused")
    }

    #[test]
    fn lines_are_right_behind_text_that_is_not_ascii() {
        let (root, _) = read("# größe ☃\na: ä\n\nb:\n  - c: 1\n").unwrap();
        let Value::Mapping(entries) = root.value else { panic!("a mapping") };
        assert_eq!(entries.iter().map(|entry| entry.line).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn nothing_at_all_is_nothing() {
        for text in ["", "# only a comment\n", "\u{feff}", "---\n", "~"] {
            assert_eq!(read(text).unwrap().0.value, Value::Null, "{text:?}");
        }
    }

    #[test]
    fn a_bomb_of_aliases_is_refused_before_it_grows() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let refs = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{refs}]\n"));
        }
        assert!(matches!(fault(&text), (Some(_), Fault::TooLarge(_))));
        assert!(matches!(fault("a: &a [*a]"), (Some(1), Fault::Syntax(_))));
    }

    #[test]
    fn depth_bytes_documents_and_tags_have_limits() {
        assert!(matches!(fault(&"- ".repeat(5000)), (Some(1), Fault::TooLarge(_))));
        assert!(matches!(fault(&"[".repeat(5000)), (Some(1), _)));
        assert!(matches!(fault(&"#".repeat(MAX_BYTES + 1)), (None, Fault::TooLarge(_))));
        assert!(matches!(fault("a: 1\n---\nb: 2\n"), (Some(_), Fault::Syntax(_))));
        assert!(matches!(fault("a: !!binary aGk=\n"), (Some(1), Fault::Syntax(_))));
        assert!(matches!(fault("? [a]\n: b\n"), (Some(1), Fault::Syntax(_))));
    }

    #[test]
    fn a_key_that_stands_twice_is_told_with_both_lines() {
        let (_, duplicates) = read("a: 1\nb: 2\na: 3\n").unwrap();
        assert_eq!(duplicates, [(Some(3), Fault::Duplicate { path: "a".to_owned(), first_line: 1 })]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-a-c:{}\\[\\],&*!|>?'\" \n#%@\\t0-2ä]{0,80}") {
            let answer = read(&text);
            prop_assert!(answer.is_ok() || answer.is_err());
        }
    }
}
