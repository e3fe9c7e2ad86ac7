//! Tokens of Google: for the key of a service account, or from the metadata server (workload identity of GKE).

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use reqwest::header::{HeaderName, HeaderValue};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::json;

use super::asked::{answer, bearer, below, file, token};
use super::environment::Environment;
use super::held::Held;
use crate::error::NetError;
use crate::policy::names_loopback;
use crate::request::Request;
use crate::secret::Secret;

/// How errors name it.
const PROVIDER: &str = "Google";

/// May read metrics and nothing else.
const SCOPE: &str = "https://www.googleapis.com/auth/monitoring.read";

/// Where the metadata server is, by the address that its name has on every machine of Google.
const METADATA: &str = "169.254.169.254";

/// OAuth's name for an assertion that is a JWT (RFC 7523).
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Seconds for which an assertion holds: the longest that Google takes.
const ASSERTION_S: i64 = 3600;

/// An identity of Google, which may read metrics.
#[derive(Clone)]
pub struct GoogleIdentity(Arc<Inner>);

struct Inner {
    key_file: Option<PathBuf>,
    environment: Environment,
    held: Held<Secret>,
}

/// The part of a service account's key file that is used.
#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: String,
    client_email: String,
    private_key_id: Option<String>,
    private_key: String,
    token_uri: String,
}

impl GoogleIdentity {
    /// By the key file of a service account: the one that is named, else that of `GOOGLE_APPLICATION_CREDENTIALS`. Without
    /// either, the metadata server is asked.
    pub fn new(key_file: Option<PathBuf>, environment: Environment) -> Self {
        Self(Arc::new(Inner { key_file, environment, held: Held::default() }))
    }

    pub(crate) async fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, NetError> {
        bearer(&self.0.held.get(self.0.token()).await?, PROVIDER)
    }
}

impl Inner {
    async fn token(&self) -> Result<(Secret, Option<Timestamp>), NetError> {
        let named = || self.environment.path("GOOGLE_APPLICATION_CREDENTIALS");
        match self.key_file.clone().or_else(named) {
            Some(path) => by_key(path).await,
            None => self.by_metadata().await,
        }
    }

    async fn by_metadata(&self) -> Result<(Secret, Option<Timestamp>), NetError> {
        let host = self.environment.get("GCE_METADATA_HOST").unwrap_or_else(|| METADATA.to_owned());
        let path = "/computeMetadata/v1/instance/service-accounts/default/token";
        let mut url = below(&format!("http://{host}"), path)?;
        url.query_pairs_mut().append_pair("scopes", SCOPE);
        let asked_at = Timestamp::now();
        let answer =
            answer(Request::get(url).header("metadata-flavor", "Google")?).await.map_err(|error| {
                refused(&format!("no key file is named, and the metadata server does not answer ({error})"))
            })?;
        // Some other service at that address would not say so.
        if answer.headers.get("metadata-flavor").is_none_or(|value| value != "Google") {
            return Err(refused("what answers in the place of the metadata server is none"));
        }
        token(&answer, asked_at, PROVIDER, "the metadata server")
    }
}

async fn by_key(path: PathBuf) -> Result<(Secret, Option<Timestamp>), NetError> {
    let text = file(path.clone()).await?;
    let unusable = |why: &str| NetError::SecretUnusable { path: path.clone(), why: why.to_owned() };
    let key: KeyFile = serde_json::from_str(text.expose())
        .map_err(|_| unusable("it is not the key file of a service account"))?;
    if key.kind != "service_account" {
        return Err(unusable("it is not the key file of a service account"));
    }
    let url = below(&key.token_uri, "")?;
    if url.scheme() != "https" && !names_loopback(&url) {
        return Err(unusable("its `token_uri` is not https"));
    }
    let asked_at = Timestamp::now();
    let assertion =
        assertion(&key, asked_at).ok_or_else(|| unusable("its `private_key` is no RSA key in PKCS#8"))?;
    let request = Request::new(reqwest::Method::POST, url)
        .form(&[("grant_type", JWT_BEARER), ("assertion", assertion.expose())]);
    token(&answer(request.idempotent()).await?, asked_at, PROVIDER, "the token service")
}

/// The signed claim to be the service account (RS256); none where the key is none.
fn assertion(key: &KeyFile, now: Timestamp) -> Option<Secret> {
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": key.private_key_id});
    let claims = json!({
        "iss": key.client_email,
        "scope": SCOPE,
        "aud": key.token_uri,
        "iat": now.as_second(),
        "exp": now.as_second() + ASSERTION_S,
    });
    let encoded = |json: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let to_sign = format!("{}.{}", encoded(header), encoded(claims));
    let pair = RsaKeyPair::from_pkcs8(&pkcs8(&key.private_key)?).ok()?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), to_sign.as_bytes(), &mut signature).ok()?;
    Some(Secret::new(format!("{to_sign}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))))
}

fn pkcs8(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    BASE64_STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
}

fn refused(why: &str) -> NetError {
    NetError::NoIdentity { provider: PROVIDER, why: why.to_owned() }
}

/// Two are the same only where they share what they hold.
impl PartialEq for GoogleIdentity {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for GoogleIdentity {}

impl fmt::Debug for GoogleIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { key_file, environment, held: _ } = self.0.as_ref();
        f.debug_struct("GoogleIdentity")
            .field("key_file", key_file)
            .field("environment", environment)
            .finish_non_exhaustive()
    }
}
