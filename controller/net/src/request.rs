//! A request as a value, ready to be repeated.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use url::Url;

use crate::error::NetError;
use crate::secret::{Secret, sensitive};

/// Whether sending a request twice does the same as sending it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It does: it may be repeated after a failure.
    Safe,
    /// It does not, or nobody knows.
    Unsafe,
}

/// One request. Credentials belong to the origin's rule; only those that a caller renews by itself are part of it.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) repeat: Repeat,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_body_bytes: Option<u64>,
    pub(crate) remember: bool,
}

impl Request {
    /// A request without a body. GET, HEAD, PUT and DELETE count as idempotent, as HTTP defines them.
    pub fn new(method: Method, url: Url) -> Self {
        let repeat = if method.is_idempotent() { Repeat::Safe } else { Repeat::Unsafe };
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
            repeat,
            timeout: None,
            max_body_bytes: None,
            remember: false,
        }
    }

    /// GET.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    /// With a header. Dropped when a redirect leads to another origin.
    ///
    /// # Errors
    /// [`NetError::InvalidRequest`] for text that is not a header.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, NetError> {
        let invalid = |why: String| NetError::InvalidRequest { host: self.host(), why };
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| invalid("a header name is not valid".to_owned()))?;
        let value = HeaderValue::from_str(value)
            .map_err(|_| invalid(format!("the value of header {name} is not printable ASCII")))?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// With a token that the caller renews by itself. Dropped when a redirect leads to another origin, and shown by no
    /// debug output.
    ///
    /// # Errors
    /// [`NetError::InvalidRequest`] for a token that is not printable ASCII.
    pub fn bearer(mut self, token: &Secret) -> Result<Self, NetError> {
        let value = sensitive(&format!("Bearer {}", token.expose())).ok_or_else(|| {
            NetError::InvalidRequest { host: self.host(), why: "a token is not printable ASCII".to_owned() }
        })?;
        self.headers.insert(AUTHORIZATION, value);
        Ok(self)
    }

    /// With a JSON body.
    ///
    /// # Errors
    /// [`NetError::InvalidRequest`] for a value that is not JSON, such as a map with keys that are not text.
    pub fn json<T: Serialize + ?Sized>(mut self, body: &T) -> Result<Self, NetError> {
        let bytes = serde_json::to_vec(body)
            .map_err(|error| NetError::InvalidRequest { host: self.host(), why: error.to_string() })?;
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = Some(bytes.into());
        Ok(self)
    }

    /// With a form body, as Prometheus takes long queries.
    #[must_use]
    pub fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        self.body = Some(text.into());
        self
    }

    /// With a body of another kind.
    ///
    /// # Errors
    /// [`NetError::InvalidRequest`] for a media type that is not a header value.
    pub fn body(self, media_type: &str, bytes: impl Into<Bytes>) -> Result<Self, NetError> {
        let mut request = self.header(CONTENT_TYPE.as_str(), media_type)?;
        request.body = Some(bytes.into());
        Ok(request)
    }

    /// The caller knows that sending it twice does no harm: a POST that only asks.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        self.repeat = Repeat::Safe;
        self
    }

    /// Never repeated, whatever the method: the caller reads back first.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.repeat = Repeat::Unsafe;
        self
    }

    /// With another time limit than the client's.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// With another body limit than the client's.
    #[must_use]
    pub fn max_body_bytes(mut self, limit: u64) -> Self {
        self.max_body_bytes = Some(limit);
        self
    }

    /// Remembers the answer by its ETag and asks the next time whether it still holds (`If-None-Match`). Works with
    /// [`crate::Client::fetch`].
    #[must_use]
    pub fn conditional(mut self) -> Self {
        self.remember = self.method == Method::GET;
        self
    }

    pub(crate) fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }
}
