//! Connects to one ssh server, signs in with a private key, and starts `git-upload-pack`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kubeopt_model::RepositoryId;
use kubeopt_net::{NetError, SecretSource, TcpRoute};
use russh::client::{self, AuthResult, Handle};
use russh::keys::ssh_key::{Algorithm, EcdsaCurve, HashAlg};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};
use russh::{Preferred, SshId, compression};

use crate::error::GitError;
use crate::ssh::address::SshAddress;
use crate::ssh::gate::{Gate, GateError, Reason};
use crate::ssh::known_hosts::KnownHosts;
use crate::ssh::line::{SshLine, library};

/// How long a server is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// From the connection to the started program.
    pub(crate) sign_in: Duration,
    /// For an answer, where the question does not say another time.
    pub(crate) answer: Duration,
}

/// To sign in, a server in the same cluster or on the same continent needs one second; what hangs or talks on and on
/// ends here. Answers have as long as those of the HTTP client.
const PATIENCE: Patience = Patience { sign_in: Duration::from_secs(20), answer: Duration::from_secs(30) };

/// How one server is reached.
#[derive(Debug, Clone)]
pub struct SshPolicy {
    /// User, host and port; the path is where the repositories are.
    pub address: SshAddress,
    /// The private key: ed25519, ECDSA or RSA.
    pub key: SecretSource,
    /// The passphrase of the private key; none for a key that has none.
    pub passphrase: Option<SecretSource>,
    /// The host keys that are trusted.
    pub known_hosts: KnownHosts,
}

/// A client that talks to one server only. Cheap to clone.
#[derive(Clone)]
pub struct SshClient {
    inner: Arc<Inner>,
}

struct Inner {
    address: SshAddress,
    key: SecretSource,
    passphrase: Option<SecretSource>,
    known_hosts: Arc<KnownHosts>,
    route: TcpRoute,
    config: Arc<client::Config>,
    patience: Patience,
}

impl fmt::Debug for SshClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { address, key, .. } = &*self.inner;
        f.debug_struct("SshClient").field("address", address).field("key", key).finish_non_exhaustive()
    }
}

impl SshClient {
    /// Sets a client up; nothing is connected yet.
    ///
    /// # Errors
    /// [`GitError::Net`] for a host that is never called.
    pub fn new(policy: SshPolicy) -> Result<Self, GitError> {
        Self::with_patience(policy, PATIENCE)
    }

