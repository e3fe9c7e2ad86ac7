//! Pods: what joins usage to workloads, what they run with, and OOM kills.

use kubeopt_model::cluster::{Pod, PodCgroups, PodOomKill};
use kubeopt_model::{Bytes, ContainerName, Resources};

use super::object::{Object, Unreadable};
use super::template;
use crate::seen::Seen;
use crate::wire;

/// The reason of a container that the kernel ended for memory, as the kubelet writes it.
const OOM_KILLED: &str = "OOMKilled";

/// Longest id of a container; those of containerd, CRI-O and Docker have 64 digits.
const ID_CHARS_MAX: usize = 128;

/// Reads a pod; which workload it belongs to is joined later.
pub(super) fn read(object: &Object) -> Result<Seen, Unreadable> {
    let spec: wire::PodSpec = object.part("spec")?;
    let status: wire::PodStatus = object.part_or_empty("status")?;
    let running: Vec<(ContainerName, Resources)> = template::containers(&spec)?
        .into_iter()
        .map(|container| (container.name, container.resources))
        .collect();
    let pod = Pod {
        namespace: object.namespace()?,
        name: object.name.to_string(),
        workload: None,
        node: spec.node_name,
        ready: status
            .conditions
            .iter()
            .any(|condition| condition.kind == "Ready" && condition.status == "True"),
        started_unix_s: status.start_time.map(jiff::Timestamp::as_second),
        oom_kills: oom_kills(&status, &running)?,
        running,
        cgroups: cgroups(object, &status),
    };
    Ok(Seen::Pod(Box::new(pod), object.owner()))
}

/// What the node calls the pod and its containers. An id or a name that cannot be one is left out: it joins nothing.
fn cgroups(object: &Object, status: &wire::PodStatus) -> PodCgroups {
    let mut containers = Vec::new();
    for container in status.init_container_statuses.iter().chain(&status.container_statuses) {
        let Ok(name) = ContainerName::new(container.name.as_str()) else { continue };
        let ended = [&container.last_state, &container.state]
            .into_iter()
            .filter_map(|state| state.terminated.as_ref());
        let ids = ended.map(|end| &end.container_id).chain([&container.container_id]);
        for id in ids.flatten().filter_map(|text| id_of(text)).map(str::to_owned) {
            if !containers.iter().any(|(known, _)| *known == id) {
                containers.push((id, name.clone()));
            }
        }
    }
    PodCgroups { uid: object.uid.clone(), containers }
}

/// The id in `containerd://4a6b...`.
fn id_of(text: &str) -> Option<&str> {
    let (_runtime, id) = text.split_once("://")?;
    (!id.is_empty() && id.len() <= ID_CHARS_MAX && id.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)
}

/// A container tells of its last end and, while it has not started again, of its present one: at most two kills each.
fn oom_kills(
    status: &wire::PodStatus,
    running: &[(ContainerName, Resources)],
) -> Result<Vec<PodOomKill>, Unreadable> {
    let mut kills = Vec::new();
    for container in status.init_container_statuses.iter().chain(&status.container_statuses) {
        let ends = [&container.last_state, &container.state]
            .into_iter()
            .filter_map(|state| state.terminated.as_ref());
        for end in ends.filter(|end| end.reason.as_deref() == Some(OOM_KILLED)) {
            // An end without its time cannot be told from one that is known already.
            let Some(at) = end.finished_at else { continue };
            let name = ContainerName::new(container.name.as_str())?;
            let limit = memory_limit(running, &name);
            kills.push(PodOomKill { container: name, at_unix_s: at.as_second(), limit });
        }
    }
    Ok(kills)
}

