//! What services are sent, whatever a notice holds; and how it gets there, or is kept.
#![allow(clippy::unwrap_used, reason = "a test that cannot set its case up has failed")]

mod bodies;
mod deliveries;
mod notices;
