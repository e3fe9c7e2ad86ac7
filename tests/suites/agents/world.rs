//! What agents need around them: a cluster of kwok's nodes whose containers have the ids that cgroups are called by, a
//! repository on the local forge, certificates of every node, and the configuration of a controller that listens to them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use kubeopt_forge::LocalForge;
use kubeopt_model::{FileSet, ForgeName, RepoPath, RepositoryId};
use kubeopt_tests::authority::{Authority, Signed};
use kubeopt_tests::kubernetes::Kubernetes;
use kubeopt_tests::kwok::Kwok;
use kubeopt_tests::process::Process;
use kubeopt_tests::{OrFail, port, wait};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::chart;
use crate::program::{CLUSTER, database, launch};

/// The namespace of the workloads.
pub(super) const NAMESPACE: &str = "shop";

const FORGE: &str = "local";
const OWNER: &str = "acme";
const NAME: &str = "gitops";

/// A container as its node knows it.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) node: String,
    pub(super) pod: String,
    pub(super) pod_uid: String,
    pub(super) container_id: String,
}

/// Everything but agents.
pub(super) struct World {
    pub(super) kubernetes: Kubernetes,
    pub(super) forge: LocalForge,
    pub(super) repository: RepositoryId,
    /// Signed the controller's certificate.
    pub(super) servers: Authority,
    /// Signs those of nodes.
    pub(super) nodes: Authority,
    /// Where the controller listens to agents.
    pub(super) agents_port: u16,
    /// Where it answers to people.
    pub(super) http_port: u16,
    pub(super) folder: TempDir,
    kubeconfig: PathBuf,
    _kwok: Kwok,
}

impl World {
    /// A cluster of two nodes, with these manifests in the repository and in the cluster.
    pub(super) async fn start(manifests: &[(&str, &str)]) -> Self {
        let kubernetes = Kubernetes::start().await;
        let kwok = Kwok::start(&kubernetes).await;
        kwok.nodes(&kubernetes, 2, ("8", "32Gi")).await;
        chart::install(&kubernetes).await;
        kubernetes.namespace(NAMESPACE).await;
        for (_, manifest) in manifests.iter().filter(|(path, _)| path.starts_with("apps/")) {
            kubernetes.apply(manifest).await;
        }
        let kubeconfig = kubernetes.service_account_kubeconfig(chart::NAMESPACE, chart::RELEASE).await;
        let folder = kubeopt_tests::folder("agents");
        let (forge, repository) = repository(&folder.path().join("forge"), manifests).await;
        Self {
            kubernetes,
            forge,
            repository,
            servers: Authority::make("controllers"),
            nodes: Authority::make("nodes"),
            agents_port: port::free(),
            http_port: port::free(),
            folder,
            kubeconfig,
            _kwok: kwok,
        }
    }

    /// The containers of a Deployment with one container, once all its pods run, with ids as containerd gives them.
    pub(super) async fn placed(&self, workload: &str, replicas: usize) -> Vec<Placed> {
        let labels = format!("app={workload}");
        let pods = self.kubernetes.running_pods(NAMESPACE, &labels, replicas, wait::RECONCILE).await;
        let mut placed = Vec::new();
        for pod in pods {
            let named = "a running pod has a name, a uid and a node";
            let name = pod.metadata.name.expect(named);
            let pod_uid = pod.metadata.uid.expect(named);
            // 64 hexadecimal digits that no other container has.
            let digits = pod_uid.replace('-', "");
            let container_id = format!("{digits}{digits}");
            self.kubernetes.name_containers(NAMESPACE, &name, |_| container_id.clone()).await;
            let node = pod.spec.and_then(|spec| spec.node_name).expect(named);
            placed.push(Placed { node, pod: name, pod_uid, container_id });
        }
        placed
    }

