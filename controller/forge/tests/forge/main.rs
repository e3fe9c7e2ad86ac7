//! The forges: the contract on the local one and on fakes of GitHub and GitLab, what only one of them does, how answers
//! good and bad are taken, and webhooks.
#![allow(clippy::unwrap_used, reason = "a test that cannot set its forge up has failed")]

mod contract;
mod fake;
mod gitea;
mod github;
mod github_access;
mod github_faults;
mod gitlab;
mod gitlab_faults;
mod hostile;
mod judged;
mod judged_gitea;
mod local;
mod signing;
mod talk;
mod webhook;
