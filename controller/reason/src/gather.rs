//! From a recommendation to the facts that explain it. Pure; drops every text that a person or a cluster wrote.

use kubeopt_model::load::{WEEK_HOURS, spoken};
use kubeopt_model::recommendation::{Member, Recommendation};
use kubeopt_model::usage::{HourSeries, ResourceUsage};
use kubeopt_model::{Amount, Bytes, ContainerUsage, Coverage, Field, MilliCores, WorkloadKind};

use crate::facts::{
    Circumstances, CpuFacts, Decider, Facts, HeapFacts, HpaAdvice, MemoryFacts, OomFacts, Period, Profile,
    Rhythm,
};
use crate::profile::profile;

/// Days of whose maxima a rise can be told: three thirds of two.
const GROWTH_DAYS_MIN: usize = 6;

/// A rise below this is not worth a word: maxima of quiet programs differ by a tenth from day to day.
const GROWTH_MIN: f64 = 0.15;

/// The target that an autoscaler is advised with: what Kubernetes' own walkthroughs use lies between 50 and 80.
const HPA_TARGET_PERCENT: u32 = 70;

/// An autoscaler is advised only where it would run at most this part of the replicas of today on average.
const HPA_WORTH: f64 = 0.8;

/// A season that explains less than this says little about tomorrow.
const SEASON_EXPLAINED_MIN: f64 = 0.3;

/// Hours of a week are needed before replicas over the day are told.
const HPA_HOURS_MIN: usize = 168;

/// Spans of hours that are spelt out; more are no rhythm that a person remembers.
const PEAK_SPANS_MAX: usize = 2;

impl Facts {
    /// The facts of a recommendation; none where it has no member.
    ///
    /// `known` gives what is known of a member's container. It is asked once, for the member whose usage decides.
    pub fn of(recommendation: &Recommendation, known: impl FnOnce(&Member) -> Circumstances) -> Option<Self> {
        let member = decisive(&recommendation.members)?;
        let (usage, known) = (&member.usage, known(member));
        let profile = profile(&member.container, &known);
        let rhythm = rhythm(&known);
        let heap = heap(&known, member);
        let hpa_advice = advise(member, profile, &known, rhythm.as_ref());
        Some(Self {
            container: member.container.clone(),
            profile,
            replicas: member.replicas,
            others: recommendation.members.len().saturating_sub(1),
            resources: member.resources,
            deciders: deciders(recommendation),
            days: usage.seen.days(),
            coverage: worst_coverage(usage),
            is_partial: usage.partial.is_some(),
            cpu: usage.cpu.as_ref().and_then(|cpu| cpu_facts(cpu, member, known.cpu_quantile)),
            memory: usage.memory.as_ref().and_then(memory_facts),
            oom: usage.oom_kills.last().map(|last| OomFacts {
                kills: usage.oom_kills.len(),
                last_at_unix_s: last.at_unix_s,
                limit: last.limit,
            }),
            cures_oom: recommendation.cures_oom,
            throttled: usage.throttled_ratio.filter(|ratio| ratio.is_finite()),
            strain: usage.strain,
            startup: usage.startup,
            rhythm,
            scaler: known.scaler,
            hpa_advice,
            targets: recommendation.targets.clone(),
            forecast: known.forecast,
            track_record: known.track_record.filter(|record| record.windows > 0),
            heap,
            risk: recommendation.risk,
        })
    }
}

/// What the heap may take with the proposed limit.
fn heap(known: &Circumstances, member: &Member) -> Option<HeapFacts> {
    let java = known.java.as_ref()?;
    let max = java.heap_within(member.resources.after.limits.memory)?;
    Some(HeapFacts { max, follows_limit: java.heap_follows_limit() })
}

/// Of the members that share values, the one that needs most memory, and of those most CPU.
fn decisive(members: &[Member]) -> Option<&Member> {
    let peak = |used: &Option<ResourceUsage>| used.as_ref().map_or(0.0, |used| used.max);
    members.iter().max_by(|a, b| {
        peak(&a.usage.memory)
            .total_cmp(&peak(&b.usage.memory))
            .then_with(|| peak(&a.usage.cpu).total_cmp(&peak(&b.usage.cpu)))
            // The first by name where nothing else tells.
            .then_with(|| b.container.cmp(&a.container))
    })
}

/// The last rule that decided each field. Names of rules come from kubeopt's own registries; another is left out.
fn deciders(recommendation: &Recommendation) -> Vec<(Field, Decider)> {
    let of = |field: Field| {
        let mut bound =
            recommendation.reasons.iter().rev().filter(|reason| reason.field == field && reason.bound);
        Some((field, bound.find_map(|reason| decider(&reason.rule))?))
    };
    Field::ALL.into_iter().filter_map(of).collect()
}

fn decider(rule: &str) -> Option<Decider> {
    Some(match rule {
        "cpu-quantile" | "memory-max" | "cpu-cost" | "memory-cost" | "strategy" => Decider::Strategy,
        "highest-sample" | "observed-max" => Decider::HighestSample,
        "oom-kill" => Decider::OomKill,
        "floor" | "minimum-memory" => Decider::Floor,
        "ceiling" => Decider::Ceiling,
        "max-increase" | "max-decrease" => Decider::StepSize,
        "java-heap" => Decider::JavaHeap,
        "throttling" => Decider::Throttling,
        "start-up" => Decider::StartUp,
        "limits" => Decider::LimitPolicy,
        "scaler" => Decider::ScalePoint,
        "vpa" => Decider::Vpa,
        "quota" | "limit-range" | "largest-node" => Decider::Namespace,
        "qos-class" | "request-within-limit" => Decider::OtherBound,
        _ => return None,
    })
}

