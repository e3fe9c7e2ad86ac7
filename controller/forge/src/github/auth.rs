//! As whom kubeopt comes to GitHub.

use kubeopt_net::SecretSource;

/// A GitHub App.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubApp {
    /// Its id or its client id.
    pub id: String,
    /// Its private key, PEM; PKCS#1 as GitHub gives it out, or PKCS#8.
    pub private_key: SecretSource,
    /// Its installation; found out for each owner when it is not named.
    pub installation: Option<u64>,
}

/// As whom kubeopt comes to GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GithubAuth {
    /// As an account, with a personal access token: contents, pull requests, issues and commit statuses, read and write.
    Token(SecretSource),
    /// As a GitHub App with the same permissions.
    App(GithubApp),
}
