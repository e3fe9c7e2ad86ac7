//! The suites: one binary, one module per subject.

mod chart;
mod cluster;
mod end_to_end;
mod forge_contract;
mod house;
mod metrics;
mod presets;
mod program;
mod servers;
