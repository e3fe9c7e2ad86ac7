//! Which findings people are told of. Values only: when a silence holds is decided in `policy`.

use serde::{Deserialize, Serialize};

use crate::finding::{Kind, Severity};

/// Which findings people are told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingPolicy {
    /// Any of them. Switched off, nothing is looked for.
    pub enabled: bool,
    /// From this severity on.
    pub min_severity: Severity,
    /// Times in which nobody is told.
    pub silences: Vec<Silence>,
}

impl Default for FindingPolicy {
    fn default() -> Self {
        Self { enabled: true, min_severity: Severity::Medium, silences: Vec::new() }
    }
}

/// A time in which nobody is told of findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Of these kinds; empty: of all.
    pub kinds: Vec<Kind>,
    /// When.
    pub when: SilentTime,
    /// Why.
    pub reason: String,
    /// The layer that says so: `.kubeopt.yaml:4`.
    pub by: String,
}

/// When a silence holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SilentTime {
    /// Once.
    Span {
        /// From this second on, since the epoch; none: since ever.
        from_unix_s: Option<i64>,
        /// Until before this second, since the epoch; none: for ever.
        to_unix_s: Option<i64>,
    },
    /// Again and again.
    Recurring {
        /// Five-field cron expression of its start.
        cron: String,
        /// Length, seconds.
        seconds: i64,
        /// IANA time zone.
        timezone: String,
    },
}
