//! The parts of Gitea's and Forgejo's JSON that are read and written. Everything else is ignored.

use std::collections::BTreeMap;

use kubeopt_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::calls::Calls;
use crate::branch::{BranchHead, Made};
use crate::draft_title::GITEA;
use crate::error::ForgeError;
use crate::judgement::{Check, CheckOutcome};
use crate::pull_request::{PullRequest, PullRequestState};

#[derive(Deserialize)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) default_branch: String,
    #[serde(default)]
    pub(super) archived: bool,
    pub(super) permissions: Option<Permissions>,
    #[serde(default)]
    pub(super) private: bool,
    pub(super) owner: Option<User>,
    pub(super) has_issues: Option<bool>,
    pub(super) external_tracker: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Permissions {
    #[serde(default)]
    pub(super) push: bool,
}

#[derive(Deserialize)]
pub(super) struct Branch {
    pub(super) commit: BranchCommit,
}

#[derive(Deserialize)]
pub(super) struct BranchCommit {
    pub(super) id: String,
}

#[derive(Deserialize)]
pub(super) struct Commit {
    pub(super) sha: String,
    #[serde(default)]
    parents: Option<Vec<Parent>>,
    commit: CommitText,
    #[serde(default)]
    pub(super) files: Option<Vec<ChangedFile>>,
}

#[derive(Deserialize)]
pub(super) struct ChangedFile {
    pub(super) filename: String,
}

#[derive(Deserialize)]
struct Parent {
    sha: String,
}

#[derive(Deserialize)]
struct CommitText {
    message: String,
    author: Option<Identity>,
    committer: Option<Identity>,
}

#[derive(Deserialize, Serialize, Clone)]
pub(super) struct Identity {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) email: String,
}

impl Commit {
    pub(super) fn into_head(self) -> BranchHead {
        let email = |who: Option<Identity>| who.map(|who| who.email).unwrap_or_default();
        BranchHead {
            oid: self.sha,
            parents: parents(self.parents),
            author_email: email(self.commit.author),
            committer_email: email(self.commit.committer),
            message: self.commit.message.trim_end().to_owned(),
            made: Made::AsNamed,
        }
    }
}

/// The answer to a write of files; its commit is flat, unlike [`Commit`].
#[derive(Deserialize)]
pub(super) struct Written {
    commit: WrittenCommit,
    verification: Option<Verification>,
}

#[derive(Deserialize)]
struct Verification {
    #[serde(default)]
    verified: bool,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
struct WrittenCommit {
    sha: String,
    #[serde(default)]
    parents: Option<Vec<Parent>>,
    message: String,
    author: Option<Identity>,
    committer: Option<Identity>,
}

impl Written {
    /// Why the forge did not sign the commit, in its own words; none where it did.
    pub(super) fn unsigned_because(&self) -> Option<&str> {
        match &self.verification {
            Some(found) if found.verified => None,
            Some(found) => Some(&found.reason),
            None => Some("it does not say"),
        }
    }

    pub(super) fn into_head(self) -> BranchHead {
        let email = |who: Option<Identity>| who.map(|who| who.email).unwrap_or_default();
        BranchHead {
            oid: self.commit.sha,
            parents: parents(self.commit.parents),
            author_email: email(self.commit.author),
            committer_email: email(self.commit.committer),
            message: self.commit.message.trim_end().to_owned(),
            made: Made::AsNamed,
        }
    }
}

fn parents(found: Option<Vec<Parent>>) -> Vec<String> {
    found.unwrap_or_default().into_iter().map(|parent| parent.sha).collect()
}

#[derive(Deserialize)]
pub(super) struct Content {
    pub(super) sha: String,
}

#[derive(Serialize)]
pub(super) struct ChangeFiles<'a> {
    pub(super) branch: &'a str,
    pub(super) new_branch: &'a str,
    /// Gitea's word for overwriting the branch.
    pub(super) force_push: bool,
    /// Forgejo's word for it.
    pub(super) force_overwrite_new_branch: bool,
    pub(super) message: String,
    pub(super) author: Identity,
    pub(super) committer: Identity,
    pub(super) dates: Dates,
    pub(super) files: Vec<FileOperation>,
}

#[derive(Serialize)]
pub(super) struct Dates {
    pub(super) author: Timestamp,
    pub(super) committer: Timestamp,
}

