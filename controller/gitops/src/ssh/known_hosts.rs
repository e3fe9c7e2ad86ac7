//! The host keys that an operator pinned, in the format of OpenSSH's `known_hosts`, as Flux and Argo CD take it too.
//!
//! Lines are `NAME[,NAME...] TYPE KEY [COMMENT]`; a name is a host, `[host]:port`, or a hash of one. `@revoked` takes a
//! key back. Patterns and certificate authorities would trust keys that nobody has seen, so they are refused.
//!
//! Reference: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use russh::keys::PublicKey;
use russh::keys::ssh_key::{Algorithm, HashAlg};
use sha1::Sha1;

use crate::error::GitError;
use crate::ssh::address::PORT_DEFAULT;

/// Most bytes of a list. A forge has three keys of at most 800 bytes.
const BYTES_MAX: usize = 256 * 1024;

/// The pinned keys.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownHosts {
    entries: Vec<Entry>,
}

/// A list that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub(crate) struct UnreadableHosts {
    /// Counted from 1.
    pub(crate) line: usize,
    pub(crate) why: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    names: Names,
    key: PublicKey,
    revoked: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Names {
    Plain(Vec<String>),
    Hashed { salt: Vec<u8>, hash: Vec<u8> },
}

/// What the list says of a key that a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is pinned.
    Trusted,
    /// It is taken back.
    Revoked,
    /// The host is not in the list.
    Unknown,
    /// The host has other keys, with these fingerprints.
    Changed(Vec<String>),
}

impl KnownHosts {
    /// Reads the list that stands in the configuration.
    ///
    /// # Errors
    /// [`GitError::KnownHosts`] with the first line that cannot be used, or that there is none.
    pub fn from_text(text: &str) -> Result<Self, GitError> {
        Self::parse(text).map_err(|why| unusable("`knownHosts`".to_owned(), &why))
    }

    /// Reads a file of at most 256 KiB.
    ///
    /// # Errors
    /// As [`KnownHosts::from_text`].
    pub fn from_file(path: &Path) -> Result<Self, GitError> {
        let place = || path.display().to_string();
        let mut text = String::new();
        let read = File::open(path)
            .and_then(|file| file.take(BYTES_MAX as u64 + 1).read_to_string(&mut text))
            .map_err(|error| unusable(place(), &error));
        read.and_then(|_| Self::parse(&text).map_err(|why| unusable(place(), &why)))
    }

    /// Empty lines and comments are skipped.
    pub(crate) fn parse(text: &str) -> Result<Self, UnreadableHosts> {
        if text.len() > BYTES_MAX {
            return Err(UnreadableHosts { line: 1, why: "the list is longer than 256 KiB" });
        }
        let mut entries = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line_text = line.trim();
            if !line_text.is_empty() && !line_text.starts_with('#') {
                let entry = read_entry(line_text).map_err(|why| UnreadableHosts { line: at + 1, why })?;
                entries.push(entry);
            }
        }
        if entries.is_empty() {
            return Err(UnreadableHosts { line: 1, why: "the list holds no key" });
        }
        Ok(Self { entries })
    }

    /// What it says of a key of this host.
    pub(crate) fn judge(&self, host: &str, port: u16, key: &PublicKey) -> Verdict {
        let of_host: Vec<&Entry> = self.of_host(host, port).collect();
        let same = |entry: &&Entry| entry.key.key_data() == key.key_data();
        if of_host.iter().any(|entry| entry.revoked && same(entry)) {
            return Verdict::Revoked;
        }
        let pinned: Vec<&Entry> = of_host.into_iter().filter(|entry| !entry.revoked).collect();
        if pinned.iter().any(same) {
            return Verdict::Trusted;
        }
        if pinned.is_empty() {
            return Verdict::Unknown;
        }
        Verdict::Changed(pinned.iter().map(|entry| shown(&entry.key)).collect())
    }

    /// The kinds of keys that are pinned for a host: a server that has several is asked for one of these.
    pub(crate) fn kinds(&self, host: &str, port: u16) -> Vec<Algorithm> {
        self.of_host(host, port).filter(|entry| !entry.revoked).map(|entry| entry.key.algorithm()).collect()
    }

    fn of_host(&self, host: &str, port: u16) -> impl Iterator<Item = &Entry> {
        let name = if port == PORT_DEFAULT { host.to_owned() } else { format!("[{host}]:{port}") };
        self.entries.iter().filter(move |entry| entry.names.include(&name))
    }
}

