//! Where each workload runs, as prices see it: the mean over the nodes of its pods. Knows no usage and no sum.

use std::collections::BTreeMap;

use kubeopt_model::cluster::Node;
use kubeopt_model::{Workload, WorkloadId};

use crate::find::{Priced, UnknownPrice};
use crate::nodes::mean_unit;
use crate::price::UnitPrices;
use crate::priced_cluster::PricedCluster;
use crate::sheet::Market;

/// Where a workload runs, as prices see it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// What is paid.
    pub(crate) unit: UnitPrices,
    /// The same before discounts.
    pub(crate) list: UnitPrices,
    /// Region, if all agree.
    pub(crate) region: Option<String>,
    /// All may be taken away.
    pub(crate) spot: bool,
    /// Words and date.
    pub(crate) basis: (String, String),
}

/// The nodes of each workload's pods, and the place that stands for the whole cluster.
pub(crate) struct Places<'a> {
    nodes: BTreeMap<&'a WorkloadId, Vec<&'a Node>>,
    whole: Result<Place, UnknownPrice>,
}

impl<'a> Places<'a> {
    pub(crate) fn of(cluster: &PricedCluster<'a>) -> Self {
        let by_name: BTreeMap<&str, &Node> =
            cluster.facts.nodes.iter().map(|node| (node.name.as_str(), node)).collect();
        let mut nodes: BTreeMap<&WorkloadId, Vec<&Node>> = BTreeMap::new();
        for pod in &cluster.facts.pods {
            let node = pod.node.as_deref().and_then(|name| by_name.get(name).copied());
            if let (Some(workload), Some(node)) = (&pod.workload, node) {
                nodes.entry(workload).or_default().push(node);
            }
        }
        let all: Vec<&Node> = by_name.values().copied().collect();
        let configured = || {
            let prices = cluster.fallback?;
            let unit = UnitPrices::of(prices)?;
            let basis = (prices.basis.clone(), prices.date.clone());
            Some(Place { unit, list: unit, region: None, spot: false, basis })
        };
        let whole = place(&all, cluster.prices, Weight::Capacity);
        let whole = whole.or_else(|why| configured().ok_or(why));
        Self { nodes, whole }
    }

    /// The nodes that its pods run on, each as often as a pod does; without pods the whole cluster.
    pub(crate) fn of_workload(
        &self,
        cluster: &PricedCluster<'_>,
        workload: &Workload,
    ) -> Result<Place, UnknownPrice> {
        match self.nodes.get(&workload.id) {
            Some(on) => place(on, cluster.prices, Weight::Alike),
            None => self.whole.clone(),
        }
    }
}

/// How nodes count towards a mean price.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// By what they have.
    Capacity,
    /// One as much as the other: once for each pod.
    Alike,
}

/// The mean over the nodes whose price is known; else why the first has none.
fn place(
    nodes: &[&Node],
    prices: &BTreeMap<String, Result<Priced, UnknownPrice>>,
    weight: Weight,
) -> Result<Place, UnknownPrice> {
    let first_unknown = || nodes.iter().find_map(|node| prices.get(&node.name)?.as_ref().err().copied());
    mean_place(nodes, prices, weight).ok_or_else(|| first_unknown().unwrap_or(UnknownPrice::NoNode))
}

fn mean_place(
    nodes: &[&Node],
    prices: &BTreeMap<String, Result<Priced, UnknownPrice>>,
    weight: Weight,
) -> Option<Place> {
    let known: Vec<(&Node, &Priced)> =
        nodes.iter().filter_map(|node| Some((*node, prices.get(&node.name)?.as_ref().ok()?))).collect();
    let (first, priced) = *known.first()?;
    let mean = |unit: &dyn Fn(&Priced) -> Option<UnitPrices>| {
        mean_unit(known.iter().filter_map(|(node, priced)| {
            let weighs = if weight == Weight::Alike { first } else { *node };
            Some((unit(priced)?, weighs))
        }))
    };
    let region = first.region.clone().filter(|_| known.iter().all(|(node, _)| node.region == first.region));
    let oldest = known.iter().map(|(_, priced)| priced.date.as_str()).min()?;
    let same = known.iter().all(|(_, other)| other.text == priced.text);
    let text = if same { priced.text.clone() } else { format!("{} and others", priced.text) };
    Some(Place {
        unit: mean(&|priced| Some(priced.unit))?,
        list: mean(&Priced::list_unit)?,
        region,
        spot: known.iter().all(|(_, priced)| priced.market == Market::Spot),
        basis: (text, oldest.to_owned()),
    })
}
