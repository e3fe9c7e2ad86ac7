//! Differences between the files of an edit: as lines for pages and the terminal, and as a patch that `git apply`
//! takes. Knows nothing of why they differ.

use kubeopt_model::EditedFile;
use serde::Serialize;
use similar::{Algorithm, DiffOp, TextDiff};

/// Lines of context, as git shows them.
const CONTEXT_LINES: usize = 3;

/// One file of a diff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileDiff {
    /// Path within the repository.
    pub path: String,
    /// It is not there before.
    pub new: bool,
    /// Lines added.
    pub added: usize,
    /// Lines removed.
    pub removed: usize,
    /// Not text in UTF-8: there are no hunks to show.
    pub binary: bool,
    /// The places that differ.
    pub hunks: Vec<Hunk>,
}

/// One place that differs, with its context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hunk {
    /// `@@ -14,6 +14,6 @@`
    pub header: String,
    /// Lines in the order of a unified diff.
    pub lines: Vec<DiffLine>,
}

/// What a line is to the diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LineKind {
    /// On both sides.
    Context,
    /// Only after.
    Added,
    /// Only before.
    Removed,
}

impl LineKind {
    /// The character that opens such a line.
    pub fn sign(self) -> char {
        match self {
            Self::Context => ' ',
            Self::Added => '+',
            Self::Removed => '-',
        }
    }
}

/// One line of a hunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiffLine {
    /// What it is.
    pub kind: LineKind,
    /// Its number before, counted from 1.
    pub before: Option<usize>,
    /// Its number after, counted from 1.
    pub after: Option<usize>,
    /// Its text without the line feed; a carriage return stays.
    pub text: String,
    /// It is the last line and no line feed follows.
    pub without_newline: bool,
}

/// The differences of all files that differ.
pub fn diff_files(files: &[EditedFile]) -> Vec<FileDiff> {
    files.iter().filter(|file| !file.content.is_none()).map(diff_file).collect()
}

/// A patch of all files, byte-exact: line ends are kept and a missing last line feed is said.
pub fn unified_diff(files: &[EditedFile]) -> String {
    let mut out = String::new();
    for file in diff_files(files) {
        let before = if file.new { "/dev/null".to_owned() } else { header_path("a/", &file.path) };
        let after = header_path("b/", &file.path);
        if file.binary {
            out.push_str(&format!("Binary files {before} and {after} differ\n"));
            continue;
        }
        out.push_str(&format!("--- {before}\n+++ {after}\n"));
        for hunk in &file.hunks {
            out.push_str(&hunk.header);
            out.push('\n');
            for line in &hunk.lines {
                out.push(line.kind.sign());
                out.push_str(&line.text);
                out.push('\n');
                if line.without_newline {
                    out.push_str("\\ No newline at end of file\n");
                }
            }
        }
    }
    out
}

fn diff_file(file: &EditedFile) -> FileDiff {
    let path = file.path.to_string();
    // kubeopt edits no empty file, so an empty one is none.
    let new = file.content.before.is_empty();
    let (Ok(before), Ok(after)) =
        (std::str::from_utf8(&file.content.before), std::str::from_utf8(&file.content.after))
    else {
        return FileDiff { path, new, added: 0, removed: 0, binary: true, hunks: Vec::new() };
    };
    let (before, after) = (lines_of(before), lines_of(after));
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_slices(&before, &after);
    let hunks: Vec<Hunk> =
        diff.grouped_ops(CONTEXT_LINES).iter().map(|ops| hunk(ops, &before, &after)).collect();
    let of = |kind| hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.kind == kind).count();
    let (added, removed) = (of(LineKind::Added), of(LineKind::Removed));
    FileDiff { path, new, added, removed, binary: false, hunks }
}

