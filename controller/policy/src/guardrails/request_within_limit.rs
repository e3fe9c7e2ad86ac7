//! No pod ends with a request above its limit: the API server would refuse it.

use kubeopt_model::Bound;

use crate::guardrails::bounds::{at_least, at_most};
use crate::guardrails::guardrail::{Guardrail, Judgement};
use crate::wanted::Wanted;

pub(super) const GUARDRAIL: Guardrail =
    Guardrail { name: "request-within-limit", about: "no request ends above its limit", judge };

fn judge(wanted: &Wanted<'_>) -> Judgement {
    let others = wanted.members.iter().filter_map(|member| wanted.other_bound(member));
    match wanted.field.bound {
        Bound::Request => match others.min() {
            Some(limit) => at_most(wanted, limit, || format!("not above its limit of {limit}")),
            None => Judgement::Pass,
        },
        Bound::Limit => match others.max() {
            Some(request) => at_least(wanted, request, || format!("not below its request of {request}")),
            None => Judgement::Pass,
        },
    }
}
