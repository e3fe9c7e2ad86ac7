//! Whole GPUs that do little: advice for people. A GPU cannot be asked for in parts like CPU, and how one is shared is set up in
//! the cluster, so that nothing is edited.

use kubeopt_model::Field;
use kubeopt_model::gpu::{GpuSource, GpuUse};
use kubeopt_model::policy::EffectivePolicy;

use super::cost_terms::percent;
use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule =
    Rule { name: "gpu", about: "says where whole GPUs are idle or could be shared", speak };

/// No sample above this: nothing ran but what keeps the device awake.
const IDLE_MAX: f64 = 0.05;

/// Below this mean another program would find room on the device most of the time.
const SHARED_MEAN: f64 = 0.30;

/// Two programs do not fit side by side where one of them takes more of the memory.
const SHARED_MEMORY: f64 = 0.50;

/// Fewer hours than a day say nothing of what is used by day or by night.
const HOURS_MIN: u32 = 24;

fn speak(evidence: &Evidence, _: &EffectivePolicy, _: &Draft) -> Vec<Say> {
    let gpus = evidence.container.gpus;
    let Some(used) = evidence.gpu.as_ref().filter(|used| gpus > 0 && used.hours >= HOURS_MIN) else {
        return Vec::new();
    };
    let count = format!("{gpus} GPU{}", if gpus == 1 { "" } else { "s" });
    let text = if used.busy_max <= IDLE_MAX {
        format!(
            "{count} a pod, and none was more than {} busy in {}: idle; kubeopt does not edit this",
            percent(used.busy_max),
            known(used)
        )
    } else if may_share(used) {
        format!(
            "{count} a pod, busy for {} of {}, and with at most {} of the memory in use: time slices, MPS or a MIG \
             profile would let others share; kubeopt does not edit this",
            percent(used.busy_mean),
            known(used),
            percent(used.memory_max.unwrap_or(0.0))
        )
    } else {
        return Vec::new();
    };
    // GPUs are no field of their own; the note stands beside what runs on the CPU.
    vec![Say::Note(Field::CPU_REQUEST, text)]
}

/// The time that is known, and of whom: `7 days (DCGM through Prometheus)`.
fn known(used: &GpuUse) -> String {
    let time = match used.hours {
        hours if hours < 72 => format!("{hours} h"),
        hours => format!("{} days", hours / 24),
    };
    let source = match used.source {
        GpuSource::Prometheus => "DCGM through Prometheus",
        GpuSource::NodeAgents => "node agents",
    };
    format!("{time} ({source})")
}

fn may_share(used: &GpuUse) -> bool {
    used.busy_mean <= SHARED_MEAN && used.memory_max.is_some_and(|memory| memory <= SHARED_MEMORY)
}

#[cfg(test)]
mod tests {
    use kubeopt_model::gpu::{GpuSource, GpuUse};

    use crate::rules::fixture::Case;
    use crate::size;

    fn said(gpus: u32, used: Option<(f64, f64, Option<f64>)>) -> Option<String> {
        said_by(gpus, used, (GpuSource::Prometheus, 168))
    }

    fn said_by(
        gpus: u32,
        used: Option<(f64, f64, Option<f64>)>,
        (source, hours): (GpuSource, u32),
    ) -> Option<String> {
        let case = Case::serving();
        let mut evidence = case.evidence();
        evidence.container.gpus = gpus;
        let container = evidence.id();
        evidence.gpu = used.map(|(busy_mean, busy_max, memory_max)| GpuUse {
            container,
            source,
            hours,
            busy_mean,
            busy_max,
            memory_max,
        });
        let sizing = size(&evidence, &case.policy);
        assert_eq!(sizing.resources, size(&case.evidence(), &case.policy).resources, "a note edits nothing");
        sizing.reasons.into_iter().find(|reason| reason.rule == "gpu").map(|reason| reason.text)
    }

    #[test]
    fn idle_gpus_and_such_as_could_be_shared_are_told() {
        let idle = "1 GPU a pod, and none was more than 2.0 % busy in 7 days (DCGM through Prometheus): idle; kubeopt does not \
                    edit this";
        assert_eq!(said(1, Some((0.001, 0.02, None))).as_deref(), Some(idle));
        let shared = "2 GPUs a pod, busy for 12.0 % of 7 days (DCGM through Prometheus), and with at most 40.0 % of the memory \
                      in use: time slices, MPS or a MIG profile would let others share; kubeopt does not edit this";
        assert_eq!(said(2, Some((0.12, 0.9, Some(0.4)))).as_deref(), Some(shared));
    }

    #[test]
    fn the_time_that_is_known_is_told_and_less_than_a_day_is_too_little() {
        let idle = |hours| said_by(1, Some((0.0, 0.01, None)), (GpuSource::NodeAgents, hours));
        assert_eq!(idle(23), None);
        for (hours, told) in [(41, "41 h"), (71, "71 h"), (72, "3 days"), (167, "6 days"), (168, "7 days")] {
            let text = idle(hours).unwrap();
            assert!(text.contains(&format!("in {told} (node agents): idle")), "{hours}: {text}");
        }
    }

    #[test]
    fn busy_gpus_and_unknown_ones_are_not_spoken_of() {
        for used in [None, Some((0.6, 1.0, Some(0.2))), Some((0.1, 0.9, Some(0.8))), Some((0.1, 0.9, None))] {
            assert_eq!(said(1, used), None, "{used:?}");
        }
        assert_eq!(said(0, Some((0.0, 0.0, None))), None);
    }
}
