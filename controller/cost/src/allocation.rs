//! Costs over a window: what each container's capacity cost, from the nodes that its pods run on, summed by a reader's words.
//!
//! One line a container and resource is made first, rounded to the cent; every sum adds those, so parts add up to totals.

use std::collections::BTreeMap;

use kubeopt_model::cost::{HOURS_PER_MONTH, Money};
use kubeopt_model::{
    Change, Container, ContainerId, ContainerName, ContainerRole, ContainerUsage, Resource, Timestamp,
    Window, Workload, WorkloadId,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;
use serde::Serialize;

pub use crate::priced_cluster::PricedCluster;

use crate::capacity::expected_base;
use crate::find::UnknownPrice;
use crate::places::{Place, Places};
use crate::pod::{cents, dollars, shared};
use crate::price::UnitPrices;
use crate::words::{Aggregate, row_name};

/// Why the cost of a container is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum UnknownCost {
    /// Its nodes have no price.
    #[error("{0}")]
    Price(#[from] UnknownPrice),
    /// It requests nothing of a resource, and no usage of it is known.
    #[error("it requests nothing, and no usage of it is known")]
    NothingKnown,
    /// It runs now and then, and no run was seen.
    #[error("it runs now and then, and no run is in the window")]
    NoRun,
}

/// One resource of one container over the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whose.
    pub container: ContainerId,
    /// Of which resource.
    pub resource: Resource,
    /// Core-hours or GiB-hours: replica-hours x E[max(request, usage)].
    pub quantity_hours: Decimal,
    /// Price of a core or GiB and hour, as paid.
    pub usd_per_hour: Decimal,
    /// The same before discounts.
    pub list_usd_per_hour: Decimal,
    /// What it cost, to the cent.
    pub cost: Money,
    /// What of that was used, to the cent; none without samples.
    pub used: Option<Money>,
    /// Region of its nodes, if they agree.
    pub region: Option<String>,
    /// All its nodes may be taken away.
    pub spot: bool,
    /// What the price rests on, and its date.
    pub basis: (String, String),
}

impl Line {
    /// Of an amount that is expected, and of what is used of it on average, in base units.
    fn of(
        id: &ContainerId,
        resource: Resource,
        place: &Place,
        (expected, mean): (Decimal, Option<Decimal>),
        hours: Decimal,
    ) -> Self {
        let cost = place.unit.hours(resource, expected, hours).to_cents();
        let (unit, list, per) = match resource {
            Resource::Cpu => (place.unit.core.usd(), place.list.core.usd(), Decimal::ONE_THOUSAND),
            Resource::Memory => {
                (place.unit.gib.usd(), place.list.gib.usd(), Decimal::from(kubeopt_model::quantity::GIB))
            }
        };
        Self {
            container: id.clone(),
            resource,
            quantity_hours: (expected * hours / per).round_dp(6),
            usd_per_hour: unit,
            list_usd_per_hour: list,
            cost,
            // What was used is part of what it cost, so it cannot be more.
            used: mean.map(|mean| place.unit.hours(resource, mean, hours).to_cents().min(cost)),
            region: place.region.clone(),
            spot: place.spot,
            basis: place.basis.clone(),
        }
    }

    /// Leaves only a part of it.
    fn cut(&mut self, cost: Money) {
        if self.cost > Money::ZERO && cost < self.cost {
            self.quantity_hours = (self.quantity_hours * cost.0 / self.cost.0).round_dp(6);
            self.cost = cost;
        }
    }
}

/// Sums of some lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CostRow {
    /// Name.
    pub name: String,
    /// CPU over the window.
    pub cpu_cost: Money,
    /// Memory over the window.
    pub memory_cost: Money,
    /// Both.
    pub total_cost: Money,
    /// What of it was used.
    pub used_cost: Money,
    /// The total at this rate for 730 hours.
    pub monthly_cost: Money,
    /// Containers whose cost is known.
    pub containers: usize,
    /// Containers whose cost is unknown; they are in no sum.
    pub unknown_containers: usize,
}

/// Costs over a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CostReport {
    /// From when to when.
    pub window: Window,
    /// Dearest first, then by name.
    pub rows: Vec<CostRow>,
    /// All rows together.
    pub total: CostRow,
    /// What prices rest on: words, date, age in days; sorted.
    pub prices: Vec<PriceNote>,
    /// Why containers are in no sum, with how many.
    pub unknown: Vec<UnknownNote>,
    /// Currency of every number.
    pub currency: &'static str,
    /// The lines behind it.
    #[serde(skip)]
    pub lines: Vec<Line>,
}

/// Why containers are in no sum.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnknownNote {
    /// A sentence without a full stop.
    pub why: String,
    /// How many containers.
    pub containers: usize,
}

