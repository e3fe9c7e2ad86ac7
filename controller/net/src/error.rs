//! What can go wrong between here and a server, as users see it. Never holds a secret, a query string or a body beyond
//! a short excerpt.

use std::path::PathBuf;
use std::time::Duration;

use kubeopt_model::Problem;

/// Why a request did not give what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// No rule allows the origin.
    #[error("`{origin}` is not a server that the configuration names")]
    HostNotAllowed {
        /// Scheme, host and port.
        origin: String,
    },
    /// The address, or all addresses of the name, are never called.
    #[error("`{host}` leads to {address}, which is never called ({why})")]
    AddressRefused {
        /// The host as written.
        host: String,
        /// The refused address.
        address: String,
        /// What kind of address it is.
        why: &'static str,
    },
    /// The URL has another scheme than http(s), no host, or carries credentials.
    #[error("the address `{url}` cannot be used: {why}")]
    InvalidUrl {
        /// The address without credentials and query.
        url: String,
        /// Why not.
        why: &'static str,
    },
    /// Too many hops, a way from https to http, or no usable `Location`.
    #[error("`{host}` redirects in a way that is not followed: {why}")]
    Redirect {
        /// The host that redirects.
        host: String,
        /// Why it is not followed.
        why: &'static str,
    },
    /// The body passed its limit; reading stopped there.
    #[error("the answer of `{host}` is larger than {limit_bytes} bytes")]
    BodyTooLarge {
        /// The host.
        host: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// No answer in time.
    #[error("`{host}` did not answer in time")]
    Timeout {
        /// The host.
        host: String,
    },
    /// No connection.
    #[error("unable to reach `{host}`: {why}")]
    Connect {
        /// The host.
        host: String,
        /// What the system said.
        why: String,
    },
    /// The handshake failed.
    #[error("TLS with `{host}` failed: {why}")]
    Tls {
        /// The host.
        host: String,
        /// What was wrong.
        why: String,
    },
    /// https was asked for, and no root certificate is known.
    #[error("`{host}` needs https, but no root certificates were found: {why}")]
    NoRoots {
        /// The host.
        host: String,
        /// What was tried.
        why: String,
    },
    /// The file of a secret is not readable or its content is no header value.
    #[error("unable to use the secret in `{}`: {why}", path.display())]
    SecretUnusable {
        /// The file; empty for a value given directly.
        path: PathBuf,
        /// Why not; never the content.
        why: String,
    },
    /// An answer that is not 2xx, where only 2xx helps.
    #[error("`{host}` answered HTTP {status}: {excerpt}")]
    Status {
        /// The host.
        host: String,
        /// The status.
        status: u16,
        /// The beginning of the body, cleaned for a terminal.
        excerpt: String,
        /// What `Retry-After` asks for.
        retry_after: Option<Duration>,
    },
    /// The body does not parse.
    #[error("unable to read the answer of `{host}`: {why}")]
    Malformed {
        /// The host.
        host: String,
        /// What was wrong.
        why: String,
    },
    /// A CA or client certificate file.
    #[error("unable to use the certificate file `{}`: {why}", path.display())]
    CertificateUnusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The body ended early.
    #[error("the connection to `{host}` broke: {why}")]
    Interrupted {
        /// The host.
        host: String,
        /// What the system said.
        why: String,
    },
    /// Nobody gave credentials for a managed service, or what was given cannot be used.
    #[error("unable to get credentials of {provider}: {why}")]
    NoIdentity {
        /// Whose.
        provider: &'static str,
        /// What was asked, and what it said; never a secret.
        why: String,
    },
    /// A header or body that cannot be sent.
    #[error("unable to build a request to `{host}`: {why}")]
    InvalidRequest {
        /// The host.
        host: String,
        /// What was wrong.
        why: String,
    },
}

impl NetError {
    /// As users see it, with the next step.
    pub fn problem(&self) -> Problem {
        Problem::from(self)
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::HostNotAllowed { .. } => "E-NET-001",
            Self::AddressRefused { .. } => "E-NET-002",
            Self::InvalidUrl { .. } => "E-NET-003",
            Self::Redirect { .. } => "E-NET-004",
            Self::BodyTooLarge { .. } => "E-NET-005",
            Self::Timeout { .. } => "E-NET-006",
            Self::Connect { .. } => "E-NET-007",
            Self::Tls { .. } => "E-NET-008",
            Self::NoRoots { .. } => "E-NET-009",
            Self::SecretUnusable { .. } => "E-NET-010",
            Self::Status { .. } => "E-NET-011",
            Self::Malformed { .. } => "E-NET-012",
            Self::CertificateUnusable { .. } => "E-NET-013",
            Self::Interrupted { .. } => "E-NET-014",
            Self::InvalidRequest { .. } => "E-NET-015",
            Self::NoIdentity { .. } => "E-NET-016",
        }
    }

    /// Whether the same request may succeed later without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Connect { .. } | Self::Interrupted { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            Self::HostNotAllowed { .. }
            | Self::AddressRefused { .. }
            | Self::InvalidUrl { .. }
            | Self::Redirect { .. }
            | Self::BodyTooLarge { .. }
            | Self::Tls { .. }
            | Self::NoRoots { .. }
            | Self::SecretUnusable { .. }
            | Self::Malformed { .. }
            | Self::CertificateUnusable { .. }
            | Self::NoIdentity { .. }
            | Self::InvalidRequest { .. } => false,
        }
    }

    fn help(&self) -> &'static str {
        match self {
            Self::HostNotAllowed { .. } => {
                "add the server's address to kubeopt.yaml if kubeopt shall talk to it"
            }
            Self::AddressRefused { .. } => {
                "check the DNS entry of the host; loopback is allowed only where the configuration itself says it"
            }
            Self::InvalidUrl { .. } => {
                "write the address as `https://host[:port]/path`, and credentials as a file reference beside it"
            }
            Self::Redirect { .. } => "configure the address that the server redirects to",
            Self::BodyTooLarge { .. } => {
                "ask for less at once, or check whether the address is the right one"
            }
            Self::Timeout { .. } | Self::Connect { .. } | Self::Interrupted { .. } => {
                "check that the server runs and that network policies let kubeopt reach it; it is tried again in the next pass"
            }
            Self::Tls { .. } => {
                "name the file of the certificate authority that signed the server's certificate as its CA file"
            }
            Self::NoRoots { .. } => {
                "install the system's CA certificates, or name a CA file for this server in kubeopt.yaml"
            }
            Self::SecretUnusable { .. } => {
                "check that the file exists, is readable by kubeopt, and holds one line of printable ASCII"
            }
            Self::Status { status: 401 | 403, .. } => {
                "check the credentials that are configured for this server"
            }
            Self::Status { .. } => "look into the server's own log for the cause",
            Self::Malformed { .. } => "check that the configured address is that of the right kind of server",
            Self::CertificateUnusable { .. } => {
                "check that the file exists and holds PEM blocks, for a client certificate with its private key"
            }
            Self::NoIdentity { .. } => {
                "check that the service account of the pod is bound to an identity of the cloud, or name credentials in kubeopt.yaml; docs/history.md lists where they are looked for"
            }
            Self::InvalidRequest { .. } => {
                "check the header values in the configuration: printable ASCII on one line"
            }
        }
    }
}

impl From<&NetError> for Problem {
    fn from(error: &NetError) -> Self {
        Self::new(error.code(), error.to_string(), error.help())
    }
}

impl From<NetError> for Problem {
    fn from(error: NetError) -> Self {
        Self::from(&error)
    }
}
