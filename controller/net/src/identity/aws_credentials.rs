//! Where credentials of AWS are looked for, in the order of its SDKs; see "Standardized credential providers" in the
//! reference of AWS SDKs and tools.

use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use super::asked::{answer, below, file, said};
use super::aws_search::{Found, Places, refused};
use super::environment::Environment;
use super::sigv4::Keys;
use super::{aws_profile, aws_sts};
use crate::address::is_identity_service;
use crate::error::NetError;
use crate::policy::{literal, names_loopback};
use crate::request::Request;
use crate::response::Answer;
use crate::secret::Secret;

/// The instance metadata service.
const INSTANCE_METADATA: &str = "http://169.254.169.254";

/// Seconds for which a session with the instance metadata service is asked for: it is used at once.
const SESSION_S: &str = "60";

/// The first credentials that are there.
pub(super) async fn find(places: &Places) -> Found {
    if let Some(profile) = &places.profile {
        let keys = aws_profile::keys(&places.environment, profile).await?;
        return keys
            .map(|keys| (keys, None))
            .ok_or_else(|| refused(format!("there is no profile `{profile}`")));
    }
    let environment = &places.environment;
    if let Some(keys) = of_variables(environment) {
        return Ok((keys, None));
    }
    let named = environment.get("AWS_PROFILE");
    let profile = named.as_deref().unwrap_or("default");
    if let Some(keys) = aws_profile::keys(environment, profile).await? {
        return Ok((keys, None));
    }
    if let (Some(token), Some(role)) =
        (environment.path("AWS_WEB_IDENTITY_TOKEN_FILE"), environment.get("AWS_ROLE_ARN"))
    {
        return aws_sts::assume_role_with_web_identity(places, &role, file(token).await?).await;
    }
    if let Some(address) = environment.get("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
        return of_container(environment, &address).await;
    }
    if environment.get("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(refused("there are none in variables, files, or by a service account".to_owned()));
    }
    of_instance(environment).await
}

fn of_variables(environment: &Environment) -> Option<Keys> {
    Some(Keys {
        id: environment.get("AWS_ACCESS_KEY_ID")?,
        secret: Secret::new(environment.get("AWS_SECRET_ACCESS_KEY")?),
        session: environment.get("AWS_SESSION_TOKEN").map(Secret::new),
    })
}

/// EKS pod identity, in the form of container credentials.
async fn of_container(environment: &Environment, address: &str) -> Found {
    let what = "the agent of pod identity";
    let url = below(address, "")?;
    if url.scheme() != "https" && !names_loopback(&url) && !literal(&url).is_some_and(is_identity_service) {
        let why = "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of the machine itself";
        return Err(refused(why.to_owned()));
    }
    let token = match environment.path("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(path) => Some(file(path).await?),
        None => environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new),
    };
    let mut request = Request::get(url);
    if let Some(token) = token {
        request = request.header("authorization", token.expose())?;
    }
    served(what, &answer(request).await?)
}

/// The role of the instance, by version 2 of its metadata service: a session first.
async fn of_instance(environment: &Environment) -> Found {
    let what = "the metadata service of the instance";
    let base =
        environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| INSTANCE_METADATA.to_owned());
    let session = Request::new(reqwest::Method::PUT, below(&base, "/latest/api/token")?)
        .header("x-aws-ec2-metadata-token-ttl-seconds", SESSION_S)?;
    let session = answer(session).await.map_err(|error| nobody(&error))?;
    let session = text(what, &session)?;
    let ask = async |url: Url| answer(Request::get(url).header("x-aws-ec2-metadata-token", &session)?).await;
    let folder = below(&base, "/latest/meta-data/iam/security-credentials/")?;
    let role = text(what, &ask(folder.clone()).await?)?;
    let is_role = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    if role.is_empty() || role.len() > 128 || !role.bytes().all(is_role) {
        return Err(refused(format!("{what} names no role")));
    }
    let url = folder.join(&role).map_err(|_| refused(format!("{what} names no role")))?;
    served(what, &ask(url).await?)
}

/// The last place is tried on every machine; that nobody is there says nothing of it.
fn nobody(error: &NetError) -> NetError {
    refused(format!(
        "there are none in variables, files, or by a service account, and the metadata service of the instance does not answer ({error})"
    ))
}

fn text(what: &str, answer: &Answer) -> Result<String, NetError> {
    if !answer.status.is_success() {
        return Err(refused(format!("{what} answered HTTP {}", answer.status.as_u16())));
    }
    Ok(String::from_utf8_lossy(&answer.body).trim().to_owned())
}

/// What services on the machine answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Served {
    #[serde(default)]
    code: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    token: Option<String>,
    expiration: Option<Timestamp>,
}

fn served(what: &str, answer: &Answer) -> Found {
    if !answer.status.is_success() {
        return Err(refused(format!("{what} answered HTTP {}", answer.status.as_u16())));
    }
    let served: Served =
        answer.json().map_err(|_| refused(format!("{what} answered something else than credentials")))?;
    match served {
        Served { code: Some(code), .. } if code != "Success" => {
            Err(refused(format!("{what} answered {}", said(&code))))
        }
        Served { access_key_id: Some(id), secret_access_key: Some(secret), token, expiration, .. } => {
            let keys = Keys { id, secret: Secret::new(secret), session: token.map(Secret::new) };
            Ok((keys, expiration))
        }
        Served { .. } => Err(refused(format!("{what} answered something else than credentials"))),
    }
}