/// What prices rest on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PriceNote {
    /// In words.
    pub basis: String,
    /// The date of the numbers.
    pub date: String,
    /// Days since then, if the date can be read.
    pub age_days: Option<i64>,
}

/// Allocates the capacity of clusters to their workloads over a window, summed by `aggregates`.
pub fn allocate(
    clusters: &[PricedCluster<'_>],
    window: Window,
    aggregates: &[Aggregate],
    now: Timestamp,
) -> CostReport {
    let mut rows: BTreeMap<String, CostRow> = BTreeMap::new();
    let mut unknown: BTreeMap<UnknownCost, usize> = BTreeMap::new();
    let mut lines = Vec::new();
    for cluster in clusters {
        let places = Places::of(cluster);
        for workload in cluster.facts.workloads.iter().filter(|workload| workload.owner.is_none()) {
            let place = places.of_workload(cluster, workload).map_err(UnknownCost::from);
            for (container, found) in workload_lines(cluster, workload, place.as_ref(), window) {
                let name = row_name(aggregates, workload, container.name.as_str());
                let row = rows.entry(name.clone()).or_insert_with(|| CostRow { name, ..CostRow::default() });
                match found {
                    Ok(made) => {
                        row.add(&made, window);
                        lines.extend(made);
                    }
                    Err(why) => {
                        row.unknown_containers += 1;
                        *unknown.entry(why).or_default() += 1;
                    }
                }
            }
        }
    }
    let unknown =
        unknown.into_iter().map(|(why, containers)| UnknownNote { why: why.to_string(), containers });
    report(rows.into_values().collect(), lines, unknown.collect(), window, now)
}

/// The lines of each container of a workload. An init container has some only where it asks for more than all that run
/// later: what goes beyond that, which the node keeps for the pod.
fn workload_lines<'a>(
    cluster: &PricedCluster<'_>,
    workload: &'a Workload,
    place: Result<&Place, &UnknownCost>,
    window: Window,
) -> Vec<(&'a Container, Result<[Line; 2], UnknownCost>)> {
    let id = |one: &Container| ContainerId { workload: workload.id.clone(), container: one.name.clone() };
    let work = |one: &'a Container, of: &Container| {
        let work = Work { workload, resources: &one.resources, usage: cluster.usage.get(&id(of)), window };
        place.map_err(|why| *why).and_then(|place| work.lines(&id(one), one.role, place))
    };
    let (inits, lasting): (Vec<&Container>, Vec<&Container>) =
        workload.containers.iter().partition(|one| one.role == ContainerRole::Init);
    let mut found: Vec<_> = lasting.iter().map(|one| (*one, work(one, one))).collect();
    // It costs for as long as its pod runs, which the usage of what lasts tells.
    let pod = lasting.iter().find(|one| cluster.usage.contains_key(&id(one))).or(lasting.first());
    for init in inits {
        if let Some(Ok(lines)) = pod.map(|pod| work(init, pod)) {
            found.push((init, Ok(lines)));
        }
    }
    let order = |name: &ContainerName| workload.containers.iter().position(|one| one.name == *name);
    found.sort_by_key(|(one, _)| order(&one.name));
    if found.iter().any(|(one, _)| one.role == ContainerRole::Init) {
        keep_what_decides(&mut found);
    }
    found
}

/// Cuts what init containers cost to what goes beyond the containers that last, and drops those of which nothing is left.
fn keep_what_decides(found: &mut Vec<(&Container, Result<[Line; 2], UnknownCost>)>) {
    for at in [0, 1] {
        let cost = |lines: &Result<[Line; 2], UnknownCost>| {
            lines.as_ref().ok().and_then(|lines| lines.get(at)).map_or(0, |line| cents(line.cost))
        };
        let parts: Vec<_> = found
            .iter()
            .map(|(one, lines)| (one.role, Change { before: cost(lines), after: cost(lines) }))
            .collect();
        for ((one, lines), share) in found.iter_mut().zip(shared(&parts)) {
            let line = lines.as_mut().ok().and_then(|lines| lines.get_mut(at));
            if let (ContainerRole::Init, Some(line)) = (one.role, line) {
                line.cut(dollars(share.after));
            }
        }
    }
    found.retain(|(one, lines)| {
        one.role != ContainerRole::Init
            || lines.as_ref().is_ok_and(|lines| lines.iter().any(|line| line.cost > Money::ZERO))
    });
}

