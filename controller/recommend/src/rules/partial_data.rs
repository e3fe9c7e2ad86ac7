//! Partial data never lowers anything, and nothing is created on it: what is missing may be the peak.

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::{Field, NoRecommendation};

use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule =
    Rule { name: "partial-data", about: "nothing is lowered or created on a window with holes", speak };

fn speak(evidence: &Evidence, policy: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    let Some(usage) = evidence.usage.as_ref() else { return Vec::new() };
    let mut says = Vec::new();
    for field in [Field::CPU_REQUEST, Field::MEMORY_REQUEST] {
        let Some(resource) = usage.resource(field.resource) else { continue };
        let holes = resource.coverage.ratio() < policy.sizing.min_coverage;
        if !holes && usage.partial.is_none() {
            continue;
        }
        let why = usage.partial.clone().unwrap_or_else(|| {
            format!("{} of {} samples", resource.coverage.have, resource.coverage.expected)
        });
        let lowers = |now| draft.value(field).is_some_and(|value| value < now);
        if evidence.container.resources.effective_request(field.resource).is_none_or(lowers) {
            let why = NoRecommendation::PartialData { coverage: resource.coverage, why };
            let text = why.sentence();
            says.push(Say::Leave(field, why, text));
        }
    }
    says
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{Coverage, Field, MilliCores, NoRecommendation};

    use crate::rules::fixture::Case;
    use crate::size;

    #[test]
    fn lowers_nothing_when_samples_are_missing() {
        let case = Case::serving();
        let mut evidence = case.evidence();
        let usage = evidence.usage.as_mut().unwrap();
        usage.cpu.as_mut().unwrap().coverage = Coverage { have: 10, expected: 100 };
        let sizing = size(&evidence, &case.policy);
        assert_eq!(sizing.resources.requests.cpu, case.resources.requests.cpu);
        assert!(matches!(
            sizing.left_because(Field::CPU_REQUEST),
            Some(NoRecommendation::PartialData { .. })
        ));
        assert!(sizing.resources.requests.memory < case.resources.requests.memory);
    }

    #[test]
    fn creates_nothing_on_partial_data() {
        let mut case = Case::serving();
        case.resources = Default::default();
        let mut evidence = case.evidence();
        evidence.usage.as_mut().unwrap().cpu.as_mut().unwrap().coverage =
            Coverage { have: 10, expected: 100 };
        let requests = size(&evidence, &case.policy).resources.requests;
        assert_eq!(requests.cpu, None);
        assert!(requests.memory.is_some());
    }

    #[test]
    fn still_raises_on_partial_data() {
        let mut case = Case::serving();
        case.cpu_samples = vec![2000.0; 100];
        let mut evidence = case.evidence();
        evidence.usage.as_mut().unwrap().partial = Some("Prometheus warned".to_owned());
        let sizing = size(&evidence, &case.policy);
        assert!(sizing.resources.requests.cpu > Some(MilliCores(2000)));
    }
}
