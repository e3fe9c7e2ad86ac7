//! Every key of the effective policy, one table a part of the file: how it is merged, where it is read and written, how it
//! is shown. The JSON Schema says the merge as `x-kubeopt-merge`.

mod life_cycle;
mod merges;
mod pull_requests;
mod sizing;

use kubeopt_model::EffectivePolicy;
use serde_json::Value;

use crate::policy::allowed::SILENCES;
use crate::policy::key::AnyKey;

/// One key of the effective policy, for `explain` and for the pull request.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectiveKey {
    /// `sizing.cpu.quantile`
    pub path: &'static str,
    /// The value in the notation of the file; null where nothing is set.
    pub value: Value,
    /// The layer that set it; none for the default.
    pub set_by: Option<String>,
}

/// All keys with their values and the layers that set them, in the order of the schema.
pub fn effective_keys(policy: &EffectivePolicy) -> Vec<EffectiveKey> {
    keys()
        .map(|key| EffectiveKey {
            path: key.path(),
            value: key.show(policy),
            set_by: policy.set_by.get(key.path()).cloned(),
        })
        .collect()
}

/// What `allowedOverrides` speaks of: keys of preferences, and silences.
pub(crate) fn preference_paths() -> Vec<&'static str> {
    keys().filter(|key| !key.is_guardrail()).map(|key| key.path()).chain([SILENCES]).collect()
}

/// How a path of the schema is merged, mappings that are merged as a whole included.
pub(crate) fn merge_of(path: &str) -> Option<&'static str> {
    // These add up over all layers: the more of them, the less is allowed.
    const UNIONS: [&str; 4] = ["selectors", "exclude", "blackouts", "findings.silences"];
    let key = keys().find(|key| key.path() == path);
    match key {
        Some(key) if key.is_guardrail() => Some("guardrail"),
        Some(_) => Some("preference"),
        None => UNIONS.contains(&path).then_some("guardrail"),
    }
}

/// All keys, in the order of the schema.
pub(crate) fn keys() -> impl Iterator<Item = &'static dyn AnyKey> {
    [sizing::KEYS, pull_requests::KEYS, merges::KEYS, life_cycle::KEYS].into_iter().flatten().copied()
}
