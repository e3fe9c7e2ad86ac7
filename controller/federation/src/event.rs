//! What happened, for the audit log and for metrics.

use serde::{Deserialize, Serialize};

use crate::upload::Refusal;
use crate::versions::Rollout;

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "event")]
pub enum Event {
    /// A round begins.
    RoundOpened {
        /// Its number.
        round: u64,
        /// The version that it begins with.
        base: u64,
        /// Longest way that an upload may go; longer ones are shortened.
        clip_norm: f64,
    },
    /// An upload counts.
    UploadAccepted {
        /// The round.
        round: u64,
        /// Who.
        node: String,
        /// Windows that it says it learned from.
        windows: u64,
        /// How far it goes, before it is shortened.
        norm: f64,
        /// CPU time that it says training took, milliseconds.
        cpu_ms: u32,
        /// Versions that were accepted since its base.
        staleness: u32,
    },
    /// An upload does not count.
    UploadRefused {
        /// The round that it named.
        round: u64,
        /// Who.
        node: String,
        /// Why.
        why: Refusal,
    },
    /// No more uploads are taken.
    RoundClosed {
        /// Which.
        round: u64,
        /// Uploads that count.
        participants: usize,
    },
    /// A round became a version.
    RoundAccepted {
        /// Which.
        round: u64,
        /// The version.
        version: u64,
        /// SHA-256 of its weights, as hexadecimal text.
        sha256: String,
    },
    /// A round came to nothing.
    RoundRejected {
        /// Which.
        round: u64,
        /// Why.
        why: Rejection,
    },
    /// A version is given to more nodes.
    VersionRolledOut {
        /// Which.
        version: u64,
        /// To whom from now on.
        rollout: Rollout,
    },
    /// A version is taken back.
    VersionRolledBack {
        /// Which.
        version: u64,
        /// The version that its nodes get instead.
        to: u64,
    },
}

/// Why a round came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Rejection {
    /// Fewer participants than a mean needs.
    TooFew {
        /// Participants.
        have: usize,
        /// Participants that are needed.
        need: usize,
    },
    /// On the controller's own data its loss is higher than that of the base.
    Loss {
        /// Of the base.
        base: f64,
        /// Of the candidate.
        candidate: f64,
    },
    /// On the controller's own data its .9 quantile holds less truly than that of the base.
    Coverage {
        /// Part that was held by the base.
        base: f64,
        /// By the candidate.
        candidate: f64,
    },
    /// Each version was a little worse than the one before: together that is too much.
    Creep {
        /// How much worse than the best of the kept versions, as a factor of loss.
        times: f64,
    },
    /// It could not be scored, or holds what is no number.
    NotScored,
    /// Its base was taken back meanwhile, or another network took its place.
    BaseRolledBack,
}
