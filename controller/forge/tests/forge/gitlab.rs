//! The contract on GitLab. The server is a fake of it, and what passes is checked against GitLab's own OpenAPI document as
//! far as that goes.

use std::time::Duration;

use async_trait::async_trait;
use kubeopt_forge::contract::{Accounts, Deleted, Fixture, Judges, TakeOff, contract, contract_of_judgement};
use kubeopt_forge::{CheckOutcome, CommentId, GitlabConfig, GitlabForge, Verdict};
use kubeopt_model::{FileSet, ForgeName, RepositoryId};
use kubeopt_net::{RetryPolicy, Secret, SecretSource};

use crate::fake::gitlab::{GitLab, Issue, TOKEN};
use crate::fake::server::Server;

pub(crate) struct Place {
    pub(crate) server: Server<GitLab>,
    /// A group, and a group within it.
    owner: &'static str,
}

impl Place {
    pub(crate) async fn start(owner: &'static str) -> Self {
        Self { server: Server::start(GitLab::new).await, owner }
    }

    pub(crate) fn forge(&self) -> GitlabForge {
        self.forge_with(TOKEN)
    }

    pub(crate) fn forge_with(&self, token: &str) -> GitlabForge {
        let retry =
            RetryPolicy { attempts: 2, first_wait: Duration::ZERO, longest_wait: Duration::from_secs(1) };
        let token = SecretSource::Value(Secret::new(token));
        let config = GitlabConfig {
            write_gap: Duration::ZERO,
            retry,
            ..GitlabConfig::new(self.server.url.clone(), token)
        };
        GitlabForge::new(config).unwrap()
    }
}

pub(crate) fn path_of(repository: &RepositoryId) -> String {
    format!("{}/{}", repository.owner, repository.name)
}

#[async_trait(?Send)]
impl Fixture for Place {
    async fn repository(&self, name: &str, files: &FileSet) -> RepositoryId {
        self.server.forge.lock().unwrap().create(&format!("{}/{name}", self.owner), files);
        let forge = ForgeName::new("gitlab").unwrap();
        RepositoryId { forge, owner: self.owner.to_owned(), name: name.to_owned() }
    }

    async fn commit(&self, repository: &RepositoryId, branch: &str, path: &str, content: &[u8]) -> String {
        let mut gitlab = self.server.forge.lock().unwrap();
        let now = gitlab.now();
        let at = gitlab.of(&path_of(repository));
        let oid = at.git.push(branch, path, content, now);
        for request in
            at.requests.values_mut().filter(|request| request.state == "opened" && request.source == branch)
        {
            (request.sha, request.updated) = (oid.clone(), now);
        }
        oid
    }

    async fn copy_branch(&self, repository: &RepositoryId, from: &str, to: &str) {
        let mut gitlab = self.server.forge.lock().unwrap();
        let git = &gitlab.of(&path_of(repository)).git;
        git.set(to, &git.head(from).unwrap());
    }

    async fn merge(&self, repository: &RepositoryId, number: u64) -> String {
        let mut gitlab = self.server.forge.lock().unwrap();
        let now = gitlab.now();
        let at = gitlab.of(&path_of(repository));
        let request = at.requests.get_mut(&number).unwrap();
        assert!(request.state == "opened" && !request.title.starts_with("Draft:"), "a draft is not merged");
        let oid = at.git.merge(&request.sha, &request.target, now);
        (request.state, request.merge_commit, request.updated) = ("merged", Some(oid.clone()), now);
        oid
    }

    async fn file(&self, repository: &RepositoryId, branch: &str, path: &str) -> Option<Vec<u8>> {
        self.server.forge.lock().unwrap().of(&path_of(repository)).git.file(branch, path)
    }

    async fn comments(&self, repository: &RepositoryId, number: u64) -> Vec<String> {
        let mut gitlab = self.server.forge.lock().unwrap();
        let notes = gitlab.of(&path_of(repository)).notes.values();
        notes.filter(|note| note.request == number && !note.is_system).map(|note| note.body.clone()).collect()
    }

    async fn comment(&self, repository: &RepositoryId, number: u64, text: &str) -> u64 {
        self.server.forge.lock().unwrap().say_at(&path_of(repository), number, "writer", text)
    }

    async fn edit_comment(&self, repository: &RepositoryId, comment: CommentId, text: &str) {
        let mut gitlab = self.server.forge.lock().unwrap();
        let now = gitlab.now();
        let found = gitlab.of(&path_of(repository)).notes.get_mut(&comment.id).unwrap();
        (found.body, found.updated) = (text.to_owned(), now);
    }

    async fn delete_comment(&self, repository: &RepositoryId, comment: CommentId) -> Deleted {
        self.server.forge.lock().unwrap().of(&path_of(repository)).notes.remove(&comment.id);
        Deleted::Yes
    }

    async fn reactions(&self, repository: &RepositoryId, comment: CommentId) -> Vec<String> {
        let mut gitlab = self.server.forge.lock().unwrap();
        let found = &gitlab.of(&path_of(repository)).notes[&comment.id];
        let mut words: Vec<String> = found.awards.iter().map(|(_, word)| word.clone()).collect();
        words.sort();
        words
    }

