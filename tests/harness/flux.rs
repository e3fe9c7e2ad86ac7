//! Flux: the real kustomize-controller, with the harness in source-controller's place.

mod source;

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use self::source::Source;
use crate::kubernetes::Kubernetes;
use crate::process::{Launch, Process};
use crate::{OrFail, port, servers, wait};

/// The namespace Flux is installed to by default.
const NAMESPACE: &str = "flux-system";

/// The API of Flux's Kustomization.
const KUSTOMIZATION: (&str, &str) = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization");

/// A running Flux.
pub struct Flux {
    // The controller ends before what serves it.
    process: Process,
    source: Source,
    _folder: TempDir,
}

impl Flux {
    /// Installs Flux's kinds and starts it for all namespaces; every GitRepository is followed from then on.
    pub async fn start(kubernetes: &Kubernetes) -> Self {
        let folder = crate::folder("flux");
        for server in ["source-controller", "kustomize-controller"] {
            install_kinds(kubernetes, &servers::folder(server).join("config/crd/bases")).await;
        }
        kubernetes.namespace(NAMESPACE).await;
        let source = Source::start(kubernetes.kubeconfig(), &folder.path().join("sources"));
        let health = format!("127.0.0.1:{}", port::free());
        let program = servers::program("kustomize-controller", "kustomize-controller");
        let process = Launch::new("kustomize-controller", program)
            .home(folder.path())
            .env("KUBECONFIG", kubernetes.kubeconfig())
            .env("RUNTIME_NAMESPACE", NAMESPACE)
            .env("TMPDIR", folder.path())
            .args(["--watch-all-namespaces", "--enable-leader-election=false", "--log-level=info"])
            .flag("--health-addr", &health)
            .flag("--metrics-addr", format!("127.0.0.1:{}", port::free()))
            .args(["--kube-api-qps=200", "--kube-api-burst=400"])
            .spawn(folder.path());
        process.until_healthy(&format!("http://{health}/readyz")).await;
        Self { process, source, _folder: folder }
    }

    /// From now on, reads a GitRepository of this URL from a folder: for bare repositories without a server.
    pub fn read_from(&self, url: &str, folder: &Path) {
        self.source.read_from(url, folder);
    }

    /// Applies a GitRepository (namespace, name) of a branch.
    pub async fn git_repository(
        &self,
        kubernetes: &Kubernetes,
        (namespace, name): (&str, &str),
        url: &str,
        branch: &str,
    ) {
        let object = format!(
            r"apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {{namespace: {namespace}, name: {name}}}
spec:
  interval: 1m
  url: {url}
  ref: {{branch: {branch}}}
"
        );
        kubernetes.apply(&object).await;
    }

    /// Applies a Kustomization (namespace, name) of a path in a GitRepository of the same namespace.
    pub async fn kustomization(
        &self,
        kubernetes: &Kubernetes,
        (namespace, name): (&str, &str),
        repository: &str,
        path: &str,
    ) {
        let object = format!(
            r"apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{namespace: {namespace}, name: {name}}}
spec:
  interval: 1m
  retryInterval: 2s
  prune: true
  path: {path}
  sourceRef: {{kind: GitRepository, name: {repository}}}
"
        );
        kubernetes.apply(&object).await;
    }

    /// Waits until a Kustomization is ready and has applied a commit.
    pub async fn until_applied(
        &self,
        kubernetes: &Kubernetes,
        (namespace, name): (&str, &str),
        commit: &str,
    ) {
        let revision = format!("@sha1:{commit}");
        kubernetes
            .until(KUSTOMIZATION, (namespace, name), wait::RECONCILE, |object| {
                let status = &object.data["status"];
                let applied = status["lastAppliedRevision"].as_str().unwrap_or_default();
                let conditions = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
                let ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
                applied.ends_with(&revision) && conditions.iter().any(ready)
            })
            .await;
    }

    /// The process of kustomize-controller.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

async fn install_kinds(kubernetes: &Kubernetes, folder: &Path) {
    for entry in std::fs::read_dir(folder).or_fail("list Flux's kinds") {
        let path = entry.or_fail("list Flux's kinds").path();
        let yaml = std::fs::read_to_string(path).or_fail("read one of Flux's kinds");
        kubernetes.apply(&yaml).await;
    }
}
