//! The journal: what kubeopt intends, did and saw. It is a cache of the forge with an audit beside it: what it loses can
//! be rebuilt from branches, markers and pull requests.

mod models;
mod models_sql;
mod postgres;
mod rows;
mod sql;
mod sqlite;

#[cfg(test)]
mod tests;

use async_trait::async_trait;
use kubeopt_model::{Finding, Problem, RepositoryId};
use serde::{Deserialize, Serialize};

pub use models::{
    KeptModels, ModelJournal, ModelsChange, ROUNDS_MAX, RoundRecord, UploadRecord, WeightsRecord,
};
pub use postgres::{PostgresJournal, PostgresPlace};
pub use sqlite::SqliteJournal;

use crate::error::HistoryError;

/// Days that events are kept.
pub const EVENT_DAYS: i64 = 400;

/// Days that a finding is remembered after it was over, and that the audit tells of it.
pub const FINDING_DAYS: i64 = 90;

/// Most events of one answer.
pub const EVENTS_MAX: u32 = 1000;

/// Longest detail of an event, as JSON. Longer ones are replaced by a note that says so.
pub const DETAIL_BYTES_MAX: usize = 64 * 1024;

/// How far a pull request has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "at")]
pub enum OutboxStep {
    /// Decided; nothing is on the forge yet.
    Planned,
    /// The branch is on the forge.
    Pushed {
        /// Its commit.
        oid: String,
    },
    /// The pull request is there.
    Opened {
        /// Its number.
        number: u64,
    },
    /// Labels and comments are there too; nothing is left to do.
    Announced,
}

/// A pull request on its way, or the last one that went from its branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboxEntry {
    /// Where.
    pub repository: RepositoryId,
    /// To where.
    pub base: String,
    /// From where; with the repository, the key of the entry.
    pub branch: String,
    /// The group that it is of.
    pub group: String,
    /// Hash of the proposed fields.
    pub proposal: String,
    /// How far.
    pub step: OutboxStep,
    /// When the step was reached, in seconds since the epoch.
    pub at_unix_s: i64,
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

/// What became of one of kubeopt's pull requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullRequestRecord {
    /// Where.
    pub repository: RepositoryId,
    /// Its number; with the repository, the key of the record.
    pub number: u64,
    /// From where.
    pub branch: String,
    /// What became of it.
    pub state: RecordedState,
    /// The merge commit, once there is one.
    pub commit: Option<String>,
    /// When this was seen first, in seconds since the epoch.
    pub at_unix_s: i64,
}

/// How far a pull request has come with people and the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecordedState {
    /// It waits.
    Open,
    /// It was closed without a merge: not these values.
    Closed,
    /// It was merged; the cluster does not show it yet.
    Merged,
    /// The cluster shows what was merged.
    Synced,
}

/// What people were told, and what still waits for them. Texts of whoever tells: the journal does not look into them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptNotices {
    /// What was told already.
    pub told: Option<String>,
    /// What waits for receivers.
    pub waiting: Option<String>,
}

/// What is remembered from pass to pass.
#[async_trait]
pub trait Journal: ModelJournal {
    /// Writes how far a pull request has come, in the place of what is known of its branch.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn note(&self, entry: &OutboxEntry) -> Result<(), HistoryError>;

    /// All entries, the longest untouched first; announced ones included.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn outbox(&self) -> Result<Vec<OutboxEntry>, HistoryError>;

    /// Removes an entry; one that is not there is fine.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn forget(&self, repository: &RepositoryId, branch: &str) -> Result<(), HistoryError>;

    /// Adds to the audit, all or none, and removes what is older than [`EVENT_DAYS`], of findings than [`FINDING_DAYS`].
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn record(&self, events: &[Event]) -> Result<(), HistoryError>;

    /// Reads the audit, newest first.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn events(&self, filter: &EventFilter) -> Result<Vec<Event>, HistoryError>;

    /// Writes what became of a pull request, in the place of what is known of it.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn remember_pull_request(&self, record: &PullRequestRecord) -> Result<(), HistoryError>;

    /// All records, by repository and number.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn pull_requests(&self) -> Result<Vec<PullRequestRecord>, HistoryError>;

    /// Writes findings, each in the place of what is known of the same container, kind and resource, all or none, and removes
    /// those that have been over for [`FINDING_DAYS`].
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn remember_findings(&self, findings: &[Finding]) -> Result<(), HistoryError>;

    /// All findings that are known, those that are over among them, by their key. One that cannot be read is left out: it is
    /// found again.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn findings(&self) -> Result<Vec<Finding>, HistoryError>;

    /// The same of those that are open: what a pass needs.
    ///
    /// # Errors
    /// As [`Journal::findings`].
    async fn open_findings(&self) -> Result<Vec<Finding>, HistoryError>;

    /// Writes what is given of it, each in the place of what was there, both or none.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn remember_notices(&self, notices: &KeptNotices) -> Result<(), HistoryError>;

    /// What was written last; none of what never was.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn notices(&self) -> Result<KeptNotices, HistoryError>;

    /// What happened to the store since the last call, such as a file that was deleted and made anew.
    fn take_problems(&self) -> Vec<Problem>;
}
