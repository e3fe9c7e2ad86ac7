//! How the node agents of one cluster are listened to, and what each value of that may be.

use std::net::SocketAddr;
use std::path::PathBuf;

use kubeopt_model::{Bytes, ClusterName, Namespace, ObjectName};

use crate::config::scalars::malformed;
use crate::config::types::ClusterConfig;
use crate::text::{At, Fault, Reading};

/// Longest trust domain, as SPIFFE has it.
const DOMAIN_CHARS_MAX: usize = 255;

/// Longest audience of a token.
const AUDIENCE_CHARS_MAX: usize = 253;

/// The next step where no account is named.
pub(crate) const ACCOUNT_HELP: &str =
    "name the account that agents run as: `serviceAccount: kubeopt-system/kubeopt-agent`";

/// Which service-account tokens of agents are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentTokens {
    /// What they are made for.
    pub audience: String,
    /// As whom agents run: `system:serviceaccount:NAMESPACE:NAME`.
    pub account: String,
}

/// How the node agents of one cluster are listened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterAgents {
    /// Address of the gRPC server.
    pub listen: SocketAddr,
    /// Certificate chain of the server in PEM.
    pub cert_file: PathBuf,
    /// Its key in PEM.
    pub key_file: PathBuf,
    /// Certificate authorities of agents' certificates in PEM; none believes no certificate.
    pub client_ca_file: Option<PathBuf>,
    /// The SPIFFE trust domain whose URIs name nodes in certificates; none believes no URI.
    pub trust_domain: Option<String>,
    /// Which tokens are believed; none believes no token. One of the two is there.
    pub tokens: Option<AgentTokens>,
    /// The cluster whose nodes they are.
    pub cluster: ClusterName,
    /// Folder of what they sent.
    pub spool: PathBuf,
    /// How long it is kept, seconds.
    pub retention_seconds: i64,
    /// Most bytes of it.
    pub spool_max: Bytes,
    /// Most connections of one address at a time.
    pub connections_per_address: u32,
}

/// An address and port; none after a problem was told.
pub(crate) fn check_listen(at: &At<String>, path: &str, reading: &mut Reading<'_>) -> Option<SocketAddr> {
    match at.value.parse() {
        Ok(address) => Some(address),
        Err(_) => malformed(at, path, "an address and port such as `0.0.0.0:8443`", reading),
    }
}

/// A trust domain as SPIFFE has it; none after a problem was told.
pub(crate) fn check_domain(at: At<String>, path: &str, reading: &mut Reading<'_>) -> Option<String> {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    if (1..=DOMAIN_CHARS_MAX).contains(&at.value.len()) && at.value.bytes().all(fine) {
        return Some(at.value);
    }
    malformed(&at, path, "a SPIFFE trust domain such as `prod.example`", reading)
}

/// What tokens are made for; none after a problem was told.
pub(crate) fn check_audience(at: At<String>, path: &str, reading: &mut Reading<'_>) -> Option<String> {
    let is_audience = |text: &str| {
        (1..=AUDIENCE_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
    };
    if is_audience(&at.value) {
        return Some(at.value);
    }
    malformed(&at, path, "an audience such as `kubeopt-agents`", reading)
}

/// A service account as the API server calls it; none after a problem was told.
pub(crate) fn check_account(at: &At<String>, path: &str, reading: &mut Reading<'_>) -> Option<String> {
    let names = at
        .value
        .split_once('/')
        .and_then(|(namespace, name)| Some((Namespace::new(namespace).ok()?, ObjectName::new(name).ok()?)));
    match names {
        Some((namespace, name)) => Some(format!("system:serviceaccount:{namespace}:{name}")),
        None => malformed(at, path, "`namespace/name` of a service account", reading),
    }
}

/// A cluster of `clusters`; none after a problem was told.
pub(crate) fn known_cluster(
    at: At<String>,
    clusters: &[ClusterConfig],
    reading: &mut Reading<'_>,
) -> Option<ClusterName> {
    let found = clusters.iter().find(|cluster| cluster.name.as_str() == at.value);
    if found.is_none() {
        let help = "name a cluster of `clusters`".to_owned();
        reading.refuse(at.line, Fault::UnknownReference { what: "cluster", name: at.value, help });
    }
    found.map(|cluster| cluster.name.clone())
}
