//! A DaemonSet has one size for all nodes. The nodes whose pods need far more than the others are named, so that somebody
//! can look at them, or give them a DaemonSet of their own.

use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::quantity::MIB;
use kubeopt_model::usage::PodPeak;
use kubeopt_model::{Field, Resource, WorkloadKind};

use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule = Rule {
    name: "nodes-alike",
    about: "names the nodes on which a DaemonSet needs far more than on the others",
    speak,
};

/// A node is an outlier where its pod's highest sample is this many times that of the pod in the middle.
const FAR_ABOVE: f64 = 2.0;

/// Pods that tell what is usual; of fewer, the middle one may be the outlier.
const PODS_MIN: usize = 3;

/// Nodes that are named; the rest is counted.
const NAMED_MAX: usize = 3;

fn speak(evidence: &Evidence, _: &EffectivePolicy, _: &Draft) -> Vec<Say> {
    let Some(usage) = &evidence.usage else { return Vec::new() };
    if evidence.workload.id.kind != WorkloadKind::DaemonSet {
        return Vec::new();
    }
    let note = |field: Field| Some(Say::Note(field, outliers(&usage.pod_peaks, field.resource)?));
    [Field::CPU_REQUEST, Field::MEMORY_REQUEST].into_iter().filter_map(note).collect()
}

/// What is said of the pods that stand far above the one in the middle; none where none does.
fn outliers(peaks: &[PodPeak], resource: Resource) -> Option<String> {
    let highest = |peak: &PodPeak| match resource {
        Resource::Cpu => peak.cpu_max,
        Resource::Memory => peak.memory_max,
    };
    let mut pods: Vec<(f64, &PodPeak)> =
        peaks.iter().filter_map(|peak| Some((highest(peak)?, peak))).collect();
    if pods.len() < PODS_MIN {
        return None;
    }
    // The name decides between equals, so that the text stays what it was.
    pods.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.node.cmp(&b.1.node)));
    let (middle, _) = pods[pods.len() / 2];
    let amount = |value: f64| match resource {
        Resource::Cpu => format!("{value:.0}m"),
        Resource::Memory => format!("{:.0}Mi", value / MIB as f64),
    };
    let far: Vec<_> = pods.iter().take_while(|(peak, _)| *peak > middle * FAR_ABOVE).collect();
    let named = far.iter().take(NAMED_MAX).map(|(peak, pod)| match &pod.node {
        Some(node) => format!("node {node} reached {}", amount(*peak)),
        None => format!("a pod that is gone reached {}", amount(*peak)),
    });
    let named: Vec<String> = named.collect();
    let more = match far.len() - named.len() {
        0 if named.is_empty() => return None,
        0 => String::new(),
        more => format!(" and {more} more as far above"),
    };
    Some(format!(
        "one size for all nodes: {}{more}, where the pod in the middle of {} reached {}",
        named.join(", "),
        pods.len(),
        amount(middle)
    ))
}

#[cfg(test)]
mod tests {
    use kubeopt_model::usage::PodPeak;
    use kubeopt_model::{Field, WorkloadKind};

    use crate::rules::fixture::Case;
    use crate::size;

    const MEBI: f64 = 1_048_576.0;

    /// A pod a node, each with the same CPU and so many MiB.
    fn told(kind: WorkloadKind, mebi: &[f64]) -> Vec<(Field, String)> {
        let mut case = Case::serving();
        case.kind = kind;
        let mut evidence = case.evidence();
        let peak = |(at, mebi): (u64, &f64)| PodPeak {
            pod: at,
            node: (at != 4).then(|| format!("n{at}")),
            cpu_max: Some(100.0),
            memory_max: Some(mebi * MEBI),
        };
        evidence.usage.as_mut().unwrap().pod_peaks = (0..).zip(mebi).map(peak).collect();
        let sizing = size(&evidence, &case.policy);
        let own = sizing.reasons.into_iter().filter(|reason| reason.rule == "nodes-alike");
        own.map(|reason| (reason.field, reason.text)).collect()
    }

    #[test]
    fn nodes_far_above_the_others_are_named_the_highest_first() {
        let told = told(WorkloadKind::DaemonSet, &[100.0, 900.0, 110.0, 90.0, 300.0]);
        let text = "one size for all nodes: node n1 reached 900Mi, a pod that is gone reached 300Mi, where the pod in the \
                    middle of 5 reached 110Mi";
        assert_eq!(told, [(Field::MEMORY_REQUEST, text.to_owned())]);
    }

    #[test]
    fn of_many_three_are_named_and_the_rest_is_counted() {
        let mut mebi = vec![100.0; 12];
        mebi.extend([900.0; 5]);
        let told = told(WorkloadKind::DaemonSet, &mebi);
        assert!(told[0].1.contains("node n14 reached 900Mi and 2 more as far above"), "{told:?}");
    }

    #[test]
    fn pods_alike_too_few_of_them_and_other_kinds_are_no_news() {
        assert_eq!(told(WorkloadKind::DaemonSet, &[100.0, 150.0, 110.0]), []);
        assert_eq!(told(WorkloadKind::DaemonSet, &[100.0, 900.0]), []);
        assert_eq!(told(WorkloadKind::Deployment, &[100.0, 900.0, 110.0, 90.0]), []);
    }
}
