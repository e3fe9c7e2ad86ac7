//! What merged pull requests save, estimated: the requested capacity of their containers with the old and the new values.
//!
//! An estimate, and called so: what was measured on nodes after a merge is another number, which does not stand here. Knows
//! no forge; the runtime passes what the markers said.

use std::collections::BTreeMap;

use kubeopt_model::cost::{HOURS_PER_MONTH, Money};
use kubeopt_model::pod::asked;
use kubeopt_model::pull_request::MarkedRequest;
use kubeopt_model::{
    Amount, Change, ContainerId, ContainerRole, ContainerUsage, Resource, Resources, Timestamp, Workload,
};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::allocation::{PricedCluster, workload_prices};
use crate::capacity::{MeanReplicas, expected_base};
use crate::pod::{cents, dollars, shared};
use crate::price::UnitPrices;

/// A merged pull request, as far as its marker tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedRequest {
    /// `acme/gitops #12`
    pub name: String,
    /// When the merge was seen, in seconds since the epoch.
    pub at_unix_s: i64,
    /// The requests that it changed, of every container that has them; no id where the name is none.
    pub requests: Vec<(Option<ContainerId>, MarkedRequest)>,
}

/// What is known of a container today.
#[derive(Debug, Clone, Copy)]
pub struct Today<'a> {
    /// Price of its nodes.
    pub unit: Option<UnitPrices>,
    /// Usage of the last days.
    pub usage: Option<&'a ContainerUsage>,
    /// Replicas now.
    pub replicas: u32,
    /// What it is to its pod.
    pub role: ContainerRole,
    /// Its place among the containers of the template, init containers first.
    pub place: usize,
    /// What it has now.
    pub resources: &'a Resources,
}

/// One merged pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SavingsRow {
    /// Which.
    pub pull_request: String,
    /// When the merge was seen.
    pub merged_at: String,
    /// Requests of containers that it changed and whose cost is known today.
    pub requests: usize,
    /// Requests whose container, price or values are unknown; they are in no sum.
    pub unknown_requests: usize,
    /// What it changes a month: negative saves.
    pub monthly: Money,
    /// The same since the merge, within the time that was asked for.
    pub so_far: Money,
}

/// What merged pull requests save.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SavingsReport {
    /// Always `estimated`: requested capacity, with the prices, replicas and usage of today.
    pub basis: &'static str,
    /// From when, RFC 3339.
    pub since: String,
    /// Oldest first.
    pub rows: Vec<SavingsRow>,
    /// All together, a month.
    pub monthly: Money,
    /// All together, since the merges.
    pub so_far: Money,
    /// Requests that are in no sum.
    pub unknown_requests: usize,
    /// What kubeopt's own requests cost a month; none where it does not run in a cluster that is looked at.
    pub own_monthly: Option<Money>,
    /// Dollars saved for each that kubeopt itself costs; none where either is unknown or nothing is saved.
    #[serde(rename = "return")]
    pub return_ratio: Option<Decimal>,
    /// `USD`
    pub currency: &'static str,
}

/// Sums what merged pull requests change.
pub fn estimate_savings(
    merged: &[MergedRequest],
    today: &BTreeMap<ContainerId, Today<'_>>,
    own_monthly: Option<Money>,
    since: Timestamp,
    now: Timestamp,
) -> SavingsReport {
    let mut merged: Vec<&MergedRequest> =
        merged.iter().filter(|one| one.at_unix_s >= since.as_second()).collect();
    merged.sort_by(|a, b| (a.at_unix_s, &a.name).cmp(&(b.at_unix_s, &b.name)));
    let rows: Vec<SavingsRow> = merged.into_iter().map(|one| row(one, today, now)).collect();
    let monthly: Money = rows.iter().map(|row| row.monthly).sum();
    let ratio = own_monthly.filter(|own| *own > Money::ZERO && monthly < Money::ZERO);
    SavingsReport {
        basis: "estimated",
        since: since.to_string(),
        monthly,
        so_far: rows.iter().map(|row| row.so_far).sum(),
        unknown_requests: rows.iter().map(|row| row.unknown_requests).sum(),
        own_monthly,
        return_ratio: ratio.map(|own| (-monthly.0 / own.0).round_dp(1)),
        rows,
        currency: "USD",
    }
}

