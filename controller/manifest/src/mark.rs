//! Watermarks: every value that may set a resource is replaced by a quantity that stands nowhere else.
//!
//! Rendering the marked files and reading them back ([`crate::read_back`]) tells which value feeds which container,
//! whatever the renderer does. Knows nothing of renderers and decides nothing about editing.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::{Amount, EditSite, Field, FileSet, Problem, RepoPath, Resource};

use crate::candidate::{Candidate, candidates};
use crate::guard::{guard_file, guard_place};
use crate::kustomize::FILE_NAMES;
use crate::refusal::Refusal;
use crate::replace::{Replacement, replaced};
use crate::text::Text;
use crate::yaml_text::YamlText;

/// The first CPU mark in millicores: a thousand cores for one container, which nobody asks for.
const CPU_MARK_FIRST: u64 = 1_000_003;

/// The first memory mark in KiB: about 954 GiB for one container. The suffix keeps it a text in every YAML dialect.
const MEMORY_MARK_FIRST_KIB: u64 = 1_000_000_003;

/// Bytes of a file that is marked. More than is edited, so that the line of a value that is not edited can be named.
const MARKED_FILE_BYTES_MAX: usize = 8 << 20;

/// A value that was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The quantity that stands there now, such as `1000003m`.
    pub quantity: String,
    /// The same as an amount.
    pub amount: Amount,
    /// Where, with the text that stood there.
    pub site: EditSite,
    /// The field that its path names; what it feeds is for the rendering to say.
    pub field: Field,
    /// Why this value must not be edited, if so.
    pub refusal: Option<Problem>,
}

/// Files with their values replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marked {
    /// All files; those without candidates are as they were.
    pub files: FileSet,
    /// What was replaced, in the order of files and lines.
    pub marks: Vec<Mark>,
    /// Values that could not be replaced.
    pub unmarked: Vec<(EditSite, Problem)>,
    /// Files that could not be read and are as they were.
    pub unread: Vec<Problem>,
}

/// Replaces every candidate value of every YAML file by a unique quantity; all other bytes stay.
///
/// Candidates are the scalars at `...resources.requests|limits.cpu|memory` of any mapping (workloads, strategic merge
/// patches, custom resources), values of JSON patches whose path leads there, and both within inline patches.
pub fn mark(files: &FileSet) -> Marked {
    let mut marker = Marker { marked: Marked::default(), next: BTreeMap::new(), taken: taken(files) };
    for (path, bytes) in files {
        let marked = if is_yaml(path) { marker.file(path, bytes, files) } else { None };
        marker.marked.files.insert(path.clone(), marked.unwrap_or_else(|| bytes.clone()));
    }
    marker.marked
}

fn is_yaml(path: &RepoPath) -> bool {
    let name = path.file_name();
    name.ends_with(".yaml") || name.ends_with(".yml") || FILE_NAMES.contains(&name)
}

/// No candidate without this key. Looking for it first saves the parsing of large files such as CRDs.
fn may_hold_candidates(bytes: &[u8]) -> bool {
    const KEY: &[u8] = b"resources";
    bytes.windows(KEY.len()).any(|window| window == KEY)
}

/// The numbers that stand in the files already, so that no mark equals one of them.
fn taken(files: &FileSet) -> BTreeSet<u64> {
    files
        .values()
        .flat_map(|bytes| bytes.split(|byte| !byte.is_ascii_digit()))
        .filter(|digits| (7..=12).contains(&digits.len()))
        .filter_map(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
        .collect()
}

struct Marker {
    marked: Marked,
    /// The next number for each resource.
    next: BTreeMap<Resource, u64>,
    taken: BTreeSet<u64>,
}

impl Marker {
    /// The marked bytes; none where there is nothing to mark.
    fn file(&mut self, path: &RepoPath, bytes: &[u8], files: &FileSet) -> Option<Vec<u8>> {
        if bytes.len() > MARKED_FILE_BYTES_MAX {
            let refusal = Refusal::FileTooLarge { bytes: bytes.len(), limit: MARKED_FILE_BYTES_MAX };
            self.marked.unread.push(refusal.of_file(path));
            return None;
        }
        if !may_hold_candidates(bytes) {
            return None;
        }
        let yaml = match YamlText::read(bytes) {
            Ok(yaml) => yaml,
            Err(unreadable) => {
                let text = Text::read(bytes);
                let excerpt = text.as_ref().map_or("", |text| text.line(unreadable.line));
                self.marked.unread.push(unreadable.refusal.at(path, unreadable.line, excerpt));
                return None;
            }
        };
        let candidates = candidates(path, &yaml);
        if candidates.is_empty() {
            return None;
        }
        let guarded = guard_place(path, files.keys()).and_then(|()| guard_file(path, bytes)).err();
        self.candidates(path, &yaml, &candidates, guarded.as_ref())
    }

    fn candidates(
        &mut self,
        path: &RepoPath,
        yaml: &YamlText<'_>,
        candidates: &[Candidate],
        guarded: Option<&Problem>,
    ) -> Option<Vec<u8>> {
        let (mut replacements, mut marks) = (Vec::new(), Vec::new());
        for candidate in candidates {
            let refusal = guarded.map(|problem| located(problem, path, yaml, candidate));
            let refusal = refusal.or_else(|| candidate.refusal(path, yaml));
            if candidate.span.is_none() {
                let unplaced = Refusal::Form { form: "with escapes or over several lines" };
                let problem = refusal
                    .unwrap_or_else(|| unplaced.at(path, candidate.line, yaml.text.line(candidate.line)));
                self.marked.unmarked.push((candidate.site(path), problem));
                continue;
            }
            let (quantity, amount) = self.unique(candidate.field.resource);
            replacements.push(Replacement { candidate, with: quantity.clone() });
            marks.push(Mark {
                quantity,
                amount,
                site: candidate.site(path),
                field: candidate.field,
                refusal,
            });
        }
        match replaced(yaml, &replacements) {
            Ok(bytes) => {
                self.marked.marks.append(&mut marks);
                Some(bytes)
            }
            Err(refusal) => {
                let unmarked = marks.into_iter().map(|mark| {
                    let problem = refusal.at(path, mark.site.line, yaml.text.line(mark.site.line));
                    (mark.site, problem)
                });
                self.marked.unmarked.extend(unmarked);
                None
            }
        }
    }

    /// A quantity that stands nowhere else.
    fn unique(&mut self, resource: Resource) -> (String, Amount) {
        let (first, suffix, scale) = match resource {
            Resource::Cpu => (CPU_MARK_FIRST, "m", 1),
            Resource::Memory => (MEMORY_MARK_FIRST_KIB, "Ki", 1024),
        };
        let next = self.next.entry(resource).or_insert(first);
        while self.taken.contains(next) {
            *next += 1;
        }
        let number = *next;
        *next += 1;
        (format!("{number}{suffix}"), Amount::from_base(resource, number * scale))
    }
}

/// A problem of a whole file, at the line of one of its values.
fn located(problem: &Problem, path: &RepoPath, yaml: &YamlText<'_>, candidate: &Candidate) -> Problem {
    let excerpt = yaml.text.line(candidate.line).trim_end();
    problem.clone().at(path.as_str(), Some(candidate.line)).with_excerpt(excerpt)
}
