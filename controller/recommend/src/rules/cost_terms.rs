//! The terms of an explicit cost in words: what is reserved, what is expected to exceed it, and at what price. CPU and
//! memory say the same sentence with words of their own. Does not know how a value is chosen.

use kubeopt_model::quantity::MIB;
use kubeopt_model::recommendation::CostTerms;
use kubeopt_model::{Amount, Bytes, ContainerUsage, Field, MilliCores, Resource};
use kubeopt_strategies::Chosen;

use super::say::Say;
use crate::evidence::Evidence;

/// The value that costs least as the one that is preferred; nothing where nothing was chosen.
pub(super) fn prefer(resource: Resource, chosen: Option<Chosen>, evidence: &Evidence) -> Vec<Say> {
    let (Some(chosen), Some(usage)) = (chosen, &evidence.usage) else { return Vec::new() };
    // The casts saturate; what is chosen is finite and not negative.
    let value = chosen.value.ceil() as u64;
    let (field, wanted) = match resource {
        Resource::Cpu => (Field::CPU_REQUEST, Amount::Cpu(MilliCores(value))),
        Resource::Memory => (Field::MEMORY_REQUEST, Amount::Memory(Bytes(value))),
    };
    let Chosen { reserved, exceeding, risk, kept, .. } = chosen;
    let terms = CostTerms { value: wanted, reserved, exceeding, risk, kept };
    vec![
        Say::Prefer(field, wanted, sentence(resource, &chosen, usage, evidence.days_known())),
        Say::Terms(terms),
    ]
}

fn sentence(resource: Resource, chosen: &Chosen, usage: &ContainerUsage, days: f64) -> String {
    let share = percent(chosen.exceeding);
    let (unit, exceeding, priced) = match resource {
        Resource::Cpu => ("cores", format!("{share} of samples are expected above it"), "if all were"),
        Resource::Memory => ("GiB", format!("{share} of weeks are expected to exceed it"), "if each did"),
    };
    let value = spelled(resource, chosen.value);
    let decided =
        if chosen.kept { "was given a week before, and nothing costs clearly less" } else { "costs least" };
    let mut text = format!(
        "{value} {decided}: {:.2} {unit} reserved, and {:.2} for the risk, as {exceeding}",
        chosen.reserved, chosen.risk
    );
    if chosen.exceeding > 0.0 {
        text.push_str(&format!(" ({:.1} {unit} {priced})", chosen.risk / chosen.exceeding));
    }
    let used = usage.resource(resource);
    let highest = spelled(resource, used.map_or(0.0, |used| used.max));
    let samples = match resource {
        Resource::Cpu => format!(", {} samples", used.map_or(0, |used| used.sketch.count())),
        Resource::Memory => String::new(),
    };
    let pods = pods(usage.pods);
    text.push_str(&format!("; {days:.0} days{samples} of {pods}, highest {highest}"));
    text
}

/// `230m`, `512Mi`: whole units, upwards.
fn spelled(resource: Resource, value: f64) -> String {
    match resource {
        Resource::Cpu => format!("{:.0}m", value.ceil()),
        Resource::Memory => format!("{:.0}Mi", (value / MIB as f64).ceil()),
    }
}

/// `0.4 %`
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// `1 pod`, `6 pods`
fn pods(count: u64) -> String {
    format!("{count} pod{}", if count == 1 { "" } else { "s" })
}
