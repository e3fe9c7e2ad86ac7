//! The trait that every forge implements.

use async_trait::async_trait;
use kubeopt_model::RepositoryId;

use crate::branch::{BranchHead, BranchWrite, ExpectedHead};
use crate::conversation::Conversation;
use crate::error::ForgeError;
use crate::judgement::Judgement;
use crate::pull_request::{NewPullRequest, PullRequest, PullRequestQuery, PullRequestUpdate};
use crate::tracking::Tracking;

/// A repository as its forge shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryFacts {
    /// The forge's own id, which survives renames: another repository at an old name has another id.
    pub id: String,
    /// The default branch.
    pub default_branch: String,
    /// Where Git fetches it, without credentials: a URL, or the folder of a local forge.
    pub clone_url: String,
    /// Read-only for good.
    pub archived: bool,
    /// Whether kubeopt's account may push branches and open pull requests.
    pub may_write: bool,
}

/// Where branches are pushed to and pull requests live. Every call can be repeated: what is already so stays so.
/// What people say there is [`Conversation`], what they think [`Judgement`], issues are [`Tracking`].
#[async_trait]
pub trait Forge: Conversation + Judgement + Tracking {
    /// What the forge says about a repository.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`] also where the account may not see it.
    async fn repository(&self, repository: &RepositoryId) -> Result<RepositoryFacts, ForgeError>;

    /// The head of a branch; none when there is no such branch.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`] when the repository is not there.
    async fn branch(&self, repository: &RepositoryId, name: &str) -> Result<Option<BranchHead>, ForgeError>;

    /// Makes a branch hold exactly one commit on its base: tree, commit, then one update of the reference. The branch
    /// never passes through a state that equals its base. A branch that is already so is left alone.
    ///
    /// # Errors
    /// [`ForgeError::Conflict`] when the base is no longer at `base_oid`, a file is not as it was read, or the branch is
    /// not what `expected` says; [`ForgeError::Refused`] for a write that changes nothing.
    async fn regenerate_branch(
        &self,
        repository: &RepositoryId,
        write: &BranchWrite,
    ) -> Result<BranchHead, ForgeError>;

    /// The pull requests that match, in ascending order of their number.
    ///
    /// # Errors
    /// [`ForgeError::TooLarge`] when there are more than a bound; [`ForgeError::Malformed`] when the list is cut short.
    async fn pull_requests(
        &self,
        repository: &RepositoryId,
        query: &PullRequestQuery,
    ) -> Result<Vec<PullRequest>, ForgeError>;

    /// Opens a pull request, or gives the open one that has the same head and base.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`] when head or base is not there.
    async fn open_pull_request(
        &self,
        repository: &RepositoryId,
        new: &NewPullRequest,
    ) -> Result<PullRequest, ForgeError>;

    /// Changes what differs, and nothing when nothing does; gives the pull request as it is then.
    ///
    /// # Errors
    /// [`ForgeError::Conflict`] for the state of a merged one.
    async fn update_pull_request(
        &self,
        repository: &RepositoryId,
        number: u64,
        update: &PullRequestUpdate,
    ) -> Result<PullRequest, ForgeError>;

    /// Adds a comment; gives its id.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`] when there is no such pull request.
    async fn comment(&self, repository: &RepositoryId, number: u64, body: &str) -> Result<u64, ForgeError>;

    /// Deletes a branch; one that is not there is fine.
    ///
    /// # Errors
    /// [`ForgeError::Conflict`] when the branch is there and not what was expected.
    async fn delete_branch(
        &self,
        repository: &RepositoryId,
        name: &str,
        expected: &ExpectedHead,
    ) -> Result<(), ForgeError>;

    /// Requests since the last call, by the status that answered them; none of them where nothing is requested over a
    /// network.
    fn take_tally(&self) -> Vec<(Option<u16>, u64)> {
        Vec::new()
    }
}
