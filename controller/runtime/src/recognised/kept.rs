//! What is known of repositories, kept from pass to pass.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kubeopt_model::{Problem, RepositoryId};

/// What is known of repositories: when the forge was asked, and why one is not worked on.
#[derive(Debug, Default)]
pub struct Recognised(Mutex<BTreeMap<RepositoryId, (i64, Option<Problem>)>>);

impl Recognised {
    pub(super) fn of(&self, repository: &RepositoryId) -> Option<(i64, Option<Problem>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(repository).cloned()
    }

    pub(super) fn keep(&self, repository: &RepositoryId, asked_unix_s: i64, problem: Option<Problem>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(repository.clone(), (asked_unix_s, problem));
    }
}
