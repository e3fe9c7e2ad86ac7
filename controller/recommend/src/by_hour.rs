//! What a container would be given by the time of day or week, and how many replicas an HPA would need: data and notes
//! beside a recommendation. They change no value, because what is proposed holds all hours. Which hours are busy is told by
//! others; how a value is made is the business of the rules.

use std::collections::BTreeMap;

use kubeopt_model::load::{HourSpan, LoadPart, LoadWindows, TimedRequest, WEEK_HOURS, spoken};
use kubeopt_model::recommendation::{Effect, Member};
use kubeopt_model::usage::{DayUsage, HourSeries, ResourceUsage};
use kubeopt_model::{
    ContainerRole, ContainerUsage, EffectivePolicy, Field, MilliCores, Reason, Recommendation, Resource,
    WorkloadKind,
};
use kubeopt_signal::Sketch;

use crate::evidence::Evidence;
use crate::settle::Demand;
use crate::sizing::size;

/// The rule that notes of windows carry.
const BY_HOUR: &str = "by-hour";

/// The rule that notes of fixed replicas carry.
const FIXED_REPLICAS: &str = "fixed-replicas";

/// Samples of an hour at five minutes: half of them are at the median, one is the highest, the others at the 95th
/// percentile. What is kept of an hour says no more.
const AT_MEDIAN: u64 = 6;
const AT_P95: u64 = 5;
const AT_MAX: u64 = 1;

/// The target that most HPAs are given; the rest is room for the minute in which a replica starts.
const HPA_TARGET: f64 = 0.7;

/// Fewer replicas than these are no longer available while one is moved.
const REPLICAS_MIN: f64 = 2.0;

/// On average the replicas must be this part of the fixed ones or less, else an HPA is not worth its trouble.
const WORTH: f64 = 0.8;

/// Adds to each member what it would be given by the hour, and notes for people.
pub fn tell_hours(
    recommendation: &mut Recommendation,
    demand: &Demand,
    windows: &dyn Fn(&ContainerUsage) -> Option<LoadWindows>,
) {
    let mut notes: Vec<Reason> = Vec::new();
    for member in &mut recommendation.members {
        let Some(evidence) = demand.members.iter().find(|evidence| evidence.id() == member.container) else {
            continue;
        };
        let Some(load) = windows(&member.usage) else { continue };
        member.timed = timed_requests(evidence, &demand.policy, &load);
        let said = [
            windows_note(&member.timed).map(|text| (BY_HOUR, text)),
            replicas_note(evidence, member, &load).map(|text| (FIXED_REPLICAS, text)),
        ];
        notes.extend(said.into_iter().flatten().map(|(rule, text)| Reason {
            rule: rule.to_owned(),
            field: Field::CPU_REQUEST,
            effect: Effect::Note,
            bound: false,
            text,
        }));
    }
    notes.dedup();
    recommendation.reasons.extend(notes);
}

/// The CPU request that the same rules give on the hours of each part alone; nothing where one of them may not move.
pub fn timed_requests(
    evidence: &Evidence,
    policy: &EffectivePolicy,
    load: &LoadWindows,
) -> Vec<TimedRequest> {
    let parts = [(LoadPart::Peak, &load.peak), (LoadPart::OffPeak, &load.off_peak)];
    let timed = parts.into_iter().map(|(part, spans)| {
        let sizing = size(&within(evidence, spans)?, policy);
        let cpu = sizing.resources.requests.cpu.filter(|_| sizing.left_because(Field::CPU_REQUEST).is_none());
        Some(TimedRequest { part, period_hours: load.period_hours, spans: spans.clone(), cpu: cpu? })
    });
    timed.collect::<Option<Vec<TimedRequest>>>().unwrap_or_default()
}

/// The evidence as if the container ran in these hours only. Memory has no hours: it is not given back.
fn within(evidence: &Evidence, spans: &[HourSpan]) -> Option<Evidence> {
    let mut part = evidence.clone();
    let usage = part.usage.as_mut()?;
    let cpu = usage.cpu.as_mut()?;
    let holds = |at: i64| spans.iter().any(|span| span.holds(at));
    usage.cpu_hours = usage.cpu_hours.iter().filter(|hour| holds(hour.at_unix_s)).collect();
    *cpu = of_hours(&usage.cpu_hours, cpu)?;
    usage.memory = None;
    // Of earlier days only all hours together are known.
    part.earlier = None;
    part.foretold = None;
    if let Some(points) = &mut part.points {
        points.cpu.retain(|(at, _)| holds(*at));
    }
    Some(part)
}

