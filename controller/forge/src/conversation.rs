//! How people and kubeopt talk on a forge: comments read and answered, reactions, and who may ask for what.
//!
//! What a comment asks for is decided elsewhere: here it is text of a stranger, with the author as the forge knows
//! them. Nothing here knows a command.

use async_trait::async_trait;
use kubeopt_model::{RepositoryId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::asked::{Arranged, Asked};
use crate::error::ForgeError;
use crate::status::Status;

/// Most comments that one call gives: hours of the busiest repositories, and with [`COMMENT_BYTES_MAX`] 16 MiB.
pub const COMMENTS_MAX: usize = 1_000;

/// Longest text of a comment that is given; a command is a line, and a thousand lines of them are no wish of a person.
pub const COMMENT_BYTES_MAX: usize = 16 * 1024;

/// Which comment. Some forges count comments within their pull request, some over all: it takes both to name one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommentId {
    /// The number of its pull request.
    pub pull_request: u64,
    /// Its own number.
    pub id: u64,
}

/// What kind of account wrote a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorKind {
    /// An account that may be a person's. Bots with ordinary accounts are among them on forges that do not tell.
    Person,
    /// An account that the forge knows for a program, or that is gone.
    Bot,
    /// kubeopt's own account.
    Own,
}

/// Who wrote a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentAuthor {
    /// The login name.
    pub login: String,
    /// The forge's own id of the account, which survives renames; the login where the forge has none.
    pub id: String,
    /// What kind of account it is.
    pub kind: AuthorKind,
}

/// A comment on a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeComment {
    /// Which one.
    pub id: CommentId,
    /// Who wrote it.
    pub author: CommentAuthor,
    /// Its text, as long as it has at most [`COMMENT_BYTES_MAX`] bytes; the whole lines of its beginning otherwise.
    pub body: String,
    /// Whether the text was cut.
    pub is_cut: bool,
    /// When it was written; forges count in seconds.
    pub created_at: Timestamp,
    /// Whether somebody, not necessarily the author, changed it afterwards.
    pub is_edited: bool,
}

/// What kubeopt answers a comment with, before any word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reaction {
    /// It was read.
    Seen,
    /// What it asked for was done.
    Done,
    /// What it asked for was not done; a reply says why.
    Refused,
}

impl Reaction {
    /// The word that GitHub, Gitea and Forgejo have for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Seen => "eyes",
            Self::Done => "rocket",
            Self::Refused => "confused",
        }
    }
}

/// What an account may do with a repository; more is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Not even look at it, or there is no such account.
    None,
    /// Look at it.
    Read,
    /// Push to it.
    Write,
    /// Decide who may do what.
    Admin,
}

/// How people and kubeopt talk. Every call can be repeated: what is already so stays so.
#[async_trait]
pub trait Conversation: Send + Sync {
    /// Comments on pull requests written at `since` or later, oldest first, at most [`COMMENTS_MAX`]: when as many
    /// come, the next call begins at the time of the last one. Those of the second of `since` come again; their ids
    /// tell. Asked with the same `since` again, an unchanged list costs nothing where the forge knows conditional
    /// requests. Comments on single lines of a diff and the texts of reviews are not among them. A comment without
    /// end, which no answer can hold, is left out.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`] when the repository is not there; [`ForgeError::TooLarge`] when what was written
    /// since is beyond what is read in one call; [`ForgeError::RateLimited`] without a request while the forge wants
    /// silence.
    async fn comments(
        &self,
        repository: &RepositoryId,
        since: Timestamp,
    ) -> Result<Vec<ForgeComment>, ForgeError>;

    /// Adds a reaction of kubeopt's account to a comment; one that is there stays the only one.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`] when the comment is gone; [`ForgeError::Forbidden`] where the forge's settings do not
    /// have this reaction, or the conversation is locked.
    async fn react(
        &self,
        repository: &RepositoryId,
        comment: CommentId,
        reaction: Reaction,
    ) -> Result<(), ForgeError>;

