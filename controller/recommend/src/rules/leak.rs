//! A suspected leak is not answered with more memory: that would hide it until the new limit is met. Request and limit stay
//! while it is open. What an OOM kill proved to be too little is raised all the same, and the reason says so.

use kubeopt_model::policy::{EffectivePolicy, LimitPolicy};
use kubeopt_model::{Amount, Field, NoRecommendation};

use super::{Rule, Say, oom_kill};
use crate::evidence::Evidence;
use crate::sizing::Draft;

pub(super) const RULE: Rule =
    Rule { name: "leak", about: "memory is not raised for a suspected leak, but after an OOM kill", speak };

fn speak(evidence: &Evidence, policy: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    let Some(leak) = &evidence.leak else { return Vec::new() };
    let growth = leak.growth();
    let kills = evidence.usage.as_ref().map_or(0, |usage| oom_kill::that_count(usage).len());
    if kills > 0 {
        let text = format!("{growth}; it is raised all the same, since it was killed for memory");
        return vec![Say::Note(Field::MEMORY_REQUEST, text)];
    }
    let now = evidence.container.resources.get(Field::MEMORY_REQUEST);
    let wanted = draft.value(Field::MEMORY_REQUEST).map(Amount::rounded_up);
    let is_raised = now.is_some() && wanted > now;
    let text = format!("{growth}: memory is not raised for it");
    let leave = |field| {
        let why = NoRecommendation::Refused { guardrail: RULE.name.to_owned(), text: text.clone() };
        Say::Leave(field, why, text.clone())
    };
    // Without its limit, what leaks takes what its neighbours on the node need.
    let has_limit = evidence.container.resources.limits.memory.is_some();
    let leaves_limit = has_limit && (is_raised || policy.sizing.memory_limit == LimitPolicy::None);
    let fields = [(Field::MEMORY_REQUEST, is_raised), (Field::MEMORY_LIMIT, leaves_limit)];
    fields.into_iter().filter(|(_, leaves)| *leaves).map(|(field, _)| leave(field)).collect()
}

#[cfg(test)]
mod tests {
    use kubeopt_model::finding::{Evidence as Seen, Severity};
    use kubeopt_model::usage::OomKill;
    use kubeopt_model::{Bytes, Finding, MilliCores, Resource};

    use super::*;
    use crate::rules::fixture::{Case, DAY, resources};
    use crate::{Sizing, size};

    fn leaking(case: &Case) -> Evidence {
        let mut evidence = case.evidence();
        evidence.leak = Some(Finding {
            container: evidence.id(),
            resource: Resource::Memory,
            severity: Severity::Medium,
            since_unix_s: 20 * DAY,
            last_unix_s: 28 * DAY,
            evidence: Seen::Leak { bytes_per_hour: 3.1e6, grown_bytes: 1e8, hours: 24, eta_s: None },
            limit: None,
            resolved_unix_s: None,
            told: None,
            silenced: None,
        });
        evidence
    }

    /// 300Mi are requested and 400Mi are used.
    fn too_small() -> Case {
        let mut case = Case::serving();
        case.resources = resources(["1", "2", "300Mi", "350Mi"]);
        case
    }

    fn memory(sizing: &Sizing) -> (Option<Bytes>, Option<Bytes>) {
        (sizing.resources.requests.memory, sizing.resources.limits.memory)
    }

    #[test]
    fn memory_that_leaks_is_not_raised_and_the_reason_says_so() {
        let case = too_small();
        assert!(memory(&size(&case.evidence(), &case.policy)).0 > Some(Bytes::mebi(300)), "it would be");
        let sizing = size(&leaking(&case), &case.policy);
        assert_eq!(memory(&sizing), (Some(Bytes::mebi(300)), Some(Bytes::mebi(350))));
        let why = sizing.left_because(Field::MEMORY_REQUEST).map(NoRecommendation::sentence);
        let wanted =
            "grows 3.1 MB/h since 1970-01-21 (leak suspected, no limit): memory is not raised for it";
        assert_eq!(why.as_deref(), Some(wanted));
        assert!(sizing.resources.requests.cpu < Some(MilliCores(1000)), "CPU is sized as ever");
    }

    #[test]
    fn after_an_oom_kill_it_is_raised_and_the_reason_names_both() {
        let case = too_small();
        let mut evidence = leaking(&case);
        let kill = OomKill { container: evidence.id(), at_unix_s: 27 * DAY, limit: Some(Bytes::mebi(350)) };
        evidence.usage.as_mut().unwrap().oom_kills = vec![kill];
        let sizing = size(&evidence, &case.policy);
        assert!(memory(&sizing).0 > Some(Bytes::mebi(350)));
        let said = sizing.reasons.iter().find(|reason| reason.rule == "leak").map(|reason| &reason.text);
        assert!(said.is_some_and(|text| text.ends_with("since it was killed for memory")), "{said:?}");
    }

    #[test]
    fn memory_may_still_be_lowered_and_a_limit_does_not_go() {
        let mut case = Case::serving();
        case.resources = resources(["1", "2", "4Gi", "4Gi"]);
        case.policy.sizing.memory_limit = LimitPolicy::None;
        let sizing = size(&leaking(&case), &case.policy);
        assert!(memory(&sizing).0 < Some(Bytes::mebi(4096)));
        assert!(sizing.removes.is_empty() && memory(&sizing).1 == Some(Bytes::mebi(4096)));
    }
}
