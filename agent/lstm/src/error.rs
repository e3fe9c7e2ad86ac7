//! What can be wrong with what comes in.

use thiserror::Error;

/// Why a network cannot be made, run or trained.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LstmError {
    /// A dimension is 0, or so large that nobody means it.
    #[error("a network of {what} {value} cannot be: from 1 to {most}")]
    Shape {
        /// Which dimension.
        what: &'static str,
        /// Its value.
        value: usize,
        /// The most.
        most: usize,
    },
    /// A list has another length than the shape asks for.
    #[error("{what} has {have} numbers, and the shape asks for {want}")]
    Length {
        /// Which list.
        what: &'static str,
        /// Its length.
        have: usize,
        /// The length that it should have.
        want: usize,
    },
    /// A number is not finite.
    #[error("{what} holds a number that is not finite")]
    NotFinite {
        /// Which list.
        what: &'static str,
    },
    /// The file is no file of weights, or not of this version.
    #[error("the file of weights cannot be read: {why}")]
    File {
        /// What is wrong with it.
        why: String,
    },
}

impl LstmError {
    /// A code that stays.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Shape { .. } => "E-LST-001",
            Self::Length { .. } => "E-LST-002",
            Self::NotFinite { .. } => "E-LST-003",
            Self::File { .. } => "E-LST-004",
        }
    }
}
