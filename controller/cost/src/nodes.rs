//! Nodes as machines that are paid for: whose they are, how they are bought, in which pool, at what price.
//!
//! Reads labels and provider ids of `model`'s nodes, and what the operator said of his prices; asks nobody.

use kubeopt_model::Prices;
use kubeopt_model::cluster::{Node, NodeMachine, TaintEffect};
use kubeopt_model::{Bytes, MilliCores};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

pub use crate::terms::{PoolTerms, Terms};

use crate::find::{Machine, Priced, UnknownPrice, list_price};
use crate::gpu::gpu_list_price;
use crate::own::{file_price, has_gpu, machine_price, own_price};
use crate::price::{UnitPrices, UsdPerCoreHour, UsdPerGibHour};
use crate::sheet::{Market, Provider, Sheets};

/// Labels that name a node's pool, the first that is there counts.
const POOL_LABELS: [&str; 6] = [
    "karpenter.sh/nodepool",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool",
    "agentpool",
];

/// Labels that say that a node may be taken away, with the value that says so.
const SPOT_LABELS: [(&str, &str); 5] = [
    ("karpenter.sh/capacity-type", "spot"),
    ("eks.amazonaws.com/capacityType", "SPOT"),
    ("cloud.google.com/gke-spot", "true"),
    ("cloud.google.com/gke-preemptible", "true"),
    ("kubernetes.azure.com/scalesetpriority", "spot"),
];

/// Schemes of provider ids of machines of one's own; a cloud that no sheet is of is not among them.
const OWN_SCHEMES: [&str; 9] =
    ["kind", "k3s", "k3d", "minikube", "vsphere", "metal3", "openstack", "proxmox", "libvirt"];

/// Which nodes are alike: they are packed together, and one can stand for another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolId {
    /// Name of the pool; the instance type where no label names one.
    pub name: String,
    /// Instance type.
    pub instance_type: Option<String>,
    /// How it is bought.
    pub market: Market,
    /// Taints that keep pods away, as `key=value:Effect`, sorted.
    pub taints: Vec<String>,
}

impl PoolId {
    /// The pool of a node.
    pub fn of(node: &Node) -> Self {
        let label = POOL_LABELS.iter().find_map(|label| node.machine.labels.get(*label));
        let name = label.or(node.instance_type.as_ref()).map_or("default", String::as_str);
        let hard = node.machine.taints.iter().filter(|taint| taint.effect != TaintEffect::PreferNoSchedule);
        let mut taints: Vec<String> = hard.map(ToString::to_string).collect();
        taints.sort();
        Self {
            name: name.to_owned(),
            instance_type: node.instance_type.clone(),
            market: market(&node.machine),
            taints,
        }
    }
}

impl std::fmt::Display for PoolId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        match &self.instance_type {
            Some(instance_type) if *instance_type != self.name => write!(f, " ({instance_type})"),
            Some(_) | None => Ok(()),
        }
    }
}

/// How a node is bought.
pub fn market(machine: &NodeMachine) -> Market {
    let says = |(label, value): &(&str, &str)| machine.labels.get(*label).is_some_and(|have| have == value);
    if SPOT_LABELS.iter().any(says) { Market::Spot } else { Market::OnDemand }
}

/// Whose machine a node is, from the scheme of its provider id. None for a cloud that no sheet is of.
pub fn provider(machine: &NodeMachine) -> Option<Provider> {
    let Some(id) = &machine.provider_id else { return Some(Provider::OnPrem) };
    match id.split_once("://").map_or(id.as_str(), |(scheme, _)| scheme) {
        "aws" => Some(Provider::Aws),
        "gce" => Some(Provider::Gcp),
        "azure" => Some(Provider::Azure),
        scheme => OWN_SCHEMES.contains(&scheme).then_some(Provider::OnPrem),
    }
}

/// What a node costs.
///
/// # Errors
/// [`UnknownPrice`], with what would cure it.
pub fn node_price(sheets: &Sheets, node: &Node, terms: &Terms) -> Result<Priced, UnknownPrice> {
    let machine = machine(node, terms);
    let pool = terms.pools.get(&PoolId::of(node).name).copied().unwrap_or_default();
    if let Some(price) = file_price(terms, &machine) {
        return machine_price(sheets, price, &machine, has_gpu(node, &machine), terms);
    }
    if let Some(unit) = terms.own {
        let priced = own_price(unit, &machine, terms)?;
        return priced.less(pool.discount.unwrap_or(terms.discount)).ok_or(UnknownPrice::Size);
    }
    let list = if has_gpu(node, &machine) { gpu_list_price } else { list_price };
    match (machine.market, pool.discount) {
        // A discount of a spot pool says how much cheaper it is than on demand.
        (_, Some(discount)) => {
            let on_demand = Machine { market: Market::OnDemand, ..machine };
            list(sheets, &on_demand)?.less(discount).ok_or(UnknownPrice::Size)
        }
        (Market::Spot, None) => list(sheets, &machine),
        (Market::OnDemand, None) => list(sheets, &machine)?.less(terms.discount).ok_or(UnknownPrice::Size),
    }
}

