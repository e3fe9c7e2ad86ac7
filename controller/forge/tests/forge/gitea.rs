//! How answers of Gitea are taken, good and bad, on a server that says what it is told.

use std::time::Duration;

use kubeopt_forge::{
    Forge as _, ForgeError, GiteaConfig, GiteaForge, NewPullRequest, PullRequestQuery, PullRequestUpdate,
    StateFilter,
};
use kubeopt_model::{ForgeName, Problem, RepositoryId};
use kubeopt_net::{RetryPolicy, Secret, SecretSource, Url};
use serde_json::{Value, json};
use wiremock::matchers::{any, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TOKEN: &str = "0123456789abcdef0123456789abcdef01234567";
const PULLS: &str = "/api/v1/repos/acme/gitops/pulls";

pub(crate) fn repository() -> RepositoryId {
    let forge = ForgeName::new("gitea").unwrap();
    RepositoryId { forge, owner: "acme".to_owned(), name: "gitops".to_owned() }
}

pub(crate) fn forge_at(url: &str) -> GiteaForge {
    let token = SecretSource::Value(Secret::new(TOKEN));
    let retry = RetryPolicy { attempts: 2, first_wait: Duration::ZERO, longest_wait: Duration::from_secs(1) };
    let config =
        GiteaConfig { write_gap: Duration::ZERO, retry, ..GiteaConfig::new(Url::parse(url).unwrap(), token) };
    GiteaForge::new(config).unwrap()
}

pub(crate) fn pull(number: u64, head: &str) -> Value {
    json!({
        "number": number, "title": "t", "body": "b", "state": "open", "merged": false, "merge_commit_sha": null,
        "user": {"login": "bot"}, "labels": [], "created_at": "2026-11-20T08:00:00Z",
        "updated_at": "2026-11-20T09:00:00+01:00", "html_url": "https://evil.example/",
        "base": {"label": "main", "ref": "main", "sha": "aa", "repo_id": 7},
        "head": {"label": head, "ref": head, "sha": "bb", "repo_id": 7},
    })
}

fn all_of_kubeopt(state: StateFilter) -> PullRequestQuery {
    PullRequestQuery::with_prefix("kubeopt/", state)
}

async fn answering(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(response).mount(&server).await;
    server
}

#[tokio::test]
async fn each_status_has_its_meaning() {
    let said = json!({"message": "the server's\nreason", "url": "x"});
    for (status, code, transient) in [
        (401, "E-FRG-001", false),
        (403, "E-FRG-002", false),
        (423, "E-FRG-002", false),
        (404, "E-FRG-003", false),
        (409, "E-FRG-004", true),
        (412, "E-FRG-004", true),
        (429, "E-FRG-005", true),
        (500, "E-FRG-006", true),
        (503, "E-FRG-006", true),
        (413, "E-FRG-009", false),
        (422, "E-FRG-010", false),
    ] {
        let server = answering(ResponseTemplate::new(status).set_body_json(&said)).await;
        let error = forge_at(&server.uri()).comment(&repository(), 1, "x").await.unwrap_err();
        assert_eq!((error.code(), error.is_transient()), (code, transient), "{status}: {error}");
        let seen = server.received_requests().await.unwrap();
        let writes = seen.iter().filter(|request| request.method.as_str() == "POST").count();
        assert_eq!(writes, 1, "a write is never repeated");
        let problem = Problem::from(error);
        assert!(!problem.help.is_empty() && !problem.text.contains('\n'), "{problem}");
        assert!(!format!("{problem:?}").contains(TOKEN));
    }
}

#[tokio::test]
async fn a_limit_silences_all_calls_until_its_end() {
    for status in [429, 403] {
        let server = answering(ResponseTemplate::new(status).insert_header("retry-after", "3000")).await;
        let forge = forge_at(&server.uri());
        let first = forge.comment(&repository(), 1, "x").await;
        assert_eq!(first, Err(ForgeError::RateLimited { retry_after: Some(Duration::from_secs(3000)) }));
        for outcome in [
            forge.comment(&repository(), 1, "x").await.map(drop),
            forge.branch(&repository(), "main").await.map(drop),
            forge.pull_requests(&repository(), &all_of_kubeopt(StateFilter::Open)).await.map(drop),
        ] {
            assert!(matches!(outcome, Err(ForgeError::RateLimited { .. })), "{outcome:?}");
        }
        assert_eq!(server.received_requests().await.unwrap().len(), 1, "nothing more was sent");
    }
}

#[tokio::test]
async fn reads_are_repeated_when_a_proxy_says_not_now() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(502)).up_to_n_times(1).mount(&server).await;
    let facts = json!({"id": 7, "default_branch": "main", "permissions": {"push": true}, "archived": true});
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(facts)).mount(&server).await;
    let found = forge_at(&format!("{}/git/", server.uri())).repository(&repository()).await.unwrap();
    assert_eq!((found.id.as_str(), found.archived, found.may_write), ("7", true, false));
    assert_eq!(found.clone_url, format!("{}/git/acme/gitops.git", server.uri()));
    let seen = server.received_requests().await.unwrap();
    assert_eq!(seen[1].url.path(), "/git/api/v1/repos/acme/gitops");
    assert_eq!(seen[1].headers["authorization"], format!("Bearer {TOKEN}").as_str());
}

