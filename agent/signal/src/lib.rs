//! Mergeable usage statistics, shared by the controller and the node agent.
//!
//! Pure: no IO, no clock. See [`Sketch`].

mod sketch;

pub use sketch::{RELATIVE_ERROR, Sketch};
