//! How a client shows who it is to one origin.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use url::Url;

use crate::error::NetError;
use crate::identity::{AwsIdentity, AzureIdentity, GoogleIdentity, Outgoing};
use crate::secret::{SecretSource, sensitive};

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

fn unusable(source: &SecretSource, why: &str) -> NetError {
    NetError::SecretUnusable { path: source.path(), why: why.to_owned() }
}
