//! Addresses of repositories behind ssh, and the command that serves one. Pure.

use std::fmt;
use std::net::Ipv6Addr;

/// Port of ssh where none is written.
pub(crate) const PORT_DEFAULT: u16 = 22;

/// User where none is written; every forge calls it so.
const USER_DEFAULT: &str = "git";

/// Longest address that is looked at; longer ones are not what people write.
const ADDRESS_BYTES_MAX: usize = 2048;

/// A repository behind ssh, or the place below which a forge has its repositories.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SshAddress {
    /// User to sign in as.
    pub user: String,
    /// Host in lower case; an IPv6 address without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path as the server is told it; empty for a server as such.
    pub path: String,
}

impl SshAddress {
    /// Reads `ssh://[user@]host[:port][/path]` and `[user@]host[:path]`. None for anything else: passwords, escaped
    /// characters, names that a program could take for an option.
    ///
    /// ```
    /// use kubeopt_gitops::SshAddress;
    ///
    /// let address = SshAddress::parse("git@git.example:acme/gitops.git").unwrap();
    /// assert_eq!((address.host.as_str(), address.path.as_str()), ("git.example", "acme/gitops.git"));
    /// assert_eq!(address.to_string(), "git@git.example:acme/gitops.git");
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > ADDRESS_BYTES_MAX {
            return None;
        }
        let (place, path) = match text.strip_prefix("ssh://") {
            Some(rest) => match rest.find('/') {
                Some(at) => (&rest[..at], standard_path(&rest[at..])?),
                None => (rest, ""),
            },
            None if text.contains("://") => return None,
            None => text.split_once(':').unwrap_or((text, "")),
        };
        let (user, place) = place.split_once('@').unwrap_or((USER_DEFAULT, place));
        let (host, port) = if text.starts_with("ssh://") { host_and_port(place)? } else { (place, None) };
        let address = Self {
            user: user.to_owned(),
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or(PORT_DEFAULT),
            path: path.to_owned(),
        };
        let fine = is_name(&address.user) && is_host(&address.host) && is_path(&address.path);
        fine.then_some(address)
    }

    /// The repository of that owner and name below this place.
    #[must_use]
    pub fn repository(&self, owner: &str, name: &str) -> Self {
        let below = self.path.trim_end_matches('/');
        let path = if below.is_empty() {
            format!("{owner}/{name}.git")
        } else {
            format!("{below}/{owner}/{name}.git")
        };
        Self { path, ..self.clone() }
    }

    /// What the server is asked to run; none where the path is not one.
    pub(crate) fn command(&self) -> Option<String> {
        let fine = !self.path.is_empty() && is_path(&self.path);
        fine.then(|| format!("git-upload-pack {}", quoted(&self.path)))
    }
}

impl fmt::Display for SshAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, host, port, path } = self;
        if *port == PORT_DEFAULT && !host.contains(':') {
            return write!(f, "{user}@{host}:{path}");
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        write!(f, "ssh://{user}@{}:{port}{slash}{path}", bracketed(host))
    }
}

/// A host as it stands before a port.
pub(crate) fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// As Git reads the path of an address: `/~user/x` is a path below the home of that user. None where characters are
/// escaped: no forge has such names, and what they stand for would have to be checked again.
fn standard_path(path: &str) -> Option<&str> {
    if path.contains('%') {
        return None;
    }
    Some(if path.starts_with("/~") { &path[1..] } else { path })
}

fn host_and_port(place: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
            (host, port)
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    match port {
        Some(port) => Some((host, Some(port.parse().ok().filter(|port| *port > 0)?))),
        None => Some((host, None)),
    }
}

/// A name that is no option and needs no quotes.
fn is_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(plain)
}

fn is_host(host: &str) -> bool {
    is_name(host) || host.parse::<Ipv6Addr>().is_ok()
}

/// Not an option of the program that serves it, on one line, and not upwards.
fn is_path(path: &str) -> bool {
    !path.starts_with('-') && !path.chars().any(char::is_control) && path.split('/').all(|part| part != "..")
}

/// As Git quotes for a shell: within single quotes, and `'` and `!` outside of them behind a backslash.
fn quoted(path: &str) -> String {
    let mut quoted = String::with_capacity(path.len() + 2);
    quoted.push('\'');
    for c in path.chars() {
        if matches!(c, '\'' | '!') {
            quoted.push_str("'\\");
            quoted.push(c);
            quoted.push('\'');
        } else {
            quoted.push(c);
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_an_address_are_read() {
        for (text, shown) in [
            ("ssh://git@Git.Example/acme/gitops.git", "git@git.example:/acme/gitops.git"),
            ("ssh://git.example:2222/acme/gitops.git", "ssh://git@git.example:2222/acme/gitops.git"),
            ("ssh://me@[::1]:2222/a/b", "ssh://me@[::1]:2222/a/b"),
            ("ssh://git@[::1]/a/b", "ssh://git@[::1]:22/a/b"),
            ("ssh://git@git.example/~me/x.git", "git@git.example:~me/x.git"),
            ("git@git.example:acme/gitops.git", "git@git.example:acme/gitops.git"),
            ("git.example:acme/it's", "git@git.example:acme/it's"),
            ("git@git.example", "git@git.example:"),
            ("ssh://git.example:2222", "ssh://git@git.example:2222/"),
        ] {
            assert_eq!(
                SshAddress::parse(text).map(|address| address.to_string()).as_deref(),
                Some(shown),
                "{text}"
            );
        }
    }

    #[test]
    fn what_could_be_an_option_or_lead_elsewhere_is_none() {
        for text in [
            "",
            "https://git.example/acme/gitops",
            "ssh://git:secret@git.example/acme/gitops",
            "ssh://-oProxyCommand=x/acme/gitops",
            "-oProxyCommand=x:acme/gitops",
            "ssh://-l@git.example/acme/gitops",
            "git@git.example:-x",
            "git@git.example:../other/gitops",
            "ssh://git.example/acme/../gitops",
            "ssh://git.example/acme/git%0aops",
            "ssh://git.example/acme/git\nops",
            "ssh://git.example:0/acme/gitops",
            "ssh://git.example:70000/acme/gitops",
            "ssh://[::1/acme/gitops",
            "ssh://git.ex ample/acme/gitops",
        ] {
            assert_eq!(SshAddress::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_repository_stands_below_its_forge() {
        let plain = SshAddress::parse("ssh://git@git.example:2222").unwrap();
        assert_eq!(plain.repository("acme/team", "gitops").path, "acme/team/gitops.git");
        let below = SshAddress::parse("ssh://git@git.example/scm/").unwrap();
        assert_eq!(below.repository("acme", "gitops").path, "/scm/acme/gitops.git");
    }

    #[test]
    fn a_path_is_quoted_as_git_does() {
        for (path, command) in [
            ("/acme/gitops.git", "git-upload-pack '/acme/gitops.git'"),
            ("a/it's $(x); `y` !z", "git-upload-pack 'a/it'\\''s $(x); `y` '\\!'z'"),
        ] {
            let address = SshAddress { path: path.to_owned(), ..SshAddress::parse("git@h:x").unwrap() };
            assert_eq!(address.command().as_deref(), Some(command));
        }
        for path in ["", "-x", "a\nb", "a/../b"] {
            let address = SshAddress { path: path.to_owned(), ..SshAddress::parse("git@h:x").unwrap() };
            assert_eq!(address.command(), None, "{path}");
        }
    }
}
