//! What sizing rests on beside the units: facts, usage, what people asked for and what was found.

use std::collections::BTreeMap;

use kubeopt_model::gpu::GpuUse;
use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::usage::ContainerPoints;
use kubeopt_model::{Binding, ClusterFacts, ContainerId, ContainerUsage, NoRecommendation, WorkloadId};
use kubeopt_recommend::{Demand, EarlierDays, Fleet, Freeze};

use super::demand::{Candidate, Known, Unit, demand};
use super::filled_in::{PodsOf, filled_in};
use super::kept_pasts::KeptPasts;
use crate::finding::Findings;
use crate::located::Sites;
use crate::orders::AllOrders;
use crate::pricing::PricesByCluster;

/// What sizing a unit needs beside its policy.
pub(crate) struct Ground<'a> {
    /// Facts of all clusters.
    pub(crate) facts: &'a [&'a ClusterFacts],
    /// Their pods.
    pub(crate) pods: &'a PodsOf<'a>,
    /// Usage by container, over the unit's own window.
    pub(crate) usage: &'a (dyn Fn(&ContainerId, i64) -> Option<ContainerUsage> + Sync),
    /// Days before that window, for units whose strategy looks further back: by the window's length and container.
    pub(crate) earlier: &'a (dyn Fn(&ContainerId, &EffectivePolicy) -> Option<EarlierDays> + Sync),
    /// 5-minute points of containers whose policy needs them.
    pub(crate) points: &'a BTreeMap<ContainerId, ContainerPoints>,
    /// What is unusual.
    pub(crate) findings: &'a Findings,
    /// How busy GPUs are.
    pub(crate) gpus: &'a BTreeMap<ContainerId, GpuUse>,
    /// What load is foretold for a container; none before it was asked for.
    pub(crate) foretold: &'a (dyn Fn(&ContainerId) -> Option<kubeopt_model::Foretold> + Sync),
    /// Asks what load is foretold for the containers of units.
    pub(crate) foretell: &'a (dyn Fn(&[&Unit]) + Sync),
    /// Of whom it is asked.
    pub(crate) foretold_of: Foretold,
    /// How large the containers of all clusters are.
    pub(crate) fleet: Option<Fleet>,
    /// How large they were known to be at the start of a day.
    pub(crate) fleet_at: &'a (dyn Fn(i64) -> Option<Fleet> + Sync),
    /// What past days came to in earlier passes.
    pub(crate) kept_pasts: &'a KeptPasts,
    /// Prices by cluster.
    pub(crate) prices: &'a PricesByCluster,
    /// The repositories, where any were asked.
    pub(crate) sites: &'a Sites,
    /// What may be edited.
    pub(crate) bindings: &'a [Binding],
    /// What people asked for.
    pub(crate) orders: &'a AllOrders,
    /// Now, in seconds since the epoch.
    pub(crate) now_unix_s: i64,
}

/// Earlier days by the length of the window that they lie before, and container.
pub(crate) type EarlierByWindow = BTreeMap<i64, BTreeMap<ContainerId, EarlierDays>>;

/// Usage by container and window, for [`Ground::usage`].
pub(crate) type UsageByWindow = BTreeMap<i64, BTreeMap<ContainerId, ContainerUsage>>;

/// Of whom load is foretold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Foretold {
    /// Of those whose policy lets a forecast raise a value.
    Raised,
    /// Of these, and of all that a value is proposed for.
    Proposed,
}

/// The demand of a unit with what is known of its containers.
pub(super) fn demand_of(
    unit: &Unit,
    policy: &EffectivePolicy,
    ground: &Ground<'_>,
) -> Result<Demand, NoRecommendation> {
    let usage = |id: &ContainerId| (ground.usage)(id, policy.sizing.history_seconds);
    let filled_in = |candidate: &Candidate| filled_in(candidate, ground.pods);
    let points = |id: &ContainerId| ground.points.get(id).cloned();
    let earlier = |id: &ContainerId| (ground.earlier)(id, policy);
    let (fleet, filled_in) = (ground.fleet, &filled_in);
    let gpu = |id: &ContainerId| ground.gpus.get(id).cloned();
    let leak = |id: &ContainerId| ground.findings.leak_of(id).cloned();
    let leak = &leak;
    let frozen = freeze_of(unit, policy, ground.orders, ground.now_unix_s);
    // What was given before is what may have been taken back.
    let given = |id: &ContainerId| match &frozen {
        Some(_) => Vec::new(),
        None => ground.orders.given(&unit.repository, id),
    };
    let lessons = |id: &WorkloadId| ground.orders.lessons(&unit.repository, id);
    let (given, lessons) = (&given, &lessons);
    let (usage, earlier, points, gpu) = (&usage, &earlier, &points, &gpu);
    let frozen = frozen.as_ref();
    let foretold = &|id: &ContainerId| (ground.foretold)(id);
    let known =
        Known { usage, earlier, points, gpu, foretold, fleet, filled_in, given, lessons, frozen, leak };
    demand(unit, policy.clone(), &known)
}

/// What keeps the containers of a unit from being lowered: what was taken back for one holds for all that share its scalars.
fn freeze_of(unit: &Unit, policy: &EffectivePolicy, orders: &AllOrders, now_unix_s: i64) -> Option<Freeze> {
    let seconds = policy.watch.freeze_seconds;
    let of = |candidate: &Candidate| orders.frozen(&unit.repository, &candidate.id(), seconds, now_unix_s);
    unit.candidates.iter().filter_map(of).max_by_key(|freeze| freeze.since_unix_s)
}
