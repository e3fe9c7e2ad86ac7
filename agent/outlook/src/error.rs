//! Why there is no forecast, or nothing to learn from.

use kubeopt_lstm::LstmError;
use thiserror::Error;

/// Why there is no forecast, or nothing to learn from.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum OutlookError {
    /// No hour was measured.
    #[error("no hour was measured")]
    Nothing,
    /// There are fewer hours than the network looks at.
    #[error("{have} hours of history are too few: {need} are needed")]
    TooShort {
        /// Hours that there are.
        have: usize,
        /// Hours that are needed.
        need: usize,
    },
    /// The network or its file cannot be used.
    #[error("the model cannot be used: {0}")]
    Model(#[from] LstmError),
    /// The network is of another shape than the schema of its inputs and targets.
    #[error("the model cannot be used: its network has another shape than its schema")]
    Shape,
    /// A node has too little to learn from.
    #[error("{have} windows are too few to learn from: {need} are needed")]
    TooFewWindows {
        /// Windows that there are.
        have: usize,
        /// Windows that are needed.
        need: usize,
    },
    /// A training's CPU time ended before anything was learned.
    #[error("{max_ms} ms of CPU time ended before anything was learned")]
    OutOfTime {
        /// The budget.
        max_ms: u64,
    },
    /// Hours that were kept in a file cannot be read.
    #[error("the kept hours cannot be read: {why}")]
    Kept {
        /// What is wrong.
        why: &'static str,
    },
}
