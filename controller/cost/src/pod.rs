//! What a change costs in a pod that has init containers: the scheduler reserves the most that the pod asks for at one time.
//!
//! An init container ends before the others start, so it costs something only where it asks for more than all that run later,
//! and then lowering the others saves only what goes beyond it. Each container gets a share of the pod's cost, to the cent,
//! such that shares add up to the pod before and after, and no share saves more than it was. Pure; knows no cluster.

use std::cmp::Reverse;

use kubeopt_model::cost::{CapacityCost, Money};
use kubeopt_model::pod::asked;
use kubeopt_model::{
    Amount, Bytes, Change, ContainerName, ContainerRole, ContainerUsage, MilliCores, Resource, Resources,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::capacity::{MeanReplicas, expected_base};
use crate::price::UnitPrices;

/// One container of a pod, in the order of the template, init containers first.
#[derive(Debug, Clone, Copy)]
pub struct PodContainer<'a> {
    /// Its name.
    pub name: &'a ContainerName,
    /// What it is to its pod.
    pub role: ContainerRole,
    /// Requests and limits, before and after; equal where it does not change.
    pub resources: Change<Resources>,
    /// What it uses; none where only its request counts, as for a container that runs for a moment.
    pub usage: Option<&'a ContainerUsage>,
}

/// The share of one container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodShare {
    /// A month before and after; none where it is unknown what the container uses.
    pub cost: Option<CapacityCost>,
    /// Why the cost does not move as far as a request does: sentences without a full stop.
    pub notes: Vec<(Resource, String)>,
}

