//! An OOM kill is a hard lower bound: `max(+100 MiB, x1.2)` of the limit at the kill, for request and limit.
//!
//! The window of the policy is twice as long as the time after which the bound is lifted, so a kill counts while it is
//! within the window that history returned. Formula: the VPA recommender's `RecordOOM`.

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::quantity::MIB;
use kubeopt_model::{Bytes, Field, Unit};

use super::{Rule, Say};
use crate::evidence::Evidence;
use crate::sizing::Draft;

pub(super) const RULE: Rule =
    Rule { name: "oom-kill", about: "memory stays above what an OOM kill proved to be too little", speak };

/// Least headroom over the limit that was too small.
const HEADROOM: Bytes = Bytes(100 * MIB);
/// Relative headroom over the limit that was too small.
const FACTOR: f64 = 1.2;

fn speak(evidence: &Evidence, _: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    let Some(usage) = evidence.usage.as_ref() else { return Vec::new() };
    let limit_now = evidence.container.resources.limits.memory;
    let Some(limit) = usage.oom_kills.iter().filter_map(|kill| kill.limit.or(limit_now)).max() else {
        return usage.oom_kills.first().map_or(Vec::new(), |_| {
            let text =
                "killed for memory while no limit is known: the node ran out, not the container".to_owned();
            vec![Say::Note(Field::MEMORY_REQUEST, text)]
        });
    };
    let least = Bytes(((limit.0 as f64 * FACTOR).ceil() as u64).max(limit.base() + HEADROOM.base()));
    let bound = least.amount().rounded_up();
    let kills = usage.oom_kills.len();
    let text = format!(
        "{kills} OOM kill{} at a limit of {limit}: not below {bound}",
        if kills == 1 { "" } else { "s" }
    );
    let mut says: Vec<Say> = [Field::MEMORY_REQUEST, Field::MEMORY_LIMIT]
        .into_iter()
        .map(|field| Say::AtLeast(field, bound, text.clone()))
        .collect();
    let raises = [Field::MEMORY_REQUEST, Field::MEMORY_LIMIT].into_iter().any(|field| {
        draft.may_move(field) && evidence.container.resources.get(field).is_some_and(|now| now < bound)
    });
    if raises {
        says.push(Say::CuresOom);
    }
    says
}

#[cfg(test)]
mod tests {
    use kubeopt_model::usage::OomKill;
    use kubeopt_model::{Bytes, Field};

    use crate::rules::fixture::Case;
    use crate::size;

    #[test]
    fn raises_request_and_limit_above_the_limit_that_killed() {
        let case = Case::serving();
        let mut evidence = case.evidence();
        let kill = OomKill { container: evidence.id(), at_unix_s: 0, limit: Some(Bytes::mebi(4096)) };
        evidence.usage.as_mut().unwrap().oom_kills = vec![kill];
        let sizing = size(&evidence, &case.policy);
        // 4096 x 1.2 = 4915.2Mi, to the next 128Mi.
        assert_eq!(sizing.resources.requests.memory, Some(Bytes::mebi(4992)));
        assert_eq!(sizing.resources.limits.memory, Some(Bytes::mebi(4992)));
        assert!(sizing.cures_oom);
        let bound: Vec<_> = sizing
            .reasons
            .iter()
            .filter(|reason| reason.bound && reason.field == Field::MEMORY_REQUEST)
            .map(|reason| reason.rule.as_str())
            .collect();
        assert_eq!(bound, ["oom-kill"]);
    }

    #[test]
    fn small_containers_get_at_least_100_mebibytes_more() {
        let case = Case::serving();
        let mut evidence = case.evidence();
        let kill = OomKill { container: evidence.id(), at_unix_s: 0, limit: Some(Bytes::mebi(64)) };
        evidence.usage.as_mut().unwrap().oom_kills = vec![kill];
        evidence.usage.as_mut().unwrap().memory.as_mut().unwrap().max = 1.0;
        assert_eq!(size(&evidence, &case.policy).resources.requests.memory, Some(Bytes::mebi(168)));
    }
}
