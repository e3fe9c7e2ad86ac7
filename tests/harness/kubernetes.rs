//! A Kubernetes control plane: etcd, API server, controller manager, scheduler.
//!
//! There are no nodes and no kubelet; [`crate::kwok`] stands in for both.

mod kubeconfig;
mod objects;
mod pods;

use std::path::{Path, PathBuf};

use kube::{Client, Config};
use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::etcd::Etcd;
use crate::process::{Launch, Process};
use crate::{OrFail, port, servers, wait};

/// A name in `system:masters`; its token is of use on this loopback port only.
const ADMIN_TOKEN: &str = "harness-admin";

/// Controllers that want a cloud or real networks are left out.
const CONTROLLERS: &str = "*,-nodeipam,-route,-cloud-node-lifecycle,-service";

/// A control plane on loopback.
pub struct Kubernetes {
    url: String,
    authority: String,
    kubeconfig: PathBuf,
    // Ended in this order: clients of the API server first, its store last.
    controllers: Vec<Process>,
    api_server: Process,
    etcd: Etcd,
    folder: TempDir,
}

impl Kubernetes {
    /// Starts a whole control plane: Deployments make pods, and pods are bound to nodes.
    pub async fn start() -> Self {
        let mut kubernetes = Self::start_api_only().await;
        kubernetes.start_controllers();
        kubernetes.default_account("default").await;
        kubernetes
    }

    /// Starts etcd and the API server alone: enough for what reads and writes objects, and quicker.
    pub async fn start_api_only() -> Self {
        let etcd = Etcd::start().await;
        let folder = crate::folder("kubernetes");
        let certificates = Certificates::make();
        write_credentials(folder.path(), &certificates);
        let port = port::free();
        let url = format!("https://127.0.0.1:{port}");
        let api_server = api_server(folder.path(), etcd.url(), port);
        let kubeconfig = folder.path().join("admin.kubeconfig");
        kubeconfig::write(&kubeconfig, &url, &certificates.authority, ("default", ADMIN_TOKEN));
        let kubernetes = Self {
            url,
            authority: certificates.authority,
            kubeconfig,
            controllers: Vec::new(),
            api_server,
            etcd,
            folder,
        };
        kubernetes.until_ready().await;
        kubernetes
    }

    /// The address of the API server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate authority that clients must trust, in PEM.
    pub fn authority_pem(&self) -> &str {
        &self.authority
    }

    /// A kubeconfig file of a cluster administrator.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A new client of a cluster administrator, for the runtime that asks.
    pub async fn client(&self) -> Client {
        self.client_of(&self.kubeconfig).await
    }

    /// A new client as a kubeconfig file describes it.
    pub async fn client_of(&self, kubeconfig: &Path) -> Client {
        Client::try_from(self.config_of(kubeconfig).await).or_fail("make a Kubernetes client")
    }

    async fn config_of(&self, kubeconfig: &Path) -> Config {
        kubeconfig::read(kubeconfig).await
    }

    /// The process of the API server.
    pub fn api_server(&self) -> &Process {
        &self.api_server
    }

    /// The store of the API server.
    pub fn etcd(&self) -> &Etcd {
        &self.etcd
    }

    /// The processes of controller manager and scheduler.
    pub fn controllers(&self) -> &[Process] {
        &self.controllers
    }

    async fn until_ready(&self) {
        let client = self.client().await;
        self.api_server
            .until("the API server to be ready", wait::START, async || {
                let request = http::Request::get("/readyz").body(Vec::new()).or_fail("build a request");
                client.request_text(request).await.map(drop).map_err(|error| crate::chain(&error))
            })
            .await;
    }

    fn start_controllers(&mut self) {
        let folder = self.folder.path();
        let manager = Launch::new("kube-controller-manager", program("kube-controller-manager"))
            .home(folder)
            .flag("--kubeconfig", &self.kubeconfig)
            .flag("--controllers", CONTROLLERS)
            .arg("--root-ca-file=ca.pem")
            .arg("--service-account-private-key-file=account.key")
            .args(["--leader-elect=false", "--secure-port=0"])
            // The defaults, 20 and 30, are for clusters that share an API server with others.
            .args(["--kube-api-qps=200", "--kube-api-burst=400"])
            .spawn(folder);
        let scheduler = Launch::new("kube-scheduler", program("kube-scheduler"))
            .home(folder)
            .flag("--kubeconfig", &self.kubeconfig)
            .args(["--leader-elect=false", "--secure-port=0"])
            .args(["--kube-api-qps=200", "--kube-api-burst=400"])
            .spawn(folder);
        self.controllers = vec![manager, scheduler];
    }
}

fn program(name: &str) -> PathBuf {
    servers::program("kubernetes", name)
}

fn write_credentials(folder: &Path, certificates: &Certificates) {
    let files = [
        ("ca.pem", certificates.authority.as_str()),
        ("serving.pem", &certificates.serving),
        ("serving.key", &certificates.serving_key),
        ("account.key", &certificates.account_key),
        ("account.pub", &certificates.account_public_key),
        ("tokens.csv", &format!("{ADMIN_TOKEN},harness,harness,\"system:masters\"\n")),
    ];
    for (name, text) in files {
        std::fs::write(folder.join(name), text).or_fail("write the API server's credentials");
    }
}

fn api_server(folder: &Path, etcd: &str, port: u16) -> Process {
    Launch::new("kube-apiserver", program("kube-apiserver"))
        .home(folder)
        .flag("--etcd-servers", etcd)
        .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
        .flag("--secure-port", port.to_string())
        .args(["--tls-cert-file=serving.pem", "--tls-private-key-file=serving.key"])
        .args(["--token-auth-file=tokens.csv", "--authorization-mode=RBAC"])
        .args(["--service-account-key-file=account.pub", "--service-account-signing-key-file=account.key"])
        .arg("--service-account-issuer=https://kubernetes.default.svc")
        .arg("--service-cluster-ip-range=10.96.0.0/16")
        // There is no network between services, so there is nothing to point at this loopback address.
        .arg("--endpoint-reconciler-type=none")
        .arg("--allow-privileged=true")
        .spawn(folder)
}
