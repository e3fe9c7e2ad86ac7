//! Requests signed for AWS: who signs, for what, and the headers.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use reqwest::header::{HeaderName, HeaderValue};

use super::aws_headers::headers;
use super::aws_search::Places;
use super::environment::Environment;
use super::held::Held;
use super::sigv4::{Keys, Outgoing, Scope, sign};
use super::{aws_credentials, aws_sts};
use crate::error::NetError;

/// The service of Amazon Managed Service for Prometheus.
const PROMETHEUS: &str = "aps";

/// An identity of AWS, which signs requests for one service in one region.
///
/// Credentials are looked for where the SDKs of AWS look: the variables `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, a
/// profile of the shared credentials file, a web identity token (IRSA), the agent of EKS pod identity, the instance's
/// metadata service (version 2). The first that is there counts; what it refuses is not asked of the next.
#[derive(Clone)]
pub struct AwsIdentity(Arc<Inner>);

struct Inner {
    scope: Scope,
    places: Places,
    role_arn: Option<String>,
    held: Held<Keys>,
}

impl AwsIdentity {
    /// For the managed Prometheus of a region, such as `eu-west-1`. `profile` names one of the shared credentials file,
    /// and nothing else is looked for then. `role_arn` is a role that is assumed with what was found.
    pub fn for_prometheus(
        region: &str,
        profile: Option<String>,
        role_arn: Option<String>,
        environment: Environment,
    ) -> Self {
        let scope = Scope { region: region.to_owned(), service: PROMETHEUS.to_owned() };
        let places = Places { region: region.to_owned(), profile, environment };
        Self(Arc::new(Inner { scope, places, role_arn, held: Held::default() }))
    }

    pub(crate) async fn headers(
        &self,
        request: &Outgoing<'_>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, NetError> {
        let keys = self.0.held.get(self.0.credentials()).await?;
        headers(&sign(request, &keys, &self.0.scope, Timestamp::now()))
    }
}

impl Inner {
    async fn credentials(&self) -> Result<(Keys, Option<Timestamp>), NetError> {
        let found = aws_credentials::find(&self.places).await?;
        match &self.role_arn {
            None => Ok(found),
            Some(role) => aws_sts::assume_role(&self.places, role, &found.0).await,
        }
    }
}

/// Two are the same only where they share what they hold.
impl PartialEq for AwsIdentity {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for AwsIdentity {}

impl fmt::Debug for AwsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { scope, places, role_arn, held: _ } = self.0.as_ref();
        f.debug_struct("AwsIdentity")
            .field("scope", scope)
            .field("places", places)
            .field("role_arn", role_arn)
            .finish_non_exhaustive()
    }
}
