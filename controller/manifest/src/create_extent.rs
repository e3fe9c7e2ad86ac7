//! Where nodes end in the text, and the lines around them.
//!
//! yaml-rust2 tells where a node begins only; its end is found in the text. What has no clear end has none here, and is
//! refused by who asks.

use yaml_rust2::scanner::TScalarStyle;

use crate::stream::{Kind, NodeId};
use crate::text::Text;
use crate::yaml_text::YamlText;

/// The byte behind a node; none for an empty null, which has no bytes, and for forms whose end is not clear.
pub(crate) fn end_of(yaml: &YamlText<'_>, id: NodeId) -> Option<usize> {
    let node = yaml.stream.node(id);
    match &node.kind {
        Kind::Scalar(value, style) => scalar_end(yaml, id, value, *style),
        Kind::Alias(_) => Some(yaml.span(id)?.end),
        Kind::Mapping(entries) => match entries.last() {
            last if is_flow(yaml, id) => {
                flow_end(yaml, id, last.map(|(key, value)| (Some(*key), *value)), '}')
            }
            Some((key, value)) => entry_end(yaml, *key, *value),
            None => None,
        },
        Kind::Sequence(items) => match items.last() {
            last if is_flow(yaml, id) => flow_end(yaml, id, last.map(|item| (None, *item)), ']'),
            Some(item) => end_of(yaml, *item),
            None => None,
        },
    }
}

/// The byte behind a key and its value; behind the colon where the value is empty.
pub(crate) fn entry_end(yaml: &YamlText<'_>, key: NodeId, value: NodeId) -> Option<usize> {
    if !is_empty_null(yaml, value) {
        return end_of(yaml, value);
    }
    colon_end(yaml, key).or_else(|| end_of(yaml, key))
}

/// The byte behind the colon of a key, if it stands on the line where the key ends.
pub(crate) fn colon_end(yaml: &YamlText<'_>, key: NodeId) -> Option<usize> {
    let end = end_of(yaml, key)?;
    let rest = &yaml.text.body[end..];
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    rest[blanks..].starts_with(':').then_some(end + blanks + 1)
}

/// A value of which nothing is written.
pub(crate) fn is_empty_null(yaml: &YamlText<'_>, id: NodeId) -> bool {
    let node = yaml.stream.node(id);
    matches!(&node.kind, Kind::Scalar(value, TScalarStyle::Plain) if value.is_empty())
}

/// A mapping with braces or a sequence with brackets.
pub(crate) fn is_flow(yaml: &YamlText<'_>, id: NodeId) -> bool {
    let open = match yaml.stream.node(id).kind {
        Kind::Mapping(_) => '{',
        Kind::Sequence(_) => '[',
        Kind::Scalar(..) | Kind::Alias(_) => return false,
    };
    start_of(yaml, id).is_some_and(|start| yaml.text.body[start..].starts_with(open))
}

/// The byte where a node begins.
pub(crate) fn start_of(yaml: &YamlText<'_>, id: NodeId) -> Option<usize> {
    yaml.text.offset(yaml.stream.node(id).at)
}

fn scalar_end(yaml: &YamlText<'_>, id: NodeId, value: &str, style: TScalarStyle) -> Option<usize> {
    let start = start_of(yaml, id)?;
    let rest = yaml.text.body.get(start..)?;
    let length = match style {
        TScalarStyle::Plain if value.is_empty() => None,
        TScalarStyle::Plain => plain_length(rest, value),
        TScalarStyle::SingleQuoted => single_quoted_length(rest),
        TScalarStyle::DoubleQuoted => double_quoted_length(rest),
        TScalarStyle::Literal | TScalarStyle::Folded => return block_end(yaml, id, value),
    };
    length.map(|length| start + length)
}

/// Folding changes white space only, so the other characters are found in their order.
fn plain_length(rest: &str, value: &str) -> Option<usize> {
    let mut at = 0;
    for wanted in value.chars().filter(|c| !c.is_whitespace()) {
        let left = &rest[at..];
        at += left.len() - left.trim_start().len();
        at += rest[at..].starts_with(wanted).then_some(wanted.len_utf8())?;
    }
    Some(at)
}

fn single_quoted_length(rest: &str) -> Option<usize> {
    let mut at = rest.strip_prefix('\'').map(|_| 1)?;
    loop {
        at += rest[at..].find('\'')? + 1;
        if !rest[at..].starts_with('\'') {
            return Some(at);
        }
        at += 1;
    }
}

