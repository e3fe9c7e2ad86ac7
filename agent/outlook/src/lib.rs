//! What a node and the controller share of forecasts: hours of one load, what a network gets of them and answers, a forward
//! pass in fixed memory, windows to learn from, and training on one node's own containers.
//!
//! Pure: no IO, no clock, no threads. How a model is made, measured, calibrated and blended with baselines is for
//! `controller/forecast`; how what nodes learned is put together for `controller/federation`.

mod error;
mod hours;
mod inputs;
mod lessons;
mod load;
mod local;
mod lot;
mod model;
mod numbers;
mod offsets;
mod ring;
mod shape;
mod similar;

pub use error::OutlookError;
pub use hours::{DAY, HOUR_S, WEEK};
pub use inputs::{SCHEMA, Scale, peak, schema_hash, write_inputs, write_targets};
pub use kubeopt_lstm::Squares;
pub use lessons::{Desk, Lesson, Lessons, Pick, picks, weight};
pub use load::Load;
pub use local::{Descent, LocalPlan, LocalTrainer, LocalUpdate, NodeLoads, Slice};
pub use lot::Lot;
pub use model::{Filled, Foretold, Model, Scratch, weights};
pub use numbers::{of_sorted, quantile, quantiles};
pub use offsets::{ABOVE_MAX, Offsets, SPANS, in_order, span};
pub use ring::HourRing;
pub use shape::{DayAhead, FEATURES, HISTORY_MIN, HORIZON, Quantiles, STATICS, STEPS, TARGETS};
pub use similar::Alike;
