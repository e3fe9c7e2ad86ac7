//! How Gitea's answers about comments, people and statuses are taken, on a server that says what it is told.

use kubeopt_forge::{
    Asked, AuthorKind, CommentId, Conversation as _, ForgeError, GiteaForge, Permission, Reaction, Status,
    StatusState,
};
use kubeopt_model::Timestamp;
use serde_json::{Value, json};
use wiremock::matchers::{any, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::gitea::{forge_at, pull, repository};

const COMMENTS: &str = "/api/v1/repos/acme/gitops/issues/comments";
const REPOSITORY: &str = "/api/v1/repos/acme/gitops";
const OWN: i64 = 7;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn comment(id: u64, user: i64, created: &str, updated: &str) -> Value {
    json!({
        "id": id, "user": {"id": user, "login": format!("u{user}")}, "body": format!("text {id}"),
        "pull_request_url": "https://evil.example/other/place/pulls/3", "issue_url": "",
        "html_url": "https://evil.example/", "created_at": created, "updated_at": updated,
    })
}

fn plain(id: u64) -> Value {
    comment(id, 1, "2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z")
}

fn listed(items: &[Value], total: usize) -> ResponseTemplate {
    ResponseTemplate::new(200).insert_header("x-total-count", total.to_string().as_str()).set_body_json(items)
}

async fn mount(server: &MockServer, verb: &str, at: &str, answer: ResponseTemplate) {
    Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(server).await;
}

/// A server that knows who asks, and the forge on it.
async fn server() -> (MockServer, GiteaForge) {
    let server = MockServer::start().await;
    let own = json!({"id": OWN, "login": "kubeopt-bot"});
    mount(&server, "GET", "/api/v1/user", ResponseTemplate::new(200).set_body_json(own)).await;
    let forge = forge_at(&server.uri());
    (server, forge)
}

async fn sent(server: &MockServer, verb: &str) -> Vec<(String, Value)> {
    let seen = server.received_requests().await.unwrap();
    let seen = seen.iter().filter(|request| request.method.as_str() == verb);
    seen.map(|request| {
        let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        (request.url.path().to_owned(), body)
    })
    .collect()
}

#[tokio::test]
async fn each_comment_tells_who_wrote_it_and_whether_it_was_changed() {
    let (server, forge) = server().await;
    let (eight, later) = ("2026-11-20T08:00:00Z", "2026-11-20T08:00:02Z");
    let mut on_issue = plain(6);
    on_issue["pull_request_url"] = json!("");
    let mut ghost = plain(7);
    ghost["user"] = Value::Null;
    let items = [
        comment(1, 1, eight, eight),
        comment(2, OWN, eight, eight),
        comment(3, -2, eight, eight),
        // Both times are taken one after the other, in seconds.
        comment(4, 1, eight, "2026-11-20T08:00:01Z"),
        comment(5, 1, eight, later),
        on_issue,
        ghost,
        comment(8, 1, "2026-11-19T08:00:00Z", later),
    ];
    mount(&server, "GET", COMMENTS, listed(&items, items.len())).await;
    let found = forge.comments(&repository(), at("2026-11-20T07:59:59.9Z")).await.unwrap();
    let seen: Vec<_> =
        found.iter().map(|comment| (comment.id.id, comment.author.kind, comment.is_edited)).collect();
    use AuthorKind::{Bot, Own, Person};
    assert_eq!(
        seen,
        [
            (1, Person, false),
            (2, Own, false),
            (3, Bot, false),
            (4, Person, false),
            (5, Person, true),
            (7, Bot, false)
        ]
    );
    assert!(found.iter().all(|comment| comment.id.pull_request == 3));
    let requests = server.received_requests().await.unwrap();
    let asked = requests.last().unwrap().url.query().unwrap();
    assert!(asked.contains("since=2026-11-20T07%3A59%3A59Z"), "whole seconds: {asked}");
    assert_eq!(requests.len(), 2, "who asks, and one page");
}

#[tokio::test]
async fn a_page_that_is_too_long_is_read_one_comment_at_a_time_without_the_endless_one() {
    let (server, forge) = server().await;
    let mut endless = plain(2);
    endless["body"] = json!("x".repeat(17 * 1024 * 1024));
    let page = |number: &str, limit: &str, items: &[Value]| {
        Mock::given(path(COMMENTS))
            .and(query_param("page", number))
            .and(query_param("limit", limit))
            .respond_with(listed(items, 3))
    };
    page("1", "50", &[plain(1), endless.clone(), plain(3)]).mount(&server).await;
    page("1", "1", &[plain(1)]).mount(&server).await;
    page("2", "1", &[endless]).mount(&server).await;
    page("3", "1", &[plain(3)]).mount(&server).await;
    let found = forge.comments(&repository(), at("2026-11-20T00:00:00Z")).await.unwrap();
    assert_eq!(found.iter().map(|comment| comment.id.id).collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test]
async fn a_list_without_end_is_left_and_what_was_read_is_given() {
    let (server, forge) = server().await;
    mount(&server, "GET", COMMENTS, ResponseTemplate::new(200).set_body_json([plain(1), plain(2)])).await;
    let found = forge.comments(&repository(), at("2026-11-20T00:00:00Z")).await.unwrap();
    assert_eq!(found.len(), 2, "each once");
    let outcome = forge.comments(&repository(), at("2026-11-21T00:00:00Z")).await;
    assert!(matches!(outcome, Err(ForgeError::TooLarge { .. })), "{outcome:?}");
    let lists = sent(&server, "GET").await.into_iter().filter(|(at, _)| at == COMMENTS).count();
    assert_eq!(lists, 2 * 200);
}

#[tokio::test]
async fn an_unchanged_list_is_asked_for_with_its_tag() {
    let (server, forge) = server().await;
    let tagged = listed(&[plain(1)], 1).insert_header("etag", "\"one\"");
    Mock::given(path(COMMENTS)).respond_with(tagged).up_to_n_times(1).mount(&server).await;
    Mock::given(path(COMMENTS))
        .and(wiremock::matchers::header("if-none-match", "\"one\""))
        .respond_with(ResponseTemplate::new(304))
        .mount(&server)
        .await;
    let since = at("2026-11-20T00:00:00Z");
    let first = forge.comments(&repository(), since).await.unwrap();
    assert_eq!((first.len(), forge.comments(&repository(), since).await), (1, Ok(first.clone())));
}

#[tokio::test]
async fn without_the_right_to_read_users_kubeopt_knows_itself_by_what_it_opened() {
    let server = MockServer::start().await;
    let forge = forge_at(&server.uri());
    mount(&server, "GET", "/api/v1/user", ResponseTemplate::new(403)).await;
    let nothing = ResponseTemplate::new(200).set_body_json(json!([]));
    let opened = json!([{"number": 3, "user": {"id": OWN, "login": "kubeopt-bot"}}]);
    let search = || Mock::given(path("/api/v1/repos/issues/search")).and(query_param("created", "true"));
    search().respond_with(nothing).up_to_n_times(1).mount(&server).await;
    search().respond_with(ResponseTemplate::new(200).set_body_json(opened)).mount(&server).await;
    let own = comment(1, OWN, "2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z");
    mount(&server, "GET", COMMENTS, listed(&[own], 1)).await;
    let mut kinds = Vec::new();
    for _ in 0..3 {
        let found = forge.comments(&repository(), at("2026-11-20T00:00:00Z")).await.unwrap();
        kinds.push(found[0].author.kind);
    }
    assert_eq!(kinds, [AuthorKind::Person, AuthorKind::Own, AuthorKind::Own]);
    let asked = sent(&server, "GET").await.into_iter().filter(|(at, _)| at == "/api/v1/user").count();
    assert_eq!(asked, 2, "asked until it is known");
}

#[tokio::test]
async fn a_reply_that_stands_is_not_written_again() {
    let (server, forge) = server().await;
    mount(
        &server,
        "GET",
        "/api/v1/repos/acme/gitops/pulls/3",
        ResponseTemplate::new(200).set_body_json(pull(3, "kubeopt/x")),
    )
    .await;
    let with = |id: u64, user: i64, body: &str| {
        let mut comment = comment(id, user, "2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z");
        comment["body"] = json!(body);
        comment
    };
    let marked = "ours\n\n<!-- kubeopt:reply:17 -->";
    let items =
        [with(4, 1, marked), with(6, OWN, "later\n\n<!-- kubeopt:reply:17 -->"), with(5, OWN, marked)];
    mount(&server, "GET", "/api/v1/repos/acme/gitops/issues/3/comments", listed(&items, 3)).await;
    Mock::given(method("PATCH"))
        .respond_with(ResponseTemplate::new(200).set_body_json(plain(5)))
        .mount(&server)
        .await;
    assert_eq!(forge.ensure_comment(&repository(), 3, "17", "ours").await, Ok(5));
    assert_eq!(sent(&server, "PATCH").await, []);
    assert_eq!(forge.ensure_comment(&repository(), 3, "17", "other").await, Ok(5));
    let body = json!({"body": "other\n\n<!-- kubeopt:reply:17 -->"});
    assert_eq!(sent(&server, "PATCH").await, [(format!("{COMMENTS}/5"), body)]);
    assert_eq!(sent(&server, "POST").await, []);
}

#[tokio::test]
async fn a_reply_that_arrives_after_that_of_another_replica_is_taken_away_again() {
    let (server, forge) = server().await;
    let open = ResponseTemplate::new(200).set_body_json(pull(3, "kubeopt/x"));
    mount(&server, "GET", "/api/v1/repos/acme/gitops/pulls/3", open).await;
    let own = |id: u64| {
        let mut comment = comment(id, OWN, "2026-11-20T08:00:00Z", "2026-11-20T08:00:00Z");
        comment["body"] = json!("ours\n\n<!-- kubeopt:reply:17 -->");
        comment
    };
    let place = "/api/v1/repos/acme/gitops/issues/3/comments";
    let none = listed(&[], 0);
    Mock::given(method("GET")).and(path(place)).respond_with(none).up_to_n_times(1).mount(&server).await;
    mount(&server, "GET", place, listed(&[own(8), own(9)], 2)).await;
    mount(&server, "POST", place, ResponseTemplate::new(201).set_body_json(own(9))).await;
    mount(&server, "DELETE", &format!("{COMMENTS}/9"), ResponseTemplate::new(204)).await;
    assert_eq!(forge.ensure_comment(&repository(), 3, "17", "ours").await, Ok(8));
    let deleted: Vec<String> = sent(&server, "DELETE").await.into_iter().map(|(at, _)| at).collect();
    assert_eq!(deleted, [format!("{COMMENTS}/9")]);
}

#[tokio::test]
async fn a_status_that_stands_is_not_put_again() {
    let (server, forge) = server().await;
    let statuses = "/api/v1/repos/acme/gitops/statuses/abc123";
    let of = |context: &str, state: &str| json!({"context": context, "status": state, "description": "d", "target_url": ""});
    let items = [of("other", "error"), of("kubeopt/verify", "success"), of("kubeopt/verify", "failure")];
    mount(&server, "GET", statuses, listed(&items, 3)).await;
    let made = ResponseTemplate::new(201).set_body_json(of("kubeopt/verify", "failure"));
    mount(&server, "POST", statuses, made).await;
    let status = |state| Status {
        context: "kubeopt/verify".to_owned(),
        state,
        description: "d".to_owned(),
        url: None,
    };
    forge.set_status(&repository(), "abc123", &status(StatusState::Success)).await.unwrap();
    assert_eq!(sent(&server, "POST").await, [], "the newest one counts");
    forge.set_status(&repository(), "abc123", &status(StatusState::Failure)).await.unwrap();
    assert_eq!(sent(&server, "POST").await.len(), 1);
}

/// What a server says that tells rights to administrators only.
async fn rights_by_lists(teams: ResponseTemplate, is_private: bool) -> GiteaForgeAt {
    let (server, forge) = server().await;
    let facts = json!({"id": 1, "default_branch": "main", "private": is_private, "owner": {"id": 2, "login": "acme"}});
    mount(&server, "GET", REPOSITORY, ResponseTemplate::new(200).set_body_json(facts)).await;
    mount(&server, "GET", &format!("{REPOSITORY}/teams"), teams).await;
    let writers = json!([{"id": 3, "login": "Ada"}, {"id": 2, "login": "acme"}]);
    mount(
        &server,
        "GET",
        &format!("{REPOSITORY}/assignees"),
        ResponseTemplate::new(200).set_body_json(writers),
    )
    .await;
    for (login, status) in [("grace", 204), ("eve", 404), ("nobody", 422)] {
        let at = format!("{REPOSITORY}/collaborators/{login}");
        mount(&server, "GET", &at, ResponseTemplate::new(status)).await;
    }
    Mock::given(wiremock::matchers::path_regex("/permission$"))
        .respond_with(ResponseTemplate::new(403))
        .mount(&server)
        .await;
    GiteaForgeAt { _server: server, forge }
}

struct GiteaForgeAt {
    _server: MockServer,
    forge: GiteaForge,
}

#[tokio::test]
async fn without_being_told_rights_the_lists_say_the_least_that_is_sure() {
    let team = |permission: &str, code: &str| json!({"name": "t", "permission": permission, "units_map": {"repo.code": code}});
    let of_person = || ResponseTemplate::new(405);
    let of_teams = |teams: Value| ResponseTemplate::new(200).set_body_json(teams);
    let writing = json!([team("write", "write"), team("none", "admin")]);
    let reading = json!([team("write", "write"), team("none", "read")]);
    use Permission::{Admin, None, Read, Write};
    for (teams, is_private, login, expected) in [
        (of_person(), false, "ada", Some(Write)),
        (of_person(), false, "ACME", Some(Admin)),
        (of_person(), false, "grace", Some(Read)),
        (of_person(), false, "eve", Some(Read)),
        (of_person(), true, "eve", Some(None)),
        (of_person(), true, "grace", Some(Read)),
        (of_person(), false, "nobody", Some(None)),
        (of_teams(writing.clone()), false, "ada", Some(Write)),
        (of_teams(writing), false, "eve", Some(Read)),
        (of_teams(json!([])), false, "ada", Some(Write)),
        // A member of a team that only reads is listed as well.
        (of_teams(reading.clone()), false, "ada", Option::None),
        (of_teams(reading), false, "eve", Some(Read)),
        (ResponseTemplate::new(403), false, "ada", Option::None),
        (ResponseTemplate::new(404), false, "ada", Option::None),
    ] {
        let place = rights_by_lists(teams, is_private).await;
        let found = place.forge.permission(&repository(), login).await;
        assert_eq!(found.as_ref().ok().copied(), expected, "{login}: {found:?}");
    }
}

#[tokio::test]
async fn an_unknown_right_is_none() {
    for (status, word, expected) in [
        (200, "write", Ok(Permission::Write)),
        (200, "owner", Ok(Permission::Admin)),
        (200, "none", Ok(Permission::None)),
        (200, "superb", Err("E-FRG-008")),
        (500, "", Err("E-FRG-006")),
        (429, "", Err("E-FRG-005")),
        (401, "", Err("E-FRG-001")),
    ] {
        let (server, forge) = server().await;
        let answer = ResponseTemplate::new(status).set_body_json(json!({"permission": word}));
        mount(&server, "GET", &format!("{REPOSITORY}/collaborators/ada/permission"), answer).await;
        let found = forge.permission(&repository(), "ada").await.map_err(|error| error.code());
        assert_eq!(found, expected, "{status} {word}");
    }
}

#[tokio::test]
async fn a_limit_silences_the_conversation_too() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(429).insert_header("retry-after", "3000");
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let forge = forge_at(&server.uri());
    let id = CommentId { pull_request: 3, id: 5 };
    let (asked, since) = (Asked::default(), at("2026-11-20T00:00:00Z"));
    for outcome in [
        forge.react(&repository(), id, Reaction::Seen).await,
        forge.react(&repository(), id, Reaction::Done).await,
        forge.comments(&repository(), since).await.map(drop),
        forge.permission(&repository(), "ada").await.map(drop),
        forge.ensure_comment(&repository(), 3, "5", "x").await.map(drop),
        forge.labels(&repository(), 3, &asked).await.map(drop),
        forge.reviewers(&repository(), 3, &asked).await.map(drop),
        forge.assignees(&repository(), 3, &asked).await.map(drop),
    ] {
        assert!(matches!(outcome, Err(ForgeError::RateLimited { .. })), "{outcome:?}");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 1, "nothing more was sent");
}

#[tokio::test]
async fn a_team_is_asked_by_its_name_and_told_when_the_forge_passes_it_over() {
    let (server, forge) = server().await;
    let mut asked_for = pull(3, "kubeopt/x");
    asked_for["requested_reviewers_teams"] = json!([{"name": "platform", "permission": "write"}]);
    let at = format!("{REPOSITORY}/pulls/3");
    let before = ResponseTemplate::new(200).set_body_json(pull(3, "kubeopt/x"));
    Mock::given(path(at.as_str())).respond_with(before).up_to_n_times(1).mount(&server).await;
    mount(&server, "GET", &at, ResponseTemplate::new(200).set_body_json(asked_for)).await;
    let made = ResponseTemplate::new(201).set_body_json(json!([]));
    mount(&server, "POST", &format!("{at}/requested_reviewers"), made).await;
    let names = ["acme/platform", "acme/other"].map(str::to_owned).to_vec();
    let asked = Asked { wanted: names, set_before: Vec::new() };
    let done = forge.reviewers(&repository(), 3, &asked).await.unwrap();
    assert_eq!((done.there, done.set), (vec!["acme/platform".to_owned()], vec!["acme/platform".to_owned()]));
    assert_eq!(done.declined.len(), 1);
    let bodies: Vec<Value> = sent(&server, "POST").await.into_iter().map(|(_, body)| body).collect();
    assert_eq!(bodies[0], json!({"reviewers": [], "team_reviewers": ["platform"]}));
}
