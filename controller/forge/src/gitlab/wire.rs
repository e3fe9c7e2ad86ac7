//! The parts of GitLab's JSON that are read. Everything else is ignored.

mod merge_request;

use kubeopt_model::Timestamp;
use serde::Deserialize;

use crate::branch::{BranchHead, Made};
use crate::judgement::{Check, CheckOutcome};

/// The least role that may push branches and open merge requests: Developer.
pub(super) const DEVELOPER: u64 = 30;

/// The least role that decides who may do what: Maintainer.
pub(super) const MAINTAINER: u64 = 40;

/// The least role that sees the code of a project that is not public: Guest sees only some of it.
pub(super) const GUEST: u64 = 10;

/// kubeopt's own account.
#[derive(Deserialize, Debug)]
pub(super) struct Own {
    pub(super) id: u64,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    commit_email: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Project {
    pub(super) id: u64,
    /// None for a project without a commit.
    pub(super) default_branch: Option<String>,
    #[serde(default)]
    pub(super) archived: bool,
    #[serde(default)]
    pub(super) visibility: String,
    pub(super) permissions: Option<Permissions>,
    issues_access_level: Option<String>,
    /// The word of older servers.
    issues_enabled: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct Permissions {
    project_access: Option<Access>,
    group_access: Option<Access>,
}

#[derive(Deserialize)]
struct Access {
    #[serde(default)]
    access_level: u64,
}

impl Project {
    /// Whether it has issues.
    pub(super) fn has_issues(&self) -> bool {
        self.issues_access_level.as_deref() != Some("disabled") && self.issues_enabled != Some(false)
    }

    /// Whether the token's account has the role to write.
    pub(super) fn may_write(&self) -> bool {
        let level = |access: &Option<Access>| access.as_ref().map_or(0, |access| access.access_level);
        let roles =
            self.permissions.as_ref().map(|all| level(&all.project_access).max(level(&all.group_access)));
        !self.archived && roles.is_some_and(|role| role >= DEVELOPER)
    }
}

#[derive(Deserialize)]
pub(super) struct Branch {
    pub(super) commit: Commit,
}

#[derive(Deserialize)]
pub(super) struct Commit {
    pub(super) id: String,
    #[serde(default)]
    parent_ids: Option<Vec<String>>,
    message: String,
    #[serde(default)]
    author_email: String,
    #[serde(default)]
    committer_email: String,
}

impl Commit {
    pub(super) fn into_head(self, own: &Own) -> BranchHead {
        let is_own = |address: &str| {
            [&own.email, &own.commit_email].into_iter().any(|email| email.as_deref() == Some(address))
        };
        // What GitLab signs it commits as itself.
        let is_gitlab = self.committer_email.starts_with("noreply@");
        let made = match (is_own(&self.author_email), is_own(&self.committer_email)) {
            (true, true) => Made::ByOwn,
            (true, false) if is_gitlab => Made::ByOwn,
            (false, true) => Made::CommittedByOwn,
            (true | false, false) => Made::AsNamed,
        };
        BranchHead {
            oid: self.id,
            parents: self.parent_ids.unwrap_or_default(),
            author_email: self.author_email,
            committer_email: self.committer_email,
            message: self.message.trim_end().to_owned(),
            made,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Diff {
    pub(super) new_path: String,
    #[serde(default)]
    pub(super) renamed_file: bool,
    #[serde(default)]
    pub(super) deleted_file: bool,
}

#[derive(Deserialize, Clone)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) mode: String,
}

#[derive(Deserialize)]
pub(super) struct Signature {
    #[serde(default)]
    pub(super) verification_status: String,
}

#[derive(Deserialize, Debug, Clone)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) username: String,
}

#[derive(Deserialize)]
pub(super) struct Member {
    #[serde(default)]
    pub(super) access_level: u64,
}

#[derive(Deserialize)]
pub(super) struct Note {
    pub(super) id: u64,
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) body: String,
    pub(super) author: Option<User>,
    #[serde(default)]
    pub(super) system: bool,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

#[derive(Deserialize)]
pub(super) struct Award {
    pub(super) name: String,
    pub(super) user: Option<User>,
}

#[derive(Deserialize)]
pub(super) struct Identified {
    pub(super) id: u64,
}

#[derive(Deserialize)]
pub(super) struct Status {
    #[serde(default)]
    pub(super) id: u64,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) status: String,
    pub(super) description: Option<String>,
    pub(super) target_url: Option<String>,
    /// The branch, or the merge request, whose pipeline it is of.
    #[serde(default, rename = "ref")]
    pub(super) of: Option<String>,
    #[serde(default)]
    allow_failure: bool,
}

impl Status {
    /// What may fail keeps nobody from anything, by its own word.
    pub(super) fn into_check(self) -> Check {
        let outcome = match (self.status.as_str(), self.allow_failure) {
            ("success", _) => CheckOutcome::Green,
            ("skipped", _) | ("failed" | "canceled" | "manual", true) => CheckOutcome::Neutral,
            (
                "created"
                | "waiting_for_resource"
                | "waiting_for_callback"
                | "preparing"
                | "pending"
                | "running"
                | "scheduled"
                | "canceling"
                | "manual",
                _,
            ) => CheckOutcome::Pending,
            (_, _) => CheckOutcome::Red,
        };
        Check { name: self.name, outcome }
    }
}

#[derive(Deserialize)]
pub(super) struct Approvals {
    #[serde(default)]
    pub(super) approved_by: Vec<Approval>,
}

#[derive(Deserialize)]
pub(super) struct Approval {
    pub(super) user: Option<User>,
    /// Older servers do not tell.
    pub(super) approved_at: Option<Timestamp>,
}

/// Somebody who is asked for a review.
#[derive(Deserialize)]
pub(super) struct Reviewer {
    pub(super) user: Option<User>,
    #[serde(default)]
    pub(super) state: String,
    /// When they were asked.
    pub(super) created_at: Option<Timestamp>,
}

#[derive(Deserialize)]
pub(super) struct Issue {
    iid: u64,
    title: String,
    description: Option<String>,
    state: String,
    pub(super) author: Option<User>,
    updated_at: Timestamp,
}

impl Issue {
    pub(super) fn into_issue(self) -> crate::tracking::Issue {
        crate::tracking::Issue {
            number: self.iid,
            title: self.title,
            body: self.description.unwrap_or_default(),
            is_open: self.state == "opened",
            updated_at: self.updated_at,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct MergeRequest {
    pub(super) iid: u64,
    title: String,
    description: Option<String>,
    state: String,
    source_branch: String,
    target_branch: String,
    #[serde(default)]
    source_project_id: Option<u64>,
    target_project_id: u64,
    sha: Option<String>,
    merge_commit_sha: Option<String>,
    squash_commit_sha: Option<String>,
    /// What keeps it from being merged, or `mergeable`; older servers do not tell.
    pub(super) detailed_merge_status: Option<String>,
    author: Option<User>,
    #[serde(default)]
    pub(super) labels: Vec<String>,
    #[serde(default)]
    pub(super) assignees: Vec<User>,
    #[serde(default)]
    pub(super) reviewers: Vec<User>,
    created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl MergeRequest {
    /// Comes from a branch of the project itself, not from a fork.
    pub(super) fn is_own(&self) -> bool {
        self.source_project_id == Some(self.target_project_id)
    }
}
