//! `check`: what must be there before kubeopt can work, each with the next step where it is not.

use std::collections::BTreeSet;

use kubeopt_gitops::render::{HelmBinary, KustomizeBinary};
use kubeopt_model::{Problem, RepositoryId};
use kubeopt_observe::SourceFacts;
use serde::Serialize;

use crate::edges::Edges;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What: `cluster prod-eu`.
    pub what: String,
    /// What was found, where it is fine.
    pub fine: Option<String>,
    /// What is wrong, and what to do.
    pub problem: Option<Problem>,
}

impl Finding {
    fn of(what: impl Into<String>, result: Result<String, Problem>) -> Self {
        let (fine, problem) = match result {
            Ok(fine) => (Some(fine), None),
            Err(problem) => (None, Some(problem)),
        };
        Self { what: what.into(), fine, problem }
    }
}

/// How much is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// What an installation needs: clusters and metrics.
    BeforeInstallation,
    /// Forges, repositories and renderers too.
    Everything,
}

/// Looks at every edge. Never fails as a whole.
pub async fn check(edges: &Edges, depth: Depth) -> Vec<Finding> {
    let mut findings = Vec::new();
    for cluster in &edges.clusters {
        match cluster.facts.facts().await {
            Ok(facts) => {
                let seen = format!(
                    "{} workloads, {} pods, {} nodes, {} Flux Kustomizations",
                    facts.workloads.len(),
                    facts.pods.len(),
                    facts.nodes.len(),
                    facts.kustomizations.len()
                );
                findings.push(Finding::of(format!("cluster {}", cluster.name), Ok(seen)));
                for problem in facts.unseen {
                    // Argo Rollouts and Flux are not everywhere.
                    let is_fine = problem.code == kubeopt_cluster::ABSENT;
                    let found = if is_fine { Ok(problem.text) } else { Err(problem) };
                    findings.push(Finding::of(format!("kinds of {}", cluster.name), found));
                }
            }
            Err(problem) => findings.push(Finding::of(format!("cluster {}", cluster.name), Err(problem))),
        }
        findings.push(metrics(cluster).await);
    }
    if depth == Depth::Everything {
        findings.push(Finding::of("forecasts", edges.foretelling.about()));
        findings.extend(renderers(edges).await);
        for repository in bound_repositories(edges) {
            findings.extend(repository_findings(edges, &repository).await);
        }
        findings.extend(unbound(edges));
    }
    findings
}

async fn metrics(cluster: &crate::edges::ClusterEdge) -> Finding {
    let what = format!("metrics of {}", cluster.name);
    let Some(source) = &cluster.metrics else {
        let help = "name a server with --prometheus URL, or under `metrics.prometheus` of kubeopt.yaml";
        let problem = Problem::new(crate::codes::NOT_CONFIGURED, "no metrics source is configured", help);
        return Finding::of(what, Err(problem));
    };
    let checked = source.check().await.map_err(|error| error.problem());
    Finding::of(
        what,
        checked.map(|facts| {
            let seen = format!(
                "{}: CPU of {} containers, memory of {}",
                facts.version.as_deref().unwrap_or("version not told"),
                facts.cpu_containers,
                facts.memory_containers,
            );
            match facts {
                SourceFacts { only_now: true, scrape_interval_s, .. } => {
                    let mean =
                        scrape_interval_s.map_or(String::new(), |s| format!(", CPU a mean over {s} s"));
                    format!("{seen}{mean}; {}", cluster.metrics_at)
                }
                SourceFacts { kube_state_metrics: true, .. } => format!("{seen}, kube-state-metrics"),
                _ => format!("{seen}; no kube-state-metrics, so OOM kills are seen on live pods only"),
            }
        }),
    )
}

async fn renderers(edges: &Edges) -> [Finding; 3] {
    // What is missing is looked for again, for its reason.
    let kustomize = match &edges.renderer.kustomize {
        Some(binary) => Ok(binary.label()),
        None => KustomizeBinary::find(None).await.map(|binary| binary.label()),
    };
    let helm = match &edges.renderer.helm {
        Some(binary) => Ok(binary.label()),
        None => HelmBinary::find(None).await.map(|binary| binary.label()),
    };
    let sandbox = edges.renderer.check_sandbox().await;
    [
        Finding::of("kustomize", kustomize),
        Finding::of("helm", helm),
        Finding::of("sandbox of renderers", sandbox),
    ]
}

fn bound_repositories(edges: &Edges) -> BTreeSet<RepositoryId> {
    let bound = edges.bindings.iter().map(|binding| binding.repository.clone());
    bound.chain(edges.mappings.iter().map(|mapping| mapping.repository.clone())).collect()
}

async fn repository_findings(edges: &Edges, repository: &RepositoryId) -> Vec<Finding> {
    let forge = match edges.forge(repository) {
        Ok(edge) => edge,
        Err(problem) => return vec![Finding::of(format!("repository {repository}"), Err(problem))],
    };
    let on_forge =
        forge.forge.repository(repository).await.map_err(|error| error.problem()).and_then(|facts| {
            if facts.archived || !facts.may_write {
                let why =
                    if facts.archived { "is archived" } else { "may not be written by kubeopt's account" };
                let help = "give the account write access to code and pull requests";
                return Err(Problem::new(crate::codes::NOT_CONFIGURED, format!("{repository} {why}"), help));
            }
            Ok(format!("default branch `{}`, may be written", facts.default_branch))
        });
    let fetched = match edges.remote(repository).await {
        Ok(remote) => edges.git.fetch(&remote, None).await.map_err(|error| error.problem()),
        Err(problem) => Err(problem),
    };
    let fetched =
        fetched.map(|snapshot| format!("{} files at {}", snapshot.paths().count(), &snapshot.commit[..8]));
    vec![
        Finding::of(format!("repository {repository} on {}", repository.forge), on_forge),
        Finding::of(format!("git of {repository}"), fetched),
    ]
}

fn unbound(edges: &Edges) -> Option<Finding> {
    edges.bindings.is_empty().then(|| {
        let help = "add a binding to kubeopt.yaml: namespaces, forge, repository, paths";
        let text = "no namespace is bound to a repository, so nothing can be proposed";
        Finding::of("bindings", Err(Problem::new(crate::codes::NOT_CONFIGURED, text, help)))
    })
}
