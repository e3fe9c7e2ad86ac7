//! Webhooks: what the forges sign is taken, everything else is not, and nothing makes it stumble.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kubeopt_forge::webhook::{
    Delivery, Hint, HintedRepository, WEBHOOK_BYTES_MAX, WebhookError, WebhookEvent, WebhookKind,
    WebhookSecrets, hint,
};
use kubeopt_model::Timestamp;
use kubeopt_net::Secret;
use proptest::prelude::*;
use ring::hmac;
use serde_json::{Value, json};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const OLD: &str = "fedcba9876543210fedcba9876543210";
const AT: i64 = 1_790_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(AT).unwrap()
}

fn secrets() -> WebhookSecrets {
    WebhookSecrets { current: Secret::new(SECRET), previous: Some(Secret::new(OLD)) }
}

fn code(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec()
}

fn hex_code(secret: &str, body: &[u8]) -> String {
    hex::encode(code(secret.as_bytes(), body))
}

/// Headers as text.
fn taken(kind: WebhookKind, headers: &[(&str, &str)], body: &[u8]) -> Result<Hint, WebhookError> {
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    hint(kind, &secrets(), &Delivery { headers: &headers, body }, now())
}

fn github_body() -> Vec<u8> {
    let body = json!({
        "action": "created", "issue": {"number": 17, "pull_request": {"url": "https://elsewhere.invalid/"}},
        "comment": {"body": "/kubeopt status"}, "repository": {"id": 5, "full_name": "acme/gitops", "private": true},
    });
    serde_json::to_vec(&body).unwrap()
}

fn github(secret: &str, event: &str, body: &[u8]) -> Result<Hint, WebhookError> {
    let signature = format!("sha256={}", hex_code(secret, body));
    let headers = [
        ("X-Hub-Signature-256", signature.as_str()),
        ("X-GitHub-Event", event),
        ("X-GitHub-Delivery", "d-1"),
    ];
    taken(WebhookKind::Github, &headers, body)
}

fn on(event: WebhookEvent, number: Option<u64>) -> Hint {
    let repository =
        HintedRepository { id: "5".to_owned(), owner: "acme".to_owned(), name: "gitops".to_owned() };
    Hint { delivery: "d-1".to_owned(), event, repository: Some(repository), number }
}

#[test]
fn github_signs_the_body_with_the_secret_or_the_one_before() {
    for secret in [SECRET, OLD] {
        assert_eq!(github(secret, "issue_comment", &github_body()), Ok(on(WebhookEvent::Comment, Some(17))));
    }
    assert_eq!(
        github("another-secret-of-32-characters", "issue_comment", &github_body()),
        Err(WebhookError::WrongSignature)
    );
    // The example of GitHub's own documentation.
    let secrets = WebhookSecrets { current: Secret::new("It's a Secret to Everybody"), previous: None };
    let signature = b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let headers: [(&str, &[u8]); 1] = [("X-Hub-Signature-256", signature)];
    let outcome =
        hint(WebhookKind::Github, &secrets, &Delivery { headers: &headers, body: b"Hello, World!" }, now());
    assert_eq!(outcome, Err(WebhookError::Malformed { why: "it has no id" }), "the signature holds");
}

#[test]
fn each_event_of_github_and_gitea_has_its_meaning() {
    use WebhookEvent::{Check, Comment, Issue, Other, Ping, PullRequest, Push};
    let repository = json!({"id": 5, "full_name": "acme/gitops"});
    let on_issue = json!({"repository": repository, "issue": {"number": 9}});
    let on_pull = json!({"repository": repository, "issue": {"number": 9, "pull_request": {}}});
    let pull = json!({"repository": repository, "number": 9, "pull_request": {"number": 9}});
    let bare = json!({"repository": repository, "ref": "refs/heads/main"});
    let issue = |action: &str| json!({"repository": repository, "action": action, "issue": {"number": 9}});
    let status =
        |context: &str, state: &str| json!({"repository": repository, "context": context, "state": state});
    let run = |action: &str| json!({"repository": repository, "action": action, "check_run": {"pull_requests": [{"number": 9}]}});
    let of_fork =
        json!({"repository": repository, "action": "completed", "check_suite": {"pull_requests": []}});
    for (event, body, expected) in [
        ("ping", &bare, on(Ping, None)),
        ("push", &bare, on(Push, None)),
        ("delete", &bare, on(Push, None)),
        ("issue_comment", &on_pull, on(Comment, Some(9))),
        ("issue_comment", &on_issue, on(Other, None)),
        ("pull_request_comment", &pull, on(Comment, Some(9))),
        ("pull_request", &pull, on(PullRequest, Some(9))),
        ("pull_request_review", &pull, on(PullRequest, Some(9))),
        ("pull_request_approved", &pull, on(PullRequest, Some(9))),
        ("star", &bare, on(Other, None)),
        ("issues", &issue("edited"), on(Issue, Some(9))),
        ("issues", &issue("reopened"), on(Issue, Some(9))),
        ("issues", &issue("labeled"), on(Other, None)),
        ("status", &status("ci/build", "failure"), on(Check, None)),
        ("status", &status("ci/build", "pending"), on(Other, None)),
        ("status", &status("kubeopt/verify", "success"), on(Other, None)),
        ("check_run", &run("completed"), on(Check, Some(9))),
        ("check_run", &run("created"), on(Other, None)),
        ("check_suite", &of_fork, on(Check, None)),
    ] {
        let body = serde_json::to_vec(body).unwrap();
        assert_eq!(github(SECRET, event, &body), Ok(expected.clone()), "{event}");
        let signature = hex_code(SECRET, &body);
        for brand in ["Gitea", "Forgejo"] {
            let named = ["Signature", "Event", "Delivery"].map(|what| format!("X-{brand}-{what}"));
            let headers = [
                (named[0].as_str(), signature.as_str()),
                (named[1].as_str(), event),
                (named[2].as_str(), "d-1"),
            ];
            assert_eq!(taken(WebhookKind::Gitea, &headers, &body), Ok(expected.clone()), "{brand} {event}");
        }
    }
    let of_organization = github(SECRET, "ping", b"{\"zen\": \"x\"}").unwrap();
    assert_eq!((of_organization.event, of_organization.repository), (Ping, None));
}

