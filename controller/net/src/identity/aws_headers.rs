//! A signature of AWS as the headers that carry it.

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

use super::aws_search::PROVIDER;
use super::sigv4;
use crate::error::NetError;
use crate::secret::sensitive;

/// A signature as the headers that carry it.
pub(super) fn headers(signed: &sigv4::Signed) -> Result<Vec<(HeaderName, HeaderValue)>, NetError> {
    let value = |text: &str| {
        let why = "the credentials are not printable ASCII".to_owned();
        sensitive(text).ok_or(NetError::NoIdentity { provider: PROVIDER, why })
    };
    let mut headers = vec![
        (AUTHORIZATION, value(&signed.authorization)?),
        (HeaderName::from_static("x-amz-date"), value(&signed.date)?),
    ];
    if let Some(session) = &signed.session {
        headers.push((HeaderName::from_static("x-amz-security-token"), value(session)?));
    }
    Ok(headers)
}
