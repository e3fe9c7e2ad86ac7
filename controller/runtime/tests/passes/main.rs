//! Whole passes: real stages, real Git, a real database and the local forge in a temporary folder. Only what a test
//! breaks is played: the cluster's facts, the usage, the calls of a forge that fail.
#![allow(clippy::unwrap_used, reason = "a test that cannot set its world up has failed")]

mod agents;
mod agents_log;
mod applications;
mod apps;
mod arranged;
mod auto_merge;
mod charts;
mod controllers;
mod costs;
mod creations;
mod dashboard;
mod database;
mod doubles;
mod environments;
mod findings;
mod foretold;
mod forges;
mod gpus;
mod left_over;
mod life_cycle;
mod limits;
mod many;
mod metrics;
mod notices;
mod onboarding;
mod outcomes;
mod overlays;
mod policies;
mod prometheus;
mod published;
mod rollback;
mod said;
mod sampled;
mod savings;
mod scaled;
mod sources;
mod sure;
mod talk;
mod typical;
mod unrendered;
mod webhooks;
mod whole_way;
mod words;
mod world;
