//! The CPU request that costs least: what it reserves, plus the price of the samples that are expected above it.
//!
//! The rule itself is `kubeopt-strategies`' [`CpuCost`]; this file hands it what is known; `cost_terms` says its terms.

use kubeopt_model::Resource;
use kubeopt_model::policy::{EffectivePolicy, SizingStrategy};
use kubeopt_strategies::CpuCost;

use super::cost_terms::prefer;
use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule =
    Rule { name: "cpu-cost", about: "CPU request that costs least, the price of its risk included", speak };

fn speak(evidence: &Evidence, policy: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    if policy.sizing.strategy != SizingStrategy::Kubeopt {
        return Vec::new();
    }
    let chosen = draft.chosen(Resource::Cpu, evidence, |history| cost(policy).give(history));
    prefer(Resource::Cpu, chosen, evidence)
}

/// The cost at the policy's price of risk.
pub(crate) fn cost(policy: &EffectivePolicy) -> CpuCost {
    let own = CpuCost::default();
    CpuCost { price: own.price * policy.sizing.cpu_price, ..own }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::policy::SizingStrategy;
    use kubeopt_model::{Amount, Field, MilliCores};

    use crate::rules::fixture::{Case, resources};
    use crate::{Fleet, Sizing, size};

    fn sized(case: &Case) -> Sizing {
        let mut case = case.clone();
        case.policy.sizing.strategy = SizingStrategy::Kubeopt;
        size(&case.evidence(), &case.policy)
    }

    fn said(sizing: &Sizing) -> Option<&str> {
        sizing.reasons.iter().find(|reason| reason.rule == "cpu-cost").map(|reason| reason.text.as_str())
    }

    #[test]
    fn says_what_is_reserved_what_exceeds_it_and_at_what_price() {
        let mut case = Case::serving();
        case.cpu_samples = (0..990).map(|_| 200.0).chain((0..10).map(|_| 9000.0)).collect();
        let mut evidence = case.evidence();
        evidence.container.resources = resources(["1", "", "2Gi", ""]);
        evidence.fleet = Some(Fleet { cpu_request: 500.0, memory_request: 0.0 });
        case.policy.sizing.strategy = SizingStrategy::Kubeopt;
        let sizing = size(&evidence, &case.policy);
        // A hundredth of the samples would cost 8.8 cores more to cover; at a price of 20 x 0.5 cores they cost 0.1.
        let cpu = sizing.resources.requests.cpu.map_or(0, |cpu| cpu.0);
        assert!((216..=240).contains(&cpu), "{cpu}");
        let said = said(&sizing).unwrap_or_default();
        for part in [
            "1.0 % of samples are expected above it",
            "(10.0 cores if all were)",
            "1000 samples of 6 pods, highest 9000m",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn a_dearer_risk_never_gives_less() {
        let mut case = Case::serving();
        case.cpu_samples = (1..=100).map(|i| 5.0 * f64::from(i * i)).collect();
        case.resources = resources(["1", "", "2Gi", ""]);
        let mut last = None;
        for price in [0.01, 0.1, 0.5, 1.0, 10.0] {
            case.policy.sizing.cpu_price = price;
            let cpu = sized(&case).resources.requests.cpu;
            assert!(cpu >= last, "{price}: {cpu:?} after {last:?}");
            last = cpu;
        }
    }

    #[test]
    fn a_limit_that_stays_bounds_what_can_exceed_and_one_that_moves_does_not() {
        let mut case = Case::serving();
        case.cpu_samples = vec![990.0; 100];
        case.resources = resources(["500m", "1", "2Gi", "3Gi"]);
        let sizing = sized(&case);
        assert_eq!(sizing.resources.requests.cpu, Some(MilliCores(1000)), "no sample is above the limit");
        case.policy.sizing.cpu_limit = kubeopt_model::policy::LimitPolicy::Ratio;
        let moved = sized(&case).resources.get(Field::CPU_REQUEST);
        assert!(moved > Some(Amount::Cpu(MilliCores(1000))), "{moved:?}");
    }

    #[test]
    fn it_is_silent_where_the_policy_names_another_strategy() {
        let case = Case::serving();
        assert_eq!(said(&size(&case.evidence(), &case.policy)), None);
    }
}
