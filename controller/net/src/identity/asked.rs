//! One request to a service that gives out credentials: one origin, small answers, short patience.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde::{Deserialize, Deserializer};
use url::Url;

use crate::client::Client;
use crate::error::NetError;
use crate::policy::{ClientPolicy, HostRule};
use crate::request::Request;
use crate::response::Answer;
use crate::retry::RetryPolicy;
use crate::secret::{Secret, sensitive};

/// Time for one attempt. These services answer within milliseconds, and where there is none nobody answers at all.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Largest answer: tokens are below 8 KiB.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Longest text of a service that an error quotes.
const SAID_CHARS_MAX: usize = 200;

/// Longest life of a token that is believed, in seconds: a week.
const LIFE_S_MAX: i64 = 7 * 86_400;

/// What a token service answers, in OAuth's words; Azure's metadata service writes the number as a text.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(deserialize_with = "number_or_text")]
    expires_in: i64,
}

fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

/// Sends the request to its own origin and to no other. No credentials of a rule go with it, and no redirect away from the
/// origin is followed. Boxed, since the client that asks is itself asked by a client.
pub(super) fn answer(
    request: Request,
) -> Pin<Box<dyn Future<Output = Result<Answer, NetError>> + Send + 'static>> {
    Box::pin(async move {
        let mut policy = ClientPolicy::new(vec![HostRule::for_identity_service(&request.url)?]);
        policy.timeout = TIMEOUT;
        policy.max_body_bytes = ANSWER_BYTES_MAX;
        policy.retry = RetryPolicy { attempts: 2, ..RetryPolicy::default() };
        // Made for one request: once an hour, and no connection stays open.
        Client::new(policy)?.fetch(request).await
    })
}

/// The address of a path below a base.
pub(super) fn below(base: &str, path: &str) -> Result<Url, NetError> {
    let text = format!("{}{path}", base.trim_end_matches('/'));
    Url::parse(&text).map_err(|_| NetError::InvalidUrl { url: base.to_owned(), why: "it is no address" })
}

/// A file of the identity, without white space at its ends.
pub(super) async fn file(path: std::path::PathBuf) -> Result<Secret, NetError> {
    crate::secret::SecretSource::File(path).read().await
}

/// What a service said, cleaned for a terminal.
pub(super) fn said(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_CHARS_MAX).collect()
}

/// The token of an answer and its end, counted from `asked_at`. `provider` and `who` are for the error.
pub(super) fn token(
    answer: &Answer,
    asked_at: Timestamp,
    provider: &'static str,
    who: &str,
) -> Result<(Secret, Option<Timestamp>), NetError> {
    let refused = |why: String| NetError::NoIdentity { provider, why: format!("{who} answered {why}") };
    if !answer.status.is_success() {
        return Err(refused(refusal(answer)));
    }
    let token: TokenAnswer = answer.json().map_err(|_| refused("something else than a token".to_owned()))?;
    let life = Duration::from_secs(token.expires_in.clamp(0, LIFE_S_MAX).unsigned_abs());
    Ok((Secret::new(token.access_token), Some(asked_at + life)))
}

/// The header that shows a token.
pub(super) fn bearer(
    token: &Secret,
    provider: &'static str,
) -> Result<Vec<(HeaderName, HeaderValue)>, NetError> {
    let why = "the token is not printable ASCII".to_owned();
    let value = sensitive(&format!("Bearer {}", token.expose()));
    Ok(vec![(AUTHORIZATION, value.ok_or(NetError::NoIdentity { provider, why })?)])
}

/// What a token service says when it refuses, in OAuth's words: `error` and `error_description`.
fn refusal(answer: &Answer) -> String {
    let json: serde_json::Value = answer.json().unwrap_or_default();
    let text = |name: &str| json.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    said(&format!("HTTP {} {} {}", answer.status.as_u16(), text("error"), text("error_description")))
        .trim_end()
        .to_owned()
}
