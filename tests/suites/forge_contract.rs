//! The contract of a forge on a real Gitea, with an account that may do no more than the documentation asks for.

use std::time::Duration;

use async_trait::async_trait;
use kubeopt_forge::contract::{Accounts, Deleted, Fixture, Judges, TakeOff, contract, contract_of_judgement};
use kubeopt_forge::{
    AuthorKind, CheckOutcome, CommentId, Conversation as _, Forge as _, ForgeError, GiteaConfig, GiteaForge,
    Judgement as _, MergeOrder, PullRequestQuery, StateFilter, Tracking as _, Verdict,
};
use kubeopt_model::{FileSet, ForgeName, RepositoryId, Timestamp};
use kubeopt_net::{Secret, SecretSource, Url};
use kubeopt_tests::gitea::{Account, Gitea, Repository};
use kubeopt_tests::{servers_enabled, wait};
use reqwest::Method;
use serde_json::{Value, json};

struct People {
    gitea: Gitea,
    owner: Account,
    bot: Account,
    writer: Account,
    reader: Account,
}

impl People {
    fn named(&self, repository: &RepositoryId) -> Repository {
        let full_name = repository.to_string();
        let clone_url = format!("{}/{full_name}.git", self.gitea.url());
        Repository { full_name, clone_url }
    }
}

#[async_trait(?Send)]
impl Fixture for People {
    async fn repository(&self, name: &str, files: &FileSet) -> RepositoryId {
        let texts: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, bytes)| (path.as_str(), std::str::from_utf8(bytes).expect("the suite writes text")))
            .collect();
        let made = self.gitea.repository(&self.owner, name, &texts).await;
        self.gitea.collaborator(&made, &self.bot, "write").await;
        let forge = ForgeName::new("gitea").expect("a valid name");
        RepositoryId { forge, owner: self.owner.name.clone(), name: name.to_owned() }
    }

    async fn commit(&self, repository: &RepositoryId, branch: &str, path: &str, content: &[u8]) -> String {
        let text = std::str::from_utf8(content).expect("the suite writes text");
        self.gitea.commit(&self.owner, &self.named(repository), branch, &[(path, text)], "By hand").await
    }

    async fn copy_branch(&self, repository: &RepositoryId, from: &str, to: &str) {
        let wanted = json!({ "old_ref_name": from, "new_branch_name": to });
        let path = format!("/repos/{repository}/branches");
        self.gitea.call_as(&self.owner.token, Method::POST, &path, Some(&wanted)).await;
    }

    async fn merge(&self, repository: &RepositoryId, number: u64) -> String {
        self.gitea.merge(&self.owner, &self.named(repository), number).await
    }

    async fn file(&self, repository: &RepositoryId, branch: &str, path: &str) -> Option<Vec<u8>> {
        let mut url = Url::parse("http://gitea").expect("a valid address");
        url.path_segments_mut().expect("http has a path").extend(path.split('/'));
        let encoded = url.path().trim_start_matches('/');
        self.gitea.file(&self.named(repository), branch, encoded).await.map(String::into_bytes)
    }

    async fn comments(&self, repository: &RepositoryId, number: u64) -> Vec<String> {
        let found = self.gitea.comments(&self.named(repository), number).await;
        texts(&Value::Array(found), "body")
    }

    async fn comment(&self, repository: &RepositoryId, number: u64, text: &str) -> u64 {
        self.gitea.comment(&self.owner, &self.named(repository), number, text).await
    }

    async fn edit_comment(&self, repository: &RepositoryId, comment: CommentId, text: &str) {
        let path = format!("/repos/{repository}/issues/comments/{}", comment.id);
        let put = async |text: &str| {
            let wanted = json!({ "body": text });
            self.gitea.call_as(&self.owner.token, Method::PATCH, &path, Some(&wanted)).await
        };
        let mut tries = 0;
        // Gitea counts in seconds, and kubeopt forgives one of them. The same text again would be no change.
        wait::until("Gitea's clock to go on by two seconds", Duration::from_secs(60), async || {
            tries += 1;
            let now = put(&format!("{text} {tries}")).await;
            let at = |key: &str| now[key].as_str().and_then(|text| text.parse::<Timestamp>().ok());
            let [Some(created), Some(updated)] = [at("created_at"), at("updated_at")] else {
                return Err(format!("no times: {now}"));
            };
            if updated.as_second() >= created.as_second() + 2 { Ok(()) } else { Err(updated.to_string()) }
        })
        .await;
        put(text).await;
    }

    async fn delete_comment(&self, repository: &RepositoryId, comment: CommentId) -> Deleted {
        let path = format!("/repos/{repository}/issues/comments/{}", comment.id);
        self.gitea.call_as(&self.owner.token, Method::DELETE, &path, None).await;
        Deleted::Yes
    }

    async fn reactions(&self, repository: &RepositoryId, comment: CommentId) -> Vec<String> {
        let path = format!("/repos/{repository}/issues/comments/{}/reactions", comment.id);
        let found = self.gitea.call_as(&self.owner.token, Method::GET, &path, None).await;
        let mut words = texts(&found, "content");
        words.sort();
        words
    }

    async fn accounts(&self, repository: &RepositoryId) -> Accounts {
        self.gitea.collaborator(&self.named(repository), &self.writer, "write").await;
        self.gitea.collaborator(&self.named(repository), &self.reader, "read").await;
        let (writer, reader) = (self.writer.name.clone(), self.reader.name.clone());
        Accounts { writer, reader, nobody: "nobody-at-all".to_owned() }
    }

    async fn statuses(&self, repository: &RepositoryId, oid: &str) -> Vec<(String, String, String)> {
        let path = format!("/repos/{repository}/commits/{oid}/status");
        let found = self.gitea.call_as(&self.owner.token, Method::GET, &path, None).await;
        let [contexts, states, descriptions] =
            ["context", "status", "description"].map(|key| texts(&found["statuses"], key));
        let mut all: Vec<_> =
            contexts.into_iter().zip(states).zip(descriptions).map(|((a, b), c)| (a, b, c)).collect();
        all.sort();
        all
    }

    async fn take_off(&self, repository: &RepositoryId, number: u64, what: TakeOff<'_>) {
        let pull = format!("/repos/{repository}/pulls/{number}");
        let call = async |method: Method, path: &str, body: Option<&Value>| {
            self.gitea.call_as(&self.owner.token, method, path, body).await
        };
        match what {
            TakeOff::Label(name) => {
                let path = format!("/repos/{repository}/issues/{number}/labels");
                let found = call(Method::GET, &path, None).await;
                let found = found.as_array().expect("a list of labels");
                let label = found.iter().find(|label| label["name"] == name).expect("the label is there");
                call(Method::DELETE, &format!("{path}/{}", label["id"]), None).await;
            }
            TakeOff::Reviewer(name) => {
                let wanted = json!({ "reviewers": [name] });
                call(Method::DELETE, &format!("{pull}/requested_reviewers"), Some(&wanted)).await;
            }
            TakeOff::Assignee(name) => {
                let mut left = texts(&call(Method::GET, &pull, None).await["assignees"], "login");
                left.retain(|login| login != name);
                call(Method::PATCH, &pull, Some(&json!({ "assignees": left }))).await;
            }
        }
    }
}

