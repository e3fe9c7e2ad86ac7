//! Memory that was needed once is needed again: the request is not below the highest sample of the window, unless the
//! policy allows it. The maximum is exact, never a sketch's estimate.

use kubeopt_model::policy::{BelowObservedMax, EffectivePolicy};
use kubeopt_model::quantity::MIB;
use kubeopt_model::{Amount, Bytes, Field};

use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    name: "highest-sample",
    about: "memory stays at or above the highest sample of the window",
    speak,
};

fn speak(evidence: &Evidence, policy: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    let Some(usage) = &evidence.usage else { return Vec::new() };
    let Some(memory) = usage.memory.as_ref() else { return Vec::new() };
    if policy.sizing.below_observed_max == BelowObservedMax::Allow {
        return Vec::new();
    }
    // The cast saturates; nothing uses 16 EiB.
    let highest = Amount::Memory(Bytes(memory.max.ceil() as u64));
    if draft.value(Field::MEMORY_REQUEST).is_none_or(|value| value >= highest) {
        return Vec::new();
    }
    let text = format!(
        "not below {:.0}Mi, the highest sample of {:.0} days (sizing.belowObservedMax: never)",
        (memory.max / MIB as f64).ceil(),
        usage.seen.days()
    );
    vec![Say::AtLeast(Field::MEMORY_REQUEST, highest, text)]
}