fn machine(node: &Node, terms: &Terms) -> Machine {
    let told = provider(&node.machine);
    let provider = match (&node.machine.provider_id, terms.provider) {
        // A node without a provider id may be anyone's: then the operator's word counts.
        (None, Some(said)) => Some(said),
        _ => told.or(terms.provider),
    };
    Machine {
        provider,
        region: node.region.clone().or_else(|| terms.region.clone()),
        instance_type: node.instance_type.clone(),
        market: market(&node.machine),
        cores: node.machine.capacity.cpu.unwrap_or(node.allocatable_cpu),
        memory: node.machine.capacity.memory.unwrap_or(node.allocatable_memory),
    }
}

/// The mean price of a core and of a GiB over nodes, each weighted by what it has; nodes without a price are left out and
/// counted in the basis. None where no node has a price. The date is the oldest.
pub fn mean_prices(priced: &[(&Node, Result<Priced, UnknownPrice>)]) -> Option<Prices> {
    let known: Vec<(&Node, &Priced)> =
        priced.iter().filter_map(|(node, price)| Some((*node, price.as_ref().ok()?))).collect();
    let unit = mean_unit(known.iter().map(|(node, price)| (price.unit, *node)))?;
    let mut texts: Vec<&str> = known.iter().map(|(_, price)| price.text.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    let others = if texts.len() > 1 { format!(" and {} others", texts.len() - 1) } else { String::new() };
    let missing = priced.len() - known.len();
    let gap = if missing > 0 { format!(", {missing} nodes unpriced") } else { String::new() };
    Some(Prices {
        usd_per_core_hour: unit.core.usd(),
        usd_per_gib_hour: unit.gib.usd(),
        basis: format!("{}{others}{gap}", texts.first()?),
        date: known.iter().map(|(_, price)| price.date.as_str()).min()?.to_owned(),
    })
}

/// The mean of unit prices, weighted by cores and memory of the nodes that they are of.
pub fn mean_unit<'a>(prices: impl Iterator<Item = (UnitPrices, &'a Node)>) -> Option<UnitPrices> {
    let (mut core, mut gib) = (Decimal::ZERO, Decimal::ZERO);
    let (mut cores, mut bytes) = (Decimal::ZERO, Decimal::ZERO);
    for (unit, node) in prices {
        let (MilliCores(cpu), Bytes(memory)) = (node.allocatable_cpu, node.allocatable_memory);
        core += unit.core.usd() * Decimal::from(cpu);
        gib += unit.gib.usd() * Decimal::from(memory);
        cores += Decimal::from(cpu);
        bytes += Decimal::from(memory);
    }
    if cores.is_zero() || bytes.is_zero() {
        return None;
    }
    Some(UnitPrices {
        core: UsdPerCoreHour::new((core / cores).round_dp(9))?,
        gib: UsdPerGibHour::new((gib / bytes).round_dp(9))?,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use kubeopt_model::cluster::Taint;
    use kubeopt_model::quantity::GIB;
    use kubeopt_model::workload::ResourceList;

    use super::*;
    use crate::find::Basis;
    use crate::price::Discount;

    /// An m5.large of us-east-1 whose pods may use all of it.
    pub(crate) fn m5_large(name: &str, labels: &[(&str, &str)]) -> Node {
        Node {
            name: name.to_owned(),
            instance_type: Some("m5.large".to_owned()),
            region: Some("us-east-1".to_owned()),
            allocatable_cpu: MilliCores(2000),
            allocatable_memory: Bytes(8 * GIB),
            schedulable: true,
            machine: NodeMachine {
                provider_id: Some(format!("aws:///us-east-1a/{name}")),
                labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
                taints: Vec::new(),
                capacity: ResourceList { cpu: Some(MilliCores(2000)), memory: Some(Bytes(8 * GIB)) },
                pods: Some(29),
            },
        }
    }

    fn price(node: &Node, terms: &Terms) -> Priced {
        node_price(Sheets::bundled(), node, terms).unwrap()
    }

    #[test]
    fn each_cloud_s_labels_tell_spot_and_pool() {
        for (label, value, spot) in [
            ("karpenter.sh/capacity-type", "spot", true),
            ("karpenter.sh/capacity-type", "on-demand", false),
            ("eks.amazonaws.com/capacityType", "SPOT", true),
            ("cloud.google.com/gke-spot", "true", true),
            ("kubernetes.azure.com/scalesetpriority", "spot", true),
        ] {
            let node = m5_large("n", &[(label, value)]);
            assert_eq!(market(&node.machine) == Market::Spot, spot, "{label}={value}");
        }
        let named = m5_large("n", &[("cloud.google.com/gke-nodepool", "web")]);
        assert_eq!(PoolId::of(&named).to_string(), "web (m5.large)");
        assert_eq!(PoolId::of(&m5_large("n", &[])).to_string(), "m5.large");
    }

    #[test]
    fn the_scheme_of_the_provider_id_tells_whose_it_is() {
        for (id, provider_is) in [
            (Some("aws:///us-east-1a/i-1"), Some(Provider::Aws)),
            (Some("gce://project/zone/vm"), Some(Provider::Gcp)),
            (Some("azure:///subscriptions/x"), Some(Provider::Azure)),
            (Some("kind://docker/kind/n"), Some(Provider::OnPrem)),
            (None, Some(Provider::OnPrem)),
            (Some("digitalocean://1"), None),
        ] {
            let machine = NodeMachine { provider_id: id.map(str::to_owned), ..NodeMachine::default() };
            assert_eq!(provider(&machine), provider_is, "{id:?}");
        }
    }

    #[test]
    fn the_operator_s_word_goes_before_the_sheet() {
        let node = m5_large("n", &[("karpenter.sh/nodepool", "web")]);
        let own = UnitPrices {
            core: UsdPerCoreHour::new("0.01".parse().unwrap()).unwrap(),
            gib: UsdPerGibHour::new("0.001".parse().unwrap()).unwrap(),
        };
        let configured = price(&node, &Terms { own: Some(own), ..Terms::default() });
        assert_eq!(
            (configured.basis, configured.hourly.usd().to_string()),
            (Basis::Configured, "0.028".to_owned())
        );
        let half = Discount::new("0.5".parse().unwrap()).unwrap();
        let pools =
            BTreeMap::from([("web".to_owned(), PoolTerms { discount: Some(half), autoscaled: None })]);
        assert_eq!(price(&node, &Terms { pools, ..Terms::default() }).hourly.usd().to_string(), "0.048");
    }

    #[test]
    fn a_general_discount_is_not_taken_off_spot_but_one_of_its_pool_is() {
        let half = Discount::new("0.5".parse().unwrap()).unwrap();
        let spot = m5_large("n", &[("karpenter.sh/nodepool", "web"), ("karpenter.sh/capacity-type", "spot")]);
        let general = Terms { discount: half, ..Terms::default() };
        assert_eq!(price(&spot, &general).unit.core.usd().to_string(), "0.006655");
        let pools =
            BTreeMap::from([("web".to_owned(), PoolTerms { discount: Some(half), autoscaled: None })]);
        assert_eq!(price(&spot, &Terms { pools, ..Terms::default() }).hourly.usd().to_string(), "0.048");
    }

    #[test]
    fn a_cloud_without_a_sheet_is_unknown_until_the_operator_says_whose() {
        let mut node = m5_large("n", &[]);
        node.machine.provider_id = Some("digitalocean://1".to_owned());
        assert_eq!(node_price(Sheets::bundled(), &node, &Terms::default()), Err(UnknownPrice::Provider));
        let said = Terms { provider: Some(Provider::Aws), ..Terms::default() };
        assert_eq!(price(&node, &said).basis, Basis::InstanceType);
    }

    #[test]
    fn the_mean_price_counts_the_nodes_that_have_none() {
        let (known, mut stray) = (m5_large("a", &[]), m5_large("b", &[]));
        stray.machine.provider_id = Some("digitalocean://1".to_owned());
        let priced: Vec<_> = [&known, &stray]
            .map(|node| (node, node_price(Sheets::bundled(), node, &Terms::default())))
            .into();
        let mean = mean_prices(&priced).unwrap();
        assert_eq!(mean.basis, "aws us-east-1 m5.large list, 1 nodes unpriced");
        let whole = mean.usd_per_core_hour * Decimal::TWO + mean.usd_per_gib_hour * Decimal::from(8);
        assert_eq!(whole.round_dp(6).to_string(), "0.096000");
        assert_eq!(mean_prices(&priced[1..]), None);
    }

    #[test]
    fn nodes_with_other_taints_are_another_pool() {
        let plain = m5_large("a", &[]);
        let mut tainted = m5_large("b", &[]);
        let taint = |effect| Taint { key: "gpu".to_owned(), value: "yes".to_owned(), effect };
        tainted.machine.taints = vec![taint(TaintEffect::PreferNoSchedule)];
        assert_eq!(PoolId::of(&plain), PoolId::of(&tainted));
        tainted.machine.taints = vec![taint(TaintEffect::NoSchedule)];
        assert_ne!(PoolId::of(&plain), PoolId::of(&tainted));
        assert_eq!(PoolId::of(&tainted).taints, ["gpu=yes:NoSchedule"]);
    }
}
