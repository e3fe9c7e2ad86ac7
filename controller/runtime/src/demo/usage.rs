//! The demo's usage: four weeks at five minutes, made by a seeded generator from shapes that real workloads have.
//!
//! Pure: the same `now` gives the same samples.

use kubeopt_model::quantity::MIB;
use kubeopt_model::usage::{OomKill, Signal, UsageSeries};
use kubeopt_model::{Bytes, ContainerId, ContainerName, Timestamp};
use kubeopt_observe::{RecordedMetrics, STEP_S};

use super::workloads::{Shape, WORKLOADS, workload_id};

/// Seconds of a day.
const DAY_S: i64 = 86_400;
/// How much usage there is, days.
const DAYS: i64 = 28;

/// Usage of all containers up to `now`.
pub(super) fn recorded(now: Timestamp) -> RecordedMetrics {
    let end = now.as_second().div_euclid(3600) * 3600;
    let mut metrics = RecordedMetrics::default();
    for workload in WORKLOADS {
        for (name, shape) in workload.containers {
            let container = ContainerId {
                workload: workload_id(workload),
                container: ContainerName::new(*name)
                    .expect("the demo's names are literals that a test reads"),
            };
            add(&mut metrics, &container, shape, workload.replicas, end);
        }
    }
    metrics
}

fn add(metrics: &mut RecordedMetrics, container: &ContainerId, shape: &Shape, replicas: u32, end: i64) {
    if let Some(days) = shape.oom_days_ago {
        let limit = Some(Bytes::mebi(4096));
        metrics.oom_kills.push(OomKill {
            container: container.clone(),
            at_unix_s: end - days * DAY_S,
            limit,
        });
    }
    let pods = if shape.weekly_job { RUN_DAYS_AGO.len() as u32 } else { replicas };
    for replica in 0..pods {
        let seed = container
            .to_string()
            .bytes()
            .fold(u64::from(replica), |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        let mut noise = Noise(seed);
        let (mut cpu, mut memory) = (Vec::new(), Vec::new());
        let mut at = end - DAYS * DAY_S;
        while at < end {
            if !shape.weekly_job || runs_at(at, end, replica) {
                let busy = busy(at);
                let burst = if noise.next() > 0.995 { 1.35 } else { 1.0 };
                cpu.push((
                    at,
                    (shape.cpu_base + shape.cpu_day * busy) * burst * (0.92 + 0.16 * noise.next()),
                ));
                let mebi = shape.memory_base + shape.memory_day * busy * (0.9 + 0.1 * noise.next());
                memory.push((at, mebi * MIB as f64));
            }
            at += STEP_S;
        }
        let pod = pod_name(container, replica);
        for (signal, points) in [(Signal::CpuMillicores, cpu), (Signal::MemoryBytes, memory)] {
            metrics.series.push(UsageSeries {
                container: container.clone(),
                pod: pod.clone(),
                signal,
                points,
            });
        }
    }
}

fn pod_name(container: &ContainerId, replica: u32) -> String {
    format!("{}-{replica}", container.workload.name)
}

/// How busy an hour is, 0 to 1: a weekday curve with its top in the late morning, weekends at a third.
fn busy(at: i64) -> f64 {
    let hour = at.rem_euclid(DAY_S) as f64 / 3600.0;
    // 1970-01-01 was a Thursday.
    let weekday = (at.div_euclid(DAY_S) + 3).rem_euclid(7);
    let day = (-((hour - 10.5) / 3.6).powi(2)).exp() + 0.55 * (-((hour - 15.5) / 3.0).powi(2)).exp();
    day.min(1.0) * if weekday >= 5 { 0.33 } else { 1.0 }
}

/// The weekly job ran for an hour so many days ago, each time in a pod of its own.
const RUN_DAYS_AGO: [i64; 2] = [10, 3];

fn runs_at(at: i64, end: i64, run: u32) -> bool {
    let start = end - RUN_DAYS_AGO[run as usize] * DAY_S;
    (start..start + 3600).contains(&at)
}

/// Numbers between 0 and 1 that look random: SplitMix64 (Steele, Lea, Flood: OOPSLA 2014).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_now_gives_the_same_four_weeks() {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let (a, b) = (recorded(now), recorded(now));
        assert_eq!(a.series, b.series);
        let api = a.series.iter().find(|series| series.container.container.as_str() == "api").unwrap();
        assert_eq!(api.points.len() as i64, DAYS * DAY_S / STEP_S);
        assert!(api.points.iter().all(|(_, value)| value.is_finite() && *value > 0.0));
    }
}
