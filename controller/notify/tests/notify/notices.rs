//! Notices and receivers for tests.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use kubeopt_model::ClusterName;
use kubeopt_net::{Secret, SecretSource};
use kubeopt_notify::{Destination, Filter, Notice, NoticeKind, NoticeState, Service, Severity};

/// What no log and no error may show.
pub(crate) const SECRET: &str = "T0B0very-secret";

pub(crate) fn notice() -> Notice {
    Notice {
        kind: NoticeKind::Revert,
        severity: Severity::Error,
        state: NoticeState::Raised,
        title: "payments/deploy/api was killed for memory after a merge".to_owned(),
        text: "3 OOM kills in 2 hours, none in the week before.\nA revert is proposed.".to_owned(),
        url: Some("https://forge.example/acme/gitops/pulls/12".parse().unwrap()),
        key: "revert/payments/deploy/api".to_owned(),
        at: "2026-11-22T10:00:00Z".parse().unwrap(),
        cluster: ClusterName::new("prod-eu").unwrap(),
    }
}

pub(crate) fn secret(text: impl Into<String>) -> SecretSource {
    SecretSource::Value(Secret::new(text))
}

/// All services at this server.
pub(crate) fn services(base: &str) -> Vec<Service> {
    let address = || secret(format!("{base}/hook/{SECRET}"));
    vec![
        Service::Slack { address: address() },
        Service::Teams { address: address() },
        Service::Discord { address: address() },
        Service::PagerDuty { routing_key: secret(SECRET), address: Some(address()) },
        Service::Webhook { address: address(), signing_key: Some(secret("of the receiver")) },
    ]
}

pub(crate) fn destination(service: Service) -> Destination {
    Destination { name: service.as_str().to_owned(), service, filter: Filter::default(), ca_file: None }
}

/// A clock that is moved by hand.
#[derive(Clone)]
pub(crate) struct Hands(Arc<Mutex<Timestamp>>);

impl Hands {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new("2026-11-22T10:00:05Z".parse().unwrap())))
    }

    pub(crate) fn clock(&self) -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
        let hands = self.clone();
        Arc::new(move || *hands.0.lock().unwrap())
    }

    pub(crate) fn forward(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(by).unwrap();
    }
}
