//! What is known of a container, as strategies are told it. Knows no rule.

use kubeopt_model::policy::{EffectivePolicy, LimitPolicy};
use kubeopt_model::usage::{DayUsage, HourPoint, OomKill, ResourceUsage};
use kubeopt_model::workload::QosClass;
use kubeopt_model::{Amount, ContainerUsage, Field, Resource};
use kubeopt_strategies::{Chosen, Given, History, Series};

use crate::evidence::{EarlierDays, Evidence};
use crate::held_down::{counting, holds_limit, is_throttled};

/// The same weeks are seen every day if they are counted from a moment that does not move.
pub(crate) const WEEKS_FROM_UNIX_S: i64 = 0;

/// The parts of a history that are made for it; the days stay where they are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Past {
    /// All days of CPU and of memory, where there are earlier ones.
    days: Option<(Vec<DayUsage>, Vec<DayUsage>)>,
    cpu_hours: Vec<(i64, f64)>,
    oom_kills: Vec<(i64, f64)>,
    most: Given,
    /// What the explicit costs gave, where that is known already.
    given_then: Option<GivenThen>,
}

/// What the explicit costs gave at a past moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct GivenThen {
    pub(crate) cpu: Option<Chosen>,
    pub(crate) memory: Option<Chosen>,
}

impl GivenThen {
    pub(crate) fn of(&self, resource: Resource) -> Option<Chosen> {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Memory => self.memory,
        }
    }
}

impl Past {
    pub(crate) fn of(evidence: &Evidence, policy: &EffectivePolicy) -> Self {
        let Some(usage) = &evidence.usage else { return Self::default() };
        Self {
            days: evidence.earlier.as_ref().map(|earlier| all_days(earlier, usage)),
            cpu_hours: cpu_hours(evidence),
            oom_kills: at_limit(evidence, &usage.oom_kills),
            most: most(evidence, policy, &usage.oom_kills, usage.window.to_unix_s),
            given_then: None,
        }
    }

    /// As it was at the end of a past window, where what the explicit costs gave then is known.
    pub(crate) fn then(evidence: &Evidence, most: Given, given_then: GivenThen) -> Self {
        let kills = evidence.usage.as_ref().map_or(&[][..], |usage| &usage.oom_kills);
        Self { oom_kills: at_limit(evidence, kills), most, given_then: Some(given_then), ..Self::default() }
    }

    /// What the explicit costs gave, where it was asked for before.
    pub(crate) fn given_then(&self) -> Option<&GivenThen> {
        self.given_then.as_ref()
    }

    /// The history up to the end of the window; none without usage.
    pub(crate) fn history<'a>(&'a self, evidence: &'a Evidence) -> Option<History<'a>> {
        let usage = evidence.usage.as_ref()?;
        let days = |resource| match (&self.days, resource) {
            (Some((cpu, _)), Resource::Cpu) => &cpu[..],
            (Some((_, memory)), Resource::Memory) => &memory[..],
            (None, resource) => usage.resource(resource).map_or(&[][..], |usage| &usage.days),
        };
        let points = evidence.points.as_ref();
        let (cpu, memory) = points.map_or((&[][..], &[][..]), |points| (&points.cpu, &points.memory));
        Some(History {
            cpu: Series { days: days(Resource::Cpu), hours: &self.cpu_hours, points: cpu },
            memory: Series { days: days(Resource::Memory), hours: &[], points: memory },
            oom_kills: &self.oom_kills,
            now_unix_s: usage.window.to_unix_s,
            weeks_from_unix_s: Some(WEEKS_FROM_UNIX_S),
            most: self.most,
            most_before: &[],
            fleet: evidence.fleet,
            foretold: evidence.foretold.as_ref(),
        })
    }
}

/// What the container cannot exceed at a moment, after these kills: a limit that throttles or kills is raised, so that it
/// bounds nothing.
pub(crate) fn most(
    evidence: &Evidence,
    policy: &EffectivePolicy,
    kills: &[OomKill],
    at_unix_s: i64,
) -> Given {
    Given {
        cpu_limit: limit_that_stays(evidence, policy, Resource::Cpu).filter(|_| !is_throttled(evidence)),
        memory_limit: limit_that_stays(evidence, policy, Resource::Memory)
            .filter(|_| counting(kills, at_unix_s).is_empty()),
        ..Given::default()
    }
}

/// When each kill was, and what the container had then.
fn at_limit(evidence: &Evidence, kills: &[OomKill]) -> Vec<(i64, f64)> {
    let limit_now = evidence.container.resources.limits.memory;
    let killed = kills.iter();
    killed.filter_map(|kill| Some((kill.at_unix_s, kill.limit.or(limit_now)?.0 as f64))).collect()
}

/// All hours of CPU, as (start, median).
pub(crate) fn cpu_hours(evidence: &Evidence) -> Vec<(i64, f64)> {
    let own = evidence.usage.iter().flat_map(|usage| usage.cpu_hours.iter());
    earlier_hours(evidence).chain(own).map(median).collect()
}

fn earlier_hours(evidence: &Evidence) -> impl Iterator<Item = HourPoint> {
    evidence.earlier.iter().flat_map(|earlier| earlier.cpu_hours.iter())
}

fn median(hour: HourPoint) -> (i64, f64) {
    (hour.at_unix_s, hour.median)
}

/// Earlier days before those of the window; the day on which the window begins is in two parts.
fn all_days(earlier: &EarlierDays, usage: &ContainerUsage) -> (Vec<DayUsage>, Vec<DayUsage>) {
    let all = |earlier: &[DayUsage], used: Option<&ResourceUsage>| {
        let own = used.map_or(&[][..], |used| &used.days);
        earlier.iter().chain(own).cloned().collect::<Vec<DayUsage>>()
    };
    (all(&earlier.cpu, usage.cpu.as_ref()), all(&earlier.memory, usage.memory.as_ref()))
}

/// A limit that moves with its request, or goes, does not bound what the container can use next week.
fn limit_that_stays(evidence: &Evidence, policy: &EffectivePolicy, resource: Resource) -> Option<f64> {
    let (field, limits) = match resource {
        Resource::Cpu => (Field::CPU_LIMIT, policy.sizing.cpu_limit),
        Resource::Memory => (Field::MEMORY_LIMIT, policy.sizing.memory_limit),
    };
    let kept = limits == LimitPolicy::Keep && evidence.workload.qos_class() != QosClass::Guaranteed;
    let stays = kept || (resource == Resource::Memory && holds_limit(evidence));
    evidence.container.resources.get(field).filter(|_| stays).map(|limit: Amount| limit.base() as f64)
}
