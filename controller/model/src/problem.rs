//! What users are told when something is wrong: code, sentence, place, reason and the next step.
//!
//! One value renders to the terminal, to JSON and to pull-request text. Codes are listed in docs/errors.md.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where in a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// File, relative to the root of the repository, or a name such as `kubeopt.yaml`.
    pub file: String,
    /// Line, counted from 1; none where the whole file is meant.
    pub line: Option<usize>,
    /// The text of that line where it helps, without its line end.
    pub excerpt: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// A problem as users see it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Problem {
    /// Stable code such as `E-SRC-004`; each is listed in docs/errors.md.
    pub code: String,
    /// What is wrong, as one sentence without a full stop.
    pub text: String,
    /// Where, if there is a place.
    pub place: Option<Place>,
    /// What to do next, as one sentence without a full stop.
    pub help: String,
}

impl Problem {
    /// A problem without a place.
    pub fn new(code: &str, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code: code.to_owned(), text: text.into(), place: None, help: help.into() }
    }

    /// The same problem at a place.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>, line: Option<usize>) -> Self {
        self.place = Some(Place { file: file.into(), line, excerpt: None });
        self
    }

    /// The same problem with the text of its line.
    #[must_use]
    pub fn with_excerpt(mut self, excerpt: impl Into<String>) -> Self {
        if let Some(place) = &mut self.place {
            place.excerpt = Some(excerpt.into());
        }
        self
    }
}

impl fmt::Display for Problem {
    /// The terminal form: `error[CODE]: text`, the place, the help.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error[{}]: {}", self.code, self.text)?;
        if let Some(place) = &self.place {
            write!(f, "\n  ┌─ {place}")?;
            if let Some(excerpt) = &place.excerpt {
                write!(f, "\n  │ {excerpt}")?;
            }
        }
        write!(f, "\n  help: {}", self.help)
    }
}

impl std::error::Error for Problem {}