/// What each container of a pod costs a month, before and after, in the order that they came in. All run for as long as the
/// pod does: the node keeps what an init container asked for.
pub fn pod_cost(unit: UnitPrices, containers: &[PodContainer<'_>], replicas: MeanReplicas) -> Vec<PodShare> {
    let mut shares: Vec<PodShare> = containers
        .iter()
        .map(|_| PodShare { cost: Some(CapacityCost::default()), notes: Vec::new() })
        .collect();
    for resource in [Resource::Cpu, Resource::Memory] {
        let parts: Vec<Option<Change<u64>>> =
            containers.iter().map(|one| part(unit, one, resource, replicas)).collect();
        // What is not known to use or reserve anything takes nothing from the others.
        let known: Vec<(ContainerRole, Change<u64>)> = containers
            .iter()
            .zip(&parts)
            .map(|(one, part)| (one.role, part.unwrap_or(Change { before: 0, after: 0 })))
            .collect();
        for (at, (share, to)) in shared(&known).into_iter().zip(&mut shares).enumerate() {
            to.cost = match (to.cost, parts.get(at).copied().flatten()) {
                (Some(sum), Some(_)) => Some(CapacityCost {
                    before: sum.before + dollars(share.before),
                    after: sum.after + dollars(share.after),
                }),
                _ => None,
            };
            let own = known.get(at).map(|(_, own)| moves(own));
            if own.is_some_and(|own| own != moves(&share)) {
                to.notes.push((resource, sentence(containers, at, resource, moves(&share) == 0)));
            }
        }
    }
    shares
}

/// Shares of what a pod costs, in the unit of the parts. Before, a container that lasts has its own part, and an init
/// container what it asks for beyond all that run later and beyond the next lower init container. Then one after the other
/// is changed, init containers first, the highest before the others; each has what the pod then costs more or less.
pub(crate) fn shared(parts: &[(ContainerRole, Change<u64>)]) -> Vec<Change<u64>> {
    let mut now: Vec<(ContainerRole, u64)> = parts.iter().map(|(role, part)| (*role, part.before)).collect();
    let lasting: Vec<(ContainerRole, u64)> =
        now.iter().filter(|(role, _)| *role != ContainerRole::Init).copied().collect();
    let together = asked(&lasting);
    let is_init = |at: &usize| parts.get(*at).is_some_and(|(role, _)| *role == ContainerRole::Init);
    let own_peak = |at: &usize| {
        let earlier = now.get(..*at).unwrap_or_default().iter();
        let sidecars = earlier.filter(|(role, _)| *role == ContainerRole::Sidecar).map(|(_, amount)| *amount);
        sidecars.fold(now.get(*at).map_or(0, |(_, own)| *own), u64::saturating_add)
    };
    let mut inits: Vec<(usize, u64)> =
        (0..parts.len()).filter(is_init).map(|at| (at, own_peak(&at))).collect();
    inits.sort_by_key(|(at, peak)| (Reverse(*peak), *at));
    let mut shares: Vec<Change<u64>> =
        parts.iter().map(|(_, part)| Change { before: part.before, after: part.before }).collect();
    for (place, (at, peak)) in inits.iter().enumerate() {
        let next = inits.get(place + 1).map_or(0, |(_, next)| *next).max(together);
        let layer = peak.saturating_sub(next);
        if let Some(share) = shares.get_mut(*at) {
            *share = Change { before: layer, after: layer };
        }
    }
    let lasting = (0..parts.len()).filter(|at| !is_init(at));
    for at in inits.iter().map(|(at, _)| *at).chain(lasting) {
        let was = asked(&now);
        if let (Some(own), Some((_, part))) = (now.get_mut(at), parts.get(at)) {
            own.1 = part.after;
        }
        if let Some(share) = shares.get_mut(at) {
            share.after = share.before.saturating_add(asked(&now)).saturating_sub(was);
        }
    }
    shares
}

/// Cents a month of one resource of one container by itself. None where nothing is known of a container that lasts.
fn part(
    unit: UnitPrices,
    container: &PodContainer<'_>,
    resource: Resource,
    replicas: MeanReplicas,
) -> Option<Change<u64>> {
    let usage = container.usage.filter(|_| container.role != ContainerRole::Init);
    let month = |resources: &Resources| {
        let expected = expected_base(
            resources.effective_request(resource),
            usage.and_then(|usage| usage.resource(resource)),
        );
        let none_is_nothing = (container.role == ContainerRole::Init).then_some(Decimal::ZERO);
        Some(cents(unit.hours(resource, expected.or(none_is_nothing)?, replicas.month_hours())))
    };
    Some(Change { before: month(&container.resources.before)?, after: month(&container.resources.after)? })
}

/// Whole cents; nothing where it is below 0.
pub(crate) fn cents(money: Money) -> u64 {
    (money.to_cents().0 * Decimal::ONE_HUNDRED).to_u64().unwrap_or(0)
}

/// The money of whole cents.
pub(crate) fn dollars(cents: u64) -> Money {
    Money(Decimal::from(cents) / Decimal::ONE_HUNDRED)
}

fn moves(change: &Change<u64>) -> i128 {
    i128::from(change.after) - i128::from(change.before)
}

/// Why the cost of a container moves otherwise than its request.
fn sentence(containers: &[PodContainer<'_>], at: usize, resource: Resource, nothing: bool) -> String {
    let base = |one: &PodContainer<'_>| {
        one.resources.after.effective_request(resource).map_or(0, |amount| amount.base())
    };
    let amount = |base: u64| match resource {
        Resource::Cpu => Amount::Cpu(MilliCores(base)),
        Resource::Memory => Amount::Memory(Bytes(base)),
    };
    let end = if nothing {
        "so this changes no cost"
    } else {
        "so of this only what goes beyond that changes the cost"
    };
    let lasting: Vec<(ContainerRole, u64)> = containers
        .iter()
        .filter(|one| one.role != ContainerRole::Init)
        .map(|one| (one.role, base(one)))
        .collect();
    match containers.get(at) {
        Some(one) if one.role == ContainerRole::Init => format!(
            "init container {} ends before the others start, and the node keeps {} for those: {end}",
            one.name,
            amount(asked(&lasting))
        ),
        _ => {
            let inits = containers.iter().filter(|one| one.role == ContainerRole::Init);
            let (name, most) = inits
                .map(|one| (one.name.as_str(), base(one)))
                .max_by_key(|(_, base)| *base)
                .unwrap_or_default();
            format!(
                "init container {name} asks for {}, which the node keeps for as long as the pod runs: {end}",
                amount(most)
            )
        }
    }
}

#[cfg(test)]
#[path = "pod_tests.rs"]
mod tests;
