//! What all forges over a network share: one writer at a time, silence when it is asked for, and what statuses mean.
//!
//! Every request to a forge goes through here, also where a library builds it: so the hosts are those of the allow-list,
//! and limits hold for all of it. Knows nothing of any forge's API.

use std::time::Duration;

use kubeopt_model::Timestamp;
use kubeopt_net::header::{DATE, HeaderMap};
use kubeopt_net::{Answer, Client, Request, StatusCode, Url};

use crate::error::ForgeError;
use crate::pacing::Pacing;

/// Characters of what a forge says that are quoted.
const SAID_CHARS_MAX: usize = 300;

#[derive(Debug)]
pub(crate) struct Transport {
    client: Client,
    pacing: Pacing,
}

impl Transport {
    pub(crate) fn new(client: Client, pacing: Pacing) -> Self {
        Self { client, pacing }
    }

    /// What came of requests since the last call.
    pub(crate) fn take_tally(&self) -> Vec<(Option<u16>, u64)> {
        self.client.take_tally()
    }

    /// A read: repeated when the server says "not now", and asked for with its tag.
    pub(crate) async fn read(&self, request: Request) -> Result<Answer, ForgeError> {
        self.pacing.check()?;
        Ok(self.client.fetch(request.conditional()).await?)
    }

    /// A write: waits for its turn and is never repeated, since its first attempt may have succeeded.
    pub(crate) async fn write(&self, request: Request) -> Result<Answer, ForgeError> {
        let _turn = self.pacing.turn().await;
        self.pacing.check()?;
        Ok(self.client.fetch(request.once()).await?)
    }

    /// What a status means. `what` is named when it is not there. A limit silences all further calls.
    pub(crate) fn judge(&self, answer: Answer, what: &str) -> Result<Answer, ForgeError> {
        if let Some(retry_after) = limit(&answer) {
            return Err(self.limited(retry_after));
        }
        let said = || said(&answer);
        let error = match answer.status.as_u16() {
            200..=299 => return Ok(answer),
            401 => ForgeError::Unauthorized,
            403 | 423 => ForgeError::Forbidden { why: said() },
            404 => ForgeError::NotFound { what: what.to_owned() },
            409 | 412 => ForgeError::Conflict { what: said() },
            413 => ForgeError::TooLarge { what: format!("the request for {what}") },
            status @ 500..=599 => ForgeError::Server { status },
            status => ForgeError::Refused { why: format!("HTTP {status}: {}", said()) },
        };
        Err(error)
    }

    /// The forge wants silence.
    pub(crate) fn limited(&self, retry_after: Option<Duration>) -> ForgeError {
        self.pacing.be_silent(retry_after);
        ForgeError::RateLimited { retry_after }
    }
}

/// An address below the root. Each part becomes one segment, percent-encoded; `.`, `..` and empty parts would be
/// dropped silently and lead elsewhere, so they are refused.
pub(crate) fn address(root: &Url, parts: &[&str]) -> Result<Url, ForgeError> {
    if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return Err(ForgeError::Refused { why: "a name is empty or made of dots".to_owned() });
    }
    let mut url = root.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.path_segments_mut()
        .map_err(|()| ForgeError::Refused { why: "the forge's address has no path".to_owned() })?
        .pop_if_empty()
        .extend(parts);
    Ok(url)
}

/// Forges' errors are `{"message": ...}`, GitLab's also `{"error": ...}`; the text is quoted as one clean line.
pub(crate) fn said(answer: &Answer) -> String {
    let text = answer.json::<Said>().ok().and_then(Said::text).unwrap_or_else(|| answer.excerpt());
    let clean: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_CHARS_MAX).collect();
    clean.trim().to_owned()
}

#[derive(serde::Deserialize)]
struct Said {
    message: Option<serde_json::Value>,
    error: Option<serde_json::Value>,
    errors: Option<serde_json::Value>,
}

