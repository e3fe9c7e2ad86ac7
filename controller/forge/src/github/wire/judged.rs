//! GitHub's JSON of reviews, checks, merges and issues.

use kubeopt_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Identified, Status, User};
use crate::judgement::{Check, CheckOutcome};

/// The last status of each context.
#[derive(Deserialize)]
pub(in crate::github) struct CombinedStatus {
    pub(in crate::github) total_count: usize,
    pub(in crate::github) statuses: Vec<Status>,
}

#[derive(Deserialize)]
pub(in crate::github) struct CheckRuns {
    pub(in crate::github) total_count: usize,
    pub(in crate::github) check_runs: Vec<CheckRun>,
}

#[derive(Deserialize)]
pub(in crate::github) struct CheckRun {
    pub(in crate::github) id: u64,
    pub(in crate::github) name: String,
    status: String,
    conclusion: Option<String>,
    check_suite: Option<Identified>,
}

impl CheckRun {
    /// What it belongs to: a workflow's attempts are in one.
    pub(in crate::github) fn suite(&self) -> u64 {
        self.check_suite.as_ref().map_or(0, |suite| suite.id)
    }

    pub(in crate::github) fn into_check(self) -> Check {
        let outcome = match (self.status.as_str(), self.conclusion.as_deref()) {
            ("completed", Some("success")) => CheckOutcome::Green,
            ("completed", Some("neutral" | "skipped")) => CheckOutcome::Neutral,
            // Cancelled, out of time, overtaken, waiting for a person, or of a word that comes later.
            ("completed", _) => CheckOutcome::Red,
            (_, _) => CheckOutcome::Pending,
        };
        Check { name: self.name, outcome }
    }
}

#[derive(Deserialize)]
pub(in crate::github) struct Review {
    pub(in crate::github) user: Option<User>,
    pub(in crate::github) state: String,
    pub(in crate::github) commit_id: Option<String>,
    /// Absent while it is not submitted.
    pub(in crate::github) submitted_at: Option<Timestamp>,
}

#[derive(Serialize)]
pub(in crate::github) struct Merge<'a> {
    pub(in crate::github) commit_title: &'a str,
    pub(in crate::github) commit_message: &'a str,
    pub(in crate::github) sha: &'a str,
    pub(in crate::github) merge_method: &'static str,
}

#[derive(Deserialize)]
pub(in crate::github) struct Merged {
    pub(in crate::github) merged: bool,
    pub(in crate::github) sha: String,
}

#[derive(Deserialize)]
pub(in crate::github) struct Issue {
    pub(in crate::github) number: u64,
    title: String,
    body: Option<String>,
    state: String,
    pub(in crate::github) user: Option<User>,
    updated_at: Timestamp,
    pub(in crate::github) pull_request: Option<serde::de::IgnoredAny>,
}

impl Issue {
    pub(in crate::github) fn into_issue(self) -> crate::tracking::Issue {
        crate::tracking::Issue {
            number: self.number,
            title: self.title,
            body: self.body.unwrap_or_default(),
            is_open: self.state == "open",
            updated_at: self.updated_at,
        }
    }
}
