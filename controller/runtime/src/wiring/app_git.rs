//! Git over https for a GitHub App: a client for each owner, made anew when the App's token there is another one.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kubeopt_forge::GithubForge;
use kubeopt_model::{Problem, RepositoryId};
use kubeopt_net::{Client, Secret, SecretSource, Url};

use super::git::{GITHUB_USER, client};
use crate::edges::GitClients;

/// Owners whose clients are kept; beyond it all are made anew.
const OWNERS_MAX: usize = 100;

/// Clients to the repositories that an App is installed for.
pub(super) struct AppClients {
    base: Url,
    forge: GithubForge,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    clients: BTreeMap<String, (Secret, Client)>,
    /// What clients were asked that are no longer held.
    before: Vec<(Option<u16>, u64)>,
}

impl AppClients {
    pub(super) fn new(base: Url, forge: GithubForge) -> Self {
        Self { base, forge, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl GitClients for AppClients {
    async fn client(&self, repository: &RepositoryId) -> Result<Client, Problem> {
        let token = self.forge.git_token(repository).await.map_err(|error| error.problem())?;
        let owner = repository.owner.to_ascii_lowercase();
        let mut held = self.held();
        if let Some((_, client)) = held.clients.get(&owner).filter(|(of, _)| *of == token) {
            return Ok(client.clone());
        }
        let made = client(&self.base, GITHUB_USER, SecretSource::Value(token.clone()))?;
        if held.clients.len() >= OWNERS_MAX {
            let all = std::mem::take(&mut held.clients);
            held.before.extend(all.into_values().flat_map(|(_, client)| client.take_tally()));
        }
        if let Some((_, old)) = held.clients.insert(owner, (token, made.clone())) {
            held.before.extend(old.take_tally());
        }
        Ok(made)
    }

    fn take_tally(&self) -> Vec<(Option<u16>, u64)> {
        let mut held = self.held();
        let mut tally = std::mem::take(&mut held.before);
        tally.extend(held.clients.values().flat_map(|(_, client)| client.take_tally()));
        tally
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_forge::{GithubApp, GithubAuth, GithubConfig};
    use kubeopt_model::ForgeName;
    use kubeopt_net::Request;
    use wiremock::matchers::{header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    /// A key of nothing: made for tests.
    const KEY: &str = include_str!("../../../forge/tests/forge/app-key-of-the-test.pem");

    /// Lets GitHub give out this token, which ends then.
    async fn mint(server: &MockServer, token: &str, end: &str, priority: u8) {
        let permissions = serde_json::json!({"contents": "write", "pull_requests": "write"});
        let minted = serde_json::json!({"token": token, "expires_at": end, "permissions": permissions});
        Mock::given(method("POST"))
            .and(path("/api/v3/app/installations/7/access_tokens"))
            .respond_with(ResponseTemplate::new(201).set_body_json(minted))
            .with_priority(priority)
            .mount(server)
            .await;
    }

    fn clients(server: &MockServer) -> (Url, AppClients) {
        kubeopt_net::install_crypto_provider();
        let url = Url::parse(&server.uri()).unwrap();
        let private_key = SecretSource::Value(Secret::new(KEY));
        let app = GithubApp { id: "1".to_owned(), private_key, installation: Some(7) };
        let forge = GithubForge::new(GithubConfig::new(url.clone(), GithubAuth::App(app))).unwrap();
        (url.clone(), AppClients::new(url, forge))
    }

    fn repository() -> RepositoryId {
        let forge = ForgeName::new("github").unwrap();
        RepositoryId { forge, owner: "Acme".to_owned(), name: "gitops".to_owned() }
    }

    #[tokio::test]
    async fn git_comes_with_the_apps_token_and_with_the_next_one_after_it() {
        // Base64 of `x-access-token:one` and `x-access-token:two`.
        let basic = ["Basic eC1hY2Nlc3MtdG9rZW46b25l", "Basic eC1hY2Nlc3MtdG9rZW46dHdv"];
        let server = MockServer::start().await;
        mint(&server, "one", "2020-01-01T00:00:00Z", 2).await;
        for value in basic {
            let git = Mock::given(path("/acme/gitops.git/info/refs")).and(header("authorization", value));
            git.respond_with(ResponseTemplate::new(200)).expect(1).mount(&server).await;
        }
        let (url, clients) = clients(&server);
        let fetch = async |clients: &AppClients| {
            let client = clients.client(&repository()).await.unwrap();
            client.fetch(Request::get(url.join("/acme/gitops.git/info/refs").unwrap())).await.unwrap().status
        };
        assert_eq!(fetch(&clients).await, 200);
        mint(&server, "two", "2099-01-01T00:00:00Z", 1).await;
        assert_eq!(fetch(&clients).await, 200);
        let told: u64 = clients.take_tally().into_iter().map(|(_, number)| number).sum();
        assert_eq!((told, clients.take_tally()), (2, vec![]), "requests of a client that is gone count too");
    }

    #[tokio::test]
    async fn an_app_that_is_not_installed_says_so_before_git_is_asked() {
        let server = MockServer::start().await;
        let (_, clients) = clients(&server);
        let problem = clients.client(&repository()).await.unwrap_err();
        assert_eq!(problem.code, "E-FRG-003");
    }
}