    pub(crate) fn with_patience(policy: SshPolicy, patience: Patience) -> Result<Self, GitError> {
        let SshPolicy { address, key, passphrase, known_hosts } = policy;
        let route = TcpRoute::new(&address.host, address.port).map_err(GitError::Net)?;
        let config = Arc::new(config(known_hosts.kinds(&address.host, address.port)));
        let known_hosts = Arc::new(known_hosts);
        let inner = Inner { address, key, passphrase, known_hosts, route, config, patience };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Connects, signs in and starts the program that serves the repository.
    ///
    /// # Errors
    /// [`GitError::HostKeyUnknown`], [`GitError::HostKeyChanged`], [`GitError::Unauthorized`], [`GitError::SshKey`],
    /// [`GitError::Ssh`], [`GitError::Unreachable`], [`GitError::Net`].
    pub(crate) async fn start(
        &self,
        address: &SshAddress,
        repository: &RepositoryId,
    ) -> Result<SshLine, GitError> {
        let inner = &*self.inner;
        let place = |address: &SshAddress| (address.user.clone(), address.host.clone(), address.port);
        if place(address) != place(&inner.address) {
            let origin = format!("ssh://{}:{}", address.host, address.port);
            return Err(GitError::Net(NetError::HostNotAllowed { origin }));
        }
        let command = address.command().ok_or_else(|| GitError::RepositoryNotFound(repository.clone()))?;
        let key = self.private_key().await?;
        let reason = Reason::default();
        let limit = inner.patience.sign_in;
        let started = tokio::time::timeout(limit, self.sign_in(repository, key, command, &reason)).await;
        let started = started.unwrap_or_else(|_| {
            let why = format!("the ssh server did not let kubeopt in within {} s", limit.as_secs());
            Err(GitError::Unreachable { repository: repository.clone(), why })
        });
        started.map_err(|error| reason.take().unwrap_or(error))
    }

    async fn sign_in(
        &self,
        repository: &RepositoryId,
        key: PrivateKey,
        command: String,
        reason: &Reason,
    ) -> Result<SshLine, GitError> {
        let inner = &*self.inner;
        let stream = inner.route.connect().await.map_err(|error| net(repository, error))?;
        let gate = Gate::new(
            &inner.address.host,
            inner.address.port,
            Arc::clone(&inner.known_hosts),
            reason.clone(),
        );
        let failed = |error| library(repository, error);
        let mut handle = client::connect_stream(Arc::clone(&inner.config), stream, gate)
            .await
            .map_err(|error| gate_error(repository, error))?;
        self.authenticate(repository, &mut handle, key).await?;
        let channel = handle.channel_open_session().await.map_err(failed)?;
        // A server that ignores it speaks an older version, which the first line of its answer tells.
        channel.set_env(false, "GIT_PROTOCOL", "version=2").await.map_err(failed)?;
        channel.exec(true, command).await.map_err(failed)?;
        Ok(SshLine::new(handle, channel, repository.clone(), inner.patience.answer))
    }

    async fn authenticate(
        &self,
        repository: &RepositoryId,
        handle: &mut Handle<Gate>,
        key: PrivateKey,
    ) -> Result<(), GitError> {
        let failed = |error| library(repository, error);
        let hash = if key.algorithm().is_rsa() { rsa_hash(handle).await.map_err(failed)? } else { None };
        let fingerprint = key.public_key().fingerprint(HashAlg::Sha256);
        let user = &self.inner.address.user;
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
        let answer = handle.authenticate_publickey(user, key).await.map_err(failed)?;
        if answer.success() {
            return Ok(());
        }
        // A connection that breaks looks to the library like a refusal that leaves no other method.
        if matches!(&answer, AuthResult::Failure { remaining_methods, .. } if remaining_methods.is_empty())
            && handle.is_closed()
        {
            return Err(library(repository, russh::Error::Disconnect));
        }
        let how = format!("ssh key {fingerprint} for user {user}");
        Err(GitError::Unauthorized { repository: repository.clone(), how })
    }

    /// Read for each connection, so that a rotated key is used at once.
    async fn private_key(&self) -> Result<PrivateKey, GitError> {
        let text = self.inner.key.read().await.map_err(GitError::Net)?;
        let passphrase = match &self.inner.passphrase {
            Some(source) => Some(source.read().await.map_err(GitError::Net)?),
            None => None,
        };
        let place = match &self.inner.key {
            SecretSource::File(path) => format!(" in {}", path.display()),
            SecretSource::Value(_) => String::new(),
        };
        // A passphrase is stretched for a tenth of a second and more.
        let decode = move || {
            decode_secret_key(text.expose(), passphrase.as_ref().map(kubeopt_net::Secret::expose))
                .map_err(|error| GitError::SshKey { why: format!("the private key{place}: {error}") })
        };
        tokio::task::spawn_blocking(decode)
            .await
            .unwrap_or_else(|error| Err(GitError::Store(format!("the work was interrupted: {error}"))))
    }
}

/// SHA-2 as the server knows it. A server that does not say what it knows is taken for one of this decade; SHA-1 is
/// not used.
async fn rsa_hash(handle: &Handle<Gate>) -> Result<Option<HashAlg>, russh::Error> {
    Ok(handle.best_supported_rsa_hash().await?.flatten().or(Some(HashAlg::Sha512)))
}

/// Host keys of pinned kinds are asked for first, so that a server with several shows one that can be compared. No
/// SHA-1, no compression: packs are compressed.
fn config(pinned: Vec<Algorithm>) -> client::Config {
    let known = [
        Algorithm::Ed25519,
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
        Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
        Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
    ];
    // A pinned RSA key is of the kind `ssh-rsa`, whatever hash it signs with.
    let is_rsa = |kind: &Algorithm| matches!(kind, Algorithm::Rsa { .. });
    let is_pinned = |kind: &Algorithm| pinned.iter().any(|own| own == kind || (is_rsa(own) && is_rsa(kind)));
    let (mut kinds, others): (Vec<Algorithm>, Vec<Algorithm>) = known.into_iter().partition(is_pinned);
    kinds.extend(others);
    let preferred = Preferred {
        key: Cow::Owned(kinds),
        compression: Cow::Borrowed(&[compression::NONE]),
        ..Preferred::DEFAULT
    };
    let name = concat!("SSH-2.0-kubeopt_", env!("CARGO_PKG_VERSION"));
    client::Config { client_id: SshId::Standard(Cow::Borrowed(name)), preferred, ..client::Config::default() }
}

fn net(repository: &RepositoryId, error: NetError) -> GitError {
    if error.is_transient() {
        return GitError::Unreachable { repository: repository.clone(), why: error.to_string() };
    }
    GitError::Net(error)
}

fn gate_error(repository: &RepositoryId, error: GateError) -> GitError {
    match error {
        GateError::Library(error) => library(repository, error),
        // The noted reason takes its place.
        GateError::Refused => GitError::Ssh { why: "the connection was refused".to_owned() },
    }
}
