//! Memory that is suspected to leak is left as it is: more would hide the leak until the new limit is met, and less would
//! bring the end of it nearer. A kill for memory since it began is answered with what that kill asks for, and no more.

use kubeopt_model::finding::Kind;
use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::{Amount, Field, Finding, NoRecommendation};

use super::oom_kill;
use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;
use crate::held_down::that_count;

pub(super) const RULE: Rule = Rule {
    name: "leak",
    about: "memory that leaks is not moved, but after an OOM kill to what the kill asks for",
    speak,
};

/// Whether the memory of a container is held, so that its limit does not follow a policy.
pub(super) fn holds(evidence: &Evidence) -> bool {
    evidence.leak.as_ref().is_some_and(|leak| leak.kind() == Kind::Leak)
}

fn speak(evidence: &Evidence, _: &EffectivePolicy, _: &Draft) -> Vec<Say> {
    let Some(leak) = evidence.leak.as_ref().filter(|_| holds(evidence)) else { return Vec::new() };
    let growth = leak.growth();
    let now = &evidence.container.resources;
    let bound = asked_by_kills(evidence, leak);
    let held = format!("{growth}: memory stays as it is");
    let say = |field: Field| {
        let own = now.get(field);
        // A limit alone is the request too, and without either a request is created.
        let is_there = own.is_some() || (field == Field::MEMORY_REQUEST && now.limits.memory.is_none());
        match bound.filter(|bound| is_there && own.is_none_or(|own| own < *bound)) {
            Some(bound) => {
                let text =
                    format!("{growth}; raised to {bound} after an OOM kill since then, and no further");
                Say::Prefer(field, bound, text)
            }
            None => {
                let why = NoRecommendation::Refused { guardrail: RULE.name.to_owned(), text: held.clone() };
                Say::Leave(field, why, held.clone())
            }
        }
    };
    [Field::MEMORY_REQUEST, Field::MEMORY_LIMIT].map(say).into()
}

/// What the kills since the leak began ask for; none without one at a known limit.
fn asked_by_kills(evidence: &Evidence, leak: &Finding) -> Option<Amount> {
    let kills = that_count(evidence.usage.as_ref()?);
    let limit_now = evidence.container.resources.limits.memory;
    let since = kills.iter().filter(|kill| kill.at_unix_s >= leak.since_unix_s);
    let limit = since.filter_map(|kill| kill.limit.or(limit_now)).max()?;
    Some(oom_kill::asked_above(limit))
}

#[cfg(test)]
mod tests {
    use kubeopt_model::policy::LimitPolicy;
    use kubeopt_model::usage::OomKill;
    use kubeopt_model::{Bytes, MilliCores};

    use super::*;
    use crate::rules::fixture::{Case, DAY, leak_of, resources};
    use crate::{Sizing, size};

    fn leaking(case: &Case) -> Evidence {
        let mut evidence = case.evidence();
        evidence.leak = Some(leak_of(evidence.id()));
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

    fn killed_on(evidence: &mut Evidence, day: i64, limit: Option<Bytes>) {
        let kill = OomKill { container: evidence.id(), at_unix_s: day * DAY, limit };
        evidence.usage.as_mut().unwrap().oom_kills = vec![kill];
    }

    #[test]
    fn memory_that_leaks_is_not_raised_and_the_reason_says_so() {
        let case = too_small();
        assert!(memory(&size(&case.evidence(), &case.policy)).0 > Some(Bytes::mebi(300)), "it would be");
        let sizing = size(&leaking(&case), &case.policy);
        assert_eq!(memory(&sizing), (Some(Bytes::mebi(300)), Some(Bytes::mebi(350))));
        let why = sizing.left_because(Field::MEMORY_REQUEST).map(NoRecommendation::sentence);
        let wanted = "grows 3.1 MB/h since 1970-01-21 (leak suspected, no limit): memory stays as it is";
        assert_eq!(why.as_deref(), Some(wanted));
        assert!(sizing.resources.requests.cpu < Some(MilliCores(1000)), "CPU is sized as ever");
    }

    #[test]
    fn nothing_of_memory_moves_whatever_is_set_and_whatever_the_policy_says_of_limits() {
        let guaranteed = ["1", "1", "", "300Mi"];
        for texts in [guaranteed, ["1", "2", "", "300Mi"], ["1", "2", "4Gi", "4Gi"], ["1", "1", "4Gi", "4Gi"]]
        {
            for limits in [LimitPolicy::Keep, LimitPolicy::Ratio, LimitPolicy::None] {
                let mut case = Case::serving();
                case.resources = resources(texts);
                case.policy.sizing.memory_limit = limits;
                let before = (case.resources.requests.memory, case.resources.limits.memory);
                let sizing = size(&leaking(&case), &case.policy);
                assert_eq!(memory(&sizing), before, "{texts:?} {limits:?}");
                assert_eq!(sizing.removes, [], "{texts:?} {limits:?}");
                let without = size(&case.evidence(), &case.policy);
                assert!(
                    memory(&without) != before || without.removes == [Field::MEMORY_LIMIT],
                    "{texts:?} {limits:?}"
                );
            }
        }
    }

    #[test]
    fn after_an_oom_kill_it_is_raised_to_what_the_kill_asks_for_and_no_further() {
        for limits in [LimitPolicy::Keep, LimitPolicy::Ratio, LimitPolicy::None] {
            let mut case = too_small();
            case.policy.sizing.memory_limit = limits;
            case.memory_samples_mebi = vec![4000.0; 10];
            let mut evidence = leaking(&case);
            killed_on(&mut evidence, 27, Some(Bytes::mebi(350)));
            let sizing = size(&evidence, &case.policy);
            // 350Mi and 100Mi more, rounded up.
            assert_eq!(memory(&sizing), (Some(Bytes::mebi(456)), Some(Bytes::mebi(456))), "{limits:?}");
            assert!(sizing.removes.is_empty() && sizing.cures_oom);
            let said = sizing.reasons.iter().find(|reason| reason.rule == "leak").map(|reason| &reason.text);
            assert!(said.is_some_and(|text| text.ends_with("since then, and no further")), "{said:?}");
        }
    }

    #[test]
    fn a_kill_before_the_leak_or_without_a_known_limit_raises_nothing() {
        let case = too_small();
        let mut before = leaking(&case);
        killed_on(&mut before, 19, Some(Bytes::mebi(350)));
        let sizing = size(&before, &case.policy);
        assert_eq!(memory(&sizing), (Some(Bytes::mebi(300)), Some(Bytes::mebi(350))));
        assert!(!sizing.cures_oom, "nothing is cured by what is not raised");
        let mut unlimited = too_small();
        unlimited.resources = resources(["1", "2", "300Mi", ""]);
        let mut of_the_node = leaking(&unlimited);
        killed_on(&mut of_the_node, 27, None);
        assert_eq!(memory(&size(&of_the_node, &unlimited.policy)), (Some(Bytes::mebi(300)), None));
    }
}