fn of_hours(hours: &HourSeries, whole: &ResourceUsage) -> Option<ResourceUsage> {
    let mut days: BTreeMap<i64, DayUsage> = BTreeMap::new();
    let mut sketch = Sketch::default();
    for hour in hours.iter() {
        let at_unix_s = hour.at_unix_s.div_euclid(86_400) * 86_400;
        let day = days.entry(at_unix_s).or_insert(DayUsage {
            at_unix_s,
            sketch: Sketch::default(),
            max: 0.0,
            coverage: Default::default(),
            partial: false,
        });
        for (value, count) in [(hour.median, AT_MEDIAN), (hour.p95, AT_P95), (hour.max, AT_MAX)] {
            day.sketch.add(value, count);
            sketch.add(value, count);
        }
        day.max = day.max.max(hour.max);
    }
    let highest = hours.iter().max_by(|a, b| a.max.total_cmp(&b.max))?;
    let (max, max_at_unix_s, coverage) = (highest.max, highest.at_unix_s, whole.coverage);
    Some(ResourceUsage { sketch, max, max_at_unix_s, coverage, days: days.into_values().collect() })
}

fn windows_note(timed: &[TimedRequest]) -> Option<String> {
    let of = |part: LoadPart| timed.iter().find(|timed| timed.part == part);
    let (peak, off_peak) = (of(LoadPart::Peak)?, of(LoadPart::OffPeak)?);
    Some(format!(
        "CPU comes again each {}: {} would do for {}, {} for the other hours; what is proposed holds all hours",
        if peak.period_hours == WEEK_HOURS { "week" } else { "day" },
        shown(peak.cpu),
        spoken(&peak.spans, peak.period_hours).join(", "),
        shown(off_peak.cpu)
    ))
}

fn shown(cpu: MilliCores) -> String {
    kubeopt_model::Amount::Cpu(cpu).to_string()
}

/// How many replicas an HPA would keep, where a fixed number serves a load that comes and goes.
fn replicas_note(evidence: &Evidence, member: &Member, load: &LoadWindows) -> Option<String> {
    if !may_be_scaled(evidence) {
        return None;
    }
    let request = member.resources.after.effective_request(Resource::Cpu)?.base() as f64;
    let fixed = f64::from(member.replicas);
    let needed = |spans: &[HourSpan]| {
        let own = member.usage.cpu_hours.iter().filter(|hour| spans.iter().any(|s| s.holds(hour.at_unix_s)));
        let busiest = own.map(|hour| hour.median).reduce(f64::max)?;
        Some((fixed * busiest / (request * HPA_TARGET)).ceil().max(REPLICAS_MIN)).filter(|n| n.is_finite())
    };
    let hours = |spans: &[HourSpan]| spans.iter().map(|span| f64::from(span.hours)).sum::<f64>();
    let (high, low) = (needed(&load.peak)?, needed(&load.off_peak)?);
    let (peak, off_peak) = (hours(&load.peak), hours(&load.off_peak));
    let mean = (high * peak + low * off_peak) / (peak + off_peak);
    (mean <= WORTH * fixed).then(|| {
        format!(
            "{fixed} replicas are fixed while the load comes and goes: an HPA at {:.0} % of this request would need {low} \
             to {high}, {mean:.1} on average",
            HPA_TARGET * 100.0
        )
    })
}

/// A Deployment or Rollout that nothing scales, by the container that asks for most CPU. A StatefulSet holds state, which
/// fewer replicas may not serve.
fn may_be_scaled(evidence: &Evidence) -> bool {
    let workload = &evidence.workload;
    let asks = |container: &kubeopt_model::Container| {
        container.resources.effective_request(Resource::Cpu).map_or(0, |amount| amount.base())
    };
    let main = workload.containers.iter().filter(|container| container.role == ContainerRole::Main);
    let is_largest = main.max_by_key(|container| asks(container)).is_some_and(|largest| {
        largest.name == evidence.container.name || asks(largest) == asks(&evidence.container)
    });
    let scales = match workload.id.kind {
        WorkloadKind::Deployment | WorkloadKind::Rollout => true,
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet | WorkloadKind::Job | WorkloadKind::CronJob => {
            false
        }
    };
    scales && is_largest && workload.scaler.is_none() && workload.replicas > 2
}

#[cfg(test)]
mod tests {
    use kubeopt_model::load::{HourSpan, LoadPart, LoadWindows};
    use kubeopt_model::policy::SizingStrategy;
    use kubeopt_model::usage::HourPoint;
    use kubeopt_model::workload::Scaler;
    use kubeopt_model::{EditSite, Field, ForgeName, Recommendation, RepositoryId, Window, WorkloadKind};

    use super::tell_hours;
    use crate::rules::fixture::{Case, DAY, resources};
    use crate::{Demand, Evidence, SitedField, recommend};

