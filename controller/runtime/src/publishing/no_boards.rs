//! Repositories without a dashboard, told once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use kubeopt_forge::ForgeError;
use kubeopt_model::{Problem, RepositoryId};

use crate::codes;

/// Repositories whose issues cannot be used, which is told once.
#[derive(Debug, Default)]
pub struct NoBoards(Mutex<BTreeSet<RepositoryId>>);

impl NoBoards {
    /// The problem, unless it is one that stays until a person changes something and was told before.
    pub(super) fn tell(&self, repository: &RepositoryId, error: &ForgeError) -> Option<Problem> {
        let problem = error.problem();
        let text = format!("the dashboard of {repository}: {}", problem.text);
        if error.is_transient() {
            return Some(Problem::new(codes::NO_DASHBOARD, text, problem.help));
        }
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let help = "switch its issues on and let kubeopt's account write them, or set `pullRequests.dashboard: false`";
        told.insert(repository.clone()).then(|| Problem::new(codes::NO_DASHBOARD, text, help))
    }
}