fn worst_coverage(usage: &ContainerUsage) -> Coverage {
    let each = [&usage.cpu, &usage.memory].into_iter().flatten().map(|used| used.coverage);
    each.min_by(|a, b| a.ratio().total_cmp(&b.ratio())).unwrap_or_default()
}

fn cpu_facts(cpu: &ResourceUsage, member: &Member, quantile: f64) -> Option<CpuFacts> {
    let at = |q: f64| cpu.sketch.quantile(q).map(|value| value.min(cpu.max));
    let request = member.resources.after.requests.cpu;
    Some(CpuFacts {
        median: at(0.5)?,
        quantile,
        high: at(quantile)?,
        highest: cpu.max,
        highest_at_unix_s: cpu.max_at_unix_s,
        above_request: request.map(|MilliCores(request)| {
            // The sketch is right within 1 %: what cannot be above, is not.
            if cpu.max <= request as f64 { 0.0 } else { cpu.sketch.share_above(request as f64) }
        }),
    })
}

fn memory_facts(memory: &ResourceUsage) -> Option<MemoryFacts> {
    Some(MemoryFacts {
        median: memory.sketch.quantile(0.5)?.min(memory.max),
        highest: memory.max,
        highest_at_unix_s: memory.max_at_unix_s,
        growth: growth(&memory.days.iter().map(|day| day.max).collect::<Vec<_>>()),
    })
}

/// The rise of daily maxima. One high day is none: every day of the last third must lie above every day of the first.
fn growth(days: &[f64]) -> Option<f64> {
    if days.len() < GROWTH_DAYS_MIN {
        return None;
    }
    let third = days.len() / 3;
    let (first, last) = (&days[..third], &days[days.len() - third..]);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let highest_first = first.iter().copied().fold(f64::MIN, f64::max);
    let lowest_last = last.iter().copied().fold(f64::MAX, f64::min);
    let rise = mean(last) / mean(first) - 1.0;
    (lowest_last > highest_first && rise >= GROWTH_MIN && rise.is_finite()).then_some(rise)
}

fn rhythm(known: &Circumstances) -> Option<Rhythm> {
    let season = known.seasons.first().filter(|season| season.explained >= SEASON_EXPLAINED_MIN)?;
    let period = match known.windows.as_ref().map(|windows| windows.period_hours) {
        Some(WEEK_HOURS) => Period::Week,
        Some(_) | None => season.period,
    };
    let peak_hours = known.windows.as_ref().map(|windows| spoken(&windows.peak, windows.period_hours));
    let peak_hours = peak_hours.filter(|hours| hours.len() <= PEAK_SPANS_MAX).unwrap_or_default();
    Some(Rhythm { period, peak_hours })
}

/// What an autoscaler would do, where it would serve better: a program that can be replicated at will, without one yet,
/// whose load has a rhythm, and that would run clearly fewer replicas on average.
fn advise(
    member: &Member,
    profile: Profile,
    known: &Circumstances,
    rhythm: Option<&Rhythm>,
) -> Option<HpaAdvice> {
    let replicable =
        matches!(member.container.workload.kind, WorkloadKind::Deployment | WorkloadKind::Rollout)
            && matches!(profile, Profile::Serving | Profile::Gateway | Profile::Worker | Profile::Jvm);
    if !replicable || known.scaler.is_some() || rhythm.is_none() || member.replicas < 3 {
        return None;
    }
    let request = member.resources.after.requests.cpu.filter(|request| request.0 > 0)?;
    let wanted = wanted_replicas(&member.usage.cpu_hours, member.replicas, request);
    if wanted.len() < HPA_HOURS_MIN {
        return None;
    }
    let mean = wanted.iter().map(|replicas| f64::from(*replicas)).sum::<f64>() / wanted.len() as f64;
    let at = |part: f64| wanted[((wanted.len() - 1) as f64 * part).round() as usize];
    let advice =
        HpaAdvice { target_percent: HPA_TARGET_PERCENT, replicas_low: at(0.05), replicas_high: at(0.98) };
    let worth = mean <= HPA_WORTH * f64::from(member.replicas) && advice.replicas_low < advice.replicas_high;
    worth.then_some(advice)
}

/// The replicas that each hour would have wanted, sorted. Two at least: one pod is no service.
fn wanted_replicas(hours: &HourSeries, replicas: u32, MilliCores(request): MilliCores) -> Vec<u32> {
    let a_pod = request as f64 * f64::from(HPA_TARGET_PERCENT) / 100.0;
    let of = |median: f64| ((median * f64::from(replicas) / a_pod).ceil() as u32).max(2);
    let mut wanted: Vec<u32> =
        hours.iter().filter(|hour| hour.median.is_finite()).map(|hour| of(hour.median)).collect();
    wanted.sort_unstable();
    wanted
}

/// The memory limit, or else the node, that usage runs into.
pub(crate) fn memory_limit(facts: &Facts) -> Option<Bytes> {
    match facts.resources.after.get(Field::MEMORY_LIMIT)? {
        Amount::Memory(limit) => Some(limit),
        Amount::Cpu(_) => None,
    }
}
