//! What a revert taught: a value that hurt is not proposed again, and for some days nothing of the workload is lowered.
//!
//! A freeze keeps kubeopt from lowering and never from protecting: what was reverted to may be too little as well, and a
//! frozen service that dies helps nobody. So an OOM kill raises memory, and a limit that throttles is raised; the rest stays.
//! Only a kill of after the revert counts, the ones before are what it was made for.

use kubeopt_model::outcome::Lesson;
use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::workload::QosClass;
use kubeopt_model::{Bound, Field, Resource, Timestamp};

use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::{Evidence, Freeze};
use crate::held_down::is_throttled;

pub(super) const RULE: Rule =
    Rule { name: "lesson", about: "what a revert proved to be too little is not proposed again", speak };

fn speak(evidence: &Evidence, _: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    let Some(now_unix_s) = evidence.usage.as_ref().map(|usage| usage.window.to_unix_s) else {
        return Vec::new();
    };
    let of_workload = |lesson: &&Lesson| lesson.container.workload == evidence.workload.id;
    let lessons: Vec<&Lesson> = evidence.lessons.iter().filter(of_workload).collect();
    let frozen = freeze(evidence, &lessons, now_unix_s);
    let mut says = Vec::new();
    for field in Field::ALL {
        match &frozen {
            Some(freeze) if !protects(field, freeze, evidence, draft) => says.push(leave(field, freeze)),
            Some(freeze) => {
                says.extend(keep_from_lowering(field, freeze, evidence, draft));
                says.extend(keep_above_lessons(field, &lessons, now_unix_s, evidence, draft));
            }
            None => says.extend(keep_above_lessons(field, &lessons, now_unix_s, evidence, draft)),
        }
    }
    says
}

/// What freezes the workload at this moment, if anything does: what took values back says more than the harm before it.
fn freeze(evidence: &Evidence, lessons: &[&Lesson], now_unix_s: i64) -> Option<Freeze> {
    let frozen = lessons.iter().filter(|lesson| lesson.is_frozen(now_unix_s));
    let of_lesson = frozen.max_by_key(|lesson| lesson.frozen_until_unix_s).map(|last| Freeze {
        since_unix_s: last.learned_unix_s,
        text: format!("frozen until {} after a revert: {}", date(last.frozen_until_unix_s), last.why),
    });
    evidence.frozen.clone().or(of_lesson)
}

/// Whether what is wanted of the field protects the container against what happened since it was frozen.
fn protects(field: Field, freeze: &Freeze, evidence: &Evidence, draft: &Draft) -> bool {
    let Some(now) = evidence.container.resources.get(field) else { return false };
    match field.resource {
        Resource::Memory => {
            let kills = evidence.usage.iter().flat_map(|usage| &usage.oom_kills);
            draft.cures_oom() && kills.into_iter().any(|kill| kill.at_unix_s >= freeze.since_unix_s)
        }
        // The rule of throttling asks for more only where the highest use is close to the limit that is set now. Requests are
        // raised by it in Guaranteed pods alone.
        Resource::Cpu => {
            let raises = is_throttled(evidence)
                && draft.value(Field::CPU_LIMIT) > evidence.container.resources.get(Field::CPU_LIMIT);
            let follows = evidence.workload.qos_class() == QosClass::Guaranteed;
            raises && (field.bound == Bound::Limit || follows) && draft.value(field) > Some(now)
        }
    }
}

fn leave(field: Field, freeze: &Freeze) -> Say {
    Say::Leave(field, freeze.refusal(), freeze.text.clone())
}

/// What protects may be raised, and says why it is although it is frozen.
fn keep_from_lowering(field: Field, freeze: &Freeze, evidence: &Evidence, draft: &Draft) -> Option<Say> {
    let now = evidence.container.resources.get(field)?;
    Some(match draft.value(field) {
        Some(value) if value > now => {
            let text = format!(
                "raised although it is frozen, which keeps from lowering and not from protecting: {}",
                freeze.text
            );
            Say::Note(field, text)
        }
        Some(_) | None => Say::AtLeast(field, now, freeze.text.clone()),
    })
}