#[test]
fn forgejo_signs_twice_and_both_count() {
    let body = github_body();
    let good = hex_code(SECRET, &body);
    let bad = hex_code("another-secret-of-32-characters", &body);
    for (forgejo, gitea, is_taken) in
        [(&good, &good, true), (&good, &bad, false), (&bad, &good, false), (&bad, &bad, false)]
    {
        let headers = [
            ("X-Forgejo-Signature", forgejo.as_str()),
            ("X-Gitea-Signature", gitea.as_str()),
            ("X-Gitea-Event", "issue_comment"),
            ("X-Gitea-Delivery", "d-1"),
        ];
        assert_eq!(taken(WebhookKind::Gitea, &headers, &body).is_ok(), is_taken);
    }
}

fn gitlab_body(kind: &str) -> Vec<u8> {
    let mut body = json!({
        "object_kind": kind, "project": {"id": 5, "path_with_namespace": "acme/platform/gitops"},
        "object_attributes": {"id": 1, "iid": 7, "note": "/kubeopt status"},
    });
    if kind == "note" {
        body["merge_request"] = json!({"iid": 17});
        body["object_attributes"]["iid"] = Value::Null;
    }
    serde_json::to_vec(&body).unwrap()
}

#[test]
fn gitlab_sends_its_token_and_what_it_is_about() {
    let body = gitlab_body("note");
    for (token, is_taken) in [
        (SECRET, true),
        (OLD, true),
        (&SECRET[..31], false),
        ("0123456789abcdef0123456789abcdef0", false),
        ("", false),
    ] {
        let headers =
            [("X-Gitlab-Token", token), ("Idempotency-Key", "d-1"), ("X-Gitlab-Event", "Note Hook")];
        assert_eq!(taken(WebhookKind::Gitlab, &headers, &body).is_ok(), is_taken, "{token}");
    }
    let headers = [("x-gitlab-token", SECRET), ("x-gitlab-event-uuid", "u-1")];
    for (kind, event, number) in [
        ("note", WebhookEvent::Comment, Some(17)),
        ("merge_request", WebhookEvent::PullRequest, Some(7)),
        ("push", WebhookEvent::Push, None),
        ("issue", WebhookEvent::Issue, Some(7)),
        ("pipeline", WebhookEvent::Other, None),
    ] {
        let found = taken(WebhookKind::Gitlab, &headers, &gitlab_body(kind)).unwrap();
        assert_eq!((found.event, found.number, found.delivery.as_str()), (event, number, "u-1"), "{kind}");
        let repository = found.repository.unwrap();
        assert_eq!((repository.owner.as_str(), repository.name.as_str()), ("acme/platform", "gitops"));
    }
    for (status, expected) in [
        ("success", (WebhookEvent::Check, Some(17))),
        ("failed", (WebhookEvent::Check, Some(17))),
        ("running", (WebhookEvent::Other, None)),
    ] {
        let mut body: Value = serde_json::from_slice(&gitlab_body("pipeline")).unwrap();
        (body["object_attributes"]["status"], body["merge_request"]) = (json!(status), json!({"iid": 17}));
        let found = taken(WebhookKind::Gitlab, &headers, &serde_json::to_vec(&body).unwrap()).unwrap();
        assert_eq!((found.event, found.number), expected, "{status}");
    }
    let on_issue = json!({"object_kind": "note", "project": {"id": 5, "path_with_namespace": "a/b"}, "issue": {"iid": 3}});
    let found = taken(WebhookKind::Gitlab, &headers, &serde_json::to_vec(&on_issue).unwrap()).unwrap();
    assert_eq!((found.event, found.number), (WebhookEvent::Other, None));
}

