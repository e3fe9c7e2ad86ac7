//! Who said what of each key, and why one of them counts: for `kubeopt policy show` and `explain`, and for the keys of a
//! repository that its operator does not allow. Decides nothing: it tells what `keys` decided.

use kubeopt_model::policy::{Silence, SilentTime};
use kubeopt_model::{EffectivePolicy, Problem, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::codes::{NOT_ALLOWED, UNKNOWN_KEY};
use crate::policy::allowed::{SILENCES, covers};
use crate::policy::asked::Asked;
use crate::policy::effective::{combine, speaking};
use crate::policy::environment::{KnownEnvironment, environment_of};
use crate::policy::keys::{effective_keys, keys};
use crate::policy::layer::Layer;
use crate::policy::layered::{Ban, Layered, Origin};
use crate::policy::said::{Said, Standing};
use crate::text::fault::nearest;
use crate::text::reading::shown;

/// One key, with all that was said of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedKey {
    /// `sizing.cpu.quantile`
    pub key: String,
    /// `guardrail` or `preference`.
    pub merge: &'static str,
    /// The value that counts, in the notation of the file; null where nothing is set.
    pub value: Value,
    /// What holds where no layer says anything.
    pub default: Value,
    /// What set it; none for the default.
    pub set_by: Option<String>,
    /// Every statement, the farthest first.
    pub said: Vec<Said>,
}

/// The effective policy with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The policy itself.
    pub policy: EffectivePolicy,
    /// Every key, in the order of the schema; the blackouts last.
    pub keys: Vec<ExplainedKey>,
    /// What depends on the workload and was left out, because only a path was asked for: `overrides` of a file and line.
    pub undecided: Vec<String>,
    /// The environment, if anything tells one.
    pub environment: Option<KnownEnvironment>,
}

/// The keys that a word names: one key, or all of a mapping such as `sizing.cpu`.
///
/// # Errors
/// When there is no such key, with the nearest that there is.
pub fn keys_named(keys: Vec<ExplainedKey>, word: &str) -> Result<Vec<ExplainedKey>, Problem> {
    let (found, others): (Vec<_>, Vec<_>) = keys.into_iter().partition(|each| covers(word, &each.key));
    if !found.is_empty() {
        return Ok(found);
    }
    let known: Vec<&str> = others.iter().map(|each| each.key.as_str()).collect();
    let help = match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("keys that there are: {}", known.join(", ")),
    };
    Err(Problem::new(UNKNOWN_KEY, format!("unknown key `{}`", shown(word)), help))
}

/// What all layers together say, and who said what. `layers` are those of [`crate::effective_policy`].
pub fn explain_policy(layers: &[Layer], asked: Asked<'_>) -> Explanation {
    let layered = speaking(layers, asked);
    let policy = combine(&layered, asked);
    let defaults = EffectivePolicy::default();
    let mut explained: Vec<ExplainedKey> = effective_keys(&policy)
        .into_iter()
        .zip(keys())
        .map(|(effective, key)| ExplainedKey {
            key: effective.path.to_owned(),
            merge: if key.is_guardrail() { "guardrail" } else { "preference" },
            value: effective.value,
            default: key.show(&defaults),
            set_by: effective.set_by,
            said: key.said(&layered),
        })
        .collect();
    if let Some(enabled) = explained.iter_mut().find(|key| key.key == "enabled") {
        say_unselected(enabled, &layered, asked);
    }
    explained.push(blackouts(&policy));
    explained.push(silences(&policy));
    let undecided = match asked {
        Asked::Path(_) => layered.iter().flat_map(Layered::undecided).collect(),
        Asked::Workload(_) => Vec::new(),
    };
    Explanation { policy, keys: explained, undecided, environment: environment_of(layers, asked) }
}

