//! The local forge: bare repositories on disk. It serves the demo, tests and places without a network.
//!
//! `DIR/OWNER/NAME.git` is a bare repository that any Git can fetch from and push to. Pull requests, their comments and
//! reviews live in it, under `refs/kubeopt/pulls/N`, statuses and checks of commits under `refs/kubeopt/statuses/OID`, issues
//! under `refs/kubeopt/issues/N`: the repository is the truth, there is no database beside it. Several processes may work on it; each reference is changed by
//! compare-and-swap.
//!
//! Whoever reaches a local forge may write to it. A file `kubeopt-people` in a repository's folder, which no push can
//! change, says otherwise: a login name or `*` and one of `none`, `read`, `write`, `admin` on each line.

mod branches;
mod comments;
mod issues;
mod judged;
mod landed;
mod merge;
mod patch;
mod people;
mod record;
mod records;
mod reviews;
mod statuses;
mod storage;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use kubeopt_model::{EditedFile, FileSet, RepositoryId, Timestamp};

use crate::asked::{Arranged, Asked};
use crate::branch::{BranchHead, BranchWrite, ExpectedHead};
use crate::conversation::{CommentId, Conversation, ForgeComment, Permission, Reaction};
use crate::error::ForgeError;
use crate::forge::{Forge, RepositoryFacts};
use crate::pull_request::{NewPullRequest, PullRequest, PullRequestQuery, PullRequestUpdate, WantedState};
use crate::status::Status;
pub use issues::LocalIssue;
pub use merge::MergeCommit;
pub use people::People;
pub use record::Comment;
pub use storage::OWN_NAME;
use storage::Storage;

/// Gives the time; fixed in tests.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Bare repositories under one folder. Cheap to clone.
#[derive(Clone)]
pub struct LocalForge {
    folder: PathBuf,
    clock: Clock,
}

