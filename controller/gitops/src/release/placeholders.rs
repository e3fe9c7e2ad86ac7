//! Placeholders of an ApplicationSet: `{{name}}`, and `{{ .name }}` where it says `goTemplate`.
//!
//! Functions, conditions and loops of Go's templates are not run: whatever holds them keeps its text, and the first of
//! them is told.

use serde_json::{Map, Number, Value};

/// Applications of one set. Public sets make some dozen; a fleet has hundreds of clusters.
pub(super) const CHILDREN_MAX: usize = 500;

/// What generators give for one Application. Without `goTemplate` all values are texts, and keys hold dots.
pub(super) type Params = Map<String, Value>;

/// Bytes of one text when it is filled. Values as text have some kilobytes; a small text could ask for a large value over
/// and over.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// Characters of a placeholder that a message shows.
const SHOWN_CHARS_MAX: usize = 60;

/// How placeholders are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `{{path.basename}}`: a name that is looked up as it is.
    Names,
    /// `{{ .path.basename }}`
    Go,
}

/// A value with its placeholders filled.
pub(super) struct Filled {
    pub(super) value: Value,
    /// The first placeholder that could not be filled, as it is written.
    pub(super) left: Option<String>,
}

/// Fills the placeholders of all texts and keys of a value.
pub(super) fn fill(value: &Value, params: &Params, dialect: Dialect) -> Filled {
    let mut filling = Filling { params, dialect, left: None };
    let value = filling.value(value);
    Filled { value, left: filling.left }
}

struct Filling<'p> {
    params: &'p Params,
    dialect: Dialect,
    left: Option<String>,
}

impl Filling<'_> {
    /// Depth is bounded by the reader.
    fn value(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.value(item)).collect()),
            Value::Object(map) => {
                let filled = map.iter().map(|(key, value)| (self.text(key), self.value(value)));
                Value::Object(filled.collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn text(&mut self, written: &str) -> String {
        let (mut filled, mut rest) = (String::new(), written);
        while let Some(start) = rest.find("{{") {
            let Some(length) = rest[start..].find("}}") else { break };
            let (placeholder, after) = rest[start..].split_at(length + 2);
            filled.push_str(&rest[..start]);
            let value = self.value_of(&placeholder[2..length]);
            match value.filter(|value| filled.len() + value.len() <= TEXT_BYTES_MAX) {
                Some(value) => filled.push_str(&value),
                None => {
                    let shown = || -> String { placeholder.escape_debug().take(SHOWN_CHARS_MAX).collect() };
                    self.left.get_or_insert_with(shown);
                    filled.push_str(placeholder);
                }
            }
            rest = after;
        }
        filled.push_str(rest);
        filled
    }

    /// What stands for the text between the braces.
    fn value_of(&self, inner: &str) -> Option<String> {
        let name = inner.trim();
        match self.dialect {
            Dialect::Names => self.params.get(name)?.as_str().map(str::to_owned),
            Dialect::Go => {
                let mut parts = name.strip_prefix('.')?.split('.');
                let first = parts.next().filter(|part| is_identifier(part))?;
                let found = parts.try_fold(self.params.get(first)?, |at, part| {
                    at.get(Some(part).filter(|part| is_identifier(part))?)
                });
                spelled(found?)
            }
        }
    }
}

fn is_identifier(part: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    part.starts_with(|c: char| !c.is_ascii_digit()) && part.chars().all(plain)
}

/// As Go's templates print it.
pub(super) fn spelled(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => spelled_number(number),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Go reads every number of JSON as a float, and writes an exponent below -4 and from 6 on.
fn spelled_number(number: &Number) -> Option<String> {
    let value = number.as_f64().filter(|value| value.is_finite())?;
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    if (-4..6).contains(&exponent) {
        return Some(value.to_string());
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    Some(format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(written: &str, dialect: Dialect) -> (String, Option<String>) {
        let params = json!({
            "cpu": "100m", "path.basename": "web", "replicas": 2, "large": 100_060_000, "half": 0.5, "on": true,
            "path": {"basename": "api", "segments": ["a"]}, "quote": "a\"b"
        });
        let Value::Object(params) = params else { panic!("a map") };
        let filled = fill(&Value::from(written), &params, dialect);
        (filled.value.as_str().unwrap().to_owned(), filled.left)
    }

    #[test]
    fn names_are_looked_up_as_they_are() {
        for (written, want) in [
            ("cpu: {{cpu}}", "cpu: 100m"),
            ("{{ cpu }}-{{ path.basename }}", "100m-web"),
            ("{{quote}}", "a\"b"),
            ("{{cpu", "{{cpu"),
            ("plain }} text", "plain }} text"),
        ] {
            assert_eq!(filled(written, Dialect::Names), (want.to_owned(), None), "{written}");
        }
        for written in ["{{.cpu}}", "{{replicas}}", "{{}}", "{{missing}}"] {
            assert_eq!(filled(written, Dialect::Names), (written.to_owned(), Some(written.to_owned())));
        }
    }

    #[test]
    fn paths_of_go_are_followed_and_functions_are_not_run() {
        for (written, want) in [
            ("{{.cpu}} {{ .path.basename }}", "100m api"),
            ("{{ .replicas }} {{.large}} {{.half}} {{.on}}", "2 1.0006e+08 0.5 true"),
        ] {
            assert_eq!(filled(written, Dialect::Go), (want.to_owned(), None), "{written}");
        }
        for written in [
            "{{cpu}}",
            "{{- .cpu }}",
            "{{ .cpu | quote }}",
            "{{ index .path.segments 0 }}",
            "{{ .path }}",
            "{{ .missing }}",
            "{{ .path.segments.0 }}",
            "{{ . }}",
        ] {
            assert_eq!(filled(written, Dialect::Go), (written.to_owned(), Some(written.to_owned())));
        }
    }

    #[test]
    fn a_text_does_not_grow_without_end() {
        let params = Params::from_iter([("a".to_owned(), Value::from("x".repeat(100_000)))]);
        let filled = fill(&Value::from("{{a}}".repeat(1_000)), &params, Dialect::Names);
        assert_eq!(filled.left.as_deref(), Some("{{a}}"));
        assert!(filled.value.as_str().unwrap().len() < TEXT_BYTES_MAX + 10_000);
    }

    #[test]
    fn keys_and_nested_texts_are_filled_too() {
        let params = Params::from_iter([("a".to_owned(), Value::from("b"))]);
        let filled = fill(&json!({"{{a}}": [{"x": "{{a}}", "n": 1}]}), &params, Dialect::Names);
        assert_eq!(filled.value, json!({"b": [{"x": "b", "n": 1}]}));
    }
}
