//! Every key of the effective policy: how it is merged, where it is read and written, how it is shown. The merge of a key
//! is its property; the JSON Schema says it as `x-kubeopt-merge`.
//!
//! A **guardrail** takes the most restrictive value of all layers; a **preference** takes the nearest layer that may set
//! it. Within one layer the nearest statement counts for both: overrides before the file's own keys before its preset.

use kubeopt_model::EffectivePolicy;
use kubeopt_model::policy::{Schedule, SharedBase};
use serde_json::{Value, json};

use crate::policy::explain::{Said, Standing};
use crate::policy::file::Rules;
use crate::policy::layered::{Ban, Layered, Origin};
use crate::policy::words::{
    BelowMaxWord, Cron, GroupWord, HpaWord, LimitWord, SharedWord, StrategyWord, VpaWord, Zone,
};
use crate::text::At;
use crate::text::values::{Count, Cpu, Memory, Quantile, Share, Span, span_text};

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
    KEYS.iter()
        .map(|key| EffectiveKey {
            path: key.path(),
            value: key.show(policy),
            set_by: policy.set_by.get(key.path()).cloned(),
        })
        .collect()
}

/// How a key is merged.
pub(crate) enum Merge<T> {
    /// The stricter of two values: the function says whether the first is stricter than the second.
    Guardrail(fn(&T, &T) -> bool),
    /// The nearest layer that may set it.
    Preference,
}

/// A key with its type.
pub(crate) struct Key<T: 'static> {
    path: &'static str,
    merge: Merge<T>,
    get: fn(&Rules) -> Option<&At<T>>,
    put: fn(&mut EffectivePolicy, &T),
    show: fn(&EffectivePolicy) -> Value,
}

