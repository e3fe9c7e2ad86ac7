//! The registry of rules: one file each, one line here. They run in this order; a later rule sees what was said so far.

mod cost_terms;
pub(crate) mod cpu_cost;
mod cpu_quantile;
mod floor;
mod gpu;
mod highest_sample;
mod history;
pub(crate) mod java_heap;
mod leak;
mod lesson;
mod limits;
pub(crate) mod memory_cost;
mod memory_max;
mod nodes_alike;
pub(crate) mod oom_kill;
mod outlook;
mod partial_data;
mod peer;
mod scaler;
mod start_up;
mod throttling;
mod vpa;

#[cfg(test)]
pub(crate) mod fixture;

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::recommendation::CostTerms;
use kubeopt_model::{Amount, Field, NoRecommendation};

pub(crate) use throttling::is_throttled;

use crate::evidence::Evidence;
use crate::sizing::Draft;

/// What a rule says about one field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Say {
    /// Prefers this value.
    Prefer(Field, Amount, String),
    /// Not below this value.
    AtLeast(Field, Amount, String),
    /// Not above this value, of a field that a limit which stays bounds.
    AtMost(Field, Amount, String),
    /// The field goes; the value is for where it has to stay all the same.
    Remove(Field, Amount, String),
    /// The field may not move.
    Leave(Field, NoRecommendation, String),
    /// Something that people should know; it moves nothing.
    Note(Field, String),
    /// The terms of the value that an explicit cost prefers.
    Terms(CostTerms),
    /// A value of this sizing cures OOM kills.
    CuresOom,
}

/// A rule: a name that reasons carry, and what it says.
pub struct Rule {
    /// Stable name: `cpu-quantile`.
    pub name: &'static str,
    /// One line on what it does.
    pub about: &'static str,
    pub(crate) speak: fn(&Evidence, &EffectivePolicy, &Draft) -> Vec<Say>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule").field("name", &self.name).finish_non_exhaustive()
    }
}

/// All rules, in the order in which they speak.
pub const RULES: &[Rule] = &[
    history::RULE,
    cpu_cost::RULE,
    memory_cost::RULE,
    cpu_quantile::RULE,
    memory_max::RULE,
    peer::RULE,
    vpa::RULE,
    scaler::RULE,
    highest_sample::RULE,
    outlook::RULE,
    oom_kill::RULE,
    floor::RULE,
    java_heap::RULE,
    throttling::RULE,
    start_up::RULE,
    nodes_alike::RULE,
    gpu::RULE,
    partial_data::RULE,
    lesson::RULE,
    leak::RULE,
    limits::RULE,
];
