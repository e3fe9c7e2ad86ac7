//! What can leave the bill: whole nodes, by the same packing before and after, jointly over all that is proposed.
//!
//! Pods stay in the pool that they run in, which they evidently tolerate. A node that nobody takes away saves nothing, and a
//! pool that is bound by the other resource keeps its nodes: both are $0 with the reason. Knows no proposal, only values.

use std::collections::BTreeMap;

use kubeopt_model::cluster::{ClusterFacts, Node, Pod};
use kubeopt_model::cost::Money;
use kubeopt_model::{
    Bytes, Change, ContainerId, ContainerRole, MilliCores, Resource, Resources, WorkloadKind,
};
use serde::{Deserialize, Serialize};

use crate::find::{Priced, UnknownPrice};
use crate::nodes::{PoolId, Terms};
use crate::packing::{Reserved, Shape, nodes_needed};
use crate::price::UsdPerHour;

/// Pods of a node that does not say how many it may run: the kubelet's default (`maxPods` 110).
const PODS_DEFAULT: u32 = 110;

/// What fills a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BoundBy {
    /// CPU.
    Cpu,
    /// Memory.
    Memory,
    /// The number of pods.
    Pods,
}

/// What is requested of a pool, in per cent of what pods may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Requested {
    /// Of CPU.
    pub cpu_percent: u64,
    /// Of memory.
    pub memory_percent: u64,
    /// Of the number of pods.
    pub pods_percent: u64,
}

impl Requested {
    /// The fullest of the three.
    pub fn bound_by(self) -> BoundBy {
        let Self { cpu_percent, memory_percent, pods_percent } = self;
        if pods_percent > cpu_percent.max(memory_percent) {
            BoundBy::Pods
        } else if memory_percent > cpu_percent {
            BoundBy::Memory
        } else {
            BoundBy::Cpu
        }
    }
}

/// Why nothing of a pool leaves the bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum WhyNothing {
    /// Nothing is proposed for its pods.
    NothingProposed,
    /// Nothing shows that nodes which are not needed go away.
    NotAutoscaled,
    /// What is freed is not what fills the nodes.
    BoundBy {
        /// What fills them.
        by: BoundBy,
    },
    /// It is less than a node.
    LessThanANode,
    /// Nothing is freed: what is added fits into what its nodes have left.
    FromHeadroom,
    /// A pod is larger than the smallest node of the pool, so the packing says nothing.
    DoesNotFit,
    /// The price of its nodes is unknown.
    Unpriced {
        /// Why.
        why: UnknownPrice,
    },
}

/// One pool before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolBill {
    /// Which.
    pub pool: PoolId,
    /// Nodes that are there.
    pub nodes: usize,
    /// What they cost a month; none where it is unknown.
    pub month: Option<Money>,
    /// What is requested now.
    pub requested: Requested,
    /// Nodes that its pods need by the packing, before and after; none where a pod does not fit.
    pub needed: Option<Change<usize>>,
    /// What leaves the bill a month (negative) or comes on it; none where it is unknown.
    pub delta: Option<Money>,
    /// Why it is $0 or unknown.
    pub why: Option<WhyNothing>,
}

impl PoolBill {
    /// Nodes that come (positive) or go with what is on the bill; 0 where nothing is, or it is unknown.
    pub fn nodes_delta(&self) -> i64 {
        let Some(needed) = self.needed.filter(|_| self.why.is_none()) else { return 0 };
        let count = |nodes: usize| i64::try_from(nodes).unwrap_or(i64::MAX);
        if needed.after < needed.before {
            -count((needed.before - needed.after).min(self.nodes))
        } else {
            count(needed.after - needed.before)
        }
    }

    /// Why nothing leaves, as a sentence without a full stop.
    pub fn sentence(&self) -> Option<String> {
        let Requested { cpu_percent, memory_percent, pods_percent } = self.requested;
        Some(match self.why? {
            WhyNothing::NothingProposed => {
                format!("node pool `{}`: nothing is proposed for its pods", self.pool)
            }
            WhyNothing::NotAutoscaled => format!(
                "node pool `{}`: nothing shows that it is autoscaled, so what is freed stays as headroom",
                self.pool
            ),
            WhyNothing::BoundBy { by: BoundBy::Memory } => format!(
                "node pool `{}` is memory-bound ({memory_percent} % of memory, {cpu_percent} % of CPU requested), so freed CPU does not remove a node",
                self.pool
            ),
            WhyNothing::BoundBy { by: BoundBy::Cpu } => format!(
                "node pool `{}` is CPU-bound ({cpu_percent} % of CPU, {memory_percent} % of memory requested), so freed memory does not remove a node",
                self.pool
            ),
            WhyNothing::BoundBy { by: BoundBy::Pods } => format!(
                "node pool `{}` is bound by the number of pods ({pods_percent} % of what its nodes may run)",
                self.pool
            ),
            WhyNothing::LessThanANode => {
                format!("node pool `{}`: what is freed is less than a node", self.pool)
            }
            WhyNothing::FromHeadroom => {
                format!("node pool `{}`: what is added fits into what its nodes have left", self.pool)
            }
            WhyNothing::DoesNotFit => format!(
                "node pool `{}`: a pod is larger than its smallest node, so it cannot be packed",
                self.pool
            ),
            WhyNothing::Unpriced { why } => format!("node pool `{}`: {why}", self.pool),
        })
    }
}