/// Selectors and exclusions speak of `enabled` without naming it.
fn say_unselected(enabled: &mut ExplainedKey, layered: &[Layered<'_>], asked: Asked<'_>) {
    let Some(by) = enabled.set_by.clone() else { return };
    for at in layered.iter().filter_map(|layer| layer.unselected(asked)) {
        let standing = if at == by { Standing::Counts } else { Standing::Careful(by.clone()) };
        enabled.said.push(Said { at, value: json!(false), standing });
    }
    for said in &mut enabled.said {
        if said.standing == Standing::Counts && said.at != by {
            said.standing = Standing::Careful(by.clone());
        }
    }
}

/// Blackouts add up: every one counts.
fn blackouts(policy: &EffectivePolicy) -> ExplainedKey {
    let by = |index: usize| policy.set_by.get(&format!("blackouts[{index}]")).cloned().unwrap_or_default();
    let shown = policy.blackouts.iter().enumerate();
    adding_up("blackouts", shown.map(|(index, blackout)| (by(index), shown_blackout(blackout))))
}

/// So do silences of the layers that may set them.
fn silences(policy: &EffectivePolicy) -> ExplainedKey {
    let shown = policy.findings.silences.iter();
    adding_up(SILENCES, shown.map(|silence| (silence.by.clone(), shown_silence(silence))))
}

fn adding_up(key: &str, all: impl Iterator<Item = (String, Value)>) -> ExplainedKey {
    let said: Vec<Said> = all.map(|(at, value)| Said { at, value, standing: Standing::Counts }).collect();
    let values: Vec<Value> = said.iter().map(|said| said.value.clone()).collect();
    ExplainedKey {
        key: key.to_owned(),
        merge: "guardrail",
        value: json!(values),
        default: json!([]),
        set_by: said.first().map(|first| match said.len() {
            1 => first.at.clone(),
            more => format!("{} and {} more", first.at, more - 1),
        }),
        said,
    }
}

fn shown_silence(silence: &Silence) -> Value {
    let mut shown = json!({ "reason": silence.reason });
    if !silence.kinds.is_empty() {
        shown["kinds"] = json!(silence.kinds);
    }
    match &silence.when {
        SilentTime::Span { from_unix_s, to_unix_s } => {
            let at = |second: &i64| Timestamp::from_second(*second).map(|at| at.to_string()).ok();
            for (key, second) in [("from", from_unix_s), ("to", to_unix_s)] {
                if let Some(at) = second.as_ref().and_then(at) {
                    shown[key] = json!(at);
                }
            }
        }
        SilentTime::Recurring { cron, seconds, timezone } => {
            shown["cron"] = json!(cron);
            shown["duration"] = json!(crate::text::values::span_text(*seconds));
            shown["timezone"] = json!(timezone);
        }
    }
    shown
}

fn shown_blackout(blackout: &kubeopt_model::policy::Blackout) -> Value {
    let duration = crate::text::values::span_text(blackout.seconds);
    let mut shown = json!({ "cron": blackout.cron, "duration": duration, "timezone": blackout.timezone });
    if let Some(reason) = &blackout.reason {
        shown["reason"] = json!(reason);
    }
    shown
}

/// An object of the cluster that speaks of some workloads only: what it allows holds for these.
fn is_for_some(layer: &Layer) -> bool {
    layer.file.is_object() && layer.file.selectors.is_some()
}

/// The keys of a repository's layer that its operators do not allow, each at its line: they have no effect. Those of a
/// preset are told together, at the line that extends it.
pub fn not_allowed(operators: &[Layer], layer: &Layer) -> Vec<Problem> {
    let all: Vec<Layered<'_>> = operators
        .iter()
        .filter(|each| each.file.is_operators() && !is_for_some(each))
        .map(Layered::of_all)
        .collect();
    let own = Layered::of_all(layer);
    let mut problems = Vec::new();
    let mut of_preset: Option<(Origin<'_>, Ban<'_>, Vec<&str>)> = None;
    let preferences = keys().filter(|key| !key.is_guardrail()).map(|key| (key.path(), key.origins(&own)));
    for (path, origins) in preferences.chain([(SILENCES, own.silence_origins())]) {
        let Some(ban) = own.ban(path, &all) else { continue };
        for origin in origins {
            if origin.preset().is_some() {
                of_preset.get_or_insert((origin, ban, Vec::new())).2.push(path);
            } else {
                let text = format!("`{path}` is not taken: {ban} does not hold it");
                let help =
                    format!("remove it here, or ask the operator to add `{path}` to `allowedOverrides`");
                problems.push(origin.problem(NOT_ALLOWED, text, help));
            }
        }
    }
    if let Some((origin, ban, paths)) = of_preset {
        let preset = origin.preset().unwrap_or_default();
        let text = format!(
            "of `{preset}`, these keys are not taken: {}; {ban} does not hold them",
            paths.join(", ")
        );
        let help = "its guardrails hold; ask the operator to add the others to `allowedOverrides`".to_owned();
        problems.push(origin.problem(NOT_ALLOWED, text, help));
    }
    problems.sort_by_key(|problem| problem.place.as_ref().and_then(|place| place.line));
    problems
}
