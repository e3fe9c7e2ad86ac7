//! What the capacity of a cluster costs, once its nodes are seen: prices by node and by workload, what a change of requests
//! costs, and what of it leaves the bill. Pure; unknown is unknown with the reason, never 0.

use std::collections::BTreeMap;

use kubeopt_cost::{
    MeanReplicas, PodContainer, PoolBill, PricedCluster, Sheets, UnitPrices, UnknownPrice, WhyNothing, bill,
    capacity_cost, mean_prices, node_price, pod_cost, unseen_price, workload_prices,
};
use kubeopt_model::cost::{BillDelta, Money};
use kubeopt_model::recommendation::{Effect, Member, Reason};
use kubeopt_model::{
    Bound, Change, ClusterFacts, ClusterName, Container, ContainerId, ContainerRole, Field, Prices,
    Recommendation, Resources, Workload, WorkloadId,
};

pub use kubeopt_cost::{Provider, Terms};

/// Prices by the name of the node.
pub(crate) type NodePrices = BTreeMap<String, Result<kubeopt_cost::Priced, UnknownPrice>>;

/// The prices of one cluster.
#[derive(Debug, Clone)]
pub struct ClusterPrices {
    terms: Terms,
    pub(crate) nodes: NodePrices,
    /// What stands in where no node can be seen.
    pub(crate) fallback: Option<Prices>,
    workloads: BTreeMap<WorkloadId, Result<UnitPrices, UnknownPrice>>,
    /// The templates of pods with init containers, in their order: what a container costs there depends on the others.
    pods: BTreeMap<WorkloadId, Vec<Container>>,
    /// The mean over the cluster, or why there is none.
    mean: Result<Prices, UnknownPrice>,
}

/// The prices of all clusters that were seen.
pub type PricesByCluster = BTreeMap<ClusterName, ClusterPrices>;

impl ClusterPrices {
    /// Prices the nodes of a cluster.
    pub fn of(facts: &ClusterFacts, terms: &Terms) -> Self {
        let sheets = Sheets::bundled();
        let priced: Vec<_> = facts.nodes.iter().map(|node| (node, node_price(sheets, node, terms))).collect();
        let unseen =
            if facts.nodes.is_empty() { unseen_price(sheets, terms) } else { Err(UnknownPrice::NoNode) };
        let first_unknown = || priced.iter().find_map(|(_, price)| price.as_ref().err().copied());
        let mean = mean_prices(&priced).ok_or_else(|| first_unknown().unwrap_or(UnknownPrice::NoNode));
        let fallback = unseen.ok();
        let mean = mean.or_else(|why| fallback.clone().ok_or(why));
        let nodes: NodePrices = priced.into_iter().map(|(node, price)| (node.name.clone(), price)).collect();
        let nothing = BTreeMap::new();
        let cluster = PricedCluster { facts, prices: &nodes, usage: &nothing, fallback: fallback.as_ref() };
        let workloads =
            workload_prices(&cluster).into_iter().map(|(id, price)| (id.clone(), price)).collect();
        let has_init = |workload: &&Workload| {
            workload.containers.iter().any(|container| container.role == ContainerRole::Init)
        };
        let pods = facts.workloads.iter().filter(has_init);
        let pods = pods.map(|workload| (workload.id.clone(), workload.containers.clone())).collect();
        Self { terms: terms.clone(), nodes, fallback, workloads, pods, mean }
    }

    /// The mean price of the cluster's capacity, where it is known.
    pub(crate) fn mean(&self) -> Option<&Prices> {
        self.mean.as_ref().ok()
    }

    /// Prices what a member requests, before and after.
    fn price(&self, member: &mut Member) {
        let unit = self.workloads.get(&member.container.workload).and_then(|price| price.as_ref().ok());
        let replicas = MeanReplicas::of(&member.usage, member.replicas);
        member.cost =
            unit.and_then(|unit| capacity_cost(*unit, &member.resources, Some(&member.usage), replicas));
    }
}

impl ClusterPrices {
    /// Prices the containers of one pod, which stand as members at these places; the others stay as they are, and of those
    /// the request alone counts.
    fn price_pod(
        &self,
        workload: &WorkloadId,
        places: &[(usize, usize)],
        recommendations: &mut [&mut Recommendation],
    ) {
        let unit = self.workloads.get(workload).and_then(|price| price.as_ref().ok());
        let Some((template, unit)) = self.pods.get(workload).zip(unit) else {
            for (at, index) in places {
                recommendations[*at].members[*index].cost = None;
            }
            return;
        };
        let place_of = |container: &Container| {
            places.iter().copied().find(|(at, index)| {
                recommendations[*at].members[*index].container.container == container.name
            })
        };
        let members: Vec<Option<(usize, usize)>> = template.iter().map(place_of).collect();
        let containers: Vec<PodContainer<'_>> = template
            .iter()
            .zip(&members)
            .map(|(container, place)| {
                let member = place.map(|(at, index)| &recommendations[at].members[index]);
                let unchanged = Change { before: container.resources, after: container.resources };
                PodContainer {
                    name: &container.name,
                    role: container.role,
                    resources: member.map_or(unchanged, |member| member.resources),
                    usage: member.map(|member| &member.usage),
                }
            })
            .collect();
        let lasting = containers.iter().filter(|one| one.role != ContainerRole::Init);
        let usage = lasting.filter_map(|one| one.usage).next();
        let wanted = places.first().map_or(0, |(at, index)| recommendations[*at].members[*index].replicas);
        let replicas = usage.map_or(MeanReplicas::steady(wanted), |usage| MeanReplicas::of(usage, wanted));
        let shares = pod_cost(*unit, &containers, replicas);
        for (place, share) in members.iter().zip(shares) {
            let Some((at, index)) = *place else { continue };
            recommendations[at].members[index].cost = share.cost;
            recommendations[at].reasons.extend(share.notes.into_iter().map(|(resource, text)| Reason {
                rule: POD_REQUEST.to_owned(),
                field: Field { bound: Bound::Request, resource },
                effect: Effect::Note,
                bound: false,
                text,
            }));
        }
    }
}

