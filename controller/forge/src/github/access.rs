//! The tokens by which kubeopt may do something on GitHub: a personal one, or those of an App's installations, which
//! last an hour and are asked for anew before they end.

use std::collections::HashMap;
use std::sync::Arc;

use kubeopt_model::Timestamp;
use kubeopt_net::{Answer, Method, NetError, Request, Secret, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, OnceCell};

use super::auth::{GithubApp, GithubAuth};
use super::jwt;
use crate::error::ForgeError;
use crate::transport::{Transport, address, date};

/// Share of a token's life after which it is asked for anew: the rest of it, 12 minutes, is longer than any pass needs.
const RENEWED_AT_PERCENT: i64 = 80;

/// Difference of the clocks, in seconds, beyond which a claim is made again with GitHub's: less than that of a claim that
/// it does not accept.
const SKEW_S: u64 = 30;

/// Most owners whose installation is remembered; forgetting all costs one more question for each.
const OWNERS_MAX: usize = 1_000;

#[derive(Debug)]
pub(super) struct Access {
    auth: GithubAuth,
    transport: Arc<Transport>,
    api: Url,
    /// The installations by their owner, in lower case.
    installations: Mutex<HashMap<String, u64>>,
    /// One at a time is asked for: the others wait for it rather than ask again.
    tokens: Mutex<HashMap<u64, Held>>,
    own: OnceCell<Own>,
}

/// kubeopt's own account.
#[derive(Debug, Clone)]
pub(super) struct Own {
    /// The login name; that of an App ends in `[bot]`, which no person's does.
    pub(super) login: String,
    /// The account's id; none for an App, which is known by its login.
    pub(super) id: Option<u64>,
    /// The address that it shows, if any.
    pub(super) email: Option<String>,
}

/// What a token allows.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    pub(super) token: Secret,
    /// Whether an App may push and open pull requests; none for an account, whose rights each repository tells.
    pub(super) may_write: Option<bool>,
}

#[derive(Debug, Clone)]
struct Held {
    granted: Granted,
    renew_at: Timestamp,
}

impl Access {
    pub(super) fn new(auth: GithubAuth, transport: Arc<Transport>, api: Url) -> Self {
        Self {
            auth,
            transport,
            api,
            installations: Mutex::default(),
            tokens: Mutex::default(),
            own: OnceCell::new(),
        }
    }

    /// What to come with to a repository. `refused` is a token that GitHub did not accept any more: another one is given,
    /// or none can be had.
    pub(super) async fn granted(
        &self,
        owner: &str,
        repository: &str,
        refused: Option<&Secret>,
    ) -> Result<Granted, ForgeError> {
        let app = match &self.auth {
            GithubAuth::Token(source) => {
                // Its file may have been written anew since.
                let token = source.read().await?;
                let is_refused = refused == Some(&token);
                return if is_refused {
                    Err(ForgeError::Unauthorized)
                } else {
                    Ok(Granted { token, may_write: None })
                };
            }
            GithubAuth::App(app) => app,
        };
        let installation = self.installation(app, owner, repository).await?;
        let mut tokens = self.tokens.lock().await;
        let is_good = |held: &&Held| {
            Timestamp::now() < held.renew_at && refused.is_none_or(|refused| held.granted.token != *refused)
        };
        if let Some(held) = tokens.get(&installation).filter(is_good) {
            return Ok(held.granted.clone());
        }
        match self.ask(app, installation).await {
            Ok(held) => {
                tokens.insert(installation, held.clone());
                Ok(held.granted)
            }
            Err(error) => {
                // Installed anew it has another id, which is found out the next time.
                tokens.remove(&installation);
                self.installations.lock().await.retain(|_, id| *id != installation);
                Err(error)
            }
        }
    }

    /// kubeopt's own account, asked for once.
    pub(super) async fn own(&self) -> Result<Own, ForgeError> {
        self.own.get_or_try_init(|| self.ask_own()).await.cloned()
    }

    async fn ask_own(&self) -> Result<Own, ForgeError> {
        match &self.auth {
            GithubAuth::Token(source) => {
                let request = Request::get(address(&self.api, &["user"])?).bearer(&source.read().await?)?;
                let user: Account = self.answer(request, "kubeopt's account").await?;
                Ok(Own { login: user.login, id: Some(user.id), email: user.email })
            }
            GithubAuth::App(app) => {
                let request = Request::get(address(&self.api, &["app"])?);
                let found: AppFacts = self.as_app(app, request, "the GitHub App").await?;
                Ok(Own { login: format!("{}[bot]", found.slug), id: None, email: None })
            }
        }
    }

