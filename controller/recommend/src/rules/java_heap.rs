//! A Java virtual machine takes what its heap may become, whatever its usage says: memory is never below heap plus what
//! lies beside it, it is not lowered while the heap is unknown, and a limit that the heap follows stays.
//!
//! What lies beside the heap (class metadata, compiled code, stacks, buffers) is not measured from outside. It is taken as
//! 40 % of the heap, which is what CAST AI's profile for Java adds, and at most what the Java buildpacks' memory calculator
//! adds up for an application of 10,000 classes: 240 MiB of code cache, 250 stacks of 1 MiB, 72 MiB of metaspace, 10 MiB of
//! buffers.

use kubeopt_model::java::JavaFlags;
use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::quantity::MIB;
use kubeopt_model::workload::QosClass;
use kubeopt_model::{Amount, Bytes, Field, NoRecommendation, Resource};

use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule =
    Rule { name: "java-heap", about: "memory of a JVM holds its heap and what lies beside it", speak };

/// What lies beside the heap, as a share of it, in per cent.
const BESIDE_PERCENT: u64 = 40;

/// The most that is taken to lie beside it.
const BESIDE_MOST: Bytes = Bytes(572 * MIB);

fn speak(evidence: &Evidence, _: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    let Some(java) = &evidence.container.java else { return Vec::new() };
    let limit = evidence.container.resources.limits.memory;
    let mut says = Vec::new();
    match java.heap_within(limit) {
        Some(heap) => says.extend(at_least_heap(evidence, java, heap)),
        None => says.extend(unknown_heap(evidence, java, draft)),
    }
    if java.heap_follows_limit() {
        says.extend(limit_stays(evidence, java, draft));
    }
    says
}

/// Not below the heap with what lies beside it, within a limit that the heap itself is a share of.
fn at_least_heap(evidence: &Evidence, java: &JavaFlags, heap: Bytes) -> Option<Say> {
    let beside = Bytes(heap.0.saturating_mul(BESIDE_PERCENT) / 100).min(BESIDE_MOST);
    let whole = Bytes(heap.0.saturating_add(beside.0));
    let within = evidence.container.resources.limits.memory.filter(|_| java.heap_follows_limit());
    let least = Amount::Memory(whole.min(within.unwrap_or(whole)));
    let mebi = |bytes: Bytes| format!("{}Mi", bytes.0.div_ceil(MIB));
    let how = match &java.max_ram_basis_points {
        Some(share) if java.heap_follows_limit() => {
            format!("{} % of the limit", f64::from(*share) / 100.0)
        }
        Some(_) | None => "the highest heap".to_owned(),
    };
    let place = java.set_in.as_deref().unwrap_or("its flags");
    let text = format!(
        "a JVM with a heap of {} ({how}, set in {place}) and {} beside it, taken as {BESIDE_PERCENT} % of the heap and at \
         most {}: not below {}",
        mebi(heap),
        mebi(beside),
        mebi(BESIDE_MOST),
        least.rounded_up()
    );
    Some(Say::AtLeast(Field::MEMORY_REQUEST, least, text))
}

/// What is used now is what the heap has grown to, not what it may grow to.
fn unknown_heap(evidence: &Evidence, java: &JavaFlags, draft: &Draft) -> Vec<Say> {
    let why = if java.is_hidden {
        "its options come from a Secret or ConfigMap, which are not read"
    } else if java.heap_follows_limit() {
        "its heap is a share of a memory limit that is not set"
    } else {
        "no flag says how large its heap may become"
    };
    let lowers = |field: &Field| {
        let now = evidence.container.resources.get(*field);
        now.is_some() && draft.value(*field).is_some_and(|value| Some(value) < now)
    };
    let stays = |field: Field| {
        let text = format!("a JVM, and {why}: memory is not lowered");
        let guardrail = RULE.name.to_owned();
        Say::Leave(field, NoRecommendation::Refused { guardrail, text: text.clone() }, text)
    };
    let request = Field::MEMORY_REQUEST;
    // A limit that stands for the request, or follows it, goes with it.
    let stands_for_it = evidence.container.resources.get(request).is_none();
    let is_lower = |value: Amount| {
        evidence.container.resources.effective_request(Resource::Memory).is_some_and(|now| value < now)
    };
    if lowers(&request) || (stands_for_it && draft.value(request).is_some_and(is_lower)) {
        vec![stays(request), stays(Field::MEMORY_LIMIT)]
    } else {
        Vec::new()
    }
}

