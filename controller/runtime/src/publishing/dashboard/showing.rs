//! What a dashboard shows.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_forge::PullRequest;
use kubeopt_model::{RepositoryId, Timestamp};

use crate::located::Sites;
use crate::orders::AllOrders;
use crate::proposing::Decided;
use crate::publishing::merges::Merges;
use crate::publishing::merging::OwnMerges;
use crate::publishing::onboard::Waiting;
use crate::publishing::published::Published;

/// What a dashboard shows.
pub(crate) struct Showing<'a> {
    pub(crate) pulls: &'a BTreeMap<RepositoryId, Vec<PullRequest>>,
    pub(crate) decided: &'a Decided,
    pub(crate) published: &'a [Published],
    /// What waits for other environments.
    pub(crate) waiting: &'a Waiting,
    /// Repositories that have not said yes.
    pub(crate) strangers: &'a BTreeSet<RepositoryId>,
    pub(crate) orders: &'a AllOrders,
    pub(crate) merges: &'a Merges,
    pub(crate) own_merges: &'a OwnMerges,
    pub(crate) sites: &'a Sites,
    pub(crate) now: Timestamp,
}