impl Said {
    fn text(self) -> Option<String> {
        let text = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let message = self.message.or(self.error).map(text)?;
        // GitHub's message is "Validation Failed"; what failed stands beside it.
        match self.errors.map(text) {
            Some(errors) => Some(format!("{message}: {errors}")),
            None => Some(message),
        }
    }
}

/// Whether an answer asks to come back later, and when, if it says so. 429 is one; so is a 403 with a time to come back,
/// with a used up count of requests, or that says to be one.
fn limit(answer: &Answer) -> Option<Option<Duration>> {
    let is_limit = match answer.status {
        StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::FORBIDDEN => {
            answer.retry_after().is_some()
                || number(&answer.headers, "x-ratelimit-remaining") == Some(0)
                || said(answer).to_ascii_lowercase().contains("rate limit")
        }
        _ => false,
    };
    is_limit.then(|| answer.retry_after().or_else(|| until_reset(&answer.headers)))
}

/// How long until the count of requests begins anew, by the server's own clock where it tells it.
fn until_reset(headers: &HeaderMap) -> Option<Duration> {
    let is_used_up = |name| number(headers, name).is_none_or(|left| left == 0);
    if !is_used_up("x-ratelimit-remaining") || !is_used_up("ratelimit-remaining") {
        return None;
    }
    let reset = number(headers, "x-ratelimit-reset").or_else(|| number(headers, "ratelimit-reset"))?;
    let date = headers.get(DATE).and_then(|value| value.to_str().ok());
    let date = date.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
    let now = date.map_or_else(Timestamp::now, |date| date.timestamp());
    Some(Duration::from_secs(reset.saturating_sub(now.as_second()).max(0).unsigned_abs()))
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &'static str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect(),
            url: Url::parse("https://forge.example/").unwrap(),
            body: body.into(),
        }
    }

    #[test]
    fn limits_are_told_from_missing_rights_and_say_when_they_end() {
        let at_eight = ("date", "Fri, 20 Nov 2026 08:00:00 GMT");
        let seconds = |seconds| Some(Some(Duration::from_secs(seconds)));
        for (status, headers, body, expected) in [
            (429, vec![], "", Some(None)),
            (429, vec![("retry-after", "7")], "", seconds(7)),
            (403, vec![("retry-after", "7"), ("x-ratelimit-reset", "1")], "", seconds(7)),
            (
                403,
                vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795161630"), at_eight],
                "",
                seconds(30),
            ),
            (
                429,
                vec![("ratelimit-remaining", "0"), ("ratelimit-reset", "1795161630"), at_eight],
                "",
                seconds(30),
            ),
            (
                403,
                vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "12"), at_eight],
                "",
                seconds(0),
            ),
            // A secondary limit, long before the count is used up: its end is not that of the count.
            (
                403,
                vec![("x-ratelimit-remaining", "4000"), ("x-ratelimit-reset", "1795161630"), at_eight],
                r#"{"message": "You have exceeded a secondary rate limit."}"#,
                Some(None),
            ),
            (403, vec![("x-ratelimit-remaining", "4000")], r#"{"message": "Resource not accessible"}"#, None),
            (403, vec![("x-ratelimit-remaining", "many")], "", None),
            (200, vec![("x-ratelimit-remaining", "0")], "", None),
        ] {
            assert_eq!(limit(&answer(status, &headers, body)), expected, "{status} {headers:?} {body}");
        }
    }

    #[test]
    fn what_a_forge_says_is_one_clean_line() {
        for (body, expected) in [
            (r#"{"message": "no\nway\u001b[31m"}"#, "no way [31m"),
            (r#"{"message": {"base": ["is bad"]}}"#, r#"{"base":["is bad"]}"#),
            (r#"{"error": "insufficient_scope"}"#, "insufficient_scope"),
            (
                r#"{"message": "Validation Failed", "errors": [{"field": "head"}]}"#,
                r#"Validation Failed: [{"field":"head"}]"#,
            ),
            ("<html>", "<html>"),
            ("", ""),
        ] {
            assert_eq!(said(&answer(422, &[], body)), expected, "{body}");
        }
    }
}