/// What leaves the bill of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bill {
    /// By pool.
    pub pools: Vec<PoolBill>,
    /// The sum over pools whose price is known, to the cent: negative saves.
    pub delta: Money,
    /// Pools that the sum leaves out because something of them is unknown.
    pub unknown_pools: usize,
}

/// Packs every pool before and after. `after` holds the resources of the containers that change, of all open proposals
/// together: savings do not add up, so they are packed jointly.
pub fn bill(
    facts: &ClusterFacts,
    prices: &BTreeMap<String, Result<Priced, UnknownPrice>>,
    after: &BTreeMap<ContainerId, Resources>,
    terms: &Terms,
) -> Bill {
    let mut pools: BTreeMap<PoolId, Vec<&Node>> = BTreeMap::new();
    for node in &facts.nodes {
        pools.entry(PoolId::of(node)).or_default().push(node);
    }
    let scaled = has_autoscaler(facts);
    let pods = PodsByNode::of(facts, after);
    let pools: Vec<PoolBill> = pools
        .into_iter()
        .map(|(id, nodes)| {
            let autoscaled = is_autoscaled(&id, &nodes, scaled, terms);
            pool_bill(id, &nodes, &pods, prices, autoscaled)
        })
        .collect();
    let delta = pools.iter().filter_map(|pool| pool.delta).sum();
    let unknown_pools = pools.iter().filter(|pool| pool.delta.is_none()).count();
    Bill { pools, delta, unknown_pools }
}

/// The cluster autoscaler runs in the cluster; managed ones do not show.
fn has_autoscaler(facts: &ClusterFacts) -> bool {
    facts.workloads.iter().any(|workload| workload.id.name.as_str().contains("cluster-autoscaler"))
}

fn is_autoscaled(id: &PoolId, nodes: &[&Node], cluster: bool, terms: &Terms) -> bool {
    let said = terms.pools.get(&id.name).and_then(|pool| pool.autoscaled);
    let karpenter = nodes.iter().all(|node| node.machine.labels.contains_key("karpenter.sh/nodepool"));
    said.unwrap_or(karpenter || cluster)
}

fn pool_bill(
    pool: PoolId,
    nodes: &[&Node],
    pods: &PodsByNode,
    prices: &BTreeMap<String, Result<Priced, UnknownPrice>>,
    autoscaled: bool,
) -> PoolBill {
    let sides = pods.of_pool(nodes);
    let requested = requested(nodes, &sides.before);
    let price = lowest_price(nodes, prices);
    let month = total_month(nodes, prices);
    let needed = needed(nodes, &sides);
    let mut result =
        PoolBill { pool, nodes: nodes.len(), month, requested, needed, delta: Some(Money::ZERO), why: None };
    let unchanged = sides.before == sides.after;
    let more =
        frees_nothing(&sides) && needed.is_some_and(|needed| needed.after <= nodes.len().max(needed.before));
    let (delta, why) = match (unchanged, autoscaled, needed, price) {
        (true, ..) => (Some(Money::ZERO), Some(WhyNothing::NothingProposed)),
        (_, _, None, _) => (None, Some(WhyNothing::DoesNotFit)),
        (_, false, Some(_), _) if more => (Some(Money::ZERO), Some(WhyNothing::FromHeadroom)),
        (_, false, Some(_), _) => (Some(Money::ZERO), Some(WhyNothing::NotAutoscaled)),
        (_, true, Some(needed), _) if more && needed.before == needed.after => {
            (Some(Money::ZERO), Some(WhyNothing::FromHeadroom))
        }
        (_, true, Some(needed), _) if needed.before == needed.after => {
            (Some(Money::ZERO), Some(why_no_node(&sides, requested)))
        }
        (_, true, Some(_), Err(why)) => (None, Some(WhyNothing::Unpriced { why })),
        (_, true, Some(needed), Ok(price)) => (Some(priced_delta(needed, nodes.len(), price)), None),
    };
    result.delta = delta;
    result.why = why;
    result
}