/// What the requests of the workloads that `is_own` picks cost a month. None where there are none, or one is unknown.
pub fn requests_month(cluster: &PricedCluster<'_>, is_own: &dyn Fn(&Workload) -> bool) -> Option<Money> {
    let prices = workload_prices(cluster);
    let own: Vec<&Workload> = cluster.facts.workloads.iter().filter(|workload| is_own(workload)).collect();
    let month = |workload: &Workload| {
        let unit = (*prices.get(&workload.id)?).ok()?;
        let hours = MeanReplicas::steady(workload.replicas).month_hours();
        let of_resource = |resource| {
            let parts = workload.containers.iter().map(|one| {
                let request = one.resources.effective_request(resource);
                let none_is_nothing = (one.role == ContainerRole::Init).then_some(Decimal::ZERO);
                let base = expected_base(request, None).or(none_is_nothing)?;
                Some((one.role, cents(unit.hours(resource, base, hours))))
            });
            Some(dollars(asked(&parts.collect::<Option<Vec<_>>>()?)))
        };
        [Resource::Cpu, Resource::Memory].into_iter().map(of_resource).sum::<Option<Money>>()
    };
    if own.is_empty() { None } else { own.into_iter().map(month).sum() }
}

fn row(merged: &MergedRequest, today: &BTreeMap<ContainerId, Today<'_>>, now: Timestamp) -> SavingsRow {
    let deltas: Vec<Option<Money>> = (0..merged.requests.len()).map(|at| delta(merged, at, today)).collect();
    let monthly: Money = deltas.iter().flatten().copied().sum();
    let hours = Decimal::from((now.as_second() - merged.at_unix_s).max(0)) / Decimal::from(3600);
    SavingsRow {
        pull_request: merged.name.clone(),
        merged_at: Timestamp::from_second(merged.at_unix_s)
            .map_or_else(|_| String::new(), |at| at.to_string()),
        requests: deltas.iter().flatten().count(),
        unknown_requests: deltas.iter().filter(|delta| delta.is_none()).count(),
        monthly,
        so_far: Money(monthly.0 * hours / Decimal::from(HOURS_PER_MONTH)).to_cents(),
    }
}

/// What one request changes a month, to the cent: its share of what its pod costs with all requests that were changed with
/// it. None where a part is unknown.
fn delta(merged: &MergedRequest, at: usize, today: &BTreeMap<ContainerId, Today<'_>>) -> Option<Money> {
    let (id, request) = merged.requests.get(at)?;
    let id = id.as_ref()?;
    let own = today.get(id)?;
    let pod = Pod { own, resource: request.resource };
    let part = pod.changed(own, request)?;
    let mut containers: Vec<(&ContainerId, &Today<'_>)> =
        today.iter().filter(|(other, _)| other.workload == id.workload).collect();
    containers.sort_by_key(|(_, today)| today.place);
    let parts: Vec<(ContainerRole, Change<u64>)> = containers
        .iter()
        .map(|(other, today)| {
            let with = |(of, change): &&(Option<ContainerId>, MarkedRequest)| {
                of.as_ref() == Some(*other) && change.resource == request.resource
            };
            let changed = match merged.requests.iter().find(with) {
                _ if *other == id => Some(part),
                Some((_, change)) => pod.changed(today, change),
                None => pod
                    .month(today, today.resources.effective_request(request.resource))
                    .map(|cents| Change { before: cents, after: cents }),
            };
            // What is not known to use or reserve anything takes nothing from the others.
            (today.role, changed.unwrap_or(Change { before: 0, after: 0 }))
        })
        .collect();
    let place = containers.iter().position(|(other, _)| *other == id)?;
    let share = *shared(&parts).get(place)?;
    Some(dollars(share.after) - dollars(share.before))
}

/// The pod of a container, as far as one resource goes: price and replica-hours are those of the container.
struct Pod<'a> {
    own: &'a Today<'a>,
    resource: Resource,
}

impl Pod<'_> {
    /// Cents a month with a request before and after. An empty text is a request that is not there: then the container
    /// costs what it uses.
    fn changed(&self, of: &Today<'_>, request: &MarkedRequest) -> Option<Change<u64>> {
        let side = |text: &str| {
            let none = text.is_empty();
            let request = if none { None } else { Some(Amount::parse(self.resource, text).ok()?) };
            self.month(of, request)
        };
        Some(Change { before: side(&request.value.before)?, after: side(&request.value.after)? })
    }

    fn month(&self, of: &Today<'_>, request: Option<Amount>) -> Option<u64> {
        let is_init = of.role == ContainerRole::Init;
        let used = of.usage.filter(|_| !is_init).and_then(|usage| usage.resource(self.resource));
        let expected = expected_base(request, used).or(is_init.then_some(Decimal::ZERO))?;
        let replicas = self
            .own
            .usage
            .filter(|_| self.own.role != ContainerRole::Init)
            .map_or(MeanReplicas::steady(self.own.replicas), |usage| {
                MeanReplicas::of(usage, self.own.replicas)
            });
        Some(cents(self.own.unit?.hours(self.resource, expected, replicas.month_hours())))
    }
}

#[cfg(test)]
#[path = "savings_tests.rs"]
mod tests;
