//! What tracing came to: all entry points of one branch of one repository.

use std::collections::BTreeMap;

use kubeopt_gitops::Snapshot;
use kubeopt_model::{Problem, Source};

use super::entry_point::{EntryPoint, entry_point};
use super::trace::EntryTrace;

/// All entry points of one branch of one repository.
#[derive(Debug, Clone)]
pub struct RepositoryTrace {
    /// The commit that was read.
    pub snapshot: Snapshot,
    /// Traces by entry point; an error is why it could not be traced.
    pub entries: BTreeMap<EntryPoint, Result<EntryTrace, Problem>>,
    /// What was left out, as sentences.
    pub notes: Vec<String>,
}

impl RepositoryTrace {
    /// Whether files, charts and renderers alone tell all of it.
    pub(crate) fn is_of_files(&self) -> bool {
        self.entries.values().flatten().all(|entry| !entry.asks_cluster)
    }

    /// The trace of a source.
    pub fn of(&self, source: &Source) -> Option<&Result<EntryTrace, Problem>> {
        self.entries.get(&entry_point(source, &self.snapshot))
    }
}