#[tokio::test]
async fn a_list_that_ends_before_its_total_is_an_error() {
    let server = MockServer::start().await;
    let page = |items: Vec<Value>| {
        ResponseTemplate::new(200).insert_header("x-total-count", "60").set_body_json(items)
    };
    let first: Vec<Value> = (1..=50).map(|number| pull(number, "kubeopt/x")).collect();
    Mock::given(query_param("page", "1")).respond_with(page(first)).mount(&server).await;
    Mock::given(any()).respond_with(page(Vec::new())).mount(&server).await;
    let outcome =
        forge_at(&server.uri()).pull_requests(&repository(), &all_of_kubeopt(StateFilter::Open)).await;
    assert!(matches!(outcome, Err(ForgeError::Malformed { .. })), "{outcome:?}");
}

#[tokio::test]
async fn small_pages_and_missing_totals_are_read_to_the_end() {
    for total in [Some("5"), None] {
        let server = MockServer::start().await;
        for (number, items) in [("1", vec![1, 2]), ("2", vec![3, 4]), ("3", vec![5]), ("4", vec![])] {
            let items: Vec<Value> = items.into_iter().map(|n| pull(n, "kubeopt/x")).collect();
            let mut answer = ResponseTemplate::new(200).set_body_json(items);
            if let Some(total) = total {
                answer = answer.insert_header("x-total-count", total);
            }
            Mock::given(query_param("page", number)).respond_with(answer).mount(&server).await;
        }
        let found = forge_at(&server.uri())
            .pull_requests(&repository(), &all_of_kubeopt(StateFilter::Open))
            .await
            .unwrap();
        assert_eq!(found.len(), 5, "{total:?}");
    }
}

#[tokio::test]
async fn an_endless_list_is_left_at_its_bound() {
    let server = answering(ResponseTemplate::new(200).set_body_json([pull(1, "kubeopt/x")])).await;
    let outcome =
        forge_at(&server.uri()).pull_requests(&repository(), &all_of_kubeopt(StateFilter::All)).await;
    assert!(matches!(outcome, Err(ForgeError::TooLarge { .. })), "{outcome:?}");
    assert_eq!(server.received_requests().await.unwrap().len(), 100);
}