/// A key, whatever its type.
pub(crate) trait AnyKey: Sync {
    /// `sizing.cpu.quantile`
    fn path(&self) -> &'static str;
    /// A guardrail takes the most restrictive of all layers.
    fn is_guardrail(&self) -> bool;
    /// Merges the key over all layers.
    fn apply(&self, layers: &[Layered<'_>], policy: &mut EffectivePolicy);
    /// Every statement of all layers on the key, and what became of it.
    fn said(&self, layers: &[Layered<'_>]) -> Vec<Said>;
    /// Where one layer speaks of the key.
    fn origins<'s>(&self, layer: &'s Layered<'_>) -> Vec<Origin<'s>>;
    /// The value in the notation of the file.
    fn show(&self, policy: &EffectivePolicy) -> Value;
}

impl<T> AnyKey for Key<T> {
    fn path(&self) -> &'static str {
        self.path
    }

    fn is_guardrail(&self) -> bool {
        matches!(self.merge, Merge::Guardrail(_))
    }

    fn apply(&self, layers: &[Layered<'_>], policy: &mut EffectivePolicy) {
        let counting = self.weigh(layers).into_iter().find(|weighed| weighed.fate == Fate::Counts);
        if let Some(weighed) = counting {
            (self.put)(policy, weighed.value);
            policy.set_by.insert(self.path.to_owned(), weighed.origin.to_string());
        }
    }

    fn said(&self, layers: &[Layered<'_>]) -> Vec<Said> {
        let said = |weighed: Weighed<'_, T>| {
            let mut alone = EffectivePolicy::default();
            (self.put)(&mut alone, weighed.value);
            let standing = match weighed.fate {
                Fate::Counts => Standing::Counts,
                Fate::Nearer(by) => Standing::Nearer(by.to_string()),
                Fate::Careful(by) => Standing::Careful(by.to_string()),
                Fate::Banned(by) => Standing::NotAllowed(by.to_string()),
            };
            Said { at: weighed.origin.to_string(), value: (self.show)(&alone), standing }
        };
        self.weigh(layers).into_iter().map(said).collect()
    }

    fn origins<'s>(&self, layer: &'s Layered<'_>) -> Vec<Origin<'s>> {
        layer.all(self.get).map(|(_, origin)| origin).collect()
    }

    fn show(&self, policy: &EffectivePolicy) -> Value {
        (self.show)(policy)
    }
}

/// A statement, and what becomes of it.
struct Weighed<'s, T> {
    value: &'s T,
    origin: Origin<'s>,
    fate: Fate<'s>,
}

/// What becomes of a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate<'s> {
    Counts,
    Nearer(Origin<'s>),
    Careful(Origin<'s>),
    Banned(Ban<'s>),
}

impl<T> Key<T> {
    /// Every statement, the farthest first; at most one counts.
    fn weigh<'s>(&self, layers: &'s [Layered<'_>]) -> Vec<Weighed<'s, T>> {
        let mut weighed: Vec<Weighed<'s, T>> = Vec::new();
        let mut counting: Option<usize> = None;
        for layer in layers {
            let first = weighed.len();
            let all = layer.all(self.get);
            weighed.extend(all.map(|(at, origin)| Weighed { value: &at.value, origin, fate: Fate::Counts }));
            // Within one layer the nearest statement counts, and it alone meets the other layers.
            let Some(nearest) = weighed.len().checked_sub(1).filter(|last| *last >= first) else { continue };
            let by = weighed[nearest].origin;
            weighed[first..nearest].iter_mut().for_each(|each| each.fate = Fate::Nearer(by));
            let (loser, fate) = match (&self.merge, counting) {
                (Merge::Preference, before) => match (layer.ban(self.path, layers), before) {
                    (Some(ban), _) => (Some(nearest), Fate::Banned(ban)),
                    (None, before) => (before, Fate::Nearer(by)),
                },
                (Merge::Guardrail(_), None) => (None, Fate::Counts),
                (Merge::Guardrail(stricter), Some(before)) => {
                    if stricter(weighed[nearest].value, weighed[before].value) {
                        (Some(before), Fate::Careful(by))
                    } else {
                        (Some(nearest), Fate::Careful(weighed[before].origin))
                    }
                }
            };
            if let Some(loser) = loser {
                weighed[loser].fate = fate;
            }
            if loser != Some(nearest) {
                counting = Some(nearest);
            }
        }
        weighed
    }
}

/// Keys of preferences.
pub(crate) fn preference_paths() -> Vec<&'static str> {
    KEYS.iter().filter(|key| !key.is_guardrail()).map(|key| key.path()).collect()
}

/// Whether an entry of `allowedOverrides` speaks of a key: the key itself, a mapping that holds it, or `*`.
pub(crate) fn covers(entry: &str, path: &str) -> bool {
    entry == "*" || entry == path || path.strip_prefix(entry).is_some_and(|rest| rest.starts_with('.'))
}

/// How a path of the schema is merged, mappings that are merged as a whole included.
pub(crate) fn merge_of(path: &str) -> Option<&'static str> {
    // These add up over all layers: the more of them, the less is allowed.
    const UNIONS: [&str; 3] = ["selectors", "exclude", "blackouts"];
    let key = KEYS.iter().find(|key| key.path() == path);
    match key {
        Some(key) if key.is_guardrail() => Some("guardrail"),
        Some(_) => Some("preference"),
        None => UNIONS.contains(&path).then_some("guardrail"),
    }
}

/// The schedule of one policy: two keys say its halves.
fn schedule(policy: &mut EffectivePolicy) -> &mut Schedule {
    let schedules = &mut policy.pull_requests.schedules;
    if schedules.is_empty() {
        schedules.push(Schedule::default());
    }
    &mut schedules[0]
}

fn share(factor: f64) -> Value {
    // Two decimals are what a person writes; 0.15 * 100 is not 15 in floating point.
    let percent = (factor * 10_000.0).round() / 100.0;
    json!(format!("{percent}%"))
}

fn lower<T: PartialOrd>(a: &T, b: &T) -> bool {
    a < b
}

fn higher<T: PartialOrd>(a: &T, b: &T) -> bool {
    a > b
}

macro_rules! key {
    ($path:literal, $merge:expr, $type:ty, $first:ident $(. $rest:ident)*, $put:expr, $show:expr) => {
        &(Key::<$type> {
            path: $path,
            merge: $merge,
            get: |rules| rules.$first.as_ref() $(.and_then(|at| at.value.$rest.as_ref()))*,
            put: $put,
            show: $show,
        }) as &dyn AnyKey
    };
}

use Merge::{Guardrail, Preference};

/// All keys.
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
        "pullRequests.groupBy",
        Preference,
        GroupWord,
        pull_requests.group_by,
        |p, v| p.pull_requests.group_by = (*v).into(),
        |p| json!(p.pull_requests.group_by)
    ),
    key!("pullRequests.maxOpen", Guardrail(lower), Count<0, 100>, pull_requests.max_open,
        |p, v| p.pull_requests.max_open = v.0, |p| json!(p.pull_requests.max_open)),
    key!("pullRequests.perHour", Guardrail(lower), Count<0, 100>, pull_requests.per_hour,
        |p, v| p.pull_requests.per_hour = v.0, |p| json!(p.pull_requests.per_hour)),
    key!(
        "pullRequests.schedule",
        Preference,
        Vec<Cron>,
        pull_requests.schedule,
        |p, v| schedule(p).crons = v.iter().map(|cron| cron.0.clone()).collect(),
        |p| json!(p.pull_requests.schedules.first().cloned().unwrap_or_default().crons)
    ),
    key!(
        "pullRequests.timezone",
        Preference,
        Zone,
        pull_requests.timezone,
        |p, v| schedule(p).timezone.clone_from(&v.0),
        |p| json!(p.pull_requests.schedules.first().cloned().unwrap_or_default().timezone)
    ),
    key!(
        "pullRequests.labels",
        Preference,
        Vec<String>,
        pull_requests.labels,
        |p, v| p.pull_requests.labels.clone_from(v),
        |p| json!(p.pull_requests.labels)
    ),
    key!("pullRequests.reopenAfter.moved", Preference, Share<1, 1000>, pull_requests.reopen_after.moved,
        // At most 1000 %, as the type says: the cast cannot lose anything.
        |p, v| p.pull_requests.reopen_moved_percent = (v.0 * 100.0).round() as u32,
        |p| json!(format!("{}%", p.pull_requests.reopen_moved_percent))),
    key!("pullRequests.reopenAfter.days", Preference, Count<1, 3650>, pull_requests.reopen_after.days,
        |p, v| p.pull_requests.reopen_days = v.0, |p| json!(p.pull_requests.reopen_days)),
];
