//! Pods: waiting for them, and the kubelet's part that kwok does not play.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;

use super::Kubernetes;
use crate::{OrFail, wait};

impl Kubernetes {
    /// Waits until exactly `count` pods of a namespace match `labels` (`app=shop,tier=web`; empty for
    /// all), each running and none on its way out, and gives them.
    pub async fn running_pods(
        &self,
        namespace: &str,
        labels: &str,
        count: usize,
        deadline: Duration,
    ) -> Vec<Pod> {
        let pods: Api<Pod> = Api::namespaced(self.client().await, namespace);
        let query = ListParams::default().labels(labels);
        let what = format!("{count} running pods in {namespace} ({labels})");
        wait::until(&what, deadline, async || {
            let found = pods.list(&query).await.map_err(|error| crate::chain(&error))?.items;
            let running = found.iter().filter(|pod| is_running(pod)).count();
            let as_wanted = running == count && found.len() == count;
            as_wanted.then_some(found).ok_or_else(|| format!("{running} running so far"))
        })
        .await
    }

    /// Writes the ids that a container runtime gives: containers on kwok's nodes have none. `id_of` makes 64 hexadecimal
    /// digits of a container's name.
    pub async fn name_containers(&self, namespace: &str, pod: &str, id_of: impl Fn(&str) -> String) {
        let pods: Api<Pod> = Api::namespaced(self.client().await, namespace);
        let before = pods.get(pod).await.or_fail(&format!("read pod {namespace}/{pod}"));
        let mut statuses =
            before.status.and_then(|status| status.container_statuses).expect("a running pod has statuses");
        for status in &mut statuses {
            status.container_id = Some(format!("containerd://{}", id_of(&status.name)));
        }
        let patch = Patch::Merge(json!({ "status": { "containerStatuses": statuses } }));
        pods.patch_status(pod, &PatchParams::default(), &patch)
            .await
            .or_fail(&format!("write the status of pod {namespace}/{pod}"));
    }

    /// Writes what a kubelet writes when a container is killed for want of memory and started again.
    pub async fn kill_for_memory(&self, namespace: &str, pod: &str, container: &str) {
        let pods: Api<Pod> = Api::namespaced(self.client().await, namespace);
        let before = pods.get(pod).await.or_fail(&format!("read pod {namespace}/{pod}"));
        let mut statuses =
            before.status.clone().and_then(|status| status.container_statuses).unwrap_or_default();
        let status = statuses
            .iter_mut()
            .find(|status| status.name == container)
            .expect("a container to kill has a status: wait for the pod to run first");
        let killed = status.state.take().and_then(|state| state.running).and_then(|run| run.started_at);
        let now = json!(k8s_openapi::jiff::Timestamp::now().to_string());
        let started = killed.map_or_else(|| now.clone(), |at| json!(at));
        let mut value = json!(status);
        value["restartCount"] = json!(status.restart_count + 1);
        value["state"] = json!({ "running": { "startedAt": now } });
        value["lastState"] = json!({ "terminated": {
            "exitCode": 137, "reason": "OOMKilled", "startedAt": started, "finishedAt": now,
        }});
        let all: Vec<_> = statuses
            .iter()
            .map(|other| if other.name == container { value.clone() } else { json!(other) })
            .collect();
        let patch = Patch::Merge(json!({ "status": { "containerStatuses": all } }));
        pods.patch_status(pod, &PatchParams::default(), &patch)
            .await
            .or_fail(&format!("write the status of pod {namespace}/{pod}"));
    }
}

fn is_running(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    phase == Some("Running") && pod.metadata.deletion_timestamp.is_none()
}
