//! What a revert taught: a value that hurt is not proposed again, and for some days nothing of the workload moves.
//!
//! While it is frozen, an OOM kill may still raise memory: what was reverted to may be too little as well, and a frozen
//! service that dies helps nobody. Nothing is lowered then.

use kubeopt_model::outcome::Lesson;
use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::{Bound, Field, NoRecommendation, Resource, Timestamp};

use super::{Rule, Say};
use crate::evidence::Evidence;
use crate::sizing::Draft;

pub(super) const RULE: Rule =
    Rule { name: "lesson", about: "what a revert proved to be too little is not proposed again", speak };

fn speak(evidence: &Evidence, _: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    let Some(now_unix_s) = evidence.usage.as_ref().map(|usage| usage.window.to_unix_s) else {
        return Vec::new();
    };
    let of_workload = |lesson: &&Lesson| lesson.container.workload == evidence.workload.id;
    let lessons: Vec<&Lesson> = evidence.lessons.iter().filter(of_workload).collect();
    let frozen = lessons.iter().filter(|lesson| lesson.is_frozen(now_unix_s));
    if let Some(last) = frozen.max_by_key(|lesson| lesson.frozen_until_unix_s) {
        return freeze(last, evidence, draft);
    }
    let id = evidence.id();
    Field::ALL
        .into_iter()
        .filter_map(|field| {
            let own = |lesson: &&&Lesson| {
                lesson.container == id && lesson.field == field && lesson.holds(now_unix_s)
            };
            keep_above(lessons.iter().filter(own).max_by_key(|lesson| lesson.floor)?, evidence, draft)
        })
        .collect()
}

fn freeze(lesson: &Lesson, evidence: &Evidence, draft: &Draft) -> Vec<Say> {
    let text = format!("frozen until {} after a revert: {}", date(lesson.frozen_until_unix_s), lesson.why);
    let say = |field: Field| match evidence.container.resources.get(field) {
        Some(now) if draft.cures_oom() && field.resource == Resource::Memory => {
            let is_higher = draft.value(field).is_some_and(|value| value >= now);
            (!is_higher).then(|| Say::AtLeast(field, now, text.clone()))
        }
        Some(_) | None => {
            let why = NoRecommendation::Refused { guardrail: RULE.name.to_owned(), text: text.clone() };
            Some(Say::Leave(field, why, text.clone()))
        }
    };
    Field::ALL.into_iter().filter_map(say).collect()
}

/// The floor, where what is wanted so far lies below it. Limits are not wanted yet at this point; those that are not set stay
/// unset.
fn keep_above(lesson: &Lesson, evidence: &Evidence, draft: &Draft) -> Option<Say> {
    let Lesson { field, floor, hurt, .. } = lesson;
    let binds = match draft.value(*field) {
        Some(value) => value < *floor,
        None => field.bound == Bound::Limit && evidence.container.resources.get(*field).is_some(),
    };
    let text = format!(
        "{hurt} was reverted on {}: {}; not below {floor} until {}",
        date(lesson.learned_unix_s),
        lesson.why,
        date(lesson.until_unix_s)
    );
    binds.then_some(Say::AtLeast(*field, *floor, text))
}

