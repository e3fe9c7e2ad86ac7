//! Heads of open pull requests that were looked at.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kubeopt_forge::PullRequest;
use kubeopt_model::RepositoryId;

/// The heads of open pull requests that were looked at, so that each is asked for once; what a restart forgets is asked for
/// once more.
#[derive(Debug, Default)]
pub struct Heads(Mutex<BTreeMap<(RepositoryId, u64), String>>);

impl Heads {
    pub(super) fn is_news(&self, repository: &RepositoryId, pull: &PullRequest) -> bool {
        let heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heads.get(&(repository.clone(), pull.number)) != Some(&pull.head_oid)
    }

    pub(super) fn looked_at(&self, repository: &RepositoryId, pull: &PullRequest) {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heads.insert((repository.clone(), pull.number), pull.head_oid.clone());
    }
}
