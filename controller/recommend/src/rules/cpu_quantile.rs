//! The CPU request where the strategy is `quantile`: a high quantile of all 5-minute samples of all pods, with a margin.
//!
//! CPU is compressible: a sample above the request is slower, not fatal, so the tail beyond the quantile is left to the
//! node's idle time. All samples are pooled: a pod that lived three minutes speaks with three minutes' weight.

use kubeopt_model::policy::{EffectivePolicy, SizingStrategy};
use kubeopt_model::{Amount, Field, MilliCores};

use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule =
    Rule { name: "cpu-quantile", about: "CPU request from a quantile of all samples, with a margin", speak };

fn speak(evidence: &Evidence, policy: &EffectivePolicy, _: &Draft) -> Vec<Say> {
    if policy.sizing.strategy != SizingStrategy::Quantile {
        return Vec::new();
    }
    let Some(usage) = evidence.usage.as_ref() else { return Vec::new() };
    let Some(cpu) = usage.cpu.as_ref() else { return Vec::new() };
    let quantile = policy.sizing.cpu_quantile;
    // The sketch is right within 1 %; the maximum is exact, and no quantile lies above it.
    let Some(seen) = cpu.sketch.quantile(quantile).map(|seen| seen.min(cpu.max)) else { return Vec::new() };
    let wanted = MilliCores((seen * (1.0 + policy.sizing.cpu_margin)).ceil() as u64);
    let text = format!(
        "p{} of {:.0} days {:.0}m over {} samples of {} pods, plus {:.0} %; highest {:.0}m",
        percent(quantile),
        usage.seen.days(),
        seen,
        cpu.sketch.count(),
        usage.pods,
        policy.sizing.cpu_margin * 100.0,
        cpu.max,
    );
    vec![Say::Prefer(Field::CPU_REQUEST, Amount::Cpu(wanted), text)]
}

/// `98`, `99.5`
fn percent(quantile: f64) -> f64 {
    (quantile * 10_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use kubeopt_model::MilliCores;

    use crate::rules::fixture::Case;
    use crate::size;

    #[test]
    fn takes_the_quantile_plus_margin_rounded_up() {
        // 98 of 100 samples at or below 262m.
        let mut case = Case::serving();
        case.cpu_samples = (0..98).map(|_| 262.0).chain([700.0, 900.0]).collect();
        let sizing = size(&case.evidence(), &case.policy);
        // 262 x 1.15 = 301.3, within the sketch's 1 %, to the next 10m.
        assert_eq!(sizing.resources.requests.cpu, Some(MilliCores(310)));
        let reason =
            sizing.reasons.iter().find(|reason| reason.rule == "cpu-quantile").map(|r| r.text.as_str());
        assert!(
            reason.is_some_and(|text| text.contains("p98 of 28 days") && text.contains("highest 900m")),
            "{reason:?}"
        );
    }

    #[test]
    fn quantile_is_never_said_to_lie_above_the_maximum() {
        let mut case = Case::serving();
        case.cpu_samples = vec![250.0; 100];
        let sizing = size(&case.evidence(), &case.policy);
        let said =
            sizing.reasons.iter().find(|reason| reason.rule == "cpu-quantile").map(|r| r.text.as_str());
        assert!(
            said.is_some_and(|text| text.contains("days 250m") && text.contains("highest 250m")),
            "{said:?}"
        );
    }
}
