//! A Guaranteed pod stays Guaranteed: request and limit of its containers stay equal, so both move or neither does.

use kubeopt_model::recommendation::Member;
use kubeopt_model::workload::{QosClass, qos_class};

use crate::guardrails::bounds::{at_least, at_most};
use crate::guardrails::{Guardrail, Judgement};
use crate::wanted::Wanted;

pub(super) const GUARDRAIL: Guardrail =
    Guardrail { name: "qos-class", about: "a Guaranteed pod stays Guaranteed", judge };

fn judge(wanted: &Wanted<'_>) -> Judgement {
    let others = wanted.members.iter().filter(|member| is_guaranteed(wanted, member));
    let others: Vec<_> = others.filter_map(|member| wanted.other_bound(member)).collect();
    let text = || "request and limit stay equal: the pod's class stays Guaranteed".to_owned();
    // Of the two, the one nearer to what stands now decides.
    let other = if wanted.raises() { others.into_iter().min() } else { others.into_iter().max() };
    match other {
        Some(other) if wanted.raises() => at_most(wanted, other, text),
        Some(other) => at_least(wanted, other, text),
        None => Judgement::Pass,
    }
}

/// The pod's class where the cluster shows the pod; else that of the container alone.
fn is_guaranteed(wanted: &Wanted<'_>, member: &Member) -> bool {
    let class = match wanted.workload(&member.container.workload) {
        Some(workload) => workload.qos_class(),
        None => qos_class([&member.resources.before]),
    };
    class == QosClass::Guaranteed
}
