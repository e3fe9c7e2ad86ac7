//! Answers: as a stream with a byte limit, or whole.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::NetError;
use crate::retry::retry_after;
use crate::transport;

/// Characters of a body that an error quotes.
const EXCERPT_CHARS_MAX: usize = 300;

/// Bytes of a body that are read to quote it.
const EXCERPT_BYTES_MAX: u64 = 16 * 1024;

/// An answer whose body has not been read yet.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The address that answered, after redirects.
    pub url: Url,
    body: reqwest::Response,
    read_bytes: u64,
    limit_bytes: u64,
}

impl Response {
    pub(crate) fn new(body: reqwest::Response, limit_bytes: u64) -> Self {
        Self {
            status: body.status(),
            headers: body.headers().clone(),
            url: body.url().clone(),
            body,
            read_bytes: 0,
            limit_bytes,
        }
    }

    /// The next piece of the body, decompressed; none at its end.
    ///
    /// # Errors
    /// [`NetError::BodyTooLarge`] beyond the limit, [`NetError::Interrupted`] or [`NetError::Timeout`] when it breaks.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, NetError> {
        let host = self.host();
        let Some(chunk) =
            self.body.chunk().await.map_err(|error| transport::body_error(host.clone(), &error))?
        else {
            return Ok(None);
        };
        self.read_bytes = self.read_bytes.saturating_add(chunk.len() as u64);
        if self.read_bytes > self.limit_bytes {
            return Err(NetError::BodyTooLarge { host, limit_bytes: self.limit_bytes });
        }
        Ok(Some(chunk))
    }

    /// The whole answer.
    ///
    /// # Errors
    /// As [`Response::chunk`].
    pub async fn whole(mut self) -> Result<Answer, NetError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: self.status, headers: self.headers, url: self.url, body: body.freeze() })
    }

    /// Itself if the status is 2xx.
    ///
    /// # Errors
    /// [`NetError::Status`] with the beginning of the body otherwise.
    pub async fn success(mut self) -> Result<Self, NetError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let mut body = BytesMut::new();
        while let Ok(Some(chunk)) = self.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() as u64 > EXCERPT_BYTES_MAX {
                break;
            }
        }
        Err(status_error(self.host(), self.status, &self.headers, &body))
    }

    fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The address that answered, after redirects.
    pub url: Url,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// Itself if the status is 2xx.
    ///
    /// # Errors
    /// [`NetError::Status`] with the beginning of the body otherwise.
    pub fn success(self) -> Result<Self, NetError> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(status_error(self.host(), self.status, &self.headers, &self.body))
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`NetError::Malformed`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, NetError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| NetError::Malformed { host: self.host(), why: error.to_string() })
    }

    /// The beginning of the body, cleaned for a terminal.
    pub fn excerpt(&self) -> String {
        excerpt(&self.body)
    }

    /// What `Retry-After` asks for, counted from now.
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers, Timestamp::now())
    }

    fn host(&self) -> String {
        self.url.host_str().unwrap_or_default().to_owned()
    }
}

fn status_error(host: String, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> NetError {
    NetError::Status {
        host,
        status: status.as_u16(),
        excerpt: excerpt(body),
        retry_after: retry_after(headers, Timestamp::now()),
    }
}

/// One line: what a server says may hold terminal control sequences.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let clean: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(EXCERPT_CHARS_MAX).collect();
    clean.trim().to_owned()
}
