//! Which bytes a key of a mapping takes: its line in block style, the entry and its comma in flow style.
//!
//! Only finds spans; that nothing else is lost is proven by who cuts ([`crate::remove`]).

use std::ops::Range;

use yaml_rust2::scanner::TScalarStyle;

use crate::refusal::Refusal;
use crate::stream::{Kind, NodeId};
use crate::text::Splice;
use crate::yaml_text::YamlText;

/// A key with its value, in its mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The mapping.
    pub(crate) mapping: NodeId,
    /// The key.
    pub(crate) key: NodeId,
    /// The value.
    pub(crate) value: NodeId,
}

/// The spans to cut. They do not overlap.
pub(crate) fn cuts(yaml: &YamlText<'_>, entry: &Entry) -> Result<Vec<Splice>, Refusal> {
    let mut spans = if is_flow(yaml, entry.mapping) { flow(yaml, entry)? } else { block(yaml, entry)? };
    keep_open_end(&yaml.text.body, &mut spans);
    Ok(spans.into_iter().map(|span| Splice { span, with: String::new() }).collect())
}

/// The lines of a block entry: that of the key, and for a mapping below it those of its entries.
fn block(yaml: &YamlText<'_>, entry: &Entry) -> Result<Vec<Range<usize>>, Refusal> {
    if yaml.stream.entries(entry.mapping).len() == 1 {
        return Err(kept("nothing would be left of the mapping around it"));
    }
    let entries = match &yaml.stream.node(entry.value).kind {
        Kind::Mapping(entries) if !is_flow(yaml, entry.value) => entries.as_slice(),
        Kind::Mapping(_) | Kind::Scalar(..) => return Ok(vec![lines_of_entry(yaml, entry)?]),
        Kind::Sequence(_) | Kind::Alias(_) => return Err(misplaced()),
    };
    let mut spans = vec![line_of_key(yaml, entry.key)?];
    for (key, value) in entries {
        spans.push(lines_of_entry(yaml, &Entry { mapping: entry.value, key: *key, value: *value })?);
    }
    Ok(spans)
}

/// `limits:` with nothing but a comment behind it.
fn line_of_key(yaml: &YamlText<'_>, key: NodeId) -> Result<Range<usize>, Refusal> {
    let colon = end_of(yaml, key).map(|end| after_blanks(&yaml.text.body, end)).ok_or_else(misplaced)?;
    if !yaml.text.body[colon..].starts_with(':') {
        return Err(misplaced());
    }
    own_lines(yaml, key, colon + 1, colon + 1).ok_or_else(misplaced)
}

/// Key, value and comment, where they have their lines for themselves.
fn lines_of_entry(yaml: &YamlText<'_>, entry: &Entry) -> Result<Range<usize>, Refusal> {
    let end = end_of(yaml, entry.value).ok_or_else(misplaced)?;
    own_lines(yaml, entry.key, end, end).ok_or_else(misplaced)
}

/// A flow entry: its lines, where it has them for itself; else its bytes and the comma that parts it from the next.
fn flow(yaml: &YamlText<'_>, entry: &Entry) -> Result<Vec<Range<usize>>, Refusal> {
    let body = &yaml.text.body;
    let (start, end) = start_of(yaml, entry.key).zip(end_of(yaml, entry.value)).ok_or_else(misplaced)?;
    let next = after_blanks(body, end);
    let has_comma = body[next..].starts_with(',');
    let past = if has_comma { next + 1 } else { end };
    if let Some(lines) = own_lines(yaml, entry.key, end, past) {
        let before = body[..lines.start].trim_end().len();
        let dangling = !has_comma && body[..before].ends_with(',');
        return Ok(if dangling { vec![before - 1..before, lines] } else { vec![lines] });
    }
    if has_comma {
        let to = after_blanks(body, past);
        let ends_line = body[to..].starts_with(['\r', '\n', '#']);
        return Ok(one(start..if ends_line { past } else { to }));
    }
    let before = body[..start].trim_end();
    match before.as_bytes().last() {
        Some(b',') => Ok(one(before.len() - 1..end)),
        Some(b'{') => Ok(one(start..end)),
        Some(_) | None => Err(misplaced()),
    }
}

/// A single cut.
fn one(cut: Range<usize>) -> Vec<Range<usize>> {
    std::iter::once(cut).collect()
}

/// The whole lines from a key that nothing stands before to what ends at `past`, which nothing but a comment follows.
/// None where a comment on a line of its own would go with them.
fn own_lines(yaml: &YamlText<'_>, key: NodeId, end: usize, past: usize) -> Option<Range<usize>> {
    let body = &yaml.text.body;
    let start = start_of(yaml, key)?;
    let first = yaml.text.line_span(yaml.text.position(start).line).start;
    let last = yaml.text.line_span(yaml.text.position(past).line).end.max(past);
    let rest = &body[past..last];
    let comment = rest.trim_start_matches([' ', '\t']);
    let is_free = comment.trim().is_empty() || (comment.len() < rest.len() && comment.starts_with('#'));
    let is_alone = body[first..start].trim_matches([' ', '\t']).is_empty();
    let holds_comment =
        body[start..end].split(['\r', '\n']).skip(1).any(|line| line.trim_start().starts_with('#'));
    (is_alone && is_free && !holds_comment).then_some(first..last)
}

/// A flow mapping begins with its brace.
fn is_flow(yaml: &YamlText<'_>, mapping: NodeId) -> bool {
    start_of(yaml, mapping).is_some_and(|start| yaml.text.body[start..].starts_with('{'))
}

fn start_of(yaml: &YamlText<'_>, node: NodeId) -> Option<usize> {
    yaml.text.offset(yaml.stream.node(node).at)
}

/// Where a scalar on one line or a flow mapping of such scalars ends; none for other forms.
fn end_of(yaml: &YamlText<'_>, node: NodeId) -> Option<usize> {
    let body = &yaml.text.body;
    match &yaml.stream.node(node).kind {
        Kind::Scalar(_, style) => {
            let is_quoted = matches!(style, TScalarStyle::SingleQuoted | TScalarStyle::DoubleQuoted);
            Some(yaml.span(node)?.end + usize::from(is_quoted))
        }
        Kind::Mapping(entries) if is_flow(yaml, node) => {
            let inside = match entries.last() {
                Some((_, last)) => end_of(yaml, *last)?,
                None => start_of(yaml, node)? + 1,
            };
            let rest = body[inside..].trim_start();
            let rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
            rest.starts_with('}').then(|| body.len() - rest.len() + 1)
        }
        Kind::Mapping(_) | Kind::Sequence(_) | Kind::Alias(_) => None,
    }
}

fn after_blanks(body: &str, at: usize) -> usize {
    body.len() - body[at..].trim_start_matches([' ', '\t']).len()
}

/// A file whose last line has no line end keeps having none.
fn keep_open_end(body: &str, spans: &mut Vec<Range<usize>>) {
    spans.sort_by_key(|span| span.start);
    spans.dedup_by(|next, before| {
        let touch = next.start == before.end;
        if touch {
            before.end = next.end;
        }
        touch
    });
    let has_open_end = !body.ends_with(['\r', '\n']);
    if let Some(last) = spans.last_mut().filter(|last| has_open_end && last.end == body.len()) {
        let before = &body[..last.start];
        let before = before.strip_suffix('\n').unwrap_or(before);
        last.start = before.strip_suffix('\r').unwrap_or(before).len();
    }
}

fn kept(reason: &'static str) -> Refusal {
    Refusal::NotRemoved { reason }
}

fn misplaced() -> Refusal {
    kept("its key and value do not stand together on lines of their own")
}
