//! What a file is to the one who renders it: that decides which of its scalars may set a resource.
//!
//! Only names the roles. Who knows the chart that a file belongs to says which one it has.

/// What a file is to its renderer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileRole {
    /// Objects of Kubernetes, patches of them, kustomizations.
    Manifest,
    /// Values of a chart: its `values.yaml`, or a file of values that someone gives to it.
    Values,
    /// Text of a chart: a file below its `templates/`.
    Template,
}
