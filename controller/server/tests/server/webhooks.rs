//! Webhooks: what is taken, what is refused before it costs anything, and that a delivery counts once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use futures::{StreamExt as _, stream};
use kubeopt_server::{App, Delivery, NotTaken, WEBHOOK_BYTES_MAX, WebhookDoor, Webhooks, WorthALook};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::sample::{sample, send, text};

/// Takes what has the header `signature: right`; the body is `ID WORTH`.
#[derive(Default)]
struct Fake {
    checked: AtomicUsize,
    hints: Mutex<Vec<(String, WorthALook)>>,
}

#[async_trait]
impl Webhooks for Fake {
    fn takes(&self, forge: &str) -> bool {
        forge == "github"
    }

    async fn check(&self, _: &str, headers: &[(String, Vec<u8>)], body: &[u8]) -> Result<Delivery, NotTaken> {
        self.checked.fetch_add(1, Ordering::Relaxed);
        let signatures: Vec<&[u8]> = headers
            .iter()
            .filter(|(name, _)| name == "signature")
            .map(|(_, value)| value.as_slice())
            .collect();
        match signatures.as_slice() {
            [b"right"] => {}
            [b"unavailable"] => return Err(NotTaken::Unavailable),
            _ => return Err(NotTaken::Forged),
        }
        let text = std::str::from_utf8(body).map_err(|_| NotTaken::Unreadable)?;
        let (id, event) = text.split_once(' ').ok_or(NotTaken::Unreadable)?;
        let worth = match event {
            "comment" => WorthALook::Comments,
            "merged" => WorthALook::PullRequests,
            _ => WorthALook::Nowhere,
        };
        Ok(Delivery { id: id.to_owned(), worth })
    }

    fn hint(&self, forge: &str, worth: WorthALook) {
        self.hints.lock().unwrap().push((forge.to_owned(), worth));
    }
}

fn app() -> (App, Arc<Fake>) {
    let fake = Arc::new(Fake::default());
    let webhooks = Some(WebhookDoor::new(Arc::clone(&fake) as Arc<dyn Webhooks>));
    (App { webhooks, pages: None, ..sample().app }, fake)
}

fn delivery(signature: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post("/webhooks/github").header("host", "kubeopt.example");
    request.header("signature", signature).body(body.into()).unwrap()
}

async fn status(app: &App, request: Request<Body>) -> StatusCode {
    send(app, request).await.status()
}

const CHUNK: usize = 64 * 1024;

/// 200 MB that count how much of them was asked for.
fn chunks(read: &Arc<AtomicUsize>) -> Body {
    let read = Arc::clone(read);
    Body::from_stream(stream::iter(0..3200).map(move |_| {
        read.fetch_add(CHUNK, Ordering::Relaxed);
        Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; CHUNK]))
    }))
}

fn counted(app: &App, line: &str) -> bool {
    app.metrics.text().unwrap().lines().any(|there| there == line)
}

#[tokio::test]
async fn a_genuine_delivery_is_taken_and_becomes_a_hint() {
    let (app, fake) = app();
    for (body, hints) in [("1 comment", 1), ("2 merged", 2), ("3 something new", 2), ("4 ping", 2)] {
        assert_eq!(status(&app, delivery("right", body)).await, StatusCode::ACCEPTED, "{body}");
        assert_eq!(fake.hints.lock().unwrap().len(), hints, "{body}");
    }
    let github = "github".to_owned();
    let hints = [(github.clone(), WorthALook::Comments), (github, WorthALook::PullRequests)];
    assert_eq!(*fake.hints.lock().unwrap(), hints);
    assert!(counted(&app, "kubeopt_webhooks_total{forge=\"github\",result=\"taken\"} 4"));
}