impl std::fmt::Debug for LocalForge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalForge").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl LocalForge {
    /// Opens a folder of repositories, and makes it if it is not there.
    ///
    /// # Errors
    /// [`ForgeError::Storage`] when the folder cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, ForgeError> {
        let folder: PathBuf = folder.into();
        std::fs::create_dir_all(&folder).map_err(|error| ForgeError::Storage { why: error.to_string() })?;
        let folder = folder.canonicalize().map_err(|error| ForgeError::Storage { why: error.to_string() })?;
        Ok(Self { folder, clock: Arc::new(Timestamp::now) })
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Makes a repository whose branch holds these files in one commit.
    ///
    /// # Errors
    /// [`ForgeError::Refused`] when it is there already or its name cannot be one.
    pub async fn create_repository(
        &self,
        owner: &str,
        name: &str,
        files: &FileSet,
        branch: &str,
    ) -> Result<RepositoryFacts, ForgeError> {
        let (owner, name) = (owner.to_owned(), name.to_owned());
        let (files, branch) = (files.clone(), branch.to_owned());
        let forge = self.clone();
        blocking(move || storage::create(&forge.folder, (&owner, &name), &files, &branch, (forge.clock)()))
            .await
    }

    /// The repositories, as owner and name, sorted.
    ///
    /// # Errors
    /// [`ForgeError::Storage`].
    pub async fn repositories(&self) -> Result<Vec<(String, String)>, ForgeError> {
        let folder = self.folder.clone();
        blocking(move || storage::list(&folder)).await
    }

    /// A person merges a pull request with a merge commit in the name of `by`. kubeopt itself merges by
    /// [`crate::Judgement::merge`].
    ///
    /// # Errors
    /// [`ForgeError::Conflict`] when it is not open, or both sides changed the same lines; [`ForgeError::Draft`] for a
    /// draft.
    pub async fn merge(
        &self,
        repository: &RepositoryId,
        number: u64,
        by: &str,
    ) -> Result<MergeCommit, ForgeError> {
        let by = by.to_owned();
        self.with(repository, move |storage| merge::merge(storage, number, &by)).await
    }

    /// Closes a pull request without merging it.
    ///
    /// # Errors
    /// [`ForgeError::Conflict`] when it is merged.
    pub async fn close(&self, repository: &RepositoryId, number: u64) -> Result<PullRequest, ForgeError> {
        let update = PullRequestUpdate { state: Some(WantedState::Closed), ..PullRequestUpdate::default() };
        self.update_pull_request(repository, number, &update).await
    }

    /// Marks a draft as ready for review; one that is no draft stays as it is.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`].
    pub async fn mark_ready(
        &self,
        repository: &RepositoryId,
        number: u64,
    ) -> Result<PullRequest, ForgeError> {
        let update = PullRequestUpdate { is_draft: Some(false), ..PullRequestUpdate::default() };
        self.update_pull_request(repository, number, &update).await
    }

    /// Adds a comment in the name of `author`; gives its id.
    ///
    /// # Errors
    /// [`ForgeError::TooLarge`] beyond 256 KiB or 1,000 comments.
    pub async fn comment_as(
        &self,
        repository: &RepositoryId,
        number: u64,
        author: &str,
        body: &str,
    ) -> Result<u64, ForgeError> {
        let (author, body) = (author.to_owned(), body.to_owned());
        self.with(repository, move |storage| comments::add(storage, number, &author, &body)).await
    }

    /// Changes the text of a comment.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`], [`ForgeError::TooLarge`] as [`LocalForge::comment_as`].
    pub async fn edit_comment(
        &self,
        repository: &RepositoryId,
        comment: CommentId,
        body: &str,
    ) -> Result<(), ForgeError> {
        let body = body.to_owned();
        self.with(repository, move |storage| comments::edit(storage, comment, &body)).await
    }

    /// The comments on a pull request, oldest first.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`].
    pub async fn comments_on(
        &self,
        repository: &RepositoryId,
        number: u64,
    ) -> Result<Vec<Comment>, ForgeError> {
        self.with(repository, move |storage| comments::on(storage, number)).await
    }

    /// The statuses of a commit, sorted by context.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`] when the repository is not there.
    pub async fn statuses(&self, repository: &RepositoryId, oid: &str) -> Result<Vec<Status>, ForgeError> {
        let oid = oid.to_owned();
        self.with(repository, move |storage| statuses::of_commit(storage, &oid)).await
    }

    /// Who is asked for a review of a pull request, and whom it is assigned to.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`].
    pub async fn people_of(&self, repository: &RepositoryId, number: u64) -> Result<People, ForgeError> {
        self.with(repository, move |storage| people::of(storage, number)).await
    }

    /// A person gives a pull request these labels, and no others.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`].
    pub async fn set_labels(
        &self,
        repository: &RepositoryId,
        number: u64,
        labels: &[&str],
    ) -> Result<(), ForgeError> {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        self.with(repository, move |storage| people::set_labels(storage, number, &labels)).await
    }

    /// One pull request.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`].
    pub async fn pull_request(
        &self,
        repository: &RepositoryId,
        number: u64,
    ) -> Result<PullRequest, ForgeError> {
        self.with(repository, move |storage| records::find(storage, number)).await
    }

    /// What a pull request changes, as a unified diff; cut after 1 MiB, which its last line then says.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`].
    pub async fn diff(&self, repository: &RepositoryId, number: u64) -> Result<String, ForgeError> {
        self.with(repository, move |storage| patch::of_pull_request(storage, number)).await
    }

    /// The files that a pull request changes, before and after, at most 8 MiB.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`], [`ForgeError::TooLarge`].
    pub async fn changed_files(
        &self,
        repository: &RepositoryId,
        number: u64,
    ) -> Result<Vec<EditedFile>, ForgeError> {
        self.with(repository, move |storage| patch::files_of_pull_request(storage, number)).await
    }

    /// The folder of a repository, for Git.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`].
    pub fn repository_folder(&self, repository: &RepositoryId) -> Result<PathBuf, ForgeError> {
        storage::existing_folder(&self.folder, repository)
    }

    /// Works on a repository away from the asynchronous threads: libgit2 blocks.
    async fn with<T: Send + 'static>(
        &self,
        repository: &RepositoryId,
        work: impl FnOnce(&Storage) -> Result<T, ForgeError> + Send + 'static,
    ) -> Result<T, ForgeError> {
        let (forge, repository) = (self.clone(), repository.clone());
        blocking(move || work(&Storage::open(&forge.folder, &repository, (forge.clock)())?)).await
    }
}

#[async_trait]
impl Forge for LocalForge {
    async fn repository(&self, repository: &RepositoryId) -> Result<RepositoryFacts, ForgeError> {
        self.with(repository, Storage::facts).await
    }

