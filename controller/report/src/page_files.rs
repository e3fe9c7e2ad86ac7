//! The files of a pull request as its page shows them: line by line, with the differing words marked. Knows nothing of
//! the rest of the page.

use serde::Serialize;

use crate::diff::{FileDiff, Hunk, LineKind};
use crate::escape::{SHOWN_CHARS_MAX, terminal_line, visible};

/// Most lines of a diff that a page shows: a browser stays quick, and nobody reads more.
const DIFF_LINES_MAX: usize = 3_000;

#[derive(Serialize)]
pub(crate) struct FileView {
    path: String,
    added: usize,
    removed: usize,
    binary: bool,
    cut: bool,
    hunks: Vec<HunkView>,
}

#[derive(Serialize)]
struct HunkView {
    header: String,
    lines: Vec<LineView>,
}

/// A line with its differing part apart: `lead` + `mark` + `tail`.
#[derive(Serialize)]
struct LineView {
    kind: LineKind,
    sign: char,
    before: Option<usize>,
    after: Option<usize>,
    lead: String,
    mark: String,
    tail: String,
    without_newline: bool,
}

/// The files of a diff, in order; from the one on that does not fit any more, only their names.
pub(crate) fn file_views(diffs: &[FileDiff]) -> Vec<FileView> {
    let mut room = DIFF_LINES_MAX;
    diffs
        .iter()
        .map(|diff| {
            let lines: usize = diff.hunks.iter().map(|hunk| hunk.lines.len()).sum();
            let cut = lines > room;
            room = room.saturating_sub(lines);
            let hunks = if cut { Vec::new() } else { diff.hunks.iter().map(hunk_view).collect() };
            FileView {
                path: visible(&diff.path, SHOWN_CHARS_MAX),
                added: diff.added,
                removed: diff.removed,
                binary: diff.binary,
                cut,
                hunks,
            }
        })
        .collect()
}

fn hunk_view(hunk: &Hunk) -> HunkView {
    let texts: Vec<String> = hunk.lines.iter().map(|line| terminal_line(&line.text)).collect();
    let lines = hunk.lines.iter().enumerate().map(|(at, line)| {
        let text = &texts[at];
        let (lead, tail) =
            partner(hunk, at).map_or((text.len(), 0), |other| common_ends(text, &texts[other]));
        LineView {
            kind: line.kind,
            sign: line.kind.sign(),
            before: line.before,
            after: line.after,
            lead: text[..lead].to_owned(),
            mark: text[lead..text.len() - tail].to_owned(),
            tail: text[text.len() - tail..].to_owned(),
            without_newline: line.without_newline,
        }
    });
    HunkView { header: hunk.header.clone(), lines: lines.collect() }
}

/// The line on the other side that a changed line stands for: in a run of removed and as many added lines, the one at
/// the same place.
fn partner(hunk: &Hunk, at: usize) -> Option<usize> {
    let kind = hunk.lines[at].kind;
    if kind == LineKind::Context {
        return None;
    }
    let changed = |at: &usize| hunk.lines.get(*at).is_some_and(|line| line.kind != LineKind::Context);
    let first = (0..=at).rev().take_while(changed).last()?;
    let end = (at..).take_while(changed).last()? + 1;
    let removed = (first..end).filter(|at| hunk.lines[*at].kind == LineKind::Removed).count();
    if removed * 2 != end - first {
        return None;
    }
    Some(if kind == LineKind::Removed { at + removed } else { at - removed })
}

/// Bytes that two lines share at the start and at the end, in whole words, not overlapping.
fn common_ends(text: &str, other: &str) -> (usize, usize) {
    let same = |(a, b): &(char, char)| a == b;
    let shared: usize = text.chars().zip(other.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let lead = text[..shared].trim_end_matches(char::is_alphanumeric).len();
    let (text, other) = (&text[lead..], &other[lead..]);
    let shared: usize =
        text.chars().rev().zip(other.chars().rev()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let tail = text[text.len() - shared..].trim_start_matches(char::is_alphanumeric).len();
    (lead, tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_differing_part_of_a_line_is_whole_words() {
        for (text, other, lead, mark, tail) in [
            ("cpu: 1000m # x", "cpu: 310m # x", "cpu: ", "1000m", " # x"),
            ("größe: 1ä", "größe: 1ö", "größe: ", "1ä", ""),
            ("a a", "a a a", "a ", "a", ""),
            ("", "x", "", "", ""),
        ] {
            let ends = common_ends(text, other);
            assert_eq!(ends, (lead.len(), tail.len()), "{text}");
            assert_eq!(&text[ends.0..text.len() - ends.1], mark);
        }
    }
}
