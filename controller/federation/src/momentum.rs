//! What the last rounds have in common goes on in the next one: Nesterov's momentum, on the controller (Reddi et al., ICLR 2021).
//!
//! Properties wanted: (A) it holds nothing but what rounds moved that were accepted one after the other, each less by the same part
//! with every round since, so that what is true of [`crate::aggregate()`] is true of it: number by number it lies between
//! what honest nodes sent, added up in this way, but where (B) shortens it as a whole; (B) however many rounds there are, it is no
//! longer than what uploads that are as long as they may be add up to; (C) rounds on equal data with one full step each are
//! the steps of one place that descends with the same momentum.

use kubeopt_lstm::digest;
use serde::{Deserialize, Serialize};

use crate::aggregate::{clipped, norm};

/// Part of the momentum that is left a round later. What each node sees differently goes out in the mean, and what they have in
/// common goes on: it adds up to 3.3 times the way of a round. With 0.8 it turns back too late where nodes have learned all there is.
const KEPT: f32 = 0.7;

/// Where the rounds led of which a version came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Momentum {
    /// It counts in rounds on this version only.
    pub(crate) version: u64,
    /// SHA-256 of the list as little-endian bytes, as hexadecimal text.
    pub(crate) sha256: String,
    /// The list; empty while it is kept elsewhere.
    pub(crate) way: Vec<f32>,
}

impl Momentum {
    pub(crate) fn of(version: u64, way: Vec<f32>) -> Self {
        Self { version, sha256: named(&way), way }
    }
}

/// One step from a base.
pub(crate) struct Step {
    pub(crate) candidate: Vec<f32>,
    /// The momentum of the round after.
    pub(crate) way: Vec<f32>,
}

/// Goes on from `base` by what nodes moved and by the momentum `before`, which is empty where nothing goes on.
pub(crate) fn step(base: &[f32], moved: &[f32], before: &[f32], clip_norm: f64) -> Step {
    let before = before.iter().copied().chain(std::iter::repeat(0.0));
    let way: Vec<f32> = moved.iter().zip(before).map(|(by, before)| KEPT * before + by).collect();
    let way = clipped(&way, length_max(clip_norm));
    let all = base.iter().zip(moved).zip(&way);
    Step { candidate: all.map(|((own, by), way)| own + by + KEPT * way).collect(), way }
}

/// Whether it may go on: of so many numbers, all of them numbers, and no longer than [`step`] leaves it.
pub(crate) fn is_sound(way: &[f32], parameters: usize, clip_max: f64) -> bool {
    way.len() == parameters && norm(way) <= 1.001 * length_max(clip_max)
}

/// SHA-256 of a list.
pub(crate) fn named(way: &[f32]) -> String {
    hex::encode(digest(&way.iter().flat_map(|own| own.to_le_bytes()).collect::<Vec<u8>>()))
}

/// What a row of ways adds up to, each of which is as long as it may be.
fn length_max(clip_norm: f64) -> f64 {
    clip_norm / (1.0 - f64::from(KEPT))
}
