//! Whether kubeopt can work, and if not, why. Set by who knows; read by `/readyz`.

use std::sync::{Arc, PoisonError, RwLock};

use kubeopt_model::Problem;

/// Shared by the one who works and the one who answers; clones are the same value.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<RwLock<State>>);

#[derive(Debug)]
enum State {
    Ready,
    Not(Vec<Problem>),
}

impl Readiness {
    /// Not ready, because the first look at cluster and history is not over.
    pub fn starting() -> Self {
        let text = "the first look at the cluster is not over";
        let help = "wait; `kubeopt check` tells what the first look needs";
        Self(Arc::new(RwLock::new(State::Not(vec![Problem::new("starting", text, help)]))))
    }

    /// Ready.
    pub fn ready(&self) {
        self.set(State::Ready);
    }

    /// Not ready, for these reasons.
    pub fn not_ready(&self, reasons: Vec<Problem>) {
        self.set(State::Not(reasons));
    }

    /// The reasons against it; none when ready.
    pub fn reasons(&self) -> Option<Vec<Problem>> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            State::Ready => None,
            State::Not(reasons) => Some(reasons.clone()),
        }
    }

    fn set(&self, state: State) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = state;
    }
}