#[tokio::test]
async fn a_wrong_signature_is_refused_without_a_reason_and_counted() {
    let (app, fake) = app();
    let twice = Request::post("/webhooks/github").header("signature", "right").header("signature", "right");
    let unsigned = Request::post("/webhooks/github").body(Body::from("1 comment")).unwrap();
    for request in [delivery("wrong", "1 comment"), unsigned, twice.body(Body::from("1 comment")).unwrap()] {
        let response = send(&app, request).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        let told = text(response).await;
        assert!(told.contains("E-SRV-014") && !told.contains("signature"), "{told}");
    }
    assert!(counted(&app, "kubeopt_webhooks_total{forge=\"github\",result=\"forged\"} 3"));
    assert_eq!(fake.hints.lock().unwrap().len(), 0);
    // What was forged is not remembered: the genuine delivery of the same id still counts.
    assert_eq!(status(&app, delivery("right", "1 comment")).await, StatusCode::ACCEPTED);
    assert_eq!(fake.hints.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn only_configured_forges_take_deliveries_and_only_by_post() {
    let (app, fake) = app();
    for path in ["/webhooks/gitlab", "/webhooks/", "/webhooks/github/x", "/webhooks/%2e%2e"] {
        let request = Request::post(path).header("signature", "right").body(Body::from("1 comment")).unwrap();
        assert_eq!(status(&app, request).await, StatusCode::NOT_FOUND, "{path}");
    }
    let get = Request::get("/webhooks/github").body(Body::empty()).unwrap();
    assert_eq!(status(&app, get).await, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(fake.checked.load(Ordering::Relaxed), 0);
    let without = App { webhooks: None, ..app };
    assert_eq!(status(&without, delivery("right", "1 comment")).await, StatusCode::NOT_FOUND);
    assert!(!without.metrics.text().unwrap().contains("gitlab"), "names of strangers become no series");
}

#[tokio::test]
async fn what_is_signed_and_not_readable_and_what_cannot_be_checked_is_told_apart() {
    let (app, _) = app();
    for (signature, body, expected) in [
        ("right", &b"\xff\xfe"[..], StatusCode::BAD_REQUEST),
        ("right", b"", StatusCode::BAD_REQUEST),
        ("unavailable", b"1 comment", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        assert_eq!(status(&app, delivery(signature, body)).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_duplicates_at_once_one_is_a_hint_and_a_replay_is_none() {
    let (app, fake) = app();
    let all = (0..50).map(|_| {
        let app = app.clone();
        tokio::spawn(async move { status(&app, delivery("right", "7 comment")).await })
    });
    for sent in futures::future::join_all(all).await {
        assert_eq!(sent.unwrap(), StatusCode::ACCEPTED);
    }
    assert_eq!(fake.hints.lock().unwrap().len(), 1);
    assert_eq!(status(&app, delivery("right", "7 comment")).await, StatusCode::ACCEPTED);
    assert_eq!(fake.hints.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_body_of_200_mb_is_refused_by_its_length_and_not_read_beyond_the_limit_without_one() {
    let (app, fake) = app();
    let read = Arc::new(AtomicUsize::new(0));
    let announced = Request::post("/webhooks/github").header("content-length", "209715200");
    let announced = announced.header("signature", "right").body(chunks(&read)).unwrap();
    assert_eq!(status(&app, announced).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(read.load(Ordering::Relaxed), 0, "nothing of it was read");
    assert_eq!(status(&app, delivery("right", chunks(&read))).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(read.load(Ordering::Relaxed) <= WEBHOOK_BYTES_MAX + CHUNK, "{}", read.load(Ordering::Relaxed));
    assert_eq!(fake.checked.load(Ordering::Relaxed), 0, "no signature is computed over it");
    assert!(counted(&app, "kubeopt_webhooks_total{forge=\"github\",result=\"refused\"} 2"));
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up() {
    let (app, fake) = app();
    let door = WebhookDoor::with_body_time(Arc::clone(&fake) as Arc<dyn Webhooks>, Duration::from_millis(1));
    let app = App { webhooks: Some(door), ..app };
    let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    assert_eq!(status(&app, delivery("right", silent)).await, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(fake.checked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_peer_that_floods_is_held_up_before_a_signature_is_computed() {
    let (app, fake) = app();
    let mut last = StatusCode::ACCEPTED;
    let mut sent = 0;
    while last != StatusCode::TOO_MANY_REQUESTS && sent < 2_000 {
        last = status(&app, delivery("wrong", "1 comment")).await;
        sent += 1;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    assert!(fake.checked.load(Ordering::Relaxed) < sent);
}

#[tokio::test]
async fn over_a_real_connection_too_a_large_body_is_refused_and_the_connection_ends() {
    let (app, fake) = app();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(kubeopt_server::serve(listener, app, std::future::pending()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /webhooks/github HTTP/1.1\r\nhost: kubeopt\r\nsignature: right\r\ncontent-length: 209715200\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");

    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = "POST /webhooks/github HTTP/1.1\r\nhost: kubeopt\r\nsignature: right\r\nconnection: close\r\n";
    stream.write_all(format!("{head}content-length: 9\r\n\r\n8 comment").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert_eq!(fake.hints.lock().unwrap().len(), 1);
    server.abort();
}
