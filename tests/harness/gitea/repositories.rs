//! Repositories on Gitea: files, branches, commits.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Account, Gitea};

/// A repository, named as the API names it.
#[derive(Clone, Debug)]
pub struct Repository {
    /// `owner/name`.
    pub full_name: String,
    /// The address to clone from, without credentials.
    pub clone_url: String,
}

impl Repository {
    /// The clone address with an account's token in it.
    pub fn clone_url_as(&self, account: &Account) -> String {
        let credentials = format!("http://{}:{}@", account.name, account.token);
        self.clone_url.replacen("http://", &credentials, 1)
    }

    pub(super) fn path(&self, rest: &str) -> String {
        format!("/repos/{}{rest}", self.full_name)
    }
}

impl Gitea {
    /// Makes a public repository whose branch `main` holds `files` (path, text) in one commit.
    pub async fn repository(&self, owner: &Account, name: &str, files: &[(&str, &str)]) -> Repository {
        let wanted = json!({ "name": name, "default_branch": "main", "private": false });
        let made = self.call_as(&owner.token, Method::POST, "/user/repos", Some(&wanted)).await;
        let text = |key: &str| made[key].as_str().expect("Gitea names a new repository").to_owned();
        let repository = Repository { full_name: text("full_name"), clone_url: text("clone_url") };
        if !files.is_empty() {
            self.commit(owner, &repository, "main", files, "Add the first files").await;
        }
        repository
    }

    /// Commits files (path, text), new or changed, onto a branch; gives the commit's id.
    pub async fn commit(
        &self,
        author: &Account,
        repository: &Repository,
        branch: &str,
        files: &[(&str, &str)],
        message: &str,
    ) -> String {
        let files: Vec<Value> = files
            .iter()
            .map(|(path, text)| {
                json!({ "operation": "upload", "path": path, "content": BASE64_STANDARD.encode(text) })
            })
            .collect();
        let change = json!({ "branch": branch, "message": message, "files": files });
        let path = repository.path("/contents");
        let made = self.call_as(&author.token, Method::POST, &path, Some(&change)).await;
        made["commit"]["sha"].as_str().expect("Gitea names a new commit").to_owned()
    }

    /// The text of a file on a branch; `None` when there is none.
    pub async fn file(&self, repository: &Repository, branch: &str, path: &str) -> Option<String> {
        let found = self.find(&repository.path(&format!("/contents/{path}?ref={branch}"))).await?;
        let content = found["content"].as_str()?;
        let bytes = BASE64_STANDARD.decode(content.trim()).ok()?;
        String::from_utf8(bytes).ok()
    }

    /// The names of all branches.
    pub async fn branches(&self, repository: &Repository) -> Vec<String> {
        let found = self.call(Method::GET, &repository.path("/branches?limit=50"), None).await;
        let all = found.as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().filter_map(|branch| branch["name"].as_str()).map(str::to_owned).collect()
    }

    /// The commits of a branch, newest first, as the API gives them (`sha`, `commit.message`, `files`).
    pub async fn commits(&self, repository: &Repository, branch: &str) -> Vec<Value> {
        let path = repository.path(&format!("/commits?sha={branch}&limit=50&stat=false&verification=false"));
        let found = self.call(Method::GET, &path, None).await;
        found.as_array().cloned().unwrap_or_default()
    }

    /// The commit at the tip of a branch.
    pub async fn head(&self, repository: &Repository, branch: &str) -> String {
        let found = self.call(Method::GET, &repository.path(&format!("/branches/{branch}")), None).await;
        found["commit"]["id"].as_str().expect("a branch has a commit").to_owned()
    }

    /// Lets another account work on a repository: `read`, `write` or `admin`.
    pub async fn collaborator(&self, repository: &Repository, account: &Account, permission: &str) {
        let path = repository.path(&format!("/collaborators/{}", account.name));
        self.call(Method::PUT, &path, Some(&json!({ "permission": permission }))).await;
    }

    /// Sends the repository's events to a loopback address, signed with `secret`.
    pub async fn webhook(&self, repository: &Repository, url: &str, secret: &str, events: &[&str]) {
        let hook = json!({
            "type": "gitea", "active": true, "events": events,
            "config": { "url": url, "content_type": "json", "secret": secret },
        });
        self.call(Method::POST, &repository.path("/hooks"), Some(&hook)).await;
    }
}
