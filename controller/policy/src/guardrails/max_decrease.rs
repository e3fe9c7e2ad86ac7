//! One pull request lowers a value by no more than the policy says; the next one may go on from there.

use kubeopt_model::Amount;

use crate::guardrails::bounds::{at_least, millionths, ppm};
use crate::guardrails::guardrail::{Guardrail, Judgement};
use crate::wanted::Wanted;

pub(super) const GUARDRAIL: Guardrail = Guardrail {
    name: "max-decrease",
    about: "one pull request lowers a value by no more than the policy says",
    judge,
};

fn judge(wanted: &Wanted<'_>) -> Judgement {
    let now = wanted.value.before;
    let decrease = wanted.context.policy.changes.max_decrease;
    let low = now.base().saturating_sub(millionths(now, ppm(decrease)));
    let low = Amount::from_base(wanted.resource(), low);
    at_least(wanted, low, || {
        format!("at most -{:.0}% of {now} in one pull request (changes.maxDecrease)", decrease * 100.0)
    })
}
