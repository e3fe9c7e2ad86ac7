//! Tokens of Microsoft Entra: for a client secret, for the token that Kubernetes gave this pod (workload identity), or from
//! the machine (managed identity).

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use reqwest::header::{HeaderName, HeaderValue};

use super::asked::{answer, bearer, below, file, token};
use super::environment::Environment;
use super::held::Held;
use crate::error::NetError;
use crate::request::Request;
use crate::secret::{Secret, SecretSource};

/// How errors name it.
const PROVIDER: &str = "Azure";

/// Managed Prometheus, as tokens name it.
const RESOURCE: &str = "https://prometheus.monitor.azure.com";

/// Where tokens are given out, outside of the sovereign clouds.
const AUTHORITY: &str = "https://login.microsoftonline.com";

/// The metadata service of the machine.
const METADATA: &str = "http://169.254.169.254";

/// OAuth's name for an assertion that is a JWT (RFC 7523).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An identity of Azure, which may query the managed Prometheus.
#[derive(Clone)]
pub struct AzureIdentity(Arc<Inner>);

/// An application that is registered with Microsoft Entra, as far as the configuration says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AzureClient {
    /// Directory; else `AZURE_TENANT_ID`.
    pub tenant_id: Option<String>,
    /// Application; else `AZURE_CLIENT_ID`.
    pub client_id: Option<String>,
    /// Its secret.
    pub secret: Option<SecretSource>,
}

struct Inner {
    client: AzureClient,
    environment: Environment,
    held: Held<Secret>,
}

impl AzureIdentity {
    /// By the secret of `client` where it has one, else by the file of `AZURE_FEDERATED_TOKEN_FILE`, which workload
    /// identity sets, else by the metadata service.
    pub fn new(client: AzureClient, environment: Environment) -> Self {
        Self(Arc::new(Inner { client, environment, held: Held::default() }))
    }

    pub(crate) async fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, NetError> {
        bearer(&self.0.held.get(self.0.token()).await?, PROVIDER)
    }
}

impl Inner {
    async fn token(&self) -> Result<(Secret, Option<Timestamp>), NetError> {
        if let Some(secret) = &self.client.secret {
            return self.by_client(&[("client_secret", secret.read().await?.expose())]).await;
        }
        if let Some(path) = self.environment.path("AZURE_FEDERATED_TOKEN_FILE") {
            let own = file(path).await?;
            let proof = [("client_assertion_type", JWT_BEARER), ("client_assertion", own.expose())];
            return self.by_client(&proof).await;
        }
        self.by_metadata().await
    }

    /// The client credentials grant.
    async fn by_client(&self, proof: &[(&str, &str)]) -> Result<(Secret, Option<Timestamp>), NetError> {
        let tenant = self.client.tenant_id.clone().or_else(|| self.environment.get("AZURE_TENANT_ID"));
        let client = self.client_id();
        let (Some(tenant), Some(client)) = (tenant, client) else {
            let why = "neither the configuration nor AZURE_TENANT_ID and AZURE_CLIENT_ID name directory and application";
            return Err(refused(why.to_owned()));
        };
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        if !tenant.bytes().all(is_name) {
            return Err(refused("the directory is neither an id nor a domain".to_owned()));
        }
        let authority = self.environment.get("AZURE_AUTHORITY_HOST").unwrap_or_else(|| AUTHORITY.to_owned());
        let scope = format!("{RESOURCE}/.default");
        let mut form =
            vec![("grant_type", "client_credentials"), ("client_id", client.as_str()), ("scope", &scope)];
        form.extend(proof);
        let url = below(&authority, &format!("/{tenant}/oauth2/v2.0/token"))?;
        let request = Request::new(reqwest::Method::POST, url).form(&form).idempotent();
        let asked_at = Timestamp::now();
        token(&answer(request).await?, asked_at, PROVIDER, "the token service")
    }

    async fn by_metadata(&self) -> Result<(Secret, Option<Timestamp>), NetError> {
        let base =
            self.environment.get("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or_else(|| METADATA.to_owned());
        let mut url = below(&base, "/metadata/identity/oauth2/token")?;
        url.query_pairs_mut().append_pair("api-version", "2018-02-01").append_pair("resource", RESOURCE);
        if let Some(client) = self.client_id() {
            url.query_pairs_mut().append_pair("client_id", &client);
        }
        let asked_at = Timestamp::now();
        let answer = answer(Request::get(url).header("metadata", "true")?).await.map_err(|error| {
            let why = "there is neither a secret nor a token of workload identity, and the metadata service does not answer";
            refused(format!("{why} ({error})"))
        })?;
        token(&answer, asked_at, PROVIDER, "the metadata service")
    }

    fn client_id(&self) -> Option<String> {
        self.client.client_id.clone().or_else(|| self.environment.get("AZURE_CLIENT_ID"))
    }
}

fn refused(why: String) -> NetError {
    NetError::NoIdentity { provider: PROVIDER, why }
}

/// Two are the same only where they share what they hold.
impl PartialEq for AzureIdentity {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for AzureIdentity {}

impl fmt::Debug for AzureIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { client, environment, held: _ } = self.0.as_ref();
        f.debug_struct("AzureIdentity")
            .field("client", client)
            .field("environment", environment)
            .finish_non_exhaustive()
    }
}
