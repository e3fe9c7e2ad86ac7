//! Whose a cgroup is, also of pods that are gone, and which hours of it are stored: what has to outlive a restart.
//!
//! Names come from the cluster. What a node sends is looked up here and never added as a name.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kubeopt_model::agents::CgroupId;
use kubeopt_model::{ContainerName, Namespace, WorkloadId};
use serde::{Deserialize, Serialize};

use crate::owners::{Owner, PodOwners};

/// Of the file; another one is begun anew.
const VERSION: u32 = 1;

/// Pods that are remembered: 200 MB. A cluster of 10,000 pods that lives on Jobs sees as many in two days.
const PODS_MAX: usize = 200_000;

/// Containers of one pod that are remembered: a crash loop at its slowest restarts 12 times an hour.
const CONTAINERS_MAX: usize = 1000;

/// Ids without an owner that wait for one. A pod's sandbox has a cgroup of its own and never gets one.
const UNKNOWN_MAX: usize = 100_000;

const HOUR_S: i64 = 3600;

/// A pod, as the cluster showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownPod {
    pub(super) namespace: Namespace,
    pub(super) pod: String,
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
    /// Ids that nobody owned when they were read, with the hours that they were read of.
    #[serde(skip)]
    unknown: HashMap<CgroupId, BTreeSet<i64>>,
    #[serde(skip)]
    is_new: bool,
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

    /// The bytes of its file where something is not in it yet; none otherwise.
    pub(super) fn unwritten(&mut self) -> Option<Vec<u8>> {
        if !std::mem::take(&mut self.is_new) {
            return None;
        }
        self.version = VERSION;
        serde_json::to_vec(self).ok()
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
                self.is_new = true;
                let (namespace, pod) = (shown.namespace.clone(), shown.pod.clone());
                KnownPod { namespace, pod, owner: None, containers: BTreeMap::new(), last_unix_s: now_unix_s }
            });
            known.last_unix_s = known.last_unix_s.max(now_unix_s);
            if owner.is_some() && known.owner != owner {
                (known.owner, self.is_new) = (owner, true);
            }
            for (id, name) in &shown.cgroups.containers {
                let id = id.to_ascii_lowercase();
                if known.containers.contains_key(&id) || known.containers.len() >= CONTAINERS_MAX {
                    continue;
                }
                let waited =
                    self.unknown.remove(&CgroupId { pod_uid: uid.clone(), container_id: id.clone() });
                waited.into_iter().flatten().for_each(|hour| {
                    self.stored.remove(&hour);
                });
                let name = name.clone();
                known.containers.insert(id, KnownContainer { name, seen_unix_ms: None });
                self.is_new = true;
            }
        }
    }

    /// Forgets pods that the cluster has not shown since then, and hours before.
    pub(super) fn forget_before(&mut self, unix_s: i64) {
        let before = (self.pods.len(), self.stored.len());
        self.pods.retain(|_, pod| pod.last_unix_s >= unix_s);
        self.stored.retain(|hour, _| hour + HOUR_S > unix_s);
        self.unknown.retain(|_, hours| hours.last().is_some_and(|hour| hour + HOUR_S > unix_s));
        self.is_new |= before != (self.pods.len(), self.stored.len());
    }

    /// Whose a cgroup is.
    pub(super) fn resolve(&self, id: &CgroupId) -> Option<(&KnownPod, &ContainerName)> {
        let pod = self.pods.get(&plain(&id.pod_uid))?;
        let container = pod.containers.get(&id.container_id.to_ascii_lowercase())?;
        Some((pod, &container.name))
    }

    /// Notes when an agent saw a container first, and says whether it is one that took the place of another.
    pub(super) fn sight(&mut self, id: &CgroupId, seen_unix_ms: Option<i64>) -> bool {
        let Some(pod) = self.pods.get_mut(&plain(&id.pod_uid)) else { return false };
        let own = id.container_id.to_ascii_lowercase();
        let Some(container) = pod.containers.get_mut(&own) else { return false };
        let seen = seen_unix_ms.unwrap_or(0);
        let first = container.seen_unix_ms.map_or(seen, |known| known.min(seen));
        self.is_new |= container.seen_unix_ms != Some(first);
        container.seen_unix_ms = Some(first);
        let name = container.name.clone();
        let is_before = |other: &KnownContainer| {
            other.name == name && other.seen_unix_ms.is_some_and(|other| other < first)
        };
        pod.containers.iter().any(|(id, other)| *id != own && is_before(other))
    }

    /// Notes an id that nobody owns, read of this hour.
    pub(super) fn miss(&mut self, id: &CgroupId, hour: i64) {
        let id = CgroupId { pod_uid: plain(&id.pod_uid), container_id: id.container_id.to_ascii_lowercase() };
        if self.unknown.len() < UNKNOWN_MAX || self.unknown.contains_key(&id) {
            self.unknown.entry(id).or_default().insert(hour);
        }
    }

    /// Ids that nobody owns so far.
    pub(super) fn missed(&self) -> usize {
        self.unknown.len()
    }

    /// Whether an hour is stored as it is at this mark.
    pub(super) fn is_stored(&self, hour: i64, mark: u64) -> bool {
        self.stored.get(&hour) == Some(&mark)
    }

    /// Notes that an hour is stored as it was at this mark.
    pub(super) fn store(&mut self, hour: i64, mark: u64) {
        self.is_new |= self.stored.insert(hour, mark) != Some(mark);
    }
}

/// A UID as it is compared: the drivers of cgroups write its dashes as underscores or leave them out.
fn plain(uid: &str) -> String {
    uid.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
