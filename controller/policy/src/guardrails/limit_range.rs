//! LimitRanges: admission rejects pods outside them, so no value is moved out. `min` and `max` are held against requests
//! and limits, `maxLimitRequestRatio` against both together. A container without a limit is given the default one, above
//! which its request may not be. A value that is outside already is not forced in.

use kubeopt_model::cluster::LimitRange;
use kubeopt_model::workload::ResourceList;
use kubeopt_model::{Amount, Bound, Resource};

use crate::guardrails::bounds::{at_least, at_most};
use crate::guardrails::guardrail::{Guardrail, Judgement};
use crate::wanted::{Removing, Wanted};

pub(super) const GUARDRAIL: Guardrail = Guardrail {
    name: "limit-range",
    about: "no value is moved out of the LimitRanges of its namespace",
    judge,
};

/// Which way a LimitRange bounds a value.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Lowest,
    Highest,
}

struct RangeBound<'a> {
    range: &'a LimitRange,
    amount: Amount,
    side: Side,
    /// It is no bound but the limit that the container is given.
    is_default: bool,
}

impl RangeBound<'_> {
    fn text(&self) -> String {
        let name = format!("LimitRange {}/{}", self.range.namespace, self.range.name);
        match (self.is_default, self.side) {
            (true, _) => {
                format!("{name} gives a limit of {}, and a request above it is rejected", self.amount)
            }
            (false, Side::Lowest) => format!("{name} allows no less than {}", self.amount),
            (false, Side::Highest) => format!("{name} allows no more than {}", self.amount),
        }
    }
}

fn judge(wanted: &Wanted<'_>) -> Judgement {
    let bounds = bounds(wanted);
    let of = |side| bounds.iter().filter(move |bound| bound.side == side);
    let lowest = of(Side::Lowest).max_by_key(|bound| bound.amount);
    let judged = lowest.map_or(Judgement::Pass, |bound| at_least(wanted, bound.amount, || bound.text()));
    match (judged, of(Side::Highest).min_by_key(|bound| bound.amount)) {
        (Judgement::Pass, Some(bound)) => at_most(wanted, bound.amount, || bound.text()),
        (judged, _) => judged,
    }
}

/// A limit stays where a LimitRange would set another one, or reject a container without one.
pub(super) fn demands(removing: &Removing<'_>) -> Option<String> {
    let resource = removing.field.resource;
    removing.members.iter().find_map(|member| {
        let id = &member.container.workload;
        let ranges = removing.context.facts_of(&id.cluster).map_or(&[][..], |facts| &facts.limit_ranges);
        ranges.iter().filter(|range| range.namespace == id.namespace).find_map(|range| {
            let name = format!("LimitRange {}/{}", range.namespace, range.name);
            let ratio = match resource {
                Resource::Cpu => range.max_ratio_per_mille.0,
                Resource::Memory => range.max_ratio_per_mille.1,
            };
            if let Some(default) = amount(&range.default_limit, resource) {
                return Some(format!("{name} would set a {resource} limit of {default} in its place"));
            }
            let demands = amount(&range.max, resource).is_some() || ratio.is_some();
            demands.then(|| format!("{name} demands a {resource} limit"))
        })
    })
}

/// Every bound that a LimitRange of a member's namespace sets on the field.
fn bounds<'a>(wanted: &Wanted<'a>) -> Vec<RangeBound<'a>> {
    let mut bounds = Vec::new();
    for member in &wanted.members {
        let id = &member.container.workload;
        let ranges = wanted.facts(&id.cluster).map_or(&[][..], |facts| &facts.limit_ranges);
        for range in ranges.iter().filter(|range| range.namespace == id.namespace) {
            let (min, max) = (amount(&range.min, wanted.resource()), amount(&range.max, wanted.resource()));
            let bound = |side, is_default| move |amount| RangeBound { range, amount, side, is_default };
            bounds.extend(min.map(bound(Side::Lowest, false)));
            bounds.extend(max.map(bound(Side::Highest, false)));
            if wanted.field.bound == Bound::Request && wanted.other_bound(member).is_none() {
                let given = amount(&range.default_limit, wanted.resource());
                bounds.extend(given.map(bound(Side::Highest, true)));
            }
            let ratio = match wanted.resource() {
                Resource::Cpu => range.max_ratio_per_mille.0,
                Resource::Memory => range.max_ratio_per_mille.1,
            };
            bounds.extend(
                ratio
                    .zip(wanted.other_bound(member))
                    .map(|(ratio, other)| ratio_bound(wanted, range, ratio, other)),
            );
        }
    }
    bounds
}

fn amount(list: &ResourceList, resource: Resource) -> Option<Amount> {
    match resource {
        Resource::Cpu => list.cpu.map(Amount::Cpu),
        Resource::Memory => list.memory.map(Amount::Memory),
    }
}

/// limit / request <= ratio: a bound from below for the request, from above for the limit.
fn ratio_bound<'a>(
    wanted: &Wanted<'_>,
    range: &'a LimitRange,
    ratio_per_mille: u64,
    other: Amount,
) -> RangeBound<'a> {
    let (other, ratio) = (u128::from(other.base()), u128::from(ratio_per_mille.max(1)));
    let (base, side) = match wanted.field.bound {
        Bound::Request => ((other * 1000).div_ceil(ratio), Side::Lowest),
        Bound::Limit => (other * ratio / 1000, Side::Highest),
    };
    let amount = Amount::from_base(wanted.resource(), u64::try_from(base).unwrap_or(u64::MAX));
    RangeBound { range, amount, side, is_default: false }
}
