//! What is explained, in golden files over typical workloads; and what becomes of a model's words, right and wrong, from
//! servers of both APIs.
#![allow(clippy::unwrap_used, reason = "a test that cannot set its case up has failed")]

mod budgets;
mod cases;
mod explained;
mod gathered;
mod servers;
mod wire;
mod words;
