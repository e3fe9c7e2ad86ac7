//! Pull requests on a forge: one trait; GitHub, GitLab, Gitea (with Forgejo) and the local forge behind it.
//!
//! A forge is where branches are pushed to and pull requests live. What a pull request says and when one is opened is
//! decided elsewhere: this crate carries out finished drafts and reads back what people did with them. It knows nothing
//! of workloads, policies or clusters.
//!
//! The forge is the truth: whatever this crate did can be read back from it by branch, then by the marker in the body.

pub mod asked;
pub mod branch;
pub mod codes;
#[cfg(feature = "contract")]
pub mod contract;
pub mod conversation;
pub mod error;
pub mod forge;
pub mod gitea;
pub mod github;
pub mod gitlab;
pub mod judgement;
pub mod local;
pub mod pull_request;
pub mod status;
pub mod tracking;
pub mod webhook;

mod draft_title;
mod git_object;
mod pacing;
mod signing;
mod sticky;
mod transport;

pub use asked::{Arranged, Asked, Declined};
pub use branch::{BranchHead, BranchWrite, CommitOptions, ExpectedHead, Made, Person, Signing};
pub use conversation::{
    AuthorKind, CommentAuthor, CommentId, Conversation, ForgeComment, Permission, Reaction,
};
pub use error::ForgeError;
pub use forge::{Forge, RepositoryFacts};
pub use gitea::{GiteaConfig, GiteaForge};
pub use github::{GithubApp, GithubAuth, GithubConfig, GithubForge};
pub use gitlab::{GitlabConfig, GitlabForge};
pub use judgement::{Check, CheckOutcome, Judgement, MergeOrder, Review, Verdict};
pub use local::{Comment, LocalForge, LocalIssue, MergeCommit, People};
pub use pull_request::{
    HeadFilter, NewPullRequest, PullRequest, PullRequestQuery, PullRequestState, PullRequestUpdate,
    StateFilter, WantedState,
};
pub use status::{Status, StatusState};
pub use sticky::reply_key;
pub use tracking::{Issue, IssueUpdate, Tracking};