fn memory_limit(running: &[(ContainerName, Resources)], container: &ContainerName) -> Option<Bytes> {
    running.iter().find(|(name, _)| name == container).and_then(|(_, resources)| resources.limits.memory)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::Watched;
    use crate::read::testing::read_json;
    use crate::seen::Owner;

    fn pod(owners: Value, status: Value) -> (Pod, Owner) {
        let object = json!({
            "metadata": {"name": "db-0", "namespace": "shop", "ownerReferences": owners},
            "spec": {"nodeName": "n1", "containers": [
                {"name": "db", "resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}}]},
            "status": status,
        });
        match read_json(Watched::Pods, object) {
            Ok(Seen::Pod(pod, owner)) => (*pod, owner),
            other => panic!("not a pod: {other:?}"),
        }
    }

    #[test]
    fn oom_kills_come_from_the_last_and_the_present_end() {
        let killed =
            |at: &str| json!({"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": at}});
        let status = json!({
            "startTime": "2026-01-01T00:00:00Z",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [
                {"name": "db", "state": killed("2026-01-02T00:00:10Z"), "lastState": killed("2026-01-02T00:00:00Z")},
                {"name": "gone", "lastState": {"terminated": {"reason": "Error", "finishedAt": "2026-01-02T00:00:00Z"}}},
                {"name": "injected", "lastState": {"terminated": {"reason": "OOMKilled"}}},
            ],
        });
        let (pod, _) = pod(json!([]), status);
        assert_eq!(
            pod.oom_kills.iter().map(|kill| kill.at_unix_s).collect::<Vec<_>>(),
            [1_767_312_000, 1_767_312_010]
        );
        assert!(pod.oom_kills.iter().all(|kill| kill.limit == Some(Bytes::mebi(2048))));
        assert_eq!(
            (pod.ready, pod.started_unix_s, pod.node.as_deref()),
            (true, Some(1_767_225_600), Some("n1"))
        );
        assert_eq!(pod.running[0].1.requests.memory, Some(Bytes::mebi(1024)));
    }

    #[test]
    fn what_the_node_calls_containers_is_told_of_those_that_ended_too() {
        let (running, before, init) = ("a".repeat(64), "b".repeat(64), "c".repeat(64));
        let status = json!({
            "initContainerStatuses": [
                {"name": "wait", "state": {"terminated": {"reason": "Completed", "containerID": format!("containerd://{init}")}},
                 "containerID": format!("containerd://{init}")}],
            "containerStatuses": [
                {"name": "db", "containerID": format!("containerd://{running}"),
                 "lastState": {"terminated": {"reason": "Error", "containerID": format!("containerd://{before}")}}},
                {"name": "waiting", "containerID": ""},
                {"name": "odd", "containerID": "containerd://../../etc"},
            ],
        });
        let of = |metadata: Value| {
            let mut object = json!({"metadata": {"name": "db-0", "namespace": "shop", "uid": "1-2-3"},
                "spec": {"containers": []}, "status": status});
            object["metadata"].as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
            match read_json(Watched::Pods, object) {
                Ok(Seen::Pod(pod, _)) => pod.cgroups,
                other => panic!("not a pod: {other:?}"),
            }
        };
        let told = of(json!({}));
        let told: Vec<(&str, &str)> =
            told.containers.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
        assert_eq!(told, [(init.as_str(), "wait"), (before.as_str(), "db"), (running.as_str(), "db")]);
        assert_eq!(of(json!({})).uid, "1-2-3");
        let hash = json!({"annotations": {"kubernetes.io/config.hash": "0f0f"}});
        assert_eq!(of(hash).uid, "0f0f", "the kubelet names the cgroup of a static pod so");
    }

    #[test]
    fn only_the_controlling_owner_counts() {
        let owner = |group: &str, kind: &str, controller: bool| json!([{"apiVersion": format!("{group}/v1"), "kind": kind, "name": "db", "uid": "1", "controller": controller}]);
        let of = |owners| pod(owners, Value::Null).1;
        assert!(
            matches!(of(owner("apps", "StatefulSet", true)), Owner::Workload(id) if id.short() == "sts/db")
        );
        assert!(matches!(of(owner("apps", "ReplicaSet", true)), Owner::ReplicaSet(_)));
        assert_eq!(of(owner("apps", "StatefulSet", false)), Owner::Other);
        assert_eq!(of(owner("example.com", "StatefulSet", true)), Owner::Other);
        assert_eq!(of(owner("example.com", "ReplicaSet", true)), Owner::Other);
    }
}
