//! How numbers are made, and how far one pull request may go.

use kubeopt_model::policy::SharedBase;
use serde_json::json;

use crate::policy::key::Merge::{Guardrail, Preference};
use crate::policy::key::{AnyKey, higher, key, lower, share};
use crate::policy::manner_words::Chance;
use crate::policy::words::{
    BelowMaxWord, HpaWord, LimitWord, OutlookWord, SharedWord, StrategyWord, VpaWord,
};
use crate::text::values::{Count, Cpu, Memory, Quantile, Share, Span, span_text};

/// Of `enabled`, `sizing` and `changes`.
pub(crate) static KEYS: &[&dyn AnyKey] = &[
    key!("enabled", Guardrail(|a, b| !*a && *b), bool, enabled, |p, v| p.enabled = *v, |p| json!(p.enabled)),
    key!(
        "sizing.strategy",
        Preference,
        StrategyWord,
        sizing.strategy,
        |p, v| p.sizing.strategy = (*v).into(),
        |p| json!(p.sizing.strategy)
    ),
    key!("sizing.history", Preference, Span<86_400, { 90 * 86_400 }>, sizing.history,
        |p, v| p.sizing.history_seconds = v.0, |p| json!(span_text(p.sizing.history_seconds))),
    key!("sizing.minHistory", Preference, Span<3600, { 90 * 86_400 }>, sizing.min_history,
        |p, v| p.sizing.min_history_seconds = v.0, |p| json!(span_text(p.sizing.min_history_seconds))),
    key!("sizing.minRuns", Preference, Count<1, 1000>, sizing.min_runs,
        |p, v| p.sizing.min_runs = u64::from(v.0), |p| json!(p.sizing.min_runs)),
    key!("sizing.minCoverage", Guardrail(higher), Share<0, 100>, sizing.min_coverage,
        |p, v| p.sizing.min_coverage = v.0, |p| share(p.sizing.min_coverage)),
    key!("sizing.cpu.price", Preference, Share<1, 10_000>, sizing.cpu.price,
        |p, v| p.sizing.cpu_price = v.0, |p| share(p.sizing.cpu_price)),
    key!(
        "sizing.cpu.quantile",
        Preference,
        Quantile,
        sizing.cpu.quantile,
        |p, v| p.sizing.cpu_quantile = v.0,
        |p| json!(p.sizing.cpu_quantile)
    ),
    key!("sizing.cpu.margin", Preference, Share<0, 1000>, sizing.cpu.margin,
        |p, v| p.sizing.cpu_margin = v.0, |p| share(p.sizing.cpu_margin)),
    key!(
        "sizing.cpu.floor",
        Guardrail(higher),
        Cpu,
        sizing.cpu.floor,
        |p, v| p.sizing.cpu_floor = v.0,
        |p| json!(p.sizing.cpu_floor)
    ),
    key!(
        "sizing.cpu.ceiling",
        Guardrail(lower),
        Cpu,
        sizing.cpu.ceiling,
        |p, v| p.sizing.cpu_ceiling = Some(v.0),
        |p| json!(p.sizing.cpu_ceiling)
    ),
    key!("sizing.memory.price", Preference, Share<1, 10_000>, sizing.memory.price,
        |p, v| p.sizing.memory_price = v.0, |p| share(p.sizing.memory_price)),
    key!("sizing.memory.margin", Preference, Share<0, 1000>, sizing.memory.margin,
        |p, v| p.sizing.memory_margin = v.0, |p| share(p.sizing.memory_margin)),
    key!(
        "sizing.memory.floor",
        Guardrail(higher),
        Memory,
        sizing.memory.floor,
        |p, v| p.sizing.memory_floor = v.0,
        |p| json!(p.sizing.memory_floor)
    ),
    key!(
        "sizing.memory.ceiling",
        Guardrail(lower),
        Memory,
        sizing.memory.ceiling,
        |p, v| p.sizing.memory_ceiling = Some(v.0),
        |p| json!(p.sizing.memory_ceiling)
    ),
    key!(
        "sizing.limits.cpu",
        Preference,
        LimitWord,
        sizing.limits.cpu,
        |p, v| p.sizing.cpu_limit = (*v).into(),
        |p| json!(p.sizing.cpu_limit)
    ),
    key!(
        "sizing.limits.memory",
        Preference,
        LimitWord,
        sizing.limits.memory,
        |p, v| p.sizing.memory_limit = (*v).into(),
        |p| json!(p.sizing.memory_limit)
    ),
    key!(
        "sizing.belowObservedMax",
        Guardrail(|a, b| *a == BelowMaxWord::Never && *b == BelowMaxWord::Allow),
        BelowMaxWord,
        sizing.below_observed_max,
        |p, v| p.sizing.below_observed_max = (*v).into(),
        |p| json!(p.sizing.below_observed_max)
    ),
    key!(
        "sizing.outlook",
        Preference,
        OutlookWord,
        sizing.outlook,
        |p, v| p.sizing.outlook = (*v).into(),
        |p| json!(p.sizing.outlook)
    ),
    key!("sizing.vpa", Preference, VpaWord, sizing.vpa, |p, v| p.sizing.vpa = (*v).into(), |p| json!(
        p.sizing.vpa
    )),
    key!("sizing.hpa", Preference, HpaWord, sizing.hpa, |p, v| p.sizing.hpa = (*v).into(), |p| json!(
        p.sizing.hpa
    )),
    key!("changes.maxIncrease", Guardrail(lower), Share<1, 10_000>, changes.max_increase,
        |p, v| p.changes.max_increase = v.0, |p| share(p.changes.max_increase)),
    key!("changes.maxDecrease", Guardrail(lower), Share<0, 99>, changes.max_decrease,
        |p, v| p.changes.max_decrease = v.0, |p| share(p.changes.max_decrease)),
    key!("changes.ignoreBelow.ratio", Guardrail(higher), Share<0, 100>, changes.ignore_below.ratio,
        |p, v| p.changes.ignore_below_ratio = v.0, |p| share(p.changes.ignore_below_ratio)),
    key!(
        "changes.ignoreBelow.cpu",
        Guardrail(higher),
        Cpu,
        changes.ignore_below.cpu,
        |p, v| p.changes.ignore_below_cpu = v.0,
        |p| json!(p.changes.ignore_below_cpu)
    ),
    key!(
        "changes.ignoreBelow.memory",
        Guardrail(higher),
        Memory,
        changes.ignore_below.memory,
        |p, v| p.changes.ignore_below_memory = v.0,
        |p| json!(p.changes.ignore_below_memory)
    ),
    key!(
        "changes.sharedBase",
        Guardrail(|a, b| SharedBase::from(*a) > SharedBase::from(*b)),
        SharedWord,
        changes.shared_base,
        |p, v| p.changes.shared_base = (*v).into(),
        |p| json!(p.changes.shared_base)
    ),
    key!(
        "changes.minConfidence",
        Guardrail(higher),
        Chance,
        changes.min_confidence,
        |p, v| p.changes.min_confidence = v.0,
        |p| json!(p.changes.min_confidence)
    ),
];