    async fn accounts(&self, _repository: &RepositoryId) -> Accounts {
        let [writer, reader, nobody] = ["writer", "reader", "nobody"].map(str::to_owned);
        Accounts { writer, reader, nobody }
    }

    async fn statuses(&self, repository: &RepositoryId, oid: &str) -> Vec<(String, String, String)> {
        let mut gitlab = self.server.forge.lock().unwrap();
        let put = gitlab.of(&path_of(repository)).statuses.get(oid).cloned().unwrap_or_default();
        let text = |status: &serde_json::Value, name: &str| {
            let text = status[name].as_str().unwrap_or_default();
            if text == "failed" { "failure".to_owned() } else { text.to_owned() }
        };
        let last: std::collections::BTreeMap<String, (String, String)> = put
            .iter()
            .map(|status| (text(status, "name"), (text(status, "status"), text(status, "description"))))
            .collect();
        last.into_iter().map(|(context, (state, description))| (context, state, description)).collect()
    }

    async fn take_off(&self, repository: &RepositoryId, number: u64, what: TakeOff<'_>) {
        let mut gitlab = self.server.forge.lock().unwrap();
        let request = gitlab.of(&path_of(repository)).requests.get_mut(&number).unwrap();
        let gone = match what {
            TakeOff::Label(name) => request.labels.remove(name),
            TakeOff::Reviewer(name) => request.reviewers.remove(name),
            TakeOff::Assignee(name) => request.assignees.remove(name),
        };
        assert!(gone, "{what:?}");
    }
}

impl Place {
    /// A status of a pipeline of a branch.
    pub(crate) fn ran(
        &self,
        repository: &RepositoryId,
        oid: &str,
        name: &str,
        of: &str,
        status: (&str, bool),
    ) {
        let mut gitlab = self.server.forge.lock().unwrap();
        let id = gitlab.next_id();
        let status = serde_json::json!({
            "id": id, "sha": oid, "status": status.0, "name": name, "ref": of, "allow_failure": status.1,
            "description": null, "target_url": null,
        });
        gitlab.of(&path_of(repository)).statuses.entry(oid.to_owned()).or_default().push(status);
    }
}

#[async_trait(?Send)]
impl Judges for Place {
    async fn review(&self, repository: &RepositoryId, number: u64, by: &str, verdict: Verdict) {
        let mut gitlab = self.server.forge.lock().unwrap();
        let now = gitlab.now();
        let request = gitlab.of(&path_of(repository)).requests.get_mut(&number).unwrap();
        request.approvals.retain(|(who, _)| who != by);
        let state = match verdict {
            Verdict::Approved => {
                request.approvals.push((by.to_owned(), Some(now)));
                "approved"
            }
            Verdict::ChangesRequested => "requested_changes",
            Verdict::Commented => "reviewed",
        };
        request.states.insert(by.to_owned(), state);
        request.updated = now;
    }

    async fn dismiss(&self, repository: &RepositoryId, number: u64, of: &str) {
        let mut gitlab = self.server.forge.lock().unwrap();
        let request = gitlab.of(&path_of(repository)).requests.get_mut(&number).unwrap();
        request.approvals.retain(|(who, _)| who != of);
        request.states.insert(of.to_owned(), "unapproved");
    }

    async fn check(&self, repository: &RepositoryId, oid: &str, name: &str, outcome: CheckOutcome) {
        let status = match outcome {
            CheckOutcome::Pending => "running",
            CheckOutcome::Green => "success",
            CheckOutcome::Red | CheckOutcome::Neutral => "failed",
        };
        self.ran(repository, oid, name, "kubeopt/check", (status, false));
    }

    async fn settle(&self, _repository: &RepositoryId, _number: u64) {}

    async fn open_issue_as_person(&self, repository: &RepositoryId, title: &str) {
        let mut gitlab = self.server.forge.lock().unwrap();
        let updated = gitlab.now();
        let at = gitlab.of(&path_of(repository));
        let (author, title) = ("writer".to_owned(), title.to_owned());
        let iid = at.issues.len() as u64 + 1;
        at.issues.insert(iid, Issue { author, title, description: String::new(), is_open: true, updated });
    }

    async fn edit_issue(&self, repository: &RepositoryId, number: u64, body: &str) {
        let mut gitlab = self.server.forge.lock().unwrap();
        let updated = gitlab.now();
        let issue = gitlab.of(&path_of(repository)).issues.get_mut(&number).unwrap();
        (issue.description, issue.updated) = (body.to_owned(), updated);
    }

    async fn switch_issues_off(&self, repository: &RepositoryId) {
        self.server.forge.lock().unwrap().of(&path_of(repository)).has_issues = false;
    }
}

#[tokio::test]
async fn gitlab_keeps_the_contract_of_judgement() {
    let place = Place::start("acme").await;
    contract_of_judgement(&place.forge(), &place).await;
    place.server.assert_documented();
    assert!(place.server.take_seen().len() > 100, "the suite has run");
}

#[tokio::test]
async fn gitlab_keeps_the_contract() {
    let place = Place::start("acme").await;
    let forge = place.forge();
    contract(&forge, &place).await;
    place.server.assert_documented();
    assert!(place.server.take_seen().len() > 500, "the suite has run");
}
