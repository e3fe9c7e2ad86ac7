//! Sizes one container: runs every rule and keeps what each said.

use kubeopt_model::policy::{EffectivePolicy, LimitPolicy};
use kubeopt_model::recommendation::{Effect, SET_BY_HAND};
use kubeopt_model::workload::QosClass;
use kubeopt_model::{Amount, Bound, Field, Reason, Resource, Resources};

pub use crate::draft::Sizing;

use crate::draft::Draft;
use crate::evidence::Evidence;
use crate::given::GivenValue;
use crate::past::Past;
use crate::rules::RULES;

/// Sizes one container by all rules, rounded up to readable quantities. Limits that nothing sets stay unset; a request
/// that nothing sets gets a value, unless a limit stands for it that follows the usage itself.
pub fn size(evidence: &Evidence, policy: &EffectivePolicy) -> Sizing {
    size_with(evidence, policy, Past::of(evidence, policy))
}

/// The same, with what strategies are told.
pub(crate) fn size_with(evidence: &Evidence, policy: &EffectivePolicy, past: Past) -> Sizing {
    let now = evidence.container.resources;
    let sizing = Sizing {
        resources: now,
        removes: Vec::new(),
        reasons: Vec::new(),
        left: Vec::new(),
        cures_oom: false,
        terms: Vec::new(),
    };
    let mut draft = Draft { past, wanted: Resources::default(), sizing };
    for rule in RULES {
        for say in (rule.speak)(evidence, policy, &draft) {
            draft.apply(rule.name, say);
        }
    }
    finish(draft, evidence, policy)
}

fn finish(draft: Draft, evidence: &Evidence, policy: &EffectivePolicy) -> Sizing {
    let Draft { wanted, mut sizing, .. } = draft;
    let now = evidence.container.resources;
    for field in Field::ALL {
        let stays = now.get(field).is_none() || sizing.left_because(field).is_some();
        if let (false, Some(value)) = (stays, wanted.get(field)) {
            // A value that is wanted exactly as it stands is not rounded away from it.
            let value = if Some(value) == now.get(field) { value } else { value.rounded_up() };
            sizing.resources.set(field.bound, value);
        }
    }
    for resource in [Resource::Cpu, Resource::Memory] {
        keep_limit_above_request(&mut sizing.resources, resource);
        let request = Field { bound: Bound::Request, resource };
        if now.get(request).is_none()
            && sizing.left_because(request).is_none()
            && !limit_is_sized_as_request(evidence, policy, resource)
            && let Some(value) = created(&sizing, evidence, wanted.get(request))
        {
            sizing.resources.set(Bound::Request, value);
        }
    }
    // Of memory that may not move nothing cures anything.
    let held = |field| sizing.left_because(field).is_some();
    sizing.cures_oom &= !(held(Field::MEMORY_REQUEST) && held(Field::MEMORY_LIMIT));
    give(&mut sizing, &evidence.given);
    sizing
}

/// Whether a limit that stands for the request is sized as the request that it is: one beside it would only change the
/// pod's class, or nothing.
fn limit_is_sized_as_request(evidence: &Evidence, policy: &EffectivePolicy, resource: Resource) -> bool {
    let limits = match resource {
        Resource::Cpu => policy.sizing.cpu_limit,
        Resource::Memory => policy.sizing.memory_limit,
    };
    evidence.container.resources.get(Field { bound: Bound::Limit, resource }).is_some()
        && (evidence.workload.qos_class() == QosClass::Guaranteed || limits == LimitPolicy::Ratio)
}

/// The request to create, within the limit that the container has or is given. A request of nothing is none.
fn created(sizing: &Sizing, evidence: &Evidence, wanted: Option<Amount>) -> Option<Amount> {
    let wanted = wanted?.rounded_up();
    let limit = Field { bound: Bound::Limit, resource: wanted.resource() };
    let limit = sizing.resources.get(limit).or_else(|| evidence.filled_in.get(limit));
    Some(limit.map_or(wanted, |limit| wanted.min(limit))).filter(|value| value.base() > 0)
}

/// Puts given values in the place of what was sized.
fn give(sizing: &mut Sizing, given: &[GivenValue]) {
    for GivenValue { field, value, text } in given {
        sizing.left.retain(|(left, _)| left != field);
        sizing.removes.retain(|removed| removed != field);
        sizing.resources.set(field.bound, *value);
        for earlier in sizing.reasons.iter_mut().filter(|earlier| earlier.field == *field) {
            earlier.bound = false;
        }
        let (rule, effect) = (SET_BY_HAND.to_owned(), Effect::Prefer(*value));
        let reason = Reason { rule, field: *field, effect, bound: true, text: text.clone() };
        sizing.reasons.push(reason);
    }
}

/// Rounding may lift a request above a limit that was equal to it.
fn keep_limit_above_request(resources: &mut Resources, resource: Resource) {
    let field = |bound| Field { bound, resource };
    let request = resources.get(field(Bound::Request));
    let limit = resources.get(field(Bound::Limit));
    if let (Some(request), Some(limit)) = (request, limit)
        && request > limit
    {
        resources.set(Bound::Limit, request);
    }
}
