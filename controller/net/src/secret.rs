//! Credentials: read late, shown never.

use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use tokio::io::AsyncReadExt as _;
use url::Url;

use crate::error::NetError;
use crate::identity::{AwsIdentity, AzureIdentity, GoogleIdentity, Outgoing};

/// Longest secret in bytes. Tokens are below 8 KiB (JWTs with many claims); more is a wrong file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A text that no log, error or debug output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file, read again for each request, so that a rotated secret is used at once.
    File(PathBuf),
    /// A value that the caller has.
    Value(Secret),
}

impl SecretSource {
    /// The secret as it is now, without white space at its ends.
    ///
    /// # Errors
    /// [`NetError::SecretUnusable`] when the file cannot be read, is empty, or is larger than 64 KiB.
    pub async fn read(&self) -> Result<Secret, NetError> {
        let path = match self {
            Self::Value(secret) => return Ok(secret.clone()),
            Self::File(path) => path,
        };
        let unusable = |why: String| NetError::SecretUnusable { path: path.clone(), why };
        let file = tokio::fs::File::open(path).await.map_err(|error| unusable(error.to_string()))?;
        let mut text = String::new();
        file.take(SECRET_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .await
            .map_err(|error| unusable(error.to_string()))?;
        if text.len() as u64 > SECRET_BYTES_MAX {
            return Err(unusable(format!("the file is larger than {SECRET_BYTES_MAX} bytes")));
        }
        match text.trim() {
            "" => Err(unusable("the file is empty".to_owned())),
            secret => Ok(Secret::new(secret)),
        }
    }

    fn path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Value(_) => PathBuf::new(),
        }
    }
}

/// How a client shows who it is to one origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// `Authorization: Bearer ...`
    Bearer(SecretSource),
    /// `Authorization: Basic ...`
    Basic {
        /// The user's name.
        user: String,
        /// The password.
        password: SecretSource,
    },
    /// A header of the server's own, such as `PRIVATE-TOKEN`.
    Header {
        /// The header's name.
        name: String,
        /// Its whole value.
        value: SecretSource,
    },
    /// Each request is signed with Signature Version 4.
    Aws(AwsIdentity),
    /// `Authorization: Bearer ...` with a token of Google.
    Google(GoogleIdentity),
    /// `Authorization: Bearer ...` with a token of Microsoft Entra.
    Azure(AzureIdentity),
}

impl Auth {
    /// The headers to send with this request, marked as sensitive; none for [`Auth::None`].
    pub(crate) async fn headers(
        &self,
        request: &Outgoing<'_>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, NetError> {
        let one = |name: HeaderName, text: &str, source: &SecretSource| {
            let value = sensitive(text).ok_or_else(|| unusable(source, "it is not printable ASCII"))?;
            Ok(vec![(name, value)])
        };
        match self {
            Self::None => Ok(Vec::new()),
            Self::Bearer(source) => {
                one(AUTHORIZATION, &format!("Bearer {}", source.read().await?.expose()), source)
            }
            Self::Basic { user, password } => {
                let pair = format!("{user}:{}", password.read().await?.expose());
                one(AUTHORIZATION, &format!("Basic {}", BASE64_STANDARD.encode(pair)), password)
            }
            Self::Header { name, value } => {
                let name = HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| unusable(value, "its header name is not a header name"))?;
                one(name, value.read().await?.expose(), value)
            }
            Self::Aws(identity) => identity.headers(request).await,
            Self::Google(identity) => identity.headers().await,
            Self::Azure(identity) => identity.headers().await,
        }
    }

    /// The address in the form that is sent. AWS decodes `+` of a query differently in different services, so that nothing
    /// signed may hold it.
    pub(crate) fn sent_as(&self, url: &Url) -> Url {
        let mut url = url.clone();
        if let (Self::Aws(_), Some(query)) = (self, url.query().map(|query| query.replace('+', "%20"))) {
            url.set_query(Some(&query));
        }
        url
    }
}

/// A header value that no debug output shows.
pub(crate) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn unusable(source: &SecretSource, why: &str) -> NetError {
    NetError::SecretUnusable { path: source.path(), why: why.to_owned() }
}
