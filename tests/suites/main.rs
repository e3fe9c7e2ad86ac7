//! The suites: one binary, one module per subject.

mod aftermath;
mod agents;
mod argocd;
mod backtest;
mod chart;
mod cluster;
mod costs;
mod demo;
mod detection;
mod end_to_end;
mod faults;
mod findings;
mod forge_contract;
mod house;
mod installation;
mod metrics;
mod onnx;
mod outbox;
mod peers;
mod pictures;
mod presets;
mod program;
mod sampled;
mod servers;
mod ssh;
mod trace;
