//! What a change set touches, and in what two renderings of an entry point differ.

use kubeopt_manifest::{Differences, RenderedTarget};
use kubeopt_model::edit::ProvenBy;
use kubeopt_model::{
    Amount, Change, ChangedField, ChangedTarget, EditSite, Field, RepoPath, TargetChange, Verification,
};

pub(super) const REPORT: &str = "report it with the output of `kubeopt plan`; nothing was published";

/// A scalar that the change set changes, removes, creates, or covers by a patch.
pub(super) struct Touched<'a> {
    pub(super) field: Field,
    pub(super) site: &'a EditSite,
    pub(super) value: Change<Option<Amount>>,
    /// The one entry point that is meant; none for all that the scalar feeds.
    pub(super) only: Option<&'a RepoPath>,
    /// The targets of autoscalers that move with it.
    pub(super) targets: &'a [TargetChange],
}

/// All fields in which two renderings of an entry point differ.
pub(crate) struct Compared {
    /// Sorted, by how they were made comparable: what was rendered, then what was not.
    pub(super) parts: Vec<(ProvenBy, Differences)>,
    /// The targets of autoscalers before, with the namespaces of their parts.
    pub(super) targets_before: Vec<RenderedTarget>,
}

impl Compared {
    pub(crate) fn changed(&self) -> impl Iterator<Item = &ChangedField> {
        self.parts.iter().flat_map(|(_, found)| &found.fields)
    }

    /// All targets of autoscalers that differ.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &ChangedTarget> {
        self.parts.iter().flat_map(|(_, found)| &found.targets)
    }

    /// A proof for each way in which fields were compared.
    pub(crate) fn verifications(self, entry: &RepoPath) -> Vec<Verification> {
        let parts = self.parts.into_iter().filter(|(_, found)| *found != Differences::default());
        let proof = |(by, Differences { fields: changed, targets })| Verification {
            entry: entry.clone(),
            by,
            changed,
            targets,
        };
        parts.map(proof).collect()
    }
}
