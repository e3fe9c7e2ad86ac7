//! What people and machines of theirs do on a forge, for the suite.

use async_trait::async_trait;
use kubeopt_model::{FileSet, RepositoryId};

use crate::conversation::CommentId;
use crate::judgement::{CheckOutcome, Verdict};

/// What people do on the forge.
#[async_trait(?Send)]
pub trait Fixture {
    /// Makes a repository of this name whose branch `main` holds the files, writable by the forge's account.
    async fn repository(&self, name: &str, files: &FileSet) -> RepositoryId;

    /// Commits one file onto an existing branch in the name of `person@example.org`; gives the commit's id.
    async fn commit(&self, repository: &RepositoryId, branch: &str, path: &str, content: &[u8]) -> String;

    /// Makes another branch at the head of a branch.
    async fn copy_branch(&self, repository: &RepositoryId, from: &str, to: &str);

    /// Merges a pull request; gives the merge commit's id.
    async fn merge(&self, repository: &RepositoryId, number: u64) -> String;

    /// The content of a file at the head of a branch.
    async fn file(&self, repository: &RepositoryId, branch: &str, path: &str) -> Option<Vec<u8>>;

    /// The texts of a pull request's comments, oldest first.
    async fn comments(&self, repository: &RepositoryId, number: u64) -> Vec<String>;

    /// Comments in the name of a person who may write; gives the comment's id.
    async fn comment(&self, repository: &RepositoryId, number: u64, text: &str) -> u64;

    /// Changes the text of a comment, so late that the forge's clock shows it.
    async fn edit_comment(&self, repository: &RepositoryId, comment: CommentId, text: &str);

    /// Takes a comment away, where people can.
    async fn delete_comment(&self, repository: &RepositoryId, comment: CommentId) -> Deleted;

    /// The words of the reactions to a comment, sorted, one for each account.
    async fn reactions(&self, repository: &RepositoryId, comment: CommentId) -> Vec<String>;

    /// The login names of accounts that may do just this with a repository of the suite: write to it; read it. The
    /// first of those who write is not the owner.
    async fn accounts(&self, repository: &RepositoryId) -> Accounts;

    /// The statuses of a commit that count, as context, state and description, sorted.
    async fn statuses(&self, repository: &RepositoryId, oid: &str) -> Vec<(String, String, String)>;

    /// Takes a label off a pull request, or a person off its reviewers and assignees.
    async fn take_off(&self, repository: &RepositoryId, number: u64, what: TakeOff<'_>);
}

/// What people and machines of theirs think, and do with issues.
#[async_trait(?Send)]
pub trait Judges: Fixture {
    /// An account of [`Fixture::accounts`] that may write, or the owner of the repository, reviews a pull request.
    async fn review(&self, repository: &RepositoryId, number: u64, by: &str, verdict: Verdict);

    /// What an account said last is dismissed, or taken back.
    async fn dismiss(&self, repository: &RepositoryId, number: u64, of: &str);

    /// A machine that is not kubeopt says what it thinks of a commit. Never [`CheckOutcome::Neutral`].
    async fn check(&self, repository: &RepositoryId, oid: &str, name: &str, outcome: CheckOutcome);

    /// Waits until the forge knows whether an open pull request can be merged.
    async fn settle(&self, repository: &RepositoryId, number: u64);

    /// A person opens an issue.
    async fn open_issue_as_person(&self, repository: &RepositoryId, title: &str);

    /// A person changes the text of an issue.
    async fn edit_issue(&self, repository: &RepositoryId, number: u64, body: &str);

    /// A person switches the issues of a repository off.
    async fn switch_issues_off(&self, repository: &RepositoryId);
}

/// Whether a forge lets people delete comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    Yes,
    /// This forge keeps all.
    Never,
}

/// Accounts with different rights.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// May push.
    pub writer: String,
    /// May look.
    pub reader: String,
    /// Is not there.
    pub nobody: String,
}

/// What people take off a pull request.
#[derive(Debug, Clone, Copy)]
pub enum TakeOff<'a> {
    /// A label.
    Label(&'a str),
    /// A reviewer.
    Reviewer(&'a str),
    /// An assignee.
    Assignee(&'a str),
}
