//! What is unusual in the usage of containers, and what became of it since the pass before.
//!
//! Pure: points and signs come in, findings go out. The detectors are those of `agent/signal`, fed point by point; what they
//! find is a function of the points that they were fed, so that a pass on the same history finds the same. What was known
//! before comes from the journal and is handed in.

mod detectors;
mod life;
mod signs;

pub use detectors::{Detectors, Scope, Sizes};
pub use life::{Growth, Known, Look, Settled, Turn, settle};
pub use signs::{Signs, killed};
