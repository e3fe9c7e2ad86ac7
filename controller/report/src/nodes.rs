//! What node agents told of a container, in sentences. Knows nothing of where they stand.

use kubeopt_model::usage::{CpuPeak, SeenByNodes};
use kubeopt_model::{ContainerUsage, Resource};

use crate::figures;

const HOUR_S: i64 = 3600;

/// Steps of five minutes in an hour of a pod.
const STEPS_AN_HOUR: u64 = 12;

/// How far below a peak the mean must lie for the peak to be worth a word: a fifth.
const HIDDEN_SHARE: f64 = 0.8;

/// How the container was seen, and the peaks and pauses that means over minutes hide; nothing where no agent told of it.
pub fn of(usage: &ContainerUsage, whose: &str) -> Vec<String> {
    let Some(nodes) = &usage.nodes else { return Vec::new() };
    let mut sentences = vec![format!("Seen{whose} by node agents every 10 s: {}", hours(nodes))];
    sentences.extend(peak(usage, nodes, whose));
    if let Some(seconds) = nodes.throttled_seconds.filter(|seconds| *seconds >= 1.0) {
        let share = usage
            .throttled_ratio
            .map_or(String::new(), |ratio| format!(", {:.1} % of its periods", ratio * 100.0));
        let held = duration(seconds);
        sentences.push(format!("Held back{whose} by its CPU limit: {held} in these pod-hours{share}"));
    }
    sentences
}

/// `312 of 336 pod-hours`
fn hours(nodes: &SeenByNodes) -> String {
    let hours = |steps: u64| figures::count(steps.div_ceil(STEPS_AN_HOUR));
    let all = nodes.steps.expected.max(nodes.steps.have);
    format!("{} of {} pod-hours", hours(nodes.steps.have), hours(all))
}

/// `CPU reached 1900m within one second (2026-11-12 10:35 UTC) and 700m over 10 s (...); the highest mean of 5 minutes in that hour
/// is 410m`
fn peak(usage: &ContainerUsage, nodes: &SeenByNodes, whose: &str) -> Option<String> {
    let shown = nodes.second.unwrap_or(nodes.reading);
    let mean = usage
        .cpu_hours
        .iter()
        .find(|hour| hour.at_unix_s == shown.at_unix_s.div_euclid(HOUR_S) * HOUR_S)
        .map(|hour| hour.max)
        .filter(|mean| *mean < shown.millicores * HIDDEN_SHARE)?;
    let told = |peak: &CpuPeak, over: &str| {
        let value = figures::measured(Resource::Cpu, peak.millicores);
        format!("{value} {over} ({})", figures::moment(peak.at_unix_s))
    };
    let second = nodes.second.as_ref().map(|peak| format!("{} and ", told(peak, "within one second")));
    Some(format!(
        "CPU peak{whose}: {}{}; a mean of 5 minutes shows at most {} in that hour",
        second.unwrap_or_default(),
        told(&nodes.reading, "over 10 s"),
        figures::measured(Resource::Cpu, mean)
    ))
}

/// `48 s`, `12 min`, `3.5 h`
fn duration(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.0} s"),
        120.0..7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::usage::HourPoint;
    use kubeopt_model::{
        ClusterName, ContainerId, ContainerName, Coverage, Namespace, ObjectName, Window, WorkloadId,
        WorkloadKind,
    };

    use super::*;

    fn usage(second: Option<f64>, reading: f64) -> ContainerUsage {
        let workload = WorkloadId {
            cluster: ClusterName::new("prod").unwrap(),
            namespace: Namespace::new("shop").unwrap(),
            kind: WorkloadKind::Deployment,
            name: ObjectName::new("api").unwrap(),
        };
        let container = ContainerId { workload, container: ContainerName::new("main").unwrap() };
        let peak = |millicores| CpuPeak { millicores, at_unix_s: 7500 };
        let hours = [(3600, 500.0), (7200, 410.0)];
        let hour = |(at_unix_s, max)| HourPoint { at_unix_s, median: 1.0, p95: 1.0, max };
        ContainerUsage {
            nodes: Some(SeenByNodes {
                steps: Coverage { have: 3744, expected: 4032 },
                reading: peak(reading),
                second: second.map(peak),
                throttled_seconds: Some(754.0),
            }),
            throttled_ratio: Some(0.031),
            cpu_hours: hours.into_iter().map(hour).collect(),
            ..ContainerUsage::unseen(container, Window { from_unix_s: 0, to_unix_s: 86_400 })
        }
    }

    #[test]
    fn what_a_mean_hides_is_told_with_its_time_and_what_the_mean_shows() {
        assert_eq!(
            of(&usage(Some(1900.0), 700.0), ""),
            [
                "Seen by node agents every 10 s: 312 of 336 pod-hours",
                "CPU peak: 1900m within one second (1970-01-01 02:05 UTC) and 700m over 10 s (1970-01-01 02:05 UTC); a mean of 5 minutes shows at most 410m in that hour",
                "Held back by its CPU limit: 13 min in these pod-hours, 3.1 % of its periods",
            ]
        );
        assert_eq!(of(&usage(None, 700.0), " of `x`").len(), 3);
        assert_eq!(of(&usage(None, 500.0), "").len(), 2, "the mean shows as much");
        assert!(of(&ContainerUsage { nodes: None, ..usage(None, 1.0) }, "").is_empty());
    }
}
