//! The rule, asked again for each past day from what lay before it, and what the day then needed.
//!
//! A day is judged by the finest that history keeps of it: CPU by all its 5-minute samples of all pods, counted in bins that
//! are 1 % wide; memory by its exact highest sample, and OOM kills. Days that are not over, that were not read as a whole,
//! or of which too many samples are missing, are not judged; nor are those for which the rule would have given no value.
//!
//! What people set (policy, limits, replicas) is taken as it is now. What was measured is known up to the day and no
//! further: a day has no part in the value that it is judged by, and none that came after it has.

use kubeopt_model::policy::{EffectivePolicy, SizingStrategy, VpaPolicy};
use kubeopt_model::usage::{DayUsage, OomKill, ResourceUsage};
use kubeopt_model::{Amount, Bound, ContainerUsage, Coverage, Field, Resource, Window};
use kubeopt_signal::Sketch;
use kubeopt_strategies::{CpuCost, Fleet, History, Series, Then};

use super::{DayCount, PastCounts};
use crate::evidence::Evidence;
use crate::past::{GivenThen, Past, WEEKS_FROM_UNIX_S, cpu_hours, most};
use crate::rules::{cpu_cost, memory_cost};
use crate::sizing::size_with;

const DAY_S: i64 = 86_400;

/// Slack in comparing a share of samples with the one that is tolerated.
const ROUNDING: f64 = 1e-9;

/// A value of a past day, and whether it held.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PastDay {
    /// Start of the day (UTC), in seconds since the epoch.
    pub at_unix_s: i64,
    /// The request that the rule would have given at its start.
    pub value: Amount,
    /// Whether the day held.
    pub held: bool,
}

/// All days that were judged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PastDays {
    /// By CPU, oldest first.
    pub cpu: Vec<PastDay>,
    /// By memory, oldest first.
    pub memory: Vec<PastDay>,
}

impl PastDays {
    /// How many days were judged, and how many held.
    pub fn counts(&self) -> PastCounts {
        PastCounts { cpu: self.count(Resource::Cpu), memory: self.count(Resource::Memory) }
    }

    /// How many days were judged by a resource, and how many held.
    pub fn count(&self, resource: Resource) -> DayCount {
        let days = match resource {
            Resource::Cpu => &self.cpu,
            Resource::Memory => &self.memory,
        };
        let mut count = DayCount::default();
        days.iter().for_each(|day| count.add(day.held));
        count
    }
}

/// Asks the rule again for each past day. `fleet_at` gives how large the fleet was known to be at the start of a day.
pub fn past_days(
    evidence: &Evidence,
    policy: &EffectivePolicy,
    fleet_at: &dyn Fn(i64) -> Option<Fleet>,
) -> PastDays {
    match &evidence.usage {
        Some(usage) => Replay::of(evidence, usage, policy).days(fleet_at),
        None => PastDays::default(),
    }
}

/// What is known of the past, as it is gone through.
struct Replay<'a> {
    evidence: &'a Evidence,
    policy: &'a EffectivePolicy,
    /// Every day once, oldest first.
    cpu: Vec<DayUsage>,
    memory: Vec<DayUsage>,
    kills: Vec<OomKill>,
    /// When the container was seen first, as far as its rule can look.
    seen_from_unix_s: i64,
    /// The end of what is known.
    to_unix_s: i64,
    /// The container as a past moment knew it; its usage is that of the window before the moment.
    then: Evidence,
}