#[derive(Serialize)]
pub(super) struct FileOperation {
    pub(super) operation: &'static str,
    pub(super) path: String,
    pub(super) content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Label {
    pub(super) id: u64,
    pub(super) name: String,
}

#[derive(Serialize)]
pub(super) struct NewLabel<'a> {
    pub(super) name: &'a str,
    pub(super) color: &'static str,
    pub(super) description: &'static str,
}

#[derive(Serialize)]
pub(super) struct NewPull<'a> {
    pub(super) title: &'a str,
    pub(super) body: &'a str,
    pub(super) head: &'a str,
    pub(super) base: &'a str,
    pub(super) labels: Vec<u64>,
}

#[derive(Serialize)]
pub(super) struct EditPull<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<&'static str>,
}

#[derive(Serialize)]
pub(super) struct NewComment<'a> {
    pub(super) body: &'a str,
}

#[derive(Deserialize)]
pub(super) struct CommentMade {
    pub(super) id: u64,
    pub(super) user: Option<User>,
}

#[derive(Deserialize)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) user: Option<User>,
    #[serde(default)]
    pub(super) body: String,
    /// Empty for a comment on an issue.
    #[serde(default)]
    pub(super) pull_request_url: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// Anything that has an author.
#[derive(Deserialize)]
pub(super) struct Authored {
    pub(super) user: Option<User>,
}

#[derive(Deserialize)]
pub(super) struct Pull {
    number: u64,
    title: String,
    /// Whether the forge takes it for a draft; older versions do not say it.
    pub(super) draft: Option<bool>,
    #[serde(default)]
    body: String,
    state: String,
    #[serde(default)]
    merged: bool,
    merge_commit_sha: Option<String>,
    user: Option<User>,
    #[serde(default)]
    pub(super) labels: Option<Vec<Label>>,
    #[serde(default)]
    pub(super) assignees: Option<Vec<User>>,
    #[serde(default)]
    pub(super) requested_reviewers: Option<Vec<User>>,
    #[serde(default)]
    pub(super) requested_reviewers_teams: Option<Vec<Team>>,
    base: PullBranch,
    head: PullBranch,
    created_at: Option<Timestamp>,
    pub(super) updated_at: Option<Timestamp>,
}

#[derive(Deserialize, Debug, Clone, Default)]
pub(super) struct User {
    /// Negative for ghosts and for the forge's own programs.
    #[serde(default)]
    pub(super) id: i64,
    pub(super) login: String,
}

#[derive(Deserialize)]
pub(super) struct PermissionOf {
    pub(super) permission: String,
}

#[derive(Deserialize)]
pub(super) struct Team {
    pub(super) name: String,
    #[serde(default)]
    permission: String,
    #[serde(default)]
    units_map: Option<BTreeMap<String, String>>,
}

impl Team {
    /// Whether its members may push. Where rights differ by unit, those of the code count.
    pub(super) fn may_write(&self) -> bool {
        let code = self.units_map.as_ref().and_then(|units| units.get("repo.code"));
        let mode = code.map_or(self.permission.as_str(), String::as_str);
        matches!(mode, "write" | "admin" | "owner")
    }
}

#[derive(Serialize)]
pub(super) struct Reviewers<'a> {
    reviewers: Vec<&'a str>,
    team_reviewers: Vec<&'a str>,
}

impl<'a> Reviewers<'a> {
    /// One account, or one team of the repository's own organization: Gitea knows teams of no other.
    pub(super) fn of(name: &'a str) -> Self {
        match name.split_once('/') {
            Some((_organization, team)) => Self { reviewers: Vec::new(), team_reviewers: vec![team] },
            None => Self { reviewers: vec![name], team_reviewers: Vec::new() },
        }
    }
}

#[derive(Serialize)]
pub(super) struct Assign<'a> {
    pub(super) assignees: &'a [String],
}

#[derive(Serialize)]
pub(super) struct AddLabels<'a> {
    pub(super) labels: &'a [u64],
}

#[derive(Serialize)]
pub(super) struct NewReaction {
    pub(super) content: &'static str,
}

#[derive(Serialize)]
pub(super) struct NewStatus<'a> {
    pub(super) context: &'a str,
    pub(super) state: &'static str,
    pub(super) description: &'a str,
    pub(super) target_url: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Status {
    #[serde(default)]
    pub(super) context: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    target_url: String,
}

