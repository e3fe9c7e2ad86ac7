//! All layers together, for one workload or path. Pure: layers and a subject in, the effective policy out.

use std::collections::BTreeMap;

use kubeopt_model::{EffectivePolicy, Namespace, ObjectName, RepoPath, WorkloadKind};

use crate::policy::environment::environment_of;
use crate::policy::file::PolicyFile;
use crate::policy::keys::keys;
use crate::policy::layered::Layered;

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
    fn speaks_of(&self, asked: Asked<'_>) -> bool {
        let file = &self.file;
        let selected = || file.selectors.as_ref().is_none_or(|at| at.value.all_match(asked, &file.folder));
        asked.path().is_within(&file.folder) && (!file.is_object() || selected())
    }
}

/// The workload that a policy is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The file in the repository that would be edited.
    pub path: &'a RepoPath,
    /// Namespace.
    pub namespace: &'a Namespace,
    /// Kind.
    pub kind: WorkloadKind,
    /// Name.
    pub name: &'a ObjectName,
    /// Labels of the workload.
    pub labels: &'a BTreeMap<String, String>,
}

/// What a policy is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'a> {
    /// A path, whatever workload it describes: what depends on the workload is left out.
    Path(&'a RepoPath),
    /// A workload, by the file that would be edited.
    Workload(&'a Subject<'a>),
}

impl<'a> Asked<'a> {
    /// The file or folder in the repository.
    pub(crate) fn path(self) -> &'a RepoPath {
        match self {
            Self::Path(path) => path,
            Self::Workload(subject) => subject.path,
        }
    }

    /// The workload, if one is meant.
    pub(crate) fn workload(self) -> Option<&'a Subject<'a>> {
        match self {
            Self::Path(_) => None,
            Self::Workload(subject) => Some(subject),
        }
    }
}

/// What all layers together say of one workload. `layers` run from the farthest (the operator's) to the nearest (that of
/// the deepest folder). A layer whose folder does not hold the subject's path says nothing.
///
/// Built-in defaults are no layer: they hold for keys that no layer sets, so the first layer may also loosen them. Once a
/// layer has set a guardrail, no other layer loosens it.
pub fn effective_policy(layers: &[Layer], subject: &Subject<'_>) -> EffectivePolicy {
    let asked = Asked::Workload(subject);
    combine(&speaking(layers, asked), asked)
}

/// The layers that speak of what is asked, each reduced to what it says of it.
pub(crate) fn speaking<'a>(layers: &'a [Layer], asked: Asked<'_>) -> Vec<Layered<'a>> {
    let environment = environment_of(layers, asked).map(|known| known.environment);
    let speaking = layers.iter().filter(|layer| layer.speaks_of(asked));
    speaking.map(|layer| Layered::new(layer, asked, environment)).collect()
}

/// All keys of all layers, and what is merged as a whole.
pub(crate) fn combine(layered: &[Layered<'_>], asked: Asked<'_>) -> EffectivePolicy {
    let mut policy = EffectivePolicy::default();
    for key in keys() {
        key.apply(layered, &mut policy);
    }
    for layer in layered {
        layer.add_blackouts(&mut policy);
        layer.add_silences(&mut policy, asked, layered);
        if let Some(by) = layer.unselected(asked)
            && policy.enabled
        {
            policy.enabled = false;
            policy.set_by.insert("enabled".to_owned(), by);
        }
    }
    // One layer may ask for more history to be there than another looks at.
    policy.sizing.history_seconds = policy.sizing.history_seconds.max(policy.sizing.min_history_seconds);
    policy
}
