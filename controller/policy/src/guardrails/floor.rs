//! Requests are not lowered below the floor of the policy.

use kubeopt_model::{Amount, Bound, Resource};

use crate::guardrails::bounds::at_least;
use crate::guardrails::guardrail::{Guardrail, Judgement};
use crate::wanted::Wanted;

pub(super) const GUARDRAIL: Guardrail =
    Guardrail { name: "floor", about: "requests are not lowered below the floor of the policy", judge };

fn judge(wanted: &Wanted<'_>) -> Judgement {
    // A limit that stands alone is the request too: the API server copies it.
    let is_request = wanted.field.bound == Bound::Request
        || wanted.members.iter().any(|member| wanted.other_bound(member).is_none());
    if !is_request {
        return Judgement::Pass;
    }
    let sizing = &wanted.context.policy.sizing;
    let (low, key) = match wanted.resource() {
        Resource::Cpu => (Amount::Cpu(sizing.cpu_floor), "sizing.cpu.floor"),
        Resource::Memory => (Amount::Memory(sizing.memory_floor), "sizing.memory.floor"),
    };
    at_least(wanted, low, || format!("not below the floor of {low} ({key})"))
}
