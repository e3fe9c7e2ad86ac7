//! Which address leads where. Health and metrics are for the cluster, webhooks for forges; pages, where there are any, for this machine.

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Form, Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router, middleware};
use kubeopt_model::Problem;
use serde::Deserialize;

use crate::error::Refusal;
use crate::guard;
use crate::metrics::{CONTENT_TYPE, Metrics};
use crate::pages::{Page, Pages, PullRequestAt};
use crate::readiness::Readiness;
use crate::token::FormToken;
use crate::webhooks::{self, WebhookDoor};

/// Largest body: a comment of 20,000 characters, percent-encoded.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest comment.
const COMMENT_CHARS_MAX: usize = 20_000;

/// What the server answers with.
#[derive(Clone)]
pub struct App {
    /// For `/readyz`.
    pub readiness: Readiness,
    /// For `/metrics`.
    pub metrics: Arc<Metrics>,
    /// The local forge and the token of its forms, where there is one.
    pub pages: Option<(Arc<dyn Pages>, FormToken)>,
    /// Webhooks of forges, where some are configured.
    pub webhooks: Option<WebhookDoor>,
}

/// The routes of an app, guards included.
pub fn router(app: App) -> Router {
    let health = Router::new()
        .route("/livez", get(|| async { Json(serde_json::json!({"alive": true})) }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state((app.readiness, Arc::clone(&app.metrics)));
    let health = match app.webhooks {
        Some(door) => health.merge(webhooks::routes(door, app.metrics)),
        None => health,
    };
    let routes = match app.pages {
        Some((pages, token)) => health.merge(forge(Forge { pages, token })),
        None => health.fallback(|| async { guard::plain(Refusal::NothingHere) }),
    };
    routes
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(guard::with_time_limit))
        .layer(middleware::from_fn(guard::with_headers))
}

async fn readyz(State((readiness, _)): State<(Readiness, Arc<Metrics>)>) -> Response {
    match readiness.reasons() {
        None => Json(serde_json::json!({"ready": true})).into_response(),
        Some(reasons) => {
            let body = serde_json::json!({"ready": false, "reasons": reasons});
            (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
        }
    }
}

async fn metrics(State((_, metrics)): State<(Readiness, Arc<Metrics>)>) -> Response {
    match metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => guard::plain(Refusal::Fault),
    }
}

#[derive(Clone)]
struct Forge {
    pages: Arc<dyn Pages>,
    token: FormToken,
}

#[derive(Deserialize)]
struct Sent {
    token: String,
    #[serde(default)]
    text: String,
}

type Asked = Result<Path<(String, String, u64)>, PathRejection>;

fn forge(forge: Forge) -> Router {
    let page = "/{owner}/{name}/pulls/{number}";
    Router::new()
        .route("/", get(index))
        .route("/assets/{file}", get(asset))
        .route(page, get(pull_request))
        .route(&format!("{page}/comments"), post(comment))
        .route(&format!("{page}/merge"), press(|pages, at| async move { pages.merge(&at).await }))
        .route(&format!("{page}/ready"), press(|pages, at| async move { pages.mark_ready(&at).await }))
        .route(&format!("{page}/close"), press(|pages, at| async move { pages.close(&at).await }))
        .fallback(nothing_here)
        .layer(middleware::from_fn(guard::only_from_here))
        .with_state(forge)
}

async fn index(State(forge): State<Forge>) -> Response {
    let page = forge.pages.index().await;
    forge.answer(page)
}

async fn asset(State(forge): State<Forge>, uri: Uri) -> Response {
    match forge.pages.assets().into_iter().find(|asset| asset.path == uri.path()) {
        Some(asset) => {
            ([(header::CONTENT_TYPE, asset.content_type)], asset.body.into_owned()).into_response()
        }
        None => forge.refuse(Refusal::NothingHere),
    }
}

async fn nothing_here(State(forge): State<Forge>) -> Response {
    forge.refuse(Refusal::NothingHere)
}

async fn pull_request(State(forge): State<Forge>, address: Asked) -> Response {
    match checked(address) {
        Ok(at) => {
            let page = forge.pages.pull_request(&at, &forge.token).await;
            forge.answer(page)
        }
        Err(refusal) => forge.refuse(refusal),
    }
}

async fn comment(
    State(forge): State<Forge>,
    address: Asked,
    form: Result<Form<Sent>, FormRejection>,
) -> Response {
    let text = form.as_ref().map_or(String::new(), |form| form.text.trim().to_owned());
    let asked = forge.asked(address, form).and_then(|at| match text.chars().count() {
        1..=COMMENT_CHARS_MAX => Ok(at),
        _ => Err(Refusal::WrongComment),
    });
    forge.act(asked, move |pages, at| async move { pages.comment(&at, &text).await }).await
}

/// A form without text: who sends it wants the action done.
fn press<F, A>(action: A) -> MethodRouter<Forge>
where
    A: FnOnce(Arc<dyn Pages>, PullRequestAt) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Page> + Send + 'static,
{
    let pressed =
        async |State(forge): State<Forge>, address: Asked, form: Result<Form<Sent>, FormRejection>| {
            let asked = forge.asked(address, form);
            forge.act(asked, action).await
        };
    post(pressed)
}

fn checked(address: Asked) -> Result<PullRequestAt, Refusal> {
    let Path((owner, name, number)) = address.map_err(|_| Refusal::NothingHere)?;
    PullRequestAt::checked(&owner, &name, number).ok_or(Refusal::NothingHere)
}

impl Forge {
    /// The pull request that a form speaks of, once its token is right.
    fn asked(
        &self,
        address: Asked,
        form: Result<Form<Sent>, FormRejection>,
    ) -> Result<PullRequestAt, Refusal> {
        let Form(sent) = form.map_err(|_| Refusal::UnreadableForm)?;
        if !self.token.matches(&sent.token) {
            return Err(Refusal::WrongToken);
        }
        checked(address)
    }

    /// Does it in a task of its own: a merge that has begun ends, whether or not somebody still waits for the answer.
    async fn act<F, A>(&self, asked: Result<PullRequestAt, Refusal>, action: A) -> Response
    where
        A: FnOnce(Arc<dyn Pages>, PullRequestAt) -> F,
        F: Future<Output = Page> + Send + 'static,
    {
        match asked {
            Ok(at) => match tokio::spawn(action(Arc::clone(&self.pages), at)).await {
                Ok(page) => self.answer(page),
                Err(error) => {
                    tracing::error!(%error, "an action of the local forge ended early");
                    self.refuse(Refusal::Fault)
                }
            },
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn answer(&self, page: Page) -> Response {
        let told = |status: StatusCode, heading: &str, problem: &Problem| {
            html(status, self.pages.problem(heading, problem))
        };
        match page {
            Page::Shown(text) => html(StatusCode::OK, text),
            // A path of this server and nothing else: what comes back must not lead away.
            Page::SeeOther(path) if path.starts_with('/') && !path.starts_with("//") => {
                Redirect::to(&path).into_response()
            }
            Page::SeeOther(_) => self.refuse(Refusal::Fault),
            Page::Missing(problem) => told(StatusCode::NOT_FOUND, "Nothing here", &problem),
            Page::Refused(problem) => told(StatusCode::CONFLICT, "Not done", &problem),
            Page::Failed(problem) => told(StatusCode::INTERNAL_SERVER_ERROR, "Not done", &problem),
        }
    }

    fn refuse(&self, refusal: Refusal) -> Response {
        html(refusal.status(), self.pages.problem(refusal.heading(), &refusal.problem()))
    }
}

fn html(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}
