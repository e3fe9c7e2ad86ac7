//! Memory never falls below the highest sample of the window, unless the policy allows it.

use kubeopt_model::policy::BelowObservedMax;
use kubeopt_model::{Amount, Resource};

use crate::guardrails::bounds::at_least;
use crate::guardrails::guardrail::{Guardrail, Judgement};
use crate::wanted::Wanted;

pub(super) const GUARDRAIL: Guardrail = Guardrail {
    name: "observed-max",
    about: "memory is not lowered below the highest sample of the window",
    judge,
};

fn judge(wanted: &Wanted<'_>) -> Judgement {
    if wanted.resource() != Resource::Memory
        || wanted.context.policy.sizing.below_observed_max == BelowObservedMax::Allow
    {
        return Judgement::Pass;
    }
    let highest =
        wanted.members.iter().filter_map(|member| member.usage.memory.as_ref()).map(|usage| usage.max);
    let Some(highest) = highest.filter(|max| max.is_finite() && *max >= 0.0).max_by(f64::total_cmp) else {
        return Judgement::Pass;
    };
    // The cast is saturating; nothing uses 16 EiB.
    let low = Amount::from_base(Resource::Memory, highest.ceil() as u64);
    at_least(wanted, low, || {
        format!(
            "not below {}Mi, the highest sample of the window (sizing.belowObservedMax: never)",
            mebibytes(low)
        )
    })
}

fn mebibytes(amount: Amount) -> u64 {
    amount.base().div_ceil(kubeopt_model::quantity::MIB)
}
