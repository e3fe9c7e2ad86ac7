//! The contract on GitHub, as an account and as an App, and what GitHub does wrong. The server is a fake of it, and what
//! passes is checked against GitHub's own OpenAPI document.

use std::time::Duration;

use async_trait::async_trait;
use kubeopt_forge::contract::{Accounts, Deleted, Fixture, Judges, TakeOff, contract, contract_of_judgement};
use kubeopt_forge::{CheckOutcome, CommentId, GithubApp, GithubAuth, GithubConfig, GithubForge, Verdict};
use kubeopt_model::{FileSet, ForgeName, RepositoryId};
use kubeopt_net::{RetryPolicy, Secret, SecretSource};

use crate::fake::github::{APP_ID, APP_KEY, GitHub, Issue, Review, TOKEN};
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

impl Place {
    /// Somebody, or somebody who is gone, reviews a pull request as it is.
    pub(crate) fn reviewed(
        &self,
        repository: &RepositoryId,
        number: u64,
        by: Option<&str>,
        state: &'static str,
    ) {
        let mut github = self.server.forge.lock().unwrap();
        let (id, submitted) = (github.next_id(), github.now());
        let pull = github.of(&name_of(repository)).pulls.get_mut(&number).unwrap();
        let (author, oid) = (by.map(str::to_owned), pull.head_oid.clone());
        pull.reviews.push(Review { id, author, state, oid, submitted });
    }

    /// A job of a suite says what it thinks of a commit.
    pub(crate) fn ran(
        &self,
        repository: &RepositoryId,
        oid: &str,
        name: &str,
        suite: u64,
        state: (&str, Option<&str>),
    ) {
        let mut github = self.server.forge.lock().unwrap();
        let id = github.next_id();
        let run = serde_json::json!({
            "id": id, "head_sha": oid, "node_id": "CR_1", "name": name, "status": state.0, "conclusion": state.1,
            "check_suite": {"id": suite}, "started_at": null, "completed_at": null, "pull_requests": [],
        });
        github.of(&name_of(repository)).check_runs.entry(oid.to_owned()).or_default().push(run);
    }
}

#[async_trait(?Send)]
impl Judges for Place {
    async fn review(&self, repository: &RepositoryId, number: u64, by: &str, verdict: Verdict) {
        let state = match verdict {
            Verdict::Approved => "APPROVED",
            Verdict::ChangesRequested => "CHANGES_REQUESTED",
            Verdict::Commented => "COMMENTED",
        };
        self.reviewed(repository, number, Some(by), state);
    }

    async fn dismiss(&self, repository: &RepositoryId, number: u64, of: &str) {
        let mut github = self.server.forge.lock().unwrap();
        let pull = github.of(&name_of(repository)).pulls.get_mut(&number).unwrap();
        let mut theirs = pull.reviews.iter_mut().rev().filter(|review| review.state != "COMMENTED");
        theirs.find(|review| review.author.as_deref() == Some(of)).unwrap().state = "DISMISSED";
    }

    /// A status or a run, by the name.
    async fn check(&self, repository: &RepositoryId, oid: &str, name: &str, outcome: CheckOutcome) {
        if name == "ci/test" {
            let state = match outcome {
                CheckOutcome::Pending => ("in_progress", None),
                CheckOutcome::Green => ("completed", Some("success")),
                CheckOutcome::Red | CheckOutcome::Neutral => ("completed", Some("failure")),
            };
            return self.ran(repository, oid, name, 1, state);
        }
        let state = match outcome {
            CheckOutcome::Pending => "pending",
            CheckOutcome::Green => "success",
            CheckOutcome::Red | CheckOutcome::Neutral => "failure",
        };
        let status = serde_json::json!({"context": name, "state": state, "description": null});
        let mut github = self.server.forge.lock().unwrap();
        github.of(&name_of(repository)).statuses.entry(oid.to_owned()).or_default().push(status);
    }

    async fn settle(&self, _repository: &RepositoryId, _number: u64) {}

    async fn open_issue_as_person(&self, repository: &RepositoryId, title: &str) {
        let mut github = self.server.forge.lock().unwrap();
        let updated = github.now();
        let at = github.of(&name_of(repository));
        let (author, title) = ("writer".to_owned(), title.to_owned());
        let number = at.next_number();
        at.issues.insert(number, Issue { author, title, body: String::new(), is_open: true, updated });
    }

    async fn edit_issue(&self, repository: &RepositoryId, number: u64, body: &str) {
        let mut github = self.server.forge.lock().unwrap();
        let updated = github.now();
        let issue = github.of(&name_of(repository)).issues.get_mut(&number).unwrap();
        (issue.body, issue.updated) = (body.to_owned(), updated);
    }

    async fn switch_issues_off(&self, repository: &RepositoryId) {
        self.server.forge.lock().unwrap().of(&name_of(repository)).has_issues = false;
    }
}

#[tokio::test]
async fn an_account_on_github_keeps_the_contract_of_judgement() {
    let place = Place::start().await;
    contract_of_judgement(&place.forge(), &place).await;
    place.server.assert_documented();
    assert!(place.server.take_seen().len() > 100, "the suite has run");
}

#[tokio::test]
async fn an_app_on_github_keeps_the_contract_of_judgement() {
    let place = Place::start().await;
    contract_of_judgement(&place.app(), &place).await;
    place.server.assert_documented();
    assert!(place.server.take_seen().len() > 100, "the suite has run");
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
