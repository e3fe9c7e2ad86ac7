//! From a revert to what is remembered of it: nothing of the workload changes for some days, and from then on no value as
//! low as the one that hurt is proposed. `rules/lesson.rs` reads it.
//!
//! The floor lies halfway back to the value that was fine, so that a few lessons find what is needed by halving. After an OOM
//! kill it lies at least as high as the rule for OOM kills asks for. It is never above the value that was fine.

use kubeopt_model::outcome::{Lesson, Outcome, Settled, Sign};
use kubeopt_model::{Amount, Change, Field, Resource};

use super::{causes, tell};
use crate::rules::oom_kill;

/// How long a floor holds, days. Half a year of releases makes another program of a container; what it needs by then is shown
/// by its usage.
pub const LESSON_DAYS: i64 = 180;

/// How long nothing of a workload changes after a revert, days, unless a policy says otherwise: two weekly rhythms, as many as
/// lift the bound of an OOM kill.
pub const FREEZE_DAYS: u32 = 14;

const DAY_S: i64 = 86_400;

/// The lessons of a revert, one a field that is blamed; none of any other outcome. `freeze_days` is how long nothing of the
/// workload changes.
pub fn bound_from(outcome: &Outcome, freeze_days: u32, learned_unix_s: i64) -> Vec<Lesson> {
    let Settled::Revert { why } = &outcome.settled else { return Vec::new() };
    let said = tell::worse(outcome);
    let lesson = |field: Field| {
        let (hurt, floor) = floor(field, &outcome.resources, why)?;
        Some(Lesson {
            container: outcome.container.clone(),
            field,
            hurt,
            floor,
            learned_unix_s,
            frozen_until_unix_s: learned_unix_s + i64::from(freeze_days) * DAY_S,
            until_unix_s: learned_unix_s + LESSON_DAYS.max(i64::from(freeze_days)) * DAY_S,
            why: said.clone(),
        })
    };
    blamed_fields(outcome).into_iter().filter_map(lesson).collect()
}

/// The fields that a revert takes back: those that were lowered and that can have caused one of the signs. A restart blames
/// memory and CPU alike, unless another sign tells which. None of an outcome that is no revert.
pub fn blamed_fields(outcome: &Outcome) -> Vec<Field> {
    let Settled::Revert { why } = &outcome.settled else { return Vec::new() };
    let is_telling = |sign: &&Sign| !matches!(sign, Sign::Restarts | Sign::Objective);
    let telling: Vec<Sign> = why.iter().filter(is_telling).copied().collect();
    let blaming = if telling.is_empty() { why } else { &telling };
    let blames = |sign: &Sign, field: Field| causes::blamed(*sign, &outcome.resources).any(|it| it == field);
    Field::ALL.into_iter().filter(|field| blaming.iter().any(|sign| blames(sign, *field))).collect()
}

/// The value that hurt and the floor above it.
fn floor(
    field: Field,
    resources: &Change<kubeopt_model::Resources>,
    why: &[Sign],
) -> Option<(Amount, Amount)> {
    let hurt = resources.after.get(field)?;
    // A request that was not set had the limit in its place. What had no bound at all was fine with anything; twice what hurt
    // is a beginning.
    let fine = resources.before.get(field).or_else(|| resources.before.effective_request(field.resource));
    let fine = fine.map_or(hurt.base().saturating_mul(2), Amount::base);
    let halfway = hurt.base() + fine.saturating_sub(hurt.base()).div_ceil(2);
    let least = match (field.resource, why.contains(&Sign::OomKills)) {
        (Resource::Memory, true) => oom_kill::least_above(hurt.base()).max(halfway),
        (Resource::Memory | Resource::Cpu, _) => halfway,
    };
    let floor = Amount::from_base(field.resource, least).rounded_up().base().min(fine);
    (floor > hurt.base()).then(|| (hurt, Amount::from_base(field.resource, floor)))
}
