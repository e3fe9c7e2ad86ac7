//! Deliveries to servers that take them, refuse them, or are not there.

use std::io::Write;
use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use kubeopt_net::SecretSource;
use kubeopt_notify::{
    DELIVERY_HEADER, Delivered, Destination, Filter, Notice, NoticeKind, NoticeState, Notifier,
    SIGNATURE_HEADER, Service, Severity, TIMESTAMP_HEADER, sign,
};
use serde_json::Value;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::notices::{Hands, SECRET, destination, notice, secret, services};

async fn server(status: u16) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(status)).mount(&server).await;
    server
}

fn webhook(server: &MockServer) -> Destination {
    destination(Service::Webhook {
        address: secret(format!("{}/hook/{SECRET}", server.uri())),
        signing_key: Some(secret("of the receiver")),
    })
}

#[tokio::test]
async fn each_receiver_gets_its_own_body_once() {
    let server = server(202).await;
    let destinations = services(&server.uri()).into_iter().map(destination).collect();
    let notifier = Notifier::new(destinations, Hands::new().clock()).unwrap();
    notifier.notify(&notice());
    assert_eq!(notifier.deliver_due().await, Delivered { delivered: 5, failed: 0, waiting: 0 });
    assert_eq!(notifier.deliver_due().await, Delivered::default());
    let requests = server.received_requests().await.unwrap();
    let bodies: Vec<Value> =
        requests.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    assert!(requests.iter().all(|request| request.headers["content-type"] == "application/json"));
    let event = bodies.iter().find(|body| body["event_action"] == "trigger").unwrap();
    assert_eq!(
        (&event["routing_key"], &event["dedup_key"]),
        (&SECRET.into(), &"kubeopt/prod-eu/revert/payments/deploy/api".into())
    );
}

#[tokio::test]
async fn a_receiver_can_check_that_a_request_is_kubeopt_s() {
    let server = server(200).await;
    let notifier = Notifier::new(vec![webhook(&server)], Hands::new().clock()).unwrap();
    notifier.notify(&notice());
    notifier.deliver_due().await;
    let request = &server.received_requests().await.unwrap()[0];
    let header = |name: &str| request.headers[name].to_str().unwrap().to_owned();
    let at: i64 = header(TIMESTAMP_HEADER).parse().unwrap();
    assert_eq!(at, 1_795_341_605);
    assert_eq!(header(SIGNATURE_HEADER), sign(b"of the receiver", at, &request.body));
    assert_eq!(header(DELIVERY_HEADER).len(), 32);
}

#[tokio::test]
async fn a_resolved_notice_ends_the_incident_of_its_key() {
    let server = server(202).await;
    let pager = destination(Service::PagerDuty {
        routing_key: secret(SECRET),
        address: Some(secret(format!("{}/v2/enqueue", server.uri()))),
    });
    let notifier = Notifier::new(vec![pager], Hands::new().clock()).unwrap();
    notifier.notify(&notice());
    notifier.deliver_due().await;
    notifier.notify(&Notice { state: NoticeState::Resolved, ..notice() });
    notifier.deliver_due().await;
    let requests = server.received_requests().await.unwrap();
    let bodies: Vec<Value> =
        requests.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    assert_eq!(bodies[1]["event_action"], "resolve");
    assert_eq!(bodies[0]["dedup_key"], bodies[1]["dedup_key"]);
}

#[tokio::test]
async fn filters_let_through_what_they_say_and_every_test() {
    let server = server(200).await;
    let hands = Hands::new();
    let only = Filter { kinds: [NoticeKind::Revert].into(), least_severity: Severity::Error };
    let notifier =
        Notifier::new(vec![Destination { filter: only, ..webhook(&server) }], hands.clock()).unwrap();
    for (kind, severity, passes) in [
        (NoticeKind::Revert, Severity::Error, true),
        (NoticeKind::Revert, Severity::Warning, false),
        (NoticeKind::Finding, Severity::Critical, false),
        (NoticeKind::Test, Severity::Info, true),
    ] {
        notifier.notify(&Notice { kind, severity, ..notice() });
        assert_eq!(notifier.deliver_due().await.delivered, usize::from(passes), "{kind} {severity}");
    }
}

#[tokio::test]
async fn what_a_receiver_refuses_becomes_a_dead_letter_and_what_passes_does_not() {
    for (status, code, dead) in
        [(404, "E-NTF-002", 1), (400, "E-NTF-002", 1), (500, "E-NTF-003", 0), (429, "E-NTF-003", 0)]
    {
        let server = server(status).await;
        let hands = Hands::new();
        let notifier = Notifier::new(vec![webhook(&server)], hands.clock()).unwrap();
        notifier.notify(&notice());
        assert_eq!(notifier.deliver_due().await.failed, 1);
        assert_eq!(notifier.dead_letters().len(), dead, "{status}");
        hands.forward(SignedDuration::from_hours(25));
        notifier.deliver_due().await;
        let letters = notifier.dead_letters();
        assert_eq!((letters.len(), letters[0].why.code.as_str()), (1, code), "{status}");
        assert_eq!((letters[0].destination.as_str(), &letters[0].notice), ("webhook", &notice()));
    }
}

