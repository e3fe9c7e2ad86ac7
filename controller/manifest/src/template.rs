//! Numbers that stand as plain literals in the templates of a chart, found, marked and edited as text.
//!
//! A template is no YAML before it is rendered, even where it happens to parse. So only what a line shows by itself is
//! taken: a quantity alone behind `cpu:` or `memory:`, under `requests:` or `limits:` by indentation. That the edit does
//! what it should is for the rendering to prove; here is proven that no other byte changed.

use std::ops::Range;

use kubeopt_model::{Amount, Bound, EditSite, Field, FieldPath, Problem, RepoPath, Resource, Step};

use crate::guard::{bytes_refusal, generated_header};
use crate::refusal::{Refusal, shortened};
use crate::text::{Splice, Text};
use crate::wish::Wish;
use crate::written::written;

/// Keys that are open at once; a pod template is about 12 deep.
const LEVELS_MAX: usize = 100;

/// A literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Literal {
    /// Line, counted from 1.
    pub(crate) line: usize,
    /// Its bytes, without quotes.
    pub(crate) span: Range<usize>,
    /// The keys around it, as far as indentation tells; positions in lists are not known.
    pub(crate) path: FieldPath,
    /// What its keys name.
    pub(crate) field: Field,
    /// As written, without quotes.
    pub(crate) text: String,
}

impl Literal {
    /// The place in the file. Documents are not told apart: which there are is known after rendering.
    pub(crate) fn site(&self, file: &RepoPath) -> EditSite {
        EditSite {
            file: file.clone(),
            line: self.line,
            document: 1,
            path: self.path.clone(),
            text: self.text.clone(),
        }
    }
}

/// Whether a text of a chart is computed at all; one without actions is its own rendering.
pub(crate) fn is_template(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|window| window == b"{{")
}

/// Whether a path leads below a folder of templates.
pub(crate) fn is_below_templates(path: &RepoPath) -> bool {
    path.parent().is_some_and(|folder| folder.as_str().split('/').any(|part| part == "templates"))
}

/// Refuses templates that must not be edited: too large, no text, generated.
pub(crate) fn guard_template(path: &RepoPath, bytes: &[u8]) -> Result<(), Problem> {
    if let Some(refusal) = bytes_refusal(bytes) {
        return Err(refusal.of_file(path));
    }
    let text = Text::read(bytes).map_err(|refusal| refusal.of_file(path))?;
    match generated_header(&text) {
        Some((refusal, line)) => Err(refusal.at(path, line, text.line(line))),
        None => Ok(()),
    }
}

/// All literals, in the order of the text.
pub(crate) fn literals(text: &Text<'_>) -> Vec<Literal> {
    let mut scan = Scan::default();
    (1..=text.lines()).filter_map(|line| scan.line(text, line)).collect()
}