/// The heap grows with the limit, so that more never helps and less takes what is used; only what killed it raises it.
fn limit_stays(evidence: &Evidence, java: &JavaFlags, draft: &Draft) -> Vec<Say> {
    let Some(limit) = evidence.container.resources.get(Field::MEMORY_LIMIT) else { return Vec::new() };
    let percent = f64::from(java.max_ram_basis_points.unwrap_or_default()) / 100.0;
    if draft.value(Field::MEMORY_LIMIT).is_some_and(|wanted| wanted > limit) {
        let text = format!("the heap is {percent} % of the limit and grows with it");
        return vec![Say::Note(Field::MEMORY_LIMIT, text)];
    }
    let text = format!("the heap is {percent} % of the limit and would follow it: kept at {limit}");
    let stays = |field: Field| {
        let guardrail = RULE.name.to_owned();
        Say::Leave(field, NoRecommendation::Refused { guardrail, text: text.clone() }, text.clone())
    };
    if evidence.workload.qos_class() == QosClass::Guaranteed {
        return vec![stays(Field::MEMORY_REQUEST), stays(Field::MEMORY_LIMIT)];
    }
    let most = format!("the limit of {limit} stays, because the heap follows it");
    vec![Say::AtMost(Field::MEMORY_REQUEST, limit, most), stays(Field::MEMORY_LIMIT)]
}

#[cfg(test)]
mod tests {
    use kubeopt_model::java::JavaFlags;
    use kubeopt_model::policy::LimitPolicy;
    use kubeopt_model::usage::OomKill;
    use kubeopt_model::{Bytes, Field};

    use crate::rules::fixture::{Case, DAY, resources};
    use crate::{Evidence, Sizing, size};

    fn java(case: &Case, flags: JavaFlags) -> Evidence {
        let mut evidence = case.evidence();
        evidence.container.java = Some(flags);
        evidence
    }

    fn heap(mebi: u64) -> JavaFlags {
        let set_in = Some("env JAVA_OPTS".to_owned());
        JavaFlags { heap_max: Some(Bytes::mebi(mebi)), set_in, ..JavaFlags::default() }
    }

    fn share(basis_points: u32) -> JavaFlags {
        JavaFlags { max_ram_basis_points: Some(basis_points), ..JavaFlags::default() }
    }

    fn memory(sizing: &Sizing) -> (Option<Bytes>, Option<Bytes>) {
        (sizing.resources.requests.memory, sizing.resources.limits.memory)
    }

    #[test]
    fn memory_is_never_below_the_heap_and_what_lies_beside_it() {
        // 400Mi are used, 464Mi would be wanted of 2Gi.
        let case = Case::serving();
        for (heap_mebi, wanted_mebi) in [(100, 464), (512, 720), (1024, 1440), (4096, 4736)] {
            let sizing = size(&java(&case, heap(heap_mebi)), &case.policy);
            assert_eq!(memory(&sizing).0, Some(Bytes::mebi(wanted_mebi)), "{heap_mebi}");
        }
        let sizing = size(&java(&case, heap(512)), &case.policy);
        let said = sizing.reasons.iter().find(|reason| reason.rule == "java-heap").map(|r| r.text.as_str());
        assert_eq!(
            said,
            Some(
                "a JVM with a heap of 512Mi (the highest heap, set in env JAVA_OPTS) and 205Mi beside it, taken as 40 % of \
                 the heap and at most 572Mi: not below 720Mi"
            )
        );
    }

