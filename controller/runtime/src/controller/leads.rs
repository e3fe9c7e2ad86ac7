//! Only the leader writes.

use std::sync::Arc;

use kubeopt_cluster::Leadership;

use crate::edges::Permit;

/// Only the leader writes.
pub(super) struct Leads(pub(super) Arc<Leadership>);

impl Permit for Leads {
    fn may_write(&self) -> bool {
        self.0.is_leader()
    }
}
