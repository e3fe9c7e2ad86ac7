//! *Merge*: whether kubeopt may merge a pull request of its own. Everything must speak for it; what is unknown speaks
//! against. Knows no forge.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kubeopt_model::EffectivePolicy;
use kubeopt_model::policy::{Environment, RevertMode};

use crate::approval::{Voices, approval_missing, approval_needed};
use crate::hold::blackout;
use crate::size::{ChangeSize, percent};

/// Names that a sentence holds; the rest is counted.
const NAMES_TOLD_MAX: usize = 5;

/// Characters of a name that a sentence holds.
const NAME_CHARS_MAX: usize = 60;

/// An open pull request of kubeopt, as the forge and the journal tell it.
#[derive(Debug, Clone, Copy)]
pub struct Merging<'a> {
    /// Now.
    pub now: Timestamp,
    /// What people think of it.
    pub voices: &'a Voices,
    /// Checks of its head commit that failed, were cancelled or timed out.
    pub red: &'a [String],
    /// Checks of its head commit that have not ended.
    pub pending: &'a [String],
    /// Checks of its head commit that succeeded.
    pub green: &'a [String],
    /// The environment of each workload that it changes; none where nothing tells one.
    pub environments: &'a [Option<Environment>],
    /// The least confidence of all its values, 0 to 1; none where one is unknown.
    pub confidence: Option<f64>,
    /// How large its changes are.
    pub size: &'a ChangeSize,
    /// It is a draft.
    pub is_draft: bool,
    /// Its branch holds a commit of somebody else.
    pub is_touched: bool,
    /// Somebody holds it back.
    pub is_held: bool,
}

/// Why kubeopt does not merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hindrance {
    /// The guardrail: `negative-review`, `red-check`, ...
    pub guardrail: &'static str,
    /// The sentence, with its numbers, without a full stop.
    pub text: String,
}

/// Whether kubeopt may merge a rightsizing pull request.
///
/// # Errors
/// Everything that stands against it, never empty.
pub fn may_merge(merging: &Merging<'_>, policy: &EffectivePolicy) -> Result<(), Vec<Hindrance>> {
    let mut against = Vec::new();
    if !policy.auto_merge.enabled {
        let by = policy.set_by.get("autoMerge.enabled");
        let by = by.map_or_else(|| "by default".to_owned(), |by| format!("by {by}"));
        against.push(told("auto-merge", format!("people merge it: autoMerge.enabled is false {by}")));
    }
    against.extend(environment(merging.environments, &policy.auto_merge.environments));
    against.extend(values(merging, policy));
    let missing = approval_missing(approval_needed(merging.size, policy).as_ref(), merging.voices);
    against.extend(missing.map(|text| told("approval", text)));
    against.extend(never(merging, policy));
    against.extend(required(merging.green, &policy.auto_merge.require_status));
    if against.is_empty() { Ok(()) } else { Err(against) }
}

/// Whether kubeopt may merge a revert of its own change that did harm: where `watch.revert` says so, and nothing and nobody
/// speaks against it. Neither size nor environment matter: it brings back what ran before.
///
/// # Errors
/// Everything that stands against it, never empty.
pub fn may_merge_revert(merging: &Merging<'_>, policy: &EffectivePolicy) -> Result<(), Vec<Hindrance>> {
    let mut against = Vec::new();
    if policy.watch.revert != RevertMode::AutoMerge {
        against.push(told("auto-merge", "people merge reverts: watch.revert is not auto-merge".to_owned()));
    }
    against.extend(never(merging, policy));
    against.extend(required(merging.green, &policy.auto_merge.require_status));
    if against.is_empty() { Ok(()) } else { Err(against) }
}

