//! What is told: one value for every service. Knows none of them.

use std::fmt;

use jiff::Timestamp;
use kubeopt_model::ClusterName;
use kubeopt_net::Url;
use serde::{Deserialize, Serialize};

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// A pull request was opened, or changed its values.
    PullRequest,
    /// A pull request was merged or closed.
    PullRequestEnded,
    /// What was merged has not arrived in the cluster.
    NotSynced,
    /// A change did harm, and a revert is proposed.
    Revert,
    /// What a change came to, measured.
    Outcome,
    /// Something unusual was seen in a workload.
    Finding,
    /// A pass failed, or fails again and again.
    Failure,
    /// A budget is used up.
    Budget,
    /// A summary of some days.
    Digest,
    /// Somebody tries a receiver out.
    Test,
}

impl NoticeKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::PullRequest,
        Self::PullRequestEnded,
        Self::NotSynced,
        Self::Revert,
        Self::Outcome,
        Self::Finding,
        Self::Failure,
        Self::Budget,
        Self::Digest,
        Self::Test,
    ];

    /// As the configuration writes it: `not-synced`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PullRequest => "pull-request",
            Self::PullRequestEnded => "pull-request-ended",
            Self::NotSynced => "not-synced",
            Self::Revert => "revert",
            Self::Outcome => "outcome",
            Self::Finding => "finding",
            Self::Failure => "failure",
            Self::Budget => "budget",
            Self::Digest => "digest",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for NoticeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much it matters. The names and their order are PagerDuty's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    #[default]
    Info,
    /// Worth a look.
    Warning,
    /// Something does not work.
    Error,
    /// Something does harm.
    Critical,
}

impl Severity {
    /// As it is written: `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether it is so, or no longer so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeState {
    /// It is so, or it happened.
    #[default]
    Raised,
    /// What a notice with the same key said is over.
    Resolved,
}

/// One thing to tell. Title and text may hold names and sentences of others: each service is sent them as plain text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// How much it matters. What is resolved keeps the severity that it was raised with, so that it passes the same filters.
    pub severity: Severity,
    /// Whether it is over.
    #[serde(default)]
    pub state: NoticeState,
    /// One line.
    pub title: String,
    /// A few lines; may be empty.
    pub text: String,
    /// Where to read on. Left out unless it is http or https, without credentials.
    pub url: Option<Url>,
    /// What it is about, so that later notices of the same replace it, and a resolved one ends it.
    pub key: String,
    /// When it happened.
    pub at: Timestamp,
    /// Where.
    pub cluster: ClusterName,
}

impl Notice {
    /// The link, if it may be shown.
    pub(crate) fn link(&self) -> Option<&Url> {
        self.url.as_ref().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none()
                && url.as_str().len() <= LINK_BYTES_MAX
        })
    }
}

/// Longest link: what buttons of Slack take is the least of all.
const LINK_BYTES_MAX: usize = 3000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_as_configurations_read_them() {
        for kind in NoticeKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!(Severity::Info < Severity::Warning && Severity::Error < Severity::Critical);
    }
}
