//! `get sources`: where every workload comes from, as rows, with the reason for each that comes from nowhere. Asks the
//! clusters; no repository is fetched.

use std::collections::BTreeMap;

use kubeopt_gitops::sources::allowed;
use kubeopt_gitops::{Sources, find_sources, parse_git_url};
use kubeopt_model::release::{ChartRef, Origin};
use kubeopt_model::source::{KnownFrom, RendererKind};
use kubeopt_model::{ClusterFacts, ForgeName, Problem, RepositoryId, Source, WorkloadId};
use serde::Serialize;

use crate::edges::Edges;

/// What the columns of the table are called.
pub const HEADERS: [&str; 7] =
    ["WORKLOAD", "REPOSITORY", "BRANCH", "PATH", "RENDERER", "KNOWN FROM", "NOT EDITED BECAUSE"];

/// Where workloads come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceTable {
    /// One row a workload that is not owned by another, by cluster, namespace, kind and name.
    pub rows: Vec<SourceRow>,
    /// What a reader should know, one sentence each.
    pub notes: Vec<String>,
    /// What could not be seen.
    pub problems: Vec<Problem>,
}

/// Where one workload comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceRow {
    /// The cluster.
    pub cluster: String,
    /// `payments/deploy/api`
    pub workload: String,
    /// Its sources, the one that counts first; empty where nothing tells.
    pub sources: Vec<SourcePlace>,
    /// Where the object is written that holds values of its chart.
    pub described_in: Option<SourcePlace>,
    /// Why nothing can be edited for it.
    pub problem: Option<Problem>,
}

/// One place in Git.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourcePlace {
    /// `owner/name`
    pub repository: String,
    /// The forge, by its name in the configuration; its host where none is configured.
    pub forge: String,
    /// The branch; none is the default branch.
    pub branch: Option<String>,
    /// The folder; `.` is the root.
    pub path: String,
    /// `plain`, `kustomize`, `helm`, or that the files of the folder decide.
    pub renderer: String,
    /// The chart, where one is rendered that is not the folder itself.
    pub chart: Option<String>,
    /// How it is known.
    pub known_from: String,
}

impl SourceTable {
    /// Cells of the table, in the order of [`HEADERS`]. With several clusters the workload is told with its own.
    pub fn cells(&self) -> Vec<[String; 7]> {
        let first = self.rows.first().map(|row| row.cluster.as_str());
        let several = self.rows.iter().any(|row| Some(row.cluster.as_str()) != first);
        self.rows.iter().map(|row| row.cells(several)).collect()
    }
}

impl SourceRow {
    fn cells(&self, with_cluster: bool) -> [String; 7] {
        let workload =
            if with_cluster { format!("{}: {}", self.cluster, self.workload) } else { self.workload.clone() };
        let reason = self.problem.as_ref().map_or_else(String::new, |problem| {
            format!("{} [{}]", crate::terminal_line(&problem.text), problem.code)
        });
        let Some(place) = self.sources.first() else {
            let none = || "-".to_owned();
            return [workload, none(), none(), none(), none(), none(), reason];
        };
        let more = match self.sources.len() {
            1 => String::new(),
            count => format!(" (+{})", count - 1),
        };
        let branch = place.branch.clone().unwrap_or_else(|| "(default)".to_owned());
        let renderer = place
            .chart
            .as_ref()
            .map_or_else(|| place.renderer.clone(), |chart| format!("{} {chart}", place.renderer));
        [
            workload,
            place.repository.clone(),
            branch,
            format!("{}{more}", place.path),
            renderer,
            place.known_from.clone(),
            reason,
        ]
        .map(|cell| crate::terminal_line(&cell))
    }
}

/// Looks at every cluster and follows each workload to Git.
///
/// # Errors
/// When no cluster could be reached.
pub async fn get_sources(edges: &Edges) -> Result<SourceTable, Problem> {
    let mut table = SourceTable { rows: Vec::new(), notes: Vec::new(), problems: Vec::new() };
    let mut reached = false;
    for cluster in &edges.clusters {
        edges.progress.stage(&format!("looking at cluster {}", cluster.name), None);
        match cluster.facts.facts().await {
            Ok(facts) => {
                reached = true;
                table.add(edges, facts);
            }
            Err(problem) => table.problems.push(problem),
        }
    }
    if !reached && !table.problems.is_empty() {
        return Err(table.problems.remove(0));
    }
    table.rows.sort_by(|a, b| (&a.cluster, &a.workload).cmp(&(&b.cluster, &b.workload)));
    table.notes.sort();
    table.notes.dedup();
    Ok(table)
}

