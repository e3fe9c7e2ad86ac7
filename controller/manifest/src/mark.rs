//! Watermarks: every value that may set a resource is replaced by a quantity that stands nowhere else.
//!
//! Rendering the marked files and reading them back ([`crate::read_back`]) tells which value feeds which container,
//! whatever the renderer does. Knows nothing of renderers and decides nothing about editing.

use kubeopt_model::{Amount, EditSite, FileSet, Problem, RepoPath};

use crate::candidate::{Candidate, Sought, sought};
use crate::guard::{bytes_refusal, content_refusal, place_refusal};
use crate::kustomize::FILE_NAMES;
use crate::mark_index::{Mark, MarkIndex};
use crate::refusal::Refusal;
use crate::replace::{Replacement, replaced};
use crate::role::FileRole;
use crate::template::{guard_template, is_template, literals};
use crate::text::{Splice, Text};
use crate::watermark::Numbers;
use crate::yaml_text::YamlText;

/// Bytes of a file that is marked. More than is edited, so that the line of a value that is not edited can be named.
pub(crate) const MARKED_FILE_BYTES_MAX: usize = 8 << 20;

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

impl Marked {
    /// The marks, to find them again.
    pub fn index(&self) -> MarkIndex {
        MarkIndex::of(self.marks.clone())
    }
}

/// Replaces every candidate value of every YAML file by a unique quantity; all other bytes stay.
///
/// Candidates are the scalars at `...resources.requests|limits.cpu|memory` of any mapping (workloads, strategic merge
/// patches, custom resources), values of JSON patches whose path leads there, and both within inline patches. Within
/// values of charts (files of values, `spec.values` of a HelmRelease, `valuesObject`, `values: |` and `parameters` of an
/// Application, values in a ConfigMap) they are all quantities whose key says so in any usual spelling; their marks keep
/// the shape of what they replace. In templates they are plain literals on lines of their own under `requests:` and
/// `limits:`.
pub fn mark(files: &FileSet, role: &dyn Fn(&RepoPath) -> FileRole) -> Marked {
    mark_sought(files, role, Sought::Amounts)
}

/// Replaces every number that may be the target of a HorizontalPodAutoscaler: `averageUtilization` and
/// `targetCPUUtilizationPercentage` in manifests and patches, and what charts call so in values. Templates stay as they are.
pub fn mark_targets(files: &FileSet, role: &dyn Fn(&RepoPath) -> FileRole) -> Marked {
    mark_sought(files, role, Sought::Targets)
}

fn mark_sought(files: &FileSet, role: &dyn Fn(&RepoPath) -> FileRole, sought: Sought) -> Marked {
    let mut marker = Marker { marked: Marked::default(), numbers: Numbers::beside(files), files, sought };
    for (path, bytes) in files {
        let marked = marker.file(path, bytes, role(path));
        marker.marked.files.insert(path.clone(), marked.unwrap_or_else(|| bytes.clone()));
    }
    marker.marked
}

/// Whether a file may be marked, by its name alone.
fn is_read(path: &RepoPath, role: FileRole) -> bool {
    let name = path.file_name();
    let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    match role {
        FileRole::Manifest => is_yaml || FILE_NAMES.contains(&name),
        FileRole::Values => true,
        FileRole::Template => is_yaml || name.ends_with(".tpl"),
    }
}

/// No candidate without these words. Looking for them first saves the parsing of large files such as CRDs.
fn may_hold_candidates(bytes: &[u8], role: FileRole, sought: Sought) -> bool {
    let is_word = |window: &[u8], word: &[u8]| {
        window[0].to_ascii_lowercase() == word[0] && window.eq_ignore_ascii_case(word)
    };
    let has = |word: &[u8]| bytes.windows(word.len()).any(|window| is_word(window, word));
    if sought == Sought::Targets {
        let words: [&[u8]; 5] = [b"utilization", b"utilisation", b"autoscal", b"hpa", b"horizontalpod"];
        return role != FileRole::Template && words.into_iter().any(has);
    }
    let has_place = match role {
        FileRole::Manifest => has(b"resources") || has(b"values") || has(b"helm") || has(b"configmap"),
        FileRole::Values | FileRole::Template => true,
    };
    has_place && (has(b"cpu") || has(b"mem"))
}