/// What no policy can switch off.
fn never(merging: &Merging<'_>, policy: &EffectivePolicy) -> Vec<Hindrance> {
    let mut against = Vec::new();
    let objecting: Vec<String> = merging.voices.objecting.iter().cloned().collect();
    let named = [
        ("negative-review", "objected to by", &objecting[..]),
        ("red-check", "checks are red:", merging.red),
        ("pending-check", "checks have not ended:", merging.pending),
    ];
    for (guardrail, what, names) in named {
        if !names.is_empty() {
            against.push(told(guardrail, format!("{what} {}", list(names))));
        }
    }
    let states = [
        ("draft", merging.is_draft, "it is a draft"),
        ("edited", merging.is_touched, "its branch holds a commit of somebody else"),
        ("hold", merging.is_held, "somebody holds it back"),
    ];
    let states = states.into_iter().filter(|(_, is_so, _)| *is_so);
    against.extend(states.map(|(guardrail, _, text)| told(guardrail, text.to_owned())));
    against.extend(blackout(policy, merging.now).map(|hold| told(hold.guardrail, hold.text)));
    against
}

fn environment(of: &[Option<Environment>], allowed: &BTreeSet<Environment>) -> Option<Hindrance> {
    let names = |environments: &mut dyn Iterator<Item = Environment>| {
        environments.map(Environment::as_str).collect::<Vec<_>>().join(", ")
    };
    let listed = match names(&mut allowed.iter().copied()) {
        none if none.is_empty() => "none".to_owned(),
        some => some,
    };
    if of.is_empty() || of.contains(&None) {
        let text = format!("the environment of a workload is unknown (autoMerge.environments: {listed})");
        return Some(told("environment", text));
    }
    let others: BTreeSet<Environment> =
        of.iter().flatten().copied().filter(|each| !allowed.contains(each)).collect();
    (!others.is_empty()).then(|| {
        let text =
            format!("it changes {} (autoMerge.environments: {listed})", names(&mut others.into_iter()));
        told("environment", text)
    })
}

/// Size, confidence and risk of the values.
fn values(merging: &Merging<'_>, policy: &EffectivePolicy) -> Vec<Hindrance> {
    let (limits, size) = (&policy.auto_merge, merging.size);
    let mut against = Vec::new();
    if size.ratio() > limits.max_change {
        let most = percent(limits.max_change);
        let text =
            format!("a value moves by {}, at most {most} (autoMerge.maxChange)", percent(size.ratio()));
        against.push(told("max-change", text));
    }
    if size.unmeasured > 0 {
        let text = format!("{} values appear or go (autoMerge.maxChange)", size.unmeasured);
        against.push(told("max-change", text));
    }
    against.extend(unsure(merging.confidence, limits.min_confidence, "autoMerge.minConfidence"));
    if size.risk > limits.max_risk {
        let text = format!("its risk is {}, at most {} (autoMerge.maxRisk)", size.risk, limits.max_risk);
        against.push(told("risk", text));
    }
    against
}

/// Whether a value is too unsure to be proposed (`changes.minConfidence`); none if it may be.
pub fn unsure_value(confidence: Option<f64>, policy: &EffectivePolicy) -> Option<Hindrance> {
    unsure(confidence, policy.changes.min_confidence, "changes.minConfidence")
}

/// Unknown is below every threshold but 0.
fn unsure(confidence: Option<f64>, least: f64, key: &str) -> Option<Hindrance> {
    let text = match confidence {
        // A number that is none is below everything.
        Some(have) if have >= least => return None,
        None if least <= 0.0 => return None,
        Some(have) => format!("confidence is {have:.2}, at least {least} ({key})"),
        None => format!("confidence is unknown, at least {least} ({key})"),
    };
    Some(told("confidence", text))
}

fn required(green: &[String], required: &BTreeSet<String>) -> Option<Hindrance> {
    let missing: Vec<String> = required.iter().filter(|name| !green.contains(name)).cloned().collect();
    (!missing.is_empty())
        .then(|| told("required-check", format!("not green: {} (autoMerge.requireStatus)", list(&missing))))
}

fn told(guardrail: &'static str, text: String) -> Hindrance {
    Hindrance { guardrail, text }
}

/// Names from outside, short and printable.
fn list(names: &[String]) -> String {
    // Marks of direction and of no width could make a sentence read as another one.
    let is_odd = |c: char| {
        c.is_control()
            || matches!(c, '`' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let shown = |name: &String| name.chars().filter(|c| !is_odd(*c)).take(NAME_CHARS_MAX).collect::<String>();
    let told: Vec<String> = names.iter().take(NAMES_TOLD_MAX).map(shown).collect();
    match names.len().saturating_sub(NAMES_TOLD_MAX) {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}
