//! The stage *sites*: every workload's source, every source's repository, every repository's trace.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use kubeopt_gitops::resolve_sources;
use kubeopt_model::{ClusterFacts, Problem, RepoPath, RepositoryId, Source, WorkloadId};

use crate::branch_files::BranchFiles;
use crate::edges::Edges;
use crate::panics::caught_waiting;
use crate::seen::Seen;
use crate::tracing::{RepositoryTrace, Tools, TraceKey, objects_of, trace_repository};

/// One branch of one repository; none is its default branch.
pub type BranchKey = (RepositoryId, Option<String>);

/// What is known of sources.
#[derive(Debug, Default)]
pub struct Sites {
    /// The source of each workload, or why it is unknown.
    pub sources: BTreeMap<WorkloadId, Result<Source, Problem>>,
    /// The trace of each branch, or why it could not be read.
    pub traces: BTreeMap<BranchKey, Result<Arc<RepositoryTrace>, Problem>>,
    /// What a reader should know, as sentences.
    pub notes: Vec<String>,
    /// The objects of each cluster that releases name.
    pub objects: Vec<ClusterFacts>,
    /// The policy files of the traces, once somebody asked: many stages of a pass do.
    pub(crate) policy_files: OnceLock<Arc<BranchFiles>>,
}

impl Sites {
    /// The trace of a source.
    pub fn trace_of(&self, source: &Source) -> Option<&Result<Arc<RepositoryTrace>, Problem>> {
        self.traces.get(&(source.repository.clone(), source.branch.clone()))
    }

    /// Whether the rendering of a source has the workload.
    fn renders(&self, source: &Source, id: &WorkloadId) -> bool {
        let trace = self.trace_of(source).and_then(|trace| trace.as_ref().ok()?.of(source)?.as_ref().ok());
        trace.is_some_and(|trace| trace.fields.iter().any(|field| field.workload.describes(id)))
    }

    /// The trace of a repository's base branch, by the branch's real name.
    pub fn trace(&self, repository: &RepositoryId, base: &str) -> Option<&Arc<RepositoryTrace>> {
        let traces = self.traces.iter().filter(|((id, _), _)| id == repository);
        traces.filter_map(|(_, trace)| trace.as_ref().ok()).find(|trace| trace.snapshot.branch == base)
    }

    /// The bytes of a file on a base branch.
    pub fn read(&self, repository: &RepositoryId, base: &str, path: &RepoPath) -> Option<Vec<u8>> {
        self.trace(repository, base)?.snapshot.read(path).ok().flatten()
    }
}

impl Edges {
    /// Finds the source of every workload, then fetches and traces each repository once.
    pub async fn sites(&self, seen: &Seen) -> Sites {
        self.charts.begin_pass();
        let objects: Vec<ClusterFacts> = seen.clusters.values().map(objects_of).collect();
        let mut sites = Sites { objects, ..Sites::default() };
        let mut several: BTreeMap<WorkloadId, Vec<Source>> = BTreeMap::new();
        for facts in seen.clusters.values() {
            let locate = |url: &str| self.locate(url);
            for (id, found) in resolve_sources(facts, &self.bindings, &self.mappings, &locate) {
                let source = found.map(|found| {
                    sites.notes.extend(found.notes.iter().cloned());
                    let first = found.first().clone();
                    // Where the object itself is in Git, its own layers of values are seen too.
                    let candidates: Vec<Source> =
                        found.described_in.into_iter().chain(found.candidates).collect();
                    if candidates.len() > 1 {
                        several.insert(id.clone(), candidates);
                    }
                    first
                });
                sites.sources.insert(id, source);
            }
        }
        sites.notes.sort();
        sites.notes.dedup();
        let mut by_branch: BTreeMap<BranchKey, Vec<Source>> = BTreeMap::new();
        for source in sites.sources.values().flatten().chain(several.values().flatten()) {
            by_branch
                .entry((source.repository.clone(), source.branch.clone()))
                .or_default()
                .push(source.clone());
        }
        let same = self.join_default_branches(&mut by_branch).await;
        self.progress.stage("tracing repositories", Some(by_branch.len() as u64));
        for (key, sources) in by_branch {
            let sources: Vec<&Source> = sources.iter().collect();
            let trace = self.trace_branch(&key, &sources, &sites.objects);
            let trace =
                caught_waiting(&format!("the repository {}", key.0), trace).await.and_then(|trace| trace);
            if let Ok(trace) = &trace {
                sites.notes.extend(trace.notes.iter().cloned());
            }
            sites.traces.insert(key, trace);
            self.progress.step();
        }
        for (named, default) in same {
            if let Some(trace) = sites.traces.get(&default).cloned() {
                sites.traces.insert(named, trace);
            }
        }
        for (id, candidates) in several {
            if let Some(winner) = candidates.into_iter().find(|source| sites.renders(source, &id)) {
                sites.sources.insert(id, Ok(winner));
            }
        }
        sites
    }

    /// Who names the default branch means the same as who names none: one branch, one trace. Gives the names that went,
    /// each with what stands for it.
    async fn join_default_branches(
        &self,
        by_branch: &mut BTreeMap<BranchKey, Vec<Source>>,
    ) -> Vec<(BranchKey, BranchKey)> {
        let is_named = |repository: &RepositoryId| {
            by_branch.keys().any(|(other, branch)| other == repository && branch.is_some())
        };
        let defaults =
            by_branch.keys().filter(|(repository, branch)| branch.is_none() && is_named(repository));
        let mut same = Vec::new();
        for default in defaults.cloned().collect::<Vec<_>>() {
            // What cannot be fetched is told by the trace.
            let Ok(remote) = self.remote(&default.0).await else { continue };
            let Ok(snapshot) = self.git.fetch(&remote, None).await else { continue };
            let named = (default.0.clone(), Some(snapshot.branch));
            if let Some(sources) = by_branch.remove(&named) {
                by_branch.entry(default.clone()).or_default().extend(sources);
                same.push((named, default));
            }
        }
        same
    }

    async fn trace_branch(
        &self,
        key: &BranchKey,
        sources: &[&Source],
        objects: &[ClusterFacts],
    ) -> Result<Arc<RepositoryTrace>, Problem> {
        let remote = self.remote(&key.0).await?;
        let snapshot = self.git.fetch(&remote, key.1.as_deref()).await.map_err(|error| error.problem())?;
        let cache_key = TraceKey::of(&snapshot, sources, objects);
        if let Some((kept, choices)) = self.traces.get(&cache_key)
            && self.charts.are_still(&choices).await
        {
            // The same tree under a newer commit: only the commit to build on differs.
            return Ok(Arc::new(RepositoryTrace {
                snapshot,
                entries: kept.entries.clone(),
                notes: kept.notes.clone(),
            }));
        }
        let charts = self.charts.recording();
        let tools = Tools { charts: &charts, ..self.tools(objects) };
        let earlier = self.traces.earlier(&cache_key);
        let trace = Arc::new(trace_repository(snapshot, sources, earlier.as_deref(), tools).await);
        self.traces.put(cache_key, Arc::clone(&trace), charts.choices());
        Ok(trace)
    }
}
