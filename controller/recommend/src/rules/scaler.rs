//! An HPA that targets a share of the request: changing the request alone would move the scale point. The policy says
//! whether the resource stays, or request and target move together.

use kubeopt_model::policy::{EffectivePolicy, HpaPolicy, LimitPolicy};
use kubeopt_model::workload::{QosClass, ScalerTarget};
use kubeopt_model::{Bound, ContainerRole, Field, NoRecommendation, Resource};

use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;
use crate::scale_point::{TARGET_PERCENT_MAX, keep, least_request, scale_point};

pub(super) const RULE: Rule = Rule {
    name: "scaler",
    about: "a resource that an HPA keeps at a share of the request is left alone, or moves together with the target",
    speak,
};

fn speak(evidence: &Evidence, policy: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    let Some(scaler) = &evidence.workload.scaler else { return Vec::new() };
    let of_target = |target: &ScalerTarget| {
        let of = Scaled { evidence, name: &scaler.name, resource: target.resource };
        match target.utilization_percent {
            Some(percent) => match policy.sizing.hpa {
                HpaPolicy::Leave => of.left(percent, draft),
                HpaPolicy::Together => of.together(percent, policy),
            },
            None => of.absolute(),
        }
    };
    scaler.targets.iter().flat_map(of_target).collect()
}

/// A resource of a container whose workload is scaled by it.
struct Scaled<'a> {
    evidence: &'a Evidence,
    name: &'a str,
    resource: Resource,
}

