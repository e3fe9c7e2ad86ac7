//! The parts of GitHub's JSON that are read and written. Everything else is ignored: Enterprise servers of several years
//! answer, and octocrab's own models want more than the older ones say.

mod judged;

use kubeopt_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::calls::Calls;
use crate::branch::{BranchHead, Made};
use crate::error::ForgeError;
use crate::judgement::{Check, CheckOutcome};
use crate::pull_request::{PullRequest, PullRequestState};

use super::access::Own;
pub(super) use judged::{CheckRun, CheckRuns, CombinedStatus, Issue, Merge, Merged, Review};

#[derive(Deserialize)]
pub(super) struct Repository {
    pub(super) id: u64,
    pub(super) default_branch: String,
    #[serde(default)]
    pub(super) archived: bool,
    pub(super) permissions: Option<Permissions>,
    pub(super) owner: User,
    pub(super) has_issues: Option<bool>,
}

#[derive(Deserialize)]
pub(super) struct Permissions {
    #[serde(default)]
    pub(super) push: bool,
}

#[derive(Deserialize)]
pub(super) struct Reference {
    pub(super) object: Object,
}

#[derive(Deserialize)]
pub(super) struct Object {
    pub(super) sha: String,
}

/// A commit as Git has it.
#[derive(Deserialize)]
pub(super) struct Commit {
    pub(super) sha: String,
    pub(super) tree: Object,
    message: String,
    #[serde(default)]
    parents: Vec<Object>,
    author: Option<Identity>,
    committer: Option<Identity>,
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
struct Identity {
    #[serde(default)]
    email: String,
}

impl Commit {
    /// Why GitHub did not sign it, in its own words; none where it did.
    pub(super) fn unsigned_because(&self) -> Option<&str> {
        match &self.verification {
            Some(found) if found.verified => None,
            Some(found) => Some(&found.reason),
            None => Some("it does not say"),
        }
    }

    pub(super) fn into_head(self, own: &Own) -> BranchHead {
        let email = |who: &Option<Identity>| who.as_ref().map(|who| who.email.clone()).unwrap_or_default();
        let (author_email, committer_email) = (email(&self.author), email(&self.committer));
        // GitHub signs as itself only what it made for the account that asked; nobody else can have that signature.
        let is_signed_for_own = self.unsigned_because().is_none()
            && committer_email.starts_with("noreply@")
            && own.has_address(&author_email);
        let made = if is_signed_for_own { Made::ByOwn } else { Made::AsNamed };
        BranchHead {
            oid: self.sha,
            parents: self.parents.into_iter().map(|parent| parent.sha).collect(),
            author_email,
            committer_email,
            message: self.message.trim_end().to_owned(),
            made,
        }
    }
}

impl Own {
    /// Whether GitHub writes this address into commits that the account makes: the one that it shows, or
    /// `{id}+{login}@users.noreply.{host}`.
    fn has_address(&self, email: &str) -> bool {
        let Some((name, host)) = email.split_once('@') else { return false };
        let login = name.split_once('+').map_or(name, |(_id, login)| login);
        let is_noreply = host.starts_with("users.noreply.") && login.eq_ignore_ascii_case(&self.login);
        is_noreply || self.email.as_deref() == Some(email)
    }
}

/// A commit with what it changed.
#[derive(Deserialize)]
pub(super) struct ChangedBy {
    #[serde(default)]
    pub(super) files: Vec<ChangedFile>,
}

#[derive(Deserialize)]
pub(super) struct ChangedFile {
    pub(super) filename: String,
    pub(super) status: String,
    pub(super) sha: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Tree {
    pub(super) sha: String,
    #[serde(default)]
    pub(super) tree: Vec<Entry>,
    #[serde(default)]
    pub(super) truncated: bool,
}

#[derive(Deserialize, Clone)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) mode: String,
    pub(super) sha: Option<String>,
}

#[derive(Serialize)]
pub(super) struct NewTree<'a> {
    pub(super) base_tree: &'a str,
    pub(super) tree: Vec<NewEntry<'a>>,
}

#[derive(Serialize)]
pub(super) struct NewEntry<'a> {
    pub(super) path: &'a str,
    pub(super) mode: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sha: Option<String>,
}

#[derive(Serialize)]
pub(super) struct NewBlob {
    pub(super) content: String,
    pub(super) encoding: &'static str,
}

#[derive(Serialize)]
pub(super) struct NewCommit<'a> {
    pub(super) message: &'a str,
    pub(super) tree: &'a str,
    pub(super) parents: [&'a str; 1],
    /// Absent where GitHub is to sign: it signs only what it dates and names itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) author: Option<NewIdentity<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) committer: Option<NewIdentity<'a>>,
}

#[derive(Serialize, Clone)]
pub(super) struct NewIdentity<'a> {
    pub(super) name: &'a str,
    pub(super) email: &'a str,
    pub(super) date: Timestamp,
}

#[derive(Serialize)]
pub(super) struct NewReference<'a> {
    #[serde(rename = "ref")]
    pub(super) name: String,
    pub(super) sha: &'a str,
}

#[derive(Serialize)]
pub(super) struct MoveReference<'a> {
    pub(super) sha: &'a str,
    pub(super) force: bool,
}

