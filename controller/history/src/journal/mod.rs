//! The journal: what kubeopt intends, did and saw. It is a cache of the forge with an audit beside it: what it loses can
//! be rebuilt from branches, markers and pull requests.

mod rows;
mod sqlite;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use kubeopt_model::RepositoryId;
use serde::{Deserialize, Serialize};

pub use sqlite::SqliteJournal;

use crate::error::HistoryError;

/// Days that events are kept.
pub const EVENT_DAYS: i64 = 400;

/// Most events of one answer.
pub const EVENTS_MAX: u32 = 1000;

/// Longest detail of an event, as JSON. Longer ones are replaced by a note that says so.
pub const DETAIL_BYTES_MAX: usize = 64 * 1024;

/// A branch of kubeopt's own; the key of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BranchKey {
    /// Where.
    pub repository: RepositoryId,
    /// `kubeopt/...`
    pub branch: String,
}

/// How far a pull request has come. Each step names what the one before has made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "at")]
pub enum OutboxStep {
    /// Decided; nothing is on the forge.
    Planned,
    /// The branch is on the forge.
    Pushed {
        /// Its commit.
        oid: String,
    },
    /// The pull request is there.
    Opened {
        /// The branch's commit.
        oid: String,
        /// Its number.
        number: u64,
    },
    /// Labels and comments are there too; nothing is left to do.
    Announced {
        /// The branch's commit.
        oid: String,
        /// Its number.
        number: u64,
    },
}

/// A pull request on its way, or the last one that went from its branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxEntry {
    /// From where.
    pub key: BranchKey,
    /// To where.
    pub base: String,
    /// The group that it is of.
    pub group: String,
    /// Hash of the proposed fields.
    pub proposal: String,
    /// Digest of the whole draft, to tell whether title or body have changed.
    pub draft_digest: String,
    /// How far.
    pub step: OutboxStep,
    /// When it was planned, in seconds since the epoch.
    pub planned_unix_s: i64,
    /// When the step was reached, in seconds since the epoch.
    pub moved_unix_s: i64,
}

impl OutboxEntry {
    /// Nothing is left to do.
    pub fn is_done(&self) -> bool {
        matches!(self.step, OutboxStep::Announced { .. })
    }
}

/// One line of the audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The pass that it belongs to.
    pub pass: String,
    /// When, in seconds since the epoch.
    pub at_unix_s: i64,
    /// What kind: `recommended`, `left-alone`, `opened`, ...
    pub kind: String,
    /// Of what: a workload, a repository, a pull request.
    pub subject: String,
    /// Everything else, as JSON.
    pub detail: serde_json::Value,
}

/// Which events; the newest come first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Not older, in seconds since the epoch.
    pub since_unix_s: i64,
    /// Only of this subject.
    pub subject: Option<String>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only of this pass.
    pub pass: Option<String>,
    /// At most so many; 0 means [`EVENTS_MAX`], which is also the most.
    pub limit: u32,
}

/// A pull request as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenPullRequest {
    /// Where.
    pub repository: RepositoryId,
    /// Its number.
    pub number: u64,
    /// From where.
    pub branch: String,
    /// To where.
    pub base: String,
    /// The group that it is of.
    pub group: String,
    /// Hash of the proposed fields.
    pub proposal: String,
    /// What became of it.
    pub state: SeenState,
    /// When it was last seen, in seconds since the epoch.
    pub seen_unix_s: i64,
}

/// What became of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "is")]
pub enum SeenState {
    /// It waits.
    Open,
    /// It was merged.
    Merged {
        /// The merge commit.
        oid: String,
        /// When, in seconds since the epoch.
        at_unix_s: i64,
        /// When the cluster showed the new values; none while it does not.
        synced_unix_s: Option<i64>,
    },
    /// It was closed without a merge: not these values.
    Closed {
        /// When, in seconds since the epoch.
        at_unix_s: i64,
    },
}

/// What is remembered from pass to pass.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Writes an entry, in the place of the one of the same branch.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn plan(&self, entry: &OutboxEntry) -> Result<(), HistoryError>;

    /// Notes that an entry has reached a step. False where there is no such entry: the database was lost since.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn advance(&self, key: &BranchKey, step: &OutboxStep, at_unix_s: i64)
    -> Result<bool, HistoryError>;

    /// All entries, oldest plan first; those that are done included.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn outbox(&self) -> Result<Vec<OutboxEntry>, HistoryError>;

    /// Removes an entry; one that is not there is fine.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn forget(&self, key: &BranchKey) -> Result<(), HistoryError>;

    /// Adds to the audit, all or none, and removes what is older than [`EVENT_DAYS`].
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn record(&self, events: &[Event]) -> Result<(), HistoryError>;

    /// Reads the audit, newest first.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn events(&self, filter: &EventFilter) -> Result<Vec<Event>, HistoryError>;

    /// Writes what a pull request looks like now.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn remember_pull_request(&self, seen: &SeenPullRequest) -> Result<(), HistoryError>;

    /// All pull requests that were seen, by repository and number.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn pull_requests(&self) -> Result<Vec<SeenPullRequest>, HistoryError>;
}
