//! Reading a tree into types: collects every problem and warning with its line, and goes on. Knows no key of any file.

use std::borrow::Cow;
use std::collections::BTreeMap;

use kubeopt_model::Problem;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::text::fault::{Fault, FileKind, nearest};
use crate::text::redact::{excerpt, looks_secret};
use crate::text::tree::{self, Node, Value};

/// Nobody reads more at once; the rest is counted.
const MAX_PROBLEMS: usize = 50;

/// A list longer than this is not written by hand.
const MAX_ELEMENTS: usize = 1000;

/// A value and the line on which it stands, counted from 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) line: usize,
}

/// What can be read from a node. `path` names the key in messages: `sizing.cpu.quantile`.
pub(crate) trait FromNode: Sized {
    /// The value; none after a problem was told.
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self>;
}

/// One file being read.
pub(crate) struct Reading<'t> {
    pub(crate) kind: FileKind,
    file: &'t str,
    lines: Vec<&'t str>,
    problems: Vec<Problem>,
    more: usize,
    warnings: Vec<Problem>,
    /// Something could not be read, so that what seems absent may only be unreadable.
    has_gaps: bool,
}

impl<'t> Reading<'t> {
    /// Reads the whole text as a `T`, then lets `check` look at it while problems can still be told at their lines.
    ///
    /// # Errors
    /// All problems, in the order of their lines.
    pub(crate) fn of<T: FromNode + Default, U>(
        text: &'t str,
        file: &'t str,
        kind: FileKind,
        check: impl FnOnce(T, &mut Reading<'t>) -> Option<U>,
    ) -> Result<(U, Vec<Problem>), Vec<Problem>> {
        let mut reading = Self {
            kind,
            file,
            lines: Vec::new(),
            problems: Vec::new(),
            more: 0,
            warnings: Vec::new(),
            has_gaps: false,
        };
        if text.len() <= tree::MAX_BYTES {
            reading.lines = text.lines().collect();
        }
        let checked = match tree::read(text) {
            Ok((root, duplicates)) => {
                for (line, fault) in duplicates {
                    reading.tell(line, &fault);
                }
                let document = match root.value {
                    Value::Null => Some(T::default()),
                    Value::Scalar { .. } | Value::Sequence(_) | Value::Mapping(_) => {
                        T::read(&root, "", &mut reading)
                    }
                };
                reading.has_gaps = !reading.problems.is_empty();
                document.and_then(|document| check(document, &mut reading))
            }
            Err((line, fault)) => {
                reading.tell(line, &fault);
                None
            }
        };
        match checked {
            Some(checked) if reading.problems.is_empty() => Ok((checked, reading.warnings)),
            Some(_) | None => Err(reading.into_problems()),
        }
    }

    /// A fault at a line. What only follows from something unreadable is not told: it would send people to a place
    /// where nothing is wrong.
    pub(crate) fn refuse(&mut self, line: usize, fault: Fault) {
        let may_follow = matches!(fault, Fault::Missing { .. } | Fault::UnknownReference { .. });
        if !(may_follow && self.has_gaps) {
            self.tell(Some(line), &fault);
        }
    }

    /// Something that others refer to was refused: they are not told that it is absent.
    pub(crate) fn note_gap(&mut self) {
        self.has_gaps = true;
    }

    /// Whether anything was refused so far.
    pub(crate) fn is_refused(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Something that has no effect, at a line.
    pub(crate) fn warn(&mut self, line: usize, fault: Fault) {
        if self.warnings.len() < MAX_PROBLEMS {
            let warning = self.problem(Some(line), &fault);
            self.warnings.push(warning);
        }
    }

    /// A node of the wrong type or notation.
    pub(crate) fn wrong_type<T>(&mut self, node: &Node, path: &str, expected: &str) -> Option<T> {
        let fault =
            Fault::WrongType { path: path.to_owned(), expected: expected.to_owned(), found: found(node) };
        self.refuse(node.line, fault);
        None
    }

    /// A value out of its range.
    pub(crate) fn out_of_range<T>(&mut self, node: &Node, path: &str, range: String) -> Option<T> {
        self.refuse(node.line, Fault::OutOfRange { path: path.to_owned(), range, found: found(node) });
        None
    }

    /// A key that a mapping does not know, with the nearest that it does.
    pub(crate) fn unknown_key(&mut self, line: usize, parent: &str, key: &str, known: &[&str]) {
        let path = join(parent, &shown(key));
        if self.kind == FileKind::Config && looks_secret(key) {
            let file_key = known
                .iter()
                .filter(|known| known.ends_with("File"))
                .max_by(|a, b| strsim::jaro_winkler(a, key).total_cmp(&strsim::jaro_winkler(b, key)))
                .copied()
                .unwrap_or("tokenFile");
            let help = format!("write it to a file that only kubeopt can read and use `{file_key}`");
            return self.refuse(line, Fault::InlineSecret { path, help });
        }
        let help = match nearest(key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("keys that may stand here: {}", known.join(", ")),
        };
        self.refuse(line, Fault::UnknownKey { path, help });
    }

    fn tell(&mut self, line: Option<usize>, fault: &Fault) {
        if self.problems.len() < MAX_PROBLEMS {
            let problem = self.problem(line, fault);
            self.problems.push(problem);
        } else {
            self.more += 1;
        }
    }

    fn problem(&self, line: Option<usize>, fault: &Fault) -> Problem {
        let told = line.filter(|_| self.kind != FileKind::Object);
        let problem =
            Problem::new(fault.code(self.kind), fault.to_string(), fault.help(self.kind)).at(self.file, told);
        match line.and_then(|line| self.lines.get(line.checked_sub(1)?)) {
            Some(text) => problem.with_excerpt(excerpt(text)),
            None => problem,
        }
    }

    fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| problem.place.as_ref().and_then(|place| place.line));
        if self.more > 0 {
            let fault = Fault::TooLarge(format!("{} more problems", self.more));
            let code = fault.code(self.kind);
            self.problems.push(
                Problem::new(code, fault.to_string(), "correct the problems above and look again")
                    .at(self.file, None),
            );
        }
        self.problems
    }
}

