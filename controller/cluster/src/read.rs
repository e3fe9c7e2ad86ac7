//! One object of the API into one small value. Pure: no object can stop another, and none can be larger than its limits.

mod bounds;
mod flux;
mod gitops;
mod java;
mod nodes;
mod pods;
mod policies;
mod scalers;
mod template;
mod vertical_scalers;
mod workloads;

use std::collections::BTreeMap;
use std::sync::Arc;

use kube::core::DynamicObject;
use kubeopt_model::{
    ClusterName, InvalidName, InvalidQuantity, Namespace, ObjectName, Problem, WorkloadId, WorkloadKind,
};
use serde::de::DeserializeOwned;

use crate::codes;
use crate::error::shortened;
use crate::kinds::Watched;
use crate::seen::{Marks, Owner, Reading, Seen};

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
pub(crate) enum Unreadable {
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

/// Reads an object of a kind, or says why it is quarantined.
pub(crate) fn read(kind: Watched, cluster: &ClusterName, object: DynamicObject) -> Reading {
    let namespace = object.metadata.namespace.clone();
    let name = object.metadata.name.clone().unwrap_or_default();
    let seen = seen(kind, cluster, object)
        .map_err(|why| Box::new(quarantined(kind, namespace.as_deref(), &name, &why)));
    Reading { namespace, name, seen: Arc::new(seen) }
}

fn quarantined(kind: Watched, namespace: Option<&str>, name: &str, why: &Unreadable) -> Problem {
    let place = match namespace {
        Some(namespace) => format!("{}/{namespace}/{name}", kind.resource()),
        None => format!("{}/{name}", kind.resource()),
    };
    let text = format!("{} is left out: {}", shortened(&place), shortened(&why.to_string()));
    Problem::new(codes::QUARANTINED, text, "correct the object in its source; all others are used meanwhile")
}

fn seen(kind: Watched, cluster: &ClusterName, object: DynamicObject) -> Result<Seen, Unreadable> {
    if kind == Watched::Policies {
        // Whatever is wrong with it, it is not left out: it may hold a guardrail.
        return Ok(policies::read(object));
    }
    let object = Object::check(kind, cluster, object)?;
    match kind {
        Watched::Deployments
        | Watched::StatefulSets
        | Watched::DaemonSets
        | Watched::Jobs
        | Watched::CronJobs
        | Watched::Rollouts => workloads::read(object, kind),
        Watched::ReplicaSets => Ok(Seen::ReplicaSet {
            owner: object.owner(),
            namespace: object.namespace()?,
            name: object.name.clone(),
        }),
        Watched::Pods => pods::read(&object),
        Watched::Nodes => nodes::read(&object),
        Watched::Scalers => scalers::read(&object),
        Watched::VerticalScalers => vertical_scalers::read(&object),
        Watched::LimitRanges => bounds::read_limit_range(&object),
        Watched::Quotas => bounds::read_quota(&object),
        Watched::Kustomizations => flux::read_kustomization(&object),
        Watched::GitRepositories => flux::read_git_repository(&object),
        Watched::HelmReleases
        | Watched::HelmCharts
        | Watched::HelmRepositories
        | Watched::OciRepositories
        | Watched::ExternalArtifacts
        | Watched::ArtifactGenerators
        | Watched::Applications
        | Watched::ApplicationSets
        | Watched::ArgoSettings => gitops::read(object, kind),
        Watched::Policies => Ok(Seen::Nothing),
    }
}

/// An object whose name, labels and annotations are within the rules.
struct Object {
    cluster: ClusterName,
    namespace: Option<Namespace>,
    name: ObjectName,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    marks: Marks,
    /// Of a static pod the hash of its manifest.
    uid: String,
    owners: Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference>,
    data: serde_json::Value,
}

impl Object {
    fn check(kind: Watched, cluster: &ClusterName, object: DynamicObject) -> Result<Self, Unreadable> {
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

    fn namespace(&self) -> Result<Namespace, Unreadable> {
        self.namespace.clone().ok_or(Unreadable::Missing("namespace"))
    }

    /// The object as a workload.
    fn workload_id(&self, kind: WorkloadKind) -> Result<WorkloadId, Unreadable> {
        Ok(WorkloadId {
            cluster: self.cluster.clone(),
            namespace: self.namespace()?,
            kind,
            name: self.name.clone(),
        })
    }

    /// A workload that the object refers to, in its own namespace; none where the kind is not one that is sized.
    fn refers_to(&self, api_version: Option<&str>, kind: &str, name: &str) -> Option<WorkloadId> {
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
    fn owner(&self) -> Owner {
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
    fn foreign_controller(&self) -> Option<(String, String)> {
        let owner = self.owners.iter().find(|owner| owner.controller == Some(true))?;
        let foreign = self.owner() == Owner::Other;
        foreign.then(|| (shortened(&owner.kind), shortened(&owner.name)))
    }

    /// `spec` or `status`.
    fn part<T: DeserializeOwned>(&self, part: &'static str) -> Result<T, Unreadable> {
        let value = self.data.get(part).ok_or(Unreadable::Missing(part))?;
        T::deserialize(value).map_err(|source| Unreadable::Shape { part, source })
    }

    /// As [`Object::part`], where an absent part is as good as an empty one.
    fn part_or_empty<T: DeserializeOwned + Default>(&self, part: &'static str) -> Result<T, Unreadable> {
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
fn count(number: i64) -> u32 {
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
pub(crate) mod testing {
    //! Objects for tests, written as JSON.

    use super::*;

    pub(crate) fn cluster() -> ClusterName {
        ClusterName::new("test").unwrap()
    }

    /// Reads JSON as an object of a kind.
    pub(crate) fn read_json(kind: Watched, json: serde_json::Value) -> Result<Seen, Box<Problem>> {
        let object: DynamicObject = serde_json::from_value(json).unwrap();
        Arc::unwrap_or_clone(read(kind, &cluster(), object).seen)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::testing::read_json;
    use super::*;

    fn deployment(metadata: serde_json::Value, cpu: &str) -> Result<Seen, Box<Problem>> {
        let containers = json!([{"name": "app", "resources": {"requests": {"cpu": cpu}}}]);
        read_json(
            Watched::Deployments,
            json!({"metadata": metadata, "spec": {"template": {"spec": {"containers": containers}}}}),
        )
    }

    #[test]
    fn what_breaks_a_rule_is_quarantined_with_its_reason() {
        let named = |name: &str| json!({"name": name, "namespace": "shop"});
        let cases = [
            (
                deployment(named("web"), "abc"),
                "requests.cpu of container app: `abc` is not a Kubernetes quantity",
            ),
            (deployment(named("../web"), "1"), "`../web` is not a valid object name"),
            (deployment(json!({"name": "web"}), "1"), "it has no namespace"),
            (deployment(json!({"name": "web", "namespace": "a`b"}), "1"), "`a`b` is not a valid namespace"),
            (
                deployment(
                    json!({"name": "web", "namespace": "shop", "annotations": {"x/y": "x".repeat(10 << 20)}}),
                    "1",
                ),
                "its annotations take 10485763 bytes, more than 262144",
            ),
            (
                deployment(
                    json!({"name": "web", "namespace": "shop", "annotations": {"kubeopt.dev/x": "x".repeat(5000)}}),
                    "1",
                ),
                "its annotations under kubeopt.dev/ take 5013 bytes",
            ),
            (
                read_json(Watched::Deployments, json!({"metadata": named("web"), "spec": {"template": 7}})),
                "its spec cannot be read",
            ),
            (read_json(Watched::Deployments, json!({"metadata": named("web")})), "it has no spec"),
        ];
        for (seen, reason) in cases {
            let problem = seen.unwrap_err();
            assert_eq!(problem.code, codes::QUARANTINED);
            assert!(problem.text.contains(reason), "{} does not say {reason}", problem.text);
            assert!(problem.text.len() < 1000);
        }
    }

    #[test]
    fn only_annotations_for_kubeopt_are_kept() {
        let metadata = json!({"name": "web", "namespace": "shop", "labels": {"app": "web"},
            "annotations": {"kubeopt.dev/enabled": "false", "kubectl.kubernetes.io/last-applied-configuration": "{}"}});
        let Seen::Workload(workload, _) = deployment(metadata, "250m").unwrap() else {
            panic!("not a workload")
        };
        assert_eq!(
            workload.annotations.into_iter().collect::<Vec<_>>(),
            [("kubeopt.dev/enabled".to_owned(), "false".to_owned())]
        );
        assert_eq!(workload.labels.get("app").map(String::as_str), Some("web"));
    }

    proptest::proptest! {
        #[test]
        fn no_object_panics(name in ".{0,12}", cpu in ".{0,12}", key in "(spec|template|containers|requests|x)", depth in 0_usize..4) {
            let mut value = json!({"cpu": cpu, "name": name, key.as_str(): [1, null, cpu]});
            for part in ["containers", "spec", "template"].iter().cycle().take(depth) {
                value = json!({*part: value, "name": 1});
            }
            for kind in Watched::ALL {
                let object = json!({"metadata": {"name": name, "namespace": "shop"}, "spec": value, "status": value});
                let problems = read_json(kind, object).err().map_or(0, |problem| problem.text.len());
                proptest::prop_assert!(problems < 2000);
            }
        }
    }
}