fn report(
    mut rows: Vec<CostRow>,
    lines: Vec<Line>,
    unknown: Vec<UnknownNote>,
    window: Window,
    now: Timestamp,
) -> CostReport {
    rows.sort_by(|a, b| b.total_cost.cmp(&a.total_cost).then_with(|| a.name.cmp(&b.name)));
    let mut total = CostRow { name: "total".to_owned(), ..CostRow::default() };
    rows.iter().for_each(|row| total.absorb(row));
    let mut prices: Vec<PriceNote> = lines
        .iter()
        .map(|line| PriceNote {
            basis: line.basis.0.clone(),
            date: line.basis.1.clone(),
            age_days: age_days(&line.basis.1, now),
        })
        .collect();
    prices.sort();
    prices.dedup();
    CostReport { window, rows, total, prices, unknown, currency: "USD", lines }
}

fn age_days(date: &str, now: Timestamp) -> Option<i64> {
    let date: jiff::civil::Date = date.parse().ok()?;
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    Some(i64::from((today - date).get_days()).max(0))
}

impl CostRow {
    fn add(&mut self, lines: &[Line; 2], window: Window) {
        for line in lines {
            match line.resource {
                Resource::Cpu => self.cpu_cost = self.cpu_cost + line.cost,
                Resource::Memory => self.memory_cost = self.memory_cost + line.cost,
            }
            self.used_cost = self.used_cost + line.used.unwrap_or(Money::ZERO);
        }
        self.total_cost = self.cpu_cost + self.memory_cost;
        self.monthly_cost = monthly(self.total_cost, window);
        self.containers += 1;
    }

    fn absorb(&mut self, row: &Self) {
        self.cpu_cost = self.cpu_cost + row.cpu_cost;
        self.memory_cost = self.memory_cost + row.memory_cost;
        self.total_cost = self.total_cost + row.total_cost;
        self.used_cost = self.used_cost + row.used_cost;
        self.monthly_cost = self.monthly_cost + row.monthly_cost;
        self.containers += row.containers;
        self.unknown_containers += row.unknown_containers;
    }

    /// Used of what it cost, in per cent; none where it cost nothing.
    pub fn efficiency_percent(&self) -> Option<Decimal> {
        (self.total_cost > Money::ZERO)
            .then(|| (self.used_cost.0 * Decimal::ONE_HUNDRED / self.total_cost.0).round())
    }
}

fn monthly(cost: Money, window: Window) -> Money {
    let hours = Decimal::from(window.seconds()) / Decimal::from(3600);
    if hours.is_zero() {
        return Money::ZERO;
    }
    Money(cost.0 * Decimal::from(HOURS_PER_MONTH) / hours).to_cents()
}

/// What a core and a GiB of each workload cost, by the nodes that its pods run on.
pub fn workload_prices<'a>(
    cluster: &PricedCluster<'a>,
) -> BTreeMap<&'a WorkloadId, Result<UnitPrices, UnknownPrice>> {
    let places = Places::of(cluster);
    let workloads = cluster.facts.workloads.iter();
    workloads
        .map(|workload| (&workload.id, places.of_workload(cluster, workload).map(|place| place.unit)))
        .collect()
}

/// One container at work over the window.
struct Work<'a> {
    workload: &'a Workload,
    resources: &'a kubeopt_model::Resources,
    usage: Option<&'a ContainerUsage>,
    window: Window,
}

impl Work<'_> {
    fn lines(&self, id: &ContainerId, role: ContainerRole, place: &Place) -> Result<[Line; 2], UnknownCost> {
        let hours = self.replica_hours().ok_or(UnknownCost::NoRun)?;
        let line = |resource| -> Result<Line, UnknownCost> {
            let request = self.resources.effective_request(resource);
            let used = self.usage.and_then(|usage| usage.resource(resource));
            match role {
                // What it uses in its moment is not told apart; what it asks for is kept.
                ContainerRole::Init => {
                    let asked = expected_base(request, None).unwrap_or_default();
                    Ok(Line::of(id, resource, place, (asked, None), hours))
                }
                ContainerRole::Main | ContainerRole::Sidecar => {
                    let expected = expected_base(request, used).ok_or(UnknownCost::NothingKnown)?;
                    let mean = used.and_then(|used| expected_base(None, Some(used)));
                    Ok(Line::of(id, resource, place, (expected, mean), hours))
                }
            }
        };
        Ok([line(Resource::Cpu)?, line(Resource::Memory)?])
    }

    /// From samples; without them a workload that runs all the time is taken as it is now, and one that runs now and then
    /// is unknown.
    fn replica_hours(&self) -> Option<Decimal> {
        match self.usage.map(|usage| usage.replica_hours).filter(|hours| *hours > 0.0) {
            Some(hours) => Decimal::from_f64(hours).map(|hours| hours.round_dp(4)),
            None if self.workload.id.kind.is_batch() => None,
            None => {
                let hours = Decimal::from(self.window.seconds()) / Decimal::from(3600);
                Some(hours * Decimal::from(self.workload.replicas))
            }
        }
    }
}

#[cfg(test)]
#[path = "allocation_tests.rs"]
pub(crate) mod tests;
