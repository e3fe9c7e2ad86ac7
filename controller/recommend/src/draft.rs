//! What the rules make of one container: the state that they read and write, and what is left of it.

use kubeopt_model::recommendation::{CostTerms, Effect};
use kubeopt_model::{Amount, Field, NoRecommendation, Reason, Resource, Resources};
use kubeopt_strategies::{Chosen, History};

use crate::evidence::Evidence;
use crate::past::Past;
use crate::rules::say::Say;

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
    pub(crate) past: Past,
    pub(crate) wanted: Resources,
    pub(crate) sizing: Sizing,
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

    pub(crate) fn apply(&mut self, rule: &'static str, say: Say) {
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