/// A key as people compare it: `ssh-ed25519 SHA256:...`.
pub(crate) fn shown(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm().as_str(), key.fingerprint(HashAlg::Sha256))
}

fn unusable(place: String, why: &dyn fmt::Display) -> GitError {
    GitError::KnownHosts { place, why: why.to_string() }
}

fn read_entry(line: &str) -> Result<Entry, &'static str> {
    let mut words = line.split_whitespace();
    let mut first = words.next().unwrap_or_default();
    let mut revoked = false;
    if let Some(marker) = first.strip_prefix('@') {
        match marker {
            "revoked" => revoked = true,
            "cert-authority" => {
                return Err("certificate authorities are not supported: pin the host's own key");
            }
            _ => return Err("a marker that is not known"),
        }
        first = words.next().unwrap_or_default();
    }
    let (Some(kind), Some(key)) = (words.next(), words.next()) else {
        return Err("a line is `HOST TYPE KEY`, as ssh-keyscan prints it");
    };
    let key = PublicKey::from_openssh(&format!("{kind} {key}")).map_err(|_| "the key cannot be read")?;
    Ok(Entry { names: read_names(first)?, key, revoked })
}

fn read_names(text: &str) -> Result<Names, &'static str> {
    if let Some(hashed) = text.strip_prefix("|1|") {
        let decode = |text: &str| BASE64_STANDARD.decode(text).map_err(|_| "the hashed name cannot be read");
        let (salt, hash) = hashed.split_once('|').ok_or("the hashed name cannot be read")?;
        return Ok(Names::Hashed { salt: decode(salt)?, hash: decode(hash)? });
    }
    if text.contains(['*', '?', '!']) {
        return Err("patterns are not supported: name the host itself");
    }
    Ok(Names::Plain(text.split(',').map(str::to_ascii_lowercase).collect()))
}

