//! How Gitea's answers about reviews, checks, merges and issues are taken, on a server that says what it is told.

use kubeopt_forge::{
    AuthorKind, CheckOutcome, ForgeError, GiteaForge, IssueUpdate, Judgement as _, MergeOrder, Tracking as _,
    Verdict,
};
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::gitea::{forge_at, pull, repository};

const REPOSITORY: &str = "/api/v1/repos/acme/gitops";
const PULL: &str = "/api/v1/repos/acme/gitops/pulls/3";
const OWN: i64 = 7;
const HEAD: &str = "0123456789abcdef0123456789abcdef01234567";
const OLDER: &str = "89abcdef0123456789abcdef0123456789abcdef";
const MERGED: &str = "fedcba9876543210fedcba9876543210fedcba98";

async fn server() -> (MockServer, GiteaForge) {
    let server = MockServer::start().await;
    let own = json!({"id": OWN, "login": "kubeopt-bot"});
    mount(&server, "GET", "/api/v1/user", ResponseTemplate::new(200).set_body_json(own)).await;
    let forge = forge_at(&server.uri());
    (server, forge)
}

async fn mount(server: &MockServer, verb: &str, at: &str, answer: ResponseTemplate) {
    Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(server).await;
}

fn listed(items: &Value, total: usize) -> ResponseTemplate {
    ResponseTemplate::new(200).insert_header("x-total-count", total.to_string().as_str()).set_body_json(items)
}

fn given(user: i64, state: &str, at: u32, oid: &str) -> Value {
    json!({
        "id": at, "user": {"id": user, "login": format!("u{user}")}, "state": state, "commit_id": oid, "stale": false,
        "official": true, "dismissed": false, "submitted_at": format!("2026-11-20T08:00:{at:02}Z"),
    })
}

#[tokio::test]
async fn reviews_tell_whose_they_are_and_for_which_head() {
    let (server, forge) = server().await;
    let mut dismissed = given(2, "APPROVED", 3, HEAD);
    dismissed["dismissed"] = json!(true);
    let mut of_nobody = given(0, "REQUEST_CHANGES", 5, HEAD);
    of_nobody["user"] = Value::Null;
    let items = json!([
        given(1, "REQUEST_CHANGES", 1, OLDER),
        given(1, "APPROVED", 2, OLDER),
        dismissed,
        // Two accounts that are gone look alike: neither takes back what the other one said.
        given(-1, "REQUEST_CHANGES", 4, HEAD),
        of_nobody,
        given(-1, "APPROVED", 6, HEAD),
        given(OWN, "COMMENT", 7, HEAD),
        given(4, "PENDING", 8, HEAD),
        given(5, "REQUEST_REVIEW", 9, HEAD),
        given(6, "", 10, HEAD),
        given(8, "APPROVED", 11, "refs/heads/main"),
    ]);
    mount(&server, "GET", &format!("{PULL}/reviews"), listed(&items, 11)).await;
    let found = forge.reviews(&repository(), 3).await.unwrap();
    let seen: Vec<_> = found
        .iter()
        .map(|review| {
            (review.author.id.as_str(), review.author.kind, review.verdict, review.head_oid.as_deref())
        })
        .collect();
    use AuthorKind::{Bot, Own, Person};
    use Verdict::{Approved, ChangesRequested, Commented};
    assert_eq!(
        seen,
        [
            ("1", Person, Approved, Some(OLDER)),
            ("-1", Bot, ChangesRequested, Some(HEAD)),
            ("0", Bot, ChangesRequested, Some(HEAD)),
            ("-1", Bot, Approved, Some(HEAD)),
            ("7", Own, Commented, Some(HEAD)),
            ("8", Person, Approved, None),
        ]
    );
}

#[tokio::test]
async fn more_reviews_or_checks_than_are_read_are_told_and_not_cut() {
    let (server, forge) = server().await;
    let page: Vec<Value> = (0..50).map(|at| given(at, "APPROVED", 1, HEAD)).collect();
    mount(&server, "GET", &format!("{PULL}/reviews"), listed(&json!(page), 100_000)).await;
    let outcome = forge.reviews(&repository(), 3).await;
    assert!(matches!(outcome, Err(ForgeError::TooLarge { .. })), "{outcome:?}");

    let page: Vec<Value> =
        (0..50).map(|at| json!({"context": format!("c{at}"), "status": "success"})).collect();
    let page = json!({"state": "success", "statuses": page});
    mount(&server, "GET", &format!("{REPOSITORY}/commits/{HEAD}/status"), listed(&page, 10_000)).await;
    let outcome = forge.checks(&repository(), HEAD).await;
    assert!(matches!(outcome, Err(ForgeError::TooLarge { .. })), "{outcome:?}");
    assert!(server.received_requests().await.unwrap().len() < 60, "it stops at the bound");
}