    async fn installation(&self, app: &GithubApp, owner: &str, repository: &str) -> Result<u64, ForgeError> {
        if let Some(id) = app.installation {
            return Ok(id);
        }
        let key = owner.to_ascii_lowercase();
        let mut known = self.installations.lock().await;
        if let Some(id) = known.get(&key) {
            return Ok(*id);
        }
        let url = address(&self.api, &["repos", owner, repository, "installation"])?;
        let what = format!("an installation of the GitHub App for {owner}/{repository}");
        let found: Installation = self.as_app(app, Request::get(url), &what).await?;
        if known.len() >= OWNERS_MAX {
            known.clear();
        }
        known.insert(key, found.id);
        Ok(found.id)
    }

    async fn ask(&self, app: &GithubApp, installation: u64) -> Result<Held, ForgeError> {
        let url = address(&self.api, &["app", "installations", &installation.to_string(), "access_tokens"])?;
        let what = format!("installation {installation} of the GitHub App");
        // Nothing is said by it to anybody, so that it needs no turn among the writes; and it may be repeated.
        let request = Request::new(Method::POST, url).idempotent();
        let found: InstallationToken = self.as_app(app, request, &what).await?;
        let may =
            |what| found.permissions.get(what).is_some_and(|word| matches!(word.as_str(), "write" | "admin"));
        let may_write = Some(may("contents") && may("pull_requests"));
        let granted = Granted { token: Secret::new(found.token), may_write };
        Ok(Held { granted, renew_at: renew_at(Timestamp::now(), found.expires_at) })
    }

    async fn answer<T: DeserializeOwned>(&self, request: Request, what: &str) -> Result<T, ForgeError> {
        read(&self.transport.judge(self.transport.read(accepting(request)?).await?, what)?)
    }

    /// Asks as the App itself. Where GitHub does not accept its claim, and has another time than we, once more with
    /// GitHub's: a claim that is minutes off counts for nothing there.
    async fn as_app<T: DeserializeOwned>(
        &self,
        app: &GithubApp,
        request: Request,
        what: &str,
    ) -> Result<T, ForgeError> {
        let request = accepting(request)?;
        let now = Timestamp::now();
        let mut answer = self.transport.read_afresh(request.clone().bearer(&claim(app, now).await?)?).await?;
        let theirs =
            date(&answer.headers).filter(|theirs| theirs.as_second().abs_diff(now.as_second()) > SKEW_S);
        if let (StatusCode::UNAUTHORIZED, Some(theirs)) = (answer.status, theirs) {
            answer = self.transport.read_afresh(request.bearer(&claim(app, theirs).await?)?).await?;
        }
        read(&self.transport.judge(answer, what)?)
    }
}

fn accepting(request: Request) -> Result<Request, NetError> {
    request.header("accept", "application/vnd.github+json")
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, ForgeError> {
    answer.json().map_err(|error| ForgeError::Malformed { why: error.to_string() })
}

async fn claim(app: &GithubApp, now: Timestamp) -> Result<Secret, ForgeError> {
    let key = app.private_key.read().await?;
    let unusable = || NetError::SecretUnusable {
        path: match &app.private_key {
            kubeopt_net::SecretSource::File(path) => path.clone(),
            kubeopt_net::SecretSource::Value(_) => std::path::PathBuf::new(),
        },
        why: "it is no RSA private key in PEM".to_owned(),
    };
    Ok(jwt::claim(&app.id, &key, now).ok_or_else(unusable)?)
}

/// When a token is asked for anew. One that has ended already, by a clock that is wrong, is at once.
fn renew_at(now: Timestamp, end: Timestamp) -> Timestamp {
    let life_s = end.as_second().saturating_sub(now.as_second()).max(0);
    let until = jiff::SignedDuration::from_secs(life_s.saturating_mul(RENEWED_AT_PERCENT) / 100);
    now.saturating_add(until).unwrap_or(now)
}

#[derive(Deserialize)]
struct Account {
    id: u64,
    login: String,
    email: Option<String>,
}

#[derive(Deserialize)]
struct AppFacts {
    slug: String,
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
}

#[derive(Deserialize)]
struct InstallationToken {
    token: String,
    expires_at: Timestamp,
    #[serde(default)]
    permissions: HashMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_asked_for_anew_after_four_fifths_of_its_life() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-20T08:00:00Z");
        for (end, expected) in [
            ("2026-11-20T09:00:00Z", "2026-11-20T08:48:00Z"),
            ("2026-11-20T08:00:10Z", "2026-11-20T08:00:08Z"),
            ("2026-11-20T07:00:00Z", "2026-11-20T08:00:00Z"),
        ] {
            assert_eq!(renew_at(now, at(end)), at(expected), "{end}");
        }
    }
}