    /// Writes `kubeopt.yaml` with a Prometheus and these keys beside what every controller needs; gives its name.
    pub(super) fn configure(&self, prometheus: &str, more: &Value) -> PathBuf {
        let folder = self.folder.path();
        let serving = self.servers.server("kubeopt-agents", &["localhost", "127.0.0.1"]);
        let files = write(folder, "controller", &serving);
        let authority = folder.join("nodes-ca.pem");
        std::fs::write(&authority, self.nodes.pem()).or_fail("write the authority of the nodes");
        let mut config = json!({
            "clusters": [{
                "name": CLUSTER, "kubeconfig": { "file": self.kubeconfig },
                "metrics": { "prometheus": { "url": prometheus } },
            }],
            "forges": [{ "name": FORGE, "type": "local", "path": folder.join("forge") }],
            "bindings": [{
                "clusters": [CLUSTER], "namespaces": [NAMESPACE], "forge": FORGE,
                "repository": format!("{OWNER}/{NAME}"), "paths": ["apps/**"],
            }],
            "sources": [{
                "cluster": CLUSTER, "namespaces": [NAMESPACE], "forge": FORGE,
                "repository": format!("{OWNER}/{NAME}"), "path": "apps", "renderer": "plain",
            }],
            "store": {
                "database": format!("sqlite://{}", database(folder).display()),
                "history": folder.join("history"), "git": folder.join("git"),
            },
            "server": { "listen": format!("127.0.0.1:{}", self.http_port) },
            "passes": { "every": "1s" },
            "agents": {
                "listen": format!("127.0.0.1:{}", self.agents_port),
                "spool": folder.join("spool"),
                "certFile": files.certificate, "keyFile": files.key, "clientCaFile": authority,
            },
        });
        merge(&mut config, more);
        let file = folder.join("kubeopt.yaml");
        // JSON is YAML.
        std::fs::write(&file, config.to_string()).or_fail("write kubeopt.yaml");
        file
    }

    /// Starts a controller; each has a log of its own name.
    pub(super) fn controller(&self, name: &str, config: &Path) -> Process {
        let folder = self.folder.path();
        launch(name, folder).args(["run", "--log-format", "json", "--config"]).arg(config).spawn(folder)
    }

    /// Samples of the controller's `/metrics`: name with labels to value.
    pub(super) async fn metrics(&self) -> BTreeMap<String, f64> {
        metrics(self.http_port).await.unwrap_or_default()
    }

    /// How the service account of the chart reaches the cluster.
    pub(super) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Where agents of the one cluster call.
    pub(super) fn door(&self) -> Door<'_> {
        Door { cluster: CLUSTER, nodes: &self.nodes, port: self.agents_port }
    }

    /// The files that an agent of a node proves itself with: certificate, key, and the authority of the controller.
    pub(super) fn credentials(&self, door: &Door<'_>, node: &str) -> Credentials {
        let folder = self.folder.path();
        let signed = door.nodes.client(&format!("system:node:{node}"));
        let files = write(folder, &format!("{}-{node}", door.cluster), &signed);
        let authority = folder.join("controllers-ca.pem");
        std::fs::write(&authority, self.servers.pem()).or_fail("write the authority of controllers");
        Credentials { authority, ..files }
    }
}

/// Where agents of a cluster call, and who signs for its nodes.
#[derive(Clone, Copy)]
pub(super) struct Door<'a> {
    pub(super) cluster: &'a str,
    pub(super) nodes: &'a Authority,
    pub(super) port: u16,
}

/// Names of files.
pub(super) struct Credentials {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    /// Signed the other end's certificate.
    pub(super) authority: PathBuf,
}

fn write(folder: &Path, name: &str, signed: &Signed) -> Credentials {
    let [certificate, key] = ["pem", "key"].map(|ending| folder.join(format!("{name}.{ending}")));
    std::fs::write(&certificate, &signed.certificate).or_fail("write a certificate");
    std::fs::write(&key, &signed.key).or_fail("write a key");
    Credentials { certificate, key, authority: PathBuf::new() }
}

/// Samples of a Prometheus page on loopback.
pub(super) async fn metrics(port: u16) -> Result<BTreeMap<String, f64>, String> {
    let answer = kubeopt_tests::http().get(format!("http://127.0.0.1:{port}/metrics")).send().await;
    let text = answer.map_err(|error| error.to_string())?.text().await.map_err(|error| error.to_string())?;
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    Ok(samples.filter_map(|line| line.rsplit_once(' ')).filter_map(sample).collect())
}

fn sample((name, value): (&str, &str)) -> Option<(String, f64)> {
    Some((name.to_owned(), value.parse().ok()?))
}

async fn repository(folder: &Path, manifests: &[(&str, &str)]) -> (LocalForge, RepositoryId) {
    let forge = LocalForge::open(folder).or_fail("open a local forge");
    let mut files = FileSet::default();
    for (path, text) in manifests {
        files.insert(RepoPath::new(path).or_fail("name a file"), text.as_bytes().to_vec());
    }
    forge.create_repository(OWNER, NAME, &files, "main").await.or_fail("make a repository");
    let forge_name = ForgeName::new(FORGE).or_fail("name a forge");
    (forge, RepositoryId { forge: forge_name, owner: OWNER.to_owned(), name: NAME.to_owned() })
}

/// Adds keys to keys.
fn merge(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more.clone(),
    }
}
