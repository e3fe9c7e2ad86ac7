//! AWS Signature Version 4, as its documentation "Create a signed AWS API request" has it. Pure: the time is given.
//!
//! Signed are `host`, `content-type`, `x-amz-date`, and the session token where there is one; the content by its hash.

use std::borrow::Cow;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use ring::{digest, hmac};
use url::Url;

use crate::secret::Secret;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// A request as it goes out.
pub(crate) struct Outgoing<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Option<&'a Bytes>,
}

/// Whose signature it is.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: Secret,
    /// Of temporary credentials.
    pub(crate) session: Option<Secret>,
}

/// For what it is.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) region: String,
    pub(crate) service: String,
}

/// The headers of a signature.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) authorization: String,
    /// `x-amz-date`
    pub(crate) date: String,
    /// `x-amz-security-token`
    pub(crate) session: Option<String>,
}

/// Signs a request.
pub(crate) fn sign(request: &Outgoing<'_>, keys: &Keys, scope: &Scope, now: Timestamp) -> Signed {
    let date = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = &date[..8];
    let session = keys.session.as_ref().map(|token| token.expose().to_owned());
    let (names, canonical) = canonical_request(request, &date, session.as_deref());
    let scope_text = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let to_sign = format!("{ALGORITHM}\n{date}\n{scope_text}\n{}", sha256(canonical.as_bytes()));
    let first = format!("AWS4{}", keys.secret.expose());
    let key = [day, &scope.region, &scope.service, "aws4_request"]
        .into_iter()
        .fold(first.into_bytes(), |key, part| hmac_sha256(&key, part));
    let signature = hex(&hmac_sha256(&key, &to_sign));
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope_text}, SignedHeaders={names}, Signature={signature}",
        keys.id
    );
    Signed { authorization, date, session }
}

/// The names of the signed headers, and the request in the form that both sides hash.
fn canonical_request(request: &Outgoing<'_>, date: &str, session: Option<&str>) -> (String, String) {
    let mut headers: Vec<(&str, Cow<'_, str>)> = Vec::new();
    if let Some(kind) = request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) {
        headers.push(("content-type", kind.trim().into()));
    }
    headers.push(("host", host(request.url).into()));
    headers.push(("x-amz-date", date.into()));
    headers.extend(session.map(|token| ("x-amz-security-token", token.into())));
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let body: &[u8] = request.body.map_or(&[], |body| body);
    let canonical = format!(
        "{}\n{}\n{}\n{lines}\n{names}\n{}",
        request.method,
        canonical_path(request.url.path()),
        canonical_query(request.url),
        sha256(body)
    );
    (names, canonical)
}

/// As HTTP sends it: the port only where it is not the scheme's own.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Encoded once more than it is sent, as all services but S3 want it; `Url` has resolved the dots already.
fn canonical_path(path: &str) -> String {
    let mut canonical = String::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        canonical.push('/');
        encode(segment.bytes(), &mut canonical);
    }
    if canonical.is_empty() || path.ends_with('/') {
        canonical.push('/');
    }
    canonical
}

/// Names and values encoded in one way, sorted by name, then value.
fn canonical_query(url: &Url) -> String {
    let encoded = |text: &str| {
        let mut out = String::new();
        encode(text.bytes(), &mut out);
        out
    };
    let mut pairs: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (encoded(&name), encoded(&value))).collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// RFC 3986: all but unreserved characters.
fn encode(bytes: impl Iterator<Item = u8>, out: &mut String) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hmac_sha256(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The credentials and the instant of AWS's test suite for Signature Version 4.
    fn signature(
        method: Method,
        url: &str,
        body: Option<&'static str>,
        scope: (&str, &str),
        session: Option<&str>,
    ) -> String {
        let keys = Keys {
            id: "AKIDEXAMPLE".to_owned(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session: session.map(Secret::new),
        };
        let mut headers = HeaderMap::new();
        if body.is_some() {
            headers.insert(CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
        }
        let (url, body) = (Url::parse(url).unwrap(), body.map(|text| Bytes::from_static(text.as_bytes())));
        let request = Outgoing { method: &method, url: &url, headers: &headers, body: body.as_ref() };
        let scope = Scope { region: scope.0.to_owned(), service: scope.1.to_owned() };
        sign(&request, &keys, &scope, "2015-08-30T12:36:00Z".parse().unwrap()).authorization
    }

    #[test]
    fn signs_as_the_published_vectors() {
        let unreserved = "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        for (name, method, path, body, wanted) in [
            (
                "get-vanilla",
                Method::GET,
                "/",
                None,
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-vanilla-query-order-key-case",
                Method::GET,
                "/?Param2=value2&Param1=value1",
                None,
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "get-vanilla-utf8-query",
                Method::GET,
                "/?ሴ=bar",
                None,
                "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
            ),
            (
                "get-unreserved",
                Method::GET,
                unreserved,
                None,
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
            (
                "post-x-www-form-urlencoded",
                Method::POST,
                "/",
                Some("Param1=value1"),
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            let url = format!("https://example.amazonaws.com{path}");
            let signed = signature(method, &url, body, ("us-east-1", "service"), None);
            assert!(signed.ends_with(&format!("Signature={wanted}")), "{name}: {signed}");
        }
    }

    #[test]
    fn signs_a_query_with_a_session_as_botocore_does() {
        // botocore 1.44.5, `SigV4Auth`, for the same credentials, instant and request.
        let url = "https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1/api/v1/query_range";
        let body = Some("query=up%7Ba%3D%22b+c%22%7D&start=1");
        assert_eq!(
            signature(Method::POST, url, body, ("eu-west-1", "aps"), Some("a/session+token==")),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/aps/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
             Signature=625b19e5cbc8a22c34a3406eaebb894e7ca26d47ef80cd88f6be3c1390a66b44"
        );
    }

    #[test]
    fn paths_are_encoded_once_more_and_empty_segments_go() {
        for (path, wanted) in
            [("/", "/"), ("", "/"), ("/a%20b/c", "/a%2520b/c"), ("//a//b/", "/a/b/"), ("/a:b", "/a%3Ab")]
        {
            assert_eq!(canonical_path(path), wanted, "{path}");
        }
        let url = Url::parse("https://x/?b=2&a=x%20y&a=%2B&c").unwrap();
        assert_eq!(canonical_query(&url), "a=%2B&a=x%20y&b=2&c=");
    }
}
