//! What a server of AWS does with a signed request: computes the signature anew from what arrived. Written from the
//! documentation of Signature Version 4, on nothing that the client's own code uses.

use std::collections::BTreeMap;

use kubeopt_net::Url;
use sha2::{Digest as _, Sha256};
use wiremock::Request;

/// Whose requests a server takes, and for what.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) id: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) session: Option<&'static str>,
    /// `region/service`
    pub(crate) scope: &'static str,
}

/// Whether the request is signed as expected; what is wrong otherwise.
pub(crate) fn check(request: &Request, expected: &Expected) -> Result<(), String> {
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization").ok_or("not signed")?;
    let rest = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("another algorithm")?;
    let parts: BTreeMap<&str, &str> =
        rest.split(',').filter_map(|part| part.trim().split_once('=')).collect();
    let date = header("x-amz-date").ok_or("no date")?;
    let sent: jiff::civil::DateTime =
        jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).map_err(|error| error.to_string())?;
    let sent = sent.to_zoned(jiff::tz::TimeZone::UTC).map_err(|error| error.to_string())?.timestamp();
    if (jiff::Timestamp::now().as_second() - sent.as_second()).abs() > 300 {
        return Err("RequestTimeTooSkewed".to_owned());
    }
    let scope = format!("{}/{}/aws4_request", &date[..8], expected.scope);
    if parts.get("Credential") != Some(&format!("{}/{scope}", expected.id).as_str()) {
        return Err(format!("another credential: {authorization}"));
    }
    if header("x-amz-security-token") != expected.session {
        return Err("another session".to_owned());
    }
    let names: Vec<&str> = parts.get("SignedHeaders").ok_or("no header is signed")?.split(';').collect();
    let must = ["host", "x-amz-date"].into_iter().chain(expected.session.map(|_| "x-amz-security-token"));
    if let Some(missing) = must.into_iter().find(|name| !names.contains(name)) {
        return Err(format!("{missing} is not signed"));
    }
    let canonical = canonical(request, &names)?;
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
    let mut key = format!("AWS4{}", expected.secret).into_bytes();
    for part in scope.split('/') {
        key = hmac(&key, part.as_bytes());
    }
    let signature = hex(&hmac(&key, to_sign.as_bytes()));
    if parts.get("Signature") == Some(&signature.as_str()) {
        Ok(())
    } else {
        Err("SignatureDoesNotMatch".to_owned())
    }
}

fn canonical(request: &Request, names: &[&str]) -> Result<String, String> {
    let mut text =
        format!("{}\n{}\n{}\n", request.method, doubly_encoded(request.url.path()), query(&request.url));
    for name in names {
        let value = request.headers.get(*name).ok_or_else(|| format!("{name} was not sent"))?;
        text.push_str(&format!("{name}:{}\n", value.to_str().map_err(|error| error.to_string())?.trim()));
    }
    Ok(format!("{text}\n{}\n{}", names.join(";"), hex(&Sha256::digest(&request.body))))
}

fn doubly_encoded(path: &str) -> String {
    path.split('/').map(|segment| quoted(segment.as_bytes())).collect::<Vec<_>>().join("/")
}

/// As AWS reads a query: `+` is a plus, not a space.
fn query(url: &Url) -> String {
    let mut pairs: Vec<String> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            format!("{}={}", quoted(&unquoted(name)), quoted(&unquoted(value)))
        })
        .collect();
    pairs.sort();
    pairs.join("&")
}

fn unquoted(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match (first, code.and_then(|code| u8::from_str_radix(code, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

fn quoted(bytes: &[u8]) -> String {
    let unreserved = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    bytes
        .iter()
        .map(|b| if unreserved(b) { char::from(*b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// RFC 2104, for keys of at most a block.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    assert!(key.len() <= 64);
    let padded =
        |with: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
