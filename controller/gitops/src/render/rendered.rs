//! What came of a rendering.

use kubeopt_model::Problem;
use kubeopt_model::edit::ProvenBy;

/// Manifests, and how they came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// YAML documents.
    pub output: Vec<u8>,
    /// How.
    pub by: ProvenBy,
    /// Files of a plain folder that are no YAML and were left out.
    pub left_out: Vec<Problem>,
}
