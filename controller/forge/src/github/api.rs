//! What octocrab sends its requests through: kubeopt's own client, with the token of the repository in question.
//!
//! An address that an answer gave is called only when it is the API's own: octocrab hands links of pages on as they came.
//! What a status means is judged here, where the headers still are.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use kubeopt_net::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use kubeopt_net::{Answer, Method, NetError, Request, StatusCode, Url};
use octocrab::OctoBody;
use serde::Deserialize;

use super::access::Access;
use super::places::Places;
use crate::error::ForgeError;
use crate::transport::Transport;

/// The header in which requests name the version of the API; octocrab sets it.
const VERSION: &str = "x-github-api-version";

/// The API as one repository's owner sees it.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) transport: Arc<Transport>,
    pub(super) access: Arc<Access>,
    pub(super) places: Places,
    pub(super) owner: String,
    pub(super) repository: String,
}

/// What a 404 is about, until the caller names it; an installation that is not there has a name of its own.
pub(super) const ASKED: &str = "what was asked for";

type Sent = Result<http::Response<Full<Bytes>>, ForgeError>;

impl tower::Service<http::Request<OctoBody>> for Api {
    type Response = http::Response<Full<Bytes>>;
    type Error = ForgeError;
    type Future = Pin<Box<dyn Future<Output = Sent> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ForgeError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<OctoBody>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move { api.send(request).await })
    }
}

impl Api {
    async fn send(&self, request: http::Request<OctoBody>) -> Sent {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| unbuildable("its body cannot be read"))?.to_bytes();
        let mut url = self.resolve(&parts.uri)?;
        // The second time with another token, or at another address; more of either is a fault.
        let (mut refused, mut moved) = (None, false);
        loop {
            let granted = self.access.granted(&self.owner, &self.repository, refused.as_ref()).await?;
            let mut request = Request::new(parts.method.clone(), url.clone())
                .header(ACCEPT.as_str(), "application/vnd.github+json")?
                .bearer(&granted.token)?;
            if let Some(version) = parts.headers.get(VERSION).and_then(|value| value.to_str().ok()) {
                request = request.header(VERSION, version)?;
            }
            if !body.is_empty() {
                request = request.body(media_type(&parts.headers), body.clone())?;
            }
            let answer = match parts.method {
                Method::GET => self.transport.read(request).await?,
                _ => self.transport.write(request).await?,
            };
            match answer.status {
                // Nothing was done yet: an App's token may have ended before its time.
                StatusCode::UNAUTHORIZED if refused.is_none() => refused = Some(granted.token),
                // A renamed repository; the client follows reads by itself.
                StatusCode::MOVED_PERMANENTLY if !moved => (url, moved) = (self.new_place(&answer)?, true),
                _ => return self.taken(answer, &url),
            }
        }
    }

    /// A path of the API, or an address below it that an answer gave.
    fn resolve(&self, uri: &http::Uri) -> Result<Url, ForgeError> {
        if uri.authority().is_none() {
            return match uri.path() {
                "/graphql" => Ok(self.places.graphql.clone()),
                _ => Err(unbuildable("its address is not whole")),
            };
        }
        let url = Url::parse(&uri.to_string()).map_err(|_| unbuildable("its address is none"))?;
        self.own_place(url)
    }

    fn new_place(&self, answer: &Answer) -> Result<Url, ForgeError> {
        let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let url = location.and_then(|text| answer.url.join(text).ok());
        let why = "it says that a repository moved, and not where to".to_owned();
        self.own_place(url.ok_or(ForgeError::Malformed { why })?)
    }

    /// Another server is never called with a token of this one, nor another place on the same host.
    fn own_place(&self, url: Url) -> Result<Url, ForgeError> {
        let root = self.places.rest.path().trim_end_matches('/');
        let is_below = url.path().strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
        if url.origin() == self.places.rest.origin() && is_below {
            return Ok(url);
        }
        Err(ForgeError::Malformed { why: "an address in an answer leads to another server".to_owned() })
    }

    fn taken(&self, answer: Answer, url: &Url) -> Sent {
        let answer = self.transport.judge(answer, ASKED)?;
        if *url == self.places.graphql {
            self.judge_query(&answer)?;
        }
        let mut response = http::Response::builder().status(answer.status);
        for (name, value) in &answer.headers {
            response = response.header(name, value);
        }
        response.body(Full::new(answer.body)).map_err(|_| unbuildable("its answer cannot be read"))
    }

    /// GraphQL says with 200 what REST says with a status.
    fn judge_query(&self, answer: &Answer) -> Result<(), ForgeError> {
        let errors = answer.json::<QueryAnswer>().map(|found| found.errors).unwrap_or_default();
        let Some(error) = errors.unwrap_or_default().into_iter().next() else { return Ok(()) };
        let why: String = error.message.chars().filter(|c| !c.is_control()).take(300).collect();
        Err(match error.kind.as_deref() {
            Some("RATE_LIMITED") => self.transport.limited(answer.retry_after()),
            Some("NOT_FOUND") => ForgeError::NotFound { what: ASKED.to_owned() },
            Some("FORBIDDEN" | "INSUFFICIENT_SCOPES") => ForgeError::Forbidden { why },
            Some(_) | None => ForgeError::Refused { why },
        })
    }
}

fn media_type(headers: &http::HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("application/json")
}

fn unbuildable(why: &str) -> ForgeError {
    NetError::InvalidRequest { host: "GitHub".to_owned(), why: why.to_owned() }.into()
}

#[derive(Deserialize)]
struct QueryAnswer {
    errors: Option<Vec<QueryError>>,
}

#[derive(Deserialize)]
struct QueryError {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    message: String,
}