/// Only a line feed ends a line, as git sees it.
fn lines_of(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn hunk(ops: &[DiffOp], before: &[&str], after: &[&str]) -> Hunk {
    let mut lines = Vec::new();
    for op in ops {
        let (old, new) = (op.old_range(), op.new_range());
        if matches!(op, DiffOp::Equal { .. }) {
            lines.extend(
                old.zip(new).map(|(old, new)| line(LineKind::Context, before[old], Some(old), Some(new))),
            );
        } else {
            lines.extend(old.map(|old| line(LineKind::Removed, before[old], Some(old), None)));
            lines.extend(new.map(|new| line(LineKind::Added, after[new], None, Some(new))));
        }
    }
    let (first_old, first_new) =
        ops.first().map_or((0, 0), |op| (op.old_range().start, op.new_range().start));
    let count =
        |side: fn(&DiffLine) -> Option<usize>| lines.iter().filter(|line| side(line).is_some()).count();
    let header = format!(
        "@@ -{} +{} @@",
        range(first_old, count(|line| line.before)),
        range(first_new, count(|line| line.after))
    );
    Hunk { header, lines }
}

fn line(kind: LineKind, text: &str, before: Option<usize>, after: Option<usize>) -> DiffLine {
    let (text, without_newline) = match text.strip_suffix('\n') {
        Some(text) => (text, false),
        None => (text, true),
    };
    let number = |at: Option<usize>| at.map(|at| at + 1);
    DiffLine { kind, before: number(before), after: number(after), text: text.to_owned(), without_newline }
}

/// `14,6`; one line is `14`, none starts at the line before.
fn range(first: usize, count: usize) -> String {
    match count {
        0 => format!("{first},0"),
        1 => format!("{}", first + 1),
        count => format!("{},{count}", first + 1),
    }
}

/// As git writes a path: quoted where it must be, ended by a tab where it holds a space.
fn header_path(side: &str, path: &str) -> String {
    let path = format!("{side}{path}");
    if path.contains('"') {
        format!("\"{}\"", path.replace('"', "\\\""))
    } else if path.contains(' ') {
        format!("{path}\t")
    } else {
        path
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{Change, RepoPath};

    use super::*;

    fn edited(path: &str, before: &str, after: &str) -> EditedFile {
        EditedFile {
            path: RepoPath::new(path).unwrap(),
            content: Change { before: before.into(), after: after.into() },
        }
    }

    #[test]
    fn shows_one_changed_line_with_its_context() {
        let before = "a\nb\nc\nd\ncpu: 1 # old\ne\nf\ng\nh\n";
        let diff = unified_diff(&[edited("apps/x.yaml", before, &before.replace("1 #", "310m #"))]);
        assert_eq!(
            diff,
            "--- a/apps/x.yaml\n+++ b/apps/x.yaml\n@@ -2,7 +2,7 @@\n b\n c\n d\n-cpu: 1 # old\n+cpu: 310m # old\n e\n f\n g\n"
        );
    }

    #[test]
    fn keeps_carriage_returns_and_says_a_missing_last_newline() {
        let diff = unified_diff(&[edited("x", "a\r\ncpu: 1", "a\r\ncpu: 2")]);
        assert_eq!(
            diff,
            "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n a\r\n-cpu: 1\n\\ No newline at end of file\n+cpu: 2\n\\ No newline at end of file\n"
        );
        // A lone carriage return is no line end.
        assert_eq!(diff_files(&[edited("x", "a\rb\n", "a\rc\n")])[0].removed, 1);
    }

    #[test]
    fn untouched_files_say_nothing_and_binary_ones_only_that() {
        assert_eq!(unified_diff(&[edited("x", "a\n", "a\n")]), "");
        let mut binary = edited("x y", "a\n", "b\n");
        binary.content.after = vec![0xff, 0xfe];
        assert_eq!(unified_diff(&[binary]), "Binary files a/x y\t and b/x y\t differ\n");
    }

    #[test]
    fn a_new_file_comes_from_nowhere_as_git_says_it() {
        let diff = unified_diff(&[edited("x", "", "a\n")]);
        assert_eq!(diff, "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+a\n");
    }
}
