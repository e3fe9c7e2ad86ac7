//! Whose a cgroup is, also of pods that are gone, and which hours of it are stored: what has to outlive a restart.
//!
//! Names come from the cluster. What a node sends is looked up here and never added as a name.

use std::collections::{BTreeMap, HashMap};

use kubeopt_model::agents::CgroupId;
use kubeopt_model::{ContainerName, Namespace, WorkloadId};
use serde::{Deserialize, Serialize};

use super::waiting::Waiting;
use crate::owners::{Owner, PodOwners};

/// Of the file; another one is begun anew.
const VERSION: u32 = 2;

/// Pods that are remembered: 200 MB. A cluster of 10,000 pods that lives on Jobs sees as many in two days.
const PODS_MAX: usize = 200_000;

/// Containers of one pod that are remembered: a crash loop at its slowest restarts 12 times an hour.
const CONTAINERS_MAX: usize = 1000;

const HOUR_S: i64 = 3600;

/// A pod, as the cluster showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownPod {
    pub(super) namespace: Namespace,
    pub(super) pod: String,
    /// Where it ran: no other node can tell of it.
    node: String,
    /// None where nobody owned it.
    pub(super) owner: Option<WorkloadId>,
    containers: BTreeMap<String, KnownContainer>,
    /// When the cluster showed it last, in seconds since the epoch.
    last_unix_s: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownContainer {
    name: ContainerName,
    /// When its agent saw it first, in milliseconds since the epoch; 0 where it was there before, none before it was read.
    seen_unix_ms: Option<i64>,
}

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Book {
    version: u32,
    /// By the UID of the pod.
    pods: HashMap<String, KnownPod>,
    /// The mark at which each hour is stored.
    stored: BTreeMap<i64, u64>,
    /// UIDs by namespace and name; none since pods came or went.
    #[serde(skip)]
    by_name: Option<HashMap<(String, String), Vec<String>>>,
    #[serde(skip)]
    waiting: Waiting,
    /// Changes since the process began, and how many of them are in the file.
    #[serde(skip)]
    changes: u64,
    #[serde(skip)]
    written: u64,
}

/// Whose a cgroup is that a node tells of.
#[derive(Debug)]
pub(super) enum Resolved<'b> {
    /// This container's, of a pod of that node.
    Known(&'b KnownPod, &'b ContainerName),
    /// A pod's that runs elsewhere.
    OtherNode,
    /// Of no pod that is known.
    Nobody,
}

