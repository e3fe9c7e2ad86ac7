//! Small changes are not worth a person's time. Per resource a change must reach a share of the present value and an amount;
//! request and limit of one container count together, and what cures an OOM kill is never too small. Nor is what a person gave,
//! or what is created: nothing is a share of nothing.

use kubeopt_model::recommendation::SET_BY_HAND;
use kubeopt_model::{Amount, Change, Resource};

use crate::guardrails::guardrail::{Guardrail, Judgement};
use crate::wanted::{Wanted, is_fed};

pub(super) const GUARDRAIL: Guardrail =
    Guardrail { name: "ignore-below", about: "changes too small to be worth a pull request are left", judge };

fn judge(wanted: &Wanted<'_>) -> Judgement {
    if wanted.creates || wanted.cures_oom() || is_given(wanted) || is_large(wanted, wanted.value) {
        return Judgement::Pass;
    }
    let rides_along = wanted.recommendation.changes.iter().any(|other| {
        let shares = || wanted.members.iter().any(|member| is_fed(member, other.field, other.value));
        let cures = wanted.recommendation.cures_oom
            && wanted.resource() == Resource::Memory
            && other.value.after > other.value.before;
        other.field.resource == wanted.resource() && (cures || is_large(wanted, other.value)) && shares()
    });
    if rides_along {
        return Judgement::Pass;
    }
    let changes = &wanted.context.policy.changes;
    Judgement::TooSmall(format!(
        "{} to {} is less than {:.0}% or less than {} (changes.ignoreBelow)",
        wanted.value.before,
        wanted.value.after,
        changes.ignore_below_ratio * 100.0,
        least(wanted)
    ))
}

/// A person asked for it, and was bothered already.
fn is_given(wanted: &Wanted<'_>) -> bool {
    let mut reasons = wanted.recommendation.reasons.iter();
    reasons.any(|reason| reason.rule == SET_BY_HAND && reason.field == wanted.field)
}

fn is_large(wanted: &Wanted<'_>, value: Change<Amount>) -> bool {
    !wanted.context.policy.changes.is_too_small(value.before, value.after)
}

fn least(wanted: &Wanted<'_>) -> Amount {
    let changes = &wanted.context.policy.changes;
    match wanted.resource() {
        Resource::Cpu => Amount::Cpu(changes.ignore_below_cpu),
        Resource::Memory => Amount::Memory(changes.ignore_below_memory),
    }
}
