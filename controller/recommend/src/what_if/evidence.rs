//! Evidence that differs in one thing: what was used, what happened, what stands around the container.

use kubeopt_model::usage::{DayUsage, HourPoint, HourSeries, OomKill, ResourceUsage};
use kubeopt_model::{Bound, Field, Resource, Resources};
use kubeopt_signal::Sketch;

use crate::evidence::Evidence;
use crate::held_down::{is_throttled, that_count};

/// The fields that a change tells of; the other ones are the change itself.
const REQUESTS: &[Field] = &[Field::CPU_REQUEST, Field::MEMORY_REQUEST];

/// Each with the change in words and the fields that it is told for.
pub(super) fn others(evidence: &Evidence) -> Vec<(String, Evidence, &'static [Field])> {
    let mut others = Vec::new();
    for resource in [Resource::Cpu, Resource::Memory] {
        let limit = Field { bound: Bound::Limit, resource };
        if let Some(amount) = evidence.container.resources.get(limit) {
            let twice = kubeopt_model::Amount::from_base(resource, amount.base().saturating_mul(2));
            let larger = with_resources(evidence, |resources| resources.set(Bound::Limit, twice));
            others.push((format!("a {resource} limit of {twice} instead of {amount}"), larger, REQUESTS));
            let none = with_resources(evidence, |resources| resources.unset(limit));
            others.push((format!("no {resource} limit"), none, REQUESTS));
        }
    }
    if let Some(scaler) = &evidence.workload.scaler {
        let mut without = evidence.clone();
        without.workload.scaler = None;
        others.push((format!("no HPA `{}`", scaler.name), without, &Field::ALL));
    }
    others.extend(events(evidence));
    others
}

/// What may happen, and what happened.
fn events(evidence: &Evidence) -> Vec<(String, Evidence, &'static [Field])> {
    let Some(usage) = &evidence.usage else { return Vec::new() };
    let mut others: Vec<(String, Evidence, &'static [Field])> = Vec::new();
    let mut with = |change: String, set: &dyn Fn(&mut kubeopt_model::ContainerUsage)| {
        let mut other = evidence.clone();
        if let Some(usage) = &mut other.usage {
            set(usage);
            others.push((change, other, &Field::ALL));
        }
    };
    if !that_count(usage).is_empty() {
        with("no OOM kill in the last two weeks".to_owned(), &|usage| usage.oom_kills.clear());
    } else if let Some(limit) = evidence.container.resources.limits.memory {
        let (container, at_unix_s) = (evidence.id(), usage.window.to_unix_s - 1);
        with(format!("an OOM kill at the limit of {limit}"), &|usage| {
            usage.oom_kills.push(OomKill { container: container.clone(), at_unix_s, limit: Some(limit) });
        });
    }
    if is_throttled(evidence) {
        with("no throttling".to_owned(), &|usage| usage.throttled_ratio = Some(0.0));
    }
    with("a window without holes".to_owned(), &|usage| {
        usage.partial = None;
        for used in [&mut usage.cpu, &mut usage.memory].into_iter().flatten() {
            used.coverage.have = used.coverage.expected;
        }
    });
    others
}

/// The same container with other requests and limits, in its workload too.
fn with_resources(evidence: &Evidence, set: impl Fn(&mut Resources)) -> Evidence {
    let mut other = evidence.clone();
    set(&mut other.container.resources);
    let name = &evidence.container.name;
    for container in other.workload.containers.iter_mut().filter(|container| &container.name == name) {
        set(&mut container.resources);
    }
    other
}

/// As if every sample had been this many times as large; none without usage.
pub(super) fn scaled(evidence: &Evidence, resource: Resource, factor: f64) -> Option<Evidence> {
    let mut other = evidence.clone();
    let usage = other.usage.as_mut()?;
    let (used, hours) = match resource {
        Resource::Cpu => (usage.cpu.as_mut()?, &mut usage.cpu_hours),
        Resource::Memory => (usage.memory.as_mut()?, &mut usage.memory_hours),
    };
    scale(used, factor);
    *hours = scaled_hours(hours, factor);
    if let Some(earlier) = &mut other.earlier {
        let days = match resource {
            Resource::Cpu => &mut earlier.cpu,
            Resource::Memory => &mut earlier.memory,
        };
        days.iter_mut().for_each(|day| scale_day(day, factor));
        if resource == Resource::Cpu {
            earlier.cpu_hours = scaled_hours(&earlier.cpu_hours, factor);
        }
    }
    if let Some(load) = other.foretold.as_mut().and_then(|foretold| foretold.resource_mut(resource)) {
        *load = load.scaled(factor);
    }
    if let Some(points) = &mut other.points {
        let own = match resource {
            Resource::Cpu => &mut points.cpu,
            Resource::Memory => &mut points.memory,
        };
        own.iter_mut().for_each(|(_, value)| *value *= factor);
    }
    Some(other)
}

fn scale(used: &mut ResourceUsage, factor: f64) {
    used.sketch = scaled_sketch(&used.sketch, factor);
    used.max *= factor;
    used.days.iter_mut().for_each(|day| scale_day(day, factor));
}

fn scale_day(day: &mut DayUsage, factor: f64) {
    day.sketch = scaled_sketch(&day.sketch, factor);
    day.max *= factor;
}

fn scaled_hours(hours: &HourSeries, factor: f64) -> HourSeries {
    let scaled = |hour: HourPoint| HourPoint {
        median: hour.median * factor,
        p95: hour.p95 * factor,
        max: hour.max * factor,
        ..hour
    };
    hours.iter().map(scaled).collect()
}

fn scaled_sketch(sketch: &Sketch, factor: f64) -> Sketch {
    let mut scaled = Sketch::default();
    scaled.add(0.0, sketch.zeros());
    for (bin, count) in sketch.bins() {
        scaled.add(Sketch::value_of(*bin) * factor, u64::from(*count));
    }
    scaled
}

/// As if the last day had reached this many bytes once; none without memory.
pub(super) fn highest(evidence: &Evidence, bytes: f64) -> Option<Evidence> {
    let mut other = evidence.clone();
    let memory = other.usage.as_mut()?.memory.as_mut()?;
    memory.max = memory.max.max(bytes);
    memory.sketch.add(bytes, 1);
    let day = memory.days.last_mut()?;
    day.max = day.max.max(bytes);
    Some(other)
}
