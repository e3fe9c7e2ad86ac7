//! GitHub, on github.com and Enterprise, as an account with a token or as a GitHub App.
//!
//! Requests are built and answers read by octocrab; they travel through kubeopt's own client, so that hosts, addresses,
//! limits and pace are those of every other connection. Branches are written by the parts that Git knows: a tree on top
//! of the base's, a commit, then one update of the reference, so that a branch never equals its base in between. GitHub
//! has no compare-and-swap for that last step: the head is read again right before.

mod access;
mod api;
mod auth;
mod branches;
mod calls;
mod comments;
mod drafts;
mod issues;
mod judgement;
mod jwt;
mod labels;
mod lookup;
mod people;
mod places;
mod pulls;
mod statuses;
mod tree;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kubeopt_model::{RepositoryId, Timestamp};
use kubeopt_net::{Client, ClientCertificate, ClientPolicy, HostRule, RetryPolicy, Secret, Url};

use crate::asked::{Arranged, Asked};
use crate::branch::{BranchHead, BranchWrite, ExpectedHead};
use crate::conversation::{CommentId, Conversation, ForgeComment, Permission, Reaction};
use crate::error::ForgeError;
use crate::forge::{Forge, RepositoryFacts};
use crate::judgement::{Check, Judgement, MergeOrder, Review};
use crate::pacing::{Pacing, WRITE_GAP_DEFAULT};
use crate::pull_request::{NewPullRequest, PullRequest, PullRequestQuery, PullRequestUpdate};
use crate::status::Status;
use crate::tracking::{Issue, IssueUpdate, Tracking};
use crate::transport::Transport;
pub use auth::{GithubApp, GithubAuth};

use access::Access;
use calls::Calls;
use places::Places;

/// Largest answer. A page of 30 comments of 65,536 characters, each written as six bytes, is 12 MB.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How to reach GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubConfig {
    /// Where people look at it: `https://github.com`, or the root address of an Enterprise server.
    pub url: Url,
    /// As whom.
    pub auth: GithubAuth,
    /// Least time between two writes.
    pub write_gap: Duration,
    /// Further certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// Client certificate for mutual TLS.
    pub client_certificate: Option<ClientCertificate>,
    /// How reads are repeated; writes never are.
    pub retry: RetryPolicy,
}

impl GithubConfig {
    /// The defaults: a second between writes, three attempts for reads.
    pub fn new(url: Url, auth: GithubAuth) -> Self {
        Self {
            url,
            auth,
            write_gap: WRITE_GAP_DEFAULT,
            ca_file: None,
            client_certificate: None,
            retry: RetryPolicy::default(),
        }
    }
}

/// GitHub. Cheap to clone.
#[derive(Debug, Clone)]
pub struct GithubForge {
    calls: Arc<Calls>,
}

impl GithubForge {
    /// Sets the client up; nothing is sent yet.
    ///
    /// # Errors
    /// [`ForgeError::Network`] for an address or certificate file that cannot be used.
    pub fn new(config: GithubConfig) -> Result<Self, ForgeError> {
        let places = Places::of(&config.url)?;
        let rule = HostRule::for_url(&places.rest)?;
        let client = Client::new(ClientPolicy {
            max_body_bytes: ANSWER_BYTES_MAX,
            ca_file: config.ca_file,
            client_certificate: config.client_certificate,
            retry: config.retry,
            ..ClientPolicy::new(vec![rule])
        })?;
        let transport = Arc::new(Transport::new(client, Pacing::new(config.write_gap)));
        let access = Access::new(config.auth, Arc::clone(&transport), places.rest.clone());
        Ok(Self { calls: Arc::new(Calls::new(transport, Arc::new(access), places)) })
    }

    /// The token that reads and writes a repository over HTTPS, with any user name that is not empty. For a GitHub App it
    /// holds for an hour at most, so that it is asked for again before each use.
    ///
    /// # Errors
    /// [`ForgeError::Unauthorized`] and [`ForgeError::NotFound`] where the App is not installed there.
    pub async fn git_token(&self, repository: &RepositoryId) -> Result<Secret, ForgeError> {
        self.calls.token(repository).await
    }
}

#[async_trait]
impl Forge for GithubForge {
    fn take_tally(&self) -> Vec<(Option<u16>, u64)> {
        self.calls.take_tally()
    }

    async fn repository(&self, repository: &RepositoryId) -> Result<RepositoryFacts, ForgeError> {
        branches::repository(&self.calls, repository).await
    }

    async fn branch(&self, repository: &RepositoryId, name: &str) -> Result<Option<BranchHead>, ForgeError> {
        branches::head(&self.calls, repository, name).await
    }

    async fn regenerate_branch(
        &self,
        repository: &RepositoryId,
        write: &BranchWrite,
    ) -> Result<BranchHead, ForgeError> {
        branches::regenerate(&self.calls, repository, write).await
    }

    async fn pull_requests(
        &self,
        repository: &RepositoryId,
        query: &PullRequestQuery,
    ) -> Result<Vec<PullRequest>, ForgeError> {
        pulls::list(&self.calls, repository, query).await
    }

    async fn open_pull_request(
        &self,
        repository: &RepositoryId,
        new: &NewPullRequest,
    ) -> Result<PullRequest, ForgeError> {
        pulls::open(&self.calls, repository, new).await
    }

