//! Sizes one container: runs every rule and keeps what each said.

use kubeopt_model::policy::{EffectivePolicy, LimitPolicy};
use kubeopt_model::recommendation::{CostTerms, Effect};
use kubeopt_model::workload::QosClass;
use kubeopt_model::{Amount, Bound, Field, NoRecommendation, Reason, Resource, Resources};
use kubeopt_strategies::{Chosen, History};

use crate::evidence::Evidence;
use crate::given::give;
use crate::past::Past;
use crate::rules::{RULES, Say};

/// What one container should have, and why.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sizing {
    /// Requests and limits that are wanted; a field that stays has its present value, one that should go the value for
    /// where it has to stay. A request that is not set has the value that should be created.
    pub resources: Resources,
    /// Limits that should go.
    pub removes: Vec<Field>,
    /// What the rules said, in their order.
    pub reasons: Vec<Reason>,
    /// Fields that may not move, with the reason.
    pub left: Vec<(Field, NoRecommendation)>,
    /// An OOM kill is what a value cures.
    pub cures_oom: bool,
    /// The terms of values that an explicit cost chose.
    pub terms: Vec<CostTerms>,
}

impl Sizing {
    /// Why this field may not move, if so.
    pub fn left_because(&self, field: Field) -> Option<&NoRecommendation> {
        self.left.iter().find(|(left, _)| *left == field).map(|(_, why)| why)
    }
}

/// The state that rules read and write: per field, a wanted value under its bounds.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    past: Past,
    wanted: Resources,
    sizing: Sizing,
}

impl Draft {
    /// The history as strategies are told it, made once for all rules; none without usage.
    pub(crate) fn history<'a>(&'a self, evidence: &'a Evidence) -> Option<History<'a>> {
        self.past.history(evidence)
    }

    /// What an explicit cost gives: now, or where a past day is asked for, what it gave then.
    pub(crate) fn chosen(
        &self,
        resource: Resource,
        evidence: &Evidence,
        give: impl FnOnce(&History<'_>) -> Option<Chosen>,
    ) -> Option<Chosen> {
        match self.past.given_then() {
            Some(given) => given.of(resource),
            None => self.history(evidence).and_then(|history| give(&history)),
        }
    }

    /// The value as it is wanted so far; none where nothing speaks of the field and nothing is set.
    pub(crate) fn value(&self, field: Field) -> Option<Amount> {
        self.wanted.get(field)
    }

    /// Whether the field may still move.
    pub(crate) fn may_move(&self, field: Field) -> bool {
        self.sizing.left_because(field).is_none()
    }

    /// Whether a value so far cures OOM kills.
    pub(crate) fn cures_oom(&self) -> bool {
        self.sizing.cures_oom
    }

    fn apply(&mut self, rule: &'static str, say: Say) {
        match say {
            Say::Prefer(field, amount, text) => {
                let effect = Effect::Prefer(amount);
                self.put(amount, Reason { rule: rule.to_owned(), field, effect, bound: true, text });
            }
            Say::AtLeast(field, amount, text) => {
                let bound = self.value(field).is_none_or(|now| now < amount);
                let value = self.value(field).map_or(amount, |now| now.max(amount));
                let effect = Effect::AtLeast(amount);
                self.put(value, Reason { rule: rule.to_owned(), field, effect, bound, text });
            }
            Say::AtMost(field, amount, text) => {
                if self.value(field).is_some_and(|now| now > amount) {
                    let effect = Effect::AtMost(amount);
                    self.put(amount, Reason { rule: rule.to_owned(), field, effect, bound: true, text });
                }
            }
            Say::Remove(field, amount, text) => {
                if self.may_move(field) {
                    let value = self.value(field).map_or(amount, |now| now.max(amount));
                    let (rule, effect) = (rule.to_owned(), Effect::Remove);
                    self.put(value, Reason { rule, field, effect, bound: true, text });
                    self.sizing.removes.push(field);
                }
            }
            Say::Leave(field, why, text) => {
                if self.may_move(field) {
                    self.sizing.left.push((field, why));
                    self.note(rule, field, Effect::Leave, true, text);
                }
            }
            Say::Note(field, text) => self.note(rule, field, Effect::Note, false, text),
            Say::Terms(terms) => self.sizing.terms.push(terms),
            Say::CuresOom => self.sizing.cures_oom = true,
        }
    }

    /// Takes a value over, with the reason for it.
    fn put(&mut self, value: Amount, reason: Reason) {
        let field = reason.field;
        if !self.may_move(field) {
            return;
        }
        if reason.bound {
            for earlier in self.sizing.reasons.iter_mut().filter(|earlier| earlier.field == field) {
                earlier.bound = false;
            }
        }
        self.wanted.set(field.bound, value);
        self.sizing.reasons.push(reason);
    }

    fn note(&mut self, rule: &str, field: Field, effect: Effect, bound: bool, text: String) {
        self.sizing.reasons.push(Reason { rule: rule.to_owned(), field, effect, bound, text });
    }
}

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