#[derive(Deserialize)]
pub(super) struct Label {
    pub(super) name: String,
}

#[derive(Serialize)]
pub(super) struct AddLabels<'a> {
    pub(super) labels: &'a [String],
}

#[derive(Serialize)]
pub(super) struct NewPull<'a> {
    pub(super) title: &'a str,
    pub(super) body: &'a str,
    pub(super) head: &'a str,
    pub(super) base: &'a str,
    pub(super) draft: bool,
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
pub(super) struct Identified {
    pub(super) id: u64,
}

#[derive(Deserialize)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) user: Option<User>,
    #[serde(default)]
    pub(super) body: Option<String>,
    #[serde(default)]
    pub(super) html_url: String,
    #[serde(default)]
    pub(super) issue_url: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

#[derive(Deserialize, Debug, Clone, Default)]
pub(super) struct User {
    #[serde(default)]
    pub(super) id: u64,
    pub(super) login: String,
    /// `User`, `Bot`, `Organization`, `Mannequin`.
    #[serde(default, rename = "type")]
    pub(super) kind: String,
}

impl Own {
    pub(super) fn is(&self, user: &User) -> bool {
        match self.id {
            Some(id) => id == user.id,
            None => self.login.eq_ignore_ascii_case(&user.login),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct PermissionOf {
    pub(super) permission: String,
}

#[derive(Deserialize)]
pub(super) struct Team {
    pub(super) slug: String,
}

#[derive(Serialize)]
pub(super) struct Reviewers<'a> {
    reviewers: Vec<&'a str>,
    team_reviewers: Vec<&'a str>,
}

impl<'a> Reviewers<'a> {
    /// One account, or one team of the repository's own organization: GitHub knows teams of no other.
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

#[derive(Deserialize)]
pub(super) struct Assigned {
    #[serde(default)]
    pub(super) assignees: Option<Vec<User>>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target_url: Option<&'a str>,
}

#[derive(Deserialize)]
pub(super) struct Status {
    pub(super) context: String,
    state: String,
    description: Option<String>,
    target_url: Option<String>,
}

impl Status {
    /// Whether the other one would say the same again.
    pub(super) fn says(&self, new: &NewStatus<'_>) -> bool {
        self.state == new.state
            && self.description.as_deref().unwrap_or_default() == new.description
            && self.target_url.as_deref().unwrap_or_default() == new.target_url.unwrap_or_default()
    }

    pub(super) fn into_check(self) -> Check {
        let outcome = match self.state.as_str() {
            "pending" => CheckOutcome::Pending,
            "success" => CheckOutcome::Green,
            _ => CheckOutcome::Red,
        };
        Check { name: self.context, outcome }
    }
}

#[derive(Deserialize)]
pub(super) struct Pull {
    number: u64,
    pub(super) node_id: String,
    title: String,
    #[serde(default)]
    draft: bool,
    body: Option<String>,
    state: String,
    merged_at: Option<Timestamp>,
    merge_commit_sha: Option<String>,
    user: Option<User>,
    #[serde(default)]
    pub(super) labels: Vec<Label>,
    #[serde(default)]
    pub(super) assignees: Option<Vec<User>>,
    #[serde(default)]
    pub(super) requested_reviewers: Option<Vec<User>>,
    #[serde(default)]
    pub(super) requested_teams: Option<Vec<Team>>,
    base: PullBranch,
    head: PullBranch,
    created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

#[derive(Deserialize)]
struct PullBranch {
    #[serde(rename = "ref")]
    name: String,
    sha: String,
    /// None where the repository is gone.
    repo: Option<Identified>,
}

impl Pull {
    /// Comes from a branch of the repository itself, not from a fork.
    pub(super) fn is_own(&self) -> bool {
        let id = |branch: &PullBranch| branch.repo.as_ref().map(|repository| repository.id);
        id(&self.base).is_some() && id(&self.base) == id(&self.head)
    }

    pub(super) fn into_pull_request(
        self,
        calls: &Calls,
        owner: &str,
        name: &str,
    ) -> Result<PullRequest, ForgeError> {
        let state = match (self.merged_at, self.state.as_str()) {
            (Some(_), _) => PullRequestState::Merged,
            (None, "open") => PullRequestState::Open,
            (None, "closed") => PullRequestState::Closed,
            (None, _) => {
                let why = format!("pull request {} has an unknown state", self.number);
                return Err(ForgeError::Malformed { why });
            }
        };
        let mut labels: Vec<String> = self.labels.into_iter().map(|label| label.name).collect();
        labels.sort();
        // The address is built here: what people are sent to is not for the answer to choose.
        let url = calls.page(&[owner, name, "pull", &self.number.to_string()])?;
        Ok(PullRequest {
            number: self.number,
            title: self.title,
            is_draft: self.draft,
            body: self.body.unwrap_or_default(),
            state,
            head_branch: self.head.name,
            head_oid: self.head.sha,
            base: self.base.name,
            // While it is open this is a trial merge, which is on no branch.
            merge_commit: self.merge_commit_sha.filter(|_| state == PullRequestState::Merged),
            author: self.user.map(|user| user.login).unwrap_or_default(),
            labels,
            created_unix_s: self.created_at.as_second(),
            updated_unix_s: self.updated_at.as_second(),
            url: url.into(),
        })
    }
}
