//! Detectors that are kept from pass to pass.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use kubeopt_findings::{Detectors, Sizes};
use kubeopt_model::{ClusterName, ContainerId, Window};

/// The detectors of each cluster, as of the last midnight.
#[derive(Debug, Default)]
pub struct KeptDetectors(Mutex<BTreeMap<ClusterName, Kept>>);

impl KeptDetectors {
    pub(super) fn take(&self, cluster: &ClusterName) -> Option<Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(cluster)
    }

    pub(super) fn put(&self, cluster: &ClusterName, kept: Kept) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(cluster.clone(), kept);
    }
}

/// The detectors of one cluster, fed up to a midnight.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(super) midnight_unix_s: i64,
    /// The hours that were fed: where others are there now, such as those that were read again, all is fed anew.
    pub(super) covered: Vec<Window>,
    pub(super) detectors: HashMap<ContainerId, Detectors>,
    /// What kubeopt stumbled over, with what it asked for: it is not tried again on the same day.
    pub(super) failed: HashMap<ContainerId, Sizes>,
}
