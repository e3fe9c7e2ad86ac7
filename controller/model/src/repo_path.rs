//! A path within a repository: it never leads out of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not a path within a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a path within a repository")]
pub struct InvalidPath(pub String);

/// A path within a repository: relative, `/`-separated, without `.`, `..` or empty parts. The root is the empty path.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoPath(String);

impl RepoPath {
    /// Normalises `./a//b/` to `a/b` and refuses what would leave the repository.
    ///
    /// # Errors
    /// [`InvalidPath`] for absolute paths, `..`, backslashes and control characters.
    pub fn new(text: &str) -> Result<Self, InvalidPath> {
        let invalid = || InvalidPath(text.chars().take(200).collect());
        if text.starts_with('/')
            || text.contains('\\')
            || text.chars().any(char::is_control)
            || text.len() > 4096
        {
            return Err(invalid());
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.iter().any(|part| *part == ".." || part.eq_ignore_ascii_case(".git")) {
            return Err(invalid());
        }
        Ok(Self(parts.join("/")))
    }

    /// The root of the repository.
    pub fn root() -> Self {
        Self(String::new())
    }

    /// The path as text; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The folder that holds it; none for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        Some(Self(self.0.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())))
    }

    /// The last part.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.0.as_str(), |(_, name)| name)
    }

    /// Resolves a path written in a file of this folder: `../base` is allowed as long as it stays in the repository.
    ///
    /// # Errors
    /// [`InvalidPath`] when it would leave the repository.
    pub fn join(&self, relative: &str) -> Result<Self, InvalidPath> {
        let invalid = || InvalidPath(relative.chars().take(200).collect());
        if relative.starts_with('/') {
            return Err(invalid());
        }
        let mut parts: Vec<&str> = self.0.split('/').filter(|part| !part.is_empty()).collect();
        for part in relative.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop().ok_or_else(invalid)?;
                }
                name => parts.push(name),
            }
        }
        Self::new(&parts.join("/"))
    }

    /// Whether it is `folder` or lies below it.
    pub fn is_within(&self, folder: &Self) -> bool {
        folder.is_root()
            || self == folder
            || self.0.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { &self.0 })
    }
}

impl TryFrom<String> for RepoPath {
    type Error = InvalidPath;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<RepoPath> for String {
    fn from(path: RepoPath) -> Self {
        path.0
    }
}
