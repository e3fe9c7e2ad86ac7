//! A DaemonSet has one size for all nodes. Usage is kept over all of its pods together, so that nodes which need more than
//! the others are not named; where a few samples stand far above the rest, it is said.

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::{Amount, Field, WorkloadKind};

use super::{Rule, Say};
use crate::evidence::Evidence;
use crate::sizing::Draft;

pub(super) const RULE: Rule = Rule {
    name: "nodes-alike",
    about: "says where a DaemonSet's one size is far above what most samples need",
    speak,
};

/// From here on somebody should look: most nodes reserve three times what they use.
const FAR_ABOVE: f64 = 3.0;

fn speak(evidence: &Evidence, _: &EffectivePolicy, _: &Draft) -> Vec<Say> {
    if evidence.workload.id.kind != WorkloadKind::DaemonSet || evidence.workload.replicas < 2 {
        return Vec::new();
    }
    let far = |field: Field| {
        let usage = evidence.usage.as_ref()?.resource(field.resource)?;
        let median = usage.sketch.quantile(0.5).filter(|median| usage.max > median * FAR_ABOVE)?;
        let amount = |value: f64| Amount::from_base(field.resource, value.ceil() as u64).rounded_up();
        let text = format!(
            "one size for {} nodes: half of all samples are at or below {}, the highest is {}; usage is not kept by node, \
             so outliers are not named",
            evidence.workload.replicas,
            amount(median),
            amount(usage.max)
        );
        Some(Say::Note(field, text))
    };
    [Field::CPU_REQUEST, Field::MEMORY_REQUEST].into_iter().filter_map(far).collect()
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{Field, WorkloadKind};

    use crate::rules::fixture::Case;
    use crate::size;

    #[test]
    fn a_daemon_set_with_samples_far_above_the_others_is_told() {
        let mut case = Case::serving();
        case.memory_samples_mebi = (0..100).map(|i| if i == 7 { 900.0 } else { 100.0 }).collect();
        let said = |case: &Case| {
            let sizing = size(&case.evidence(), &case.policy);
            let own = sizing.reasons.into_iter().filter(|reason| reason.rule == "nodes-alike");
            own.map(|reason| (reason.field, reason.text)).collect::<Vec<_>>()
        };
        assert_eq!(said(&case), [], "a Deployment has no nodes of its own");
        case.kind = WorkloadKind::DaemonSet;
        let told = said(&case);
        assert_eq!(told.len(), 1, "CPU does not differ: {told:?}");
        assert_eq!(told[0].0, Field::MEMORY_REQUEST);
        assert!(
            told[0].1.starts_with("one size for 3 nodes: half of all samples are at or below 10"),
            "{told:?}"
        );
        assert!(told[0].1.contains("the highest is 912Mi"), "{told:?}");
    }
}
