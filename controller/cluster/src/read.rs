//! One object of the API into one small value. Pure: no object can stop another, and none can be larger than its limits.

mod bounds;
mod flux;
mod gitops;
mod java;
mod nodes;
mod object;
mod pods;
mod policies;
mod scalers;
mod template;
mod vertical_scalers;
mod workloads;

use std::sync::Arc;

use kube::core::DynamicObject;
use kubeopt_model::{ClusterName, Problem};

use crate::codes;
use crate::error::shortened;
use crate::kinds::Watched;
use crate::seen::{Reading, Seen};
use object::{Object, Unreadable};

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