#[tokio::test]
async fn each_state_of_a_status_has_its_outcome_and_the_worst_of_a_name_counts() {
    let (server, forge) = server().await;
    let of = |context: &str, state: &str| json!({"context": context, "status": state});
    let page = |number: &str, items: Value| {
        Mock::given(path(format!("{REPOSITORY}/commits/{HEAD}/status").as_str()))
            .and(query_param("page", number))
            // Older versions do not say how many there are.
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"statuses": items})))
    };
    let first = json!([
        of("a", "pending"),
        of("b", "success"),
        of("c", "failure"),
        of("d", "error"),
        of("e", "warning"),
        of("f", "skipped"),
        of("g", "a word of tomorrow"),
        of("same", "success"),
    ]);
    page("1", first).mount(&server).await;
    page("2", json!([of("same", "failure")])).mount(&server).await;
    page("3", Value::Null).mount(&server).await;
    let found = forge.checks(&repository(), HEAD).await.unwrap();
    let seen: Vec<_> = found.iter().map(|check| (check.name.as_str(), check.outcome)).collect();
    use CheckOutcome::{Green, Neutral, Pending, Red};
    assert_eq!(
        seen,
        [
            ("a", Pending),
            ("b", Green),
            ("c", Red),
            ("d", Red),
            ("e", Red),
            ("f", Neutral),
            ("g", Red),
            ("same", Red),
        ]
    );
}

fn order() -> MergeOrder {
    MergeOrder { head_oid: HEAD.to_owned(), title: "size api".to_owned(), message: "why".to_owned() }
}

fn open() -> Value {
    let mut open = pull(3, "kubeopt/x");
    open["head"]["sha"] = json!(HEAD);
    open
}

fn merged() -> Value {
    let mut merged = open();
    (merged["state"], merged["merged"], merged["merge_commit_sha"]) =
        (json!("closed"), json!(true), json!(MERGED));
    merged
}

/// What comes of an order that is answered so, with the pull request before and after it.
async fn ordered(answer: ResponseTemplate, after: Value) -> (MockServer, Result<String, ForgeError>) {
    let (server, forge) = server().await;
    let before = ResponseTemplate::new(200).set_body_json(open());
    Mock::given(method("GET")).and(path(PULL)).respond_with(before).up_to_n_times(1).mount(&server).await;
    mount(&server, "GET", PULL, ResponseTemplate::new(200).set_body_json(after)).await;
    mount(&server, "POST", &format!("{PULL}/merge"), answer).await;
    let outcome = forge.merge(&repository(), 3, &order()).await;
    (server, outcome)
}

#[tokio::test]
async fn what_keeps_a_merge_back_is_told_with_what_to_do() {
    for (status, said, code, transient) in [
        (405, "User not allowed to merge PR", "E-FRG-019", false),
        (405, "Does not have enough approvals", "E-FRG-019", false),
        (405, "merge is not allowed an allowed merge style for this repository", "E-FRG-019", false),
        (405, "Please try again later", "E-FRG-004", true),
        (405, "Work in progress PRs cannot be merged", "E-FRG-012", false),
        (409, "head out of date", "E-FRG-004", true),
        (409, "PushRejected with remote message: protected", "E-FRG-019", false),
        (403, "token does not have the scope", "E-FRG-002", false),
        (500, "", "E-FRG-006", true),
        (423, "Repo is archived", "E-FRG-002", false),
    ] {
        let answer = ResponseTemplate::new(status).set_body_json(json!({"message": said}));
        let (_server, outcome) = ordered(answer, open()).await;
        let error = outcome.unwrap_err();
        assert_eq!((error.code(), error.is_transient()), (code, transient), "{status} {said}: {error}");
        let problem = error.problem();
        assert!(!problem.help.is_empty(), "{problem}");
        if code == "E-FRG-019" {
            assert!(problem.text.contains(said) && problem.help.contains("protection"), "{problem}");
        }
    }
}