impl Book {
    /// From the bytes of a file.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let book: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if book.version == VERSION {
            Ok(book)
        } else {
            Err(format!("version {} is not {VERSION}", book.version))
        }
    }

    /// Whether all of it is in its file.
    pub(super) fn is_written(&self) -> bool {
        self.changes == self.written
    }

    /// The bytes of its file, and up to which change they are; none where the file has all of it.
    pub(super) fn unwritten(&mut self) -> Option<(u64, Vec<u8>)> {
        if self.is_written() {
            return None;
        }
        self.version = VERSION;
        Some((self.changes, serde_json::to_vec(self).ok()?))
    }

    /// Notes that the file has everything up to this change.
    pub(super) fn note_written(&mut self, changes: u64) {
        self.written = changes;
    }

    fn note_change(&mut self, is_one: bool) {
        self.changes += u64::from(is_one);
    }

    /// Learns whose the cgroups are that the cluster shows. Hours with readings that have an owner only now are read again.
    pub(super) fn learn(&mut self, owners: &PodOwners, now_unix_s: i64) {
        for shown in owners.cgroups() {
            let uid = plain(&shown.cgroups.uid);
            if uid.is_empty() || (self.pods.len() >= PODS_MAX && !self.pods.contains_key(&uid)) {
                continue;
            }
            let owner = match owners.owner(shown.namespace.as_str(), &shown.pod) {
                Owner::Shown(id) => Some(id.clone()),
                Owner::Named(_) | Owner::Ambiguous | Owner::Nobody | Owner::Unknown => None,
            };
            let known = self.pods.entry(uid.clone()).or_insert_with(|| {
                self.changes += 1;
                self.by_name = None;
                KnownPod {
                    namespace: shown.namespace.clone(),
                    pod: shown.pod.clone(),
                    node: shown.node.clone(),
                    owner: None,
                    containers: BTreeMap::new(),
                    last_unix_s: now_unix_s,
                }
            });
            known.last_unix_s = known.last_unix_s.max(now_unix_s);
            if owner.is_some() && known.owner != owner {
                known.owner = owner;
                self.changes += 1;
            }
            for (id, name) in &shown.cgroups.containers {
                let id = id.to_ascii_lowercase();
                if known.containers.contains_key(&id) || known.containers.len() >= CONTAINERS_MAX {
                    continue;
                }
                let cgroup = CgroupId { pod_uid: uid.clone(), container_id: id.clone() };
                for hour in self.waiting.take(&known.node, &cgroup) {
                    self.stored.remove(&hour);
                }
                known.containers.insert(id, KnownContainer { name: name.clone(), seen_unix_ms: None });
                self.changes += 1;
            }
        }
    }

    /// Forgets pods that the cluster has not shown for so many seconds, and hours that are older.
    pub(super) fn forget(&mut self, now_unix_s: i64, kept_s: i64) {
        let before = (self.pods.len(), self.stored.len());
        let oldest = now_unix_s - kept_s;
        self.pods.retain(|_, pod| pod.last_unix_s >= oldest);
        self.stored.retain(|hour, _| hour + HOUR_S > oldest);
        self.waiting.forget(now_unix_s);
        let is_less = before != (self.pods.len(), self.stored.len());
        if is_less {
            self.by_name = None;
        }
        self.note_change(is_less);
    }

    /// Whose a cgroup is, by its [plain](plain_id) id, that this node tells of.
    pub(super) fn resolve(&self, node: &str, id: &CgroupId) -> Resolved<'_> {
        let Some(pod) = self.pods.get(&id.pod_uid) else { return Resolved::Nobody };
        if pod.node != node {
            return Resolved::OtherNode;
        }
        match pod.containers.get(&id.container_id) {
            Some(container) => Resolved::Known(pod, &container.name),
            None => Resolved::Nobody,
        }
    }

    /// Whose a container is, by namespace, pod and name, that this node tells of.
    pub(super) fn resolve_named(
        &mut self,
        node: &str,
        (namespace, pod, container): (&str, &str, &str),
    ) -> Resolved<'_> {
        let pods = &self.pods;
        let by_name = self.by_name.get_or_insert_with(|| {
            let mut by_name: HashMap<(String, String), Vec<String>> = HashMap::new();
            for (uid, pod) in pods {
                by_name.entry((pod.namespace.to_string(), pod.pod.clone())).or_default().push(uid.clone());
            }
            by_name
        });
        let uids = by_name.get(&(namespace.to_owned(), pod.to_owned()));
        let called_so = || uids.into_iter().flatten().filter_map(|uid| pods.get(uid));
        let Some(known) = called_so().find(|pod| pod.node == node) else {
            return if called_so().next().is_some() { Resolved::OtherNode } else { Resolved::Nobody };
        };
        let named = known.containers.values().find(|one| one.name.as_str() == container);
        named.map_or(Resolved::Nobody, |one| Resolved::Known(known, &one.name))
    }

    /// Notes when an agent saw a container first, and says whether it is one that took the place of another.
    pub(super) fn sight(&mut self, id: &CgroupId, seen_unix_ms: Option<i64>) -> bool {
        let Some(pod) = self.pods.get_mut(&id.pod_uid) else { return false };
        let Some(container) = pod.containers.get_mut(&id.container_id) else { return false };
        let seen = seen_unix_ms.unwrap_or(0);
        let first = container.seen_unix_ms.map_or(seen, |known| known.min(seen));
        self.changes += u64::from(container.seen_unix_ms != Some(first));
        container.seen_unix_ms = Some(first);
        let name = container.name.clone();
        let is_before = |other: &KnownContainer| {
            other.name == name && other.seen_unix_ms.is_some_and(|other| other < first)
        };
        pod.containers.iter().any(|(other_id, other)| *other_id != id.container_id && is_before(other))
    }

    /// Notes an id that nobody owns, read of this hour from a node.
    pub(super) fn miss(&mut self, node: &str, id: &CgroupId, hour: i64) {
        self.waiting.note(node, id.clone(), hour);
    }

    /// Ids that nobody owns so far.
    pub(super) fn missed(&self) -> usize {
        self.waiting.len()
    }

    /// Whether an hour is stored as it is at this mark.
    pub(super) fn is_stored(&self, hour: i64, mark: u64) -> bool {
        self.stored.get(&hour) == Some(&mark)
    }

    /// Notes that an hour is stored as it was at this mark.
    pub(super) fn store(&mut self, hour: i64, mark: u64) {
        let is_news = self.stored.insert(hour, mark) != Some(mark);
        self.note_change(is_news);
    }
}

/// An id as it is compared: there is one for all ways to write it.
pub(super) fn plain_id(id: &CgroupId) -> CgroupId {
    CgroupId { pod_uid: plain(&id.pod_uid), container_id: id.container_id.to_ascii_lowercase() }
}

/// A UID as it is compared: the drivers of cgroups write its dashes as underscores or leave them out.
fn plain(uid: &str) -> String {
    uid.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
