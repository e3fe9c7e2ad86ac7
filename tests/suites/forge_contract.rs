//! The contract of a forge on a real Gitea, with an account that may do no more than the documentation asks for.

use std::time::Duration;

use async_trait::async_trait;
use kubeopt_forge::contract::{Fixture, contract};
use kubeopt_forge::{Forge as _, GiteaConfig, GiteaForge};
use kubeopt_model::{FileSet, ForgeName, RepositoryId};
use kubeopt_net::{Secret, SecretSource, Url};
use kubeopt_tests::gitea::{Account, Gitea, Repository};
use kubeopt_tests::servers_enabled;
use reqwest::Method;
use serde_json::json;

struct People {
    gitea: Gitea,
    owner: Account,
    bot: Account,
}

impl People {
    fn named(&self, repository: &RepositoryId) -> Repository {
        let full_name = repository.to_string();
        let clone_url = format!("{}/{full_name}.git", self.gitea.url());
        Repository { full_name, clone_url }
    }
}

#[async_trait(?Send)]
impl Fixture for People {
    async fn repository(&self, name: &str, files: &FileSet) -> RepositoryId {
        let texts: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, bytes)| (path.as_str(), std::str::from_utf8(bytes).expect("the suite writes text")))
            .collect();
        let made = self.gitea.repository(&self.owner, name, &texts).await;
        self.gitea.collaborator(&made, &self.bot, "write").await;
        let forge = ForgeName::new("gitea").expect("a valid name");
        RepositoryId { forge, owner: self.owner.name.clone(), name: name.to_owned() }
    }

    async fn commit(&self, repository: &RepositoryId, branch: &str, path: &str, content: &[u8]) -> String {
        let text = std::str::from_utf8(content).expect("the suite writes text");
        self.gitea.commit(&self.owner, &self.named(repository), branch, &[(path, text)], "By hand").await
    }

    async fn copy_branch(&self, repository: &RepositoryId, from: &str, to: &str) {
        let wanted = json!({ "old_ref_name": from, "new_branch_name": to });
        let path = format!("/repos/{repository}/branches");
        self.gitea.call_as(&self.owner.token, Method::POST, &path, Some(&wanted)).await;
    }

    async fn merge(&self, repository: &RepositoryId, number: u64) -> String {
        self.gitea.merge(&self.owner, &self.named(repository), number).await
    }

    async fn file(&self, repository: &RepositoryId, branch: &str, path: &str) -> Option<Vec<u8>> {
        let mut url = Url::parse("http://gitea").expect("a valid address");
        url.path_segments_mut().expect("http has a path").extend(path.split('/'));
        let encoded = url.path().trim_start_matches('/');
        self.gitea.file(&self.named(repository), branch, encoded).await.map(String::into_bytes)
    }

    async fn comments(&self, repository: &RepositoryId, number: u64) -> Vec<String> {
        let found = self.gitea.comments(&self.named(repository), number).await;
        found.iter().filter_map(|comment| comment["body"].as_str()).map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn gitea_keeps_the_contract() {
    if !servers_enabled() {
        return;
    }
    let gitea = Gitea::start().await;
    let owner = gitea.user("person").await;
    let bot = gitea.user("kubeopt-bot").await;
    let token = gitea.token("kubeopt-bot", &["write:repository", "write:issue"]).await;
    let config = GiteaConfig {
        write_gap: Duration::ZERO,
        ..GiteaConfig::new(
            Url::parse(gitea.url()).expect("the harness gives a URL"),
            SecretSource::Value(Secret::new(token)),
        )
    };
    let forge = GiteaForge::new(config).expect("the client is set up");
    let people = People { gitea, owner, bot };
    contract(&forge, &people).await;

    let last = RepositoryId {
        forge: ForgeName::new("gitea").expect("a valid name"),
        owner: "person".to_owned(),
        name: "many".to_owned(),
    };
    assert!(forge.repository(&last).await.is_ok_and(|facts| facts.may_write), "the suite has run to its end");
}
