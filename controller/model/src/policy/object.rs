//! A policy that stands in a cluster, as it was written. Knows no key of it: reading it is the business of `api`.

use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// A `RightsizingPolicy`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyObject {
    /// Its name, unique in the cluster.
    pub name: String,
    /// `metadata.generation`: grows whenever its spec changes; 0 where the API server told none.
    pub generation: i64,
    /// Its `spec` as YAML, bounded in bytes, or why there is none. Such an object is kept: a guardrail that cannot be read is
    /// not one that is gone.
    pub spec: Result<String, Problem>,
}
