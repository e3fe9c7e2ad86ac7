//! A CPU limit that throttles: it is raised above what was used, and never lowered while it throttles.
//!
//! Usage under a limit says little about what would be used without it: each value that stands on the limit may have been
//! more. So the limit goes a half above the highest use, which is the same however often it is asked, and from there the
//! next weeks tell. In a Guaranteed pod the request goes with it.

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::workload::QosClass;
use kubeopt_model::{Amount, Field, MilliCores};

use super::cost_terms::percent;
use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;
use crate::held_down::{THROTTLED, is_throttled};

pub(super) const RULE: Rule =
    Rule { name: "throttling", about: "a CPU limit that throttles is raised, and not lowered", speak };

/// Headroom over the highest use, which the limit itself may have held down.
const HEADROOM: f64 = 1.5;

fn speak(evidence: &Evidence, _: &EffectivePolicy, _: &Draft) -> Vec<Say> {
    if !is_throttled(evidence) {
        return Vec::new();
    }
    let (Some(usage), Some(limit)) = (&evidence.usage, evidence.container.resources.limits.cpu) else {
        return Vec::new();
    };
    let Some(cpu) = &usage.cpu else { return Vec::new() };
    // The cast saturates; nothing has 18 quadrillion cores.
    let needed = MilliCores((cpu.max * HEADROOM).ceil() as u64);
    let held = format!(
        "throttled in {} of periods, more than {}",
        percent(usage.throttled_ratio.unwrap_or(0.0)),
        percent(THROTTLED)
    );
    if needed <= limit {
        let text = format!(
            "{held}, though 5-minute means reach only {:.0}m: bursts; kept at {limit}m, sizing.limits.cpu: none would end it",
            cpu.max,
            limit = limit.0
        );
        return vec![Say::AtLeast(Field::CPU_LIMIT, Amount::Cpu(limit), text)];
    }
    let text = format!("{held}: not below 1.5 times the highest use of {:.0}m", cpu.max);
    let bound = Amount::Cpu(needed).rounded_up();
    let mut says = vec![Say::AtLeast(Field::CPU_LIMIT, bound, text.clone())];
    if evidence.workload.qos_class() == QosClass::Guaranteed {
        says.push(Say::AtLeast(Field::CPU_REQUEST, bound, text));
    }
    says
}

#[cfg(test)]
mod tests {
    use kubeopt_model::policy::LimitPolicy;
    use kubeopt_model::{Field, MilliCores};

    use crate::rules::fixture::{Case, resources};
    use crate::{Sizing, size};

    fn throttled(case: &Case, ratio: f64) -> Sizing {
        let mut evidence = case.evidence();
        evidence.usage.as_mut().unwrap().throttled_ratio = Some(ratio);
        size(&evidence, &case.policy)
    }

    fn at_its_limit() -> Case {
        let mut case = Case::serving();
        case.resources = resources(["200m", "400m", "2Gi", "3Gi"]);
        case.cpu_samples = vec![400.0; 100];
        case
    }

    #[test]
    fn a_limit_that_throttles_goes_a_half_above_the_highest_use() {
        let mut case = at_its_limit();
        let limits = |case: &Case, ratio| throttled(case, ratio).resources.limits.cpu;
        assert_eq!(limits(&case, 0.34), Some(MilliCores(600)));
        // 400 x 1.15 is what the request asks for; a limit that does not throttle only follows it.
        assert_eq!(limits(&case, 0.1), Some(MilliCores(460)));
        case.policy.sizing.cpu_limit = LimitPolicy::None;
        assert_eq!(throttled(&case, 0.34).removes, [Field::CPU_LIMIT], "a limit that goes throttles nobody");
    }

    #[test]
    fn accepting_it_changes_nothing_more() {
        let mut case = at_its_limit();
        for limits in [LimitPolicy::Keep, LimitPolicy::Ratio] {
            case.policy.sizing.cpu_limit = limits;
            case.resources = resources(["200m", "400m", "2Gi", "3Gi"]);
            let first = throttled(&case, 0.5).resources;
            case.resources = first;
            assert_eq!(throttled(&case, 0.5).resources, first, "{limits:?}");
        }
    }

    #[test]
    fn it_is_never_lowered_while_it_throttles() {
        let mut case = Case::serving();
        case.policy.sizing.cpu_limit = LimitPolicy::Ratio;
        assert!(throttled(&case, 0.02).resources.limits.cpu < Some(MilliCores(2000)));
        let sizing = throttled(&case, 0.2);
        assert_eq!(sizing.resources.limits.cpu, Some(MilliCores(2000)));
        let said = sizing.reasons.iter().find(|reason| reason.rule == "throttling");
        let said = said.map(|reason| reason.text.as_str()).unwrap_or_default();
        assert!(said.starts_with("throttled in 20.0 % of periods, more than 10.0 %"), "{said}");
    }

    #[test]
    fn a_guaranteed_pod_stays_so() {
        let mut case = at_its_limit();
        case.resources = resources(["400m", "400m", "2Gi", "2Gi"]);
        let after = throttled(&case, 0.3).resources;
        assert_eq!((after.requests.cpu, after.limits.cpu), (Some(MilliCores(600)), Some(MilliCores(600))));
    }
}
