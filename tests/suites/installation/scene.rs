//! What a story plays on: the deployments of a repository, their usage, and what kubeopt has to make of them.

use k8s_openapi::api::core::v1::Pod;
use kubeopt_tests::usage::{Container, Shape, Usage};

const DAY_S: i64 = 86_400;

/// A field of the marker: container, field, before, after.
pub(crate) type Marked = (&'static str, &'static str, &'static str, &'static str);

/// Deployment, container, and its requests (CPU, memory).
pub(crate) type Requests = (&'static str, &'static str, (&'static str, &'static str));

/// One repository's part of a test.
pub(crate) struct Scene {
    /// The namespace of all workloads.
    pub(crate) namespace: &'static str,
    /// Deployments and their replicas; their pods carry the label `app`.
    pub(crate) deployments: Vec<(&'static str, usize)>,
    /// Cores and bytes that a container uses, always the same: what follows from them does not depend on the day.
    pub(crate) usage_of: fn(&str) -> (f64, f64),
    /// How the title of the pull request begins.
    pub(crate) title: &'static str,
    /// What the pull request has to change, and nothing else.
    pub(crate) diff: String,
    /// What the body has to say: the values, why, what is left alone, and the proof.
    pub(crate) body_parts: Vec<&'static str>,
    /// What the marker keeps.
    pub(crate) marked: Vec<Marked>,
    /// What is requested after the merge.
    pub(crate) requests_after: Vec<Requests>,
}

impl Scene {
    /// Fourteen days of usage before now: the live pods for the last three, pods of an earlier ReplicaSet before them.
    pub(super) fn usage(&self, pods: &[Pod]) -> Usage {
        let now = k8s_openapi::jiff::Timestamp::now().as_second();
        let (begin, rollout) = (now - 14 * DAY_S, now - 3 * DAY_S);
        let mut usage = Usage::days_before(14, now);
        for pod in pods {
            let name = pod.metadata.name.as_deref().expect("a running pod has a name");
            let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
            for container in containers {
                usage = usage
                    .container(self.used(name, &container.name).lived(rollout, now))
                    .container(self.used(&predecessor(name), &container.name).lived(begin, rollout));
            }
        }
        usage
    }

    pub(crate) fn used(&self, pod: &str, container: &str) -> Container {
        let (cores, bytes) = (self.usage_of)(container);
        Container::new(self.namespace, pod, container)
            .cpu(Shape::flat(cores))
            .memory(Shape::flat(bytes))
            .never_killed()
    }
}

/// A pod of the same Deployment that is gone: another ReplicaSet's hash, the same ending.
fn predecessor(pod: &str) -> String {
    let mut parts: Vec<&str> = pod.rsplitn(3, '-').collect();
    parts.reverse();
    let [deployment, _, ending] = parts[..] else { panic!("{pod} is not named by a Deployment") };
    format!("{deployment}-5d8c7b9f6d-{ending}")
}
