//! A YAML file as both text and nodes, and where each scalar's text stands in it.
//!
//! Also the splitting of renderings, so that one poisonous document does not hide the others. Knows no Kubernetes.

use std::ops::Range;

use yaml_rust2::scanner::TScalarStyle;

use crate::refusal::Refusal;
use crate::stream::{Kind, NodeId, Position, Stream, Unreadable};
use crate::text::Text;

/// Text and nodes of one file.
#[derive(Debug, Clone)]
pub(crate) struct YamlText<'a> {
    /// The text.
    pub(crate) text: Text<'a>,
    /// Its nodes.
    pub(crate) stream: Stream,
}

impl<'a> YamlText<'a> {
    /// Reads bytes as UTF-8 and as YAML. Text that is no YAML but holds template marks is called a template.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let text = Text::read(bytes).map_err(|refusal| Unreadable { refusal, line: 1 })?;
        let stream = Stream::read(&text.body).map_err(|unreadable| as_template(&text, unreadable))?;
        Ok(Self { text, stream })
    }

    /// Text that stands within a scalar.
    pub(crate) fn inner(text: String) -> Result<YamlText<'static>, Unreadable> {
        let text = Text::inner(text);
        let stream = Stream::read(&text.body)?;
        Ok(YamlText { text, stream })
    }

    /// The bytes of a scalar's value without its quotes, or of a whole alias; none where the value is written in
    /// another way than it reads (escapes, several lines, blocks).
    pub(crate) fn span(&self, id: NodeId) -> Option<Range<usize>> {
        let node = self.stream.node(id);
        let start = self.text.offset(node.at)?;
        let rest = self.text.body.get(start..)?;
        match &node.kind {
            Kind::Scalar(value, style) => scalar_span(rest, start, value, *style),
            Kind::Alias(_) => {
                let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}');
                let end = rest.find(ends).unwrap_or(rest.len());
                rest.starts_with('*').then_some(start..start + end)
            }
            Kind::Sequence(_) | Kind::Mapping(_) => None,
        }
    }

    /// Where a byte of a literal block scalar's value stands in the file; none for other scalars.
    pub(crate) fn offset_in_block(&self, host: NodeId, inner: &Text<'_>, at: usize) -> Option<usize> {
        let node = self.stream.node(host);
        let Kind::Scalar(value, TScalarStyle::Literal) = &node.kind else { return None };
        let place = inner.position(at);
        // The node's place is its first line that is not empty; each line stands there whole, behind its indentation.
        let empty_lines = value.bytes().take_while(|byte| *byte == b'\n').count();
        let line = (node.at.line + place.line).checked_sub(empty_lines + 1)?;
        let inner_line = inner.line(place.line).trim_end_matches(['\r', '\n']);
        let outer_text = self.text.line(line).trim_end_matches(['\r', '\n']);
        let indent = outer_text.strip_suffix(inner_line)?;
        if !indent.bytes().all(|b| b == b' ') {
            return None;
        }
        self.text.offset(Position { line, column: indent.len() + place.column })
    }
}

fn scalar_span(rest: &str, start: usize, value: &str, style: TScalarStyle) -> Option<Range<usize>> {
    let quote = match style {
        TScalarStyle::Plain => None,
        TScalarStyle::SingleQuoted => Some('\''),
        TScalarStyle::DoubleQuoted => Some('"'),
        TScalarStyle::Literal | TScalarStyle::Folded => return None,
    };
    let Some(quote) = quote else {
        return (!value.is_empty() && rest.starts_with(value)).then_some(start..start + value.len());
    };
    let body = rest.strip_prefix(quote)?;
    let as_read = body.strip_prefix(value)?.starts_with(quote) && !value.contains([quote, '\\']);
    as_read.then_some(start + 1..start + 1 + value.len())
}

