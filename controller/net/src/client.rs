//! The client: checks the origin, adds its credentials, follows redirects by its own rules, repeats what is idempotent.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, IF_NONE_MATCH, LOCATION};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

use crate::conditional::Remembered;
use crate::error::NetError;
use crate::identity::Outgoing;
use crate::policy::{ClientPolicy, shown};
use crate::renewal::Renewal;
use crate::request::{Repeat, Request};
use crate::response::{Answer, Response};
use crate::retry::{is_worth_repeating, retry_after};
use crate::tally::Tally;
use crate::transport::send_error;

/// Most redirects of one request; browsers follow 20, but an API that needs more than a few is misconfigured.
const REDIRECTS_MAX: u32 = 5;

/// An HTTP client that talks only to the origins of its policy. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    policy: ClientPolicy,
    transport: Renewal,
    remembered: Remembered,
    tally: Tally,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("policy", &self.inner.policy).finish_non_exhaustive()
    }
}

impl Client {
    /// Sets a client up. Certificate files are read again when they change; what cannot be used then leaves the
    /// certificates from before in use.
    ///
    /// # Errors
    /// [`NetError::CertificateUnusable`] when a named CA or client certificate file cannot be used.
    pub fn new(policy: ClientPolicy) -> Result<Self, NetError> {
        let transport = Renewal::new(&policy)?;
        let (remembered, tally) = (Remembered::default(), Tally::default());
        Ok(Self { inner: Arc::new(Inner { policy, transport, remembered, tally }) })
    }

