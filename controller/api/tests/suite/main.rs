//! What users meet: sample files, messages, layers. One binary, one module a subject.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its input has failed")]

mod config;
mod connections;
mod explain;
mod layers;
mod merging;
mod objects;
mod policy;
