//! Who is let through while a connection is made: the host key must be pinned, and the server may not talk on and on.

use std::sync::{Arc, Mutex, PoisonError};

use russh::client::{Handler, Session};
use russh::keys::{PublicKey, PublicKeyOrCertificate};

use crate::error::GitError;
use crate::ssh::address::bracketed;
use crate::ssh::known_hosts::{KnownHosts, Verdict, shown};

/// Messages that a server may show before it lets a user in. OpenSSH shows one.
const BANNERS_MAX: usize = 8;

/// What the library tells, and what we refused ourselves.
#[derive(Debug)]
pub(crate) enum GateError {
    /// Refused here; the reason is in [`Reason`].
    Refused,
    /// The library's own.
    Library(russh::Error),
}

impl From<russh::Error> for GateError {
    fn from(error: russh::Error) -> Self {
        Self::Library(error)
    }
}

/// Why a connection was refused by us: the library passes its own errors on, and not always ours.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reason(Arc<Mutex<Option<GitError>>>);

impl Reason {
    fn note(&self, why: GitError) -> GateError {
        // Nothing can panic while it is held.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        GateError::Refused
    }

    /// The reason, once.
    pub(crate) fn take(&self) -> Option<GitError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The library's view of us.
#[derive(Debug)]
pub(crate) struct Gate {
    host: String,
    port: u16,
    known_hosts: Arc<KnownHosts>,
    banners: usize,
    reason: Reason,
}

impl Gate {
    /// For one connection to this host.
    pub(crate) fn new(host: &str, port: u16, known_hosts: Arc<KnownHosts>, reason: Reason) -> Self {
        Self { host: host.to_owned(), port, known_hosts, banners: 0, reason }
    }

    fn count_banner(&mut self) -> Result<(), GateError> {
        self.banners += 1;
        if self.banners <= BANNERS_MAX {
            return Ok(());
        }
        let server = format!("{}:{}", bracketed(&self.host), self.port);
        let why =
            format!("the ssh server {server} shows message after message instead of letting kubeopt in");
        Err(self.reason.note(GitError::Ssh { why }))
    }

    fn check(&self, key: &PublicKey) -> Result<bool, GateError> {
        let server = format!("{}:{}", bracketed(&self.host), self.port);
        let offered = shown(key);
        let why = match self.known_hosts.judge(&self.host, self.port, key) {
            Verdict::Trusted => return Ok(true),
            Verdict::Unknown => return Err(self.reason.note(GitError::HostKeyUnknown { server, offered })),
            Verdict::Revoked => "`knownHosts` revokes it".to_owned(),
            Verdict::Changed(pinned) => format!("`knownHosts` lists {}", pinned.join(", ")),
        };
        Err(self.reason.note(GitError::HostKeyChanged { server, offered, why }))
    }
}

impl Handler for Gate {
    type Error = GateError;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        match offered {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.check(key),
            // None is asked for; the key within counts like any other.
            PublicKeyOrCertificate::Certificate(certificate) => {
                self.check(&PublicKey::from(certificate.public_key().clone()))
            }
        }
    }

    async fn auth_banner(&mut self, _: &str, _: &mut Session) -> Result<(), Self::Error> {
        self.count_banner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_shows_message_after_message_is_left() {
        const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMOxnCdfpQlw1fT1OLwURJDvWcet+GqrKATicw46GSW6";
        let known_hosts = Arc::new(KnownHosts::parse(&format!("h {KEY}")).unwrap());
        let reason = Reason::default();
        let mut gate = Gate::new("h", 22, known_hosts, reason.clone());
        for _ in 0..BANNERS_MAX {
            assert!(gate.count_banner().is_ok());
        }
        assert!(gate.count_banner().is_err());
        assert_eq!(reason.take().map(|why| why.code()), Some(crate::codes::SSH));
    }
}
