//! The registry of rules: one file each, one line here. They run in this order; a later rule sees what was said so far.

mod cost_terms;
pub(crate) mod cpu_cost;
mod cpu_quantile;
mod floor;
mod gpu;
mod highest_sample;
mod history;
mod java_heap;
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
mod rule;
pub(crate) mod say;
mod scaler;
mod start_up;
mod throttling;
mod vpa;

#[cfg(test)]
pub(crate) mod fixture;

pub use rule::Rule;

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
