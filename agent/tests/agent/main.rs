//! The whole agent on a played cgroup tree with a driven clock, against a controller of this test's own.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its world up has failed")]

mod controller;
mod drive;
mod gpus;
mod learning;
mod outages;
mod reading;
mod refusals;
