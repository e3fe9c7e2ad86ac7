//! An OOM kill is a hard lower bound: `max(+100 MiB, x1.2)` of the limit at the kill, for request and limit.
//!
//! The bound is lifted after two clean windows of seven days: what was too little then was enough, or is shown by usage.
//! Formula: the VPA recommender's `RecordOOM`.

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::quantity::MIB;
use kubeopt_model::{Amount, Bytes, Field, Unit};

use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;
use crate::held_down::that_count;

pub(super) const RULE: Rule =
    Rule { name: "oom-kill", about: "memory stays above what an OOM kill proved to be too little", speak };

/// Least headroom over the limit that was too small.
const HEADROOM: Bytes = Bytes(100 * MIB);
/// Relative headroom over the limit that was too small.
const FACTOR: f64 = 1.2;

/// The least that a kill at this limit asks for, both in bytes.
pub(crate) fn least_above(limit_bytes: u64) -> u64 {
    ((limit_bytes as f64 * FACTOR).ceil() as u64).max(limit_bytes.saturating_add(HEADROOM.base()))
}

/// The same, as it is proposed.
pub(super) fn asked_above(limit: Bytes) -> Amount {
    Bytes(least_above(limit.base())).amount().rounded_up()
}

fn speak(evidence: &Evidence, _: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    let Some(usage) = evidence.usage.as_ref() else { return Vec::new() };
    let limit_now = evidence.container.resources.limits.memory;
    let kills = that_count(usage);
    let Some(limit) = kills.iter().filter_map(|kill| kill.limit.or(limit_now)).max() else {
        if kills.is_empty() && !usage.oom_kills.is_empty() {
            let text = "two weeks without an OOM kill: the bound of the last one is lifted".to_owned();
            return vec![Say::Note(Field::MEMORY_REQUEST, text)];
        }
        return kills.first().map_or(Vec::new(), |_| {
            let text =
                "killed for memory while no limit is known: the node ran out, not the container".to_owned();
            vec![Say::Note(Field::MEMORY_REQUEST, text)]
        });
    };
    let bound = asked_above(limit);
    let kills = kills.len();
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

    use crate::rules::fixture::{Case, DAY};
    use crate::size;

    #[test]
    fn raises_request_and_limit_above_the_limit_that_killed() {
        let case = Case::serving();
        let mut evidence = case.evidence();
        let kill = OomKill { container: evidence.id(), at_unix_s: 27 * DAY, limit: Some(Bytes::mebi(4096)) };
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
    fn two_clean_weeks_lift_the_bound_and_one_does_not() {
        let case = Case::serving();
        let with_kills = |days: &[i64]| {
            let mut evidence = case.evidence();
            let kill = |day: &i64| OomKill {
                container: evidence.id(),
                at_unix_s: day * DAY,
                // The oldest one had the largest limit.
                limit: Some(Bytes::mebi(4096 - 64 * *day as u64)),
            };
            let kills = days.iter().map(kill).collect();
            evidence.usage.as_mut().unwrap().oom_kills = kills;
            size(&evidence, &case.policy)
        };
        // The window ends on day 28. Usage alone asks for 464Mi; 3136, 4096 and 2816Mi x 1.2 round up to these.
        for (days, wanted) in
            [(&[0][..], 464), (&[14], 464), (&[15], 3776), (&[0, 10, 20], 4992), (&[0, 20], 3392)]
        {
            let sizing = with_kills(days);
            assert_eq!(sizing.resources.requests.memory, Some(Bytes::mebi(wanted)), "kills on {days:?}");
            assert_eq!(sizing.cures_oom, wanted > 464, "{days:?}");
        }
        assert!(with_kills(&[3]).reasons.iter().any(|reason| reason.text.contains("is lifted")));
    }

    #[test]
    fn small_containers_get_at_least_100_mebibytes_more() {
        let case = Case::serving();
        let mut evidence = case.evidence();
        let kill = OomKill { container: evidence.id(), at_unix_s: 27 * DAY, limit: Some(Bytes::mebi(64)) };
        evidence.usage.as_mut().unwrap().oom_kills = vec![kill];
        evidence.usage.as_mut().unwrap().memory.as_mut().unwrap().max = 1.0;
        assert_eq!(size(&evidence, &case.policy).resources.requests.memory, Some(Bytes::mebi(168)));
    }
}
