//! What a client may do: the origins it may call, with which credentials, and its limits.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

use crate::address::{Loopback, is_identity_service, refusal};
use crate::auth::Auth;
use crate::error::NetError;
use crate::retry::RetryPolicy;

/// Largest body by default. Large answers are read as streams by callers that set their own limit.
pub const BODY_BYTES_MAX_DEFAULT: u64 = 32 * 1024 * 1024;

/// Time for one attempt by default, from the connection to the end of the body.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

/// Scheme, host and port: what credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of a URL that can be called.
    pub(crate) fn of(url: &Url) -> Result<Self, NetError> {
        let invalid = |why| NetError::InvalidUrl { url: shown(url), why };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("only http and https are spoken"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("credentials do not belong into an address"));
        }
        let host = url.host_str().ok_or_else(|| invalid("it has no host"))?.to_ascii_lowercase();
        let port = url.port_or_known_default().ok_or_else(|| invalid("it has no port"))?;
        Ok(Self { scheme: url.scheme().to_owned(), host, port })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

/// One origin that an operator configured, and the credentials that belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRule {
    pub(crate) origin: Origin,
    pub(crate) auth: Auth,
    pub(crate) loopback: Loopback,
    /// The address is asked for the identity of this machine, and may be one that is otherwise never called.
    identity_service: bool,
}

impl HostRule {
    /// Allows the origin of a configured URL. `http` is allowed only if the URL says it; loopback only if the URL names
    /// `localhost` or a loopback address, or by [`HostRule::allowing_loopback`].
    ///
    /// # Errors
    /// [`NetError::InvalidUrl`] for another scheme, no host, or credentials in the URL;
    /// [`NetError::AddressRefused`] for an address that is never called.
    pub fn for_url(url: &Url) -> Result<Self, NetError> {
        let origin = Origin::of(url)?;
        let loopback = if names_loopback(url) { Loopback::Allowed } else { Loopback::Refused };
        let rule = Self { origin, auth: Auth::None, loopback, identity_service: false };
        rule.check_literal(url)?;
        Ok(rule)
    }

    /// Allows the origin of a service that gives this machine its identity, also at the addresses that clouds have for
    /// it. Only for the requests of `identity`, whose paths are fixed and whose answers nobody sees.
    pub(crate) fn for_identity_service(url: &Url) -> Result<Self, NetError> {
        let origin = Origin::of(url)?;
        let loopback = if names_loopback(url) { Loopback::Allowed } else { Loopback::Refused };
        let rule = Self { origin, auth: Auth::None, loopback, identity_service: true };
        rule.check_literal(url)?;
        Ok(rule)
    }

    /// With credentials, sent to this origin and nowhere else.
    #[must_use]
    pub fn with_auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Also where the name leads to this machine.
    #[must_use]
    pub fn allowing_loopback(mut self) -> Self {
        self.loopback = Loopback::Allowed;
        self
    }

    /// Addresses written as numbers never reach the resolver, so they are checked here.
    pub(crate) fn check_literal(&self, url: &Url) -> Result<(), NetError> {
        let Some(address) = literal(url) else { return Ok(()) };
        if self.identity_service && is_identity_service(address) {
            return Ok(());
        }
        match refusal(address, self.loopback) {
            None => Ok(()),
            Some(why) => Err(NetError::AddressRefused {
                host: self.origin.host.clone(),
                address: address.to_string(),
                why,
            }),
        }
    }
}

/// The files of a client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// PEM file with the certificate and its chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// What one client may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientPolicy {
    /// The origins that may be called; built from URLs that the operator configured.
    pub allowed_hosts: Vec<HostRule>,
    /// Time for one attempt, from the connection to the end of the body.
    pub timeout: Duration,
    /// Largest body, in bytes after decompression.
    pub max_body_bytes: u64,
    /// `User-Agent`
    pub user_agent: String,
    /// PEM file with further certificate authorities, beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Client certificate for mutual TLS.
    pub client_certificate: Option<ClientCertificate>,
    /// How often and how patiently idempotent requests are repeated.
    pub retry: RetryPolicy,
}

impl ClientPolicy {
    /// The defaults for these origins: 30 s, 32 MiB, 3 attempts.
    pub fn new(allowed_hosts: Vec<HostRule>) -> Self {
        Self {
            allowed_hosts,
            timeout: TIMEOUT_DEFAULT,
            max_body_bytes: BODY_BYTES_MAX_DEFAULT,
            user_agent: format!("kubeopt/{}", env!("CARGO_PKG_VERSION")),
            ca_file: None,
            client_certificate: None,
            retry: RetryPolicy::default(),
        }
    }

    /// The rule that allows this URL.
    pub(crate) fn rule_for(&self, url: &Url) -> Result<&HostRule, NetError> {
        let origin = Origin::of(url)?;
        let rule = self
            .allowed_hosts
            .iter()
            .find(|rule| rule.origin == origin)
            .ok_or_else(|| NetError::HostNotAllowed { origin: origin.to_string() })?;
        rule.check_literal(url)?;
        Ok(rule)
    }
}

/// The URL without credentials, query and fragment, for errors and logs.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // Both fail only for URLs that cannot have credentials.
    let _no_password = url.set_password(None);
    let _no_user = url.set_username("");
    url.to_string()
}

pub(crate) fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(v4) => Some(IpAddr::V4(v4)),
        Host::Ipv6(v6) => Some(IpAddr::V6(v6)),
        Host::Domain(_) => None,
    }
}

pub(crate) fn names_loopback(url: &Url) -> bool {
    let localhost = url.domain().is_some_and(|name| name.eq_ignore_ascii_case("localhost"));
    localhost || literal(url).is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_identity_service_is_called_where_identities_are_given_out() {
        for (text, is_one) in [
            ("http://169.254.169.254/latest", true),
            ("http://169.254.170.23/v1/credentials", true),
            ("http://[fd00:ec2::254]/", true),
            ("http://[fd00:ec2::23]/", true),
            ("http://169.254.169.253/", false),
            ("http://[::ffff:169.254.169.254]/", false),
            ("http://168.63.129.16/", false),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(HostRule::for_url(&url).unwrap_err().code(), "E-NET-002", "{text}");
            assert_eq!(HostRule::for_identity_service(&url).is_ok(), is_one, "{text}");
        }
    }
}
