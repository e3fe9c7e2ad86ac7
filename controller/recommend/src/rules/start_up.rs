//! The first minutes of a container: history keeps them apart, so that they do not speak for the request. A CPU limit that
//! moves is not lowered below what starting takes, because a start that is throttled may be killed by its probes.

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::workload::QosClass;
use kubeopt_model::{Amount, Field, MilliCores};

use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule =
    Rule { name: "start-up", about: "a CPU limit is not lowered below what starting takes", speak };

fn speak(evidence: &Evidence, _: &EffectivePolicy, _: &Draft) -> Vec<Say> {
    let Some(usage) = &evidence.usage else { return Vec::new() };
    let (Some(start), Some(cpu)) = (usage.startup.cpu_max, &usage.cpu) else { return Vec::new() };
    if start <= cpu.max {
        return Vec::new();
    }
    let text = format!("starting takes up to {start:.0}m for minutes, running at most {:.0}m", cpu.max);
    let limit = evidence.container.resources.limits.cpu;
    // In a Guaranteed pod the limit is the request, and minutes do not speak for it.
    match limit.filter(|_| evidence.workload.qos_class() != QosClass::Guaranteed) {
        // The cast saturates; the limit that stands bounds it.
        Some(limit) => {
            let least = Amount::Cpu(limit.min(MilliCores(start.ceil() as u64)));
            vec![Say::AtLeast(Field::CPU_LIMIT, least, format!("{text}: the limit stays above that"))]
        }
        None => vec![Say::Note(Field::CPU_REQUEST, format!("{text}: it does not count for the request"))],
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::MilliCores;
    use kubeopt_model::policy::LimitPolicy;

    use crate::rules::fixture::{Case, resources};
    use crate::size;

    #[test]
    fn a_limit_in_proportion_is_not_lowered_below_what_starting_takes_nor_raised_to_it() {
        let mut case = Case::serving();
        case.policy.sizing.cpu_limit = LimitPolicy::Ratio;
        // 200m used; the limit would follow the request from 2 cores to 460m.
        for (start, limit) in [(None, 460), (Some(150.0), 460), (Some(1500.0), 1500), (Some(9000.0), 2000)] {
            let mut evidence = case.evidence();
            evidence.usage.as_mut().unwrap().startup.cpu_max = start;
            let after = size(&evidence, &case.policy).resources;
            assert_eq!(after.limits.cpu, Some(MilliCores(limit)), "{start:?}");
            assert_eq!(after.requests.cpu, Some(MilliCores(230)), "{start:?}");
        }
    }

    #[test]
    fn a_guaranteed_pod_stays_so_and_is_told() {
        let mut case = Case::serving();
        case.resources = resources(["1", "1", "2Gi", "2Gi"]);
        let mut evidence = case.evidence();
        evidence.usage.as_mut().unwrap().startup.cpu_max = Some(900.0);
        let sizing = size(&evidence, &case.policy);
        assert_eq!(sizing.resources.requests.cpu, sizing.resources.limits.cpu);
        let said = sizing.reasons.iter().find(|reason| reason.rule == "start-up").map(|r| r.text.as_str());
        let wanted =
            "starting takes up to 900m for minutes, running at most 199m: it does not count for the request";
        assert_eq!(said, Some(wanted));
    }
}
