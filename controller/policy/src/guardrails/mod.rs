//! The registry of guardrails. Each judges one wanted change; it can only move a value back towards what stands now,
//! never past it, so the order does not decide the result and a second judgement changes nothing.

mod bounds;
mod ceiling;
mod floor;
mod guardrail;
mod ignore_below;
mod limit_range;
mod max_decrease;
mod max_increase;
mod minimum_memory;
mod node;
mod observed_max;
mod qos_class;
mod quota;
mod request_within_limit;

use guardrail::JudgeRemoval;

pub(crate) use guardrail::Judgement;
pub use guardrail::{Guardrail, Outcome, Verdict};

/// All guardrails that judge values. Those that say when something may be published are in `hold`.
pub static GUARDRAILS: &[Guardrail] = &[
    observed_max::GUARDRAIL,
    floor::GUARDRAIL,
    minimum_memory::GUARDRAIL,
    ceiling::GUARDRAIL,
    limit_range::GUARDRAIL,
    node::GUARDRAIL,
    quota::GUARDRAIL,
    max_increase::GUARDRAIL,
    max_decrease::GUARDRAIL,
    qos_class::GUARDRAIL,
    request_within_limit::GUARDRAIL,
    ignore_below::GUARDRAIL,
];

/// Guardrails that judge removals, with the name that reasons show.
pub(crate) static REMOVAL_GUARDRAILS: &[(&str, JudgeRemoval)] = &[
    (limit_range::GUARDRAIL.name, limit_range::demands),
    (quota::GUARDRAIL.name, quota::demands),
    (qos_class::GUARDRAIL.name, qos_class::demands),
];
