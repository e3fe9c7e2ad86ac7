//! Branches: what stands at their head, and how one is written.

use kubeopt_model::EditedFile;

use crate::error::ForgeError;

/// Longest branch name that every forge takes; Gitea refuses more than 100 characters.
const BRANCH_CHARS_MAX: usize = 100;

/// Who made a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
}

/// The commit at the head of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchHead {
    /// Its id, in hex.
    pub oid: String,
    /// The ids of its parents.
    pub parents: Vec<String>,
    /// The author's e-mail address.
    pub author_email: String,
    /// The committer's e-mail address.
    pub committer_email: String,
    /// The message, without white space at its end.
    pub message: String,
}

/// What a branch must be for a write or a removal to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedHead {
    /// Whatever it is.
    Any,
    /// Not there.
    Absent,
    /// At this commit: another replica, or a person, that was faster is not overwritten.
    At(String),
}

impl ExpectedHead {
    /// Compares with what is there.
    ///
    /// # Errors
    /// [`ForgeError::Conflict`] when it is something else.
    pub(crate) fn check(&self, branch: &str, found: Option<&str>) -> Result<(), ForgeError> {
        let as_expected = match self {
            Self::Any => true,
            Self::Absent => found.is_none(),
            Self::At(oid) => found == Some(oid.as_str()),
        };
        if as_expected {
            return Ok(());
        }
        let found = found.unwrap_or("not there");
        Err(ForgeError::Conflict { what: format!("branch `{branch}` is {found}, which was not expected") })
    }
}

/// One commit on top of a base, as a branch: the same value gives the same commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchWrite {
    /// Base branch.
    pub base: String,
    /// The commit of the base that the files were read from; the write fails when the base has moved on.
    pub base_oid: String,
    /// The branch to write.
    pub branch: String,
    /// The commit's message.
    pub message: String,
    /// Files before and after; empty before means a new file.
    pub files: Vec<EditedFile>,
    /// Author and committer.
    pub by: Person,
    /// The commit's date in seconds since the epoch, fixed by the caller so that repeating gives the same commit.
    pub at_unix_s: i64,
    /// What the branch must be now.
    pub expected: ExpectedHead,
}

impl BranchWrite {
    /// The message as it is stored: forges trim it, so that all of them are given the trimmed one.
    pub(crate) fn stored_message(&self) -> &str {
        self.message.trim()
    }

    /// Refuses what no forge should be asked for.
    ///
    /// # Errors
    /// [`ForgeError::Refused`] for a write that changes nothing (a pull request whose branch equals its base is closed
    /// by some forges), that writes to its own base, or that has a name no branch can have.
    pub(crate) fn check(&self) -> Result<(), ForgeError> {
        let refused = |why: &str| Err(ForgeError::Refused { why: why.to_owned() });
        if self.branch == self.base {
            return refused("a branch is never written onto itself");
        }
        if !self.files.iter().any(|file| !file.content.is_none()) {
            return refused("the write changes no file, so that the branch would equal its base");
        }
        if self.files.iter().any(|file| file.path.is_root()) {
            return refused("a file needs a path");
        }
        if self.stored_message().is_empty() {
            return refused("a commit needs a message");
        }
        check_branch_name(&self.branch)
    }

    /// The files that change.
    pub(crate) fn changed_files(&self) -> impl Iterator<Item = &EditedFile> {
        self.files.iter().filter(|file| !file.content.is_none())
    }
}

/// Refuses names that Git or a URL would read as something else.
///
/// # Errors
/// [`ForgeError::Refused`].
pub(crate) fn check_branch_name(name: &str) -> Result<(), ForgeError> {
    if is_branch_name(name) {
        return Ok(());
    }
    let shown: String = name.chars().filter(|c| !c.is_control()).take(BRANCH_CHARS_MAX).collect();
    Err(ForgeError::Refused { why: format!("`{shown}` is not a branch name") })
}

/// Whether Git takes the name, and no part of it means something to a URL.
pub(crate) fn is_branch_name(name: &str) -> bool {
    name.chars().count() <= BRANCH_CHARS_MAX
        && !name.starts_with('-')
        && git2::Reference::is_valid_name(&format!("refs/heads/{name}"))
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}
