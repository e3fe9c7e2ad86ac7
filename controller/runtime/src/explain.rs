//! `explain`: the decision trace of one workload: the data that was used, what each rule said, what bound it, and what
//! would change the outcome.

mod shown;

use std::collections::BTreeMap;
use std::str::FromStr;

use kubeopt_model::recommendation::{CostTerms, Member, WhatIf};
use kubeopt_model::{
    ContainerId, ContainerUsage, Finding, Foretold, ForgeName, Namespace, NoRecommendation, ObjectName,
    Problem, Reason, Recommendation, RepositoryId, StatedConfidence, Timestamp, WorkloadId, WorkloadKind,
};
use serde::Serialize;

use crate::codes;
use crate::edges::Edges;
use crate::outlook::{Outlook, outlooks};
use crate::proposing::{Left, Weighed};

/// `payments/deploy/api`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Namespace.
    pub namespace: Namespace,
    /// Kind.
    pub kind: WorkloadKind,
    /// Name.
    pub name: ObjectName,
}

impl FromStr for Selector {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let read = || {
            let mut parts = text.split('/');
            let namespace = Namespace::new(parts.next()?).ok()?;
            let kind = parts.next()?.parse().ok()?;
            let name = ObjectName::new(parts.next()?).ok()?;
            parts.next().is_none().then_some(Self { namespace, kind, name })
        };
        read().ok_or_else(|| {
            let text = format!("`{}` does not name a workload", text.chars().take(200).collect::<String>());
            Problem::new(
                codes::NO_SUCH_WORKLOAD,
                text,
                "write NAMESPACE/KIND/NAME, such as payments/deploy/api",
            )
        })
    }
}

impl Selector {
    fn means(&self, id: &WorkloadId) -> bool {
        self.namespace == id.namespace && self.kind == id.kind && self.name == id.name
    }
}

/// One container's trace.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedContainer {
    /// Name.
    pub container: String,
    /// The recommendation's part for it.
    pub member: Option<Member>,
    /// What it used; none without a sample. Of a recommendation it is that of its member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<ContainerUsage>,
    /// What its load is like; none where nothing is recommended.
    pub outlook: Option<Outlook>,
    /// What load is foretold; none where history is too short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foretold: Option<Foretold>,
    /// What the rules said, and of a recommendation the guardrails.
    pub reasons: Vec<Reason>,
    /// The terms of values that an explicit cost chose.
    pub terms: Vec<CostTerms>,
    /// What the rule achieved on past days of this container alone, by resource; its recommendation states one confidence.
    pub confidence: Vec<StatedConfidence>,
    /// What would change the outcome: each was computed by deciding again.
    pub what_if: Vec<WhatIf>,
    /// Why nothing is recommended, if so.
    pub why_not: Option<NoRecommendation>,
}

/// The trace of one workload.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// Which.
    pub workload: WorkloadId,
    /// Where its usage comes from, for people.
    pub metrics: String,
    /// Its containers.
    pub containers: Vec<ExplainedContainer>,
    /// What is unusual in its usage, silenced findings among it, the most urgent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What could not be seen.
    pub problems: Vec<Problem>,
}

/// Sizes the workload as the cluster shows it, and keeps what was said.
///
/// # Errors
/// When there is no such workload, or history cannot be read.
pub async fn explain(edges: &Edges, selector: &Selector, now: Timestamp) -> Result<Explained, Problem> {
    let mut seen = edges.observe(now).await;
    let sites = edges.sites_to_find(&seen).await;
    edges.find(&mut seen, &sites, now).await;
    let workload = seen
        .clusters
        .values()
        .flat_map(|facts| &facts.workloads)
        .find(|workload| selector.means(&workload.id))
        .map(|workload| workload.id.clone());
    let Some(workload) = workload else {
        let text =
            format!("there is no {} `{}` in namespace {}", selector.kind, selector.name, selector.namespace);
        let fallback = Problem::new(codes::NO_SUCH_WORKLOAD, text, "list what there is with kubeopt scan");
        return Err(if seen.clusters.is_empty() {
            seen.problems.into_iter().next().unwrap_or(fallback)
        } else {
            fallback
        });
    };
    let nowhere = RepositoryId {
        forge: ForgeName::new("none").expect("a literal that is a name"),
        owner: String::new(),
        name: String::new(),
    };
    let (wanted, weighed) = edges.weigh(&workload, &seen, now, &nowhere).await?;
    let facts: Vec<_> = seen.clusters.values().collect();
    let members = wanted.admitted.iter().flat_map(|admitted| &admitted.recommendation.members);
    let outlooks = outlooks(members, &facts);
    let recommended = wanted
        .admitted
        .iter()
        .flat_map(|admitted| of_recommendation(&admitted.recommendation, &workload, &outlooks));
    let left = wanted.left.iter().flat_map(|left| of_left(left, &workload));
    let mut containers: Vec<ExplainedContainer> = recommended.chain(left).collect();
    for container in &mut containers {
        let own = weighed.iter().find(|weighed| weighed.container.container.as_str() == container.container);
        if let Some(weighed) = own {
            add_weighed(container, weighed);
        }
    }
    containers.sort_by(|a, b| a.container.cmp(&b.container));
    let cluster = edges.clusters.iter().find(|cluster| cluster.name == workload.cluster);
    let metrics = cluster.map_or_else(String::new, |cluster| cluster.metrics_at.clone());
    let own = seen.findings.open.iter().filter(|finding| finding.container.workload == workload);
    let findings = own.cloned().collect();
    Ok(Explained { workload, metrics, containers, findings, problems: seen.problems })
}

fn of_recommendation(
    recommendation: &Recommendation,
    workload: &WorkloadId,
    outlooks: &BTreeMap<ContainerId, Outlook>,
) -> Vec<ExplainedContainer> {
    let own = recommendation.members.iter().filter(|member| &member.container.workload == workload);
    own.map(|member| ExplainedContainer {
        container: member.container.container.to_string(),
        member: Some(member.clone()),
        outlook: outlooks.get(&member.container).cloned(),
        reasons: recommendation.reasons.clone(),
        why_not: None,
        ..ExplainedContainer::default()
    })
    .collect()
}

fn add_weighed(container: &mut ExplainedContainer, weighed: &Weighed) {
    container.terms.clone_from(&weighed.terms);
    container.confidence.clone_from(&weighed.confidence);
    container.what_if.clone_from(&weighed.what_if);
    container.foretold.clone_from(&weighed.foretold);
    if let Some(member) = &mut container.member {
        // It stands once.
        member.foretold = None;
    }
    if container.member.is_none() {
        container.usage.clone_from(&weighed.usage);
        container.reasons.clone_from(&weighed.reasons);
    }
}

fn of_left(left: &Left, workload: &WorkloadId) -> Vec<ExplainedContainer> {
    let own = left.containers.iter().filter(|id| &id.workload == workload);
    own.map(|id| ExplainedContainer {
        container: id.container.to_string(),
        why_not: Some(left.why.clone()),
        ..ExplainedContainer::default()
    })
    .collect()
}
