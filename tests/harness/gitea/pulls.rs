//! Pull requests on Gitea: what a reviewer does, and what a test asserts.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Account, Gitea, Repository};
use crate::wait;

/// Gitea tests whether a branch can be merged in the background, within a second or two.
const MERGEABLE: Duration = Duration::from_secs(60);

impl Gitea {
    /// Opens a pull request of `head` into `main`; gives its number.
    pub async fn open_pull(
        &self,
        author: &Account,
        repository: &Repository,
        head: &str,
        title: &str,
        body: &str,
    ) -> u64 {
        let pull = json!({ "base": "main", "head": head, "title": title, "body": body });
        let made = self.call_as(&author.token, Method::POST, &repository.path("/pulls"), Some(&pull)).await;
        made["number"].as_u64().expect("Gitea numbers a new pull request")
    }

    /// The pull requests in a state (`open`, `closed`, `all`), oldest first, as the API gives them.
    pub async fn pulls(&self, repository: &Repository, state: &str) -> Vec<Value> {
        let path = repository.path(&format!("/pulls?state={state}&limit=50&sort=oldest"));
        let found = self.call(Method::GET, &path, None).await;
        found.as_array().cloned().unwrap_or_default()
    }

    /// One pull request, as the API gives it (`title`, `body`, `merged`, `head.ref`, `labels`).
    pub async fn pull(&self, repository: &Repository, number: u64) -> Value {
        self.call(Method::GET, &repository.path(&format!("/pulls/{number}")), None).await
    }

    /// What a pull request changes, as a unified diff.
    pub async fn pull_diff(&self, repository: &Repository, number: u64) -> String {
        let found = self.call(Method::GET, &repository.path(&format!("/pulls/{number}.diff")), None).await;
        found.as_str().unwrap_or_default().to_owned()
    }

    /// The commits of a pull request, oldest first.
    pub async fn pull_commits(&self, repository: &Repository, number: u64) -> Vec<Value> {
        let path = repository.path(&format!("/pulls/{number}/commits?limit=50"));
        let found = self.call(Method::GET, &path, None).await;
        found.as_array().cloned().unwrap_or_default()
    }

    /// Merges a pull request with a merge commit and gives the commit's id; panics when Gitea refuses.
    pub async fn merge(&self, reviewer: &Account, repository: &Repository, number: u64) -> String {
        let what = format!("Gitea to find pull request {number} mergeable");
        wait::until(&what, MERGEABLE, async || {
            let pull = self.pull(repository, number).await;
            (pull["mergeable"] == true).then_some(()).ok_or_else(|| "not mergeable".to_owned())
        })
        .await;
        let path = repository.path(&format!("/pulls/{number}/merge"));
        self.call_as(&reviewer.token, Method::POST, &path, Some(&json!({ "do": "merge" }))).await;
        let merged = self.pull(repository, number).await;
        merged["merge_commit_sha"].as_str().expect("a merged pull request has a merge commit").to_owned()
    }

    /// Closes a pull request without merging it.
    pub async fn close(&self, reviewer: &Account, repository: &Repository, number: u64) {
        let path = repository.path(&format!("/pulls/{number}"));
        self.call_as(&reviewer.token, Method::PATCH, &path, Some(&json!({ "state": "closed" }))).await;
    }

    /// Comments on a pull request; gives the comment's id.
    pub async fn comment(&self, author: &Account, repository: &Repository, number: u64, text: &str) -> u64 {
        let path = repository.path(&format!("/issues/{number}/comments"));
        let made = self.call_as(&author.token, Method::POST, &path, Some(&json!({ "body": text }))).await;
        made["id"].as_u64().expect("Gitea numbers a new comment")
    }

    /// The comments on a pull request, oldest first (`user.login`, `body`).
    pub async fn comments(&self, repository: &Repository, number: u64) -> Vec<Value> {
        let path = repository.path(&format!("/issues/{number}/comments"));
        let found = self.call(Method::GET, &path, None).await;
        found.as_array().cloned().unwrap_or_default()
    }

    /// The reactions to a comment, as (login, word), sorted.
    pub async fn reactions(&self, repository: &Repository, comment: u64) -> Vec<(String, String)> {
        let path = repository.path(&format!("/issues/comments/{comment}/reactions"));
        let found = self.call(Method::GET, &path, None).await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = found.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut words: Vec<_> =
            all.iter().map(|one| (text(&one["user"]["login"]), text(&one["content"]))).collect();
        words.sort();
        words
    }
}
