//! Four weeks of usage as history would have them.

use kubeopt_model::quantity::MIB;
use kubeopt_model::usage::{HourPoint, ResourceUsage};
use kubeopt_model::{ContainerId, ContainerUsage, Coverage, Window};
use kubeopt_signal::Sketch;

use super::NOW_UNIX_S;

const HOUR: i64 = 3_600;
const HOURS: i64 = 28 * 24;

/// Four weeks with a rhythm of days and weeks around a mean, without randomness.
fn hours(mean: f64, swing: f64) -> Vec<HourPoint> {
    (0..HOURS)
        .map(|hour| {
            let day = (hour as f64 / 24.0 * std::f64::consts::TAU).sin();
            let weekend = if (hour / 24) % 7 >= 5 { 0.55 } else { 1.0 };
            let wobble = 0.06 * ((hour * 7919 % 101) as f64 / 50.0 - 1.0);
            let p95 = mean * weekend * (1.0 + swing * day + wobble);
            let at_unix_s = NOW_UNIX_S - (HOURS - hour) * HOUR;
            HourPoint { at_unix_s, median: p95 * 0.8, p95, max: p95 * 1.08 }
        })
        .collect()
}

fn resource_usage(hours: &[HourPoint], pods: u64) -> ResourceUsage {
    let mut sketch = Sketch::default();
    hours.iter().for_each(|hour| sketch.add(hour.p95 * 0.8, 12 * pods));
    let highest = hours.iter().max_by(|a, b| a.max.total_cmp(&b.max)).unwrap();
    let expected = hours.len() as u64 * 12 * pods;
    ResourceUsage {
        sketch,
        max: highest.max,
        max_at_unix_s: highest.at_unix_s,
        coverage: Coverage { have: expected - 480, expected },
        days: Vec::new(),
    }
}

pub(crate) fn usage(
    container: &ContainerId,
    pods: u64,
    (cpu, cpu_swing): (f64, f64),
    memory_mebi: f64,
) -> ContainerUsage {
    let window = Window { from_unix_s: NOW_UNIX_S - HOURS * HOUR, to_unix_s: NOW_UNIX_S };
    let (cpu_hours, memory_hours) = (hours(cpu, cpu_swing), hours(memory_mebi * MIB as f64, 0.05));
    ContainerUsage {
        container: container.clone(),
        window,
        seen: window,
        cpu: Some(resource_usage(&cpu_hours, pods)),
        memory: Some(resource_usage(&memory_hours, pods)),
        oom_kills: Vec::new(),
        throttled_ratio: Some(0.0004),
        strain: kubeopt_model::usage::Strain::default(),
        startup: kubeopt_model::usage::Startup::default(),
        nodes: None,
        gpus: None,
        pods,
        replica_hours: 672.0 * pods as f64,
        cpu_hours: cpu_hours.into_iter().collect(),
        pod_peaks: Vec::new(),
        memory_hours: memory_hours.into_iter().collect(),
        partial: None,
    }
}