/// What prices rest on in the clusters of some workloads: of the first that has any, else why it has none. None where no
/// cluster was seen.
pub(crate) fn basis<'a>(
    prices: &'a PricesByCluster,
    clusters: impl IntoIterator<Item = &'a ClusterName>,
) -> Result<&'a Prices, String> {
    let means: Vec<_> =
        clusters.into_iter().filter_map(|name| prices.get(name)).map(|one| &one.mean).collect();
    let known = means.iter().find_map(|mean| mean.as_ref().ok());
    let why = || means.iter().find_map(|mean| mean.as_ref().err()).copied().unwrap_or(UnknownPrice::NoNode);
    known.ok_or_else(|| why().to_string())
}

/// The name under which reasons stand that tell why a pod costs what it does.
const POD_REQUEST: &str = "pod-request";

/// Prices what every member of some recommendations requests, before and after; in a pod with init containers together
/// with what the others of the pod come to request. A member of a cluster that was not seen, or on nodes without a price,
/// has no cost.
pub(crate) fn price(recommendations: &mut [&mut Recommendation], prices: &PricesByCluster) {
    let mut pods: BTreeMap<WorkloadId, Vec<(usize, usize)>> = BTreeMap::new();
    for (at, recommendation) in recommendations.iter_mut().enumerate() {
        recommendation.reasons.retain(|reason| reason.rule != POD_REQUEST);
        for (index, member) in recommendation.members.iter_mut().enumerate() {
            let id = &member.container.workload;
            match prices.get(&id.cluster) {
                Some(cluster) if cluster.pods.contains_key(id) => {
                    pods.entry(id.clone()).or_default().push((at, index));
                }
                Some(cluster) => cluster.price(member),
                None => member.cost = None,
            }
        }
    }
    for (workload, members) in pods {
        if let Some(cluster) = prices.get(&workload.cluster) {
            cluster.price_pod(&workload, &members, recommendations);
        }
    }
}

/// What leaves the bill with these recommendations, all of them together.
pub(crate) fn on_the_bill<'a>(
    recommendations: impl Iterator<Item = &'a Recommendation>,
    clusters: &BTreeMap<ClusterName, ClusterFacts>,
    prices: &PricesByCluster,
) -> BillDelta {
    let mut after: BTreeMap<&ClusterName, BTreeMap<ContainerId, Resources>> = BTreeMap::new();
    for member in recommendations.flat_map(|recommendation| &recommendation.members) {
        let of_cluster = after.entry(&member.container.workload.cluster).or_default();
        of_cluster.insert(member.container.clone(), member.resources.after);
    }
    let mut sum = Sum::default();
    for (name, after) in after {
        match clusters.get(name).zip(prices.get(name)).filter(|(facts, _)| !facts.nodes.is_empty()) {
            Some((facts, prices)) => sum.add(facts, prices, &after),
            None => sum.why.push(format!("no node of cluster {name} could be seen")),
        }
    }
    sum.end()
}

/// Pools of several clusters, added up.
#[derive(Default)]
struct Sum {
    known: Option<Money>,
    nodes: i64,
    why: Vec<String>,
}

impl Sum {
    fn add(
        &mut self,
        facts: &ClusterFacts,
        prices: &ClusterPrices,
        after: &BTreeMap<ContainerId, Resources>,
    ) {
        let bill = bill(facts, &prices.nodes, after, &prices.terms);
        let moves = |pool: &&PoolBill| pool.why != Some(WhyNothing::NothingProposed);
        let mut touched = bill.pools.iter().filter(moves).peekable();
        if touched.peek().is_none() {
            self.known = Some(self.known.unwrap_or_default());
            self.why.push("no pod that it changes runs on a node now".to_owned());
        }
        for pool in touched {
            self.why.extend(pool.sentence());
            let Some(delta) = pool.delta else { continue };
            self.known = Some(self.known.unwrap_or_default() + delta);
            self.nodes += pool.nodes_delta();
        }
    }

    fn end(self) -> BillDelta {
        BillDelta { monthly: self.known, nodes: self.nodes, why: self.why }
    }
}
