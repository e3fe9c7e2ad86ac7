//! TLS of the server: its certificate, and what agents' certificates are checked with. Files are looked at again while it runs,
//! so that a renewed certificate needs no restart.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, version};
use tokio::sync::watch;

use crate::error::AgentsError;

/// Files of the server's TLS.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The server's certificate, and those between it and its root, in PEM.
    pub certificate: PathBuf,
    /// Its private key in PEM, unencrypted.
    pub key: PathBuf,
    /// Certificates in PEM of who signs agents' certificates; none where agents show tokens only.
    pub client_ca: Option<PathBuf>,
}

/// A configuration that is made again when its files change.
pub(crate) struct Renewed {
    files: TlsFiles,
    current: watch::Sender<Current>,
    /// When the files were written that it was made from, or tried last.
    written: Vec<Option<SystemTime>>,
}

#[derive(Clone)]
struct Current {
    server: Arc<ServerConfig>,
    /// None where no certificate is asked for.
    authorities: Option<Arc<dyn ClientCertVerifier>>,
}

/// Whom certificates are believed from at the moment.
#[derive(Clone)]
pub(crate) struct Authorities(watch::Receiver<Current>);

impl Authorities {
    /// Whether a certificate, which is followed by those between it and its root, is still good: a handshake says so of one
    /// moment, and a connection may last.
    pub(crate) fn believe(&self, chain: &[CertificateDer<'_>], now_ms: i64) -> bool {
        let Some((own, between)) = chain.split_first() else { return false };
        let authorities = self.0.borrow().authorities.clone();
        let now = UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(now_ms).unwrap_or(0)));
        authorities.is_some_and(|authorities| authorities.verify_client_cert(own, between, now).is_ok())
    }
}

impl Renewed {
    pub(crate) fn load(files: TlsFiles) -> Result<Self, AgentsError> {
        let written = written(&files);
        let current = watch::Sender::new(config(&files)?);
        Ok(Self { files, current, written })
    }

    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.borrow().server)
    }

    pub(crate) fn authorities(&self) -> Authorities {
        Authorities(self.current.subscribe())
    }

    /// Looks at the files again. One that cannot be used leaves what was.
    pub(crate) fn renew(&mut self) {
        let written = written(&self.files);
        if written == self.written {
            return;
        }
        self.written = written;
        match config(&self.files) {
            Ok(config) => {
                tracing::info!("the certificate of the agents' server was renewed");
                self.current.send_replace(config);
            }
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "the agents' server goes on with the certificate it has");
            }
        }
    }
}

fn written(files: &TlsFiles) -> Vec<Option<SystemTime>> {
    let paths = [Some(&files.certificate), Some(&files.key), files.client_ca.as_ref()];
    let paths = paths.into_iter().flatten();
    paths.map(|path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok()).collect()
}

fn config(files: &TlsFiles) -> Result<Current, AgentsError> {
    let failed = |reason: String| AgentsError::Certificate {
        certificate: files.certificate.display().to_string(),
        key: files.key.display().to_string(),
        reason,
    };
    let provider = Arc::new(default_provider());
    // Both ends are ours, so there is nothing older to speak with.
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&version::TLS13])
        .map_err(|error| failed(error.to_string()))?;
    let authorities = files.client_ca.as_deref().map(|file| authorities(file, provider)).transpose()?;
    let builder = match &authorities {
        None => builder.with_no_client_auth(),
        Some(authorities) => builder.with_client_cert_verifier(Arc::clone(authorities)),
    };
    let chain = certificates(&files.certificate).map_err(failed)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| failed(error.to_string()))?;
    let mut config = builder.with_single_cert(chain, key).map_err(|error| failed(error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // An agent connects once an hour; a session that is taken up again would bring a certificate that was checked long ago.
    config.send_tls13_tickets = 0;
    Ok(Current { server: Arc::new(config), authorities })
}

/// Checks agents' certificates with those of a file.
fn authorities(
    file: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, AgentsError> {
    let wrong = |reason: String| AgentsError::ClientCa { file: file.display().to_string(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file).map_err(wrong)? {
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    // An agent without a certificate may still show a token.
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| wrong(error.to_string()))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    let list: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if list.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(list) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn write(files: &TlsFiles, at: SystemTime) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        fs::write(&files.certificate, params.self_signed(&key).expect("a certificate").pem())
            .expect("a file");
        fs::write(&files.key, key.serialize_pem()).expect("a file");
        stamp(&files.certificate, at);
    }

    fn stamp(file: &Path, at: SystemTime) {
        let file = fs::OpenOptions::new().write(true).open(file).expect("a file");
        file.set_modified(at).expect("a time");
    }

    #[test]
    fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = TlsFiles {
            certificate: folder.path().join("tls.crt"),
            key: folder.path().join("tls.key"),
            client_ca: None,
        };
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let missing = Renewed::load(files.clone()).map(|_| ());
        assert_eq!(missing.expect_err("no files").code(), "E-AGT-006");

        write(&files, at(1));
        let mut tls = Renewed::load(files.clone()).expect("a certificate");
        let first = tls.current();
        tls.renew();
        assert!(Arc::ptr_eq(&first, &tls.current()), "nothing was written");
        write(&files, at(2));
        tls.renew();
        let second = tls.current();
        assert!(!Arc::ptr_eq(&first, &second));
        fs::write(&files.certificate, "half a certif").expect("a file");
        stamp(&files.certificate, at(3));
        tls.renew();
        assert!(Arc::ptr_eq(&second, &tls.current()), "what was goes on");

        let without = TlsFiles { client_ca: Some(folder.path().join("ca.crt")), ..files };
        write(&without, at(4));
        fs::write(folder.path().join("ca.crt"), "").expect("a file");
        let empty = Renewed::load(without).map(|_| ());
        assert_eq!(empty.expect_err("no authority").code(), "E-AGT-007");
    }
}