    async fn branch(&self, repository: &RepositoryId, name: &str) -> Result<Option<BranchHead>, ForgeError> {
        let name = name.to_owned();
        self.with(repository, move |storage| branches::head(storage, &name)).await
    }

    async fn regenerate_branch(
        &self,
        repository: &RepositoryId,
        write: &BranchWrite,
    ) -> Result<BranchHead, ForgeError> {
        let write = write.clone();
        self.with(repository, move |storage| branches::regenerate(storage, &write)).await
    }

    async fn pull_requests(
        &self,
        repository: &RepositoryId,
        query: &PullRequestQuery,
    ) -> Result<Vec<PullRequest>, ForgeError> {
        let query = query.clone();
        self.with(repository, move |storage| records::list(storage, &query)).await
    }

    async fn open_pull_request(
        &self,
        repository: &RepositoryId,
        new: &NewPullRequest,
    ) -> Result<PullRequest, ForgeError> {
        let new = new.clone();
        self.with(repository, move |storage| records::open(storage, &new)).await
    }

    async fn update_pull_request(
        &self,
        repository: &RepositoryId,
        number: u64,
        update: &PullRequestUpdate,
    ) -> Result<PullRequest, ForgeError> {
        let update = update.clone();
        self.with(repository, move |storage| records::update(storage, number, &update)).await
    }

    async fn comment(&self, repository: &RepositoryId, number: u64, body: &str) -> Result<u64, ForgeError> {
        self.comment_as(repository, number, OWN_NAME, body).await
    }

    async fn delete_branch(
        &self,
        repository: &RepositoryId,
        name: &str,
        expected: &ExpectedHead,
    ) -> Result<(), ForgeError> {
        let (name, expected) = (name.to_owned(), expected.clone());
        self.with(repository, move |storage| branches::delete(storage, &name, &expected)).await
    }
}

#[async_trait]
impl Conversation for LocalForge {
    async fn comments(
        &self,
        repository: &RepositoryId,
        since: Timestamp,
    ) -> Result<Vec<ForgeComment>, ForgeError> {
        self.with(repository, move |storage| comments::since(storage, since)).await
    }

    async fn react(
        &self,
        repository: &RepositoryId,
        comment: CommentId,
        reaction: Reaction,
    ) -> Result<(), ForgeError> {
        self.with(repository, move |storage| comments::react(storage, comment, reaction)).await
    }

    async fn permission(&self, repository: &RepositoryId, login: &str) -> Result<Permission, ForgeError> {
        let login = login.to_owned();
        self.with(repository, move |storage| people::permission(storage, &login)).await
    }

    async fn ensure_comment(
        &self,
        repository: &RepositoryId,
        number: u64,
        key: &str,
        body: &str,
    ) -> Result<u64, ForgeError> {
        let (key, body) = (key.to_owned(), body.to_owned());
        self.with(repository, move |storage| comments::ensure(storage, number, &key, &body)).await
    }

    async fn set_status(
        &self,
        repository: &RepositoryId,
        oid: &str,
        status: &Status,
    ) -> Result<(), ForgeError> {
        let (oid, status) = (oid.to_owned(), status.clone());
        self.with(repository, move |storage| statuses::set(storage, &oid, &status)).await
    }

    async fn labels(
        &self,
        repository: &RepositoryId,
        number: u64,
        asked: &Asked,
    ) -> Result<Arranged, ForgeError> {
        let asked = asked.clone();
        self.with(repository, move |storage| people::arrange_labels(storage, number, &asked)).await
    }

    async fn reviewers(
        &self,
        repository: &RepositoryId,
        number: u64,
        asked: &Asked,
    ) -> Result<Arranged, ForgeError> {
        let asked = asked.clone();
        self.with(repository, move |storage| people::arrange_reviewers(storage, number, &asked)).await
    }

    async fn assignees(
        &self,
        repository: &RepositoryId,
        number: u64,
        asked: &Asked,
    ) -> Result<Arranged, ForgeError> {
        let asked = asked.clone();
        self.with(repository, move |storage| people::arrange_assignees(storage, number, &asked)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ForgeError> + Send + 'static,
) -> Result<T, ForgeError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        // Only a panic in libgit2 or here, or the end of the process.
        Err(ForgeError::Storage { why: format!("the work was cut off: {error}") })
    })
}
