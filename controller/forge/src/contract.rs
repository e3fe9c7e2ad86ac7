//! The suite that every forge passes. Panics say which clause does not hold.
//!
//! A [`Fixture`] does what people do and kubeopt does not: it makes repositories, pushes to the base branch, merges by hand.
//! With [`Judges`] it also reviews, checks and has issues of its own.

mod arranged;
mod branches;
mod conversation;
mod judgement;
mod pulls;
mod tracking;

use async_trait::async_trait;
use kubeopt_model::{Change, EditedFile, FileSet, RepoPath, RepositoryId};

use crate::branch::{BranchHead, BranchWrite, CommitOptions, ExpectedHead, Person};
use crate::conversation::CommentId;
use crate::forge::Forge;
use crate::judgement::{CheckOutcome, Verdict};
use crate::pull_request::{NewPullRequest, PullRequest};

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

/// Runs every clause on a forge.
///
/// # Panics
/// When a clause does not hold.
pub async fn contract(forge: &dyn Forge, fixture: &dyn Fixture) {
    branches::facts_tell_what_writing_needs(forge, fixture).await;
    branches::a_branch_is_one_commit_on_its_base(forge, fixture).await;
    branches::the_same_content_again_changes_nothing(forge, fixture).await;
    branches::regenerating_follows_the_base(forge, fixture).await;
    branches::an_unexpected_head_is_a_conflict(forge, fixture).await;
    branches::a_moved_base_or_file_is_a_conflict(forge, fixture).await;
    branches::a_write_without_change_is_refused(forge, fixture).await;
    branches::new_files_and_awkward_paths_are_written(forge, fixture).await;
    branches::a_sign_off_stands_in_the_message_once(forge, fixture).await;
    branches::deleting_needs_the_expected_head(forge, fixture).await;
    branches::unknown_repositories_are_not_found(forge, fixture).await;
    pulls::opening_twice_gives_the_same_one(forge, fixture).await;
    pulls::bodies_survive_byte_for_byte(forge, fixture).await;
    pulls::updating_changes_only_what_differs(forge, fixture).await;
    pulls::a_draft_keeps_its_title_and_becomes_ready(forge, fixture).await;
    pulls::closed_and_merged_are_seen(forge, fixture).await;
    pulls::regenerating_moves_the_open_one(forge, fixture).await;
    pulls::comments_are_added_in_order(forge, fixture).await;
    pulls::what_is_not_there_is_not_found(forge, fixture).await;
    conversation::new_comments_are_given_in_order(forge, fixture).await;
    conversation::a_changed_comment_says_so(forge, fixture).await;
    conversation::a_reaction_is_there_once(forge, fixture).await;
    conversation::rights_are_asked_for(forge, fixture).await;
    conversation::one_comment_stands_for_each_key(forge, fixture).await;
    conversation::the_markers_of_others_are_nothing(forge, fixture).await;
    conversation::a_status_is_put_once(forge, fixture).await;
    arranged::labels_that_people_take_off_stay_off(forge, fixture).await;
    arranged::people_are_asked_and_may_decline(forge, fixture).await;
    arranged::unknown_people_keep_nothing_back(forge, fixture).await;
    pulls::long_lists_are_complete(forge, fixture).await;
}

/// Runs every clause on reviews, checks, merging and issues on a forge.
///
/// # Panics
/// When a clause does not hold.
pub async fn contract_of_judgement(forge: &dyn Forge, fixture: &dyn Judges) {
    judgement::the_latest_review_of_each_person_counts(forge, fixture).await;
    judgement::no_review_is_taken_for_one_of_a_later_head(forge, fixture).await;
    judgement::the_latest_check_of_each_name_counts(forge, fixture).await;
    judgement::only_the_head_that_was_decided_about_is_merged(forge, fixture).await;
    judgement::what_cannot_be_merged_is_left_alone(forge, fixture).await;
    tracking::an_issue_keeps_what_people_make_of_it(forge, fixture).await;
    tracking::what_cannot_be_an_issue_is_refused(forge, fixture).await;
    tracking::issues_that_are_switched_off_are_told(forge, fixture).await;
}

/// The file that most clauses change.
const FILE: &str = "apps/api.yaml";

const BEFORE: &str = "# sized by hand\nresources:\n  requests:\n    cpu: \"1\"\n";

fn files(entries: &[(&str, &str)]) -> FileSet {
    entries.iter().map(|(path, text)| (path_of(path), text.as_bytes().to_vec())).collect()
}

fn path_of(text: &str) -> RepoPath {
    RepoPath::new(text).expect("the suite writes valid paths")
}

async fn repository(fixture: &dyn Fixture, name: &str) -> RepositoryId {
    fixture.repository(name, &files(&[(FILE, BEFORE), ("README.md", "# gitops\n")])).await
}

async fn head(forge: &dyn Forge, repository: &RepositoryId, branch: &str) -> BranchHead {
    let found = forge.branch(repository, branch).await.expect("a branch can be read");
    found.unwrap_or_else(|| panic!("branch {branch} is there"))
}

/// A write that sets the CPU request to `cpu`, on the base as it is now.
async fn sizing(forge: &dyn Forge, repository: &RepositoryId, branch: &str, cpu: &str) -> BranchWrite {
    BranchWrite {
        base: "main".to_owned(),
        base_oid: head(forge, repository, "main").await.oid,
        branch: branch.to_owned(),
        message: format!("chore(rightsizing): api to {cpu}\n\nMeasured over 28 days."),
        files: vec![edit(FILE, BEFORE, &BEFORE.replace("\"1\"", cpu))],
        by: Person { name: "kubeopt".to_owned(), email: "kubeopt@example.org".to_owned() },
        at_unix_s: 1_790_000_000,
        expected: ExpectedHead::Any,
        options: CommitOptions::default(),
    }
}

fn edit(path: &str, before: &str, after: &str) -> EditedFile {
    EditedFile {
        path: path_of(path),
        content: Change { before: before.as_bytes().to_vec(), after: after.as_bytes().to_vec() },
    }
}

fn draft(branch: &str, body: &str) -> NewPullRequest {
    NewPullRequest {
        title: format!("chore(rightsizing): {branch}"),
        is_draft: false,
        body: body.to_owned(),
        head: branch.to_owned(),
        base: "main".to_owned(),
        labels: vec!["kubeopt".to_owned()],
    }
}

/// A branch with a change, and its pull request.
async fn opened(forge: &dyn Forge, repository: &RepositoryId, branch: &str, body: &str) -> PullRequest {
    let write = sizing(forge, repository, branch, "310m").await;
    forge.regenerate_branch(repository, &write).await.expect("the branch is written");
    forge.open_pull_request(repository, &draft(branch, body)).await.expect("the pull request is opened")
}
