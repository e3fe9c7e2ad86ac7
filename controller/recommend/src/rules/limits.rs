//! Limits follow requests as the policy says: kept, in proportion, removed, or equal where that makes the pod Guaranteed.

use kubeopt_model::policy::{EffectivePolicy, LimitPolicy};
use kubeopt_model::workload::QosClass;
use kubeopt_model::{Amount, Bound, Field, Resource, Resources};

use super::leak;
use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule =
    Rule { name: "limits", about: "limits follow requests as the policy says", speak };

fn speak(evidence: &Evidence, policy: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    [(Resource::Cpu, policy.sizing.cpu_limit), (Resource::Memory, policy.sizing.memory_limit)]
        .into_iter()
        // What a leak and a kill let a limit be is said already.
        .filter(|(resource, _)| *resource != Resource::Memory || !leak::holds(evidence))
        .filter_map(|(resource, limits)| limit(evidence, limits, draft, resource))
        .collect()
}

fn limit(evidence: &Evidence, policy: LimitPolicy, draft: &Draft, resource: Resource) -> Option<Say> {
    let (request_field, limit_field) =
        (Field { bound: Bound::Request, resource }, Field { bound: Bound::Limit, resource });
    let now = &evidence.container.resources;
    let limit = now.get(limit_field)?;
    if !draft.may_move(limit_field) {
        return None;
    }
    let request_now = now.effective_request(resource)?;
    let request =
        if draft.may_move(request_field) { draft.value(request_field)?.rounded_up() } else { request_now };
    if evidence.workload.qos_class() == QosClass::Guaranteed {
        let text = match policy {
            LimitPolicy::None => {
                "stays although the policy wants none: the pod's class stays Guaranteed".to_owned()
            }
            LimitPolicy::Keep | LimitPolicy::Ratio => {
                "request and limit stay equal: the pod's class stays Guaranteed".to_owned()
            }
        };
        // A limit alone is the request too: the wanted value goes where the number stands.
        return Some(Say::Prefer(limit_field, request.max(bound_of(draft, limit_field)), text));
    }
    match policy {
        LimitPolicy::Keep if request > limit => {
            let text = format!("raised with the request, which would exceed {limit}");
            Some(Say::AtLeast(limit_field, request, text))
        }
        LimitPolicy::Keep => Some(Say::AtLeast(limit_field, limit, format!("kept at {limit}"))),
        LimitPolicy::None => Some(match needed_because(now, request_field) {
            Some(why) => {
                let text = format!("stays although the policy wants none: {why}");
                Say::AtLeast(limit_field, limit.max(request), text)
            }
            None => {
                let text = format!("the policy wants no {resource} limit: {limit} is removed");
                Say::Remove(limit_field, limit.max(request), text)
            }
        }),
        LimitPolicy::Ratio => {
            let scaled = scale(limit, request, request_now);
            let text = format!("keeps its ratio of {limit} to {request_now}");
            Some(Say::AtLeast(limit_field, scaled.max(request), text))
        }
    }
}

/// Why a limit cannot go, whatever the policy says: the pod would lose its request, or its class.
fn needed_because(now: &Resources, request: Field) -> Option<&'static str> {
    match now.get(request) {
        None => Some("without a request beside it, it is the request too"),
        Some(request) if request.base() == 0 => {
            Some("with a request of 0 the pod's class could become BestEffort")
        }
        Some(_) => None,
    }
}

/// A bound that an earlier rule set on the field, or nothing.
fn bound_of(draft: &Draft, field: Field) -> Amount {
    draft.value(field).unwrap_or_else(|| Amount::from_base(field.resource, 0))
}

/// limit x request' / request, rounded up.
fn scale(limit: Amount, request: Amount, request_now: Amount) -> Amount {
    if request_now.base() == 0 {
        return limit;
    }
    let scaled = u128::from(limit.base()) * u128::from(request.base()) / u128::from(request_now.base());
    Amount::from_base(limit.resource(), u64::try_from(scaled).unwrap_or(u64::MAX)).rounded_up()
}

