//! A proxy between kubeopt and Gitea that can keep one request on its way there, or one answer on its way back, for ever or
//! until it is let go.
//!
//! It changes nothing that passes and knows nothing of what the requests mean.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use kubeopt_tests::{OrFail, port};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Packs of the tests' repositories are a few KiB.
const BODY_BYTES_MAX: usize = 16 << 20;

/// Headers that belong to one connection, or that the next hop counts itself.
const OF_ONE_HOP: [header::HeaderName; 4] =
    [header::HOST, header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH];

/// Which half of an exchange is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    /// The server never sees the request.
    Request,
    /// The server has done what was asked, and the client never hears of it.
    Answer,
}

struct Keep {
    half: Half,
    method: Method,
    path: String,
    /// Requests like it that may pass first.
    after: usize,
    reached: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
    arrived: oneshot::Sender<()>,
}

/// An exchange that the proxy keeps, or will keep.
pub(super) struct Kept {
    /// It is there.
    pub(super) reached: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
    arrived: oneshot::Receiver<()>,
}

impl Kept {
    /// Lets it go on, late; gives when a request has been answered by the server.
    pub(super) async fn release(self) {
        self.release.send(()).expect("an exchange that is kept waits for its release");
        self.arrived.await.or_fail("hear from the server of a request that was let go");
    }
}

struct Shared {
    server: String,
    http: reqwest::Client,
    keep: Mutex<Vec<Keep>>,
}

/// A running proxy; dropping it ends it.
pub(super) struct Proxy {
    url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy to a server on loopback.
    pub(super) async fn start(server: &str) -> Self {
        let address = format!("127.0.0.1:{}", port::free());
        let listener = tokio::net::TcpListener::bind(&address).await.or_fail("listen for kubeopt");
        let http = reqwest::Client::builder()
            .no_proxy()
            .no_gzip()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .or_fail("build the client of the proxy");
        let shared = Arc::new(Shared { server: server.to_owned(), http, keep: Mutex::default() });
        let routes = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.or_fail("serve kubeopt") });
        Self { url: format!("http://{address}"), shared, task }
    }

    /// The root address, without a slash at its end.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Keeps a request of this method to this path or below it, or its answer, until it is released or for ever: the one
    /// that comes after so many others of them.
    pub(super) fn keep(&self, half: Half, method: Method, path: &str, after: usize) -> Kept {
        let (reached, is_reached) = oneshot::channel();
        let (release, released) = oneshot::channel();
        let (arrived, has_arrived) = oneshot::channel();
        let path = path.to_owned();
        self.shared.keep().push(Keep { half, method, path, after, reached, released, arrived });
        Kept { reached: is_reached, release, arrived: has_arrived }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn keep(&self) -> MutexGuard<'_, Vec<Keep>> {
        self.keep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, method: &Method, path: &str) -> Option<Keep> {
        let mut keep = self.keep();
        let is_meant = |keep: &Keep| {
            let below = path.strip_prefix(&keep.path);
            keep.method == method && below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        };
        let at = keep.iter().position(is_meant)?;
        if keep[at].after > 0 {
            keep[at].after -= 1;
            return None;
        }
        Some(keep.remove(at))
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let Some(keep) = shared.take(request.method(), request.uri().path()) else {
        return forward(&shared, request).await;
    };
    let answer = match keep.half {
        Half::Request => {
            until_released(keep.reached, keep.released).await;
            forward(&shared, request).await
        }
        Half::Answer => {
            let answer = forward(&shared, request).await;
            until_released(keep.reached, keep.released).await;
            answer
        }
    };
    // A test that does not ask when it arrived has let it go for good.
    let _ = keep.arrived.send(());
    answer
}

/// Ends only with the connection where nobody will release it.
async fn until_released(reached: oneshot::Sender<()>, released: oneshot::Receiver<()>) {
    // A test that no longer listens has failed already.
    let _ = reached.send(());
    if released.await.is_err() {
        pending().await
    }
}

async fn forward(shared: &Shared, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else { return status(StatusCode::BAD_REQUEST) };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("{}{path}", shared.server);
    let sent = shared.http.request(parts.method, url).headers(of_the_whole_way(parts.headers)).body(body);
    match sent.send().await {
        Ok(answer) => back(answer).await,
        Err(_) => status(StatusCode::BAD_GATEWAY),
    }
}

async fn back(answer: reqwest::Response) -> Response {
    let (status, headers) = (answer.status(), of_the_whole_way(answer.headers().clone()));
    let Ok(body): Result<Bytes, _> = answer.bytes().await else {
        return self::status(StatusCode::BAD_GATEWAY);
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn of_the_whole_way(mut headers: HeaderMap) -> HeaderMap {
    for name in &OF_ONE_HOP {
        headers.remove(name);
    }
    headers
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
