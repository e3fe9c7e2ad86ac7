//! The Security Token Service of AWS: a role for a web identity token, or for other credentials.

use jiff::Timestamp;

use super::asked::{answer, below, said};
use super::aws_headers::headers;
use super::aws_search::{Found, Places, refused};
use super::sigv4::{Keys, Outgoing, Scope, sign};
use crate::error::NetError;
use crate::request::Request;
use crate::response::Answer;
use crate::secret::Secret;

/// The version of the interface, as its reference has it.
const VERSION: &str = "2011-06-15";

/// How the session shows in the records of the account.
const SESSION_NAME: &str = "kubeopt";

/// A role for the token that Kubernetes gave this pod.
pub(super) async fn assume_role_with_web_identity(places: &Places, role: &str, token: Secret) -> Found {
    let session = places.environment.get("AWS_ROLE_SESSION_NAME");
    let request = Request::new(reqwest::Method::POST, endpoint(places)?).form(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", VERSION),
        ("RoleArn", role),
        ("RoleSessionName", session.as_deref().unwrap_or(SESSION_NAME)),
        ("WebIdentityToken", token.expose()),
    ]);
    credentials(&answer(request.idempotent()).await?)
}

/// A role for who has these keys.
pub(super) async fn assume_role(places: &Places, role: &str, keys: &Keys) -> Found {
    let mut request = Request::new(reqwest::Method::POST, endpoint(places)?).form(&[
        ("Action", "AssumeRole"),
        ("Version", VERSION),
        ("RoleArn", role),
        ("RoleSessionName", SESSION_NAME),
    ]);
    let Request { method, url, headers: given, body, .. } = &request;
    let outgoing = Outgoing { method, url, headers: given, body: body.as_ref() };
    let scope = Scope { region: places.region.clone(), service: "sts".to_owned() };
    let signed = headers(&sign(&outgoing, keys, &scope, Timestamp::now()))?;
    request.headers.extend(signed);
    credentials(&answer(request.idempotent()).await?)
}

fn endpoint(places: &Places) -> Result<url::Url, NetError> {
    if let Some(named) = places.environment.get("AWS_ENDPOINT_URL_STS") {
        return below(&named, "/");
    }
    // China is a partition with a domain of its own.
    let ending = if places.region.starts_with("cn-") { ".cn" } else { "" };
    below(&format!("https://sts.{}.amazonaws.com{ending}", places.region), "/")
}

/// The elements of the answer that matter; their values hold no markup.
fn credentials(answer: &Answer) -> Found {
    let text = String::from_utf8_lossy(&answer.body);
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (value, _) = rest.split_once(&format!("</{name}>"))?;
        Some(value.trim().to_owned())
    };
    if !answer.status.is_success() {
        let (code, message) = (element("Code").unwrap_or_default(), element("Message").unwrap_or_default());
        let why = said(&format!("HTTP {} {code} {message}", answer.status.as_u16()));
        return Err(refused(format!("the Security Token Service answered {}", why.trim_end())));
    }
    let end = element("Expiration").and_then(|text| text.parse::<Timestamp>().ok());
    match (element("AccessKeyId"), element("SecretAccessKey"), element("SessionToken"), end) {
        (Some(id), Some(secret), Some(session), Some(end)) => {
            let keys = Keys { id, secret: Secret::new(secret), session: Some(Secret::new(session)) };
            Ok((keys, Some(end)))
        }
        _ => {
            let why = "the Security Token Service answered something else than credentials";
            Err(refused(why.to_owned()))
        }
    }
}
