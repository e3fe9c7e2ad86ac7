//! A policy file as one layer among others, with the name under which it is shown.

use crate::policy::asked::Asked;
use crate::policy::file::PolicyFile;

/// One layer, with the name under which it is shown: `kubeopt.yaml`, `.kubeopt.yaml`, `apps/.kubeopt.yaml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Shown before the line: `.kubeopt.yaml:4`. An object of the cluster is `RightsizingPolicy/NAME`.
    pub name: String,
    /// What it says.
    pub file: PolicyFile,
}

impl Layer {
    /// Where a line of it stands, as it is shown; objects of the cluster have no lines.
    pub(crate) fn at(&self, line: usize) -> String {
        if self.file.is_object() { self.name.clone() } else { format!("{}:{line}", self.name) }
    }

    /// An object of the cluster speaks of what its selectors select; a file speaks of everything in its folder.
    pub(crate) fn speaks_of(&self, asked: Asked<'_>) -> bool {
        let file = &self.file;
        let selected = || file.selectors.as_ref().is_none_or(|at| at.value.all_match(asked, &file.folder));
        asked.path().is_within(&file.folder) && (!file.is_object() || selected())
    }
}
