//! kwok: nodes without machines, on which pods run at once and use nothing.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::kubernetes::Kubernetes;
use crate::process::{Launch, Process};
use crate::{OrFail, port, servers, wait};

/// What kwok does to nodes and pods: nodes become ready and stay so, pods run and stop at once.
const STAGES: [&str; 3] = ["node/fast", "node/heartbeat-with-lease", "pod/fast"];

/// A running kwok.
pub struct Kwok {
    process: Process,
    _folder: TempDir,
}

impl Kwok {
    /// Starts kwok for a control plane; it manages every node.
    pub async fn start(kubernetes: &Kubernetes) -> Self {
        let folder = crate::folder("kwok");
        let address = format!("127.0.0.1:{}", port::free());
        let mut launch = Launch::new("kwok", servers::program("kwok", "kwok"))
            .home(folder.path())
            .flag("--kubeconfig", kubernetes.kubeconfig())
            .arg("--manage-all-nodes=true")
            .flag("--server-address", &address)
            // The time a node counts as alive without a word; kwok renews each lease in a quarter of it.
            .arg("--node-lease-duration-seconds=40");
        for stage in stages() {
            launch = launch.flag("--config", stage);
        }
        let process = launch.spawn(folder.path());
        process.until_healthy(&format!("http://{address}/healthz")).await;
        Self { process, _folder: folder }
    }

    /// Makes `count` nodes of one size (CPU, memory), named `node-0` and so on, and waits until they are ready.
    pub async fn nodes(&self, kubernetes: &Kubernetes, count: usize, size: (&str, &str)) {
        self.nodes_of_type(kubernetes, count, size, "node", "harness.standard").await;
    }

    /// Makes nodes named `prefix-0` and so on that carry the label of an instance type.
    pub async fn nodes_of_type(
        &self,
        kubernetes: &Kubernetes,
        count: usize,
        (cpu, memory): (&str, &str),
        prefix: &str,
        instance: &str,
    ) {
        for number in 0..count {
            kubernetes.apply(&node(&format!("{prefix}-{number}"), cpu, memory, instance)).await;
        }
        for number in 0..count {
            let name = format!("{prefix}-{number}");
            kubernetes
                .until(("v1", "Node"), ("", &name), wait::START, |node| {
                    let conditions = node.data["status"]["conditions"].as_array();
                    let ready = |c: &serde_json::Value| c["type"] == "Ready" && c["status"] == "True";
                    conditions.is_some_and(|all| all.iter().any(ready))
                })
                .await;
        }
    }

    /// The server's process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

fn stages() -> Vec<PathBuf> {
    let root = servers::folder("kwok").join("kustomize/stage");
    let mut files: Vec<PathBuf> = STAGES.iter().flat_map(|stage| stage_files(&root.join(stage))).collect();
    files.sort();
    files
}

fn stage_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).or_fail("list kwok's stages");
    entries
        .map(|entry| entry.or_fail("list kwok's stages").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .filter(|path| path.file_name().is_some_and(|name| name != "kustomization.yaml"))
        .collect()
}

fn node(name: &str, cpu: &str, memory: &str, instance: &str) -> String {
    format!(
        r#"apiVersion: v1
kind: Node
metadata:
  name: {name}
  labels:
    kubernetes.io/hostname: {name}
    kubernetes.io/os: linux
    kubernetes.io/arch: amd64
    node.kubernetes.io/instance-type: {instance}
    topology.kubernetes.io/region: local
    topology.kubernetes.io/zone: local-a
    type: kwok
status:
  allocatable: {{cpu: "{cpu}", memory: "{memory}", pods: "250"}}
  capacity: {{cpu: "{cpu}", memory: "{memory}", pods: "250"}}
"#
    )
}
