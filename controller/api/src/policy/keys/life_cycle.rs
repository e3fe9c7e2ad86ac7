//! In which order environments and clusters come, what happens after a merge, and who is told.

use kubeopt_model::policy::RevertMode;
use serde_json::json;

use super::merges::environments;
use crate::policy::finding_words::{SeverityOfFinding, severity_of};
use crate::policy::key::Merge::{Guardrail, Preference, Together};
use crate::policy::key::{AnyKey, higher, key, lower};
use crate::policy::life_cycle::{FreezeSpan, SoakSpan, WatchSpan};
use crate::policy::manner_words::{Chance, RevertWord, SeverityWord};
use crate::policy::words::{EnvironmentWord, Pattern};
use crate::text::values::{Count, span_text};

/// Of `rollout`, `watch`, `notifications`, `findings` and `reasoning`.
pub(crate) static KEYS: &[&dyn AnyKey] = &[
    key!(
        "rollout.order",
        Together(|a, b| a.iter().chain(b).copied().collect()),
        Vec<EnvironmentWord>,
        rollout.order,
        |p, v| p.rollout.order = environments(v),
        |p| json!(p.rollout.order)
    ),
    key!(
        "rollout.soak",
        Guardrail(higher),
        SoakSpan,
        rollout.soak,
        |p, v| p.rollout.soak_seconds = v.0,
        |p| json!(span_text(p.rollout.soak_seconds))
    ),
    key!(
        "rollout.waves.clusters",
        Preference,
        Vec<Pattern>,
        rollout.waves.clusters,
        |p, v| p.rollout.waves = v.iter().map(|pattern| pattern.as_str().to_owned()).collect(),
        |p| json!(p.rollout.waves)
    ),
    key!("rollout.revertOn.oomKills", Guardrail(lower), Count<1, 1000>, rollout.revert_on.oom_kills,
        |p, v| p.watch.oom_kills = Some(v.0), |p| json!(p.watch.oom_kills)),
    key!("rollout.revertOn.throttledPeriodsPoints", Guardrail(lower), Count<1, 100>,
        rollout.revert_on.throttled_points,
        |p, v| p.watch.throttled_points = Some(v.0), |p| json!(p.watch.throttled_points)),
    key!(
        "watch.soak",
        Guardrail(higher),
        WatchSpan,
        watch.soak,
        |p, v| p.watch.soak_seconds = v.0,
        |p| json!(span_text(p.watch.soak_seconds))
    ),
    key!(
        "watch.freeze",
        Guardrail(higher),
        FreezeSpan,
        watch.freeze,
        |p, v| p.watch.freeze_seconds = v.0,
        |p| json!(span_text(p.watch.freeze_seconds))
    ),
    key!(
        "watch.revert",
        Guardrail(|a, b| RevertMode::from(*a) > RevertMode::from(*b)),
        RevertWord,
        watch.revert,
        |p, v| p.watch.revert = (*v).into(),
        |p| json!(p.watch.revert)
    ),
    key!(
        "watch.slo.promql",
        Preference,
        String,
        watch.slo.promql,
        |p, v| p.watch.slo_promql = Some(v.clone()),
        |p| json!(p.watch.slo_promql)
    ),
    key!("watch.slo.min", Preference, Chance, watch.slo.min, |p, v| p.watch.slo_min = v.0, |p| json!(
        p.watch.slo_min
    )),
    key!(
        "notifications.enabled",
        Preference,
        bool,
        notifications.enabled,
        |p, v| p.notifications.enabled = *v,
        |p| json!(p.notifications.enabled)
    ),
    key!(
        "notifications.least",
        Preference,
        SeverityWord,
        notifications.least,
        |p, v| p.notifications.least = (*v).into(),
        |p| json!(p.notifications.least)
    ),
    key!(
        "notifications.to",
        Preference,
        Vec<String>,
        notifications.to,
        |p, v| p.notifications.to.clone_from(v),
        |p| json!(p.notifications.to)
    ),
    key!("findings.enabled", Preference, bool, findings.enabled, |p, v| p.findings.enabled = *v, |p| json!(
        p.findings.enabled
    )),
    key!(
        "findings.minSeverity",
        Preference,
        SeverityOfFinding,
        findings.min_severity,
        |p, v| p.findings.min_severity = severity_of(*v),
        |p| json!(p.findings.min_severity)
    ),
    key!("reasoning", Guardrail(|a, b| !*a && *b), bool, reasoning, |p, v| p.reasoning = *v, |p| json!(
        p.reasoning
    )),
];
