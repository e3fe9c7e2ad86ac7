//! The whole agent on a played cgroup tree with a driven clock, against a controller of this test's own.

mod controller;
mod drive;
mod learning;
mod outages;
mod reading;
mod refusals;
