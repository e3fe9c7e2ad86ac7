//! The pages of the local forge: what they do, and for whom they do nothing.

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};

use crate::sample::{Sample, get, sample, send, text};

/// A form as our own page sends it.
fn form(path: &str, body: String) -> Request<Body> {
    Request::post(path)
        .header("host", "127.0.0.1:8080")
        .header("origin", "http://127.0.0.1:8080")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .unwrap()
}

fn done(sample: &Sample) -> Vec<String> {
    sample.memory.0.lock().unwrap().clone()
}

async fn merge(sample: &Sample, number: u64) -> Response<Body> {
    send(&sample.app, form(&format!("/acme/gitops/pulls/{number}/merge"), format!("token={}", sample.token)))
        .await
}

#[tokio::test]
async fn pages_and_assets_are_shown() {
    let sample = sample();
    for (path, status, part) in [
        ("/", StatusCode::OK, "<h1>index</h1>".to_owned()),
        ("/acme/gitops/pulls/1", StatusCode::OK, format!("token={}", sample.token)),
        ("/acme/gitops/pulls/9", StatusCode::NOT_FOUND, "Nothing here: E-X-001 no number 9".into()),
        ("/acme/gitops/pulls/x", StatusCode::NOT_FOUND, "E-SRV-003".into()),
        ("/acme/..%2f..%2fetc/pulls/1", StatusCode::NOT_FOUND, "E-SRV-003".into()),
        ("/assets/style.css", StatusCode::OK, "a{}".into()),
        ("/assets/..%2fsecret", StatusCode::NOT_FOUND, "E-SRV-003".into()),
        ("/nothing/at/all", StatusCode::NOT_FOUND, "E-SRV-003".into()),
    ] {
        let response = send(&sample.app, get(path)).await;
        assert_eq!(response.status(), status, "{path}");
        assert!(text(response).await.contains(&part), "{path}");
    }
}

#[tokio::test]
async fn a_page_comments_merges_and_closes_and_leads_back() {
    let sample = sample();
    let (path, token) = ("/acme/gitops/pulls/1", &sample.token);
    for (action, body) in [
        ("comments", format!("token={token}&text=+gr%C3%BC%C3%9Fe%0A")),
        ("merge", format!("token={token}")),
        ("ready", format!("token={token}")),
        ("close", format!("token={token}")),
    ] {
        let response = send(&sample.app, form(&format!("{path}/{action}"), body)).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{action}");
        assert_eq!(response.headers()["location"], path);
    }
    assert_eq!(done(&sample), ["comment acme/gitops#1: grüße", "merge 1", "ready 1", "close 1"]);
}

#[tokio::test]
async fn what_cannot_be_done_says_why() {
    let sample = sample();
    for (number, status, part) in [
        (2, StatusCode::INTERNAL_SERVER_ERROR, "Not done: E-X-002 the disk is full"),
        (3, StatusCode::CONFLICT, "Not done: E-X-003 it conflicts"),
        (4, StatusCode::INTERNAL_SERVER_ERROR, "E-SRV-010"),
        // An answer never leads to another site.
        (5, StatusCode::INTERNAL_SERVER_ERROR, "E-SRV-010"),
    ] {
        let response = merge(&sample, number).await;
        assert_eq!(response.status(), status, "{number}");
        assert!(!response.headers().contains_key("location"));
        assert!(text(response).await.contains(part), "{number}");
    }
}

#[tokio::test]
async fn a_draft_is_merged_only_after_it_was_marked_as_ready() {
    let sample = sample();
    let refused = merge(&sample, 6).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    assert!(text(refused).await.contains("Not done: E-X-006 pull request 6 is a draft"));
    let path = "/acme/gitops/pulls/6";
    let ready = send(&sample.app, form(&format!("{path}/ready"), format!("token={}", sample.token))).await;
    assert_eq!(
        (ready.status(), &ready.headers()["location"]),
        (StatusCode::SEE_OTHER, &path.parse().unwrap())
    );
    assert_eq!(merge(&sample, 6).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(done(&sample), ["merge 6", "ready 6", "merge 6"]);
}

#[tokio::test]
async fn a_form_without_the_right_token_does_nothing() {
    let sample = sample();
    for (body, status) in [
        (format!("token={}", "0".repeat(64)), StatusCode::FORBIDDEN),
        ("token=".into(), StatusCode::FORBIDDEN),
        ("text=x".into(), StatusCode::BAD_REQUEST),
        ("%%%".into(), StatusCode::BAD_REQUEST),
        (String::new(), StatusCode::BAD_REQUEST),
        (format!("token={}&text={}", sample.token, "x".repeat(70_000)), StatusCode::BAD_REQUEST),
    ] {
        for action in ["comments", "merge", "ready", "close"] {
            let response =
                send(&sample.app, form(&format!("/acme/gitops/pulls/1/{action}"), body.clone())).await;
            assert_eq!(response.status(), status, "{action} {:.40}", body);
        }
    }
    assert!(done(&sample).is_empty());
}

#[tokio::test]
async fn comments_have_a_length() {
    let sample = sample();
    for text in [String::new(), "+%0A".into(), "x".repeat(20_001)] {
        let body = format!("token={}&text={text}", sample.token);
        let response = send(&sample.app, form("/acme/gitops/pulls/1/comments", body)).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    }
    assert!(done(&sample).is_empty());
}

#[tokio::test]
async fn other_names_and_other_sites_get_nothing() {
    let sample = sample();
    for host in ["evil.example", "kubeopt.default.svc:8080", "localhost.evil.example"] {
        let request = Request::get("/acme/gitops/pulls/1").header("host", host).body(Body::empty()).unwrap();
        let response = send(&sample.app, request).await;
        assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST, "{host}");
        let body = text(response).await;
        assert!(body.contains("E-SRV-004") && !body.contains(&sample.token), "{body}");
    }
    let nameless = Request::get("/").body(Body::empty()).unwrap();
    assert_eq!(send(&sample.app, nameless).await.status(), StatusCode::MISDIRECTED_REQUEST);
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("origin", "https://127.0.0.1:8080"),
        ("origin", "http://127.0.0.1:9"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "none"),
    ] {
        for action in ["merge", "ready"] {
            let path = format!("/acme/gitops/pulls/1/{action}");
            let mut request = form(&path, format!("token={}", sample.token));
            request.headers_mut().remove("origin");
            request.headers_mut().insert(name, value.parse().unwrap());
            let status = send(&sample.app, request).await.status();
            assert_eq!(status, StatusCode::FORBIDDEN, "{action}, {name}: {value}");
        }
    }
    assert!(done(&sample).is_empty());
}

#[tokio::test]
async fn looking_changes_nothing_and_other_methods_are_refused() {
    let sample = sample();
    for (method, path) in [
        (Method::GET, "/acme/gitops/pulls/1/merge"),
        (Method::GET, "/acme/gitops/pulls/1/ready"),
        (Method::PUT, "/acme/gitops/pulls/1/merge"),
        (Method::DELETE, "/acme/gitops/pulls/1"),
    ] {
        let mut request = form(path, format!("token={}", sample.token));
        *request.method_mut() = method;
        assert_eq!(send(&sample.app, request).await.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    assert!(done(&sample).is_empty());
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let sample = sample();
    let foreign = Request::get("/").header("host", "evil.example").body(Body::empty()).unwrap();
    for request in
        [get("/"), get("/livez"), get("/metrics"), get("/assets/style.css"), get("/nothing"), foreign]
    {
        let path = request.uri().path().to_owned();
        let response = send(&sample.app, request).await;
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "img-src 'self' data:",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
    }
}