impl Status {
    /// Whether the other one would say the same again.
    pub(super) fn says(&self, new: &NewStatus<'_>) -> bool {
        self.status == new.state && self.description == new.description && self.target_url == new.target_url
    }

    /// A warning keeps no protected branch from anything and is no success either: it is red here.
    pub(super) fn into_check(self) -> Check {
        let outcome = match self.status.as_str() {
            "pending" => CheckOutcome::Pending,
            "success" => CheckOutcome::Green,
            "skipped" => CheckOutcome::Neutral,
            _ => CheckOutcome::Red,
        };
        Check { name: self.context, outcome }
    }
}

/// The last status of each context.
#[derive(Deserialize)]
pub(super) struct CombinedStatus {
    pub(super) statuses: Option<Vec<Status>>,
}

#[derive(Deserialize)]
pub(super) struct PullReview {
    pub(super) user: Option<User>,
    #[serde(default)]
    pub(super) state: String,
    #[serde(default)]
    pub(super) commit_id: String,
    #[serde(default)]
    pub(super) dismissed: bool,
    pub(super) submitted_at: Timestamp,
}

#[derive(Serialize)]
pub(super) struct Merge<'a> {
    #[serde(rename = "Do")]
    pub(super) how: &'static str,
    #[serde(rename = "MergeTitleField")]
    pub(super) title: &'a str,
    #[serde(rename = "MergeMessageField")]
    pub(super) message: &'a str,
    pub(super) head_commit_id: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Issue {
    number: u64,
    title: String,
    #[serde(default)]
    body: String,
    state: String,
    pub(super) user: Option<User>,
    updated_at: Timestamp,
    pub(super) pull_request: Option<serde::de::IgnoredAny>,
}

impl Issue {
    pub(super) fn into_issue(self) -> crate::tracking::Issue {
        crate::tracking::Issue {
            number: self.number,
            title: self.title,
            body: self.body,
            is_open: self.state == "open",
            updated_at: self.updated_at,
        }
    }
}

#[derive(Serialize)]
pub(super) struct EditIssue<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<&'static str>,
}

#[derive(Deserialize)]
struct PullBranch {
    /// The branch's name, also after it was deleted; `ref` is then `refs/pull/N/head`.
    #[serde(default)]
    label: String,
    #[serde(default, rename = "ref")]
    reference: String,
    #[serde(default)]
    sha: String,
    /// -1 where the repository is gone.
    repo_id: i64,
}

impl Pull {
    /// Comes from a branch of the repository itself, not from a fork.
    pub(super) fn is_own(&self) -> bool {
        self.head.repo_id == self.base.repo_id && !self.head.label.is_empty()
    }

    pub(super) fn into_pull_request(
        self,
        calls: &Calls,
        owner: &str,
        name: &str,
    ) -> Result<PullRequest, ForgeError> {
        let state = match (self.merged, self.state.as_str()) {
            (true, _) => PullRequestState::Merged,
            (false, "open") => PullRequestState::Open,
            (false, "closed") => PullRequestState::Closed,
            (false, _) => {
                let why = format!("pull request {} has an unknown state", self.number);
                return Err(ForgeError::Malformed { why });
            }
        };
        let seconds = |at: Option<Timestamp>| at.map_or(0, Timestamp::as_second);
        let mut labels: Vec<String> =
            self.labels.unwrap_or_default().into_iter().map(|label| label.name).collect();
        labels.sort();
        // The address is built here: what people are sent to is not for the answer to choose.
        let url = calls.address(&[owner, name, "pulls", &self.number.to_string()])?;
        let base = if self.base.label.is_empty() { self.base.reference } else { self.base.label };
        let (title, is_draft) = GITEA.read(&self.title);
        Ok(PullRequest {
            number: self.number,
            title,
            is_draft,
            body: self.body,
            state,
            head_branch: self.head.label,
            head_oid: self.head.sha,
            base,
            merge_commit: self.merge_commit_sha.filter(|_| state == PullRequestState::Merged),
            author: self.user.map(|user| user.login).unwrap_or_default(),
            labels,
            created_unix_s: seconds(self.created_at),
            updated_unix_s: seconds(self.updated_at),
            url: url.into(),
        })
    }
}
