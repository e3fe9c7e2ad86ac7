//! The forges: the contract on the local one, what only the local one does, and how Gitea's answers are taken.
#![allow(clippy::unwrap_used, reason = "a test that cannot set its forge up has failed")]

mod contract;
mod fake;
mod gitea;
mod github;
mod github_access;
mod github_faults;
mod local;
mod talk;
