//! Whom the client trusts, and how it shows who it is: certificate authorities and client certificates.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use kubeopt_net::{
    Client, ClientCertificate, ClientPolicy, HostRule, NetError, RetryPolicy, StatusCode, Url,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn issued(by: &Authority) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.signed_by(&key, by).unwrap(), key)
}

/// The certificates that clients showed, connection by connection.
type Shown = Arc<Mutex<Vec<CertificateDer<'static>>>>;

/// Answers every request on a port of loopback with 204; asks for a client certificate if told to.
async fn server(authority: &Authority, asks_client: bool) -> (Url, Shown) {
    kubeopt_net::install_crypto_provider();
    let (certificate, key) = issued(authority);
    let builder = ServerConfig::builder();
    let builder = if asks_client {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let shown = Shown::default();
    let seen = Arc::clone(&shown);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(socket).await else { continue };
            let own = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).cloned();
            seen.lock().unwrap().extend(own);
            let mut request = [0; 4096];
            if stream.read(&mut request).await.is_ok() {
                let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                // The client may have left already: then there is nobody to tell.
                let _gone = stream.write_all(answer).await;
                let _gone = stream.shutdown().await;
            }
        }
    });
    (Url::parse(&format!("https://localhost:{port}/")).unwrap(), shown)
}

fn written(folder: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

async fn get(
    url: &Url,
    ca_file: Option<&Path>,
    client_certificate: Option<ClientCertificate>,
) -> Result<StatusCode, NetError> {
    client(url, ca_file, client_certificate)?.get_stream(url, &[]).await.map(|response| response.status)
}

fn client(
    url: &Url,
    ca_file: Option<&Path>,
    client_certificate: Option<ClientCertificate>,
) -> Result<Client, NetError> {
    let rule = HostRule::for_url(url).unwrap();
    Client::new(ClientPolicy {
        ca_file: ca_file.map(Path::to_owned),
        client_certificate,
        retry: RetryPolicy { attempts: 1, ..RetryPolicy::default() },
        ..ClientPolicy::new(vec![rule])
    })
}

#[tokio::test]
async fn a_server_is_trusted_by_its_authority_only() {
    let (ours, other) = (authority(), authority());
    let (url, _) = server(&ours, false).await;
    let folder = tempfile::tempdir().unwrap();
    let ours = written(&folder, "ours.pem", &ours.pem());
    let other = written(&folder, "other.pem", &other.pem());
    assert_eq!(get(&url, Some(&ours), None).await, Ok(StatusCode::NO_CONTENT));
    for ca_file in [Some(other.as_path()), None] {
        let error = get(&url, ca_file, None).await.unwrap_err();
        // Where the system has no roots at all, that is what is said.
        assert!(matches!(error, NetError::Tls { .. } | NetError::NoRoots { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_client_certificate_opens_a_server_that_asks_for_one() {
    let authority = authority();
    let (url, _) = server(&authority, true).await;
    let folder = tempfile::tempdir().unwrap();
    let ca_file = written(&folder, "ca.pem", &authority.pem());
    let (certificate, key) = issued(&authority);
    let files = ClientCertificate {
        certificate: written(&folder, "client.pem", &certificate.pem()),
        key: written(&folder, "client.key", &key.serialize_pem()),
    };
    assert_eq!(get(&url, Some(&ca_file), Some(files)).await, Ok(StatusCode::NO_CONTENT));
    assert!(get(&url, Some(&ca_file), None).await.is_err());
    let missing = folder.path().join("none.pem");
    let unusable = ClientCertificate { certificate: missing.clone(), key: missing };
    assert_eq!(get(&url, Some(&ca_file), Some(unusable)).await.unwrap_err().code(), "E-NET-013");
}

#[tokio::test]
async fn certificates_that_were_written_again_are_shown_at_once() {
    let (authority, other) = (authority(), authority());
    let (url, shown) = server(&authority, true).await;
    let folder = tempfile::tempdir().unwrap();
    let ca_file = written(&folder, "ca.pem", &other.pem());
    let write = |(certificate, key): (rcgen::Certificate, KeyPair)| {
        let files = ClientCertificate {
            certificate: written(&folder, "client.pem", &certificate.pem()),
            key: written(&folder, "client.key", &key.serialize_pem()),
        };
        (files, certificate.der().clone())
    };
    let (files, _) = write(issued(&other));
    let client = client(&url, Some(&ca_file), Some(files)).unwrap();
    let ask = async || client.get_stream(&url, &[]).await.map(|response| response.status);
    assert!(ask().await.is_err(), "nobody knows the server's authority");
    written(&folder, "ca.pem", &format!("{}{}", other.pem(), authority.pem()));
    assert!(ask().await.is_err(), "the server does not know the client's authority");
    let (_, first) = write(issued(&authority));
    assert_eq!(ask().await, Ok(StatusCode::NO_CONTENT));
    let (_, second) = write(issued(&authority));
    assert_eq!(ask().await, Ok(StatusCode::NO_CONTENT));
    // A certificate without its key yet, and a file that is gone: the one before goes on.
    written(&folder, "client.pem", &issued(&authority).0.pem());
    assert_eq!(ask().await, Ok(StatusCode::NO_CONTENT));
    std::fs::remove_file(folder.path().join("client.key")).unwrap();
    assert_eq!(ask().await, Ok(StatusCode::NO_CONTENT));
    assert_eq!(*shown.lock().unwrap(), [first, second.clone(), second.clone(), second]);
}
