//! LimitRanges: admission rejects pods outside them, so no value is moved out. `min` and `max` are held against requests
//! and limits, `maxLimitRequestRatio` against both together. A value that is outside already is not forced in.

use kubeopt_model::cluster::LimitRange;
use kubeopt_model::{Amount, Bound, Resource};

use crate::guardrails::bounds::{at_least, at_most};
use crate::guardrails::{Guardrail, Judgement};
use crate::wanted::Wanted;

pub(super) const GUARDRAIL: Guardrail = Guardrail {
    name: "limit-range",
    about: "no value is moved out of the LimitRanges of its namespace",
    judge,
};

fn judge(wanted: &Wanted<'_>) -> Judgement {
    let (mut low, mut high): (Option<(Amount, String)>, Option<(Amount, String)>) = (None, None);
    for (range, amount, is_low) in bounds(wanted) {
        let name = format!("{}/{}", range.namespace, range.name);
        if is_low && low.as_ref().is_none_or(|(known, _)| *known < amount) {
            low = Some((amount, name));
        } else if !is_low && high.as_ref().is_none_or(|(known, _)| *known > amount) {
            high = Some((amount, name));
        }
    }
    let judged = low.map_or(Judgement::Pass, |(low, name)| {
        at_least(wanted, low, || format!("LimitRange {name} allows no less than {low}"))
    });
    match (judged, high) {
        (Judgement::Pass, Some((high, name))) => {
            at_most(wanted, high, || format!("LimitRange {name} allows no more than {high}"))
        }
        (judged, _) => judged,
    }
}

/// Every bound on the field: its LimitRange, the amount, and whether it is a lower one.
fn bounds<'a>(wanted: &Wanted<'a>) -> Vec<(&'a LimitRange, Amount, bool)> {
    let mut bounds = Vec::new();
    for member in &wanted.members {
        let id = &member.container.workload;
        let ranges = wanted.facts(&id.cluster).map_or(&[][..], |facts| &facts.limit_ranges);
        for range in ranges.iter().filter(|range| range.namespace == id.namespace) {
            let (min, max, ratio) = match wanted.resource() {
                Resource::Cpu => (
                    range.min.cpu.map(Amount::Cpu),
                    range.max.cpu.map(Amount::Cpu),
                    range.max_ratio_per_mille.0,
                ),
                Resource::Memory => (
                    range.min.memory.map(Amount::Memory),
                    range.max.memory.map(Amount::Memory),
                    range.max_ratio_per_mille.1,
                ),
            };
            bounds.extend(min.map(|min| (range, min, true)));
            bounds.extend(max.map(|max| (range, max, false)));
            if let Some((ratio, other)) = ratio.zip(wanted.other_bound(member)) {
                bounds.push(ratio_bound(wanted, range, ratio, other));
            }
        }
    }
    bounds
}

/// limit / request <= ratio: a bound from below for the request, from above for the limit.
fn ratio_bound<'a>(
    wanted: &Wanted<'_>,
    range: &'a LimitRange,
    ratio_per_mille: u64,
    other: Amount,
) -> (&'a LimitRange, Amount, bool) {
    let (other, ratio) = (u128::from(other.base()), u128::from(ratio_per_mille.max(1)));
    let (base, is_low) = match wanted.field.bound {
        Bound::Request => ((other * 1000).div_ceil(ratio), true),
        Bound::Limit => (other * ratio / 1000, false),
    };
    let base = u64::try_from(base).unwrap_or(u64::MAX);
    (range, Amount::from_base(wanted.resource(), base), is_low)
}
