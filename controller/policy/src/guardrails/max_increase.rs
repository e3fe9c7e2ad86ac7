//! One pull request raises a value by no more than the policy says; the next one may go on from there.

use kubeopt_model::Amount;

use crate::guardrails::bounds::{at_most, millionths, ppm};
use crate::guardrails::guardrail::{Guardrail, Judgement};
use crate::wanted::Wanted;

pub(super) const GUARDRAIL: Guardrail = Guardrail {
    name: "max-increase",
    about: "one pull request raises a value by no more than the policy says",
    judge,
};

fn judge(wanted: &Wanted<'_>) -> Judgement {
    let now = wanted.value.before;
    // Nothing is a share of nothing: an increase from 0 has no measure.
    if now.base() == 0 {
        return Judgement::Pass;
    }
    let increase = wanted.context.policy.changes.max_increase;
    let high = now.base().saturating_add(millionths(now, ppm(increase)));
    let high = Amount::from_base(wanted.resource(), high);
    at_most(wanted, high, || {
        format!("at most +{:.0}% of {now} in one pull request (changes.maxIncrease)", increase * 100.0)
    })
}
