//! Git over ssh in the configuration: where, with which key, and which host keys are trusted.

use url::Url;

use crate::config::scalars::{file, malformed, required};
use crate::config::types::{HostKeys, SshConfig};
use crate::text::values::Lines;
use crate::text::{At, Fault, Reading, section};

section! {
    /// Git over ssh. One of `knownHosts` and `knownHostsFile` is required: no host key is trusted at first sight.
    pub(crate) struct ForgeSsh {
        /// Address of the ssh server, `ssh://git@host[:port]`; absent is `git` at the host of the forge's `url`.
        "url" => url: String = null,
        /// File that holds the private key, ed25519, ECDSA or RSA; required.
        "keyFile" => key_file: String = null,
        /// File that holds the passphrase of the private key.
        "passphraseFile" => passphrase_file: String = null,
        /// The host keys that are trusted, as lines of `known_hosts`.
        "knownHosts" => known_hosts: Lines = null,
        /// File that holds such lines.
        "knownHostsFile" => known_hosts_file: String = null,
    }
}

/// Git over ssh for a forge at this address; none after a problem was told.
pub(crate) fn check_ssh(
    section: At<ForgeSsh>,
    forge: Option<&Url>,
    reading: &mut Reading<'_>,
) -> Option<SshConfig> {
    let At { value: ssh, line } = section;
    // A forge without an address has been refused it already.
    let forge = forge?;
    let url = match ssh.url {
        Some(at) => check_address(&at, reading),
        None => Url::parse(&format!("ssh://git@{}", forge.host_str().unwrap_or_default())).ok(),
    };
    let help = "write the private key to a file and name it";
    let key = required(ssh.key_file, line, "ssh.keyFile", help, reading);
    let known_hosts = match (ssh.known_hosts, ssh.known_hosts_file) {
        (Some(text), None) => Some(HostKeys::Text(text.value.0)),
        (None, Some(path)) => Some(HostKeys::File(file(path))),
        (Some(_), Some(_)) => {
            let text = "`knownHosts` and `knownHostsFile` cannot both be used".to_owned();
            reading.refuse(line, Fault::Contradiction { text, help: "keep one of the two".to_owned() });
            None
        }
        (None, None) => {
            let help = "write the lines that `ssh-keyscan` prints for the server, after you compared them with what its \
                        administrators publish"
                .to_owned();
            reading.refuse(line, Fault::Missing { path: "ssh.knownHosts".to_owned(), help });
            None
        }
    };
    Some(SshConfig {
        url: url?,
        key_file: file(key?),
        passphrase_file: ssh.passphrase_file.map(file),
        known_hosts: known_hosts?,
    })
}

fn check_address(at: &At<String>, reading: &mut Reading<'_>) -> Option<Url> {
    let path = "ssh.url";
    let expected = "an address such as `ssh://git@example.org:2222`";
    let Ok(url) = Url::parse(&at.value) else { return malformed(at, path, expected, reading) };
    if url.password().is_some() {
        let help = "remove the password from the address; kubeopt signs in with a private key".to_owned();
        reading.refuse(at.line, Fault::InlineSecret { path: path.to_owned(), help });
        return None;
    }
    if url.scheme() != "ssh" || url.host().is_none() || url.query().is_some() || url.fragment().is_some() {
        return malformed(at, path, expected, reading);
    }
    Some(url)
}