impl<'a> Replay<'a> {
    fn of(evidence: &'a Evidence, usage: &'a ContainerUsage, policy: &'a EffectivePolicy) -> Self {
        let earlier = evidence.earlier.as_ref();
        let own = |used: &'a Option<ResourceUsage>| used.iter().flat_map(|used| &used.days);
        let cpu = each_once(earlier.iter().flat_map(|it| &it.cpu).chain(own(&usage.cpu)));
        let memory = each_once(earlier.iter().flat_map(|it| &it.memory).chain(own(&usage.memory)));
        let kills = earlier.iter().flat_map(|it| &it.oom_kills).chain(&usage.oom_kills).cloned().collect();
        // Of a day that was not read from its beginning it is not known when it began.
        let begins = |day: &DayUsage| day.at_unix_s + if day.partial { DAY_S } else { 0 };
        let oldest = cpu.iter().chain(&memory).map(begins).min();
        let points = evidence.points.iter().flat_map(|points| points.cpu.first()).map(|(at, _)| *at);
        let seen_from_unix_s = if policy.sizing.strategy.needs_points() {
            points.min().unwrap_or(usage.window.to_unix_s)
        } else {
            oldest.filter(|at| *at < usage.window.from_unix_s).unwrap_or(usage.seen.from_unix_s)
        };
        let unseen = ContainerUsage::unseen(usage.container.clone(), usage.window);
        let then = Evidence {
            workload: evidence.workload.clone(),
            container: evidence.container.clone(),
            filled_in: evidence.filled_in,
            usage: Some(ContainerUsage { pods: usage.pods, ..unseen }),
            earlier: None,
            points: evidence.points.clone(),
            gpu: None,
            foretold: None,
            fleet: None,
            scale_targets: evidence.scale_targets.clone(),
            given: Vec::new(),
            lessons: Vec::new(),
            frozen: None,
            leak: None,
        };
        let to_unix_s = usage.window.to_unix_s;
        Self { evidence, policy, cpu, memory, kills, seen_from_unix_s, to_unix_s, then }
    }

    fn days(mut self, fleet_at: &dyn Fn(i64) -> Option<Fleet>) -> PastDays {
        let moments = self.moments(fleet_at);
        let given = self.given_by_costs(&moments);
        let mut found = PastDays::default();
        for (then, given) in moments.iter().zip(given) {
            let at = then.at_unix_s;
            let of_day = |days: &[DayUsage]| {
                let own =
                    days.binary_search_by_key(&at, |day| day.at_unix_s).ok().map(|place| days[place].clone());
                own.filter(|day| is_complete(day, self.policy.sizing.min_coverage))
            };
            let (cpu, memory) = (of_day(&self.cpu), of_day(&self.memory));
            if at + DAY_S > self.to_unix_s || (cpu.is_none() && memory.is_none()) {
                continue;
            }
            let (value_cpu, value_memory) = self.values(then, given);
            if let (Some(day), Some(value)) = (cpu, value_cpu) {
                let above = day.sketch.share_above(value.base() as f64);
                let held = above <= tolerated(self.policy) + ROUNDING;
                found.cpu.push(PastDay { at_unix_s: at, value, held });
            }
            if let (Some(day), Some(value)) = (memory, value_memory) {
                let killed = self.kills.iter().any(|kill| (at..at + DAY_S).contains(&kill.at_unix_s));
                let held = !killed && day.max <= value.base() as f64;
                found.memory.push(PastDay { at_unix_s: at, value, held });
            }
        }
        found
    }

    /// Every midnight after the first day, with what was known around the container.
    fn moments(&self, fleet_at: &dyn Fn(i64) -> Option<Fleet>) -> Vec<Then> {
        let Some(first) = self.cpu.iter().chain(&self.memory).map(|day| day.at_unix_s).min() else {
            return Vec::new();
        };
        let moments = (first + DAY_S..self.to_unix_s).step_by(DAY_S as usize);
        moments
            .map(|at| {
                let kills = &self.kills[self.kills_within(at)];
                let most = most(&self.then, self.policy, kills, at);
                Then { at_unix_s: at, most, fleet: fleet_at(at) }
            })
            .collect()
    }

    /// The kills of the window that ends at a moment.
    fn kills_within(&self, at_unix_s: i64) -> std::ops::Range<usize> {
        let from = at_unix_s - self.policy.sizing.history_seconds;
        let start = self.kills.partition_point(|kill| kill.at_unix_s < from);
        start..self.kills.partition_point(|kill| kill.at_unix_s < at_unix_s).max(start)
    }

    /// What the explicit costs would have given, for all moments at once.
    fn given_by_costs(&self, moments: &[Then]) -> Vec<GivenThen> {
        if self.policy.sizing.strategy != SizingStrategy::Kubeopt {
            return vec![GivenThen::default(); moments.len()];
        }
        let hours = cpu_hours(self.evidence);
        let history = History {
            cpu: Series { days: &self.cpu, hours: &hours, points: &[] },
            memory: Series { days: &self.memory, ..Series::default() },
            weeks_from_unix_s: Some(WEEKS_FROM_UNIX_S),
            ..History::default()
        };
        let cpu = cpu_cost::cost(self.policy).give_at(&history, moments);
        let memory = memory_cost::cost(self.policy).give_at(&history, moments);
        cpu.into_iter().zip(memory).map(|(cpu, memory)| GivenThen { cpu, memory }).collect()
    }

