//! `costs` and `savings`: what the cost crate is given, and what it answers. Writes nothing outside of history.

use std::collections::BTreeMap;

use kubeopt_cost::{
    MergedRequest, PricedCluster, Today, allocate, estimate_savings, requests_month, workload_prices,
};
use kubeopt_forge::PullRequestState;
use kubeopt_history::{PullRequestRecord, RecordedState};
use kubeopt_model::pull_request::{MarkedRequest, Marker, ONBOARDING};
use kubeopt_model::{
    ClusterName, ContainerId, ContainerUsage, Problem, RepositoryId, Timestamp, Window, Workload, WorkloadId,
};

use crate::edges::Edges;
use crate::pricing::NodePrices;
use crate::publishing::{own_pull_requests, selector};
use crate::seen::Seen;

pub use kubeopt_cost::{
    Aggregate, CostReport, CostRow, SavingsReport, SavingsRow, WordError, focus_csv, read_aggregates,
    read_since, read_window, table_csv,
};

/// The label that the chart gives to kubeopt's own workloads, with its value.
const OWN_LABEL: (&str, &str) = ("app.kubernetes.io/name", "kubeopt");

/// Usage that stands for a workload's present, in seconds: what a savings estimate is made over.
const PRESENT_S: i64 = 28 * 86_400;

/// Usage is kept by the hour, so less than an hour is not read.
const LEAST_S: i64 = 3600;

/// An answer with what could not be seen on the way.
#[derive(Debug)]
pub struct Answer<T> {
    /// The numbers.
    pub report: T,
    /// What could not be seen.
    pub problems: Vec<Problem>,
}

/// What capacity cost over a window, by `aggregates`.
///
/// # Errors
/// When no cluster can be reached, or history cannot be read.
pub async fn costs(
    edges: &mut Edges,
    window: Window,
    aggregates: &[Aggregate],
    now: Timestamp,
) -> Result<Answer<CostReport>, Problem> {
    edges.history_seconds = (now.as_second() - window.from_unix_s).max(LEAST_S);
    let known = Known::of(edges, window, now).await?;
    let report = allocate(&known.clusters(), window, aggregates, now);
    Ok(Answer { report, problems: known.seen.problems })
}

/// What pull requests that were merged since a time save, estimated.
///
/// # Errors
/// When no cluster can be reached, or the journal or history cannot be read.
pub async fn savings(
    edges: &mut Edges,
    since: Timestamp,
    now: Timestamp,
) -> Result<Answer<SavingsReport>, Problem> {
    edges.history_seconds = PRESENT_S;
    let mut known = Known::of(edges, Window::ending(now, PRESENT_S), now).await?;
    let (merged, problems) = edges.merged_requests(since).await?;
    known.seen.problems.extend(problems);
    let clusters = known.clusters();
    let today: BTreeMap<ContainerId, Today<'_>> = clusters.iter().flat_map(today_of).collect();
    let report = estimate_savings(&merged, &today, own_month(&clusters), since, now);
    drop(today);
    Ok(Answer { report, problems: known.seen.problems })
}

fn today_of<'a>(cluster: &PricedCluster<'a>) -> Vec<(ContainerId, Today<'a>)> {
    let prices = workload_prices(cluster);
    let containers = cluster.facts.workloads.iter().flat_map(|workload| {
        workload.containers.iter().enumerate().map(move |(at, one)| (workload, at, one))
    });
    containers
        .map(|(workload, place, container)| {
            let id = ContainerId { workload: workload.id.clone(), container: container.name.clone() };
            let unit = prices.get(&workload.id).and_then(|price| price.ok());
            let usage = cluster.usage.get(&id);
            let (replicas, role, resources) = (workload.replicas, container.role, &container.resources);
            (id, Today { unit, usage, replicas, role, place, resources })
        })
        .collect()
}

