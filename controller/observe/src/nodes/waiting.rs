//! Ids of cgroups that no pod had when they were read. Each node has its share, so none takes the place of the others.

use std::collections::{BTreeSet, HashMap};

use kubeopt_model::agents::CgroupId;

/// Ids of one node. A pod's sandbox has a cgroup of its own and never gets an owner: these are the sandboxes of the pods that a
/// node may have, and of as many that are gone.
pub(super) const OF_NODE_MAX: usize = 1000;

/// Those of all nodes: 70 MB. Kubernetes supports 150,000 pods in a cluster.
const ALL_MAX: usize = 200_000;

/// How long after an hour an id of it waits: the cluster shows a pod in seconds, where it answers.
const WAITS_S: i64 = 86_400;

const HOUR_S: i64 = 3600;

/// Ids by node, with the hours that they were read of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    of_nodes: HashMap<String, HashMap<CgroupId, BTreeSet<i64>>>,
    all: usize,
}

impl Waiting {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all
    }

    /// Notes one that was read of this hour.
    pub(super) fn note(&mut self, node: &str, id: CgroupId, hour: i64) {
        let ids = self.of_nodes.entry(node.to_owned()).or_default();
        if let Some(hours) = ids.get_mut(&id) {
            hours.insert(hour);
        } else if ids.len() < OF_NODE_MAX && self.all < ALL_MAX {
            ids.insert(id, BTreeSet::from([hour]));
            self.all += 1;
        }
    }

    /// Takes out one that has an owner now, and gives the hours that it was read of.
    pub(super) fn take(&mut self, node: &str, id: &CgroupId) -> BTreeSet<i64> {
        let hours = self.of_nodes.get_mut(node).and_then(|ids| ids.remove(id));
        self.all -= usize::from(hours.is_some());
        hours.unwrap_or_default()
    }

    /// Forgets those that waited long enough.
    pub(super) fn forget(&mut self, now_unix_s: i64) {
        self.of_nodes.retain(|_, ids| {
            ids.retain(|_, hours| hours.last().is_some_and(|hour| hour + HOUR_S + WAITS_S > now_unix_s));
            !ids.is_empty()
        });
        self.all = self.of_nodes.values().map(HashMap::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> CgroupId {
        CgroupId { pod_uid: n.to_string(), container_id: "c".to_owned() }
    }

    #[test]
    fn a_node_that_makes_up_ids_takes_no_place_of_others() {
        let mut waiting = Waiting::default();
        (0..5 * OF_NODE_MAX).for_each(|n| waiting.note("a", id(n), 0));
        assert_eq!(waiting.len(), OF_NODE_MAX);
        waiting.note("b", id(1), 0);
        waiting.note("b", id(1), HOUR_S);
        assert_eq!(waiting.len(), OF_NODE_MAX + 1);
        assert_eq!(waiting.take("c", &id(1)), BTreeSet::new());
        assert_eq!(waiting.take("b", &id(1)), BTreeSet::from([0, HOUR_S]));
        waiting.forget(HOUR_S + WAITS_S);
        assert_eq!((waiting.len(), waiting.of_nodes.len()), (0, 0));
    }
}