#[tokio::test]
async fn a_merge_whose_answer_was_lost_is_found() {
    for status in [200, 500, 502, 405, 409] {
        let (server, outcome) = ordered(ResponseTemplate::new(status), merged()).await;
        assert_eq!(outcome, Ok(MERGED.to_owned()), "{status}");
        let seen = server.received_requests().await.unwrap();
        let orders: Vec<&wiremock::Request> =
            seen.iter().filter(|request| request.method.as_str() == "POST").collect();
        assert_eq!(orders.len(), 1, "an order is never repeated");
        let body: Value = serde_json::from_slice(&orders[0].body).unwrap();
        let expected = json!({
            "Do": "merge", "MergeTitleField": "size api", "MergeMessageField": "why", "head_commit_id": HEAD,
        });
        assert_eq!(body, expected);
    }
    let (_server, outcome) = ordered(ResponseTemplate::new(200), open()).await;
    assert!(matches!(outcome, Err(ForgeError::Conflict { .. })), "taken, and not done: {outcome:?}");
    let limited = ResponseTemplate::new(429).insert_header("retry-after", "30");
    let (_server, outcome) = ordered(limited, merged()).await;
    assert!(matches!(outcome, Err(ForgeError::RateLimited { .. })), "{outcome:?}");
}

fn issue(number: u64, user: i64) -> Value {
    json!({
        "number": number, "title": "t", "body": "b", "state": "open", "user": {"id": user, "login": "x"},
        "updated_at": "2026-11-20T09:00:00+01:00", "pull_request": null,
    })
}

async fn facts(server: &MockServer, more: Value) {
    let mut facts = json!({"id": 1, "default_branch": "main"});
    for (name, value) in more.as_object().unwrap() {
        facts[name] = value.clone();
    }
    mount(server, "GET", REPOSITORY, ResponseTemplate::new(200).set_body_json(facts)).await;
}

#[tokio::test]
async fn only_issues_of_kubeopts_own_are_its_own() {
    let (server, forge) = server().await;
    facts(&server, json!({"has_issues": true, "internal_tracker": {}})).await;
    let mut request = issue(3, OWN);
    request["pull_request"] = json!({"merged": false});
    let items = json!([issue(9, OWN), issue(4, 1), request, issue(2, OWN), issue(9, OWN)]);
    Mock::given(path(format!("{REPOSITORY}/issues").as_str()))
        .and(query_param("type", "issues"))
        .and(query_param("state", "all"))
        .and(query_param("created_by", "kubeopt-bot"))
        .respond_with(listed(&items, 5))
        .mount(&server)
        .await;
    let found = forge.own_issues(&repository()).await.unwrap();
    assert_eq!(found.iter().map(|issue| issue.number).collect::<Vec<_>>(), [2, 9]);
    assert_eq!(found[0].updated_at.to_string(), "2026-11-20T08:00:00Z");

    let mut pull = issue(3, OWN);
    pull["pull_request"] = json!({"merged": false});
    let at = format!("{REPOSITORY}/issues/3");
    mount(&server, "GET", &at, ResponseTemplate::new(200).set_body_json(pull)).await;
    let closed = IssueUpdate { is_open: Some(false), ..IssueUpdate::default() };
    let outcome = forge.update_issue(&repository(), 3, &closed).await;
    assert!(matches!(outcome, Err(ForgeError::NotFound { .. })), "a pull request is no issue: {outcome:?}");
}

#[tokio::test]
async fn issues_without_number_or_tracker_are_told() {
    for more in [
        json!({"has_issues": false}),
        json!({"has_issues": true, "external_tracker": {"external_tracker_url": "x"}}),
    ] {
        let (server, forge) = server().await;
        facts(&server, more).await;
        let outcome = forge.open_issue(&repository(), "t", "b").await;
        let Err(error @ ForgeError::Refused { .. }) = outcome else { panic!("{outcome:?}") };
        assert!(error.to_string().contains("switched off"), "{error}");
        assert_eq!(server.received_requests().await.unwrap().len(), 1, "nothing was sent");
    }
    let (server, forge) = server().await;
    facts(&server, json!({})).await;
    let page: Vec<Value> = (0..50).map(|at| issue(at, OWN)).collect();
    mount(&server, "GET", &format!("{REPOSITORY}/issues"), listed(&json!(page), 100_000)).await;
    let outcome = forge.own_issues(&repository()).await;
    assert!(matches!(outcome, Err(ForgeError::TooLarge { .. })), "{outcome:?}");
}