struct Marker<'f> {
    marked: Marked,
    numbers: Numbers,
    files: &'f FileSet,
    sought: Sought,
}

impl Marker<'_> {
    /// The marked bytes; none where there is nothing to mark.
    fn file(&mut self, path: &RepoPath, bytes: &[u8], role: FileRole) -> Option<Vec<u8>> {
        if !is_read(path, role) {
            return None;
        }
        if bytes.len() > MARKED_FILE_BYTES_MAX {
            let refusal = Refusal::FileTooLarge { bytes: bytes.len(), limit: MARKED_FILE_BYTES_MAX };
            self.marked.unread.push(refusal.of_file(path));
            return None;
        }
        if !may_hold_candidates(bytes, role, self.sought) {
            return None;
        }
        if role == FileRole::Template && is_template(bytes) {
            self.template(path, bytes)
        } else {
            self.yaml(path, bytes, role)
        }
    }

    fn yaml(&mut self, path: &RepoPath, bytes: &[u8], role: FileRole) -> Option<Vec<u8>> {
        let yaml = match YamlText::read(bytes) {
            Ok(yaml) => yaml,
            Err(unreadable) => {
                let text = Text::read(bytes);
                let excerpt = text.as_ref().map_or("", |text| text.line(unreadable.line));
                self.marked.unread.push(unreadable.refusal.at(path, unreadable.line, excerpt));
                return None;
            }
        };
        let candidates = sought(path, &yaml, role, self.sought);
        if candidates.is_empty() {
            return None;
        }
        let of_file = self.place_refusal(path, role).or_else(|| bytes_refusal(bytes));
        let of_line = || {
            let (refusal, line) = content_refusal(&yaml)?;
            Some(refusal.at(path, line, yaml.text.line(line)))
        };
        let guarded = of_file.map(|refusal| refusal.of_file(path)).or_else(of_line);
        self.candidates(path, &yaml, &candidates, guarded.as_ref())
    }

    /// Whether the place belongs to someone else.
    fn place_refusal(&self, path: &RepoPath, role: FileRole) -> Option<Refusal> {
        let exists = |file: &str| RepoPath::new(file).is_ok_and(|file| self.files.contains_key(&file));
        place_refusal(path, role, &exists)
    }

    /// A template is no YAML yet: its literals are found and replaced as text.
    fn template(&mut self, path: &RepoPath, bytes: &[u8]) -> Option<Vec<u8>> {
        let text = match Text::read(bytes) {
            Ok(text) => text,
            Err(refusal) => {
                self.marked.unread.push(refusal.of_file(path));
                return None;
            }
        };
        let place = self.place_refusal(path, FileRole::Template).map(|refusal| refusal.of_file(path));
        let guarded = place.or_else(|| guard_template(path, bytes).err());
        let mut splices = Vec::new();
        for literal in literals(&text) {
            let (quantity, amount) = self.numbers.shaped(literal.field.resource, &literal.text);
            let excerpt = text.line(literal.line).trim_end();
            let at = |problem: &Problem| {
                problem.clone().at(path.as_str(), Some(literal.line)).with_excerpt(excerpt)
            };
            splices.push(Splice { span: literal.span.clone(), with: quantity.clone() });
            self.marked.marks.push(Mark {
                quantity,
                amount,
                site: literal.site(path),
                field: literal.field,
                refusal: guarded.as_ref().map(at),
            });
        }
        (!splices.is_empty()).then(|| text.spliced(&splices))
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
            let (quantity, amount) = self.unique(candidate);
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
    fn unique(&mut self, candidate: &Candidate) -> (String, Amount) {
        let resource = candidate.field.resource;
        if self.sought == Sought::Targets {
            self.numbers.whole()
        } else if candidate.in_values {
            self.numbers.shaped(resource, &candidate.text)
        } else {
            self.numbers.plain(resource)
        }
    }
}

/// A problem of a whole file, at the line of one of its values.
fn located(problem: &Problem, path: &RepoPath, yaml: &YamlText<'_>, candidate: &Candidate) -> Problem {
    let excerpt = yaml.text.line(candidate.line).trim_end();
    problem.clone().at(path.as_str(), Some(candidate.line)).with_excerpt(excerpt)
}
