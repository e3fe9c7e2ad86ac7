//! The bytes of a file as text with lines, so that places become spans of bytes.
//!
//! A byte order mark is set aside and put back; line ends are never touched. Knows no YAML.

use std::borrow::Cow;
use std::ops::Range;

use crate::refusal::Refusal;
use crate::stream::Position;

/// The byte order mark of UTF-8.
const BOM: &str = "\u{feff}";

/// Text of a file, without its byte order mark.
#[derive(Debug, Clone)]
pub(crate) struct Text<'a> {
    /// The text after the byte order mark.
    pub(crate) body: Cow<'a, str>,
    has_bom: bool,
    /// Where each line begins.
    starts: Vec<usize>,
}

/// A span and what shall stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Splice {
    /// Bytes of the text without its byte order mark.
    pub(crate) span: Range<usize>,
    /// What shall stand there.
    pub(crate) with: String,
}

impl<'a> Text<'a> {
    /// Takes the bytes as UTF-8.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let all = std::str::from_utf8(bytes).map_err(|_| Refusal::NotText)?;
        let (body, has_bom) = match all.strip_prefix(BOM) {
            Some(rest) => (rest, true),
            None => (all, false),
        };
        Ok(Self { starts: line_starts(body), body: Cow::Borrowed(body), has_bom })
    }

    /// Text that stands within another, such as an inline patch.
    pub(crate) fn inner(text: String) -> Text<'static> {
        Text { starts: line_starts(&text), body: Cow::Owned(text), has_bom: false }
    }

    /// How many lines there are; the last may be empty.
    pub(crate) fn lines(&self) -> usize {
        self.starts.len()
    }

    /// The line with its line end; empty beyond the end.
    pub(crate) fn line(&self, line: usize) -> &str {
        &self.body[self.line_span(line)]
    }

    /// The bytes of the line with its line end; empty beyond the end.
    pub(crate) fn line_span(&self, line: usize) -> Range<usize> {
        let Some(start) = line.checked_sub(1).and_then(|at| self.starts.get(at)) else { return 0..0 };
        *start..self.starts.get(line).copied().unwrap_or(self.body.len())
    }

    /// The byte at a place, if the place exists.
    pub(crate) fn offset(&self, at: Position) -> Option<usize> {
        let start = *self.starts.get(at.line.checked_sub(1)?)?;
        let line = self.line(at.line);
        if line.is_ascii() {
            return (at.column <= line.len()).then_some(start + at.column);
        }
        let mut chars = line.char_indices().map(|(byte, _)| byte).chain([line.len()]);
        chars.nth(at.column).map(|byte| start + byte)
    }

    /// The place of a byte.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = self.body.get(start..offset).map_or(0, |before| before.chars().count());
        Position { line, column }
    }

    /// All bytes of the file with the spans replaced. The spans do not overlap; their order does not matter.
    pub(crate) fn spliced(&self, splices: &[Splice]) -> Vec<u8> {
        let body = splice(&self.body, splices);
        let mut bytes = Vec::with_capacity(BOM.len() + body.len());
        if self.has_bom {
            bytes.extend_from_slice(BOM.as_bytes());
        }
        bytes.extend_from_slice(body.as_bytes());
        bytes
    }
}

/// The text with the spans replaced.
pub(crate) fn splice(text: &str, splices: &[Splice]) -> String {
    let mut ordered: Vec<&Splice> = splices.iter().collect();
    ordered.sort_by_key(|splice| splice.span.start);
    let mut out = String::with_capacity(text.len() + splices.len() * 8);
    let mut done = 0;
    for splice in ordered {
        out.push_str(&text[done..splice.span.start]);
        out.push_str(&splice.with);
        done = splice.span.end;
    }
    out.push_str(&text[done..]);
    out
}

/// A line ends with LF, CR LF or a lone CR, as YAML has it.
fn line_starts(text: &str) -> Vec<usize> {
    let bytes = text.as_bytes();
    let ends_line =
        |at: usize| bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
    std::iter::once(0).chain((0..bytes.len()).filter(|at| ends_line(*at)).map(|at| at + 1)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn places_count_characters_and_spans_count_bytes() {
        let text = Text::read("ä: 1\r\nβγ: x\rq".as_bytes()).expect("UTF-8");
        assert_eq!(text.offset(Position { line: 2, column: 4 }), Some(13));
        assert_eq!(text.line(3), "q");
        assert_eq!(text.offset(Position { line: 4, column: 0 }), None);
    }

    #[test]
    fn splicing_keeps_the_byte_order_mark() {
        let text = Text::read("\u{feff}a: 1\n".as_bytes()).expect("UTF-8");
        let spliced = text.spliced(&[Splice { span: 3..4, with: "22".to_owned() }]);
        assert_eq!(spliced, "\u{feff}a: 22\n".as_bytes());
    }

    proptest! {
        #[test]
        fn a_place_and_its_byte_belong_together(text in "[aä\r\n日 ]{0,40}") {
            let read = Text::read(text.as_bytes()).expect("strings are UTF-8");
            for (offset, _) in text.char_indices() {
                prop_assert_eq!(read.offset(read.position(offset)), Some(offset));
            }
        }
    }
}
