//! A VerticalPodAutoscaler of the same workload: two that size one container pull it to and fro, so one of them steps
//! aside. The policy says which.
//!
//! A VPA whose `updateMode` is `Off` only recommends; it holds nobody back unless the policy hands sizing over to it.

use kubeopt_model::policy::{EffectivePolicy, VpaPolicy};
use kubeopt_model::vpa::Vpa;
use kubeopt_model::{Amount, Bound, Field, NoRecommendation, Resource};

use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    name: "vpa",
    about: "a resource that a VerticalPodAutoscaler sizes is left to it, or follows its target",
    speak,
};

fn speak(evidence: &Evidence, policy: &EffectivePolicy, _: &Draft) -> Vec<Say> {
    let Some(vpa) = &evidence.workload.vpa else { return Vec::new() };
    let controlled = [Resource::Cpu, Resource::Memory]
        .into_iter()
        .filter(|resource| vpa.controls(&evidence.container.name, *resource));
    controlled.flat_map(|resource| of_resource(evidence, vpa, policy.sizing.vpa, resource)).collect()
}

fn of_resource(evidence: &Evidence, vpa: &Vpa, policy: VpaPolicy, resource: Resource) -> Vec<Say> {
    let request = Field { bound: Bound::Request, resource };
    let target = vpa.target(&evidence.container.name).and_then(|target| match resource {
        Resource::Cpu => target.cpu.map(Amount::Cpu),
        Resource::Memory => target.memory.map(Amount::Memory),
    });
    let (name, mode, word) = (&vpa.name, vpa.mode, policy.as_str());
    match policy {
        VpaPolicy::Avoid if !vpa.mode.acts() => {
            let Some(target) = target else { return Vec::new() };
            let text = format!("VPA `{name}` only recommends (updateMode {mode}): its target is {target}");
            vec![Say::Note(request, text)]
        }
        VpaPolicy::Avoid => leave(
            resource,
            format!(
                "VPA `{name}` sets {resource} itself (updateMode {mode}): left to it (sizing.vpa: {word})"
            ),
        ),
        VpaPolicy::HandOver => leave(
            resource,
            format!(
                "VPA `{name}` speaks for {resource} (updateMode {mode}): left to it (sizing.vpa: {word})"
            ),
        ),
        VpaPolicy::Follow => match target {
            Some(target) => {
                let text = format!(
                    "the target of VPA `{name}` (updateMode {mode}) is {target} (sizing.vpa: {word})"
                );
                vec![Say::Prefer(request, target, text)]
            }
            None => {
                leave(resource, format!("VPA `{name}` has no target for {resource} yet (sizing.vpa: {word})"))
            }
        },
    }
}

/// Request and limit: a VPA moves the limit with the request.
fn leave(resource: Resource, text: String) -> Vec<Say> {
    let stays = |bound| {
        let why = NoRecommendation::Refused { guardrail: RULE.name.to_owned(), text: text.clone() };
        Say::Leave(Field { bound, resource }, why, text.clone())
    };
    vec![stays(Bound::Request), stays(Bound::Limit)]
}

#[cfg(test)]
mod tests {
    use kubeopt_model::policy::VpaPolicy;
    use kubeopt_model::vpa::{Vpa, VpaMode};
    use kubeopt_model::workload::ResourceList;
    use kubeopt_model::{Bytes, Field, MilliCores, Resource};

    use crate::rules::fixture::Case;
    use crate::{Sizing, size};

    fn sized(policy: VpaPolicy, mode: VpaMode, controls: &[Resource]) -> (Case, Sizing) {
        let mut case = Case::serving();
        case.policy.sizing.vpa = policy;
        let mut evidence = case.evidence();
        let target = ResourceList { cpu: Some(MilliCores(163)), memory: Some(Bytes::mebi(500)) };
        evidence.workload.vpa = Some(Vpa {
            name: "web".to_owned(),
            mode,
            controls: controls.to_vec(),
            of_containers: Vec::new(),
            targets: vec![(evidence.container.name.clone(), target)],
        });
        let sizing = size(&evidence, &case.policy);
        (case, sizing)
    }

    const BOTH: [Resource; 2] = [Resource::Cpu, Resource::Memory];

    #[test]
    fn a_vpa_that_acts_is_left_alone_and_one_that_only_recommends_is_told() {
        for mode in [VpaMode::Auto, VpaMode::Recreate, VpaMode::Initial, VpaMode::InPlaceOrRecreate] {
            let (case, sizing) = sized(VpaPolicy::Avoid, mode, &BOTH);
            assert_eq!(sizing.resources, case.resources, "{mode}");
            let why = sizing.left_because(Field::CPU_LIMIT).map(|why| why.sentence());
            let wanted =
                format!("VPA `web` sets cpu itself (updateMode {mode}): left to it (sizing.vpa: avoid)");
            assert_eq!(why, Some(wanted));
        }
        let (case, sizing) = sized(VpaPolicy::Avoid, VpaMode::Off, &BOTH);
        assert!(sizing.resources.requests.cpu < case.resources.requests.cpu);
        let notes: Vec<&str> =
            sizing.reasons.iter().filter(|reason| reason.rule == "vpa").map(|r| r.text.as_str()).collect();
        assert_eq!(notes[0], "VPA `web` only recommends (updateMode Off): its target is 163m");
    }

    #[test]
    fn what_it_does_not_control_is_sized() {
        let (case, sizing) = sized(VpaPolicy::Avoid, VpaMode::Auto, &[Resource::Memory]);
        assert!(sizing.resources.requests.cpu < case.resources.requests.cpu);
        assert_eq!(sizing.resources.requests.memory, case.resources.requests.memory);
        let (case, sizing) = sized(VpaPolicy::HandOver, VpaMode::Off, &[Resource::Cpu]);
        assert_eq!(sizing.resources.requests.cpu, case.resources.requests.cpu);
        assert!(sizing.resources.requests.memory < case.resources.requests.memory);
    }

    #[test]
    fn its_target_is_followed_where_the_policy_says_so_whatever_its_mode() {
        for mode in [VpaMode::Off, VpaMode::Auto] {
            let (_, sizing) = sized(VpaPolicy::Follow, mode, &BOTH);
            let requests = sizing.resources.requests;
            assert_eq!((requests.cpu, requests.memory), (Some(MilliCores(165)), Some(Bytes::mebi(504))));
            let bound: Vec<&str> = sizing
                .reasons
                .iter()
                .filter(|reason| reason.bound && reason.field == Field::CPU_REQUEST)
                .map(|reason| reason.rule.as_str())
                .collect();
            assert_eq!(bound, ["vpa"]);
        }
    }

    #[test]
    fn a_vpa_without_a_target_is_waited_for() {
        let mut case = Case::serving();
        case.policy.sizing.vpa = VpaPolicy::Follow;
        let mut evidence = case.evidence();
        evidence.workload.vpa = Some(Vpa {
            name: "web".to_owned(),
            mode: VpaMode::Off,
            controls: BOTH.to_vec(),
            of_containers: Vec::new(),
            targets: Vec::new(),
        });
        let sizing = size(&evidence, &case.policy);
        assert_eq!(sizing.resources, case.resources);
        let why = sizing.left_because(Field::MEMORY_REQUEST).map(|why| why.sentence());
        assert_eq!(why.as_deref(), Some("VPA `web` has no target for memory yet (sizing.vpa: follow)"));
    }
}
