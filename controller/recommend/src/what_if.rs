//! What would change an outcome: the same decision again with one thing changed, in the policy, in what was seen, or around
//! the container. Nothing is told that was not computed. How an outcome is made is handed in, so that guardrails can have
//! their say.

mod evidence;
mod policy;

use kubeopt_model::recommendation::WhatIf;
use kubeopt_model::{Amount, Bound, EffectivePolicy, Field, Resource, Resources};

use crate::evidence::Evidence;
use evidence::{highest, scaled};

/// What a container ends with, present values where nothing is proposed.
pub type Outcome<'a> = &'a dyn Fn(&Evidence, &EffectivePolicy) -> Resources;

/// Most usage that is tried, as a factor of what was seen; beyond lies another workload.
const MOST_USE: f64 = 4.0;

/// Least usage that is tried.
const LEAST_USE: f64 = 0.25;

/// Halvings of a range of factors: 4 in 4,000ths is finer than values are rounded.
const HALVINGS: u32 = 12;

/// Everything that was tried and changes a value, by field and in the order of trial.
pub fn what_if(evidence: &Evidence, policy: &EffectivePolicy, outcome: Outcome<'_>) -> Vec<WhatIf> {
    let trial = Trial { now: outcome(evidence, policy), evidence, policy, outcome };
    let mut found = Vec::new();
    for (change, other) in policy::others(evidence, policy) {
        found.extend(trial.differing(&change, &outcome(evidence, &other), &Field::ALL));
    }
    for (change, other, fields) in evidence::others(evidence) {
        found.extend(trial.differing(&change, &outcome(&other, policy), fields));
    }
    found.extend(trial.thresholds());
    found.sort_by_key(|what_if| what_if.field);
    found
}

struct Trial<'a> {
    now: Resources,
    evidence: &'a Evidence,
    policy: &'a EffectivePolicy,
    outcome: Outcome<'a>,
}

impl Trial<'_> {
    fn differing(&self, change: &str, then: &Resources, fields: &[Field]) -> Vec<WhatIf> {
        let differ = fields.iter().filter(|field| self.now.get(**field) != then.get(**field));
        let what_if = |field: &Field| WhatIf {
            change: change.to_owned(),
            field: *field,
            now: self.now.get(*field),
            then: then.get(*field),
        };
        differ.map(what_if).collect()
    }

    /// How much more, or less, must be used for another request.
    fn thresholds(&self) -> Vec<WhatIf> {
        let mut found = Vec::new();
        for resource in [Resource::Cpu, Resource::Memory] {
            let request = Field { bound: Bound::Request, resource };
            let all = |factor: f64| scaled(self.evidence, resource, factor);
            let percent = |factor: f64| format!("{:.0} %", ((factor - 1.0) * 100.0).abs().ceil());
            found.extend(self.least(request, MOST_USE, &all, &|factor| {
                format!("{} more {resource} in every sample", percent(factor))
            }));
            found.extend(self.least(request, LEAST_USE, &all, &|factor| {
                format!("{} less {resource} in every sample", percent(factor))
            }));
        }
        let Some(memory) = self.evidence.usage.as_ref().and_then(|usage| usage.memory.as_ref()) else {
            return found;
        };
        let peak = |factor: f64| highest(self.evidence, memory.max * factor);
        found.extend(self.least(Field::MEMORY_REQUEST, MOST_USE, &peak, &|factor| {
            // The cast saturates.
            let highest = Amount::from_base(Resource::Memory, (memory.max * factor).ceil() as u64);
            format!("one day whose highest sample is {} or more", highest.rounded_up())
        }));
        found
    }

    /// The factor nearest to 1 at which the field comes out otherwise; none where even the last one changes nothing.
    fn least(
        &self,
        field: Field,
        last: f64,
        with: &dyn Fn(f64) -> Option<Evidence>,
        said: &dyn Fn(f64) -> String,
    ) -> Option<WhatIf> {
        let at = |factor: f64| Some((self.outcome)(&with(factor)?, self.policy).get(field));
        let now = self.now.get(field);
        if at(last)? == now {
            return None;
        }
        let (mut same, mut other) = (1.0, last);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(same, other);
            if at(middle)? == now { same = middle } else { other = middle }
        }
        Some(WhatIf { change: said(other), field, now, then: at(other)? })
    }
}

#[cfg(test)]
mod tests;
