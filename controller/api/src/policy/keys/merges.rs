//! When people have to approve, and when kubeopt merges by itself.

use std::collections::BTreeSet;

use kubeopt_model::policy::Environment;
use kubeopt_model::recommendation::Risk;
use serde_json::{Value, json};

use crate::policy::key::Merge::{Guardrail, Preference, Together};
use crate::policy::key::{AnyKey, higher, key, lower, share};
use crate::policy::manner_words::{Chance, Dollars, RiskWord};
use crate::policy::words::EnvironmentWord;
use crate::text::values::{Count, Share};

/// Of `approval` and `autoMerge`.
pub(crate) static KEYS: &[&dyn AnyKey] = &[
    key!("approval.large.aboveRatio", Guardrail(lower), Share<0, 10_000>, approval.large.above_ratio,
        |p, v| p.approval.above_ratio = Some(v.0), |p| perhaps_share(p.approval.above_ratio)),
    key!("approval.large.aboveIncrease", Guardrail(lower), Share<0, 10_000>, approval.large.above_increase,
        |p, v| p.approval.above_increase = Some(v.0), |p| perhaps_share(p.approval.above_increase)),
    key!("approval.large.aboveDecrease", Guardrail(lower), Share<0, 100>, approval.large.above_decrease,
        |p, v| p.approval.above_decrease = Some(v.0), |p| perhaps_share(p.approval.above_decrease)),
    key!(
        "approval.large.aboveMonthly",
        Guardrail(lower),
        Dollars,
        approval.large.above_monthly,
        |p, v| p.approval.above_monthly = Some(v.0),
        |p| json!(p.approval.above_monthly.map(|money| format!("{} USD", money.0)))
    ),
    key!("approval.large.approvers", Guardrail(higher), Count<1, 10>, approval.large.approvers,
        |p, v| p.approval.approvers = v.0, |p| json!(p.approval.approvers)),
    key!(
        "approval.label",
        Preference,
        String,
        approval.label,
        |p, v| p.approval.label.clone_from(v),
        |p| json!(p.approval.label)
    ),
    key!(
        "autoMerge.enabled",
        Guardrail(|a, b| !*a && *b),
        bool,
        auto_merge.enabled,
        |p, v| p.auto_merge.enabled = *v,
        |p| json!(p.auto_merge.enabled)
    ),
    key!(
        "autoMerge.environments",
        Together(|a, b| a.iter().copied().filter(|each| b.contains(each)).collect()),
        Vec<EnvironmentWord>,
        auto_merge.environments,
        |p, v| p.auto_merge.environments = environments(v),
        |p| json!(p.auto_merge.environments)
    ),
    key!("autoMerge.maxChange", Guardrail(lower), Share<0, 1000>, auto_merge.max_change,
        |p, v| p.auto_merge.max_change = v.0, |p| share(p.auto_merge.max_change)),
    key!(
        "autoMerge.minConfidence",
        Guardrail(higher),
        Chance,
        auto_merge.min_confidence,
        |p, v| p.auto_merge.min_confidence = v.0,
        |p| json!(p.auto_merge.min_confidence)
    ),
    key!(
        "autoMerge.maxRisk",
        Guardrail(|a, b| Risk::from(*a) < Risk::from(*b)),
        RiskWord,
        auto_merge.max_risk,
        |p, v| p.auto_merge.max_risk = (*v).into(),
        |p| json!(p.auto_merge.max_risk)
    ),
    key!(
        "autoMerge.requireStatus",
        Together(|a, b| a.iter().chain(b).cloned().collect()),
        Vec<String>,
        auto_merge.require_status,
        |p, v| p.auto_merge.require_status = v.iter().cloned().collect(),
        |p| json!(p.auto_merge.require_status)
    ),
];

/// The words as a set, the least careful first.
pub(super) fn environments(words: &[EnvironmentWord]) -> BTreeSet<Environment> {
    words.iter().map(|word| (*word).into()).collect()
}

fn perhaps_share(factor: Option<f64>) -> Value {
    factor.map_or(Value::Null, share)
}
