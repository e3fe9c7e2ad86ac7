//! The suites: one binary, one module per subject.

mod chart;
mod cluster;
mod forge_contract;
mod metrics;
mod presets;
mod servers;
