//! How large a network is, and where its parameters stand in the flat list.

use std::ops::Range;

use crate::error::LstmError;

/// The quantiles of each target, ascending.
pub const QUANTILES: [f32; 5] = [0.1, 0.5, 0.9, 0.95, 0.99];

/// Largest dimension: a network that is trained on two cores and in an agent of 10 MB is far smaller.
const DIMENSION_MAX: usize = 1024;

/// How large a network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Numbers of each step of a window.
    pub features: usize,
    /// Numbers of each window that the head reads past the LSTM.
    pub statics: usize,
    /// Cells of the LSTM.
    pub hidden: usize,
    /// What is forecast of each window; each has [`QUANTILES`].
    pub targets: usize,
}

impl Shape {
    /// # Errors
    /// [`LstmError::Shape`] for a dimension of 0 or of more than 1,024; no statics are fine.
    pub fn check(&self) -> Result<(), LstmError> {
        let all = [
            ("features", self.features, 1),
            ("statics", self.statics, 0),
            ("hidden cells", self.hidden, 1),
            ("targets", self.targets, 1),
        ];
        match all.into_iter().find(|(_, value, least)| !(*least..=DIMENSION_MAX).contains(value)) {
            Some((what, value, _)) => Err(LstmError::Shape { what, value, most: DIMENSION_MAX }),
            None => Ok(()),
        }
    }

    /// Numbers that come out for each window.
    pub fn outputs(&self) -> usize {
        self.targets * QUANTILES.len()
    }

    /// Numbers that the head reads: the last state, then the statics.
    pub(crate) fn joined(&self) -> usize {
        self.hidden + self.statics
    }

    /// Length of the flat list.
    pub fn parameters(&self) -> usize {
        self.head_bias().end
    }

    /// `[4 hidden, features]`, gates in ONNX's order: input, output, forget, cell.
    pub(crate) fn input_weights(&self) -> Range<usize> {
        0..4 * self.hidden * self.features
    }

    /// `[4 hidden, hidden]`
    pub(crate) fn recurrent_weights(&self) -> Range<usize> {
        after(self.input_weights(), 4 * self.hidden * self.hidden)
    }

    /// `[4 hidden]`
    pub(crate) fn gate_bias(&self) -> Range<usize> {
        after(self.recurrent_weights(), 4 * self.hidden)
    }

    /// `[outputs, hidden + statics]`
    pub(crate) fn head_weights(&self) -> Range<usize> {
        after(self.gate_bias(), self.outputs() * self.joined())
    }

    /// `[outputs]`
    pub(crate) fn head_bias(&self) -> Range<usize> {
        after(self.head_weights(), self.outputs())
    }
}

fn after(range: Range<usize>, length: usize) -> Range<usize> {
    range.end..range.end + length
}
