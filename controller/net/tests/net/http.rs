//! The client against servers that answer what they are told: redirects, limits, retries, refusals.

use std::time::Duration;

use kubeopt_net::{
    Auth, Client, ClientPolicy, HostRule, Method, NetError, Request, RetryPolicy, Secret, SecretSource,
    StatusCode, Url,
};
use wiremock::matchers::{any, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TOKEN: &str = "s3cr3t-token";

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// The server under its other name: another origin for the client, the same socket for the test.
fn as_localhost(server: &MockServer) -> String {
    server.uri().replace("127.0.0.1", "localhost")
}

fn quick(rules: Vec<HostRule>) -> ClientPolicy {
    let retry = RetryPolicy { attempts: 3, first_wait: Duration::ZERO, longest_wait: Duration::from_secs(1) };
    ClientPolicy { retry, ..ClientPolicy::new(rules) }
}

fn bearer() -> Auth {
    Auth::Bearer(SecretSource::Value(Secret::new(TOKEN)))
}

fn client_of(server: &MockServer) -> Client {
    Client::new(quick(vec![HostRule::for_url(&url(&server.uri())).unwrap().with_auth(bearer())])).unwrap()
}

#[tokio::test]
async fn sends_credentials_to_their_origin_and_drops_them_on_a_redirect_elsewhere() {
    let (home, other) = (MockServer::start().await, MockServer::start().await);
    Mock::given(path("/start"))
        .and(header("authorization", format!("Bearer {TOKEN}")))
        .respond_with(ResponseTemplate::new(302).insert_header("location", format!("{}/end", other.uri())))
        .mount(&home)
        .await;
    Mock::given(path("/end")).respond_with(ResponseTemplate::new(200)).mount(&other).await;
    let rules = vec![
        HostRule::for_url(&url(&home.uri())).unwrap().with_auth(bearer()),
        HostRule::for_url(&url(&other.uri())).unwrap(),
    ];
    let client = Client::new(quick(rules)).unwrap();
    let start = url(&format!("{}/start", home.uri()));
    let answer = client.get_stream(&start, &[("x-scope-orgid", "team-a"), ("accept", "text/plain")]).await;
    assert_eq!(answer.unwrap().status, StatusCode::OK);
    let seen = other.received_requests().await.unwrap();
    assert_eq!(seen.len(), 1);
    assert!(!seen[0].headers.contains_key("authorization"));
    assert!(!seen[0].headers.contains_key("x-scope-orgid"));
    assert_eq!(seen[0].headers["accept"], "text/plain");
}

#[tokio::test]
async fn a_token_of_the_callers_own_stays_at_its_origin_and_is_not_shown() {
    let (home, other) = (MockServer::start().await, MockServer::start().await);
    let away = ResponseTemplate::new(302).insert_header("location", format!("{}/end", other.uri()));
    Mock::given(path("/start"))
        .and(header("authorization", format!("Bearer {TOKEN}")))
        .respond_with(away)
        .mount(&home)
        .await;
    Mock::given(path("/end")).respond_with(ResponseTemplate::new(200)).mount(&other).await;
    let rules = [&home, &other].map(|server| HostRule::for_url(&url(&server.uri())).unwrap());
    let client = Client::new(quick(rules.to_vec())).unwrap();
    let request = Request::get(url(&format!("{}/start", home.uri()))).bearer(&Secret::new(TOKEN)).unwrap();
    assert!(!format!("{request:?}").contains(TOKEN));
    assert_eq!(client.fetch(request.clone()).await.unwrap().status, StatusCode::OK);
    let seen = other.received_requests().await.unwrap();
    assert!(!seen[0].headers.contains_key("authorization"));
    let error = request.bearer(&Secret::new("two\nlines")).unwrap_err();
    assert!(!error.to_string().contains("lines"), "{error}");
}

#[tokio::test]
async fn keeps_credentials_on_a_redirect_within_the_origin() {
    let home = MockServer::start().await;
    Mock::given(path("/old"))
        .respond_with(ResponseTemplate::new(301).insert_header("location", "/new"))
        .mount(&home)
        .await;
    Mock::given(path("/new"))
        .and(header("authorization", format!("Bearer {TOKEN}")))
        .respond_with(ResponseTemplate::new(200).set_body_json(["moved"]))
        .mount(&home)
        .await;
    let found: Vec<String> = client_of(&home).get_json(&url(&format!("{}/old", home.uri()))).await.unwrap();
    assert_eq!(found, ["moved"]);
}

#[tokio::test]
async fn refuses_hosts_that_no_rule_names_even_behind_a_redirect() {
    let home = MockServer::start().await;
    Mock::given(any())
        .respond_with(
            ResponseTemplate::new(307).insert_header("location", format!("{}/x", as_localhost(&home))),
        )
        .mount(&home)
        .await;
    let client = client_of(&home);
    for target in [format!("{}/", home.uri()), "http://example.org/".to_owned()] {
        let error = client.get_stream(&url(&target), &[]).await.unwrap_err();
        assert!(matches!(error, NetError::HostNotAllowed { .. }), "{error}");
    }
    let other_port = client.get_stream(&url("http://127.0.0.1:1/"), &[]).await.unwrap_err();
    assert_eq!(other_port.code(), "E-NET-001");
}

#[tokio::test]
async fn stops_following_redirects_in_a_circle() {
    let home = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(302).insert_header("location", "/again"))
        .mount(&home)
        .await;
    let error = client_of(&home).get_stream(&url(&home.uri()), &[]).await.unwrap_err();
    assert_eq!(error.code(), "E-NET-004");
    assert_eq!(home.received_requests().await.unwrap().len(), 6);
}

