//! Mergeable usage statistics and streaming detectors, shared by the controller and the node agent.
//!
//! Pure: no IO, no clock. A detector takes one sample and keeps a state of a fixed size; looking at the past is the same
//! code in a loop. See [`Sketch`] and [`Finding`].

mod drift;
mod ewma;
mod finding;
#[cfg(test)]
mod hostile_tests;
mod leak;
mod limits;
mod order;
mod overall;
mod rolling;
mod seasonal;
mod seasonal_level;
mod shape;
mod sketch;
mod spike;
mod tail;
mod trend;

pub use drift::DriftDetector;
pub use ewma::{Charted, EwmaChart};
pub use finding::{Evidence, Finding, Kind, Patience, Severity, Turn, Watch};
pub use leak::{LeakDetector, MemorySample};
pub use limits::{KillCounter, LimitSample, SaturationDetector};
pub use overall::AnomalyScore;
pub use rolling::{Rolling, SCORE_MAX};
pub use sketch::{RELATIVE_ERROR, Sketch};
pub use spike::{SpikeDetector, SpikeRule};
