//! One connection to the controller: TCP, TLS with ring, HTTP/2. The certificate is checked against the given CA alone.

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::args::Controller;

/// TCP, TLS and HTTP/2 must be there within this.
const PATIENCE: Duration = Duration::from_secs(15);

/// Flow control: one model fits, and nothing else is long. Defaults of HTTP/2 would let 1 GB in.
const WINDOW_BYTES: u32 = 256 * 1024;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("failed to read {0}")]
    File(String, #[source] io::Error),
    #[error("failed to read certificates or a key from {0}: it is no PEM file of them")]
    Pem(String),
    #[error("the certificates cannot be used")]
    Tls(#[from] tokio_rustls::rustls::Error),
    #[error("`{0}` is no name that a certificate has: give --server-name")]
    Name(String),
    #[error("unable to connect to {0}")]
    Connect(String, #[source] io::Error),
    #[error("unable to speak HTTP/2 with the controller")]
    Http(#[from] hyper::Error),
    #[error("the controller did not answer within {} s", PATIENCE.as_secs())]
    Late,
}

/// Requests go in here. Clones share the connection.
#[derive(Debug, Clone)]
pub(crate) struct Connection(http2::SendRequest<tonic::body::Body>);

impl Connection {
    /// Connects, reading certificates anew: they change while an agent runs.
    pub(crate) async fn open(to: &Controller) -> Result<Self, ConnectError> {
        tokio::time::timeout(PATIENCE, Self::connect(to)).await.map_err(|_| ConnectError::Late)?
    }

    async fn connect(to: &Controller) -> Result<Self, ConnectError> {
        let config = config(to)?;
        let name = ServerName::try_from(to.server_name.clone());
        let name = name.map_err(|_| ConnectError::Name(to.server_name.clone()))?;
        let place = || format!("{}:{}", to.host, to.port);
        let failed = |error| ConnectError::Connect(place(), error);
        let stream = TcpStream::connect((to.host.as_str(), to.port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(failed)?;
        let (send, connection) = http2::Builder::new(Spawn)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_frame_size(16 * 1024)
            .max_header_list_size(16 * 1024)
            .max_send_buf_size(64 * 1024)
            .header_table_size(0)
            .handshake(TokioIo::new(stream))
            .await?;
        // It ends with the last request handle; what it says of errors, the requests say too.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self(send))
    }
}

fn config(to: &Controller) -> Result<ClientConfig, ConnectError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&to.ca)? {
        roots.add(certificate)?;
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match &to.identity {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => builder.with_client_auth_cert(certificates(cert)?, private_key(key)?)?,
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    // One connection a day needs no memory of tickets.
    config.resumption = tokio_rustls::rustls::client::Resumption::disabled();
    Ok(config)
}

fn read(path: &Path) -> Result<Vec<u8>, ConnectError> {
    std::fs::read(path).map_err(|error| ConnectError::File(path.display().to_string(), error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let pem = read(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let all = all.ok().filter(|all| !all.is_empty());
    all.ok_or_else(|| ConnectError::Pem(path.display().to_string()))
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ConnectError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_| ConnectError::Pem(path.display().to_string()))
}

/// Tasks of HTTP/2 run where everything runs.
#[derive(Debug, Clone, Copy)]
struct Spawn;

impl<F> hyper::rt::Executor<F> for Spawn
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, task: F) {
        tokio::spawn(task);
    }
}

impl tower_service::Service<http::Request<tonic::body::Body>> for Connection {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
