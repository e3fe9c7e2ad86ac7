//! The memory request that costs least: what it reserves, plus the price of the chance that next week's highest sample
//! exceeds it.
//!
//! The rule itself is `kubeopt-strategies`' [`MemoryCost`]; this file hands it what is known; `cost_terms` says its terms.

use kubeopt_model::Resource;
use kubeopt_model::policy::{EffectivePolicy, SizingStrategy};
use kubeopt_strategies::MemoryCost;

use super::cost_terms::prefer;
use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    name: "memory-cost",
    about: "memory request that costs least, the price of its risk included",
    speak,
};

fn speak(evidence: &Evidence, policy: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    if policy.sizing.strategy != SizingStrategy::Kubeopt {
        return Vec::new();
    }
    let chosen = draft.chosen(Resource::Memory, evidence, |history| cost(policy).give(history));
    prefer(Resource::Memory, chosen, evidence)
}

/// The cost at the policy's price of risk.
pub(crate) fn cost(policy: &EffectivePolicy) -> MemoryCost {
    MemoryCost { price: MemoryCost::default().price * policy.sizing.memory_price }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::policy::{BelowObservedMax, SizingStrategy};
    use kubeopt_model::{Bytes, Reason};

    use crate::rules::fixture::Case;
    use crate::size;

    fn steady() -> Case {
        let mut case = Case::serving();
        case.policy.sizing.strategy = SizingStrategy::Kubeopt;
        case.memory_samples_mebi = vec![400.0; 100];
        case
    }

    #[test]
    fn says_what_is_reserved_the_chance_that_exceeds_it_and_its_price() {
        let case = steady();
        let sizing = size(&case.evidence(), &case.policy);
        let decided = |reason: &&Reason| reason.rule == "memory-cost" && reason.bound;
        let said = sizing.reasons.iter().find(decided).map(|reason| reason.text.as_str()).unwrap_or_default();
        for part in [
            " GiB reserved, and ",
            " of weeks are expected to exceed it (15.0 GiB if each did)",
            "28 days of 6 pods, highest 400Mi",
        ] {
            assert!(said.contains(part), "{said}");
        }
        assert!(sizing.resources.requests.memory > Some(Bytes::mebi(400)));
    }

    #[test]
    fn a_dearer_risk_never_gives_less_and_the_highest_sample_holds_unless_the_policy_allows_less() {
        let mut case = steady();
        // One day of 28 was four times as large as the others.
        case.memory_samples_mebi = vec![400.0; 100];
        let mut last = None;
        for price in [0.01, 0.1, 1.0, 10.0] {
            case.policy.sizing.memory_price = price;
            let mut evidence = case.evidence();
            evidence.usage.as_mut().and_then(|usage| usage.memory.as_mut()).unwrap().max =
                1600.0 * 1_048_576.0;
            case.policy.sizing.below_observed_max = BelowObservedMax::Allow;
            let free = size(&evidence, &case.policy).resources.requests.memory;
            assert!(free >= last, "{price}: {free:?} after {last:?}");
            last = free;
            case.policy.sizing.below_observed_max = BelowObservedMax::Never;
            let sizing = size(&evidence, &case.policy);
            assert_eq!(
                sizing.resources.requests.memory.max(Some(Bytes::mebi(1600))),
                sizing.resources.requests.memory
            );
            let bound = |reason: &&Reason| reason.rule == "highest-sample" && reason.bound;
            let said = sizing.reasons.iter().find(bound).map(|reason| reason.text.as_str());
            let wanted = "not below 1600Mi, the highest sample of 28 days (sizing.belowObservedMax: never)";
            assert!(said == Some(wanted) || free > Some(Bytes::mebi(1600)), "{said:?}");
        }
    }
}
