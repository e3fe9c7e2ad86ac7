//! What every request passes: the headers of every answer, limits of time, and who may see pages at all.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::Refusal;

/// Longest time for one request: a merge in the local forge takes well under a second, Prometheus gives up scraping
/// after ten.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(20);

/// Nothing is loaded but our style sheet and icon, nothing runs, nobody frames us, forms go to us.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// Adds the headers to every answer, refusals included.
pub(crate) async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Gives up on what takes too long.
pub(crate) async fn with_time_limit(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIME_MAX, next.run(request)).await {
        Ok(response) => response,
        Err(_) => plain(Refusal::TooSlow),
    }
}

/// Lets only this machine see pages, under a name that no other site can take (DNS rebinding), and takes forms only
/// from our own pages.
pub(crate) async fn only_from_here(request: Request, next: Next) -> Response {
    let checked = check_host(request.headers()).and_then(|host| match *request.method() {
        Method::GET | Method::HEAD => Ok(()),
        _ => check_origin(request.headers(), host),
    });
    match checked {
        Ok(()) => next.run(request).await,
        Err(refusal) => plain(refusal),
    }
}

/// A refusal as text: it is told to programs and to sites that must learn nothing.
pub(crate) fn plain(refusal: Refusal) -> Response {
    (refusal.status(), format!("{}\n", refusal.problem())).into_response()
}

fn check_host(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).ok_or(Refusal::ForeignHost)?;
    if hosts.next().is_some() || !is_loopback(host) {
        return Err(Refusal::ForeignHost);
    }
    Ok(host)
}

/// `localhost`, `127.0.0.1` and `[::1]`, with any port.
fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, ""),
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    port.bytes().all(|b| b.is_ascii_digit())
        && (name.eq_ignore_ascii_case("localhost")
            || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()))
}

/// Browsers say where a form comes from. One that says nothing must at least not come from another site; the token
/// is checked in any case.
fn check_origin(headers: &HeaderMap, host: &str) -> Result<(), Refusal> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or(""));
    let own = match (text(header::ORIGIN), text(HeaderName::from_static("sec-fetch-site"))) {
        (Some(origin), _) => origin.strip_prefix("http://") == Some(host),
        (None, Some(site)) => site == "same-origin",
        (None, None) => true,
    };
    if own { Ok(()) } else { Err(Refusal::ForeignOrigin) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_ours() {
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "127.8.9.1", "[::1]", "[::1]:8080"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:80",
            "10.0.0.1",
            "localhost:80@evil",
            "0.0.0.0",
            "[::]",
            "",
            ":80",
            "[::1",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
