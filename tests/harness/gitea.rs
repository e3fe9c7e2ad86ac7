//! Gitea, the real forge of the tests.

mod pulls;
mod repositories;
pub mod ssh;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Launch, Process};
use crate::{OrFail, port, servers};

pub use repositories::Repository;

/// Every account has it: Gitea listens on loopback and lives as long as one test.
const PASSWORD: &str = "harness-password";

/// Gitea wants a new name for every token of a user.
static TOKENS: AtomicU64 = AtomicU64::new(0);

/// A user of Gitea.
#[derive(Clone, Debug)]
pub struct Account {
    /// The login name.
    pub name: String,
    /// A token with all scopes.
    pub token: String,
    /// The password, for git over HTTP or the web page.
    pub password: String,
}

/// A running Gitea.
pub struct Gitea {
    url: String,
    admin: Account,
    http: reqwest::Client,
    process: Process,
    folder: TempDir,
}

impl Gitea {
    /// Starts Gitea on an empty SQLite database, with an administrator.
    pub async fn start() -> Self {
        Self::start_in(crate::folder("gitea"), "DISABLE_SSH = true").await
    }

    /// The same in a folder that is there already, with these settings of ssh.
    async fn start_in(folder: TempDir, ssh: &str) -> Self {
        let port = port::free();
        let url = format!("http://127.0.0.1:{port}");
        let config = settings(folder.path(), &url, port, ssh);
        std::fs::write(folder.path().join("app.ini"), config).or_fail("write Gitea's settings");
        let process = launch(folder.path(), "gitea").arg("web").spawn(folder.path());
        process.until_healthy(&format!("{url}/api/healthz")).await;
        let admin = create_admin(folder.path()).await;
        Self { url, admin, http: crate::http(), process, folder }
    }

    /// The root address, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The administrator.
    pub fn admin(&self) -> &Account {
        &self.admin
    }

    /// Makes a user with a token of all scopes.
    pub async fn user(&self, name: &str) -> Account {
        let user = json!({
            "username": name, "password": PASSWORD, "email": format!("{name}@example.org"),
            "must_change_password": false,
        });
        self.call(Method::POST, "/admin/users", Some(&user)).await;
        let token = self.token(name, &["all"]).await;
        Account { name: name.to_owned(), token, password: PASSWORD.to_owned() }
    }

    /// Makes another token for a user, with some scopes only, such as `write:repository`.
    pub async fn token(&self, user: &str, scopes: &[&str]) -> String {
        let name = format!("t{}", TOKENS.fetch_add(1, Ordering::Relaxed));
        let response = self
            .http
            .post(format!("{}/api/v1/users/{user}/tokens", self.url))
            .basic_auth(user, Some(PASSWORD))
            .json(&json!({ "name": name, "scopes": scopes }))
            .send()
            .await
            .or_fail("ask Gitea for a token");
        let answer = answer_of(response, "make a token").await;
        answer["sha1"].as_str().expect("Gitea answers a new token with its text").to_owned()
    }

    /// Calls the API as the administrator; `path` follows `/api/v1`. Panics when Gitea refuses.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        self.call_as(&self.admin.token, method, path, body).await
    }

    /// Calls the API with a token; panics when Gitea refuses.
    pub async fn call_as(&self, token: &str, method: Method, path: &str, body: Option<&Value>) -> Value {
        let what = format!("{method} {path}");
        let response = self.send(token, method, path, body).await;
        answer_of(response, &what).await
    }

    /// Reads from the API as the administrator; `None` when Gitea says 404.
    pub async fn find(&self, path: &str) -> Option<Value> {
        let response = self.send(&self.admin.token, Method::GET, path, None).await;
        if response.status() == reqwest::StatusCode::NOT_FOUND {
            return None;
        }
        Some(answer_of(response, path).await)
    }

    async fn send(&self, token: &str, method: Method, path: &str, body: Option<&Value>) -> reqwest::Response {
        let mut request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.url))
            .header("Authorization", format!("token {token}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.or_fail(&format!("reach Gitea at {path}"))
    }

    /// The bare repositories of all owners, as folders, for a look past the API.
    pub fn repositories_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("repositories")
    }

    /// The server's process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

async fn answer_of(response: reqwest::Response, what: &str) -> Value {
    let status = response.status();
    let text = response.text().await.or_fail("read Gitea's answer");
    assert!(status.is_success(), "Gitea refused {what}: HTTP {status}: {text}");
    // Some calls answer with nothing, some (diffs) with plain text.
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

fn launch(folder: &Path, name: &str) -> Launch {
    Launch::new(name, servers::program("gitea", "gitea"))
        .home(folder)
        .env("USER", user_name())
        .env("GITEA_WORK_DIR", folder)
        .arg("--config")
        .arg(folder.join("app.ini"))
}

async fn create_admin(folder: &Path) -> Account {
    let said = launch(folder, "gitea-admin")
        .args(["admin", "user", "create", "--admin", "--username=harness", "--email=harness@example.org"])
        .args([&format!("--password={PASSWORD}"), "--must-change-password=false", "--access-token"])
        .run()
        .await;
    let token = said
        .split_whitespace()
        .find(|word| word.len() == 40 && word.chars().all(|c| c.is_ascii_hexdigit()))
        .unwrap_or_else(|| panic!("gitea printed no token for the administrator: {said}"));
    Account { name: "harness".to_owned(), token: token.to_owned(), password: PASSWORD.to_owned() }
}

/// Gitea refuses to run as another user than the one its settings name.
fn user_name() -> String {
    let output = std::process::Command::new("id").arg("-un").output().or_fail("ask for the user's name");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn settings(folder: &Path, url: &str, port: u16, ssh: &str) -> String {
    let home = folder.display();
    let files = servers::folder("gitea").display();
    let user = user_name();
    format!(
        r"APP_NAME = kubeopt tests
RUN_USER = {user}
WORK_PATH = {home}
; Refused by default; here everything lives in one temporary folder.
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = {url}/
STATIC_ROOT_PATH = {files}
APP_DATA_PATH = {home}/data
OFFLINE_MODE = true
{ssh}
LFS_START_SERVER = false
[database]
DB_TYPE = sqlite3
PATH = {home}/gitea.db
SQLITE_JOURNAL_MODE = WAL
[repository]
ROOT = {home}/repositories
DEFAULT_BRANCH = main
[security]
INSTALL_LOCK = true
SECRET_KEY = harness
INTERNAL_TOKEN = eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJuYmYiOjE3MDAwMDAwMDB9.harness
; A password costs a second of a busy core by default; no one attacks these.
PASSWORD_HASH_ALGO = pbkdf2$1000$50
[oauth2]
JWT_SECRET = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
[service]
DISABLE_REGISTRATION = true
[session]
PROVIDER = memory
[mailer]
ENABLED = false
[webhook]
ALLOWED_HOST_LIST = loopback
[actions]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
[cron]
ENABLED = false
[cron.update_checker]
ENABLED = false
[log]
MODE = console
LEVEL = Info
ROOT_PATH = {home}
"
    )
}
