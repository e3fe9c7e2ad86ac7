//! All layers together, for one workload. Pure: layers and a subject in, the effective policy out.

use std::collections::BTreeMap;

use kubeopt_model::{EffectivePolicy, Namespace, ObjectName, RepoPath, WorkloadKind};

use crate::policy::file::{PolicyFile, Rules};
use crate::policy::keys::{KEYS, covers};
use crate::text::At;

/// What a repository may set where the operator says nothing: preferences that only a merge brings into effect.
const DEFAULT_ALLOWED: [&str; 2] = ["sizing", "pullRequests"];

/// One layer, with the name under which it is shown: `kubeopt.yaml`, `.kubeopt.yaml`, `apps/.kubeopt.yaml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Shown before the line: `.kubeopt.yaml:4`.
    pub name: String,
    /// What it says.
    pub file: PolicyFile,
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

/// What all layers together say of one workload. `layers` run from the farthest (the operator's) to the nearest (that of
/// the deepest folder). A layer whose folder does not hold the subject's path says nothing.
///
/// Built-in defaults are no layer: they hold for keys that no layer sets, so the first layer may also loosen them. Once a
/// layer has set a guardrail, no other layer loosens it.
pub fn effective_policy(layers: &[Layer], subject: &Subject<'_>) -> EffectivePolicy {
    let layered: Vec<Layered<'_>> = layers
        .iter()
        .filter(|layer| subject.path.is_within(&layer.file.folder))
        .map(|layer| Layered::new(layer, subject))
        .collect();
    let mut policy = EffectivePolicy::default();
    for key in KEYS {
        key.apply(&layered, &mut policy);
    }
    for layer in &layered {
        layer.add_blackouts(&mut policy);
        layer.disable_unselected(subject, &mut policy);
    }
    // One layer may ask for more history to be there than another looks at.
    policy.sizing.history_seconds = policy.sizing.history_seconds.max(policy.sizing.min_history_seconds);
    policy
}

/// One layer, reduced to what it says of the subject.
pub(crate) struct Layered<'a> {
    layer: &'a Layer,
    /// From the farthest statement to the nearest, each with the name that is shown in place of a line, if there is one.
    statements: Vec<(&'a Rules, Option<String>)>,
    /// Rules of matching overrides.
    overrides: Vec<Rules>,
}

impl<'a> Layered<'a> {
    fn new(layer: &'a Layer, subject: &Subject<'_>) -> Self {
        let mut statements = Vec::new();
        if let Some((extends, rules)) = &layer.file.preset {
            let name = format!("{} ({}:{})", extends.value, layer.name, extends.line);
            statements.push((rules, Some(name)));
        }
        statements.push((&layer.file.rules, None));
        let matches = |each: &&crate::policy::document::Override| {
            each.matching.as_ref().is_some_and(|matching| matching.value.matches(subject))
        };
        let overrides = layer.file.overrides.iter().map(|each| &each.value).filter(matches);
        let overrides = overrides
            .map(|each| Rules {
                enabled: each.enabled.clone(),
                sizing: each.sizing.clone(),
                changes: each.changes.clone(),
                ..Rules::default()
            })
            .collect();
        Self { layer, statements, overrides }
    }

    /// The nearest statement of this layer on a key, and how its place is shown.
    pub(crate) fn nearest<T>(&self, get: fn(&Rules) -> Option<&At<T>>) -> Option<(&At<T>, String)> {
        let shown = |at: &At<T>| format!("{}:{}", self.layer.name, at.line);
        if let Some(at) = self.overrides.iter().rev().find_map(get) {
            return Some((at, shown(at)));
        }
        self.statements.iter().rev().find_map(|(rules, name)| {
            let at = get(rules)?;
            Some((at, name.clone().unwrap_or_else(|| shown(at))))
        })
    }

    /// Whether nearer layers may set a preference.
    pub(crate) fn permits(&self, path: &str) -> bool {
        match &self.layer.file.allowed_overrides {
            Some(allowed) => allowed.iter().any(|entry| covers(entry, path)),
            None => DEFAULT_ALLOWED.iter().any(|entry| covers(entry, path)),
        }
    }

    fn add_blackouts(&self, policy: &mut EffectivePolicy) {
        for (rules, preset) in &self.statements {
            for at in rules.blackouts.iter().flat_map(|blackouts| &blackouts.value) {
                let Some((cron, duration)) = at.value.cron.as_ref().zip(at.value.duration.as_ref()) else {
                    continue;
                };
                policy.blackouts.push(kubeopt_model::policy::Blackout {
                    cron: cron.value.0.clone(),
                    seconds: duration.value.0,
                    timezone: at
                        .value
                        .timezone
                        .as_ref()
                        .map_or_else(|| "UTC".to_owned(), |zone| zone.value.0.clone()),
                    reason: at.value.reason.as_ref().map(|reason| reason.value.clone()),
                });
                let index = policy.blackouts.len() - 1;
                let name = preset.clone().unwrap_or_else(|| format!("{}:{}", self.layer.name, at.line));
                policy.set_by.insert(format!("blackouts[{index}]"), name);
            }
        }
    }

    fn disable_unselected(&self, subject: &Subject<'_>, policy: &mut EffectivePolicy) {
        let file = &self.layer.file;
        let unselected = file.selectors.as_ref().filter(|at| !at.value.all_match(subject, &file.folder));
        let excluded = file.exclude.as_ref().filter(|at| at.value.any_matches(subject, &file.folder));
        let by = unselected.map(|at| ("selectors", at)).or(excluded.map(|at| ("exclude", at)));
        if let Some((key, at)) = by
            && policy.enabled
        {
            policy.enabled = false;
            policy.set_by.insert("enabled".to_owned(), format!("`{key}` of {}:{}", self.layer.name, at.line));
        }
    }
}
