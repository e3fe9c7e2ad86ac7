//! An edit and its proof. The plan is complete before anything is written: file, path, old text, new text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::names::ContainerName;
use crate::quantity::{Amount, Field};
use crate::scale::ChangedTarget;
use crate::source::{EditSite, RenderedWorkload, RepoPath};

/// The regular files of a tree, or of the part of it that is looked at.
pub type FileSet = BTreeMap<RepoPath, Vec<u8>>;

/// One scalar to replace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldEdit {
    /// Which scalar, with the text that must stand there now.
    pub site: EditSite,
    /// What shall stand there, as an amount in the notation of the file where that is possible.
    pub after: Amount,
}

/// One file before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditedFile {
    /// Which.
    pub path: RepoPath,
    /// All bytes, before and after.
    pub content: Change<Vec<u8>>,
}

/// A field that differs between two renderings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChangedField {
    /// The workload of the rendered document.
    pub workload: RenderedWorkload,
    /// The container.
    pub container: ContainerName,
    /// The field.
    pub field: Field,
    /// Rendered values.
    pub value: Change<Option<Amount>>,
}

/// How the two sides were made comparable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProvenBy {
    /// Plain manifests are their own rendering.
    Parsed,
    /// Rendered by this program in this version: `kustomize v5.8.2`.
    Rendered(String),
    /// The files were read and not rendered, for this reason as a clause: `kustomize was not found`, `chart podinfo is
    /// not at hand`. The fields that differ are those that the edit means to change; nothing showed that they arrive.
    NotRendered(String),
}

impl ProvenBy {
    /// Why nothing was rendered; none where there is a proof.
    pub fn not_rendered(&self) -> Option<&str> {
        match self {
            Self::Parsed | Self::Rendered(_) => None,
            Self::NotRendered(reason) => Some(reason),
        }
    }
}

impl std::fmt::Display for ProvenBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Parsed => f.write_str("parsed"),
            Self::Rendered(version) => write!(f, "rendered with {version}"),
            Self::NotRendered(reason) => write!(f, "not rendered: {reason}"),
        }
    }
}

/// The proof of one entry point: exactly these fields and targets differ, nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The entry point that was compared.
    pub entry: RepoPath,
    /// How.
    pub by: ProvenBy,
    /// All fields that differ, sorted.
    pub changed: Vec<ChangedField>,
    /// All targets of HorizontalPodAutoscalers that differ, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<ChangedTarget>,
}
