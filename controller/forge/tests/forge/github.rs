//! The contract on GitHub, as an account and as an App, and what GitHub does wrong. The server is a fake of it, and what
//! passes is checked against GitHub's own OpenAPI document.

use std::time::Duration;

use async_trait::async_trait;
use kubeopt_forge::contract::{Accounts, Deleted, Fixture, TakeOff, contract};
use kubeopt_forge::{CommentId, GithubApp, GithubAuth, GithubConfig, GithubForge};
use kubeopt_model::{FileSet, ForgeName, RepositoryId};
use kubeopt_net::{RetryPolicy, Secret, SecretSource};

use crate::fake::github::{APP_ID, APP_KEY, GitHub, TOKEN};
use crate::fake::server::Server;

pub(crate) struct Place {
    pub(crate) server: Server<GitHub>,
}

impl Place {
    pub(crate) async fn start() -> Self {
        Self { server: Server::start(GitHub::new).await }
    }

    /// As the account of the token.
    pub(crate) fn forge(&self) -> GithubForge {
        self.forge_as(GithubAuth::Token(SecretSource::Value(Secret::new(TOKEN))))
    }

    pub(crate) fn app(&self) -> GithubForge {
        let private_key = SecretSource::Value(Secret::new(APP_KEY));
        self.forge_as(GithubAuth::App(GithubApp { id: APP_ID.to_owned(), private_key, installation: None }))
    }

    fn forge_as(&self, auth: GithubAuth) -> GithubForge {
        let retry =
            RetryPolicy { attempts: 2, first_wait: Duration::ZERO, longest_wait: Duration::from_secs(1) };
        let config = GithubConfig {
            write_gap: Duration::ZERO,
            retry,
            ..GithubConfig::new(self.server.url.clone(), auth)
        };
        GithubForge::new(config).unwrap()
    }
}

fn name_of(repository: &RepositoryId) -> String {
    format!("{}/{}", repository.owner, repository.name)
}

#[async_trait(?Send)]
impl Fixture for Place {
    async fn repository(&self, name: &str, files: &FileSet) -> RepositoryId {
        self.server.forge.lock().unwrap().create("acme", name, files);
        let forge = ForgeName::new("github").unwrap();
        RepositoryId { forge, owner: "acme".to_owned(), name: name.to_owned() }
    }

    async fn commit(&self, repository: &RepositoryId, branch: &str, path: &str, content: &[u8]) -> String {
        let mut github = self.server.forge.lock().unwrap();
        let now = github.now();
        let at = github.of(&name_of(repository));
        let oid = at.git.push(branch, path, content, now);
        for pull in at.pulls.values_mut().filter(|pull| pull.is_open && pull.head == branch) {
            (pull.head_oid, pull.updated) = (oid.clone(), now);
        }
        oid
    }

    async fn copy_branch(&self, repository: &RepositoryId, from: &str, to: &str) {
        let mut github = self.server.forge.lock().unwrap();
        let git = &github.of(&name_of(repository)).git;
        git.set(to, &git.head(from).unwrap());
    }

    async fn merge(&self, repository: &RepositoryId, number: u64) -> String {
        let mut github = self.server.forge.lock().unwrap();
        let now = github.now();
        let at = github.of(&name_of(repository));
        let pull = at.pulls.get_mut(&number).unwrap();
        assert!(pull.is_open && !pull.is_draft, "a draft is not merged");
        let oid = at.git.merge(&pull.head_oid, &pull.base, now);
        (pull.is_open, pull.merged, pull.updated) = (false, Some((oid.clone(), now)), now);
        oid
    }

    async fn file(&self, repository: &RepositoryId, branch: &str, path: &str) -> Option<Vec<u8>> {
        self.server.forge.lock().unwrap().of(&name_of(repository)).git.file(branch, path)
    }

    async fn comments(&self, repository: &RepositoryId, number: u64) -> Vec<String> {
        let mut github = self.server.forge.lock().unwrap();
        let comments = github.of(&name_of(repository)).comments.values();
        comments.filter(|comment| comment.pull == number).map(|comment| comment.body.clone()).collect()
    }

    async fn comment(&self, repository: &RepositoryId, number: u64, text: &str) -> u64 {
        self.server.forge.lock().unwrap().say_at(&name_of(repository), number, "writer", text)
    }

    async fn edit_comment(&self, repository: &RepositoryId, comment: CommentId, text: &str) {
        let mut github = self.server.forge.lock().unwrap();
        let now = github.now();
        let found = github.of(&name_of(repository)).comments.get_mut(&comment.id).unwrap();
        (found.body, found.updated) = (text.to_owned(), now);
    }

    async fn delete_comment(&self, repository: &RepositoryId, comment: CommentId) -> Deleted {
        self.server.forge.lock().unwrap().of(&name_of(repository)).comments.remove(&comment.id);
        Deleted::Yes
    }

    async fn reactions(&self, repository: &RepositoryId, comment: CommentId) -> Vec<String> {
        let mut github = self.server.forge.lock().unwrap();
        let found = &github.of(&name_of(repository)).comments[&comment.id];
        let mut words: Vec<String> = found.reactions.values().flatten().cloned().collect();
        words.sort();
        words
    }

    async fn accounts(&self, _repository: &RepositoryId) -> Accounts {
        let [writer, reader, nobody] = ["writer", "reader", "nobody"].map(str::to_owned);
        Accounts { writer, reader, nobody }
    }

    async fn statuses(&self, repository: &RepositoryId, oid: &str) -> Vec<(String, String, String)> {
        let mut github = self.server.forge.lock().unwrap();
        let put = github.of(&name_of(repository)).statuses.get(oid).cloned().unwrap_or_default();
        let text =
            |status: &serde_json::Value, name: &str| status[name].as_str().unwrap_or_default().to_owned();
        let last: std::collections::BTreeMap<String, (String, String)> = put
            .iter()
            .map(|status| (text(status, "context"), (text(status, "state"), text(status, "description"))))
            .collect();
        last.into_iter().map(|(context, (state, description))| (context, state, description)).collect()
    }

    async fn take_off(&self, repository: &RepositoryId, number: u64, what: TakeOff<'_>) {
        let mut github = self.server.forge.lock().unwrap();
        let pull = github.of(&name_of(repository)).pulls.get_mut(&number).unwrap();
        let gone = match what {
            TakeOff::Label(name) => pull.labels.remove(name),
            TakeOff::Reviewer(name) => pull.reviewers.remove(name),
            TakeOff::Assignee(name) => pull.assignees.remove(name),
        };
        assert!(gone, "{what:?}");
    }
}

#[tokio::test]
async fn an_account_on_github_keeps_the_contract() {
    let place = Place::start().await;
    let forge = place.forge();
    contract(&forge, &place).await;
    place.server.assert_documented();
    assert!(place.server.take_seen().len() > 500, "the suite has run");
}

#[tokio::test]
async fn an_app_on_github_keeps_the_contract() {
    let place = Place::start().await;
    let forge = place.app();
    contract(&forge, &place).await;
    place.server.assert_documented();
    let tokens = place.server.forge.lock().unwrap().installation_tokens.len();
    assert_eq!(tokens, 1, "one token served all");
}