/// Sets literals of a template.
///
/// # Errors
/// The first reason why a literal is not edited, with its line.
pub(crate) fn edit_template(path: &RepoPath, bytes: &[u8], edits: &[Wish<'_>]) -> Result<Vec<u8>, Problem> {
    guard_template(path, bytes)?;
    let text = Text::read(bytes).map_err(|refusal| refusal.of_file(path))?;
    let before = literals(&text);
    let mut after = before.clone();
    for Wish { edit, text: wish } in edits.iter().copied() {
        let at = |refusal: Refusal| refusal.at(path, edit.site.line, text.line(edit.site.line));
        let found = before.iter().position(|literal| is_at(literal, &edit.site));
        let index = found.ok_or_else(|| at(missing(&text, &before, &edit.site)))?;
        let literal = &before[index];
        if literal.field.resource != edit.after.resource() {
            return Err(at(Refusal::other_resource(edit.after, literal.field.resource)));
        }
        let with = match Amount::parse(literal.field.resource, &literal.text) {
            Ok(present) if present == edit.after => literal.text.clone(),
            Ok(_) | Err(_) => written(&literal.text, edit.after, wish, true),
        };
        if after[index].text != literal.text && after[index].text != with {
            return Err(at(Refusal::Contradiction { first: after[index].text.clone(), second: with }));
        }
        after[index].text = with;
    }
    let splices: Vec<Splice> = (before.iter().zip(&after))
        .filter(|(before, after)| before.text != after.text)
        .map(|(before, after)| Splice { span: before.span.clone(), with: after.text.clone() })
        .collect();
    let bytes = text.spliced(&splices);
    prove(&bytes, &after).map_err(|refusal| refusal.of_file(path))?;
    Ok(bytes)
}

fn is_at(literal: &Literal, site: &EditSite) -> bool {
    literal.line == site.line && literal.path == site.path && literal.text == site.text && site.document == 1
}

/// Why there is no such literal.
fn missing(text: &Text<'_>, literals: &[Literal], site: &EditSite) -> Refusal {
    let line = text.line(site.line);
    match literals.iter().find(|literal| literal.line == site.line) {
        Some(literal) => Refusal::Stale { expected: shortened(&site.text), found: shortened(&literal.text) },
        None if line.contains("{{") => Refusal::Template { found: "{{".to_owned() },
        None => Refusal::Missing { path: shortened(&site.path.to_string()), document: site.document },
    }
}

/// Read anew, the template has the same literals at the same places, but for the intended ones.
fn prove(bytes: &[u8], expected: &[Literal]) -> Result<(), Refusal> {
    let text = Text::read(bytes)?;
    let seen = literals(&text);
    let is_same = |(seen, expected): (&Literal, &Literal)| {
        (seen.line, &seen.path, &seen.text) == (expected.line, &expected.path, &expected.text)
    };
    if seen.len() == expected.len() && seen.iter().zip(expected).all(is_same) {
        Ok(())
    } else {
        Err(Refusal::Unproven { reason: "another value changed".to_owned() })
    }
}

/// What the lines so far have opened.
#[derive(Default)]
struct Scan {
    /// Keys without a value of their own, with their columns.
    open: Vec<(usize, String)>,
    /// Within an action that goes over several lines.
    in_action: bool,
    /// The column of a key whose value is a block of text.
    block: Option<usize>,
}

impl Scan {
    fn line(&mut self, text: &Text<'_>, line: usize) -> Option<Literal> {
        let content = text.line(line).trim_end_matches(['\r', '\n']);
        let (was_in_action, has_action) = (self.in_action, content.contains("{{"));
        self.in_action = ends_in_action(content, was_in_action);
        let code = content.trim_start_matches(' ');
        if was_in_action || code.is_empty() || code.starts_with(['#', '\t', '{']) {
            return None;
        }
        if code.starts_with("---") {
            *self = Self::default();
            return None;
        }
        let mut column = content.len() - code.len();
        if self.block.is_some_and(|block| column > block) {
            return None;
        }
        self.block = None;
        let mut rest = code;
        while let Some(item) = rest.strip_prefix("- ") {
            self.close(column + 1);
            let next = item.trim_start_matches(' ');
            column += rest.len() - next.len();
            rest = next;
        }
        let (key, value) = key_and_value(rest)?;
        self.close(column);
        let found = if has_action { None } else { self.literal(line, key, value) };
        if found.is_none() && self.open.len() < LEVELS_MAX {
            self.open.push((column, key.to_owned()));
            self.block = value.trim_start().starts_with(['|', '>']).then_some(column);
        }
        let start = text.line_span(line).start;
        found.map(|(literal, offset)| {
            let at = start + (content.len() - value.len()) + offset;
            Literal { span: at..at + literal.text.len(), ..literal }
        })
    }

    /// Closes the keys from a column on.
    fn close(&mut self, column: usize) {
        while self.open.last().is_some_and(|(open, _)| *open >= column) {
            self.open.pop();
        }
    }

    /// The literal behind a key, and where it begins within the value.
    fn literal(&self, line: usize, key: &str, value: &str) -> Option<(Literal, usize)> {
        let bound = match self.open.last()?.1.as_str() {
            "requests" => Bound::Request,
            "limits" => Bound::Limit,
            _ => return None,
        };
        let resource = match key {
            "cpu" => Resource::Cpu,
            "memory" => Resource::Memory,
            _ => return None,
        };
        let (text, offset) = plain_or_quoted(value)?;
        Amount::parse(resource, text).ok()?;
        let keys = self.open.iter().map(|(_, key)| key.as_str()).chain([key]);
        let path = FieldPath(keys.map(Step::from).collect());
        let field = Field { bound, resource };
        Some((Literal { line, span: 0..0, path, field, text: text.to_owned() }, offset))
    }
}

/// Whether an action is open at the end of a line.
fn ends_in_action(content: &str, was_in_action: bool) -> bool {
    match (content.rfind("{{"), content.rfind("}}")) {
        (Some(open), Some(close)) => open > close,
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => was_in_action,
    }
}

/// A key that is one plain or quoted word, and all that follows its colon.
fn key_and_value(code: &str) -> Option<(&str, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let (key, rest) = match code.chars().next()? {
        quote @ ('"' | '\'') => code[1..].split_once(quote)?,
        _ => code.split_at(code.find(|c| !is_word(c))?),
    };
    let value = rest.strip_prefix(':')?;
    let is_key = !key.is_empty() && key.chars().all(is_word);
    (is_key && (value.is_empty() || value.starts_with([' ', '\t']))).then_some((key, value))
}

/// The one word of a value, without its quotes, where nothing but a comment follows; and where it begins.
fn plain_or_quoted(value: &str) -> Option<(&str, usize)> {
    let word = value.trim_start_matches([' ', '\t']);
    let start = value.len() - word.len();
    let (text, rest, offset) = match word.chars().next()? {
        quote @ ('"' | '\'') => {
            let (text, rest) = word[1..].split_once(quote)?;
            (text, rest, start + 1)
        }
        _ => {
            let end = word.find([' ', '\t']).unwrap_or(word.len());
            (&word[..end], &word[end..], start)
        }
    };
    let comment = rest.trim_start_matches([' ', '\t']);
    let is_free = comment.is_empty() || (comment.starts_with('#') && comment.len() < rest.len());
    is_free.then_some((text, offset))
}
