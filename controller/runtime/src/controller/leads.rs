//! Only the leader writes.

use std::sync::Arc;

use kubeopt_cluster::Leadership;

use crate::edges::{Alone, Permit};

/// Only the leader writes.
pub(super) struct Leads(pub(super) Arc<Leadership>);

impl Permit for Leads {
    fn may_write(&self) -> bool {
        self.0.is_leader()
    }
}

/// That of the lead; alone without one.
pub(super) fn permit(leadership: Option<&Arc<Leadership>>) -> Arc<dyn Permit> {
    match leadership {
        Some(leadership) => Arc::new(Leads(Arc::clone(leadership))),
        None => Arc::new(Alone),
    }
}
