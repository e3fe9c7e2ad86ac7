//! The templates: embedded ones, and an operator's own in their place.
//!
//! Values are escaped by the kind of the file: `.md.tera` as Markdown prose, `.html.tera` as HTML, `.txt.tera` not at
//! all. A template reaches nothing but its values: no environment, no clock, no files.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;
use tera::{Context, Kwargs, State, Tera, Value};

use crate::error::ReportError;
use crate::escape;

/// Largest template: a hundred times the largest embedded one.
const TEMPLATE_BYTES_MAX: usize = 256 * 1024;

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        /// Name and text of every template in `templates/`.
        const EMBEDDED: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../../templates/", $name)))),*];
    };
}

embedded![
    "comments/closed.md.tera",
    "comments/edited.md.tera",
    "comments/not-synced.md.tera",
    "comments/outcome.md.tera",
    "comments/reply.md.tera",
    "comments/saving.md.tera",
    "dashboard/issue.md.tera",
    "pages/index.html.tera",
    "pages/layout.html.tera",
    "pages/problem.html.tera",
    "pages/pull-request.html.tera",
    "pull-request/body.md.tera",
    "pull-request/commit.txt.tera",
    "pull-request/details.md.tera",
    "pull-request/onboarding.md.tera",
    "pull-request/title.txt.tera",
    "reports/scan.html.tera",
];

/// The style sheet of the pages, served at [`STYLE_PATH`].
pub const STYLE_CSS: &str = include_str!("../../../templates/assets/style.css");
/// The icon of the pages, served at [`FAVICON_PATH`].
pub const FAVICON_SVG: &str = include_str!("../../../templates/assets/favicon.svg");
/// Where the pages look for [`STYLE_CSS`].
pub const STYLE_PATH: &str = "/assets/style.css";
/// Where the pages look for [`FAVICON_SVG`].
pub const FAVICON_PATH: &str = "/assets/favicon.svg";

/// All templates, parsed.
pub struct Templates {
    markdown: Tera,
    html: Tera,
    text: Tera,
}

impl std::fmt::Debug for Templates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Templates").finish_non_exhaustive()
    }
}

impl Templates {
    /// The built-in templates.
    pub fn embedded() -> Self {
        Self::with_overrides(&BTreeMap::new())
            .expect("the embedded templates are parsed by a test of this crate")
    }

    /// The built-in templates, some replaced: name relative to `templates/` -> text.
    ///
    /// # Errors
    /// [`ReportError::UnknownTemplate`] for a name that replaces nothing, [`ReportError::BadTemplate`] for a text that
    /// cannot be parsed.
    pub fn with_overrides(overrides: &BTreeMap<String, String>) -> Result<Self, ReportError> {
        if let Some(name) = overrides.keys().find(|name| !Self::names().any(|known| known == *name)) {
            return Err(ReportError::UnknownTemplate {
                name: escape::visible(name, 120),
                known: Self::names().collect::<Vec<_>>().join(", "),
            });
        }
        let mut templates = Self { markdown: markdown_engine(), html: Tera::new(), text: text_engine() };
        templates.html.autoescape_on([".html.tera"]);
        // Layouts before the pages that extend them: an engine refuses a child without its parent.
        for engine in [".md.tera", ".txt.tera", ".html.tera"] {
            let files: Vec<(&str, &str)> = EMBEDDED
                .iter()
                .filter(|(name, _)| name.ends_with(engine))
                .map(|(name, text)| (*name, overrides.get(*name).map_or(*text, String::as_str)))
                .collect();
            check_sizes(&files)?;
            templates.engine_mut(engine).add_raw_templates(files).map_err(|error| {
                ReportError::BadTemplate { name: format!("*{engine}"), reason: reason(&error) }
            })?;
        }
        Ok(templates)
    }