#[test]
fn gitlabs_signature_covers_id_and_time_and_does_not_last() {
    let body = gitlab_body("note");
    let signed = |key: &[u8], id: &str, at: i64| {
        let message = [format!("{id}.{at}.").as_bytes(), &body].concat();
        format!("v1,{}", BASE64_STANDARD.encode(code(key, &message)))
    };
    let sent = |signature: &str, id: &str, at: i64, token: Option<&str>| {
        let at = at.to_string();
        let mut headers =
            vec![("webhook-signature", signature), ("webhook-id", id), ("webhook-timestamp", at.as_str())];
        headers.extend(token.map(|token| ("x-gitlab-token", token)));
        taken(WebhookKind::Gitlab, &headers, &body).map(|hint| hint.delivery)
    };
    let good = signed(SECRET.as_bytes(), "d-1", AT);
    assert_eq!(sent(&good, "d-1", AT, None), Ok("d-1".to_owned()));
    assert_eq!(sent(&format!("v1,AAAA {good} v2,x"), "d-1", AT, None), Ok("d-1".to_owned()));
    assert_eq!(sent(&good, "d-2", AT, None), Err(WebhookError::WrongSignature), "the id is signed");
    assert_eq!(sent(&good, "d-1", AT + 1, None), Err(WebhookError::WrongSignature), "the time is signed");
    assert_eq!(
        sent("v1,AAAA", "d-1", AT, Some(SECRET)),
        Err(WebhookError::WrongSignature),
        "the signature counts"
    );
    for (off, expected) in [
        (299, Ok("d-1".to_owned())),
        (-300, Ok("d-1".to_owned())),
        (301, Err(WebhookError::Stale { seconds: 301 })),
        (-4000, Err(WebhookError::Stale { seconds: 4000 })),
    ] {
        assert_eq!(sent(&signed(OLD.as_bytes(), "d-1", AT + off), "d-1", AT + off, None), expected, "{off}");
    }
    // A secret that holds its key in base64.
    let key = b"a key of more than sixteen bytes";
    let encoded = format!("whsec_{}", BASE64_STANDARD.encode(key));
    let secrets = WebhookSecrets { current: Secret::new(encoded), previous: None };
    let (signature, at) = (signed(key, "d-1", AT), AT.to_string());
    let headers: [(&str, &[u8]); 3] = [
        ("Webhook-Signature", signature.as_bytes()),
        ("Webhook-Id", b"d-1"),
        ("Webhook-Timestamp", at.as_bytes()),
    ];
    assert!(hint(WebhookKind::Gitlab, &secrets, &Delivery { headers: &headers, body: &body }, now()).is_ok());
}

#[test]
fn what_is_not_signed_once_and_well_is_not_read() {
    let body = github_body();
    let good = format!("sha256={}", hex_code(SECRET, &body));
    let bare = good.trim_start_matches("sha256=").to_owned();
    let upper = good.to_uppercase();
    for (headers, expected) in [
        (vec![], WebhookError::Unsigned),
        (vec![("x-hub-signature", good.as_str())], WebhookError::Unsigned),
        (vec![("x-hub-signature-256", "")], WebhookError::WrongSignature),
        (vec![("x-hub-signature-256", bare.as_str())], WebhookError::WrongSignature),
        (vec![("x-hub-signature-256", "sha256=")], WebhookError::WrongSignature),
        (vec![("x-hub-signature-256", "sha256=zz")], WebhookError::WrongSignature),
        (vec![("x-hub-signature-256", upper.as_str())], WebhookError::WrongSignature),
        (vec![("x-hub-signature-256", &good[..good.len() - 2])], WebhookError::WrongSignature),
        (
            vec![("x-hub-signature-256", good.as_str()), ("X-Hub-Signature-256", good.as_str())],
            WebhookError::Doubled { header: "x-hub-signature-256" },
        ),
    ] {
        assert_eq!(taken(WebhookKind::Github, &headers, &body), Err(expected), "{headers:?}");
    }
    let large = vec![b' '; WEBHOOK_BYTES_MAX + 1];
    assert_eq!(github(SECRET, "push", &large), Err(WebhookError::TooLarge));
    for short in ["", "short"] {
        let secrets = WebhookSecrets { current: Secret::new(SECRET), previous: Some(Secret::new(short)) };
        let signature = format!("sha256={}", hex_code(short, &body));
        let headers: [(&str, &[u8]); 1] = [("x-hub-signature-256", signature.as_bytes())];
        let outcome =
            hint(WebhookKind::Github, &secrets, &Delivery { headers: &headers, body: &body }, now());
        assert_eq!(outcome, Err(WebhookError::WeakSecret));
    }
}

