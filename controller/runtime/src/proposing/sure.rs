//! How sure each recommendation is: its rule is asked again for past days, workloads with few of them borrow those of
//! similar ones, and what is less sure than its policy asks for is left alone.
//!
//! Pure. Only what passed every guardrail gets here: past days cost more than the value itself.

use std::collections::BTreeMap;

use kubeopt_forecast::ProfileKind;
use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::{
    ClusterFacts, ClusterName, ContainerId, Field, NoRecommendation, Resource, WorkloadKind,
};
use kubeopt_policy::unsure_value;
use kubeopt_recommend::{OWN_DAYS_MIN, PastCounts, Pool, confidence_of};

use super::admitted::{Admitted, Wanted};
use super::demand::Unit;
use super::ground::{Ground, demand_of};
use super::left::leave_members;
use crate::outlook::profiles;

/// The past days of the containers of one recommendation.
pub(super) struct Record(Vec<OfContainer>);

struct OfContainer {
    container: ContainerId,
    days: PastCounts,
    /// What people gave.
    by_hand: Vec<Field>,
}

impl Record {
    /// Asks the rule of a unit again for each past day.
    pub(super) fn of(unit: &Unit, policy: &EffectivePolicy, ground: &Ground<'_>) -> Self {
        // What was sized a moment ago has a demand.
        let members = demand_of(unit, policy, ground).map_or(Vec::new(), |demand| demand.members);
        let record = members.iter().map(|evidence| OfContainer {
            container: evidence.id(),
            days: ground.kept_pasts.of(evidence, policy, ground.fleet_at),
            by_hand: evidence.given.iter().map(|given| given.field).collect(),
        });
        Self(record.collect())
    }
}

/// Workloads whose days may stand for each other: cluster, kind, and profile of the container.
type Alike = (ClusterName, WorkloadKind, ProfileKind);

/// Pools of CPU and of memory.
type Pools = BTreeMap<Alike, [Pool; 2]>;

/// States the confidence of everything that is admitted, whose records are in the same order, and leaves what is less sure
/// than its policy asks for.
pub(super) fn state_confidence(mut wanted: Wanted, records: &[Record], facts: &[&ClusterFacts]) -> Wanted {
    let kinds = similar(&wanted.admitted, records, facts);
    let pools = pools(records, &kinds);
    for (admitted, record) in wanted.admitted.iter_mut().zip(records) {
        for member in &mut admitted.recommendation.members {
            let own = record.0.iter().find(|own| own.container == member.container);
            let pool = |resource: Resource| {
                let pools = pools.get(&alike(&member.container, &kinds)?)?;
                Some(&pools[place(resource)])
            };
            member.confidence = own.and_then(|own| confidence_of(member, &own.days, &own.by_hand, &pool));
        }
    }
    let Wanted { admitted, mut left, problems } = wanted;
    let mut sure = Vec::new();
    for (admitted, record) in admitted.into_iter().zip(records) {
        match too_unsure(&admitted, record) {
            Some(why) => left.extend(leave_members(&admitted.recommendation, &why)),
            None => sure.push(admitted),
        }
    }
    Wanted { admitted: sure, left, problems }
}

/// Why it is too unsure, if it is. What a person asked for is not: no rule has to be sure of it.
fn too_unsure(admitted: &Admitted, record: &Record) -> Option<NoRecommendation> {
    if record.0.iter().any(|own| !own.by_hand.is_empty()) {
        return None;
    }
    let bound = admitted.recommendation.confidence().map(|stated| stated.lower_bound);
    unsure_value(bound, &admitted.policy).map(|hindrance| NoRecommendation::Refused {
        guardrail: hindrance.guardrail.to_owned(),
        text: hindrance.text,
    })
}

/// The profile of every container, where any needs the days of others; else none, as it would tell nothing.
fn similar(
    admitted: &[Admitted],
    records: &[Record],
    facts: &[&ClusterFacts],
) -> BTreeMap<ContainerId, ProfileKind> {
    let is_short = |own: &OfContainer| RESOURCES.iter().any(|of| own.days.of(*of).days < OWN_DAYS_MIN);
    if !records.iter().flat_map(|record| &record.0).any(is_short) {
        return BTreeMap::new();
    }
    profiles(admitted.iter().flat_map(|admitted| &admitted.recommendation.members), facts)
}

const RESOURCES: [Resource; 2] = [Resource::Cpu, Resource::Memory];

fn place(resource: Resource) -> usize {
    match resource {
        Resource::Cpu => 0,
        Resource::Memory => 1,
    }
}

fn alike(container: &ContainerId, kinds: &BTreeMap<ContainerId, ProfileKind>) -> Option<Alike> {
    let workload = &container.workload;
    Some((workload.cluster.clone(), workload.kind, *kinds.get(container)?))
}

fn pools(records: &[Record], kinds: &BTreeMap<ContainerId, ProfileKind>) -> Pools {
    let mut pools = Pools::new();
    for own in records.iter().flat_map(|record| &record.0) {
        let Some(alike) = alike(&own.container, kinds) else { continue };
        let pools = pools.entry(alike).or_default();
        for resource in RESOURCES {
            pools[place(resource)].add(&own.container.workload, own.days.of(resource));
        }
    }
    pools
}
