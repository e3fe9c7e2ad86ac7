//! Forges that a configuration names: as whom kubeopt comes to each, and how Git does.

use kubeopt_api::config::{ForgeConfig, ForgeKind, GithubSignIn};
use kubeopt_forge::{
    Forge, ForgeError, GiteaConfig, GiteaForge, GithubApp, GithubAuth, GithubConfig, GithubForge,
    GitlabConfig, GitlabForge, LocalForge,
};
use kubeopt_model::{ForgeName, Problem};
use kubeopt_net::{SecretSource, Url};
use kubeopt_policy::codeowners::Dialect;

use super::{app_git, git};
use crate::edges::{ForgeEdge, GitAccess};
use crate::resting::Rested;

/// And of GitLab, whose tokens of projects and groups belong to no account that people know.
const GITLAB_USER: &str = "oauth2";

/// Gitea and Forgejo take a token as the password of any user.
const GITEA_USER: &str = "kubeopt";

/// The edge of one forge.
pub(super) fn forge_edge(config: &ForgeConfig) -> Result<ForgeEdge, Problem> {
    let (forge, git, url, code_owners): (Box<dyn Forge>, _, _, _) = match &config.kind {
        ForgeKind::Github { url, auth } => {
            let forge = GithubForge::new(GithubConfig::new(url.clone(), github_auth(auth))).map_err(told)?;
            let git = match (&config.ssh, auth) {
                (Some(ssh), _) => git::over_ssh(ssh)?,
                (None, GithubSignIn::Token(file)) => git::over_http(url, git::GITHUB_USER, from(file))?,
                (None, GithubSignIn::App { .. }) => {
                    let clients = app_git::AppClients::new(url.clone(), forge.clone());
                    GitAccess::Renewed { base: url.clone(), clients: Box::new(clients) }
                }
            };
            (Box::new(forge), git, url, Dialect::GitHub)
        }
        ForgeKind::Gitlab { url, token_file } => {
            let forge = GitlabForge::new(GitlabConfig::new(url.clone(), from(token_file))).map_err(told)?;
            (Box::new(forge), by_token(config, url, GITLAB_USER, token_file)?, url, Dialect::GitLab)
        }
        ForgeKind::Gitea { url, token_file } | ForgeKind::Forgejo { url, token_file } => {
            let forge = GiteaForge::new(GiteaConfig::new(url.clone(), from(token_file))).map_err(told)?;
            (Box::new(forge), by_token(config, url, GITEA_USER, token_file)?, url, Dialect::Gitea)
        }
        ForgeKind::Local { path } => {
            let local = LocalForge::open(path.clone()).map_err(told)?;
            return Ok(local_edge(local, &config.name));
        }
    };
    Ok(ForgeEdge { forge: Box::new(Rested::of(forge)), host: host(url), git, code_owners })
}

/// The edge of a local forge.
pub fn local_edge(forge: LocalForge, name: &ForgeName) -> ForgeEdge {
    ForgeEdge {
        forge: Box::new(forge),
        host: name.to_string(),
        git: GitAccess::Local,
        code_owners: Dialect::GitHub,
    }
}

fn by_token(
    config: &ForgeConfig,
    url: &Url,
    user: &str,
    file: &std::path::Path,
) -> Result<GitAccess, Problem> {
    match &config.ssh {
        Some(ssh) => git::over_ssh(ssh),
        None => git::over_http(url, user, from(file)),
    }
}

fn github_auth(auth: &GithubSignIn) -> GithubAuth {
    match auth {
        GithubSignIn::Token(file) => GithubAuth::Token(from(file)),
        GithubSignIn::App { id, installation, private_key_file } => GithubAuth::App(GithubApp {
            id: id.clone(),
            private_key: from(private_key_file),
            installation: *installation,
        }),
    }
}

fn from(file: &std::path::Path) -> SecretSource {
    SecretSource::File(file.to_owned())
}

fn told(error: ForgeError) -> Problem {
    error.problem()
}

/// Host and port, as they stand in clone URLs.
fn host(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_api::Config;

    use super::*;

    fn edge(forge: &str) -> ForgeEdge {
        let text = format!("forges: [{{name: a, {forge}}}]");
        let config = Config::parse(&text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap();
        forge_edge(&config.forges[0]).unwrap_or_else(|problem| panic!("{problem}"))
    }

    #[test]
    fn each_forge_has_its_host_its_way_for_git_and_its_code_owners() {
        kubeopt_net::install_crypto_provider();
        for (forge, host, code_owners) in [
            ("type: github, tokenFile: /t", "github.com", Dialect::GitHub),
            (
                "type: github, url: \"https://git.acme.example:8443\", tokenFile: /t",
                "git.acme.example:8443",
                Dialect::GitHub,
            ),
            (
                "type: gitlab, url: \"https://gitlab.example/scm\", tokenFile: /t",
                "gitlab.example",
                Dialect::GitLab,
            ),
            (
                "type: gitea, url: \"http://gitea.example:3000\", tokenFile: /t",
                "gitea.example:3000",
                Dialect::Gitea,
            ),
            (
                "type: forgejo, url: \"https://codeberg.example\", tokenFile: /t",
                "codeberg.example",
                Dialect::Gitea,
            ),
        ] {
            let made = edge(forge);
            assert_eq!((made.host.as_str(), made.code_owners), (host, code_owners), "{forge}");
            assert!(matches!(made.git, GitAccess::Http { .. }), "{forge}");
        }
        let app = edge("type: github, app: {id: 1, privateKeyFile: /k}");
        assert!(matches!(app.git, GitAccess::Renewed { .. }), "an App's token ends after an hour");
    }

    #[test]
    fn git_goes_over_ssh_to_every_forge_that_has_it() {
        kubeopt_net::install_crypto_provider();
        const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMOxnCdfpQlw1fT1OLwURJDvWcet+GqrKATicw46GSW6";
        for forge in
            ["type: github, tokenFile: /t", "type: gitlab, url: \"https://github.com\", tokenFile: /t"]
        {
            let ssh = format!("ssh: {{keyFile: /k, knownHosts: \"github.com {KEY}\"}}");
            assert!(matches!(edge(&format!("{forge}, {ssh}")).git, GitAccess::Ssh { .. }), "{forge}");
        }
    }
}
