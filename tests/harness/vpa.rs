//! The recommender of the Vertical Pod Autoscaler, which learns from the history in a Prometheus.

use serde_json::Value;
use tempfile::TempDir;

use crate::kubernetes::Kubernetes;
use crate::process::{Launch, Process};
use crate::prometheus::Prometheus;
use crate::{OrFail, port, servers, wait};

/// The kind that says what to recommend for, and then holds what is recommended.
pub const VPA: (&str, &str) = ("autoscaling.k8s.io/v1", "VerticalPodAutoscaler");

/// Adds the recommender's kinds to the API server.
pub async fn install_kinds(kubernetes: &Kubernetes) {
    let path = servers::folder("vpa-recommender").join("deploy/vpa-v1-crd-gen.yaml");
    let yaml = std::fs::read_to_string(path).or_fail("read the kinds of the Vertical Pod Autoscaler");
    kubernetes.apply(&yaml).await;
}

/// A running recommender.
pub struct Recommender {
    process: Process,
    _folder: TempDir,
}

impl Recommender {
    /// Starts the recommender, which reads the last 8 days out of Prometheus at a resolution (`15m`) and from then on
    /// writes its recommendations every second.
    ///
    /// How it computes is as its project sets it, but for the least that a pod is given: it may get less than 25m and 250Mi.
    pub fn start(kubernetes: &Kubernetes, prometheus: &Prometheus, resolution: &str) -> Self {
        let folder = crate::folder("vpa-recommender");
        let process = Launch::new("vpa-recommender", servers::program("vpa-recommender", "vpa-recommender"))
            .home(folder.path())
            .flag("--kubeconfig", kubernetes.kubeconfig())
            .args(["--kube-api-qps=200", "--kube-api-burst=400"])
            .flag("--address", format!("127.0.0.1:{}", port::free()))
            .arg("--storage=prometheus")
            .flag("--prometheus-address", prometheus.url())
            .flag("--history-resolution", resolution)
            // Its default is without a range, and answered by what it then refuses.
            .flag("--metric-for-pod-labels", r#"up{job="kubernetes-pods"}[8d]"#)
            .arg("--recommender-interval=1s")
            .args(["--pod-recommendation-min-cpu-millicores=0", "--pod-recommendation-min-memory-mb=0"])
            .spawn(folder.path());
        Self { process, _folder: folder }
    }

    /// Waits for what is recommended for the only container of a VerticalPodAutoscaler: CPU, then memory, as written.
    pub async fn target(&self, kubernetes: &Kubernetes, namespace: &str, name: &str) -> (String, String) {
        let target = |object: &Value| {
            object["status"]["recommendation"]["containerRecommendations"][0]["target"].clone()
        };
        let object = kubernetes
            .until(VPA, (namespace, name), wait::RECONCILE, |object| target(&object.data)["cpu"].is_string())
            .await;
        let target = target(&object.data);
        let text = |resource: &str| target[resource].as_str().unwrap_or_default().to_owned();
        (text("cpu"), text("memory"))
    }

    /// The recommender's process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
