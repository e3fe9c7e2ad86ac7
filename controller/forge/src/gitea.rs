//! Gitea and Forgejo: a thin client on their API version 1.
//!
//! Branches are written with one `POST /contents`, which makes tree, commit and reference update in one step (Gitea 1.26
//! calls the overwriting `force_push`, Forgejo `force_overwrite_new_branch`; each ignores the other's word). Gitea has
//! no compare-and-swap for it: the expected head is read right before, and the new commit's parent checked right after.

mod branches;
mod calls;
mod comments;
mod issues;
mod judgement;
mod labels;
mod lookup;
mod people;
mod pulls;
mod statuses;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use kubeopt_model::{RepositoryId, Timestamp};
use kubeopt_net::{
    Auth, Client, ClientCertificate, ClientPolicy, HostRule, NetError, RetryPolicy, SecretSource, Url,
};

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
use calls::Calls;
use comments::OwnAccount;

/// Largest answer. A page of 50 pull requests with bodies of 58,000 characters of three bytes each is about 9 MB.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How to reach a Gitea or Forgejo server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiteaConfig {
    /// The server's root address, with a path where it is not at the root of its host.
    pub url: Url,
    /// Token of kubeopt's account; scopes `write:repository` and `write:issue`. With `read:user` too, it knows its own
    /// comments before it has opened a first pull request.
    pub token: SecretSource,
    /// Least time between two writes.
    pub write_gap: Duration,
    /// Further certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// Client certificate for mutual TLS.
    pub client_certificate: Option<ClientCertificate>,
    /// How reads are repeated; writes never are.
    pub retry: RetryPolicy,
}

impl GiteaConfig {
    /// The defaults: a second between writes, three attempts for reads.
    pub fn new(url: Url, token: SecretSource) -> Self {
        Self {
            url,
            token,
            write_gap: WRITE_GAP_DEFAULT,
            ca_file: None,
            client_certificate: None,
            retry: RetryPolicy::default(),
        }
    }
}

/// A Gitea or Forgejo server.
#[derive(Debug)]
pub struct GiteaForge {
    calls: Calls,
    own: OwnAccount,
}

impl GiteaForge {
    /// Sets the client up; nothing is sent yet.
    ///
    /// # Errors
    /// [`ForgeError::Network`] for an address or certificate file that cannot be used.
    pub fn new(config: GiteaConfig) -> Result<Self, ForgeError> {
        if config.url.cannot_be_a_base() {
            let why = "it is not the address of a server";
            return Err(NetError::InvalidUrl { url: config.url.scheme().to_owned(), why }.into());
        }
        let rule = HostRule::for_url(&config.url)?.with_auth(Auth::Bearer(config.token));
        let client = Client::new(ClientPolicy {
            max_body_bytes: ANSWER_BYTES_MAX,
            ca_file: config.ca_file,
            client_certificate: config.client_certificate,
            retry: config.retry,
            ..ClientPolicy::new(vec![rule])
        })?;
        let calls = Calls::new(Transport::new(client, Pacing::new(config.write_gap)), config.url);
        Ok(Self { calls, own: OwnAccount::default() })
    }
}

#[async_trait]
impl Forge for GiteaForge {
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
        comments::add(&self.calls, &self.own, repository, number, body).await
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
impl Conversation for GiteaForge {
    async fn comments(
        &self,
        repository: &RepositoryId,
        since: Timestamp,
    ) -> Result<Vec<ForgeComment>, ForgeError> {
        comments::since(&self.calls, &self.own, repository, since).await
    }

    async fn react(
        &self,
        repository: &RepositoryId,
        comment: CommentId,
        reaction: Reaction,
    ) -> Result<(), ForgeError> {
        comments::react(&self.calls, &self.own, repository, comment, reaction).await
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
        comments::ensure(&self.calls, &self.own, repository, number, key, body).await
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
impl Judgement for GiteaForge {
    async fn reviews(&self, repository: &RepositoryId, number: u64) -> Result<Vec<Review>, ForgeError> {
        judgement::reviews(&self.calls, &self.own, repository, number).await
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
impl Tracking for GiteaForge {
    async fn own_issues(&self, repository: &RepositoryId) -> Result<Vec<Issue>, ForgeError> {
        issues::own(&self.calls, &self.own, repository).await
    }

    async fn open_issue(
        &self,
        repository: &RepositoryId,
        title: &str,
        body: &str,
    ) -> Result<Issue, ForgeError> {
        issues::open(&self.calls, &self.own, repository, title, body).await
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