#[tokio::test]
async fn a_post_is_not_turned_into_a_get() {
    let home = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(301).insert_header("location", "/elsewhere"))
        .mount(&home)
        .await;
    let request = Request::new(Method::POST, url(&home.uri())).json(&["x"]).unwrap();
    let answer = client_of(&home).fetch(request).await.unwrap();
    assert_eq!(answer.status, StatusCode::MOVED_PERMANENTLY);
    assert_eq!(home.received_requests().await.unwrap().len(), 1);
}

#[test]
fn refuses_metadata_addresses_and_unusable_urls() {
    for (text, code) in [
        ("http://169.254.169.254/latest/meta-data", "E-NET-002"),
        ("http://[fd00:ec2::254]/", "E-NET-002"),
        ("http://[::ffff:169.254.169.254]/", "E-NET-002"),
        ("http://2852039166/", "E-NET-002"),
        ("http://user:pw@example.org/", "E-NET-003"),
        ("ftp://example.org/", "E-NET-003"),
        ("file:///etc/passwd", "E-NET-003"),
    ] {
        let error = HostRule::for_url(&url(text)).unwrap_err();
        assert_eq!(error.code(), code, "{text}");
        assert!(!error.to_string().contains("pw"), "{error}");
    }
}

#[tokio::test]
async fn localhost_is_called_where_the_configuration_says_so() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let named = url(&as_localhost(&server));
    let allowed = Client::new(quick(vec![HostRule::for_url(&named).unwrap()])).unwrap();
    assert_eq!(allowed.get_stream(&named, &[]).await.unwrap().status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn stops_reading_at_the_limit_announced_or_not() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 2000]))
        .mount(&server)
        .await;
    let client = client_of(&server);
    let request = || Request::get(url(&server.uri()));
    let error = client.fetch(request().max_body_bytes(1999)).await.unwrap_err();
    assert!(matches!(error, NetError::BodyTooLarge { limit_bytes: 1999, .. }), "{error}");
    assert_eq!(client.fetch(request().max_body_bytes(2000)).await.unwrap().body.len(), 2000);
}

#[tokio::test]
async fn repeats_idempotent_requests_and_honours_retry_after() {
    for (status, asked) in [(429, Some("0")), (502, None), (503, Some("0")), (504, None)] {
        let server = MockServer::start().await;
        let mut busy = ResponseTemplate::new(status);
        if let Some(asked) = asked {
            busy = busy.insert_header("retry-after", asked);
        }
        Mock::given(any()).respond_with(busy).up_to_n_times(2).mount(&server).await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
        let answer = client_of(&server).get_stream(&url(&server.uri()), &[]).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(server.received_requests().await.unwrap().len(), 3, "{status}");
    }
}

#[tokio::test]
async fn gives_back_what_it_may_not_repeat() {
    for (verb, status, asked) in [
        (Method::POST, 503, "0"),
        (Method::PATCH, 502, "0"),
        (Method::GET, 500, "0"),
        (Method::GET, 429, "3600"),
    ] {
        let server = MockServer::start().await;
        let busy = ResponseTemplate::new(status).insert_header("retry-after", asked);
        Mock::given(any()).respond_with(busy).mount(&server).await;
        let answer = client_of(&server).fetch(Request::new(verb.clone(), url(&server.uri()))).await.unwrap();
        assert_eq!(answer.status, status);
        assert_eq!(server.received_requests().await.unwrap().len(), 1, "{verb} {status}");
        assert_eq!(answer.retry_after(), Some(Duration::from_secs(asked.parse().unwrap())));
    }
}

#[tokio::test]
async fn a_post_that_only_asks_is_repeated() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let request =
        Request::new(Method::POST, url(&server.uri())).form(&[("query", "up{a=\"b&c\"}")]).idempotent();
    assert_eq!(client_of(&server).fetch(request).await.unwrap().status, StatusCode::OK);
    let seen = server.received_requests().await.unwrap();
    assert_eq!(seen[1].body, b"query=up%7Ba%3D%22b%26c%22%7D");
}

