//! Argo CD: the real repo-server and application-controller, set up as an installation in the cluster itself.
//!
//! There is no API server of Argo CD's own: Applications are objects, as they are for people who keep them in Git.

mod install;

use std::path::Path;

use kube::api::DynamicObject;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kubernetes::Kubernetes;
use crate::process::{Launch, Process};
use crate::redis::Redis;
use crate::{port, servers, wait};

/// The namespace that Argo CD is installed to by default, and the one of its Applications.
pub const NAMESPACE: &str = "argocd";

/// How Applications name the cluster that Argo CD runs in.
pub const IN_CLUSTER: &str = "https://kubernetes.default.svc";

/// The API of Argo CD's Application.
const APPLICATION: (&str, &str) = ("argoproj.io/v1alpha1", "Application");

/// A running Argo CD.
pub struct ArgoCd {
    // The controller ends before what serves it.
    controller: Process,
    repo_server: Process,
    redis: Redis,
    _folder: TempDir,
}

impl ArgoCd {
    /// Installs Argo CD's kinds and settings and starts it; every Application in its namespace is followed from then on.
    pub async fn start(kubernetes: &Kubernetes) -> Self {
        let folder = crate::folder("argocd");
        install::apply(kubernetes).await;
        let redis = Redis::start().await;
        let part = |name| part(name, folder.path()).flag("--redis", redis.address());

        let (port, health) = (port::free(), port::free());
        let repo_server = part("argocd-repo-server")
            .env("PATH", servers::path_with_renderers())
            .env("ARGOCD_PLUGINSOCKFILEPATH", folder.path())
            .env("ARGOCD_ASK_PASS_SOCK", folder.path().join("ask-pass"))
            .args(["--address=127.0.0.1", "--metrics-address=127.0.0.1", "--disable-tls"])
            .flag("--port", port.to_string())
            .flag("--metrics-port", health.to_string())
            // A branch is looked at anew at each refresh: by default its tip is remembered for three minutes.
            .arg("--revision-cache-expiration=1s")
            .spawn(folder.path());
        repo_server.until_healthy(&format!("http://127.0.0.1:{health}/healthz?full=true")).await;

        let health = port::free();
        let controller = part("argocd-application-controller")
            .env("KUBECONFIG", kubernetes.kubeconfig())
            // The cluster of the kubeconfig file is the one that Argo CD takes itself to run in.
            .env("ARGOCD_FAKE_IN_CLUSTER", "true")
            .env("ARGOCD_CONTROLLER_REPLICAS", "1")
            .env("ARGOCD_CONTROLLER_SHARD", "0")
            .flag("--namespace", NAMESPACE)
            .flag("--repo-server", format!("127.0.0.1:{port}"))
            .arg("--repo-server-plaintext")
            .flag("--metrics-port", health.to_string())
            // Refreshed every few seconds, not every three minutes or so.
            .args(["--app-resync=3", "--app-resync-jitter=0"])
            .spawn(folder.path());
        controller.until_healthy(&format!("http://127.0.0.1:{health}/healthz")).await;
        Self { controller, repo_server, redis, _folder: folder }
    }

    /// Applies an Application that is synced by itself, into a namespace of this cluster.
    ///
    /// `source` is what stands at `spec.source`, or at `spec.sources` when it is a list.
    pub async fn application(&self, kubernetes: &Kubernetes, name: &str, namespace: &str, source: &Value) {
        kubernetes.apply(&application(name, namespace, source).to_string()).await;
    }

    /// Waits until an Application is synced to a commit and healthy, and gives it.
    pub async fn until_synced(&self, kubernetes: &Kubernetes, name: &str, commit: &str) -> DynamicObject {
        kubernetes
            .until(APPLICATION, (NAMESPACE, name), wait::RECONCILE, |object| is_synced(&object.data, commit))
            .await
    }

    /// The processes of controller, repo-server and Redis.
    pub fn processes(&self) -> [&Process; 3] {
        [&self.controller, &self.repo_server, self.redis.process()]
    }
}

/// An Application that is synced by itself: to apply, or to keep in Git. See [`ArgoCd::application`].
pub fn application(name: &str, namespace: &str, source: &Value) -> Value {
    let key = if source.is_array() { "sources" } else { "source" };
    json!({
        "apiVersion": APPLICATION.0,
        "kind": APPLICATION.1,
        "metadata": { "name": name, "namespace": NAMESPACE },
        "spec": {
            "project": "default",
            key: source,
            "destination": { "server": IN_CLUSTER, "namespace": namespace },
            "syncPolicy": { "automated": { "prune": true, "selfHeal": true } },
        },
    })
}

/// What it says now, not what it said before a parent changed it.
fn is_synced(application: &Value, commit: &str) -> bool {
    let (spec, status) = (&application["spec"], &application["status"]);
    // Where there are several sources, the status has an empty one beside them.
    let key = if spec["sources"].is_array() { "sources" } else { "source" };
    let sync = &status["sync"];
    let all =
        sync["revisions"].as_array().map_or_else(|| vec![&sync["revision"]], |all| all.iter().collect());
    sync["status"] == "Synced"
        && all.iter().all(|revision| *revision == commit)
        && sync["comparedTo"][key] == spec[key]
        && status["health"]["status"] == "Healthy"
        && status["operationState"]["phase"] == "Succeeded"
}

fn part(name: &str, folder: &Path) -> Launch {
    Launch::new(name, servers::program("argocd", "argocd"))
        .home(folder)
        .env("ARGOCD_BINARY_NAME", name)
        .env("TMPDIR", folder)
        .env("ARGOCD_GPG_ENABLED", "false")
        .args(["--loglevel=info", "--logformat=text"])
}