/// What kubeopt's own requests cost a month; none where it does not run in a cluster that is looked at, or a part is
/// unknown.
fn own_month(clusters: &[PricedCluster<'_>]) -> Option<kubeopt_model::Money> {
    let runs = |cluster: &&PricedCluster<'_>| cluster.facts.workloads.iter().any(is_own);
    let own: Vec<_> = clusters.iter().filter(runs).collect();
    if own.is_empty() { None } else { own.into_iter().map(|cluster| requests_month(cluster, &is_own)).sum() }
}

fn is_own(workload: &Workload) -> bool {
    workload.labels.get(OWN_LABEL.0).is_some_and(|value| value == OWN_LABEL.1)
}

/// Facts, prices and usage of all clusters.
struct Known {
    seen: Seen,
    usage: BTreeMap<ClusterName, BTreeMap<ContainerId, ContainerUsage>>,
}

impl Known {
    async fn of(edges: &Edges, window: Window, now: Timestamp) -> Result<Self, Problem> {
        let seen = edges.observe(now).await;
        if seen.clusters.is_empty() {
            let text = "no cluster could be looked at";
            let help = "name one with --kubeconfig or in kubeopt.yaml, and see kubeopt check";
            let none = || Problem::new(crate::codes::NOT_CONFIGURED, text, help);
            return Err(seen.problems.into_iter().next().unwrap_or_else(none));
        }
        let mut usage = BTreeMap::new();
        for cluster in seen.clusters.keys() {
            let found = edges.history.usage(cluster, window, None).await.map_err(|error| error.problem())?;
            let found = found.into_iter().map(|usage| (usage.container.clone(), usage)).collect();
            usage.insert(cluster.clone(), found);
        }
        Ok(Self { seen, usage })
    }

    fn clusters(&self) -> Vec<PricedCluster<'_>> {
        let all = self.seen.clusters.iter().filter_map(|(name, facts)| {
            let prices = self.seen.prices.get(name)?;
            let nodes: &NodePrices = &prices.nodes;
            let fallback = prices.fallback.as_ref();
            Some(PricedCluster { facts, prices: nodes, usage: self.usage.get(name)?, fallback })
        });
        all.collect()
    }
}

impl Edges {
    /// The pull requests that the journal knows as merged since a time, with what their markers on the forge say. A forge
    /// that does not answer leaves a problem.
    async fn merged_requests(&self, since: Timestamp) -> Result<(Vec<MergedRequest>, Vec<Problem>), Problem> {
        let records = self.journal.pull_requests().await.map_err(|error| error.problem())?;
        let mut by_repository: BTreeMap<RepositoryId, Vec<PullRequestRecord>> = BTreeMap::new();
        for record in records.into_iter().filter(|record| is_merged_since(record, since)) {
            by_repository.entry(record.repository.clone()).or_default().push(record);
        }
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        for (repository, records) in by_repository {
            match self.markers(&repository, &records).await {
                Ok(own) => found.extend(own),
                Err(problem) => problems.push(problem),
            }
        }
        Ok((found, problems))
    }

    async fn markers(
        &self,
        repository: &RepositoryId,
        records: &[PullRequestRecord],
    ) -> Result<Vec<MergedRequest>, Problem> {
        let forge = self.forge(repository)?.forge.as_ref();
        let pulls = own_pull_requests(forge, repository).await?;
        let merged = pulls.iter().filter(|pull| pull.state == PullRequestState::Merged);
        let found = merged.filter_map(|pull| {
            let record = records.iter().find(|record| record.number == pull.number)?;
            let marker = Marker::find(&pull.body).filter(|marker| marker.group != ONBOARDING)?;
            let name = format!("{repository} #{}", pull.number);
            Some(MergedRequest { name, at_unix_s: record.at_unix_s, requests: requests(&marker) })
        });
        Ok(found.collect())
    }
}

fn is_merged_since(record: &PullRequestRecord, since: Timestamp) -> bool {
    matches!(record.state, RecordedState::Merged | RecordedState::Synced)
        && record.at_unix_s >= since.as_second()
}

/// The requests of a marker with the containers that they name.
fn requests(marker: &Marker) -> Vec<(Option<ContainerId>, MarkedRequest)> {
    let cluster = ClusterName::new(marker.cluster.as_str()).ok();
    let named = |text: &str| {
        let (namespace, kind, name, container) = selector(text)?;
        let workload = WorkloadId { cluster: cluster.clone()?, namespace, kind, name };
        Some(ContainerId { workload, container })
    };
    let all = marker.changed_requests().into_iter();
    all.map(|request| (named(&request.container), request)).collect()
}
