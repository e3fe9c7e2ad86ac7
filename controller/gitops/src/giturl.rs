//! Reads the ways in which a Git repository is written: `https://`, `ssh://`, and scp-like `git@host:owner/name`.
//! Pure; knows no forge and looks nothing up.

use std::fmt;

use url::Url;

/// A repository as a URL names it. Two ways to write the same repository give equal values, but for the port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GitUrl {
    /// Host in lower case, without user and port.
    pub host: String,
    /// The port where one is written; SSH and HTTP ports of one forge differ, so compare it only within one scheme.
    pub port: Option<u16>,
    /// Owner, organisation, or group path (`group/subgroup`).
    pub owner: String,
    /// Name without `.git`.
    pub name: String,
}

impl fmt::Display for GitUrl {
    /// `host/owner/name`, with the port where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}/{}", self.owner, self.name)
    }
}

/// Longest URL that is looked at; longer ones are not repository URLs that people write.
const URL_BYTES_MAX: usize = 2048;

/// Reads a Git URL. None for local paths, other schemes, and anything without owner and name. User and password in
/// the text are dropped.
///
/// ```
/// let url = kubeopt_gitops::parse_git_url("git@git.example:acme/gitops.git").unwrap();
/// assert_eq!(url.to_string(), "git.example/acme/gitops");
/// ```
pub fn parse_git_url(text: &str) -> Option<GitUrl> {
    let text = text.trim();
    if text.len() > URL_BYTES_MAX || text.chars().any(char::is_control) {
        return None;
    }
    if text.contains("://") { parse_standard(text) } else { parse_scp_like(text) }
}

fn parse_standard(text: &str) -> Option<GitUrl> {
    let url = Url::parse(text).ok()?;
    if !matches!(url.scheme(), "https" | "http" | "ssh" | "git+ssh" | "git") {
        return None;
    }
    assemble(url.host_str()?, url.port(), url.path())
}

/// `user@host:path`; git reads it as SSH when the first `:` comes before any `/`.
fn parse_scp_like(text: &str) -> Option<GitUrl> {
    let (place, path) = text.split_once(':')?;
    let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    if host.is_empty() || !host.bytes().all(plain) {
        return None;
    }
    assemble(host, None, path)
}

fn assemble(host: &str, port: Option<u16>, path: &str) -> Option<GitUrl> {
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let (owner, name) = path.rsplit_once('/')?;
    let bad = |part: &str| part.is_empty() || part == "." || part == "..";
    if bad(name) || owner.split('/').any(bad) {
        return None;
    }
    Some(GitUrl { host: host.to_ascii_lowercase(), port, owner: owner.to_owned(), name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_to_write_one_repository_give_one_value() {
        let want = "git.example/acme/gitops";
        for text in [
            "https://git.example/acme/gitops",
            "https://git.example/acme/gitops.git",
            "https://user:secret@Git.Example/acme/gitops.git/",
            "ssh://git@git.example/acme/gitops.git",
            "git@git.example:acme/gitops.git",
            "git.example:acme/gitops",
            " git@git.example:/acme/gitops ",
        ] {
            assert_eq!(parse_git_url(text).map(|url| url.to_string()).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn ports_and_groups_are_kept() {
        let url = parse_git_url("http://127.0.0.1:3000/group/sub/app.git").unwrap();
        assert_eq!(
            (url.host.as_str(), url.port, url.owner.as_str(), url.name.as_str()),
            ("127.0.0.1", Some(3000), "group/sub", "app")
        );
    }

    #[test]
    fn what_is_not_a_remote_repository_is_none() {
        for text in [
            "",
            "gitops",
            "./acme/gitops",
            "/srv/git/acme.git",
            "file:///srv/git/acme/gitops.git",
            "oci://registry.example/acme/gitops",
            "https://git.example/gitops",
            "https://git.example/../gitops",
            "git@git.example:gitops",
            "a b@c d:acme/gitops",
            "https://git.example/acme/git\nops",
        ] {
            assert_eq!(parse_git_url(text), None, "{text}");
        }
    }
}
