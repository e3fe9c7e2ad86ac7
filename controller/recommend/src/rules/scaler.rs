//! An HPA that targets a share of the request: changing the request would move the scale point, so the resource stays.

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::{Amount, Bound, ContainerRole, Field, NoRecommendation};

use super::{Rule, Say};
use crate::evidence::Evidence;
use crate::sizing::Draft;

pub(super) const RULE: Rule = Rule {
    name: "scaler",
    about: "leaves a resource alone that an HPA keeps at a share of the request",
    speak,
};

fn speak(evidence: &Evidence, _: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    let Some(scaler) = &evidence.workload.scaler else { return Vec::new() };
    let mut says = Vec::new();
    for target in &scaler.targets {
        let request = Field { bound: Bound::Request, resource: target.resource };
        if let Some(percent) = target.utilization_percent {
            says.extend(together(evidence, percent, request, draft.value(request)));
        }
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

/// Which target would keep the scale point with the request that is wanted: target' = target x request / request'. Said,
/// not done: the line of the target is not traced, and one without the other would move the scale point.
fn together(evidence: &Evidence, percent: u32, request: Field, wanted: Option<Amount>) -> Option<Say> {
    // A Pod has one target for all of its containers; the sum moves with each of them.
    let containers = evidence.workload.containers.iter().filter(|it| it.role != ContainerRole::Init);
    if containers.count() != 1 {
        return None;
    }
    let now = evidence.container.resources.effective_request(request.resource)?;
    let wanted = wanted?.rounded_up();
    if wanted == now || wanted.base() == 0 {
        return None;
    }
    let target = u128::from(percent) * u128::from(now.base()) / u128::from(wanted.base());
    let text = format!(
        "the scale point would stay with a request of {wanted} and a target of {target} % instead of {now} and {percent} %, \
         changed together"
    );
    Some(Say::Note(request, text))
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
    fn the_target_that_would_keep_the_scale_point_is_said_where_one_container_decides_it() {
        let case = Case::serving();
        let mut evidence = case.evidence();
        evidence.workload.scaler = Some(scaler(Resource::Cpu, Some(70)));
        let note = |evidence: &crate::Evidence| {
            let sizing = size(evidence, &case.policy);
            let own = sizing.reasons.into_iter().filter(|reason| reason.rule == "scaler" && !reason.bound);
            own.map(|reason| reason.text).collect::<Vec<_>>()
        };
        // 70 % of 1000m are 700m, as 304 % of 230m are.
        let wanted = "the scale point would stay with a request of 230m and a target of 304 % instead of 1000m and 70 %, \
                      changed together";
        assert_eq!(note(&evidence), [wanted]);
        let mut proxy = evidence.container.clone();
        proxy.name = kubeopt_model::ContainerName::new("proxy").unwrap();
        evidence.workload.containers.push(proxy);
        assert_eq!(note(&evidence), [""; 0], "two containers share one target");
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