    async fn update_pull_request(
        &self,
        repository: &RepositoryId,
        number: u64,
        update: &PullRequestUpdate,
    ) -> Result<PullRequest, ForgeError> {
        pulls::update(&self.calls, repository, number, update).await
    }

    async fn comment(&self, repository: &RepositoryId, number: u64, body: &str) -> Result<u64, ForgeError> {
        comments::add(&self.calls, repository, number, body).await
    }

    async fn delete_branch(
        &self,
        repository: &RepositoryId,
        name: &str,
        expected: &ExpectedHead,
    ) -> Result<(), ForgeError> {
        branches::delete(&self.calls, repository, name, expected).await
    }
}

#[async_trait]
impl Conversation for GithubForge {
    async fn comments(
        &self,
        repository: &RepositoryId,
        since: Timestamp,
    ) -> Result<Vec<ForgeComment>, ForgeError> {
        comments::since(&self.calls, repository, since).await
    }

    async fn react(
        &self,
        repository: &RepositoryId,
        comment: CommentId,
        reaction: Reaction,
    ) -> Result<(), ForgeError> {
        comments::react(&self.calls, repository, comment, reaction).await
    }

    async fn permission(&self, repository: &RepositoryId, login: &str) -> Result<Permission, ForgeError> {
        people::permission(&self.calls, repository, login).await
    }

    async fn ensure_comment(
        &self,
        repository: &RepositoryId,
        number: u64,
        key: &str,
        body: &str,
    ) -> Result<u64, ForgeError> {
        comments::ensure(&self.calls, repository, number, key, body).await
    }

    async fn set_status(
        &self,
        repository: &RepositoryId,
        oid: &str,
        status: &Status,
    ) -> Result<(), ForgeError> {
        statuses::set(&self.calls, repository, oid, status).await
    }

    async fn labels(
        &self,
        repository: &RepositoryId,
        number: u64,
        asked: &Asked,
    ) -> Result<Arranged, ForgeError> {
        labels::arrange(&self.calls, repository, number, asked).await
    }

    async fn reviewers(
        &self,
        repository: &RepositoryId,
        number: u64,
        asked: &Asked,
    ) -> Result<Arranged, ForgeError> {
        people::arrange_reviewers(&self.calls, repository, number, asked).await
    }

    async fn assignees(
        &self,
        repository: &RepositoryId,
        number: u64,
        asked: &Asked,
    ) -> Result<Arranged, ForgeError> {
        people::arrange_assignees(&self.calls, repository, number, asked).await
    }
}

#[async_trait]
impl Judgement for GithubForge {
    async fn reviews(&self, repository: &RepositoryId, number: u64) -> Result<Vec<Review>, ForgeError> {
        judgement::reviews(&self.calls, repository, number).await
    }

    async fn checks(&self, repository: &RepositoryId, head_oid: &str) -> Result<Vec<Check>, ForgeError> {
        judgement::checks(&self.calls, repository, head_oid).await
    }

    async fn merge(
        &self,
        repository: &RepositoryId,
        number: u64,
        order: &MergeOrder,
    ) -> Result<String, ForgeError> {
        judgement::merge(&self.calls, repository, number, order).await
    }
}

#[async_trait]
impl Tracking for GithubForge {
    async fn own_issues(&self, repository: &RepositoryId) -> Result<Vec<Issue>, ForgeError> {
        issues::own(&self.calls, repository).await
    }

    async fn open_issue(
        &self,
        repository: &RepositoryId,
        title: &str,
        body: &str,
    ) -> Result<Issue, ForgeError> {
        issues::open(&self.calls, repository, title, body).await
    }

    async fn update_issue(
        &self,
        repository: &RepositoryId,
        number: u64,
        update: &IssueUpdate,
    ) -> Result<Issue, ForgeError> {
        issues::update(&self.calls, repository, number, update).await
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_net::{NetError, SecretSource};

    use super::*;

    #[test]
    fn the_api_is_where_each_kind_of_github_has_it() {
        for (web, rest, graphql) in [
            ("https://github.com", "https://api.github.com/", "https://api.github.com/graphql"),
            ("https://GitHub.com/", "https://api.github.com/", "https://api.github.com/graphql"),
            ("https://acme.ghe.com", "https://api.acme.ghe.com/", "https://api.acme.ghe.com/graphql"),
            (
                "https://git.acme.example",
                "https://git.acme.example/api/v3",
                "https://git.acme.example/api/graphql",
            ),
            ("http://[::1]:8080/x/", "http://[::1]:8080/x/api/v3", "http://[::1]:8080/x/api/graphql"),
        ] {
            let places = Places::of(&Url::parse(web).unwrap()).unwrap();
            assert_eq!((places.rest.as_str(), places.graphql.as_str()), (rest, graphql), "{web}");
        }
        assert!(Places::of(&Url::parse("mailto:a@b").unwrap()).is_err());
    }

    #[test]
    fn an_address_of_the_machine_itself_is_refused_before_anything_is_sent() {
        let auth = GithubAuth::Token(SecretSource::Value(Secret::new("ghp_secret")));
        let config = GithubConfig::new(Url::parse("https://169.254.169.254/").unwrap(), auth);
        assert!(!format!("{config:?}").contains("ghp_secret"));
        assert!(matches!(
            GithubForge::new(config),
            Err(ForgeError::Network(NetError::AddressRefused { .. }))
        ));
    }
}
