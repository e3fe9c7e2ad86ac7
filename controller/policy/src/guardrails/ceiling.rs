//! Requests are not raised above the ceiling of the policy. One that is above already may come down in steps: lowering it
//! at once could take what the workload uses.

use kubeopt_model::{Amount, Bound, Resource};

use crate::guardrails::bounds::at_most;
use crate::guardrails::guardrail::{Guardrail, Judgement};
use crate::wanted::Wanted;

pub(super) const GUARDRAIL: Guardrail =
    Guardrail { name: "ceiling", about: "requests are not raised above the ceiling of the policy", judge };

fn judge(wanted: &Wanted<'_>) -> Judgement {
    let is_request = wanted.field.bound == Bound::Request
        || wanted.members.iter().any(|member| wanted.other_bound(member).is_none());
    let sizing = &wanted.context.policy.sizing;
    let (high, key) = match wanted.resource() {
        Resource::Cpu => (sizing.cpu_ceiling.map(Amount::Cpu), "sizing.cpu.ceiling"),
        Resource::Memory => (sizing.memory_ceiling.map(Amount::Memory), "sizing.memory.ceiling"),
    };
    match high {
        Some(high) if is_request => {
            at_most(wanted, high, || format!("not above the ceiling of {high} ({key})"))
        }
        Some(_) | None => Judgement::Pass,
    }
}