/// Nodes that come or go, at the lowest price of the pool; no more can go than are there.
fn priced_delta(needed: Change<usize>, there: usize, price: UsdPerHour) -> Money {
    let each = price.month().to_cents();
    let times = |count: usize| (0..count).map(|_| each).sum::<Money>();
    if needed.after < needed.before {
        -times((needed.before - needed.after).min(there))
    } else {
        times(needed.after - needed.before)
    }
}

/// What all pods reserve, before and after.
fn totals(sides: &Change<Vec<PodLoad>>) -> (Reserved, Reserved) {
    let sum = |side: &[PodLoad]| side.iter().map(|pod| pod.reserved).sum::<Reserved>();
    (sum(&sides.before), sum(&sides.after))
}

fn frees_nothing(sides: &Change<Vec<PodLoad>>) -> bool {
    let (before, after) = totals(sides);
    after.cpu >= before.cpu && after.memory >= before.memory
}

fn why_no_node(sides: &Change<Vec<PodLoad>>, requested: Requested) -> WhyNothing {
    let (before, after) = totals(sides);
    let by = requested.bound_by();
    let frees = match by {
        BoundBy::Cpu => after.cpu < before.cpu,
        BoundBy::Memory => after.memory < before.memory,
        BoundBy::Pods => false,
    };
    if frees { WhyNothing::LessThanANode } else { WhyNothing::BoundBy { by } }
}

fn requested(nodes: &[&Node], before: &[PodLoad]) -> Requested {
    let percent = |part: u128, whole: u128| u64::try_from(part * 100 / whole.max(1)).unwrap_or(u64::MAX);
    let room = |of: &dyn Fn(&Node) -> u64| nodes.iter().map(|node| u128::from(of(node))).sum::<u128>();
    let used = |of: &dyn Fn(&PodLoad) -> u64| before.iter().map(|pod| u128::from(of(pod))).sum::<u128>();
    Requested {
        cpu_percent: percent(used(&|pod| pod.reserved.cpu.0), room(&|node| node.allocatable_cpu.0)),
        memory_percent: percent(used(&|pod| pod.reserved.memory.0), room(&|node| node.allocatable_memory.0)),
        pods_percent: percent(before.len() as u128, room(&|node| u64::from(slots(node)))),
    }
}

fn slots(node: &Node) -> u32 {
    node.machine.pods.unwrap_or(PODS_DEFAULT)
}

fn lowest_price(
    nodes: &[&Node],
    prices: &BTreeMap<String, Result<Priced, UnknownPrice>>,
) -> Result<UsdPerHour, UnknownPrice> {
    let mut lowest: Option<UsdPerHour> = None;
    for node in nodes {
        match prices.get(&node.name) {
            Some(Ok(priced)) => lowest = Some(lowest.map_or(priced.hourly, |low| low.min(priced.hourly))),
            Some(Err(why)) => return Err(*why),
            None => return Err(UnknownPrice::Provider),
        }
    }
    lowest.ok_or(UnknownPrice::Provider)
}

fn total_month(nodes: &[&Node], prices: &BTreeMap<String, Result<Priced, UnknownPrice>>) -> Option<Money> {
    nodes
        .iter()
        .map(|node| Some(prices.get(&node.name)?.as_ref().ok()?.hourly.month().to_cents()))
        .try_fold(Money::ZERO, |sum, month| Some(sum + month?))
}

/// Nodes that the pods of a pool need. Where no pod grew, what held before holds after, so a packing that happens to come
/// out worse does not count.
fn needed(nodes: &[&Node], sides: &Change<Vec<PodLoad>>) -> Option<Change<usize>> {
    let smallest = smallest(nodes)?;
    let side = |pods: &[PodLoad]| {
        let (daemons, others): (Vec<&PodLoad>, Vec<&PodLoad>) = pods.iter().partition(|pod| pod.daemon);
        let mut by_node: BTreeMap<&str, (Reserved, u32)> = BTreeMap::new();
        for pod in daemons {
            let share = by_node.entry(&pod.node).or_default();
            *share = (share.0 + pod.reserved, share.1 + 1);
        }
        let cpu = by_node.values().map(|(sum, _)| sum.cpu).max().unwrap_or_default();
        let memory = by_node.values().map(|(sum, _)| sum.memory).max().unwrap_or_default();
        let count = by_node.values().map(|(_, count)| *count).max().unwrap_or_default();
        let reserved: Vec<Reserved> = others.iter().map(|pod| pod.reserved).collect();
        nodes_needed(smallest.less(Reserved { cpu, memory }, count)?, &reserved)
    };
    let (before, after) = (side(&sides.before)?, side(&sides.after)?);
    let none_grew = sides.before.iter().zip(&sides.after).all(|(before, after)| {
        after.reserved.cpu <= before.reserved.cpu && after.reserved.memory <= before.reserved.memory
    });
    Some(Change { before, after: if none_grew { after.min(before) } else { after } })
}

