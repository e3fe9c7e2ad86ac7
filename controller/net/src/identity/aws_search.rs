//! What the search for credentials of AWS depends on, and what comes of it.

use jiff::Timestamp;

use super::environment::Environment;
use super::sigv4::Keys;
use crate::error::NetError;

/// How errors name it.
pub(super) const PROVIDER: &str = "AWS";

/// Credentials, and when they end.
pub(super) type Found = Result<(Keys, Option<Timestamp>), NetError>;

/// What the search depends on.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) region: String,
    /// The one profile that counts, where the operator names one.
    pub(super) profile: Option<String>,
    pub(super) environment: Environment,
}

pub(super) fn refused(why: String) -> NetError {
    NetError::NoIdentity { provider: PROVIDER, why }
}