impl Names {
    fn include(&self, name: &str) -> bool {
        match self {
            Self::Plain(names) => names.iter().any(|own| own == name),
            // OpenSSH hides names with HMAC-SHA1; it guards no secret here, it only has to come out the same.
            Self::Hashed { salt, hash } => Hmac::<Sha1>::new_from_slice(salt)
                .is_ok_and(|mac| mac.chain_update(name).verify_slice(hash).is_ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMOxnCdfpQlw1fT1OLwURJDvWcet+GqrKATicw46GSW6";
    const ED25519_PRINT: &str = "ssh-ed25519 SHA256:oKYCAHj/63YrarSYBESPQ9HlIjIh2pg5tHiNUS4nB6s";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGkPNrHOdZb4XkrEQTofZrNckWVVB7trq1PxiAON4wHw";
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBI/WvfDruFBPi1NWyhnLPXM+4KIVDtdkPXAGKxTDfCdP9ImX5ZUK30LSm3oPZ3qyKXL329r/HOzE5SSwDJ3B74M=";

    fn key(text: &str) -> PublicKey {
        PublicKey::from_openssh(text).unwrap()
    }

    fn list(lines: &[String]) -> KnownHosts {
        KnownHosts::parse(&lines.join("\n")).unwrap()
    }

    #[test]
    fn only_a_pinned_key_of_the_very_host_and_port_is_trusted() {
        let hosts = list(&[
            "# the forge".to_owned(),
            String::new(),
            format!("Git.Example,10.0.0.7 {ED25519} a comment"),
            format!("[git.example]:2222 {ECDSA}"),
        ]);
        for (host, port, offered, verdict) in [
            ("git.example", 22, ED25519, Verdict::Trusted),
            ("10.0.0.7", 22, ED25519, Verdict::Trusted),
            ("git.example", 2222, ECDSA, Verdict::Trusted),
            ("git.example", 22, OTHER, Verdict::Changed(vec![ED25519_PRINT.to_owned()])),
            ("git.example", 22, ECDSA, Verdict::Changed(vec![ED25519_PRINT.to_owned()])),
            ("git.example", 2200, ED25519, Verdict::Unknown),
            ("other.example", 22, ED25519, Verdict::Unknown),
        ] {
            assert_eq!(hosts.judge(host, port, &key(offered)), verdict, "{host} {port}");
        }
        assert_eq!(hosts.kinds("git.example", 22), [Algorithm::Ed25519]);
    }

    #[test]
    fn hashed_names_as_ssh_keygen_writes_them_are_understood() {
        let hosts = list(&[
            format!("|1|PgzFCEMi1jftuxhAoqkFifap60U=|btXSkgXAEeTupVWDoXz3x8DA3g8= {ED25519}"),
            format!("|1|9vDsFw9hctW9MHhD76UmlrLEE2w=|5S/lmnsErw5DRHZByNA0DD3yC0k= {ECDSA}"),
        ]);
        assert_eq!(hosts.judge("git.example", 22, &key(ED25519)), Verdict::Trusted);
        assert_eq!(hosts.judge("git.example", 2222, &key(ECDSA)), Verdict::Trusted);
        assert_eq!(hosts.judge("other.example", 22, &key(ED25519)), Verdict::Unknown);
    }

    #[test]
    fn a_key_that_was_taken_back_is_not_trusted_again_by_another_line() {
        let hosts = list(&[format!("h {ED25519}"), format!("@revoked h {ED25519}"), format!("h {OTHER}")]);
        assert_eq!(hosts.judge("h", 22, &key(ED25519)), Verdict::Revoked);
        assert_eq!(hosts.judge("h", 22, &key(OTHER)), Verdict::Trusted);
    }

    #[test]
    fn a_line_that_would_trust_less_or_more_than_it_says_is_refused_with_its_number() {
        for (line, why) in [
            (format!("*.example {ED25519}"), "patterns are not supported: name the host itself"),
            (format!("!git.example {ED25519}"), "patterns are not supported: name the host itself"),
            (
                format!("@cert-authority h {ED25519}"),
                "certificate authorities are not supported: pin the host's own key",
            ),
            (format!("@other h {ED25519}"), "a marker that is not known"),
            (ED25519.to_owned(), "a line is `HOST TYPE KEY`, as ssh-keyscan prints it"),
            ("h ssh-ed25519 AAAA".to_owned(), "the key cannot be read"),
            (format!("|1|x {ED25519}"), "the hashed name cannot be read"),
        ] {
            let text = format!("# first\nh {ED25519}\n{line}\n");
            assert_eq!(KnownHosts::parse(&text), Err(UnreadableHosts { line: 3, why }), "{line}");
        }
        assert_eq!(KnownHosts::parse("\n# none\n").unwrap_err().why, "the list holds no key");
    }

    #[test]
    fn a_file_is_read_like_a_text_and_named_where_it_cannot_be() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("known_hosts");
        assert!(KnownHosts::from_file(&path).unwrap_err().to_string().contains("known_hosts: No such file"));
        std::fs::write(&path, format!("h {ED25519}\n")).unwrap();
        assert_eq!(KnownHosts::from_file(&path), KnownHosts::from_text(&format!("h {ED25519}")));
        let error = KnownHosts::from_text("h x").unwrap_err();
        assert_eq!(error.code(), crate::codes::KNOWN_HOSTS);
        assert!(
            error.to_string().starts_with("unable to use the host keys of `knownHosts`: line 1: "),
            "{error}"
        );
    }
}
