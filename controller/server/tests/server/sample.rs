//! An app whose forge remembers what was asked of it.

use std::borrow::Cow;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use kubeopt_model::Problem;
use kubeopt_server::{App, Asset, FormToken, Metrics, Page, Pages, PullRequestAt, Readiness, router};
use tower::ServiceExt;

/// Pull request 1 of acme/gitops is there; merging number 2 fails, number 3 is refused, number 4 breaks, number 6 is a
/// draft until it is marked as ready.
#[derive(Default)]
pub(crate) struct Memory(pub(crate) Mutex<Vec<String>>);

impl Memory {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }
}

#[async_trait]
impl Pages for Memory {
    async fn index(&self) -> Page {
        Page::Shown("<h1>index</h1>".into())
    }
    async fn pull_request(&self, at: &PullRequestAt, token: &FormToken) -> Page {
        match at.number {
            1 => Page::Shown(format!("token={}", token.as_str())),
            number => Page::Missing(Problem::new("E-X-001", format!("no number {number}"), "go back")),
        }
    }
    async fn comment(&self, at: &PullRequestAt, text: &str) -> Page {
        self.note(format!("comment {}/{}#{}: {text}", at.owner, at.name, at.number));
        Page::SeeOther(at.path())
    }
    async fn merge(&self, at: &PullRequestAt) -> Page {
        self.note(format!("merge {}", at.number));
        match at.number {
            2 => Page::Failed(Problem::new("E-X-002", "the disk is full", "make room")),
            3 => Page::Refused(Problem::new("E-X-003", "it conflicts", "rebase")),
            4 => panic!("a fault"),
            5 => Page::SeeOther("//evil.example/".into()),
            6 if !self.0.lock().unwrap().contains(&"ready 6".to_owned()) => {
                Page::Refused(Problem::new("E-X-006", "pull request 6 is a draft", "mark it as ready first"))
            }
            _ => Page::SeeOther(at.path()),
        }
    }
    async fn mark_ready(&self, at: &PullRequestAt) -> Page {
        self.note(format!("ready {}", at.number));
        Page::SeeOther(at.path())
    }
    async fn close(&self, at: &PullRequestAt) -> Page {
        self.note(format!("close {}", at.number));
        Page::SeeOther(at.path())
    }
    fn problem(&self, heading: &str, problem: &Problem) -> String {
        format!("{heading}: {} {}", problem.code, problem.text)
    }
    fn assets(&self) -> Vec<Asset> {
        vec![Asset { path: "/assets/style.css", content_type: "text/css", body: Cow::Borrowed(b"a{}") }]
    }
}

pub(crate) struct Sample {
    pub(crate) app: App,
    pub(crate) memory: Arc<Memory>,
    pub(crate) token: String,
}

pub(crate) fn sample() -> Sample {
    let memory = Arc::new(Memory::default());
    let token = FormToken::random().unwrap();
    let app = App {
        readiness: Readiness::starting(),
        metrics: Arc::new(Metrics::new("1.2.3", "abc")),
        pages: Some((memory.clone(), token.clone())),
        webhooks: None,
    };
    Sample { app, memory, token: token.as_str().to_owned() }
}

pub(crate) async fn send(app: &App, request: Request<Body>) -> Response<Body> {
    router(app.clone()).oneshot(request).await.unwrap()
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).header("host", "127.0.0.1:8080").body(Body::empty()).unwrap()
}

pub(crate) async fn text(response: Response<Body>) -> String {
    String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
}
