//! An HPA that targets a share of the request: changing the request would move the scale point, so the resource stays.

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::{Field, NoRecommendation};

use super::{Rule, Say};
use crate::evidence::Evidence;
use crate::sizing::Draft;

pub(super) const RULE: Rule = Rule {
    name: "scaler",
    about: "leaves a resource alone that an HPA keeps at a share of the request",
    speak,
};

fn speak(evidence: &Evidence, _: &EffectivePolicy, _: &Draft) -> Vec<Say> {
    let Some(scaler) = &evidence.workload.scaler else { return Vec::new() };
    let mut says = Vec::new();
    for target in &scaler.targets {
        for field in Field::ALL.into_iter().filter(|field| field.resource == target.resource) {
            match target.utilization_percent {
                Some(percent) => {
                    let name = &scaler.name;
                    let scaler = format!("HPA `{name}` on {} at {percent} %", target.resource);
                    let why = NoRecommendation::ScaledOnThisResource { scaler };
                    let text = why.sentence();
                    says.push(Say::Leave(field, why, text));
                }
                None => {
                    let text = format!(
                        "HPA `{}` keeps an absolute {} value per pod; the request does not move its scale point",
                        scaler.name, target.resource
                    );
                    says.push(Say::Note(field, text));
                }
            }
        }
    }
    says
}

#[cfg(test)]
mod tests {
    use kubeopt_model::workload::{Scaler, ScalerTarget};
    use kubeopt_model::{Field, Resource};

    use crate::rules::fixture::Case;
    use crate::size;

    fn scaler(resource: Resource, utilization_percent: Option<u32>) -> Scaler {
        let targets = vec![ScalerTarget { resource, utilization_percent }];
        Scaler { name: "web".to_owned(), min_replicas: 2, max_replicas: 9, targets }
    }

    #[test]
    fn leaves_the_scaled_resource_and_sizes_the_other() {
        let case = Case::serving();
        let mut evidence = case.evidence();
        evidence.workload.scaler = Some(scaler(Resource::Cpu, Some(70)));
        let sizing = size(&evidence, &case.policy);
        assert_eq!(sizing.resources.requests.cpu, case.resources.requests.cpu);
        assert!(sizing.resources.requests.memory < case.resources.requests.memory);
        let why = sizing.left_because(Field::CPU_REQUEST).map(|why| why.sentence());
        assert_eq!(why.as_deref(), Some("HPA `web` on cpu at 70 %: scale point kept"));
    }

    #[test]
    fn an_absolute_target_does_not_hold_the_request() {
        let case = Case::serving();
        let mut evidence = case.evidence();
        evidence.workload.scaler = Some(scaler(Resource::Cpu, None));
        let sizing = size(&evidence, &case.policy);
        assert!(sizing.resources.requests.cpu < case.resources.requests.cpu);
        assert!(sizing.reasons.iter().any(|reason| reason.rule == "scaler"));
    }
}