#[test]
fn a_signed_body_that_makes_no_sense_is_told_from_a_forged_one() {
    let deep = "[".repeat(100_000);
    let traversal = r#"{"repository": {"id": 1, "full_name": "acme/../../etc"}}"#;
    for body in [
        "",
        "null",
        "[]",
        "{",
        &deep,
        "\u{feff}{}",
        r#"{"repository": 7}"#,
        traversal,
        r#"{"repository": {"id": -1, "full_name": "a/b"}}"#,
        r#"{"repository": {"id": 1, "full_name": "alone"}}"#,
        r#"{"repository": {"id": 1, "full_name": "a\n/b"}}"#,
    ] {
        let outcome = github(SECRET, "push", body.as_bytes());
        assert!(matches!(outcome, Err(WebhookError::Malformed { .. })), "{outcome:?}");
    }
    let form = format!(
        "payload={}",
        "%7B%22repository%22%3A%7B%22id%22%3A5%2C%22full_name%22%3A%22acme%2Fgitops%22%7D%7D"
    );
    let signature = format!("sha256={}", hex_code(SECRET, form.as_bytes()));
    let headers = [
        ("x-hub-signature-256", signature.as_str()),
        ("x-github-event", "push"),
        ("x-github-delivery", "d-1"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    assert_eq!(taken(WebhookKind::Github, &headers, form.as_bytes()), Ok(on(WebhookEvent::Push, None)));
}

#[test]
fn every_refusal_has_a_code_and_a_next_step_and_shows_no_secret() {
    let all = [
        WebhookError::WeakSecret,
        WebhookError::Unsigned,
        WebhookError::Doubled { header: "x" },
        WebhookError::WrongSignature,
        WebhookError::Stale { seconds: 9 },
        WebhookError::TooLarge,
        WebhookError::Malformed { why: "x" },
    ];
    let known: Vec<&str> = kubeopt_forge::codes::CODES.iter().map(|(code, _)| *code).collect();
    for error in all {
        let problem = error.problem();
        assert!(known.contains(&problem.code.as_str()) && !problem.help.is_empty(), "{problem}");
    }
    assert!(!format!("{:?}", secrets()).contains(SECRET));
}

fn kinds() -> impl Strategy<Value = WebhookKind> {
    prop_oneof![Just(WebhookKind::Github), Just(WebhookKind::Gitlab), Just(WebhookKind::Gitea)]
}

fn header_names() -> impl Strategy<Value = String> {
    let known = [
        "x-hub-signature-256",
        "x-github-event",
        "x-github-delivery",
        "x-gitlab-token",
        "webhook-signature",
        "webhook-id",
        "webhook-timestamp",
        "x-gitea-signature",
        "x-forgejo-signature",
        "x-gitea-event",
        "content-type",
    ];
    prop_oneof![proptest::sample::select(known.to_vec()).prop_map(str::to_owned), "[a-z-]{0,12}"]
}

proptest! {
    #[test]
    fn no_delivery_makes_it_stumble_and_none_is_taken_unsigned(
        kind in kinds(),
        headers in proptest::collection::vec((header_names(), proptest::collection::vec(any::<u8>(), 0..80)), 0..8),
        body in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let outcome = hint(kind, &secrets(), &Delivery { headers: &headers, body: &body }, now());
        prop_assert!(outcome.is_err());
    }

    #[test]
    fn no_signed_body_makes_it_stumble(body in proptest::collection::vec(any::<u8>(), 0..400), event in "[a-z_]{0,20}") {
        let outcome = github(SECRET, &event, &body);
        prop_assert!(!matches!(outcome, Err(WebhookError::WrongSignature | WebhookError::Unsigned)), "{:?}", outcome);
    }

    #[test]
    fn a_single_changed_bit_is_seen(at in 0_usize..200, bit in 0_u32..8) {
        let good = github_body();
        let signature = format!("sha256={}", hex_code(SECRET, &good));
        let mut changed = good.clone();
        let at = at % changed.len();
        changed[at] ^= 1 << bit;
        let headers = [("x-hub-signature-256", signature.as_str()), ("x-github-event", "issue_comment"), ("x-github-delivery", "d")];
        prop_assert_eq!(taken(WebhookKind::Github, &headers, &changed), Err(WebhookError::WrongSignature));
        prop_assert!(taken(WebhookKind::Github, &headers, &good).is_ok());
    }
}