impl People {
    fn token_of(&self, login: &str) -> &str {
        let all = [&self.owner, &self.writer, &self.reader];
        &all.into_iter().find(|account| account.name == login).expect("an account of the suite").token
    }

    async fn by_owner(&self, method: Method, path: &str, body: &Value) -> Value {
        self.gitea.call_as(&self.owner.token, method, path, Some(body)).await
    }
}

#[async_trait(?Send)]
impl Judges for People {
    async fn review(&self, repository: &RepositoryId, number: u64, by: &str, verdict: Verdict) {
        let event = match verdict {
            Verdict::Approved => "APPROVED",
            Verdict::ChangesRequested => "REQUEST_CHANGES",
            Verdict::Commented => "COMMENT",
        };
        let path = format!("/repos/{repository}/pulls/{number}/reviews");
        let wanted = json!({ "event": event, "body": "looked at" });
        self.gitea.call_as(self.token_of(by), Method::POST, &path, Some(&wanted)).await;
    }

    async fn dismiss(&self, repository: &RepositoryId, number: u64, of: &str) {
        let path = format!("/repos/{repository}/pulls/{number}/reviews");
        let all = self.gitea.call_as(&self.owner.token, Method::GET, &path, None).await;
        let theirs = |review: &&Value| review["user"]["login"] == of && review["state"] != "COMMENT";
        let last = all.as_array().and_then(|all| all.iter().rev().find(theirs)).expect("there is a review");
        let path = format!("{path}/{}/dismissals", last["id"]);
        self.by_owner(Method::POST, &path, &json!({ "message": "outdated" })).await;
    }

    async fn check(&self, repository: &RepositoryId, oid: &str, name: &str, outcome: CheckOutcome) {
        let state = match outcome {
            CheckOutcome::Pending => "pending",
            CheckOutcome::Green => "success",
            CheckOutcome::Red | CheckOutcome::Neutral => "failure",
        };
        let path = format!("/repos/{repository}/statuses/{oid}");
        self.by_owner(Method::POST, &path, &json!({ "context": name, "state": state })).await;
    }

