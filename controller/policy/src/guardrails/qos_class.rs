//! A Guaranteed pod stays Guaranteed: request and limit of its containers stay equal, so both move or neither does, and no
//! request is created beside a limit that is the request too. No limit goes that the pod's class rests on.

use kubeopt_model::recommendation::Member;
use kubeopt_model::workload::{QosClass, qos_class};

use crate::guardrails::bounds::{at_least, at_most};
use crate::guardrails::guardrail::{Guardrail, Judgement};
use crate::wanted::{Removing, Wanted, resources_after};

pub(super) const GUARDRAIL: Guardrail =
    Guardrail { name: "qos-class", about: "a Guaranteed pod stays Guaranteed", judge };

fn judge(wanted: &Wanted<'_>) -> Judgement {
    let others = wanted.members.iter().filter(|member| is_guaranteed(wanted, member));
    let others: Vec<_> = others.filter_map(|member| wanted.other_bound(member)).collect();
    let text = || "request and limit stay equal: the pod's class stays Guaranteed".to_owned();
    if wanted.creates && others.iter().any(|other| *other != wanted.value.after) {
        return Judgement::Refuse(text());
    }
    // Of the two, the one nearer to what stands now decides.
    let other = if wanted.raises() { others.into_iter().min() } else { others.into_iter().max() };
    match other {
        Some(other) if wanted.raises() => at_most(wanted, other, text),
        Some(other) => at_least(wanted, other, text),
        None => Judgement::Pass,
    }
}

/// A limit stays where the pod's class would change without it.
pub(super) fn demands(removing: &Removing<'_>) -> Option<String> {
    removing.members.iter().find_map(|member| {
        let id = &member.container.workload;
        let workload = removing.context.facts_of(&id.cluster).and_then(|facts| facts.workload(id));
        let (before, after) = match workload {
            Some(workload) => {
                let containers = workload.containers.iter();
                let after: Vec<_> =
                    containers.map(|each| resources_after(removing.recommendation, workload, each)).collect();
                (workload.qos_class(), qos_class(&after))
            }
            None => (qos_class([&member.resources.before]), qos_class([&member.resources.after])),
        };
        (before != after)
            .then(|| format!("the pod's class stays {before}; without this limit it would be {after}"))
    })
}

/// The pod's class where the cluster shows the pod; else that of the container alone.
fn is_guaranteed(wanted: &Wanted<'_>, member: &Member) -> bool {
    let class = match wanted.workload(&member.container.workload) {
        Some(workload) => workload.qos_class(),
        None => qos_class([&member.resources.before]),
    };
    class == QosClass::Guaranteed
}