impl SourceTable {
    fn add(&mut self, edges: &Edges, mut facts: ClusterFacts) {
        facts.workloads.retain(|workload| edges.selection.covers(&workload.id));
        // A kind that the cluster does not know is nothing to mend; `check` tells it.
        let missing = |problem: &&Problem| problem.code != kubeopt_cluster::ABSENT;
        self.problems.extend(facts.unseen.iter().filter(missing).cloned());
        let locate = |url: &str| if edges.forges.is_empty() { by_host(url) } else { edges.locate(url) };
        for (id, found) in find_sources(&facts, &edges.bindings, &edges.mappings, &locate) {
            let row = row(edges, &id, found, &mut self.notes);
            self.rows.push(row);
        }
    }
}

/// Without a configuration there is no forge to name a repository by; its host does, for showing.
fn by_host(url: &str) -> Option<RepositoryId> {
    let url = parse_git_url(url)?;
    Some(RepositoryId { forge: ForgeName::new(url.host).ok()?, owner: url.owner, name: url.name })
}

fn row(
    edges: &Edges,
    id: &WorkloadId,
    found: Result<Sources, Problem>,
    notes: &mut Vec<String>,
) -> SourceRow {
    let mut row = SourceRow {
        cluster: id.cluster.to_string(),
        workload: id.to_string(),
        sources: Vec::new(),
        described_in: None,
        problem: None,
    };
    match found {
        Ok(sources) => {
            notes.extend(sources.notes.iter().cloned());
            row.sources = sources.candidates.iter().map(place).collect();
            row.described_in = sources.described_in.as_ref().map(place);
            // Who has configured nothing asks where things are, not what may be done.
            if !edges.forges.is_empty() {
                row.problem = allowed(id, sources, &edges.bindings).err();
            }
        }
        Err(problem) => row.problem = Some(problem),
    }
    row
}

fn place(source: &Source) -> SourcePlace {
    SourcePlace {
        repository: source.repository.to_string(),
        forge: source.repository.forge.to_string(),
        branch: source.branch.clone(),
        path: source.entry.to_string(),
        renderer: renderer(source),
        chart: chart(source),
        known_from: match &source.known_from {
            KnownFrom::Applied(by) => by.to_string(),
            KnownFrom::Annotated => "annotation kubeopt.dev/source".to_owned(),
            KnownFrom::Configured => "sources of kubeopt.yaml".to_owned(),
        },
    }
}

/// Where a folder was not said to be anything, its files decide, which only the repository shows.
fn renderer(source: &Source) -> String {
    match (source.renderer, &source.release) {
        (RendererKind::Plain, Some(_)) => "by its files".to_owned(),
        (renderer, _) => renderer.to_string(),
    }
}

fn chart(source: &Source) -> Option<String> {
    let release = source.release.as_ref().filter(|_| source.renderer == RendererKind::Helm)?;
    match &release.chart {
        ChartRef::Published { origin, name, version } => {
            let name = if name.is_empty() { shown(origin) } else { name.clone() };
            Some(version.as_ref().map_or(name.clone(), |version| format!("{name} {version}")))
        }
        ChartRef::Folder { .. } | ChartRef::Unknown(_) => None,
    }
}

/// A URL without who logs in.
fn shown(origin: &Origin) -> String {
    match origin {
        Origin::Here => "the repository".to_owned(),
        Origin::Url(url) => match url.split_once("://") {
            Some((scheme, rest)) => {
                format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, rest)| rest))
            }
            None => url.clone(),
        },
        Origin::FluxSource(kind, _, name) => format!("{kind} {name}"),
    }
}

/// How many workloads each reason keeps from being edited, by code: the summary below a table.
pub fn reasons(table: &SourceTable) -> BTreeMap<&str, usize> {
    let mut reasons = BTreeMap::new();
    for problem in table.rows.iter().filter_map(|row| row.problem.as_ref()) {
        *reasons.entry(problem.code.as_str()).or_default() += 1;
    }
    reasons
}
