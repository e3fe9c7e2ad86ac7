//! One workload decided as the cluster shows it, again and again with one thing changed: what `explain` tells.
//!
//! Pure but for what is handed in. Every answer passes the same rules and guardrails as a proposal.

use std::collections::BTreeMap;

use kubeopt_model::recommendation::{CostTerms, WhatIf};
use kubeopt_model::usage::ContainerPoints;
use kubeopt_model::{
    ContainerId, ContainerUsage, EffectivePolicy, Problem, Reason, RepositoryId, Resource, Resources,
    StatedConfidence, Timestamp, WorkloadId,
};
use kubeopt_policy::Promised;
use kubeopt_recommend::{Evidence, past_days, size, state, what_if};

use super::admitted::Wanted;
use super::decide::Given;
use super::demand::Unit;
use super::governed::Governed;
use super::ground::{Foretold, Ground, demand_of};
use super::wanted::{govern, live_unit, live_units, want, want_one};
use crate::edges::Edges;
use crate::located::Sites;
use crate::orders::AllOrders;
use crate::policy_files::PolicyFiles;
use crate::seen::Seen;

/// What is known of one container, what the rules say of it, and what would change the outcome.
#[derive(Debug, Clone)]
pub struct Weighed {
    /// Which.
    pub container: ContainerId,
    /// What it used; none without a sample.
    pub usage: Option<ContainerUsage>,
    /// What the rules said, in their order; guardrails speak of recommendations only.
    pub reasons: Vec<Reason>,
    /// The terms of values that an explicit cost chose.
    pub terms: Vec<CostTerms>,
    /// What the rule achieved on past days of this container alone: CPU and memory, as far as enough days tell.
    pub confidence: Vec<StatedConfidence>,
    /// What load is foretold.
    pub foretold: Option<kubeopt_model::Foretold>,
    /// What would change the outcome.
    pub what_if: Vec<WhatIf>,
}

impl Edges {
    /// Sizes every container that the cluster shows, without Git, and weighs those of one workload.
    ///
    /// # Errors
    /// When usage history cannot be read.
    pub async fn weigh(
        &self,
        workload: &WorkloadId,
        seen: &Seen,
        now: Timestamp,
        nowhere: &RepositoryId,
    ) -> Result<(Wanted, Vec<Weighed>), Problem> {
        let facts: Vec<_> = seen.clusters.values().collect();
        let no_sites = Sites::default();
        let files = PolicyFiles::read(self.operator_policy.as_ref(), &seen.policies, &no_sites);
        let (governed, _) = govern(live_units(&facts, nowhere), &files);
        let is_own = |each: &&Governed| {
            each.unit.candidates.iter().any(|candidate| &candidate.workload.id == workload)
        };
        let own: Vec<Governed> = governed.iter().filter(is_own).cloned().collect();
        let orders = AllOrders::default();
        let foretold = Foretold::Raised;
        let given = Given { seen, sites: &no_sites, orders: &orders, foretold, now };
        self.on_ground(governed, &given, |governed, ground| {
            (ground.foretell)(&own.iter().map(|each| &each.unit).collect::<Vec<_>>());
            let weighed = own.iter().filter_map(|each| weigh_one(each, ground)).collect();
            (want(governed, ground), weighed)
        })
        .await
    }
}

/// A live unit is one container; none where nothing could be set for it.
fn weigh_one(governed: &Governed, ground: &Ground<'_>) -> Option<Weighed> {
    let policy = &governed.policy;
    let demand = demand_of(&governed.unit, policy, ground).ok()?;
    let evidence = demand.members.into_iter().next()?;
    let sizing = size(&evidence, policy);
    let outcome = |evidence: &Evidence, policy: &EffectivePolicy| {
        outcome(evidence, policy, &governed.unit.repository, ground)
    };
    let past = past_days(&evidence, policy, ground.fleet_at);
    let own = [Resource::Cpu, Resource::Memory].map(|resource| state(past.count(resource), resource, None));
    Some(Weighed {
        container: evidence.id(),
        confidence: own.into_iter().flatten().collect(),
        what_if: what_if(&evidence, policy, &outcome),
        usage: evidence.usage,
        foretold: evidence.foretold,
        reasons: sizing.reasons,
        terms: sizing.terms,
    })
}

/// What the container ends with: as recommended and admitted, else as it stands.
fn outcome(
    evidence: &Evidence,
    policy: &EffectivePolicy,
    repository: &RepositoryId,
    ground: &Ground<'_>,
) -> Resources {
    let unit = live_unit(&evidence.workload, &evidence.container, repository);
    let points: BTreeMap<ContainerId, ContainerPoints> =
        evidence.points.iter().map(|points| (evidence.id(), points.clone())).collect();
    let usage = |_: &ContainerId, _: i64| evidence.usage.clone();
    let earlier = |_: &ContainerId, _: &EffectivePolicy| evidence.earlier.clone();
    let foretold = |_: &ContainerId| evidence.foretold.clone();
    let foretell = |_: &[&Unit]| ();
    let ground = Ground {
        usage: &usage,
        earlier: &earlier,
        points: &points,
        foretold: &foretold,
        foretell: &foretell,
        ..*ground
    };
    match want_one(&unit, policy, &Promised::default(), &ground) {
        Ok(admitted) => admitted
            .recommendation
            .members
            .first()
            .map_or_else(|| evidence.container.resources, |member| member.resources.after),
        Err(_) => evidence.container.resources,
    }
}