fn as_template(text: &Text<'_>, unreadable: Unreadable) -> Unreadable {
    if !matches!(unreadable.refusal, Refusal::NotYaml { .. }) {
        return unreadable;
    }
    let template = text.body.lines().enumerate().find_map(|(at, line)| {
        let code = line.trim_start();
        let mark = ["{{", "{%"].into_iter().find(|mark| code.contains(mark))?;
        (!code.starts_with('#')).then_some((at + 1, mark))
    });
    match template {
        Some((line, mark)) => Unreadable { refusal: Refusal::Template { found: mark.to_owned() }, line },
        None => unreadable,
    }
}

/// A part of a rendering that was read by itself.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Its documents.
    pub(crate) stream: Stream,
    /// Lines of the rendering before it.
    pub(crate) lines_before: usize,
}

/// Bytes of a rendering that are read. The largest public one seen (kube-prometheus) has 6 MB.
const RENDERING_BYTES_MAX: usize = 64 << 20;

/// Reads a rendering whole, or, where that fails, document by document: what cannot be read is told, not fatal.
pub(crate) fn read_parts(bytes: &[u8]) -> Result<(Vec<Part>, Vec<Unreadable>), Refusal> {
    if bytes.len() > RENDERING_BYTES_MAX {
        return Err(Refusal::Limit { what: "bytes", limit: RENDERING_BYTES_MAX });
    }
    let text = Text::read(bytes)?;
    if let Ok(stream) = Stream::read(&text.body) {
        return Ok((vec![Part { stream, lines_before: 0 }], Vec::new()));
    }
    let (mut parts, mut unread) = (Vec::new(), Vec::new());
    for (lines_before, document) in split_documents(&text.body) {
        match Stream::read(document) {
            Ok(stream) => parts.push(Part { stream, lines_before }),
            Err(unreadable) => {
                unread.push(Unreadable { line: unreadable.line + lines_before, ..unreadable });
            }
        }
    }
    Ok((parts, unread))
}

/// Splits at lines that begin with `---`, as Kubernetes' own reader does; with the number of lines before each part.
fn split_documents(text: &str) -> Vec<(usize, &str)> {
    let (mut parts, mut start, mut start_line, mut offset) = (Vec::new(), 0, 0, 0);
    for (line, content) in text.split_inclusive('\n').enumerate() {
        let marker = content.strip_prefix("---").is_some_and(|rest| rest.trim_start().len() < rest.len());
        if marker && offset > start {
            parts.push((start_line, &text[start..offset]));
            (start, start_line) = (offset, line);
        }
        offset += content.len();
    }
    parts.push((start_line, &text[start..]));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_poisonous_document_does_not_hide_the_others() {
        let text = "a: 1\n---\nb: [\n---\nc: 3\n";
        let (parts, unread) = read_parts(text.as_bytes()).expect("text");
        assert_eq!(parts.iter().map(|part| part.lines_before).collect::<Vec<_>>(), vec![0, 3]);
        assert_eq!(unread.len(), 1);
    }

    #[test]
    fn an_escaped_value_has_no_span() {
        let file = YamlText::read(br#"{a: "\u0031", b: 'it''s', c: "1"}"#).expect("valid YAML");
        let root = file.stream.documents[0];
        let span = |key| file.stream.get(root, key).and_then(|id| file.span(id));
        assert_eq!((span("a"), span("b")), (None, None));
        assert_eq!(span("c").map(|span| &file.text.body[span]), Some("1"));
    }

    #[test]
    fn bytes_of_a_block_scalar_are_found_behind_its_indentation() {
        let file = YamlText::read("p: |-\n\n    ä: 1\n    cpu: 7\n".as_bytes()).expect("valid YAML");
        let host = file.stream.get(file.stream.documents[0], "p").expect("the key is there");
        let inner = Text::inner(file.stream.scalar(host).expect("a scalar").to_owned());
        let at = inner.body.find('7').expect("7 is there");
        let outer = file.offset_in_block(host, &inner, at).expect("found");
        assert_eq!(&file.text.body[outer..=outer], "7");
    }
}