    /// The names that may be overridden.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(name, _)| *name)
    }

    /// Fills in a template.
    pub(crate) fn render(&self, name: &str, values: &impl Serialize) -> Result<String, ReportError> {
        let failed =
            |error: &tera::Error| ReportError::Render { name: name.to_owned(), reason: reason(error) };
        let context = Context::from_serialize(values).map_err(|error| failed(&error))?;
        let engine = match name {
            name if name.ends_with(".md.tera") => &self.markdown,
            name if name.ends_with(".html.tera") => &self.html,
            _ => &self.text,
        };
        engine.render(name, &context).map_err(|error| failed(&error))
    }

    fn engine_mut(&mut self, suffix: &str) -> &mut Tera {
        match suffix {
            ".md.tera" => &mut self.markdown,
            ".html.tera" => &mut self.html,
            _ => &mut self.text,
        }
    }
}

/// Prose by default; `code`, `cell` (code within a table) and `html` (within a line of HTML) say otherwise.
fn markdown_engine() -> Tera {
    let mut tera = Tera::new();
    tera.autoescape_on([".md.tera"]);
    tera.set_escape_fn(|text: &str, out: &mut dyn Write| out.write_all(escape::prose(text).as_bytes()));
    tera.register_filter("code", |text: &str, _: Kwargs, _: &State| Value::safe_string(&escape::code(text)));
    tera.register_filter("cell", |text: &str, _: Kwargs, _: &State| Value::safe_string(&escape::cell(text)));
    tera.register_filter("html", |text: &str, _: Kwargs, _: &State| {
        Value::safe_string(&escape::html_in_markdown(text))
    });
    tera
}

/// Titles and commit messages: `word` keeps references and mentions out.
fn text_engine() -> Tera {
    let mut tera = Tera::new();
    tera.autoescape_on(Vec::<&str>::new());
    tera.register_filter("word", |text: &str, _: Kwargs, _: &State| {
        Value::safe_string(&escape::word(text, 200))
    });
    tera
}

fn check_sizes(files: &[(&str, &str)]) -> Result<(), ReportError> {
    match files.iter().find(|(_, text)| text.len() > TEMPLATE_BYTES_MAX) {
        Some((name, text)) => Err(ReportError::BadTemplate {
            name: (*name).to_owned(),
            reason: format!("{} bytes, at most {TEMPLATE_BYTES_MAX} are read", text.len()),
        }),
        None => Ok(()),
    }
}

/// The chain of the engine's errors in one line.
fn reason(error: &tera::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    escape::visible(&text, 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files_below(folder: &std::path::Path, out: &mut Vec<String>, root: &std::path::Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files_below(&path, out, root);
            } else if path.extension().is_some_and(|extension| extension == "tera") {
                out.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }

    #[test]
    fn every_template_file_is_embedded() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../templates");
        let mut files = Vec::new();
        files_below(&root, &mut files, &root);
        files.sort();
        assert_eq!(Templates::names().map(str::to_owned).collect::<Vec<_>>(), files);
    }

    #[test]
    fn an_override_replaces_one_template_and_is_escaped_like_it() {
        let overrides =
            BTreeMap::from([("comments/edited.md.tera".to_owned(), "Hands off {{ who }}!".to_owned())]);
        let templates = Templates::with_overrides(&overrides).unwrap();
        let text =
            templates.render("comments/edited.md.tera", &serde_json::json!({"who": "@bob <b>"})).unwrap();
        assert_eq!(text, "Hands off @&#8203;bob &lt;b&gt;!");
    }

    #[test]
    fn wrong_overrides_are_refused_with_what_to_do() {
        let with = |name: &str, text: &str| {
            Templates::with_overrides(&BTreeMap::from([(name.to_owned(), text.to_owned())])).unwrap_err()
        };
        assert_eq!(with("comments/nope.md.tera", "x").code(), "E-RPT-001");
        assert_eq!(with("comments/edited.md.tera", "{{ open").code(), "E-RPT-002");
        assert_eq!(with("comments/edited.md.tera", &"x".repeat(300_000)).code(), "E-RPT-002");
    }

    #[test]
    fn templates_reach_neither_environment_nor_clock() {
        for call in ["{{ get_env(name=\"PATH\") }}", "{{ now() }}"] {
            let overrides = BTreeMap::from([("comments/edited.md.tera".to_owned(), call.to_owned())]);
            assert!(Templates::with_overrides(&overrides).is_err(), "{call}");
        }
    }
}