    async fn settle(&self, repository: &RepositoryId, number: u64) {
        let path = format!("/repos/{repository}/pulls/{number}");
        wait::until("Gitea to compare both sides", Duration::from_secs(60), async || {
            let pull = self.gitea.call_as(&self.owner.token, Method::GET, &path, None).await;
            if pull["mergeable"] == true { Ok(()) } else { Err(pull["mergeable"].to_string()) }
        })
        .await;
    }

    async fn open_issue_as_person(&self, repository: &RepositoryId, title: &str) {
        let path = format!("/repos/{repository}/issues");
        self.by_owner(Method::POST, &path, &json!({ "title": title })).await;
    }

    async fn edit_issue(&self, repository: &RepositoryId, number: u64, body: &str) {
        let path = format!("/repos/{repository}/issues/{number}");
        self.by_owner(Method::PATCH, &path, &json!({ "body": body })).await;
    }

    async fn switch_issues_off(&self, repository: &RepositoryId) {
        let path = format!("/repos/{repository}");
        self.by_owner(Method::PATCH, &path, &json!({ "has_issues": false })).await;
    }
}

/// One text of each item of a list.
fn texts(list: &Value, key: &str) -> Vec<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item[key].as_str()).map(str::to_owned).collect()
}

#[tokio::test]
async fn gitea_keeps_the_contract() {
    if !servers_enabled() {
        return;
    }
    let gitea = Gitea::start().await;
    let owner = gitea.user("person").await;
    let bot = gitea.user("kubeopt-bot").await;
    let token = gitea.token("kubeopt-bot", &["write:repository", "write:issue"]).await;
    let config = GiteaConfig {
        write_gap: Duration::ZERO,
        ..GiteaConfig::new(
            Url::parse(gitea.url()).expect("the harness gives a URL"),
            SecretSource::Value(Secret::new(token)),
        )
    };
    let forge = GiteaForge::new(config.clone()).expect("the client is set up");
    let writer = gitea.user("writer").await;
    let reader = gitea.user("reader").await;
    let people = People { gitea, owner, bot, writer, reader };
    contract(&forge, &people).await;
    contract_of_judgement(&forge, &people).await;
    what_a_protected_branch_lacks_is_told(&forge, &people).await;

    // Another process with the same token, which may not read users and has written nothing yet.
    let anew = GiteaForge::new(config).expect("the client is set up");
    let replies = RepositoryId {
        forge: ForgeName::new("gitea").expect("a valid name"),
        owner: "person".to_owned(),
        name: "forged".to_owned(),
    };
    let heard = anew.comments(&replies, Timestamp::UNIX_EPOCH).await.expect("the comments are read");
    let kinds: Vec<_> = heard.into_iter().map(|comment| comment.author.kind).collect();
    assert_eq!(kinds, [AuthorKind::Person, AuthorKind::Own], "it knows its own comments");

    let tracked = RepositoryId { name: "tracked".to_owned(), ..replies };
    let issues = anew.own_issues(&tracked).await.map(|found| found.len());
    assert_eq!(issues, Ok(2), "it knows its own issues");

    let last = RepositoryId {
        forge: ForgeName::new("gitea").expect("a valid name"),
        owner: "person".to_owned(),
        name: "many".to_owned(),
    };
    assert!(forge.repository(&last).await.is_ok_and(|facts| facts.may_write), "the suite has run to its end");
}

/// A merge that the protection of the base branch keeps kubeopt from, until a person approves.
async fn what_a_protected_branch_lacks_is_told(forge: &GiteaForge, people: &People) {
    let name = |name: &str| RepositoryId {
        forge: ForgeName::new("gitea").expect("a valid name"),
        owner: "person".to_owned(),
        name: name.to_owned(),
    };
    let repository = name("overtaken");
    let rule = json!({ "rule_name": "main", "required_approvals": 2 });
    people.by_owner(Method::POST, &format!("/repos/{repository}/branch_protections"), &rule).await;
    let query = PullRequestQuery::with_prefix("kubeopt/", StateFilter::Open);
    let pull = forge.pull_requests(&repository, &query).await.expect("the list is read").remove(0);
    people.settle(&repository, pull.number).await;
    let order = MergeOrder {
        head_oid: pull.head_oid.clone(),
        title: pull.title.clone(),
        message: "within the policy".to_owned(),
    };
    let outcome = forge.merge(&repository, pull.number, &order).await;
    let Err(error @ ForgeError::MergeBlocked { .. }) = outcome else {
        panic!("the protection holds: {outcome:?}")
    };
    let problem = error.problem();
    assert!(problem.text.contains("approvals") && problem.help.contains("approvals"), "{problem}");
}