    /// What an account may do now; never remembered. Where the forge does not tell kubeopt all of it, the answer is the
    /// least that is sure: an administrator may show as [`Permission::Write`].
    ///
    /// # Errors
    /// [`ForgeError::NotFound`] when the repository is not there; [`ForgeError::Forbidden`] where the forge does not
    /// tell kubeopt's account whether it is more than reading: nothing may then be done in that account's name.
    async fn permission(&self, repository: &RepositoryId, login: &str) -> Result<Permission, ForgeError>;

    /// Makes a comment of this key on a pull request say this, and gives its id. There is one for each key: a comment
    /// of kubeopt's own whose last line is the key's hidden marker is changed if it says something else; comments of
    /// others are never looked into.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`] when there is no such pull request; [`ForgeError::Refused`] for a key that is not made
    /// of up to 64 letters, digits, `.`, `_` and `-`; [`ForgeError::TooLarge`] when its comments are beyond what one
    /// answer holds.
    async fn ensure_comment(
        &self,
        repository: &RepositoryId,
        number: u64,
        key: &str,
        body: &str,
    ) -> Result<u64, ForgeError>;

    /// Puts a status on a commit, unless the last one of its context says the same.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`] when the commit is not there; [`ForgeError::Refused`] for a context or address that
    /// cannot be one.
    async fn set_status(
        &self,
        repository: &RepositoryId,
        oid: &str,
        status: &Status,
    ) -> Result<(), ForgeError>;

    /// Puts labels on a pull request; missing ones are created where the forge lets kubeopt.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`] when there is no such pull request. A label that cannot be put is told in the answer.
    async fn labels(
        &self,
        repository: &RepositoryId,
        number: u64,
        asked: &Asked,
    ) -> Result<Arranged, ForgeError>;

    /// Asks people for a review, by login name; `organization/team` asks a team where the forge has them.
    ///
    /// # Errors
    /// As [`Conversation::labels`].
    async fn reviewers(
        &self,
        repository: &RepositoryId,
        number: u64,
        asked: &Asked,
    ) -> Result<Arranged, ForgeError>;

    /// Assigns a pull request to people, by login name.
    ///
    /// # Errors
    /// As [`Conversation::labels`].
    async fn assignees(
        &self,
        repository: &RepositoryId,
        number: u64,
        asked: &Asked,
    ) -> Result<Arranged, ForgeError>;
}

/// The whole lines within the bound, and whether anything was cut.
pub(crate) fn bounded_body(body: String) -> (String, bool) {
    if body.len() <= COMMENT_BYTES_MAX {
        return (body, false);
    }
    let end = body.floor_char_boundary(COMMENT_BYTES_MAX);
    // Half a line could say something else than the line.
    let end = body[..end].rfind('\n').unwrap_or(0);
    (body[..end].to_owned(), true)
}

/// Oldest first, each once, not more than one call gives.
pub(crate) fn in_order(mut comments: Vec<ForgeComment>) -> Vec<ForgeComment> {
    comments.sort_by_key(|comment| (comment.created_at, comment.id));
    comments.dedup_by_key(|comment| comment.id);
    comments.truncate(COMMENTS_MAX);
    comments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_its_whole_lines() {
        let line = "é /kubeopt status\n";
        let (body, is_cut) = bounded_body(line.repeat(10_000));
        assert!(is_cut && body.len() <= COMMENT_BYTES_MAX && body.len() > COMMENT_BYTES_MAX - 2 * line.len());
        assert!(body.lines().all(|found| found == line.trim_end()));
        for (text, expected) in [
            ("x".repeat(COMMENT_BYTES_MAX), ("x".repeat(COMMENT_BYTES_MAX), false)),
            ("é".repeat(COMMENT_BYTES_MAX), (String::new(), true)),
            (String::new(), (String::new(), false)),
        ] {
            assert_eq!(bounded_body(text), expected);
        }
    }
}