    /// The requests that all rules together would have given at a moment; none where they would have left one alone.
    fn values(&mut self, then: &Then, given: GivenThen) -> (Option<Amount>, Option<Amount>) {
        let at = then.at_unix_s;
        let window = Window { from_unix_s: at - self.policy.sizing.history_seconds, to_unix_s: at };
        let seen = Window { from_unix_s: self.seen_from_unix_s.max(window.from_unix_s), to_unix_s: at };
        let with_samples = self.policy.sizing.strategy == SizingStrategy::Quantile;
        let cpu = summed(&self.cpu, window, with_samples);
        let memory = summed(&self.memory, window, false);
        let kills = self.kills[self.kills_within(at)].to_vec();
        let lessons = self.evidence.lessons.iter().filter(|lesson| lesson.learned_unix_s < at).cloned();
        self.then.lessons = lessons.collect();
        if let Some(usage) = &mut self.then.usage {
            (usage.window, usage.seen, usage.cpu, usage.memory) = (window, seen, cpu, memory);
            usage.oom_kills = kills;
        }
        let past = Past::then(&self.then, then.most, given);
        let sizing = size_with(&self.then, self.policy, past);
        let value = |resource| {
            let request = Field { bound: Bound::Request, resource };
            let is_given = sizing.left_because(request).is_none() && !self.follows_vpa(resource);
            sizing.resources.effective_request(resource).filter(|_| is_given)
        };
        (value(Resource::Cpu), value(Resource::Memory))
    }

    /// A value that is a VerticalPodAutoscaler's: what it would have said on a past day is not known.
    fn follows_vpa(&self, resource: Resource) -> bool {
        let vpa = self.evidence.workload.vpa.as_ref();
        self.policy.sizing.vpa == VpaPolicy::Follow
            && vpa.is_some_and(|vpa| vpa.controls(&self.evidence.container.name, resource))
    }
}

/// The share of a day's samples that the rule lets lie above its request.
fn tolerated(policy: &EffectivePolicy) -> f64 {
    match policy.sizing.strategy {
        SizingStrategy::Kubeopt => CpuCost::default().most_above,
        SizingStrategy::Quantile => 1.0 - policy.sizing.cpu_quantile,
        // Their quantiles of CPU: p95, p66 and p90.
        SizingStrategy::KrrSimple => 0.05,
        SizingStrategy::KrrSimpleLimit => 0.34,
        SizingStrategy::Vpa => 0.1,
    }
}

/// Whether so much is known of a day that it can be judged.
fn is_complete(day: &DayUsage, min_coverage: f64) -> bool {
    !day.partial && day.max.is_finite() && day.coverage.have > 0 && day.coverage.ratio() >= min_coverage
}

/// Days of which one part was read here and one there are one; the parts share no sample.
fn each_once<'d>(days: impl Iterator<Item = &'d DayUsage>) -> Vec<DayUsage> {
    let mut all: Vec<DayUsage> = Vec::new();
    for day in days {
        match all.last_mut().filter(|last| last.at_unix_s == day.at_unix_s) {
            Some(last) => {
                last.sketch.merge(&day.sketch);
                last.max = last.max.max(day.max);
                last.coverage.have += day.coverage.have;
                last.coverage.expected += day.coverage.expected;
                last.partial |= day.partial;
            }
            None => all.push(day.clone()),
        }
    }
    all
}

/// The days of a window as one; none without a day. Only complete days are judged, so that no hole is told of here.
fn summed(days: &[DayUsage], window: Window, with_samples: bool) -> Option<ResourceUsage> {
    let from = days.partition_point(|day| day.at_unix_s < window.from_unix_s);
    let to = days.partition_point(|day| day.at_unix_s < window.to_unix_s).max(from);
    let within = &days[from..to];
    let highest = within.iter().filter(|day| day.max.is_finite()).max_by(|a, b| a.max.total_cmp(&b.max))?;
    let mut sketch = Sketch::default();
    within.iter().filter(|_| with_samples).for_each(|day| sketch.merge(&day.sketch));
    let (max, max_at_unix_s) = (highest.max, highest.at_unix_s);
    let coverage = Coverage { have: 1, expected: 1 };
    Some(ResourceUsage { sketch, max, max_at_unix_s, coverage, days: Vec::new() })
}
