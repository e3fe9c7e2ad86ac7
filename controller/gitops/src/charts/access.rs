//! The way to a repository of charts, and where it says that an archive is.

use kubeopt_net::{Client, NetError, Request, Secret, Url};

/// The way to a repository of charts.
#[derive(Debug, Clone)]
pub struct ChartAccess {
    /// With the operator's credentials, where there are any.
    pub client: Client,
    /// Without them, for the same servers: for requests that carry a token, which a registry gave for the credentials.
    pub with_tokens: Client,
}

/// Where an archive is, and what it must be.
pub(super) struct Located {
    pub(super) version: String,
    /// `sha256:` may stand before it.
    pub(super) digest: Option<String>,
    pub(super) archive: Url,
    pub(super) token: Option<Secret>,
}

/// The request with the token, if there is one, and the client that sends it: one with credentials of its own would send
/// those in the token's place.
pub(super) fn authorized<'a>(
    access: &'a ChartAccess,
    request: Request,
    token: Option<&Secret>,
) -> Result<(&'a Client, Request), NetError> {
    match token {
        Some(token) => {
            let request = request.header("authorization", &format!("Bearer {}", token.expose()))?;
            Ok((&access.with_tokens, request))
        }
        None => Ok((&access.client, request)),
    }
}
