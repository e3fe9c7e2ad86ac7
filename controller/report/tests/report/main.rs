//! Tests of the whole crate through its public API: golden texts, limits, and hostile values.
//!
//! Golden files stand in `tests/golden`; `KUBEOPT_BLESS=1` rewrites them, and the difference is then read by a person.

#![allow(clippy::unwrap_used, reason = "a panic in a test is its failure")]

mod bodies;
mod dashboards;
mod golden;
mod hostile;
mod pages;
mod plans;
mod sample;
mod scans;
