//! One object of the API whose name, labels and annotations are within the rules, and why one is left out.

use std::collections::BTreeMap;

use kube::core::DynamicObject;
use kubeopt_model::{
    ClusterName, InvalidName, InvalidQuantity, Namespace, ObjectName, WorkloadId, WorkloadKind,
};
use serde::de::DeserializeOwned;

use crate::error::shortened;
use crate::kinds::Watched;
use crate::seen::{Marks, Owner};

/// All annotations of one object together: the limit of Kubernetes itself (`TotalAnnotationSizeLimitB` in
/// `k8s.io/apimachinery/pkg/api/validation/objectmeta.go`). Only a broken or hostile API server sends more.
const ANNOTATIONS_BYTES_MAX: usize = 256 * 1024;

/// All annotations under `kubeopt.dev/` of one object together: a few words each is what they are for.
const OWN_ANNOTATIONS_BYTES_MAX: usize = 4 * 1024;

/// All labels of one object together. Kubernetes bounds one label (317 + 63 bytes) and not their number; real objects
/// carry a dozen.
const LABELS_BYTES_MAX: usize = 32 * 1024;

/// Annotations with this prefix are meant for kubeopt; no other is kept.
const OWN_PREFIX: &str = "kubeopt.dev/";

/// What Argo CD leaves on what it applies: which Application, and which object it meant.
const ARGO_TRACKING: &str = "argocd.argoproj.io/tracking-id";

/// Which installation of Argo CD applied it, where installations share a cluster.
const ARGO_INSTALLATION: &str = "argocd.argoproj.io/installation-id";

/// The hash of a static pod's manifest, which its cgroup is called by; the UID of its mirror is another.
const STATIC_POD_HASH: &str = "kubernetes.io/config.hash";

/// Why an object is left out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("{0}")]
    Name(#[from] InvalidName),
    #[error("{field}: {source}")]
    Quantity { field: String, source: InvalidQuantity },
    #[error("its {part} cannot be read: {source}")]
    Shape { part: &'static str, source: serde_json::Error },
    #[error("its {what} take {have} bytes, more than {most}")]
    TooLarge { what: &'static str, have: usize, most: usize },
    #[error("it has no {0}")]
    Missing(&'static str),
}

/// An object whose name, labels and annotations are within the rules.
pub(super) struct Object {
    pub(super) cluster: ClusterName,
    pub(super) namespace: Option<Namespace>,
    pub(super) name: ObjectName,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) marks: Marks,
    /// Of a static pod the hash of its manifest.
    pub(super) uid: String,
    pub(super) owners: Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference>,
    pub(super) data: serde_json::Value,
}

impl Object {
    pub(super) fn check(
        kind: Watched,
        cluster: &ClusterName,
        object: DynamicObject,
    ) -> Result<Self, Unreadable> {
        let metadata = object.metadata;
        let mut annotations = metadata.annotations.unwrap_or_default();
        let labels = metadata.labels.unwrap_or_default();
        within("annotations", &annotations, ANNOTATIONS_BYTES_MAX)?;
        within("labels", &labels, LABELS_BYTES_MAX)?;
        let marks = Marks {
            tracking: annotations.remove(ARGO_TRACKING),
            installation: annotations.remove(ARGO_INSTALLATION),
        };
        let uid = annotations.remove(STATIC_POD_HASH).or(metadata.uid).unwrap_or_default();
        let own: BTreeMap<_, _> =
            annotations.into_iter().filter(|(key, _)| key.starts_with(OWN_PREFIX)).collect();
        within("annotations under kubeopt.dev/", &own, OWN_ANNOTATIONS_BYTES_MAX)?;
        let namespace = match metadata.namespace {
            Some(namespace) if kind.is_namespaced() => Some(Namespace::new(namespace)?),
            _ => None,
        };
        Ok(Self {
            cluster: cluster.clone(),
            namespace,
            name: ObjectName::new(metadata.name.ok_or(Unreadable::Missing("name"))?)?,
            labels,
            annotations: own,
            marks,
            uid,
            owners: metadata.owner_references.unwrap_or_default(),
            data: object.data,
        })
    }

    pub(super) fn namespace(&self) -> Result<Namespace, Unreadable> {
        self.namespace.clone().ok_or(Unreadable::Missing("namespace"))
    }

    /// The object as a workload.
    pub(super) fn workload_id(&self, kind: WorkloadKind) -> Result<WorkloadId, Unreadable> {
        Ok(WorkloadId {
            cluster: self.cluster.clone(),
            namespace: self.namespace()?,
            kind,
            name: self.name.clone(),
        })
    }

    /// A workload that the object refers to, in its own namespace; none where the kind is not one that is sized.
    pub(super) fn refers_to(&self, api_version: Option<&str>, kind: &str, name: &str) -> Option<WorkloadId> {
        let group = api_version.and_then(|version| version.split_once('/')).map_or("", |(group, _)| group);
        let kind = WorkloadKind::ALL.into_iter().find(|k| (k.as_str(), k.api_group()) == (kind, group))?;
        Some(WorkloadId {
            cluster: self.cluster.clone(),
            namespace: self.namespace.clone()?,
            kind,
            name: ObjectName::new(name).ok()?,
        })
    }

    /// The owner that controls the object; the others only keep it alive.
    pub(super) fn owner(&self) -> Owner {
        let Some(owner) = self.owners.iter().find(|owner| owner.controller == Some(true)) else {
            return Owner::Other;
        };
        if owner.kind == "ReplicaSet" && owner.api_version.starts_with("apps/") {
            return ObjectName::new(owner.name.as_str()).map_or(Owner::Other, Owner::ReplicaSet);
        }
        self.refers_to(Some(&owner.api_version), &owner.kind, &owner.name)
            .map_or(Owner::Other, Owner::Workload)
    }

    /// The controller, where it is an object of a kind that kubeopt does not size: kind and name.
    pub(super) fn foreign_controller(&self) -> Option<(String, String)> {
        let owner = self.owners.iter().find(|owner| owner.controller == Some(true))?;
        let foreign = self.owner() == Owner::Other;
        foreign.then(|| (shortened(&owner.kind), shortened(&owner.name)))
    }

    /// `spec` or `status`.
    pub(super) fn part<T: DeserializeOwned>(&self, part: &'static str) -> Result<T, Unreadable> {
        let value = self.data.get(part).ok_or(Unreadable::Missing(part))?;
        T::deserialize(value).map_err(|source| Unreadable::Shape { part, source })
    }

    /// As [`Object::part`], where an absent part is as good as an empty one.
    pub(super) fn part_or_empty<T: DeserializeOwned + Default>(
        &self,
        part: &'static str,
    ) -> Result<T, Unreadable> {
        match self.data.get(part) {
            None | Some(serde_json::Value::Null) => Ok(T::default()),
            Some(_) => self.part(part),
        }
    }
}

fn within(what: &'static str, texts: &BTreeMap<String, String>, most: usize) -> Result<(), Unreadable> {
    let have = texts.iter().map(|(key, value)| key.len() + value.len()).sum();
    if have > most { Err(Unreadable::TooLarge { what, have, most }) } else { Ok(()) }
}

/// A count that the API gives as a signed number; a negative one is none.
pub(super) fn count(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}