fn keep_above_lessons(
    field: Field,
    lessons: &[&Lesson],
    now_unix_s: i64,
    evidence: &Evidence,
    draft: &Draft,
) -> Option<Say> {
    let id = evidence.id();
    let own = |lesson: &&&Lesson| lesson.container == id && lesson.field == field && lesson.holds(now_unix_s);
    keep_above(lessons.iter().filter(own).max_by_key(|lesson| lesson.floor)?, evidence, draft)
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

    use crate::evidence::{Evidence, Freeze};
    use crate::rules::fixture::{Case, DAY, resources};
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

    /// Taken back on a day.
    fn frozen(day: i64) -> Option<Freeze> {
        Some(Freeze { since_unix_s: day * DAY, text: "#9 took #7 back".to_owned() })
    }

    fn killed(evidence: &mut Evidence, day: i64) {
        let kill = OomKill { container: evidence.id(), at_unix_s: day * DAY, limit: Some(Bytes::mebi(4096)) };
        evidence.usage.as_mut().unwrap().oom_kills = vec![kill];
    }

    #[test]
    fn a_kill_of_after_the_freeze_began_raises_memory_and_says_so_and_one_of_before_does_not() {
        for (day, memory) in [(21, Some(Bytes::mebi(4992))), (19, Case::serving().resources.requests.memory)]
        {
            let sizing = sized(|evidence| {
                evidence.frozen = frozen(20);
                killed(evidence, day);
            });
            assert_eq!(sizing.resources.requests.memory, memory, "{day}");
            assert_eq!(sizing.resources.requests.cpu, Case::serving().resources.requests.cpu, "{day}");
            assert_eq!(sizing.resources.limits.cpu, Case::serving().resources.limits.cpu, "{day}");
            let said = sizing.reasons.iter().any(|reason| {
                reason.field == Field::MEMORY_REQUEST
                    && reason.text.starts_with("raised although it is frozen")
                    && reason.text.ends_with(": #9 took #7 back")
            });
            assert_eq!(said, day == 21, "{:?}", sizing.reasons);
        }
    }

    #[test]
    fn a_freeze_holds_what_usage_alone_would_lower_or_raise() {
        for memory_mebi in [100.0, 4000.0] {
            let mut case = Case::serving();
            case.memory_samples_mebi = vec![memory_mebi; 10];
            let mut evidence = case.evidence();
            assert_ne!(size(&evidence, &case.policy).resources, case.resources);
            evidence.frozen = frozen(20);
            let sizing = size(&evidence, &case.policy);
            assert_eq!(sizing.resources, case.resources);
            let why = sizing.left_because(Field::MEMORY_REQUEST).unwrap();
            let NoRecommendation::Refused { text, .. } = why else { panic!("{why:?}") };
            assert_eq!(text, "#9 took #7 back");
        }
    }

    #[test]
    fn a_limit_that_throttles_is_raised_while_it_is_frozen_and_its_request_stays() {
        let mut case = Case::serving();
        case.resources = resources(["900m", "1000m", "2Gi", "3Gi"]);
        case.cpu_samples = vec![1000.0; 100];
        let throttled = |case: &Case, ratio: f64| {
            let mut evidence = case.evidence();
            evidence.frozen = frozen(20);
            evidence.usage.as_mut().unwrap().throttled_ratio = Some(ratio);
            size(&evidence, &case.policy).resources
        };
        let after = throttled(&case, 0.3);
        assert_eq!((after.requests.cpu, after.limits.cpu), (Some(MilliCores(900)), Some(MilliCores(1500))));
        assert_eq!(after.requests.memory, case.resources.requests.memory);
        assert_eq!(throttled(&case, 0.05), case.resources, "what does not throttle is left");
        // Bursts throttle it though the highest use is far below the limit: more would not end that.
        case.cpu_samples = vec![100.0; 100];
        assert_eq!(throttled(&case, 0.3), case.resources);
        case.resources = resources(["1000m", "1000m", "2Gi", "2Gi"]);
        case.cpu_samples = vec![1000.0; 100];
        let after = throttled(&case, 0.3);
        assert_eq!((after.requests.cpu, after.limits.cpu), (Some(MilliCores(1500)), Some(MilliCores(1500))));
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