/// The path of a key below a parent.
pub(crate) fn join(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

/// A text from outside, short and printable.
pub(crate) fn shown(text: &str) -> String {
    // Longer words do not help anyone to find the place.
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().filter(|c| !c.is_control() && *c != '`').take(LONGEST).collect();
    if text.chars().count() > LONGEST {
        shown.push('…');
    }
    shown
}

fn found(node: &Node) -> String {
    match &node.value {
        Value::Null => "nothing".to_owned(),
        Value::Scalar { text, .. } if text.contains("://") => "this address".to_owned(),
        Value::Scalar { text, .. } => format!("`{}`", shown(text)),
        Value::Sequence(_) => "a list".to_owned(),
        Value::Mapping(_) => "a mapping".to_owned(),
    }
}

impl<T: FromNode> FromNode for At<T> {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        Some(Self { value: T::read(node, path, reading)?, line: node.line })
    }
}

impl<T: FromNode> FromNode for Vec<T> {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let Value::Sequence(nodes) = &node.value else {
            return reading.wrong_type(node, path, "a list such as `[a, b]`");
        };
        if nodes.len() > MAX_ELEMENTS {
            return reading.out_of_range(node, path, format!("a list of at most {MAX_ELEMENTS} elements"));
        }
        // All elements are read, so that all problems are told.
        let read: Vec<Option<T>> =
            nodes.iter().map(|node| T::read(node, &format!("{path}[]"), reading)).collect();
        read.into_iter().collect()
    }
}

impl<T: FromNode> FromNode for BTreeMap<String, T> {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let Value::Mapping(entries) = &node.value else {
            return reading.wrong_type(node, path, "a mapping such as `{app: web}`");
        };
        let read: Vec<Option<(String, T)>> = entries
            .iter()
            .map(|entry| {
                let value = T::read(&entry.node, &join(path, &shown(&entry.key)), reading)?;
                Some((entry.key.clone(), value))
            })
            .collect();
        read.into_iter().collect()
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