impl Scaled<'_> {
    fn field(&self, bound: Bound) -> Field {
        Field { bound, resource: self.resource }
    }

    /// An absolute value per pod does not depend on the request.
    fn absolute(&self) -> Vec<Say> {
        let text = format!(
            "HPA `{}` keeps an absolute {} value per pod; the request does not move its scale point",
            self.name, self.resource
        );
        [Bound::Request, Bound::Limit].map(|bound| Say::Note(self.field(bound), text.clone())).into()
    }

    /// Nothing moves, for this reason, if one is worth a word.
    fn stays(&self, percent: u32, why: Option<String>) -> Vec<Say> {
        let why = why.map_or(String::new(), |why| format!(" stays ({why})"));
        let scaler = format!("HPA `{}` on {} at {percent} %{why}", self.name, self.resource);
        let why = NoRecommendation::ScaledOnThisResource { scaler };
        let leave = |bound| Say::Leave(self.field(bound), why.clone(), why.sentence());
        [Bound::Request, Bound::Limit].map(leave).into()
    }

    fn left(&self, percent: u32, draft: &Draft) -> Vec<Say> {
        let note = self.would(percent, draft).map(|text| Say::Note(self.field(Bound::Request), text));
        note.into_iter().chain(self.stays(percent, None)).collect()
    }

    /// Which target would keep the scale point with the request that is wanted.
    fn would(&self, percent: u32, draft: &Draft) -> Option<String> {
        if !self.is_alone() {
            return None;
        }
        let request = self.field(Bound::Request);
        let now = self.evidence.container.resources.effective_request(self.resource)?;
        let wanted = draft.value(request)?.max(least_request(percent, now)).rounded_up();
        let (wanted, shares) = keep(&[percent], now, wanted).filter(|(wanted, _)| *wanted != now)?;
        Some(format!(
            "the scale point would stay with a request of {wanted} and a target of {} % instead of {now} and {percent} %, \
             changed together (sizing.hpa: together)",
            shares.first()?
        ))
    }

    /// The request may move, as far as its target can follow.
    fn together(&self, percent: u32, policy: &EffectivePolicy) -> Vec<Say> {
        let request = self.field(Bound::Request);
        let now = match (self.obstacle(percent), self.evidence.container.resources.get(request)) {
            (None, Some(now)) => now,
            (None, None) => return self.stays(percent, Some(format!("{request} is not set"))),
            (Some(why), _) => return self.stays(percent, Some(why)),
        };
        let (point, least) = (scale_point(percent, now), least_request(percent, now));
        let moves = format!(
            "HPA `{}` adds replicas at {point} a pod, {percent} % of {now}: that stays, its target moves with the request",
            self.name
        );
        let bound =
            format!("below it the target would be above {TARGET_PERCENT_MAX} %, the most that is proposed");
        let mut says = vec![Say::Note(request, moves), Say::AtLeast(request, least, bound)];
        let limit = self.evidence.container.resources.get(self.field(Bound::Limit));
        if limit.is_some() && self.limits(policy) == LimitPolicy::Ratio {
            let text = format!("the limit stays: below {point} a pod could not use what it is scaled at");
            let why = NoRecommendation::Refused { guardrail: RULE.name.to_owned(), text: text.clone() };
            says.push(Say::Leave(self.field(Bound::Limit), why, text));
        }
        says
    }

    /// Why the target cannot move along, as a clause.
    fn obstacle(&self, percent: u32) -> Option<String> {
        let mut lines = self.evidence.scale_targets.iter().filter(|(resource, _)| *resource == self.resource);
        let line = lines.next().map(|(_, line)| line);
        if self.evidence.container.role == ContainerRole::Init {
            return Some("init containers stay as they are beside it".to_owned());
        }
        if !self.is_alone() {
            return Some("it is a share of the requests of several containers".to_owned());
        }
        if self.evidence.workload.qos_class() == QosClass::Guaranteed {
            return Some("the pod is Guaranteed: its limit would move with the request, and could end below what it is scaled at".to_owned());
        }
        if percent > TARGET_PERCENT_MAX {
            return Some(format!("it is above {TARGET_PERCENT_MAX} % already"));
        }
        match line {
            None => Some("no line is known that sets it".to_owned()),
            Some(Err(problem)) => Some(format!("{}: {}", problem.code, problem.text)),
            Some(Ok(_)) if lines.next().is_some() => Some("several lines set it".to_owned()),
            Some(Ok(line)) if line.percent != percent => {
                Some(format!("Git says {} % and is not applied yet", line.percent))
            }
            Some(Ok(_)) => None,
        }
    }

    /// A Pod has one target for all of its containers; the sum moves with each of them.
    fn is_alone(&self) -> bool {
        let containers = &self.evidence.workload.containers;
        containers.iter().filter(|it| it.role != ContainerRole::Init).count() == 1
    }

    fn limits(&self, policy: &EffectivePolicy) -> LimitPolicy {
        match self.resource {
            Resource::Cpu => policy.sizing.cpu_limit,
            Resource::Memory => policy.sizing.memory_limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::policy::{HpaPolicy, LimitPolicy};
    use kubeopt_model::workload::{Scaler, ScalerTarget};
    use kubeopt_model::{
        Amount, ContainerName, EditSite, Field, FieldPath, MilliCores, Problem, RepoPath, Resource,
        ScaleTarget,
    };

    use super::{keep, scale_point};
    use crate::rules::fixture::{Case, resources};
    use crate::{Evidence, Sizing, size};

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
        // 230m are wanted, which would be 304 %; 70 % of 1000m are 700m, as 292 % of 240m are.
        let wanted = "the scale point would stay with a request of 240m and a target of 292 % instead of 1000m and 70 %, \
                      changed together (sizing.hpa: together)";
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

    /// What a line in Git says.
    fn line(percent: u32) -> ScaleTarget {
        let file = RepoPath::new("apps/web/hpa.yaml").unwrap();
        let text = percent.to_string();
        let site = EditSite { file, line: 11, document: 1, path: FieldPath::default(), text };
        ScaleTarget { scaler: "web".to_owned(), resource: Resource::Cpu, percent, site }
    }

    /// A case under `together`, with a line of this percentage.
    fn together(case: &mut Case, percent: u32) -> Evidence {
        case.policy.sizing.hpa = HpaPolicy::Together;
        let mut evidence = case.evidence();
        evidence.workload.scaler = Some(scaler(Resource::Cpu, Some(percent)));
        evidence.scale_targets = vec![(Resource::Cpu, Ok(line(percent)))];
        evidence
    }

    fn why_left(sizing: &Sizing) -> String {
        sizing.left_because(Field::CPU_REQUEST).map(|why| why.sentence()).unwrap_or_default()
    }

    #[test]
    fn together_the_request_moves_as_far_as_its_target_can_follow() {
        let mut case = Case::serving();
        let evidence = together(&mut case, 70);
        let sizing = size(&evidence, &case.policy);
        // 230m are wanted; 234m are 299 %.
        assert_eq!(sizing.resources.requests.cpu, Some(MilliCores(240)));
        assert_eq!(sizing.left_because(Field::CPU_REQUEST), None);
        let said: Vec<&str> =
            sizing.reasons.iter().filter(|it| it.rule == "scaler").map(|it| it.text.as_str()).collect();
        assert_eq!(
            said,
            [
                "HPA `web` adds replicas at 700m a pod, 70 % of 1000m: that stays, its target moves with the request",
                "below it the target would be above 300 %, the most that is proposed"
            ]
        );
    }

    #[test]
    fn a_limit_in_proportion_stays_so_that_a_pod_can_use_what_it_is_scaled_at() {
        let mut case = Case::serving();
        case.policy.sizing.cpu_limit = LimitPolicy::Ratio;
        let evidence = together(&mut case, 70);
        let sizing = size(&evidence, &case.policy);
        assert!(sizing.resources.requests.cpu < case.resources.requests.cpu);
        assert_eq!(sizing.resources.limits.cpu, case.resources.limits.cpu);
        case.policy.sizing.cpu_limit = LimitPolicy::None;
        assert_eq!(size(&evidence, &case.policy).removes, [Field::CPU_LIMIT]);
    }

    #[test]
    fn the_resource_stays_where_the_target_cannot_move_along_and_says_why() {
        let mut case = Case::serving();
        let fine = together(&mut case, 70);
        let with = |change: &dyn Fn(&mut Evidence)| {
            let mut evidence = fine.clone();
            change(&mut evidence);
            let sizing = size(&evidence, &case.policy);
            assert_eq!(sizing.resources.requests.cpu, evidence.container.resources.requests.cpu);
            assert!(sizing.resources.requests.memory < evidence.container.resources.requests.memory);
            why_left(&sizing)
        };
        let stays = |why: &str| format!("HPA `web` on cpu at 70 % stays ({why}): scale point kept");
        assert_eq!(with(&|it| it.scale_targets.clear()), stays("no line is known that sets it"));
        let refused = Problem::new("E-SRC-009", "the value is shared", "write it out");
        let refuse = |it: &mut Evidence| it.scale_targets = vec![(Resource::Cpu, Err(refused.clone()))];
        assert_eq!(with(&refuse), stays("E-SRC-009: the value is shared"));
        let behind = |it: &mut Evidence| it.scale_targets = vec![(Resource::Cpu, Ok(line(80)))];
        assert_eq!(with(&behind), stays("Git says 80 % and is not applied yet"));
        let twice = |it: &mut Evidence| it.scale_targets.push((Resource::Cpu, Ok(line(70))));
        assert_eq!(with(&twice), stays("several lines set it"));
        let beside = |it: &mut Evidence| {
            let mut proxy = it.container.clone();
            proxy.name = ContainerName::new("proxy").unwrap();
            it.workload.containers.push(proxy);
        };
        assert_eq!(with(&beside), stays("it is a share of the requests of several containers"));
    }

    #[test]
    fn a_guaranteed_pod_stays_as_it_is() {
        let mut case = Case::serving();
        case.resources = resources(["1", "1", "2Gi", "2Gi"]);
        let sizing = size(&together(&mut case, 70), &case.policy);
        assert_eq!(sizing.resources.requests.cpu, case.resources.requests.cpu);
        assert!(why_left(&sizing).contains("the pod is Guaranteed"), "{}", why_left(&sizing));
    }

    #[test]
    fn applied_once_nothing_moves_again_because_usage_stays() {
        for percent in [25, 50, 70, 80, 95] {
            let mut case = Case::serving();
            let first = size(&together(&mut case, percent), &case.policy);
            let before = Amount::Cpu(case.resources.requests.cpu.unwrap());
            let wanted = Amount::Cpu(first.resources.requests.cpu.unwrap());
            let (request, shares) = keep(&[percent], before, wanted).unwrap();
            let (old, new) = (scale_point(percent, before), scale_point(shares[0], request));
            assert!(old.base().abs_diff(new.base()) * 100 < 2 * old.base(), "{percent} %: {old} {new}");
            // The HPA holds the usage of a pod where it was.
            case.resources.requests.cpu = Some(MilliCores(request.base()));
            let second = size(&together(&mut case, shares[0]), &case.policy);
            assert_eq!(second.resources, first.resources, "{percent} %");
        }
    }
}