    /// Sends a request and gives the answer, whatever its status, with its body unread.
    ///
    /// Idempotent requests are repeated on 429, 502, 503, 504 and when no connection could be made; `Retry-After` is
    /// honoured up to the policy's longest wait.
    ///
    /// # Errors
    /// Any [`NetError`] but `Status` and `Malformed`.
    pub async fn send(&self, request: Request) -> Result<Response, NetError> {
        let mut done = 0;
        loop {
            done += 1;
            let outcome = self.follow(&request).await;
            let asked = match (&outcome, request.repeat) {
                (_, Repeat::Unsafe) => return outcome,
                (Ok(response), Repeat::Safe) if is_worth_repeating(response.status) => {
                    retry_after(&response.headers, Timestamp::now())
                }
                // A timeout is not among them: what took too long once would take as long again.
                (Err(NetError::Connect { .. } | NetError::Interrupted { .. }), Repeat::Safe) => None,
                (Ok(_) | Err(_), Repeat::Safe) => return outcome,
            };
            let Some(wait) = self.inner.policy.retry.wait_after(done, asked) else { return outcome };
            tracing::debug!(host = request.host(), done, wait_ms = wait.as_millis(), "repeating a request");
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends a request and reads the whole answer. A [`Request::conditional`] one that is answered with 304 gives the
    /// remembered answer.
    ///
    /// # Errors
    /// As [`Client::send`], and those of reading the body.
    pub async fn fetch(&self, mut request: Request) -> Result<Answer, NetError> {
        if !request.remember {
            return self.send(request).await?.whole().await;
        }
        let url = request.url.clone();
        if let Some(tag) = self.inner.remembered.tag(&url) {
            request.headers.insert(IF_NONE_MATCH, tag);
        }
        let answer = self.send(request).await?.whole().await?;
        if answer.status == StatusCode::NOT_MODIFIED
            && let Some(remembered) = self.inner.remembered.answer(&url)
        {
            return Ok(remembered);
        }
        if answer.status == StatusCode::OK {
            self.inner.remembered.keep(&url, &answer);
        }
        Ok(answer)
    }

    /// What came of the requests that this client and its clones have made since the last call, repetitions and
    /// redirects included.
    pub fn take_tally(&self) -> Vec<(Option<u16>, u64)> {
        self.inner.tally.take()
    }

    /// GET, 2xx, JSON.
    ///
    /// # Errors
    /// As [`Client::fetch`]; [`NetError::Status`] for other statuses, [`NetError::Malformed`] for other content.
    pub async fn get_json<T: DeserializeOwned>(&self, url: &Url) -> Result<T, NetError> {
        let request = Request::get(url.clone()).header("accept", "application/json")?;
        self.fetch(request).await?.success()?.json()
    }

    /// GET with headers; the body is read with [`Response::chunk`].
    ///
    /// # Errors
    /// As [`Client::send`]; the status is for the caller to judge ([`Response::success`]).
    pub async fn get_stream(&self, url: &Url, headers: &[(&str, &str)]) -> Result<Response, NetError> {
        let mut request = Request::get(url.clone());
        for (name, value) in headers {
            request = request.header(name, value)?;
        }
        self.send(request).await
    }

    /// One attempt, redirects included.
    async fn follow(&self, request: &Request) -> Result<Response, NetError> {
        let mut hop = Hop {
            url: request.url.clone(),
            method: request.method.clone(),
            headers: request.headers.clone(),
            at_home: true,
        };
        for _ in 0..=REDIRECTS_MAX {
            let response = self.attempt(request, &hop).await?;
            match hop.next(request, &response)? {
                Some(next) => hop = next,
                None => return Ok(response),
            }
        }
        Err(NetError::Redirect { host: request.host(), why: "more than 5 in a row" })
    }

    async fn attempt(&self, request: &Request, hop: &Hop) -> Result<Response, NetError> {
        let policy = &self.inner.policy;
        let rule = policy.rule_for(&hop.url)?;
        let host = rule.origin.host().to_owned();
        let transport = self.inner.transport.transport(policy);
        if let (true, Some(why)) = (rule.origin.is_https(), &transport.no_roots) {
            return Err(NetError::NoRoots { host, why: why.clone() });
        }
        let url = rule.auth.sent_as(&hop.url);
        let body = request.body.as_ref().filter(|_| hop.method == request.method);
        let mut headers = hop.headers.clone();
        if hop.at_home {
            let outgoing = Outgoing { method: &hop.method, url: &url, headers: &headers, body };
            headers.extend(rule.auth.headers(&outgoing).await?);
        }
        let mut builder = transport
            .http
            .request(hop.method.clone(), url)
            .timeout(request.timeout.unwrap_or(policy.timeout))
            .headers(headers);
        if let Some(body) = body {
            builder = builder.body(body.clone());
        }
        let sent = builder.send().await.map_err(|error| send_error(host.clone(), &error));
        self.inner.tally.count(sent.as_ref().ok().map(|response| response.status().as_u16()));
        let response = sent?;
        tracing::debug!(method = %hop.method, url = shown(&hop.url), status = response.status().as_u16(), "answered");
        let limit_bytes = request.max_body_bytes.unwrap_or(policy.max_body_bytes);
        if response.content_length().is_some_and(|length| length > limit_bytes) {
            return Err(NetError::BodyTooLarge { host, limit_bytes });
        }
        Ok(Response::new(response, limit_bytes))
    }
}

/// One step of a chain of redirects.
struct Hop {
    url: Url,
    method: Method,
    headers: HeaderMap,
    /// Still at the origin that the caller asked for; credentials are sent only there.
    at_home: bool,
}

impl Hop {
    /// Where a redirect leads; none when the answer is final.
    fn next(&self, request: &Request, response: &Response) -> Result<Option<Self>, NetError> {
        let refused = |why| NetError::Redirect { host: request.host(), why };
        let Some(method) = self.next_method(response.status) else { return Ok(None) };
        let location = response
            .headers
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| refused("it names no usable location"))?;
        let url = self.url.join(location).map_err(|_| refused("it names no usable location"))?;
        if self.url.scheme() == "https" && url.scheme() != "https" {
            return Err(refused("it leads from https to http"));
        }
        let same_origin = url.origin() == self.url.origin();
        if !same_origin && request.body.is_some() && method == request.method {
            return Err(refused("it would send the request's content to another server"));
        }
        let headers = if same_origin { self.headers.clone() } else { harmless(&self.headers) };
        Ok(Some(Self { url, method, headers, at_home: self.at_home && same_origin }))
    }

    /// GET and HEAD follow every redirect; others only those that keep the method, since a POST that silently becomes a
    /// GET would be taken for done.
    fn next_method(&self, status: StatusCode) -> Option<Method> {
        let safe = self.method == Method::GET || self.method == Method::HEAD;
        match status {
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => Some(self.method.clone()),
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER if safe => {
                Some(self.method.clone())
            }
            _ => None,
        }
    }
}

/// What may go to another origin: only what describes the wanted content. Tenant and token headers of any name stay.
fn harmless(headers: &HeaderMap) -> HeaderMap {
    [ACCEPT, CONTENT_TYPE]
        .into_iter()
        .filter_map(|name| headers.get(&name).map(|value| (name, value.clone())))
        .collect()
}
