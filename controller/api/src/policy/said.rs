//! What one place says of a key, and what became of it.

use serde::Serialize;
use serde_json::Value;

/// What became of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "outcome", content = "by")]
pub enum Standing {
    /// It counts.
    Counts,
    /// A nearer statement counts; where it stands.
    Nearer(String),
    /// A guardrail: a more careful statement, or the same one of a farther layer, counts; where it stands.
    Careful(String),
    /// The repository may not set it; which list does not hold it.
    NotAllowed(String),
}

/// What one place says of a key.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// `apps/.kubeopt.yaml:4`, or `kubeopt:jvm (.kubeopt.yaml:1)`.
    pub at: String,
    /// The value in the notation of the file.
    pub value: Value,
    /// What became of it.
    #[serde(flatten)]
    pub standing: Standing,
}