    #[test]
    fn without_a_known_heap_memory_is_not_lowered_and_may_be_raised() {
        let mut case = Case::serving();
        case.policy.sizing.memory_limit = LimitPolicy::Ratio;
        for (flags, why) in [
            (JavaFlags::default(), "no flag says how large its heap may become"),
            (
                JavaFlags { is_hidden: true, ..JavaFlags::default() },
                "its options come from a Secret or ConfigMap, which are not read",
            ),
        ] {
            let sizing = size(&java(&case, flags), &case.policy);
            assert_eq!(sizing.resources.requests.memory, case.resources.requests.memory);
            assert_eq!(sizing.resources.limits.memory, case.resources.limits.memory);
            let said = sizing.left_because(Field::MEMORY_REQUEST).map(|why| why.sentence());
            assert_eq!(said, Some(format!("a JVM, and {why}: memory is not lowered")));
            assert!(sizing.resources.requests.cpu < case.resources.requests.cpu, "CPU is another matter");
        }
        case.memory_samples_mebi = vec![4000.0; 100];
        let sizing = size(&java(&case, JavaFlags::default()), &case.policy);
        assert!(memory(&sizing).0 > case.resources.requests.memory);
    }

    #[test]
    fn a_limit_that_the_heap_follows_stays_whatever_the_policy_says_of_limits() {
        let mut case = Case::serving();
        for limits in [LimitPolicy::Keep, LimitPolicy::Ratio, LimitPolicy::None] {
            case.policy.sizing.memory_limit = limits;
            // 50 % of 3Gi are 1536Mi, and 572Mi beside it: no less than the 2Gi that stand there.
            let sizing = size(&java(&case, share(5000)), &case.policy);
            assert_eq!(memory(&sizing), (Some(Bytes::mebi(2112)), Some(Bytes::mebi(3072))), "{limits:?}");
            assert_eq!(sizing.removes, [], "{limits:?}");
            let lower = size(&java(&case, share(2500)), &case.policy);
            // 768Mi and 40 % of that.
            assert_eq!(memory(&lower), (Some(Bytes::mebi(1088)), Some(Bytes::mebi(3072))), "{limits:?}");
        }
        let said = size(&java(&case, share(2500)), &case.policy);
        let said = said.left_because(Field::MEMORY_LIMIT).map(|why| why.sentence());
        assert_eq!(said.as_deref(), Some("the heap is 25 % of the limit and would follow it: kept at 3Gi"));
    }

    #[test]
    fn a_request_never_comes_above_a_limit_that_the_heap_follows() {
        let mut case = Case::serving();
        case.memory_samples_mebi = vec![3000.0; 100];
        let sizing = size(&java(&case, share(8000)), &case.policy);
        assert_eq!(memory(&sizing), (Some(Bytes::mebi(3072)), Some(Bytes::mebi(3072))));
        case.resources = resources(["1", "1", "2Gi", "2Gi"]);
        let guaranteed = size(&java(&case, share(5000)), &case.policy);
        assert_eq!(memory(&guaranteed), (Some(Bytes::mebi(2048)), Some(Bytes::mebi(2048))));
    }

    #[test]
    fn only_an_oom_kill_raises_a_limit_that_the_heap_follows() {
        let case = Case::serving();
        let mut evidence = java(&case, share(5000));
        let kill = OomKill { container: evidence.id(), at_unix_s: 27 * DAY, limit: Some(Bytes::mebi(3072)) };
        evidence.usage.as_mut().unwrap().oom_kills = vec![kill];
        let sizing = size(&evidence, &case.policy);
        assert_eq!(sizing.resources.limits.memory, Some(Bytes::mebi(3696)));
        let notes = sizing.reasons.iter().filter(|reason| reason.rule == "java-heap");
        assert!(notes.clone().any(|note| note.text == "the heap is 50 % of the limit and grows with it"));
    }
}
