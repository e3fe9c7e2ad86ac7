//! What another project would request, by its published rule: for those who compare, or who are used to it.
//!
//! The rules are `kubeopt-strategies`'; this file hands them what is known. Limits stay with the policy's `sizing.limits`.

use kubeopt_model::policy::{EffectivePolicy, SizingStrategy};
use kubeopt_model::{Amount, Field, NoRecommendation, Resource};
use kubeopt_strategies::by_name;

use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule =
    Rule { name: "strategy", about: "requests as the rule of another project gives them", speak };

fn speak(evidence: &Evidence, policy: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    let strategy = match policy.sizing.strategy {
        SizingStrategy::Kubeopt | SizingStrategy::Quantile => return Vec::new(),
        peer @ (SizingStrategy::KrrSimple | SizingStrategy::KrrSimpleLimit | SizingStrategy::Vpa) => peer,
    };
    let (Some(rule), Some(history)) = (by_name(strategy.as_str()), draft.history(evidence)) else {
        return Vec::new();
    };
    let given = rule.give(&history);
    [(Field::CPU_REQUEST, given.cpu_request), (Field::MEMORY_REQUEST, given.memory_request)]
        .map(|(field, value)| match value {
            Some(value) => Say::Prefer(field, amount(field.resource, value), rule.about().to_owned()),
            None => {
                let text = format!("{strategy} gives no value on so few samples", strategy = rule.name());
                let guardrail = RULE.name.to_owned();
                Say::Leave(field, NoRecommendation::Refused { guardrail, text: text.clone() }, text)
            }
        })
        .into()
}

/// The cast saturates; the values are finite.
fn amount(resource: Resource, value: f64) -> Amount {
    Amount::from_base(resource, value.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use kubeopt_model::policy::{BelowObservedMax, SizingStrategy};
    use kubeopt_model::quantity::MIB;
    use kubeopt_model::usage::ContainerPoints;
    use kubeopt_model::{Bytes, Field, MilliCores};

    use crate::evidence::Evidence;
    use crate::rules::fixture::{Case, DAY};
    use crate::size;

    /// The last day of the window: 288 points from 1m to 288m, and of memory from 1Mi to 288Mi.
    fn with_points(case: &Case) -> Evidence {
        let mut evidence = case.evidence();
        let at = |step: i64| 27 * DAY + step * 300;
        let points = |unit: f64| (0..288).map(|step| (at(step), (step + 1) as f64 * unit)).collect();
        let container = evidence.id();
        evidence.points = Some(ContainerPoints {
            container,
            cpu: points(1.0),
            memory: points(MIB as f64),
            restarts: vec![],
        });
        evidence
    }

    #[test]
    fn requests_are_those_of_the_named_project_rounded_as_all_are() {
        let mut case = Case::serving();
        case.policy.sizing.below_observed_max = BelowObservedMax::Allow;
        // p95 is 273.65, p66 is 190.42; the highest 288Mi x 1.15 = 331.2Mi. VPA: late samples weigh more, so p90 lies
        // above 259; the end of its bucket x 1.15.
        for (strategy, cpu, memory) in [
            (SizingStrategy::KrrSimple, 280, Some(336)),
            (SizingStrategy::KrrSimpleLimit, 195, Some(336)),
            (SizingStrategy::Vpa, 330, None),
        ] {
            case.policy.sizing.strategy = strategy;
            let sizing = size(&with_points(&case), &case.policy);
            assert_eq!(sizing.resources.requests.cpu, Some(MilliCores(cpu)), "{strategy:?}");
            if let Some(mebi) = memory {
                assert_eq!(sizing.resources.requests.memory, Some(Bytes::mebi(mebi)), "{strategy:?}");
            }
            let own = sizing.reasons.iter().filter(|reason| reason.rule == "strategy" && reason.bound);
            assert_eq!(own.count(), 2, "{strategy:?}");
        }
    }

    #[test]
    fn without_points_nothing_moves_and_it_is_said() {
        let mut case = Case::serving();
        case.policy.sizing.strategy = SizingStrategy::KrrSimple;
        let sizing = size(&case.evidence(), &case.policy);
        assert_eq!(sizing.resources, case.resources);
        let why = sizing.left_because(Field::CPU_REQUEST).map(|why| why.sentence());
        assert_eq!(why.as_deref(), Some("krr-simple gives no value on so few samples"));
    }
}
