//! The policy's floors: nothing is sized so small that start-up or a health probe would fail.

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::{Amount, Field};

use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule = Rule { name: "floor", about: "requests stay above the policy's floors", speak };

fn speak(_: &Evidence, policy: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    let floors = [
        (Field::CPU_REQUEST, Amount::Cpu(policy.sizing.cpu_floor)),
        (Field::MEMORY_REQUEST, Amount::Memory(policy.sizing.memory_floor)),
    ];
    floors
        .into_iter()
        .filter(|(field, floor)| draft.value(*field).is_some_and(|value| value < *floor))
        .map(|(field, floor)| Say::AtLeast(field, floor, format!("the policy's floor is {floor}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{Bytes, MilliCores};

    use crate::rules::fixture::Case;
    use crate::size;

    #[test]
    fn an_idle_container_gets_the_floor_and_not_nothing() {
        let mut case = Case::serving();
        case.cpu_samples = vec![0.0; 50];
        case.memory_samples_mebi = vec![1.0; 50];
        let sizing = size(&case.evidence(), &case.policy);
        assert_eq!(sizing.resources.requests.cpu, Some(MilliCores(10)));
        assert_eq!(sizing.resources.requests.memory, Some(Bytes::mebi(32)));
    }
}
