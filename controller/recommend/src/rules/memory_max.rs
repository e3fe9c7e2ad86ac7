//! The memory request where the strategy is `quantile`: the exact highest sample of the window, with a margin.
//!
//! Memory is not compressible: what was needed once is needed again. The maximum is exact, never a sketch's estimate.

use kubeopt_model::policy::{EffectivePolicy, SizingStrategy};
use kubeopt_model::{Amount, Bytes, Field};

use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule =
    Rule { name: "memory-max", about: "memory request from the highest sample, with a margin", speak };

fn speak(evidence: &Evidence, policy: &EffectivePolicy, _: &Draft) -> Vec<Say> {
    if policy.sizing.strategy != SizingStrategy::Quantile {
        return Vec::new();
    }
    let Some(usage) = evidence.usage.as_ref() else { return Vec::new() };
    let Some(memory) = usage.memory.as_ref() else { return Vec::new() };
    let wanted = Bytes((memory.max * (1.0 + policy.sizing.memory_margin)).ceil() as u64);
    let text = format!(
        "highest of {:.0} days {:.0}Mi over {} samples of {} pods, plus {:.0} %",
        usage.seen.days(),
        memory.max / kubeopt_model::quantity::MIB as f64,
        memory.sketch.count(),
        usage.pods,
        policy.sizing.memory_margin * 100.0,
    );
    vec![Say::Prefer(Field::MEMORY_REQUEST, Amount::Memory(wanted), text)]
}

#[cfg(test)]
mod tests {
    use kubeopt_model::Bytes;

    use crate::rules::fixture::Case;
    use crate::size;

    #[test]
    fn takes_the_highest_sample_plus_margin_rounded_up() {
        let mut case = Case::serving();
        case.memory_samples_mebi = vec![700.0, 982.0, 650.0];
        let sizing = size(&case.evidence(), &case.policy);
        // 982 x 1.15 = 1129.3, to the next 16Mi.
        assert_eq!(sizing.resources.requests.memory, Some(Bytes::mebi(1136)));
    }
}
