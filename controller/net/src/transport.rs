//! The HTTP library behind a client: how it is set up, and what its errors mean.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::time::Duration;

use reqwest::{Certificate, Identity};

use crate::address::{AllRefused, CheckedResolver, Loopback};
use crate::error::NetError;
use crate::policy::{ClientCertificate, ClientPolicy};

/// Time to connect. A server in the same cluster or on the same continent needs far less.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The library's client, and why https cannot be used with it, if so.
pub(crate) struct Transport {
    pub(crate) http: reqwest::Client,
    pub(crate) no_roots: Option<String>,
}

/// Which certificate authorities are trusted beside the policy's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Roots {
    System,
    None,
}

impl Transport {
    /// Sets the library up. Without system roots http still works: https then fails when it is used, with the reason.
    pub(crate) fn new(policy: &ClientPolicy) -> Result<Self, NetError> {
        crate::install_crypto_provider();
        match build(policy, Roots::System)? {
            Ok(http) => Ok(Self { http, no_roots: None }),
            Err(why) => Self::without_roots(policy, why),
        }
    }

    fn without_roots(policy: &ClientPolicy, why: String) -> Result<Self, NetError> {
        let http = build(policy, Roots::None)?.map_err(|again| NetError::InvalidRequest {
            host: String::new(),
            why: format!("the HTTP library cannot be set up: {again}"),
        })?;
        Ok(Self { http, no_roots: Some(why) })
    }
}

/// The outer error is one of files that the operator named; the inner is what the library says of the system.
fn build(policy: &ClientPolicy, roots: Roots) -> Result<Result<reqwest::Client, String>, NetError> {
    let loopback_names: BTreeSet<String> = policy
        .allowed_hosts
        .iter()
        .filter(|rule| rule.loopback == Loopback::Allowed)
        .map(|rule| rule.origin.host().to_owned())
        .collect();
    let mut builder = reqwest::Client::builder()
        .user_agent(policy.user_agent.clone())
        .redirect(reqwest::redirect::Policy::none())
        // Repeating is decided here, where it is known what is idempotent.
        .retry(reqwest::retry::never())
        // A proxy of the environment would connect to addresses that were not checked.
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .dns_resolver(CheckedResolver::new(loopback_names));
    let authorities = match &policy.ca_file {
        Some(path) => authorities(path)?,
        None => Vec::new(),
    };
    builder = match roots {
        Roots::System => builder.tls_certs_merge(authorities),
        Roots::None => builder.tls_certs_only(authorities),
    };
    if let Some(files) = &policy.client_certificate {
        builder = builder.identity(identity(files)?);
    }
    Ok(builder.build().map_err(|error| root_cause(&error)))
}

fn authorities(path: &Path) -> Result<Vec<Certificate>, NetError> {
    let pem = read(path)?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(path, root_cause(&error)))?;
    if found.is_empty() {
        return Err(unusable(path, "it holds no certificate".to_owned()));
    }
    Ok(found)
}

fn identity(files: &ClientCertificate) -> Result<Identity, NetError> {
    let mut pem = read(&files.certificate)?;
    pem.push(b'\n');
    pem.extend(read(&files.key)?);
    Identity::from_pem(&pem).map_err(|error| unusable(&files.certificate, root_cause(&error)))
}

fn read(path: &Path) -> Result<Vec<u8>, NetError> {
    std::fs::read(path).map_err(|error| unusable(path, error.to_string()))
}

fn unusable(path: &Path, why: String) -> NetError {
    NetError::CertificateUnusable { path: path.to_owned(), why }
}

/// What an error before the head of the answer means.
pub(crate) fn send_error(host: String, error: &reqwest::Error) -> NetError {
    if let Some(refused) = cause::<AllRefused>(error) {
        return NetError::AddressRefused { host, address: refused.address.to_string(), why: refused.why };
    }
    if error.is_timeout() {
        return NetError::Timeout { host };
    }
    if let Some(tls) = cause::<rustls::Error>(error) {
        return NetError::Tls { host, why: tls.to_string() };
    }
    if error.is_builder() {
        return NetError::InvalidRequest { host, why: root_cause(error) };
    }
    if error.is_connect() {
        return NetError::Connect { host, why: root_cause(error) };
    }
    NetError::Interrupted { host, why: root_cause(error) }
}

/// What an error within the body means.
pub(crate) fn body_error(host: String, error: &reqwest::Error) -> NetError {
    if error.is_timeout() {
        return NetError::Timeout { host };
    }
    NetError::Interrupted { host, why: root_cause(error) }
}

fn cause<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = beneath(error);
    }
    None
}

/// The error below. An IO error that wraps another gives that one's source as its own and so skips it; TLS errors come
/// wrapped twice.
fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

/// The innermost message: the outer ones repeat the URL, whose query may tell more than an error should.
fn root_cause(error: &reqwest::Error) -> String {
    let mut next: &dyn Error = error;
    while let Some(inner) = next.source() {
        next = inner;
    }
    let text = next.to_string();
    if text.contains("://") { "the HTTP library refused it".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_system_roots_a_client_exists_and_knows_why_https_fails() {
        crate::install_crypto_provider();
        let policy = ClientPolicy::new(Vec::new());
        let transport = Transport::without_roots(&policy, "no certificates".to_owned()).unwrap();
        assert_eq!(transport.no_roots.as_deref(), Some("no certificates"));
    }

    #[test]
    fn names_the_certificate_file_that_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let (missing, empty) = (folder.path().join("missing.pem"), folder.path().join("empty.pem"));
        std::fs::write(&empty, "no certificate\n").unwrap();
        for path in [missing, empty] {
            let policy = ClientPolicy { ca_file: Some(path.clone()), ..ClientPolicy::new(Vec::new()) };
            let error = Transport::new(&policy).err().unwrap();
            assert_eq!(error.code(), "E-NET-013");
            assert!(error.to_string().contains(&path.display().to_string()));
        }
    }
}
