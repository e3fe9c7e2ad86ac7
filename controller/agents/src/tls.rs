//! TLS of the server: its certificate, and what agents' certificates are checked with. Files are looked at again while it runs,
//! so that a renewed certificate needs no restart.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, version};

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
    current: Arc<ServerConfig>,
    /// When the files were written that it was made from, or tried last.
    written: Vec<Option<SystemTime>>,
}

impl Renewed {
    pub(crate) fn load(files: TlsFiles) -> Result<Self, AgentsError> {
        let written = written(&files);
        let current = Arc::new(config(&files)?);
        Ok(Self { files, current, written })
    }

    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current)
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
                self.current = Arc::new(config);
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

fn config(files: &TlsFiles) -> Result<ServerConfig, AgentsError> {
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
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let wrong = |reason: String| AgentsError::ClientCa { file: file.display().to_string(), reason };
            let mut roots = RootCertStore::empty();
            for certificate in certificates(file).map_err(wrong)? {
                roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
            }
            // An agent without a certificate may still show a token.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| wrong(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let chain = certificates(&files.certificate).map_err(failed)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| failed(error.to_string()))?;
    let mut config = builder.with_single_cert(chain, key).map_err(|error| failed(error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())?;
    let list: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    if list.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(list) }
}