#[tokio::test]
async fn a_receiver_that_comes_back_gets_what_waited_also_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("address");
    let hands = Hands::new();
    let to = |source| {
        let service = Service::Webhook { address: source, signing_key: None };
        Notifier::new(vec![destination(service)], hands.clock()).unwrap()
    };
    let notifier = to(SecretSource::File(file.clone()));
    notifier.notify(&notice());
    assert_eq!(notifier.deliver_due().await, Delivered { delivered: 0, failed: 1, waiting: 1 });
    let stored = serde_json::to_string(&notifier.backlog()).unwrap();
    assert!(!stored.contains(SECRET));
    let server = server(200).await;
    std::fs::write(&file, format!("{}/hook/{SECRET}\n", server.uri())).unwrap();
    let restarted = to(SecretSource::File(file));
    restarted.recall(serde_json::from_str(&stored).unwrap());
    assert_eq!(restarted.deliver_due().await.delivered, 0, "it waits its time");
    hands.forward(SignedDuration::from_mins(1));
    assert_eq!(restarted.deliver_due().await, Delivered { delivered: 1, failed: 0, waiting: 0 });
}

#[tokio::test]
async fn one_receiver_that_is_gone_holds_no_other_up() {
    let server = server(200).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = Service::Slack { address: secret(format!("http://{free}/{SECRET}")) };
    let notifier = Notifier::new(vec![destination(gone), webhook(&server)], Hands::new().clock()).unwrap();
    notifier.notify(&notice());
    assert_eq!(notifier.deliver_due().await, Delivered { delivered: 1, failed: 1, waiting: 1 });
}

#[tokio::test]
async fn addresses_that_must_not_be_called_are_not() {
    for (address, what) in [
        ("http://hooks.example/x", "no plain http to others"),
        ("https://user:pass@hooks.example/x", "no credentials"),
        ("http://169.254.169.254/latest", "no metadata service"),
        ("ftp://hooks.example/x", "no other scheme"),
        ("not an address", "nothing that is no address"),
    ] {
        let slack = destination(Service::Slack { address: secret(address) });
        let any = destination(Service::Webhook { address: secret(address), signing_key: None });
        for destination in [slack, any] {
            if destination.name == "webhook" && address.starts_with("http://hooks") {
                continue;
            }
            let hands = Hands::new();
            let notifier = Notifier::new(vec![destination], hands.clock()).unwrap();
            notifier.notify(&notice());
            notifier.deliver_due().await;
            hands.forward(SignedDuration::from_hours(25));
            notifier.deliver_due().await;
            let letters = notifier.dead_letters();
            assert_eq!(letters[0].why.code, "E-NTF-004", "{what}");
            assert!(!letters[0].why.to_string().contains("hooks.example"), "{what}");
        }
    }
}

/// Takes all that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_address_is_in_no_log_no_error_and_no_debug_text() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _until_dropped = tracing::subscriber::set_default(subscriber);
    let server = server(404).await;
    let destinations: Vec<Destination> = services(&server.uri()).into_iter().map(destination).collect();
    let notifier = Notifier::new(destinations, Hands::new().clock()).unwrap();
    notifier.notify(&notice());
    assert_eq!(notifier.deliver_due().await.failed, 5);
    let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(logged.contains("a notice was not delivered"), "the log is read: {logged}");
    let letters = format!("{:?}", notifier.dead_letters());
    for shown in
        [logged, letters, format!("{notifier:?}"), serde_json::to_string(&notifier.backlog()).unwrap()]
    {
        assert!(!shown.contains(SECRET) && !shown.contains("of the receiver"), "{shown}");
    }
}

#[test]
fn receivers_are_told_apart_by_their_names() {
    let named = |names: &[&str]| {
        let receivers = names.iter().map(|name| Destination {
            name: (*name).to_owned(),
            ..destination(Service::Slack { address: secret("https://hooks.example/x") })
        });
        Notifier::new(receivers.collect(), Hands::new().clock()).map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(named(&["a", "b"]), Ok(()));
    assert_eq!(named(&["a", "a"]), Err("E-NTF-006"));
    assert_eq!(named(&[""]), Err("E-NTF-006"));
    assert_eq!(named(&(0..51).map(|_| "a").collect::<Vec<_>>()), Err("E-NTF-006"));
}
