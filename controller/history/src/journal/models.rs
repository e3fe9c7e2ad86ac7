//! What is kept of models and of training in rounds: versions with their weights, the round that goes on, what nodes sent for
//! it. What a version or a round says is a value of others, kept as JSON; here is only how it is kept.

use async_trait::async_trait;
use serde_json::Value;

use super::Event;
use crate::error::HistoryError;

/// Rounds that are remembered: with one a day, almost three years.
pub const ROUNDS_MAX: u32 = 1000;

/// A file of weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightsRecord {
    /// SHA-256 of it, as hexadecimal text.
    pub sha256: String,
    /// When it was made, in seconds since the epoch.
    pub at_unix_s: i64,
    /// The file.
    pub weights: Vec<u8>,
}

/// A round of training.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundRecord {
    /// Its number, from 1.
    pub round: u64,
    /// When it changed last, in seconds since the epoch.
    pub at_unix_s: i64,
    /// How far it is.
    pub detail: Value,
}

/// What a node learned in a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRecord {
    /// The round; with the node, the key of the upload.
    pub round: u64,
    /// The node.
    pub node: String,
    /// What tells an upload that is sent twice from two, as hexadecimal text.
    pub nonce: String,
    /// When it came, in seconds since the epoch.
    pub at_unix_s: i64,
    /// New parameters less those of the base, f32 little-endian.
    pub delta: Vec<u8>,
}

/// All that is known of models, without weights and deltas.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptModels {
    /// Counts changes; whoever changes something names the one that was read.
    pub revision: u64,
    /// Versions, rounds and what else there is; null before the first change.
    pub detail: Value,
}

/// What becomes of models, all or nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelsChange {
    /// The revision that was read.
    pub revision: u64,
    /// In the place of what was read.
    pub detail: Value,
    /// Files of weights that are kept from now on.
    pub weights: Vec<WeightsRecord>,
    /// Files of weights that nobody needs any more, by their SHA-256.
    pub forgotten: Vec<String>,
    /// A round that began or went on.
    pub round: Option<RoundRecord>,
    /// What a node sent.
    pub upload: Option<UploadRecord>,
    /// The round that ended: what nodes sent for it and for earlier ones is removed.
    pub ended: Option<u64>,
    /// Lines of the audit.
    pub events: Vec<Event>,
}

/// Models and rounds from process to process.
#[async_trait]
pub trait ModelJournal: Send + Sync {
    /// Everything but weights, deltas and rounds that are over.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn models(&self) -> Result<KeptModels, HistoryError>;

    /// How often models were changed.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn models_revision(&self) -> Result<u64, HistoryError>;

    /// A file of weights by its SHA-256; none where it is not kept.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn weights(&self, sha256: &str) -> Result<Option<Vec<u8>>, HistoryError>;

    /// The last rounds, the newest first.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn rounds(&self) -> Result<Vec<RoundRecord>, HistoryError>;

    /// What nodes sent for a round that goes on, by node.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn uploads(&self, round: u64) -> Result<Vec<UploadRecord>, HistoryError>;

    /// Writes a change. False where somebody else changed models since they were read, or the node has sent already: nothing
    /// is written then, and whoever wants to change something reads them again.
    ///
    /// # Errors
    /// [`HistoryError`] of the database.
    async fn change_models(&self, change: &ModelsChange) -> Result<bool, HistoryError>;
}
