//! What a node sends of one round, and why it may be refused.

use serde::{Deserialize, Serialize};

/// What a node learned. Whether it speaks for this node has been checked before.
#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    /// The node.
    pub node: String,
    /// The round whose plan it followed.
    pub round: u64,
    /// SHA-256 of the weights that it began with.
    pub base_sha256: [u8; 32],
    /// The same upload sent twice counts once.
    pub nonce: [u8; 16],
    /// Its parameters less those of the base.
    pub delta: Vec<f32>,
    /// Windows that it learned from.
    pub windows: u64,
    /// Mean loss on its own windows, before and after.
    pub loss_before: f32,
    /// See `loss_before`.
    pub loss_after: f32,
    /// CPU time that it says training took, milliseconds.
    pub cpu_ms: u32,
}

/// What a node is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It counts.
    Accepted,
    /// It came before, and counts once.
    Again,
    /// It does not count.
    Refused(Refusal),
}

/// Why an upload does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// No round is open.
    NoRound,
    /// The round's deadline has passed.
    Late,
    /// It names a round that has not been opened yet.
    UnknownRound,
    /// Its base is none of the last accepted versions.
    WrongBase,
    /// It has more or fewer parameters than the model.
    WrongLength,
    /// A number of it is not finite.
    NotFinite,
    /// It was learned from nothing.
    NoWindows,
    /// The node has another upload in this round.
    SecondOfNode,
    /// The round has as many participants as it takes.
    Full,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::NoRound,
        Self::Late,
        Self::UnknownRound,
        Self::WrongBase,
        Self::WrongLength,
        Self::NotFinite,
        Self::NoWindows,
        Self::SecondOfNode,
        Self::Full,
    ];

    /// As metrics and logs have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoRound => "no_round",
            Self::Late => "late",
            Self::UnknownRound => "unknown_round",
            Self::WrongBase => "wrong_base",
            Self::WrongLength => "wrong_length",
            Self::NotFinite => "not_finite",
            Self::NoWindows => "no_windows",
            Self::SecondOfNode => "second_of_node",
            Self::Full => "full",
        }
    }

    /// What the node is told: what is wrong, and what it does next.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoRound => "no round is open: wait for the next plan",
            Self::Late => "the round's deadline has passed: wait for the next plan",
            Self::UnknownRound => "there is no such round: ask for the plan again",
            Self::WrongBase => "the base is none of the last accepted versions: fetch the model again",
            Self::WrongLength => {
                "the upload has another number of parameters than the model: fetch the model again"
            }
            Self::NotFinite => "the upload holds a number that is not finite: nothing of it is used",
            Self::NoWindows => "the upload was learned from nothing: wait until there is more history",
            Self::SecondOfNode => "this node has another upload in this round: wait for the next plan",
            Self::Full => "the round has as many participants as it takes: wait for the next plan",
        }
    }
}