fn double_quoted_length(rest: &str) -> Option<usize> {
    let mut chars = rest.strip_prefix('"')?.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '"' => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// The end of the last line that belongs to a block scalar; blank lines belong to it only where it keeps them.
fn block_end(yaml: &YamlText<'_>, id: NodeId, value: &str) -> Option<usize> {
    let (text, at) = (&yaml.text, yaml.stream.node(id).at);
    let mut last = at.line;
    let mut blanks = 0;
    if value.trim_matches('\n').is_empty() {
        return None;
    }
    for line in at.line.. {
        let span = text.line_span(line);
        let content = text.body[span.clone()].trim_end_matches(['\r', '\n']);
        let indent = content.len() - content.trim_start_matches(' ').len();
        match content.trim().is_empty() {
            _ if span.is_empty() => break,
            true => blanks += 1,
            false if indent >= at.column => (last, blanks) = (line, 0),
            false => break,
        }
    }
    let keeps_blanks = value.ends_with("\n\n");
    Some(line_content_end(text, if keeps_blanks { last + blanks } else { last }))
}

/// Behind the brace or bracket that closes a flow collection.
fn flow_end(
    yaml: &YamlText<'_>,
    id: NodeId,
    last: Option<(Option<NodeId>, NodeId)>,
    close: char,
) -> Option<usize> {
    let body = &yaml.text.body;
    let inside = match last {
        Some((Some(key), value)) => entry_end(yaml, key, value)?,
        Some((None, item)) => end_of(yaml, item)?,
        None => start_of(yaml, id)? + 1,
    };
    let mut at = after_trivia(body, inside);
    if body[at..].starts_with(',') {
        at = after_trivia(body, at + 1);
    }
    body[at..].starts_with(close).then_some(at + 1)
}

/// Behind white space and comments.
pub(crate) fn after_trivia(body: &str, from: usize) -> usize {
    let mut at = from;
    loop {
        let rest = &body[at..];
        let blanks = rest.len() - rest.trim_start().len();
        at += blanks;
        let is_comment = body[at..].starts_with('#') && (blanks > 0 || at == 0 || at > from);
        if !is_comment {
            return at;
        }
        at += body[at..].find(['\r', '\n']).unwrap_or(body.len() - at);
    }
}

/// The line that a byte stands on.
pub(crate) fn line_of(text: &Text<'_>, offset: usize) -> usize {
    text.position(offset).line
}

/// The byte behind the content of a line, before its line end.
pub(crate) fn line_content_end(text: &Text<'_>, line: usize) -> usize {
    let span = text.line_span(line);
    span.start + text.body[span].trim_end_matches(['\r', '\n']).len()
}

/// How a line ends; the last line, if it has no end, as the one before it.
pub(crate) fn line_end(text: &Text<'_>, line: usize) -> &'static str {
    let known = |line: usize| {
        let content = text.line(line);
        match content.as_bytes() {
            [.., b'\r', b'\n'] => Some("\r\n"),
            [.., b'\n'] => Some("\n"),
            [.., b'\r'] => Some("\r"),
            _ => None,
        }
    };
    known(line).or_else(|| known(line.saturating_sub(1))).unwrap_or("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(text: &str) -> Vec<Option<String>> {
        let yaml = YamlText::read(text.as_bytes()).expect("YAML");
        let root = yaml.stream.documents[0];
        let entries = yaml.stream.entries(root).to_vec();
        let slice = |(key, value): (NodeId, NodeId)| {
            let (start, end) = (start_of(&yaml, key)?, entry_end(&yaml, key, value)?);
            Some(yaml.text.body[start..end].to_owned())
        };
        entries.into_iter().map(slice).collect()
    }

    #[test]
    fn every_form_of_value_has_its_end() {
        for value in [
            "a: 1",
            "a: one\n  two  three",
            "a: 'it''s'",
            "a: \"q\\\"\n  z\"",
            "a: |\n  x\n  # y",
            "a: |-\n\n   ä\n     b",
            "a: >+\n  x\n\n",
            "a: {b: [1, 2], c: {}, } ",
            "a: [\n  1, # one }\n  {b: 2}\n]",
            "a:\n- b\n- c: d",
            "a:",
            "a: *x",
        ] {
            let found = ends(&format!("x: &x 1\n{value}\nz: 2\n"))[1].clone();
            assert_eq!(found.as_deref().map(str::trim_end), Some(value.trim_end()));
        }
    }

    #[test]
    fn a_line_without_end_ends_as_the_one_before() {
        let text = Text::read(b"a\r\nb").expect("text");
        assert_eq!((line_end(&text, 1), line_end(&text, 2)), ("\r\n", "\r\n"));
        assert_eq!(line_content_end(&text, 1), 1);
        assert_eq!(line_of(&text, 3), 2);
    }
}
