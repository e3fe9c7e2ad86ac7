//! By what a past is known again: while nothing that it rests on has changed, its days need not be judged again.
//!
//! The day that is not over has no part in it, so that it stays the same from pass to pass until midnight.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::usage::DayUsage;
use kubeopt_strategies::Fleet;

use crate::evidence::Evidence;

const DAY_S: i64 = 86_400;

/// The same as long as [`past_days`](super::past_days) gives the same, but for hours that are six weeks old and fall out of what
/// is held from pass to pass. Lives no longer than the process.
pub fn past_key(
    evidence: &Evidence,
    policy: &EffectivePolicy,
    fleet_at: &dyn Fn(i64) -> Option<Fleet>,
) -> u64 {
    let mut hasher = DefaultHasher::new();
    let Some(usage) = &evidence.usage else { return hasher.finish() };
    // Words of kinds without a hash; each is short.
    let Evidence { workload, container, filled_in, scale_targets, lessons, points, .. } = evidence;
    let around = (&workload.containers, &workload.scaler, &workload.vpa, container, filled_in);
    format!("{around:?} {scale_targets:?} {lessons:?} {:?}", policy.sizing).hash(&mut hasher);
    (workload.id.kind, usage.pods, points.as_ref().map(|points| points.cpu.len())).hash(&mut hasher);
    let today = usage.window.to_unix_s.div_euclid(DAY_S) * DAY_S;
    today.hash(&mut hasher);
    let earlier = evidence.earlier.as_ref();
    for kill in earlier.iter().flat_map(|it| &it.oom_kills).chain(&usage.oom_kills) {
        if kill.at_unix_s < today {
            (kill.at_unix_s, kill.limit).hash(&mut hasher);
        }
    }
    let cpu = earlier.iter().flat_map(|it| &it.cpu).chain(usage.cpu.iter().flat_map(|it| &it.days));
    cpu.filter(|day| day.at_unix_s < today).for_each(|day| add(day, &mut hasher));
    let memory = earlier.iter().flat_map(|it| &it.memory).chain(usage.memory.iter().flat_map(|it| &it.days));
    for day in memory.filter(|day| day.at_unix_s < today) {
        add(day, &mut hasher);
        let fleet = fleet_at(day.at_unix_s).map(|fleet| (fleet.cpu_request, fleet.memory_request));
        fleet.map(|(cpu, memory)| (cpu.to_bits(), memory.to_bits())).hash(&mut hasher);
    }
    hasher.finish()
}

fn add(day: &DayUsage, hasher: &mut DefaultHasher) {
    let DayUsage { at_unix_s, sketch, max, coverage, partial } = day;
    (at_unix_s, max.to_bits(), coverage.have, coverage.expected, partial).hash(hasher);
    (sketch.zeros(), sketch.bins()).hash(hasher);
}
