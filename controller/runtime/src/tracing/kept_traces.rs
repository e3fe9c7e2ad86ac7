//! Traces that were made before: all of one where nothing changed, and those entry points whose files did not where
//! something did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kubeopt_gitops::Snapshot;
use kubeopt_model::{ClusterFacts, Problem, RepoPath, Source};

use super::charts::ChartChoices;
use super::discover::Work;
use super::entry_point::{EntryPoint, entry_point};
use super::origins::places_of;
use super::repository_trace::RepositoryTrace;
use super::trace::EntryTrace;

/// Traces that are kept, one for each branch. A hundred branches are a large installation.
const KEPT_MAX: usize = 100;

/// What a trace depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceKey {
    /// Repository, branch, and what the cluster says of places that releases name.
    branch: String,
    /// Tree and entry points.
    state: String,
}

impl TraceKey {
    /// Equal keys are equal traces.
    pub fn of(snapshot: &Snapshot, sources: &[&Source], objects: &[ClusterFacts]) -> Self {
        let entries: BTreeSet<String> =
            sources.iter().map(|source| format!("{:?}", entry_point(source, snapshot))).collect();
        // Only what settles where charts are: specs come and go with every sync.
        let places: Vec<String> = objects.iter().map(places_of).collect();
        let joined = |texts: Vec<String>| texts.join(" ");
        Self {
            branch: format!("{} {} {}", snapshot.repository, snapshot.branch, joined(places)),
            state: format!("{} {}", snapshot.tree, joined(entries.into_iter().collect())),
        }
    }
}

/// A trace with the state that it is of, and the charts from outside that it was made of.
type Kept = (String, Arc<RepositoryTrace>, ChartChoices);

/// The newest trace of each branch.
#[derive(Debug, Default)]
pub struct TraceCache {
    kept: Mutex<BTreeMap<String, Kept>>,
}

impl TraceCache {
    /// The trace of this key, if it was the last of its branch, and the charts that must still be the chosen ones.
    pub fn get(&self, key: &TraceKey) -> Option<(Arc<RepositoryTrace>, ChartChoices)> {
        let kept = self.lock();
        let (state, trace, choices) = kept.get(&key.branch)?;
        (*state == key.state && trace.is_of_files()).then(|| (Arc::clone(trace), choices.clone()))
    }

    /// The last trace of the branch, of whatever tree.
    pub fn earlier(&self, key: &TraceKey) -> Option<Arc<RepositoryTrace>> {
        self.lock().get(&key.branch).map(|(_, trace, _)| Arc::clone(trace))
    }

    /// Keeps a trace.
    pub fn put(&self, key: TraceKey, trace: Arc<RepositoryTrace>, choices: ChartChoices) {
        let mut kept = self.lock();
        if kept.len() >= KEPT_MAX && !kept.contains_key(&key.branch) {
            kept.clear();
        }
        kept.insert(key.branch, (key.state, trace, choices));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the entry points out of `work` that read nothing but what they read in an earlier trace, and gives what was found
/// then. Where files came or went, nothing is taken: any of them may be one that a pattern or a folder takes in.
pub(crate) fn unchanged(
    work: &mut Work,
    snapshot: &Snapshot,
    earlier: &RepositoryTrace,
) -> BTreeMap<EntryPoint, Result<EntryTrace, Problem>> {
    if !snapshot.paths().eq(earlier.snapshot.paths()) {
        return BTreeMap::new();
    }
    let is_same = |path: &RepoPath| snapshot.tree_hash(path) == earlier.snapshot.tree_hash(path);
    let same = |entry: &EntryPoint, reads: &BTreeSet<RepoPath>| {
        let traced = earlier.entries.get(entry)?.as_ref().ok()?;
        let holds = !traced.from_outside
            && !traced.asks_cluster
            && traced.own_files == *reads
            && traced.files.iter().all(is_same);
        holds.then(|| traced.clone())
    };
    let kept = work
        .iter()
        .filter_map(|(entry, reads)| Some((entry.clone(), Ok(same(entry, reads.as_ref().ok()?)?))))
        .collect::<BTreeMap<_, _>>();
    work.retain(|entry, _| !kept.contains_key(entry));
    kept
}

#[cfg(test)]
#[path = "kept_traces_tests.rs"]
mod tests;
