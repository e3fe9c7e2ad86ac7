//! When each watch is looked at next.

use std::collections::BTreeMap;
use std::sync::Mutex;

use kubeopt_model::RepositoryId;

/// When a watch is looked at next, by pull request; what a restart forgets is looked at once more.
#[derive(Debug, Default)]
pub struct Watches(pub(super) Mutex<BTreeMap<(RepositoryId, u64), i64>>);