    /// 900m from 9 to 17, else 60m, for four weeks.
    fn office(strategy: SizingStrategy) -> (Evidence, Case) {
        let mut case = Case::serving();
        case.policy.sizing.strategy = strategy;
        case.resources = resources(["4", "", "512Mi", ""]);
        case.cpu_samples =
            (0..288).map(|step| if (108..204).contains(&step) { 900.0 } else { 60.0 }).collect();
        let mut evidence = case.evidence();
        evidence.workload.replicas = 6;
        let hour = |at: i64| {
            let value = if (9..17).contains(&at.rem_euclid(24)) { 900.0 } else { 60.0 };
            HourPoint { at_unix_s: at * 3600, median: value, p95: value, max: value }
        };
        if let Some(usage) = &mut evidence.usage {
            usage.cpu_hours = (0..28 * 24).map(hour).collect();
            usage.window = Window { from_unix_s: 0, to_unix_s: 28 * DAY };
        }
        (evidence, case)
    }

    fn load() -> LoadWindows {
        let daily =
            |from: u32, hours: u32| (0..7).map(move |day| HourSpan { from_hour: day * 24 + from, hours });
        LoadWindows {
            period_hours: 24,
            explained: 0.9,
            peak: daily(9, 8).collect(),
            off_peak: daily(17, 16).collect(),
        }
    }

    fn told(evidence: &Evidence, case: &Case) -> Recommendation {
        let site = |field: Field| SitedField {
            field,
            site: EditSite::live_only("x".to_owned()),
            value: case.resources.get(field),
            feeds: Vec::new(),
            members: vec![0],
        };
        let demand = Demand {
            repository: RepositoryId {
                forge: ForgeName::new("local").unwrap(),
                owner: "a".to_owned(),
                name: "b".to_owned(),
            },
            members: vec![evidence.clone()],
            sites: vec![site(Field::CPU_REQUEST), site(Field::MEMORY_REQUEST)],
            refused: Vec::new(),
            policy: case.policy.clone(),
        };
        let mut recommendation = recommend(&demand).unwrap();
        tell_hours(&mut recommendation, &demand, &|_| Some(load()));
        recommendation
    }

    fn said<'r>(recommendation: &'r Recommendation, rule: &str) -> Option<&'r str> {
        recommendation.reasons.iter().find(|reason| reason.rule == rule).map(|reason| reason.text.as_str())
    }

    #[test]
    fn each_part_of_the_day_gets_what_its_own_hours_need_and_the_proposal_holds_all() {
        for strategy in [SizingStrategy::Kubeopt, SizingStrategy::Quantile] {
            let (evidence, case) = office(strategy);
            let recommendation = told(&evidence, &case);
            let member = &recommendation.members[0];
            let cpu =
                |part| member.timed.iter().find(|timed| timed.part == part).map_or(0, |timed| timed.cpu.0);
            let (peak, off_peak) = (cpu(LoadPart::Peak), cpu(LoadPart::OffPeak));
            assert!((900..=1100).contains(&peak), "{strategy:?} {peak}");
            assert!((60..=80).contains(&off_peak), "{strategy:?} {off_peak}");
            let all = member.resources.after.requests.cpu.map_or(0, |cpu| cpu.0);
            assert!(all >= 900, "{strategy:?} {all}");
            let said = said(&recommendation, "by-hour").unwrap();
            let wanted =
                format!("CPU comes again each day: {peak}m would do for 09:00-17:00 UTC, {off_peak}m for");
            assert!(said.starts_with(&wanted), "{said}");
        }
    }

    #[test]
    fn fixed_replicas_of_a_load_that_comes_and_goes_are_told_what_an_hpa_would_need() {
        let (evidence, case) = office(SizingStrategy::Quantile);
        let recommendation = told(&evidence, &case);
        // 6 x 900m of 1050m at 70 % are 8, and at night 2; 8 hours of 24.
        let wanted = "6 replicas are fixed while the load comes and goes: an HPA at 70 % of this request would need 2 to 8, \
                      4.0 on average";
        assert_eq!(said(&recommendation, "fixed-replicas"), Some(wanted));
    }

    #[test]
    fn who_is_scaled_or_holds_state_or_is_steady_is_told_nothing() {
        let (mut evidence, case) = office(SizingStrategy::Quantile);
        evidence.workload.replicas = 2;
        assert_eq!(said(&told(&evidence, &case), "fixed-replicas"), None);
        evidence.workload.replicas = 6;
        evidence.workload.id.kind = WorkloadKind::StatefulSet;
        assert_eq!(said(&told(&evidence, &case), "fixed-replicas"), None);
        evidence.workload.id.kind = WorkloadKind::Deployment;
        let scaler = Scaler { name: "a".to_owned(), min_replicas: 1, max_replicas: 9, targets: Vec::new() };
        evidence.workload.scaler = Some(scaler);
        assert_eq!(said(&told(&evidence, &case), "fixed-replicas"), None);
    }
}
