//! The ways to repositories: the cache, and each forge over https or ssh.

use kubeopt_api::config::{HostKeys, SshConfig, StoreConfig};
use kubeopt_gitops::{GitError, GitStore, KnownHosts, SshAddress, SshClient, SshPolicy, StoreLimits};
use kubeopt_model::Problem;
use kubeopt_net::{Auth, Client, ClientPolicy, HostRule, SecretSource, Url};

use crate::codes;
use crate::edges::GitAccess;

/// Git's user name beside a token of GitHub.
pub(super) const GITHUB_USER: &str = "x-access-token";

/// The cache of repositories, with the limits of the configuration.
pub(super) fn store(config: &StoreConfig) -> Result<GitStore, Problem> {
    let limits = StoreLimits { repository: config.git_repository_max, pack: config.git_pack_max };
    let opened = GitStore::open(&config.git).map_err(|error| error.problem())?;
    Ok(opened.with_limits(limits))
}

/// Git over HTTP, with the token as the password of a user that the forge takes.
pub(super) fn over_http(base: &Url, user: &str, token: SecretSource) -> Result<GitAccess, Problem> {
    Ok(GitAccess::Http { base: base.clone(), client: client(base, user, token)? })
}

/// A client that comes to this address with a token.
pub(super) fn client(base: &Url, user: &str, token: SecretSource) -> Result<Client, Problem> {
    let auth = Auth::Basic { user: user.to_owned(), password: token };
    let rule = HostRule::for_url(base).map_err(|error| error.problem())?.with_auth(auth);
    Client::new(ClientPolicy::new(vec![rule])).map_err(|error| error.problem())
}

/// Git over ssh. A file of host keys is read now; the private key is read for each connection.
pub(super) fn over_ssh(config: &SshConfig) -> Result<GitAccess, Problem> {
    let base = SshAddress::parse(config.url.as_str()).ok_or_else(|| {
        let text = format!("`{}` is no address of an ssh server", config.url);
        let help = "write `ssh://git@host:port`, without a password and without escaped characters";
        Problem::new(codes::NOT_CONFIGURED, text, help)
    })?;
    let known_hosts = match &config.known_hosts {
        HostKeys::Text(text) => KnownHosts::from_text(text),
        HostKeys::File(path) => KnownHosts::from_file(path),
    };
    let problem = |error: GitError| error.problem();
    let policy = SshPolicy {
        address: base.clone(),
        key: SecretSource::File(config.key_file.clone()),
        passphrase: config.passphrase_file.clone().map(SecretSource::File),
        known_hosts: known_hosts.map_err(problem)?,
    };
    Ok(GitAccess::Ssh { base, client: SshClient::new(policy).map_err(problem)? })
}
#[cfg(test)]
mod tests {
    use kubeopt_api::Config;

    use super::*;

    #[test]
    fn the_configuration_has_the_default_limits_of_the_cache() {
        let store = Config::parse("", "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap().store;
        let limits = StoreLimits { repository: store.git_repository_max, pack: store.git_pack_max };
        assert_eq!(limits, StoreLimits::default());
    }

    #[test]
    fn git_goes_over_ssh_where_the_forge_says_so() {
        const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMOxnCdfpQlw1fT1OLwURJDvWcet+GqrKATicw46GSW6";
        let over = |url: &str, host: &str| {
            let ssh = SshConfig {
                url: Url::parse(url).unwrap(),
                key_file: "/k".into(),
                passphrase_file: None,
                known_hosts: HostKeys::Text(format!("{host} {KEY}")),
            };
            over_ssh(&ssh)
        };
        let made = over("ssh://git@git.example:2222", "[git.example]:2222");
        let Ok(GitAccess::Ssh { base, .. }) = made else { panic!("it is an address") };
        assert_eq!(
            base.repository("acme", "gitops").to_string(),
            "ssh://git@git.example:2222/acme/gitops.git"
        );
        for (url, host, code) in [
            ("ssh://-x@git.example", "git.example", codes::NOT_CONFIGURED),
            ("ssh://git@git.example", "*", "E-SRC-133"),
            ("ssh://git@169.254.169.254", "git.example", "E-NET-002"),
        ] {
            assert_eq!(over(url, host).err().map(|problem| problem.code).as_deref(), Some(code), "{url}");
        }
    }
}
