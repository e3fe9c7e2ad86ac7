//! What people and machines think of a pull request on a local forge, merges by kubeopt, and issues.

use async_trait::async_trait;
use kubeopt_model::RepositoryId;

use super::{LocalForge, LocalIssue, OWN_NAME, issues, merge, reviews, statuses};
use crate::error::ForgeError;
use crate::judgement::{Check, Judgement, MergeOrder, Review, Verdict};
use crate::tracking::{Issue, IssueUpdate, Tracking};

impl LocalForge {
    /// A person reviews a pull request as it is now.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`]; [`ForgeError::TooLarge`] beyond 1,000 reviews.
    pub async fn review_as(
        &self,
        repository: &RepositoryId,
        number: u64,
        author: &str,
        verdict: Verdict,
    ) -> Result<(), ForgeError> {
        let author = author.to_owned();
        self.with(repository, move |storage| reviews::add(storage, number, &author, verdict)).await
    }

    /// A person dismisses the reviews of another one.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`], also where there is none.
    pub async fn dismiss_reviews(
        &self,
        repository: &RepositoryId,
        number: u64,
        of: &str,
    ) -> Result<(), ForgeError> {
        let of = of.to_owned();
        self.with(repository, move |storage| reviews::dismiss(storage, number, &of)).await
    }

    /// A machine says what it thinks of a commit; statuses of kubeopt are another list.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`] when the commit is not there; [`ForgeError::TooLarge`] beyond 100 names.
    pub async fn set_check(
        &self,
        repository: &RepositoryId,
        oid: &str,
        check: &Check,
    ) -> Result<(), ForgeError> {
        let (oid, check) = (oid.to_owned(), check.clone());
        self.with(repository, move |storage| statuses::set_check(storage, &oid, &check)).await
    }

    /// All issues, whoever opened them, in ascending order of their number.
    ///
    /// # Errors
    /// As [`Tracking::own_issues`].
    pub async fn issues(&self, repository: &RepositoryId) -> Result<Vec<LocalIssue>, ForgeError> {
        self.with(repository, issues::all).await
    }

    /// A person opens an issue.
    ///
    /// # Errors
    /// As [`Tracking::open_issue`].
    pub async fn open_issue_as(
        &self,
        repository: &RepositoryId,
        author: &str,
        title: &str,
        body: &str,
    ) -> Result<Issue, ForgeError> {
        let (author, title, body) = (author.to_owned(), title.to_owned(), body.to_owned());
        self.with(repository, move |storage| issues::open(storage, &author, &title, &body)).await
    }

    /// A person ticks the first box of an issue that is not ticked and whose line has this text, such as its marker.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`], also where there is no such box.
    pub async fn tick_box(
        &self,
        repository: &RepositoryId,
        number: u64,
        text: &str,
    ) -> Result<Issue, ForgeError> {
        let text = text.to_owned();
        self.with(repository, move |storage| issues::tick(storage, number, &text)).await
    }

    /// A person switches the issues of a repository on or off.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`].
    pub async fn switch_issues(&self, repository: &RepositoryId, are_on: bool) -> Result<(), ForgeError> {
        self.with(repository, move |storage| storage.switch_issues(are_on)).await
    }
}

#[async_trait]
impl Judgement for LocalForge {
    async fn reviews(&self, repository: &RepositoryId, number: u64) -> Result<Vec<Review>, ForgeError> {
        self.with(repository, move |storage| reviews::on(storage, number)).await
    }

    async fn checks(&self, repository: &RepositoryId, head_oid: &str) -> Result<Vec<Check>, ForgeError> {
        let oid = head_oid.to_owned();
        self.with(repository, move |storage| statuses::checks(storage, &oid)).await
    }

    async fn merge(
        &self,
        repository: &RepositoryId,
        number: u64,
        order: &MergeOrder,
    ) -> Result<String, ForgeError> {
        let order = order.clone();
        self.with(repository, move |storage| merge::merge_as_ordered(storage, number, &order)).await
    }
}

#[async_trait]
impl Tracking for LocalForge {
    async fn own_issues(&self, repository: &RepositoryId) -> Result<Vec<Issue>, ForgeError> {
        self.with(repository, issues::own).await
    }

    async fn open_issue(
        &self,
        repository: &RepositoryId,
        title: &str,
        body: &str,
    ) -> Result<Issue, ForgeError> {
        self.open_issue_as(repository, OWN_NAME, title, body).await
    }

    async fn update_issue(
        &self,
        repository: &RepositoryId,
        number: u64,
        update: &IssueUpdate,
    ) -> Result<Issue, ForgeError> {
        let update = update.clone();
        self.with(repository, move |storage| issues::update(storage, number, &update)).await
    }
}
