//! What resolution of sources is given, and what comes of it.

use kubeopt_model::source::Source;
use kubeopt_model::{Binding, ClusterFacts, RepositoryId, SourceMapping};

/// Where a workload comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// Never empty. The first whose rendering has the workload is its source: of several sources of an Application the
    /// last one wins, so that it stands first here.
    pub candidates: Vec<Source>,
    /// Where the object is written that describes the release (an Application, for charts), if that is in Git.
    pub described_in: Option<Source>,
    /// What a reader should know, one sentence each.
    pub notes: Vec<String>,
}

impl Sources {
    /// The source that wins where nothing else is known.
    pub fn first(&self) -> &Source {
        self.candidates.first().expect("sources are made of at least one")
    }

    pub(crate) fn one(source: Source) -> Self {
        Self { candidates: vec![source], described_in: None, notes: Vec::new() }
    }
}

/// What resolution is given.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) facts: &'a ClusterFacts,
    pub(crate) bindings: &'a [Binding],
    pub(crate) mappings: &'a [SourceMapping],
    /// Which configured repository a Git URL is.
    pub(crate) locate: &'a dyn Fn(&str) -> Option<RepositoryId>,
}
