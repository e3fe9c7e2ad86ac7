//! A forecast may raise a request before the load comes, where the policy says so. It never lowers one: memory stays at what
//! the other rules say or above, and CPU grows only where the peak is foretold to grow.
//!
//! How far is `kubeopt-strategies`' [`raised`]; what is foretold comes from outside.

use kubeopt_model::foretold::ForetoldLoad;
use kubeopt_model::policy::{EffectivePolicy, OutlookPolicy};
use kubeopt_model::quantity::MIB;
use kubeopt_model::{Amount, Field, Resource};
use kubeopt_strategies::raised;

use super::rule::Rule;
use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

pub(super) const RULE: Rule =
    Rule { name: "outlook", about: "a request is raised where a higher peak is foretold", speak };

fn speak(evidence: &Evidence, policy: &EffectivePolicy, draft: &Draft) -> Vec<Say> {
    let Some(foretold) = &evidence.foretold else { return Vec::new() };
    if policy.sizing.outlook == OutlookPolicy::Off {
        return Vec::new();
    }
    let raise = |field: Field| {
        let given = draft.value(field).filter(|_| draft.may_move(field))?;
        let value = raised(field.resource, given.base() as f64, foretold)?;
        let load = foretold.resource(field.resource)?;
        // The cast saturates; nobody has 16 EiB.
        let value = Amount::from_base(field.resource, value.ceil() as u64);
        Some(Say::AtLeast(field, value, sentence(field.resource, given, load)))
    };
    [Field::CPU_REQUEST, Field::MEMORY_REQUEST].into_iter().filter_map(raise).collect()
}

fn sentence(resource: Resource, given: Amount, load: &ForetoldLoad) -> String {
    let peak = &load.peak_week;
    let told = match resource {
        Resource::Cpu => format!(
            "the peak of the next 7 days is foretold at {:.0}m, and {:.0}m was the highest of 28 days: {given} grows with it",
            peak.q50, load.seen
        ),
        Resource::Memory => format!(
            "the peak of the next 7 days is foretold at {:.0}Mi, which is more than {given}",
            (peak.q50 / MIB as f64).ceil()
        ),
    };
    format!("{told} (sizing.outlook: raise; {})", load.because)
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{Bytes, Foretold, MilliCores, PeakQuantiles, Resources};

    use super::*;
    use crate::rules::fixture::{Case, leak_of};
    use crate::{Sizing, size};

    const MEBI: f64 = MIB as f64;

    fn load(q50: f64, q90: f64, seen: f64) -> ForetoldLoad {
        let peak = PeakQuantiles { q10: q50 / 2.0, q50, q90, q95: q90, q99: q90 };
        let because = "the model has a weight of 0.46".to_owned();
        ForetoldLoad {
            peak_day: peak,
            peak_week: peak,
            seen,
            hours: Vec::new(),
            network_weight: 0.46,
            because,
            held: None,
        }
    }

    fn sized(policy: OutlookPolicy, cpu: ForetoldLoad, memory: ForetoldLoad) -> Sizing {
        let mut case = Case::serving();
        case.policy.sizing.outlook = policy;
        let mut evidence = case.evidence();
        evidence.foretold = Some(Foretold { cpu: Some(cpu), memory: Some(memory), ..Foretold::default() });
        size(&evidence, &case.policy)
    }

    /// What the other rules give.
    fn alone() -> Resources {
        let case = Case::serving();
        size(&case.evidence(), &case.policy).resources
    }

    #[test]
    fn a_higher_peak_raises_both_requests_and_the_reason_has_its_numbers() {
        let sizing =
            sized(OutlookPolicy::Raise, load(300.0, 400.0, 200.0), load(700.0 * MEBI, 900.0 * MEBI, 1.0));
        assert_eq!(sizing.resources.requests.memory, Some(Bytes::mebi(704)));
        let cpu = |resources: &Resources| resources.requests.cpu.unwrap().0 as f64;
        let factor = cpu(&sizing.resources) / cpu(&alone());
        assert!((1.45..1.6).contains(&factor), "half as much again, rounded up: {factor}");
        let said = sizing
            .reasons
            .iter()
            .find(|reason| reason.rule == "outlook" && reason.field == Field::MEMORY_REQUEST);
        let said = said.unwrap();
        assert!(said.bound, "{said:?}");
        assert!(
            said.text.starts_with("the peak of the next 7 days is foretold at 700Mi, which is more than "),
            "{said:?}"
        );
        assert!(said.text.ends_with("(sizing.outlook: raise; the model has a weight of 0.46)"), "{said:?}");
    }

    #[test]
    fn a_higher_peak_does_not_raise_memory_that_leaks() {
        let mut case = Case::serving();
        case.policy.sizing.outlook = OutlookPolicy::Raise;
        let mut evidence = case.evidence();
        evidence.container.resources.requests.memory = Some(Bytes::mebi(500));
        let before = evidence.container.resources.requests.memory;
        let (cpu, memory) = (load(300.0, 400.0, 200.0), load(700.0 * MEBI, 900.0 * MEBI, 1.0));
        evidence.foretold = Some(Foretold { cpu: Some(cpu), memory: Some(memory), ..Foretold::default() });
        assert_eq!(size(&evidence, &case.policy).resources.requests.memory, Some(Bytes::mebi(704)));
        evidence.leak = Some(leak_of(evidence.id()));
        let sizing = size(&evidence, &case.policy);
        assert_eq!(sizing.resources.requests.memory, before, "{:?}", sizing.reasons);
        assert!(sizing.resources.requests.cpu > alone().requests.cpu, "CPU grows with its peak as ever");
    }

    #[test]
    fn a_low_forecast_lowers_nothing_and_no_policy_raises_nothing() {
        let low = load(1.0, 1.0, 200.0);
        assert_eq!(sized(OutlookPolicy::Raise, low.clone(), low).resources, alone());
        let high = load(1e12, 1e12, 1.0);
        assert_eq!(sized(OutlookPolicy::Off, high.clone(), high).resources, alone());
        assert!(alone().requests.cpu > Some(MilliCores(0)));
    }
}