#[cfg(test)]
mod tests {
    use kubeopt_model::policy::LimitPolicy;
    use kubeopt_model::recommendation::Effect;
    use kubeopt_model::{Bytes, Field, MilliCores};

    use crate::rules::fixture::{Case, resources};
    use crate::size;

    #[test]
    fn keeps_limits_by_default() {
        let case = Case::serving();
        let sizing = size(&case.evidence(), &case.policy);
        assert_eq!(sizing.resources.limits, case.resources.limits);
    }

    #[test]
    fn raises_a_kept_limit_that_the_request_would_exceed() {
        let mut case = Case::serving();
        case.memory_samples_mebi = vec![4000.0; 10];
        let sizing = size(&case.evidence(), &case.policy);
        assert_eq!(sizing.resources.requests.memory, Some(Bytes::mebi(4608)));
        assert_eq!(sizing.resources.limits.memory, Some(Bytes::mebi(4608)));
    }

    #[test]
    fn scales_limits_in_proportion_where_the_policy_says_ratio() {
        let mut case = Case::serving();
        case.policy.sizing.memory_limit = LimitPolicy::Ratio;
        case.policy.sizing.cpu_limit = LimitPolicy::Ratio;
        let before = case.resources;
        let after = size(&case.evidence(), &case.policy).resources;
        let ratio = |limit: Option<MilliCores>, request: Option<MilliCores>| {
            limit.unwrap().0 as f64 / request.unwrap().0 as f64
        };
        let (was, is) =
            (ratio(before.limits.cpu, before.requests.cpu), ratio(after.limits.cpu, after.requests.cpu));
        assert!((is / was - 1.0).abs() < 0.1, "{was} {is}");
        assert!(after.limits.memory < before.limits.memory);
    }

    #[test]
    fn guaranteed_stays_guaranteed() {
        let mut case = Case::serving();
        case.resources = resources(["1", "1", "2Gi", "2Gi"]);
        let after = size(&case.evidence(), &case.policy).resources;
        assert!(after.requests.cpu < Some(MilliCores(1000)));
        assert_eq!(after.requests.cpu, after.limits.cpu);
        assert_eq!(after.requests.memory, after.limits.memory);
    }

    #[test]
    fn a_limit_without_a_request_is_sized_as_the_request_it_is() {
        let mut case = Case::serving();
        case.resources = resources(["", "1", "", "2Gi"]);
        let after = size(&case.evidence(), &case.policy).resources;
        assert_eq!(after.requests, case.resources.requests);
        assert!(after.limits.cpu < Some(MilliCores(1000)));
    }

    #[test]
    fn a_limit_goes_where_the_policy_wants_none_and_the_request_stays_sized() {
        let mut case = Case::serving();
        case.policy.sizing.cpu_limit = LimitPolicy::None;
        let sizing = size(&case.evidence(), &case.policy);
        assert_eq!(sizing.removes, [Field::CPU_LIMIT]);
        assert!(sizing.resources.requests.cpu < case.resources.requests.cpu);
        let reason = sizing.reasons.iter().find(|reason| reason.effect == Effect::Remove).unwrap();
        assert_eq!(
            (reason.text.as_str(), reason.bound),
            ("the policy wants no cpu limit: 2000m is removed", true)
        );
    }

    #[test]
    fn a_limit_that_the_pod_needs_stays_and_says_why() {
        for (texts, why) in [
            (["1", "1", "2Gi", "2Gi"], "the pod's class stays Guaranteed"),
            (["", "1", "2Gi", "3Gi"], "without a request beside it, it is the request too"),
            (["0", "1", "", ""], "with a request of 0 the pod's class could become BestEffort"),
        ] {
            let mut case = Case::serving();
            case.resources = resources(texts);
            case.policy.sizing.cpu_limit = LimitPolicy::None;
            let sizing = size(&case.evidence(), &case.policy);
            assert_eq!(sizing.removes, [], "{why}");
            let wanted = format!("stays although the policy wants none: {why}");
            assert!(sizing.reasons.iter().any(|reason| reason.text == wanted), "{why}: {:?}", sizing.reasons);
        }
    }
}