fn smallest(nodes: &[&Node]) -> Option<Shape> {
    let cpu = nodes.iter().map(|node| node.allocatable_cpu).min()?;
    let memory = nodes.iter().map(|node| node.allocatable_memory).min()?;
    Some(Shape { room: Reserved { cpu, memory }, pods: nodes.iter().map(|node| slots(node)).min()? })
}

/// What one pod reserves on its node.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PodLoad {
    node: String,
    daemon: bool,
    reserved: Reserved,
}

/// Pods by their node, before and after, in the same order.
struct PodsByNode {
    by_node: BTreeMap<String, Change<Vec<PodLoad>>>,
}

impl PodsByNode {
    fn of(facts: &ClusterFacts, after: &BTreeMap<ContainerId, Resources>) -> Self {
        let kinds: BTreeMap<_, _> = facts.workloads.iter().map(|workload| (&workload.id, workload)).collect();
        let mut by_node: BTreeMap<String, Change<Vec<PodLoad>>> = BTreeMap::new();
        for pod in facts.pods.iter().filter(|pod| !is_over(pod)) {
            let Some(node) = &pod.node else { continue };
            let workload = pod.workload.as_ref().and_then(|id| kinds.get(id));
            let role = |name: &kubeopt_model::ContainerName| {
                workload
                    .and_then(|workload| workload.container(name))
                    .map_or(ContainerRole::Main, |one| one.role)
            };
            let load = |changed: bool| {
                let containers = pod.running.iter().map(|(name, now)| {
                    let id = pod
                        .workload
                        .as_ref()
                        .map(|workload| ContainerId { workload: workload.clone(), container: name.clone() });
                    let new = id.and_then(|id| after.get(&id)).filter(|_| changed);
                    (role(name), *new.unwrap_or(now))
                });
                PodLoad { node: node.clone(), daemon: is_daemon(pod), reserved: pod_reserves(containers) }
            };
            let sides = by_node
                .entry(node.clone())
                .or_insert_with(|| Change { before: Vec::new(), after: Vec::new() });
            sides.before.push(load(false));
            sides.after.push(load(true));
        }
        Self { by_node }
    }

    fn of_pool(&self, nodes: &[&Node]) -> Change<Vec<PodLoad>> {
        let sides = || nodes.iter().filter_map(|node| self.by_node.get(&node.name));
        Change {
            before: sides().flat_map(|sides| sides.before.iter().cloned()).collect(),
            after: sides().flat_map(|sides| sides.after.iter().cloned()).collect(),
        }
    }
}

/// A pod of a Job, or of nobody, that is not ready has ended or not begun: it reserves nothing.
fn is_over(pod: &Pod) -> bool {
    !pod.ready && pod.workload.as_ref().is_none_or(|id| id.kind.is_batch())
}

fn is_daemon(pod: &Pod) -> bool {
    pod.workload.as_ref().is_some_and(|id| id.kind == WorkloadKind::DaemonSet)
}

/// What the scheduler reserves for a pod: the larger of all that run together, and of each init container with the
/// sidecars that started before it.
pub fn pod_reserves(containers: impl Iterator<Item = (ContainerRole, Resources)>) -> Reserved {
    let of = |resources: &Resources, resource| {
        resources.effective_request(resource).map_or(0, |amount| amount.base())
    };
    let (mut together, mut sidecars, mut starting) =
        (Reserved::default(), Reserved::default(), Reserved::default());
    for (role, resources) in containers {
        let own = Reserved {
            cpu: MilliCores(of(&resources, Resource::Cpu)),
            memory: Bytes(of(&resources, Resource::Memory)),
        };
        match role {
            ContainerRole::Main => together = together + own,
            ContainerRole::Sidecar => (together, sidecars) = (together + own, sidecars + own),
            ContainerRole::Init => {
                let peak = sidecars + own;
                starting =
                    Reserved { cpu: starting.cpu.max(peak.cpu), memory: starting.memory.max(peak.memory) };
            }
        }
    }
    Reserved { cpu: together.cpu.max(starting.cpu), memory: together.memory.max(starting.memory) }
}

#[cfg(test)]
#[path = "bill_tests.rs"]
pub(crate) mod tests;
