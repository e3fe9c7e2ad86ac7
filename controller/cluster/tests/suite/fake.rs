//! An API server whose answers a test sets: lists, refusals and watches, over plain HTTP on loopback.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::channel::mpsc;
use kubeopt_cluster::Cluster;
use kubeopt_model::ClusterName;
use serde_json::{Value, json};

/// A running fake; it ends with the runtime of the test.
#[derive(Clone)]
pub(crate) struct Fake {
    url: String,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    /// Answers by path; a path without one is 404, as for a kind that is not there.
    answers: BTreeMap<String, Vec<Answer>>,
    /// Open watches by path.
    watches: BTreeMap<String, mpsc::UnboundedSender<Bytes>>,
    calls: Vec<String>,
    /// Path and query of lists.
    queries: Vec<(String, String)>,
}

/// An answer to a list. The last one of a path is given again and again.
#[derive(Clone)]
pub(crate) enum Answer {
    /// These objects; the second part asks for another page.
    Page(Vec<Value>, Option<&'static str>),
    /// A text that is not a list, so many times over.
    Text(&'static str, usize),
    /// A refusal with this status.
    Refuse(u16),
}

/// A list of nothing.
pub(crate) const EMPTY: Answer = Answer::Page(Vec::new(), None);

/// The paths of the kinds that every cluster has.
pub(crate) const BUILT_IN: [&str; 12] = [
    "/apis/apps/v1/deployments",
    "/apis/apps/v1/statefulsets",
    "/apis/apps/v1/daemonsets",
    "/apis/apps/v1/replicasets",
    "/apis/batch/v1/jobs",
    "/apis/batch/v1/cronjobs",
    "/api/v1/pods",
    "/api/v1/nodes",
    "/apis/autoscaling/v2/horizontalpodautoscalers",
    "/api/v1/limitranges",
    "/api/v1/resourcequotas",
    "/api/v1/configmaps",
];

impl Fake {
    /// Starts with empty lists of the built-in kinds, and without the others.
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = Self { url, inner: Arc::default() };
        for path in BUILT_IN {
            fake.answer(path, [EMPTY]);
        }
        let router = Router::new().fallback(handle).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    /// A connection to it.
    pub(crate) fn cluster(&self) -> Cluster {
        let mut config = kube::Config::new(self.url.parse().unwrap());
        // What it refuses it refuses for good.
        config.default_retry = false;
        Cluster::with_client(ClusterName::new("fake").unwrap(), kube::Client::try_from(config).unwrap())
    }

    /// Sets the answers to lists of a path, one after the other.
    pub(crate) fn answer(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        let mut inner = self.inner.lock().unwrap();
        inner.answers.insert(path.to_owned(), answers.into_iter().collect());
    }

    /// Sends an event to the open watch of a path, if there is one.
    pub(crate) fn send(&self, path: &str, kind: &str, object: &Value) {
        let line = format!("{}\n", json!({"type": kind, "object": object}));
        if let Some(watch) = self.inner.lock().unwrap().watches.get(path) {
            let _ = watch.unbounded_send(line.into());
        }
    }

    /// Ends the open watch of a path, as the API server does every few minutes.
    pub(crate) fn end_watch(&self, path: &str) {
        self.inner.lock().unwrap().watches.remove(path);
    }

    /// Whether a watch of the path is open.
    pub(crate) fn is_watched(&self, path: &str) -> bool {
        self.inner.lock().unwrap().watches.contains_key(path)
    }

    /// Lists of a path so far.
    pub(crate) fn lists_of(&self, path: &str) -> usize {
        self.inner.lock().unwrap().calls.iter().filter(|call| *call == path).count()
    }

    /// What lists of a path selected, page sizes left out.
    pub(crate) fn queries_of(&self, path: &str) -> Vec<String> {
        let inner = self.inner.lock().unwrap();
        let own = inner.queries.iter().filter(|(of, _)| of == path);
        own.map(|(_, query)| {
            let parts = query.split('&').filter(|part| !part.is_empty() && !part.starts_with("limit="));
            parts.collect::<Vec<_>>().join("&")
        })
        .collect()
    }

    fn list(&self, path: &str) -> Answer {
        let mut inner = self.inner.lock().unwrap();
        inner.calls.push(path.to_owned());
        match inner.answers.get_mut(path) {
            None => Answer::Refuse(404),
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
        }
    }

    fn watch(&self, path: &str) -> Response {
        let mut inner = self.inner.lock().unwrap();
        if let Some([Answer::Refuse(status)]) = inner.answers.get(path).map(Vec::as_slice) {
            return refusal(*status);
        }
        let (sender, lines) = mpsc::unbounded();
        inner.watches.insert(path.to_owned(), sender);
        Body::from_stream(lines.map(Ok::<_, std::convert::Infallible>)).into_response()
    }
}

async fn handle(State(fake): State<Fake>, request: Request) -> Response {
    let path = request.uri().path();
    if request.uri().query().is_some_and(|query| query.contains("watch=true")) {
        return fake.watch(path);
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    fake.inner.lock().unwrap().queries.push((path.to_owned(), query));
    match fake.list(path) {
        Answer::Page(items, next) => {
            let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "1", "continue": next},
                "items": items});
            (StatusCode::OK, list.to_string()).into_response()
        }
        Answer::Text(text, times) => {
            let parts = std::iter::repeat_n(Bytes::from_static(text.as_bytes()), times);
            let parts = futures::stream::iter(parts).map(Ok::<_, std::convert::Infallible>);
            Body::from_stream(parts).into_response()
        }
        Answer::Refuse(status) => refusal(status),
    }
}

fn refusal(status: u16) -> Response {
    let text = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status,
        "message": format!("refused with {status}"), "reason": "Refused"});
    (StatusCode::from_u16(status).unwrap(), text.to_string()).into_response()
}