#[tokio::test]
async fn a_long_past_is_left_where_it_is_old_enough() {
    let server = answering(
        ResponseTemplate::new(200)
            .insert_header("x-total-count", "4000")
            .set_body_json([pull(1, "kubeopt/x"), pull(2, "kubeopt/y")]),
    )
    .await;
    let since: kubeopt_model::Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
    let query = PullRequestQuery {
        updated_since_unix_s: Some(since.as_second()),
        ..all_of_kubeopt(StateFilter::All)
    };
    let found = forge_at(&server.uri()).pull_requests(&repository(), &query).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn requests_from_forks_are_not_taken_for_our_own() {
    let mut fork = pull(1, "kubeopt/x");
    fork["head"]["repo_id"] = json!(8);
    let mut gone = pull(2, "kubeopt/x");
    gone["head"]["repo_id"] = json!(-1);
    let mut deleted_branch = pull(3, "kubeopt/x");
    deleted_branch["head"]["ref"] = json!("refs/pull/3/head");
    let foreign_branch = pull(4, "feature");
    let list = [fork, gone, deleted_branch, foreign_branch];
    let answer = ResponseTemplate::new(200).insert_header("x-total-count", "4").set_body_json(list);
    let server = answering(answer).await;
    let found = forge_at(&server.uri())
        .pull_requests(&repository(), &all_of_kubeopt(StateFilter::Open))
        .await
        .unwrap();
    assert_eq!(found.iter().map(|pull| pull.number).collect::<Vec<_>>(), [3]);
    assert_eq!(found[0].url, format!("{}/acme/gitops/pulls/3", server.uri()), "not the answer's address");
    assert_eq!(found[0].updated_unix_s, found[0].created_unix_s);
}

#[tokio::test]
async fn answers_of_another_shape_are_malformed() {
    let mut odd = pull(1, "kubeopt/x");
    odd["state"] = json!("half-open");
    for body in [json!("<html>").to_string(), "<html>login</html>".to_owned(), json!([odd]).to_string()] {
        let answer = ResponseTemplate::new(200).insert_header("x-total-count", "1").set_body_string(body);
        let server = answering(answer).await;
        let outcome =
            forge_at(&server.uri()).pull_requests(&repository(), &all_of_kubeopt(StateFilter::Open)).await;
        assert!(matches!(outcome, Err(ForgeError::Malformed { .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_second_open_gives_the_one_that_made_it_fail() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(409)).mount(&server).await;
    let list = ResponseTemplate::new(200)
        .insert_header("x-total-count", "2")
        .set_body_json([pull(4, "kubeopt/other"), pull(5, "kubeopt/x")]);
    Mock::given(method("GET")).and(path(PULLS)).respond_with(list).mount(&server).await;
    let new = NewPullRequest {
        title: "t".to_owned(),
        is_draft: false,
        body: "b".to_owned(),
        head: "kubeopt/x".to_owned(),
        base: "main".to_owned(),
        labels: Vec::new(),
    };
    let found = forge_at(&server.uri()).open_pull_request(&repository(), &new).await.unwrap();
    assert_eq!(found.number, 5);
}

#[tokio::test]
async fn a_label_that_may_not_be_made_keeps_no_request_back() {
    let server = MockServer::start().await;
    let labels = path("/api/v1/repos/acme/gitops/labels");
    Mock::given(method("GET"))
        .and(path("/api/v1/repos/acme/gitops/labels"))
        .respond_with(
            ResponseTemplate::new(200)
                .set_body_json([json!({"id": 3, "name": "known"})])
                .insert_header("x-total-count", "1"),
        )
        .mount(&server)
        .await;
    Mock::given(method("POST")).and(labels).respond_with(ResponseTemplate::new(403)).mount(&server).await;
    Mock::given(method("POST"))
        .and(path(PULLS))
        .respond_with(ResponseTemplate::new(201).set_body_json(pull(1, "kubeopt/x")))
        .mount(&server)
        .await;
    let new = NewPullRequest {
        title: "t".to_owned(),
        is_draft: false,
        body: "b".to_owned(),
        head: "kubeopt/x".to_owned(),
        base: "main".to_owned(),
        labels: vec!["known".to_owned(), "new".to_owned()],
    };
    forge_at(&server.uri()).open_pull_request(&repository(), &new).await.unwrap();
    let seen = server.received_requests().await.unwrap();
    let sent: Value = serde_json::from_slice(&seen.last().unwrap().body).unwrap();
    assert_eq!(sent["labels"], json!([3]));
}

#[tokio::test]
async fn an_update_without_a_difference_sends_nothing() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(pull(1, "kubeopt/x"));
    Mock::given(method("GET")).respond_with(answer).mount(&server).await;
    let same = PullRequestUpdate { body: Some("b".to_owned()), ..PullRequestUpdate::default() };
    forge_at(&server.uri()).update_pull_request(&repository(), 1, &same).await.unwrap();
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_first_word_of_a_title_says_whether_it_is_a_draft() {
    let (text, title) = (|text: &str| Some(text.to_owned()), |title: &str| json!({ "title": title }));
    // What stands there, what is asked for, and what is sent: nothing where it is so already.
    for (there, wanted, is_draft, sent) in [
        ("WIP: t", None, Some(false), Some(title("t"))),
        ("[wip]t", None, Some(false), Some(title("t"))),
        ("t", None, Some(true), Some(title("WIP: t"))),
        ("[Wip] t", text("u"), None, Some(title("WIP: u"))),
        ("WIP: t", text("u"), Some(false), Some(title("u"))),
        ("[Wip] t", text("t"), Some(true), None),
        ("t", text("WIP: t"), None, None),
    ] {
        let server = MockServer::start().await;
        let mut found = pull(1, "kubeopt/x");
        found["title"] = json!(there);
        Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(found)).mount(&server).await;
        let update = PullRequestUpdate { title: wanted, is_draft, ..PullRequestUpdate::default() };
        let read = forge_at(&server.uri()).update_pull_request(&repository(), 1, &update).await.unwrap();
        assert_eq!((read.title.as_str(), read.is_draft), ("t", there != "t"), "{there}");
        let seen = server.received_requests().await.unwrap();
        let patch = seen.iter().find(|request| request.method.as_str() == "PATCH");
        let body: Option<Value> = patch.map(|request| serde_json::from_slice(&request.body).unwrap());
        assert_eq!(body, sent, "{there}, {update:?}");
    }
}

#[tokio::test]
async fn names_cannot_lead_to_another_address() {
    let server = answering(ResponseTemplate::new(500)).await;
    let forge = forge_at(&server.uri());
    for (owner, name) in [("..", "gitops"), ("acme", ".."), ("acme", ""), (".", "x")] {
        let id = RepositoryId { owner: owner.to_owned(), name: name.to_owned(), ..repository() };
        assert!(matches!(forge.repository(&id).await, Err(ForgeError::Refused { .. })), "{owner}/{name}");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
    let slashed = RepositoryId { owner: "a/../b?x#y".to_owned(), ..repository() };
    assert!(forge.repository(&slashed).await.is_err());
    let seen = server.received_requests().await.unwrap();
    assert!(seen[0].url.path().starts_with("/api/v1/repos/a%2F..%2Fb%3Fx%23y/"), "{}", seen[0].url);
}
