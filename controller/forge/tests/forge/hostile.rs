//! Servers that answer anything: no answer makes a forge stumble, and none is taken for an answer of the forge.

use std::time::Duration;

use kubeopt_forge::{
    Asked, BranchWrite, CommentId, CommitOptions, ExpectedHead, Forge, ForgeError, GithubAuth, GithubConfig,
    GithubForge, GitlabConfig, GitlabForge, NewPullRequest, Person, PullRequestQuery, PullRequestUpdate,
    Reaction, Signing, StateFilter, Status, StatusState,
};
use kubeopt_model::{Change, EditedFile, RepoPath, RepositoryId, Timestamp};
use kubeopt_net::{RetryPolicy, Secret, SecretSource, Url};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::gitea::{forge_at, repository};

const OID: &str = "0123456789abcdef0123456789abcdef01234567";

/// All three that speak over a network.
fn forges(url: &str) -> Vec<(&'static str, Box<dyn Forge>)> {
    let (url, token) = (Url::parse(url).unwrap(), || SecretSource::Value(Secret::new("token-of-a-test")));
    let retry = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    let github = GithubConfig::new(url.clone(), GithubAuth::Token(token()));
    let gitlab = GitlabConfig::new(url.clone(), token());
    vec![
        ("gitea", Box::new(forge_at(url.as_str()))),
        (
            "github",
            Box::new(GithubForge::new(GithubConfig { write_gap: Duration::ZERO, retry, ..github }).unwrap()),
        ),
        (
            "gitlab",
            Box::new(GitlabForge::new(GitlabConfig { write_gap: Duration::ZERO, retry, ..gitlab }).unwrap()),
        ),
    ]
}

/// What each call came to.
async fn every_call(forge: &dyn Forge, id: &RepositoryId) -> Vec<(&'static str, Result<(), ForgeError>)> {
    let content = Change { before: b"a".to_vec(), after: b"b".to_vec() };
    let write = BranchWrite {
        base: "main".to_owned(),
        base_oid: OID.to_owned(),
        branch: "kubeopt/x".to_owned(),
        message: "m".to_owned(),
        files: vec![EditedFile { path: RepoPath::new("a/b.yaml").unwrap(), content }],
        by: Person { name: "k".to_owned(), email: "k@example.org".to_owned() },
        at_unix_s: 0,
        expected: ExpectedHead::Any,
        options: CommitOptions { sign_off: true, signing: Signing::Wanted },
    };
    let new = NewPullRequest {
        title: "t".to_owned(),
        is_draft: true,
        body: "b".to_owned(),
        head: "kubeopt/x".to_owned(),
        base: "main".to_owned(),
        labels: vec!["kubeopt".to_owned()],
    };
    let status = Status {
        context: "kubeopt/verify".to_owned(),
        state: StatusState::Success,
        description: "fine".to_owned(),
        url: None,
    };
    let asked = Asked { wanted: vec!["ada".to_owned()], set_before: vec!["eve".to_owned()] };
    let comment = CommentId { pull_request: 1, id: 2 };
    let query = PullRequestQuery::of_branch("kubeopt/x", StateFilter::All);
    let update = PullRequestUpdate {
        is_draft: Some(true),
        body: Some("x".to_owned()),
        ..PullRequestUpdate::default()
    };
    vec![
        ("repository", forge.repository(id).await.map(drop)),
        ("branch", forge.branch(id, "main").await.map(drop)),
        ("regenerate", forge.regenerate_branch(id, &write).await.map(drop)),
        ("list", forge.pull_requests(id, &query).await.map(drop)),
        ("open", forge.open_pull_request(id, &new).await.map(drop)),
        ("update", forge.update_pull_request(id, 1, &update).await.map(drop)),
        ("comment", forge.comment(id, 1, "x").await.map(drop)),
        ("delete", forge.delete_branch(id, "kubeopt/x", &ExpectedHead::Any).await),
        ("comments", forge.comments(id, Timestamp::UNIX_EPOCH).await.map(drop)),
        ("react", forge.react(id, comment, Reaction::Seen).await),
        ("permission", forge.permission(id, "ada").await.map(drop)),
        ("ensure", forge.ensure_comment(id, 1, "key", "x").await.map(drop)),
        ("status", forge.set_status(id, OID, &status).await),
        ("labels", forge.labels(id, 1, &asked).await.map(drop)),
        ("reviewers", forge.reviewers(id, 1, &asked).await.map(drop)),
        ("assignees", forge.assignees(id, 1, &asked).await.map(drop)),
    ]
}

#[tokio::test]
async fn answers_without_sense_are_errors_and_nothing_stumbles() {
    let deep = "[".repeat(200_000);
    let odd_id =
        r#"{"id": -1, "iid": 18446744073709551616, "number": 1e400, "sha": 7, "state": [], "login": null}"#;
    for body in [
        "",
        "null",
        "true",
        "{}",
        "\"text\"",
        "<html>login</html>",
        "[1, null, {}]",
        "\u{0}\u{1b}[2J",
        &deep,
        odd_id,
    ] {
        let server = MockServer::start().await;
        let link = format!("<{}/next>; rel=\"next\", <::>; rel=\"last\", ;;", server.uri());
        let answer = ResponseTemplate::new(200)
            .insert_header("link", link.as_str())
            .insert_header("x-next-page", "-1")
            .insert_header("x-total-pages", "99999999999999999999")
            .insert_header("x-total-count", "many")
            .insert_header("date", "yesterday")
            .set_body_string(body);
        Mock::given(any()).respond_with(answer).mount(&server).await;
        for (name, forge) in forges(&server.uri()) {
            for (call, outcome) in every_call(forge.as_ref(), &repository()).await {
                match outcome {
                    Err(error) => assert!(!error.problem().text.contains('\u{1b}'), "{name} {call}: {error}"),
                    // What it says of a reaction is not read.
                    Ok(()) => assert_eq!((name, call), ("gitea", "react"), "{body:.40?}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn statuses_mean_the_same_on_every_forge() {
    for (status, code) in [
        (401, "E-FRG-001"),
        (403, "E-FRG-002"),
        (404, "E-FRG-003"),
        (429, "E-FRG-005"),
        (500, "E-FRG-006"),
        (503, "E-FRG-006"),
    ] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_string(r#"{"message": "the server's reason"}"#);
        Mock::given(any()).respond_with(answer).mount(&server).await;
        for (name, forge) in forges(&server.uri()) {
            let error = forge.repository(&repository()).await.unwrap_err();
            assert_eq!(error.code(), code, "{name} {status}");
            for (call, outcome) in every_call(forge.as_ref(), &repository()).await {
                assert!(outcome.is_err(), "{name} {call} takes {status}");
            }
        }
    }
}
