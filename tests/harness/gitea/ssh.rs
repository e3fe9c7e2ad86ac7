//! Gitea's own ssh server, and the keys that may sign in.

use std::path::Path;

use reqwest::Method;
use serde_json::json;
use tokio::net::TcpStream;

use super::{Gitea, Repository};
use crate::{OrFail, port, wait};

/// A running Gitea that is reached over ssh too, as the user `git`.
pub struct GiteaWithSsh {
    /// The server.
    pub gitea: Gitea,
    /// The port of its ssh server on 127.0.0.1.
    pub port: u16,
}

impl GiteaWithSsh {
    /// Starts it with this host key, a private key as ssh-keygen writes it: without one Gitea looks for the primes of a
    /// long RSA key first.
    pub async fn start(host_key: &str) -> Self {
        let folder = crate::folder("gitea");
        let port = port::free();
        let key = folder.path().join("host_key");
        std::fs::write(&key, host_key).or_fail("write Gitea's host key");
        let gitea = Gitea::start_in(folder, &settings(&key, port)).await;
        wait::until("Gitea's ssh server to listen", wait::START, async || {
            let connected = TcpStream::connect(("127.0.0.1", port)).await;
            connected.map(drop).map_err(|error| error.to_string())
        })
        .await;
        Self { gitea, port }
    }

    /// Lets the owner of a key read one repository; `key` is a line of `authorized_keys`.
    pub async fn deploy_key(&self, repository: &Repository, title: &str, key: &str) {
        let wanted = json!({ "title": title, "key": key, "read_only": true });
        self.gitea.call(Method::POST, &repository.path("/keys"), Some(&wanted)).await;
    }

    /// Hides a repository from all but those who were let in.
    pub async fn make_private(&self, repository: &Repository) {
        self.gitea.call(Method::PATCH, &repository.path(""), Some(&json!({ "private": true }))).await;
    }
}

fn settings(host_key: &Path, port: u16) -> String {
    format!(
        "DISABLE_SSH = false
START_SSH_SERVER = true
BUILTIN_SSH_SERVER_USER = git
SSH_USER = git
SSH_DOMAIN = 127.0.0.1
SSH_PORT = {port}
SSH_LISTEN_HOST = 127.0.0.1
SSH_LISTEN_PORT = {port}
SSH_SERVER_HOST_KEYS = {}",
        host_key.display()
    )
}
