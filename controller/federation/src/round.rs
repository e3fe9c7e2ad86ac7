//! One round: who took part, and how far it is.

use serde::{Deserialize, Serialize};

use crate::event::Rejection;

/// A round. All that the next step depends on is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Round {
    /// Its number, from 1.
    pub id: u64,
    /// The version that it begins with.
    pub base: u64,
    /// When it was opened.
    pub opened_unix_ms: u64,
    /// Uploads are taken before.
    pub deadline_unix_ms: u64,
    /// Longest way of an upload; longer ones are shortened to it.
    pub clip_norm: f64,
    /// Numbers in the model.
    pub parameters: usize,
    /// Who counts.
    pub participants: Vec<Participant>,
    /// SHA-256 of the momentum that goes on in it; none before it is put together, and where nothing goes on.
    #[serde(default)]
    pub momentum: Option<String>,
    /// How far it is.
    pub state: RoundState,
}

/// An upload that counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    /// The node.
    pub node: String,
    /// Of its upload.
    pub nonce: [u8; 16],
    /// Windows that it says it learned from.
    pub windows: u64,
    /// Versions that were accepted since its base.
    pub staleness: u32,
    /// How far it goes, before it is shortened.
    pub norm: f64,
    /// Mean loss on its own windows, before and after.
    pub losses: [f32; 2],
    /// CPU time that it says training took, milliseconds.
    #[serde(default)]
    pub cpu_ms: u32,
    /// As it was sent; empty after the round was put together.
    pub delta: Vec<f32>,
}

/// How far a round is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RoundState {
    /// Uploads are taken.
    Open,
    /// No more are taken; they are put together next.
    Aggregating,
    /// What came of them is scored next.
    Validating {
        /// The candidate's parameters.
        candidate: Vec<f32>,
        /// The momentum that its version would have; empty in a state of older builds.
        #[serde(default)]
        momentum: Vec<f32>,
    },
}

/// What is remembered of a round that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The round.
    pub round: u64,
    /// The version that it began with.
    pub base: u64,
    /// Nodes that counted.
    pub participants: Vec<String>,
    /// The middle of how far they went.
    pub norm_median: f64,
    /// Mean of what they say of their own losses, before and after.
    pub losses: [f64; 2],
    /// The middle of the CPU time that they say training took, milliseconds; none where older builds wrote it.
    #[serde(default)]
    pub cpu_ms_median: Option<f64>,
    /// The version that came of it; none where it was rejected.
    pub version: Option<u64>,
    /// Why it was rejected.
    pub rejected: Option<Rejection>,
}

impl Round {
    pub(crate) fn report(&self, verdict: Result<u64, Rejection>) -> Report {
        let median = |of: fn(&Participant) -> f64| {
            let mut all: Vec<f64> = self.participants.iter().map(of).collect();
            all.sort_unstable_by(f64::total_cmp);
            crate::aggregate::middle(&all)
        };
        let count = self.participants.len().max(1) as f64;
        let mean =
            |at: usize| self.participants.iter().map(|own| f64::from(own.losses[at])).sum::<f64>() / count;
        Report {
            round: self.id,
            base: self.base,
            participants: self.participants.iter().map(|own| own.node.clone()).collect(),
            norm_median: median(|own| own.norm),
            losses: [mean(0), mean(1)],
            cpu_ms_median: Some(median(|own| own.cpu_ms.into())),
            version: verdict.ok(),
            rejected: verdict.err(),
        }
    }
}