fn date(unix_s: i64) -> String {
    // A moment that no calendar holds came from a broken journal.
    Timestamp::from_second(unix_s)
        .map_or_else(|_| unix_s.to_string(), |at| at.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use kubeopt_model::outcome::Lesson;
    use kubeopt_model::usage::OomKill;
    use kubeopt_model::{Amount, Bytes, Field, MilliCores, NoRecommendation};

    use crate::evidence::Evidence;
    use crate::rules::fixture::{Case, DAY};
    use crate::{Sizing, size};

    /// Learned on a day; frozen for 14 of them, and remembered for 180.
    fn lesson(evidence: &Evidence, field: Field, floor: Amount, day: i64) -> Lesson {
        Lesson {
            container: evidence.id(),
            field,
            hurt: Amount::from_base(field.resource, floor.base() / 2),
            floor,
            learned_unix_s: day * DAY,
            frozen_until_unix_s: (day + 14) * DAY,
            until_unix_s: (day + 180) * DAY,
            why: "OOM kills 4".to_owned(),
        }
    }

    fn sized(change: impl FnOnce(&mut Evidence)) -> Sizing {
        let case = Case::serving();
        let mut evidence = case.evidence();
        change(&mut evidence);
        size(&evidence, &case.policy)
    }

    const FLOOR: Amount = Amount::Memory(Bytes::mebi(1024));

    #[test]
    fn a_value_that_hurt_is_not_proposed_again_and_the_trace_says_why() {
        // The window ends on day 28. Usage alone asks for 464Mi.
        let with = |day: i64| {
            sized(|evidence| evidence.lessons = vec![lesson(evidence, Field::MEMORY_REQUEST, FLOOR, day)])
        };
        let sizing = with(10);
        assert_eq!(sizing.resources.requests.memory, Some(Bytes::mebi(1024)));
        let bound = sizing.reasons.iter().find(|reason| reason.rule == "lesson" && reason.bound).unwrap();
        let wanted = "512Mi was reverted on 1970-01-11: OOM kills 4; not below 1Gi until 1970-07-10";
        assert_eq!(bound.text, wanted);
        assert!(sizing.resources.requests.cpu < Some(MilliCores(1000)), "only memory is held");
        assert_eq!(with(-160).resources.requests.memory, Some(Bytes::mebi(464)), "forgotten after 180 days");
    }

    #[test]
    fn a_frozen_workload_stays_as_it_is_whichever_container_hurt() {
        for own in [true, false] {
            let sizing = sized(|evidence| {
                let mut lesson = lesson(evidence, Field::MEMORY_REQUEST, FLOOR, 20);
                if !own {
                    lesson.container.container = kubeopt_model::ContainerName::new("proxy").unwrap();
                }
                evidence.lessons = vec![lesson];
            });
            assert_eq!(sizing.resources, Case::serving().resources, "{own}");
            let why = sizing.left_because(Field::CPU_REQUEST).unwrap();
            let NoRecommendation::Refused { guardrail, text } = why else { panic!("{why:?}") };
            assert_eq!(guardrail, "lesson");
            assert_eq!(text, "frozen until 1970-02-04 after a revert: OOM kills 4");
        }
    }

    #[test]
    fn a_lesson_holds_in_the_pass_that_learns_it_although_its_data_end_before() {
        let sizing = sized(|evidence| {
            // The window ends on day 28, and the lesson is from an hour later.
            let mut lesson = lesson(evidence, Field::MEMORY_REQUEST, FLOOR, 28);
            lesson.learned_unix_s += 3600;
            evidence.lessons = vec![lesson];
        });
        assert_eq!(sizing.resources, Case::serving().resources);
    }

    #[test]
    fn an_oom_kill_raises_memory_even_of_a_frozen_workload_and_lowers_nothing() {
        let sizing = sized(|evidence| {
            evidence.lessons = vec![lesson(evidence, Field::MEMORY_REQUEST, FLOOR, 20)];
            let kill =
                OomKill { container: evidence.id(), at_unix_s: 27 * DAY, limit: Some(Bytes::mebi(4096)) };
            evidence.usage.as_mut().unwrap().oom_kills = vec![kill];
        });
        assert_eq!(sizing.resources.requests.memory, Some(Bytes::mebi(4992)));
        assert_eq!(sizing.resources.requests.cpu, Case::serving().resources.requests.cpu);
    }

    #[test]
    fn a_lesson_of_another_workload_binds_nobody() {
        let sizing = sized(|evidence| {
            let mut lesson = lesson(evidence, Field::MEMORY_REQUEST, FLOOR, 10);
            lesson.container.workload.name = kubeopt_model::ObjectName::new("other").unwrap();
            evidence.lessons = vec![lesson];
        });
        assert_eq!(sizing.resources.requests.memory, Some(Bytes::mebi(464)));
    }

    #[test]
    fn a_limit_that_killed_stays_above_its_floor_when_it_would_follow_the_request() {
        let mut case = Case::serving();
        case.policy.sizing.memory_limit = kubeopt_model::policy::LimitPolicy::Ratio;
        let mut evidence = case.evidence();
        assert!(size(&evidence, &case.policy).resources.limits.memory < Some(Bytes::mebi(1024)));
        evidence.lessons = vec![lesson(&evidence, Field::MEMORY_LIMIT, FLOOR, 10)];
        assert_eq!(size(&evidence, &case.policy).resources.limits.memory, Some(Bytes::mebi(1024)));
    }
}