#[tokio::test]
async fn an_unchanged_answer_is_asked_for_by_its_tag() {
    let server = MockServer::start().await;
    Mock::given(header("if-none-match", "\"v1\""))
        .respond_with(ResponseTemplate::new(304))
        .with_priority(1)
        .mount(&server)
        .await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).insert_header("etag", "\"v1\"").set_body_json([1, 2]))
        .mount(&server)
        .await;
    let client = client_of(&server);
    for _ in 0..2 {
        let answer = client.fetch(Request::get(url(&server.uri())).conditional()).await.unwrap();
        assert_eq!((answer.status, answer.json::<Vec<u8>>().unwrap()), (StatusCode::OK, vec![1, 2]));
    }
    let seen = server.received_requests().await.unwrap();
    assert!(seen[1].headers.contains_key("if-none-match"));
}

#[tokio::test]
async fn an_error_status_quotes_one_clean_line_of_the_body() {
    let server = MockServer::start().await;
    let hostile = format!("denied\n\u{1b}[31m{}", "x".repeat(10_000));
    Mock::given(any()).respond_with(ResponseTemplate::new(403).set_body_string(hostile)).mount(&server).await;
    let error = client_of(&server).get_json::<u8>(&url(&server.uri())).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("HTTP 403") && text.len() < 500, "{text}");
    assert!(!text.contains(char::is_control), "{text}");
    let problem = kubeopt_model::Problem::from(error);
    assert_eq!(problem.code, "E-NET-011");
    assert!(problem.help.contains("credentials"));
}

#[tokio::test]
async fn a_secret_file_is_read_again_for_each_request() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let auth = Auth::Bearer(SecretSource::File(file.clone()));
    let rule = HostRule::for_url(&url(&server.uri())).unwrap().with_auth(auth);
    let client = Client::new(quick(vec![rule])).unwrap();
    for token in ["one\n", "two\n"] {
        std::fs::write(&file, token).unwrap();
        client.get_stream(&url(&server.uri()), &[]).await.unwrap();
    }
    let seen = server.received_requests().await.unwrap();
    let sent: Vec<&str> = seen.iter().map(|r| r.headers["authorization"].to_str().unwrap()).collect();
    assert_eq!(sent, ["Bearer one", "Bearer two"]);
    std::fs::write(&file, " \n").unwrap();
    let error = client.get_stream(&url(&server.uri()), &[]).await.unwrap_err();
    assert_eq!(error.code(), "E-NET-010");
}

#[tokio::test]
async fn each_kind_of_credentials_opens_the_server_that_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    let secret = || SecretSource::File(file.clone());
    // What RFC 7617 gives for this user and password.
    let basic = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    let auths = [
        (Auth::Bearer(secret()), "authorization", "Bearer open sesame"),
        (Auth::Basic { user: "Aladdin".to_owned(), password: secret() }, "authorization", basic),
        (Auth::Header { name: "X-Api-Key".to_owned(), value: secret() }, "x-api-key", "open sesame"),
    ];
    for (auth, name, value) in auths {
        let server = MockServer::start().await;
        Mock::given(header(name, value)).respond_with(ResponseTemplate::new(200)).mount(&server).await;
        Mock::given(any()).respond_with(ResponseTemplate::new(401)).with_priority(9).mount(&server).await;
        let rule = HostRule::for_url(&url(&server.uri())).unwrap().with_auth(auth.clone());
        let client = Client::new(quick(vec![rule])).unwrap();
        let ask = async || client.get_stream(&url(&server.uri()), &[]).await.unwrap().status;
        std::fs::write(&file, "wrong").unwrap();
        assert_eq!(ask().await, StatusCode::UNAUTHORIZED, "{auth:?}");
        std::fs::write(&file, "open sesame\n").unwrap();
        assert_eq!(ask().await, StatusCode::OK, "{auth:?}");
    }
}

#[test]
fn no_debug_output_shows_a_secret() {
    let rule = HostRule::for_url(&url("https://example.org")).unwrap();
    let secret = || SecretSource::Value(Secret::new(TOKEN));
    for auth in [
        Auth::Bearer(secret()),
        Auth::Basic { user: "u".to_owned(), password: secret() },
        Auth::Header { name: "private-token".to_owned(), value: secret() },
    ] {
        let client = Client::new(quick(vec![rule.clone().with_auth(auth)])).unwrap();
        let text = format!("{client:?}");
        assert!(text.contains("***") && !text.contains(TOKEN), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_transient_error() {
    // Port 1 of loopback is privileged and unused.
    let nobody = url("http://127.0.0.1:1/path?secret=1");
    let client = Client::new(quick(vec![HostRule::for_url(&nobody).unwrap()])).unwrap();
    let error = client.get_stream(&nobody, &[]).await.unwrap_err();
    assert!(matches!(error, NetError::Connect { .. }), "{error}");
    assert!(error.is_transient() && !error.to_string().contains("secret"), "{error}");
}
