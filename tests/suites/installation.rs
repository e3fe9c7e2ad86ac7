//! An installation, started and filled: cluster, forge, history, kubeopt under the chart's account; and the story that
//! every way of applying a repository has to carry, from usage to a merge that the cluster shows.
//!
//! It must not know what applies the repository: [`Applies`] is all it asks of Flux and of Argo CD.

pub(crate) mod cart;
mod scene;
mod story;

use std::path::{Path, PathBuf};
use std::time::Duration;

use kubeopt_tests::gitea::{Account, Gitea, Repository};
use kubeopt_tests::kubernetes::Kubernetes;
use kubeopt_tests::kwok::Kwok;
use kubeopt_tests::process::Process;
use kubeopt_tests::prometheus::Prometheus;
use kubeopt_tests::{port, wait};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) use self::scene::{Marked, Requests, Scene};
pub(crate) use self::story::edits;
use crate::chart;
use crate::program::{Settings, launch, log_lines};

/// Several passes of a program that was built without optimisation, on cores that compile.
pub(crate) const PASSES: Duration = Duration::from_secs(180);

/// What applies the repository to the cluster.
pub(crate) trait Applies {
    /// The field manager of the objects that it applies.
    const MANAGER: &'static str;

    /// Waits until the cluster has what a commit says.
    async fn until_applied(&self, kubernetes: &Kubernetes, commit: &str);
}

/// A cluster with nodes and the chart, and a forge with a reviewer and an account for kubeopt.
pub(crate) struct Platform {
    pub(crate) kubernetes: Kubernetes,
    pub(crate) gitea: Gitea,
    pub(crate) reviewer: Account,
    bot: Account,
    _kwok: Kwok,
}

/// Everything that an installation has; the rest of a test is what kubeopt makes of it.
pub(crate) struct Installation<A> {
    pub(crate) kubeopt: Process,
    address: String,
    pub(crate) prometheus: Prometheus,
    pub(crate) applies: A,
    pub(crate) platform: Platform,
    pub(crate) repository: Repository,
    pub(crate) scene: Scene,
    config: PathBuf,
    pub(crate) folder: TempDir,
}

impl Platform {
    pub(crate) async fn start() -> Self {
        let ((kubernetes, kwok), (gitea, reviewer, bot)) = tokio::join!(start_cluster(), start_forge());
        Self { kubernetes, gitea, reviewer, bot, _kwok: kwok }
    }

    /// A repository of the reviewer's that kubeopt may write to.
    pub(crate) async fn repository(&self, files: &[(&str, &str)]) -> Repository {
        let repository = self.gitea.repository(&self.reviewer, "gitops", files).await;
        self.gitea.collaborator(&repository, &self.bot, "write").await;
        repository
    }

    /// Waits for the pods, writes their past, and starts kubeopt.
    pub(crate) async fn install<A>(
        self,
        applies: A,
        repository: Repository,
        scene: Scene,
    ) -> Installation<A> {
        let mut pods = Vec::new();
        for (name, replicas) in &scene.deployments {
            let labels = format!("app={name}");
            let found =
                self.kubernetes.running_pods(scene.namespace, &labels, *replicas, wait::RECONCILE).await;
            pods.extend(found);
        }
        let prometheus = Prometheus::start(&scene.usage(&pods)).await;
        let folder = kubeopt_tests::folder("end-to-end");
        let address = format!("127.0.0.1:{}", port::free());
        let config = self.configure(&folder, &prometheus, &repository, (&scene, &address)).await;
        let kubeopt = run("kubeopt", folder.path(), &config);
        Installation {
            kubeopt,
            address,
            prometheus,
            applies,
            platform: self,
            repository,
            scene,
            config,
            folder,
        }
    }

    /// Writes `kubeopt.yaml` for the chart's account and for a token that may do no more than it has to.
    async fn configure(
        &self,
        folder: &TempDir,
        prometheus: &Prometheus,
        repository: &Repository,
        (scene, listen): (&Scene, &str),
    ) -> PathBuf {
        let settings = Settings {
            kubeconfig: &self.kubernetes.service_account_kubeconfig(chart::NAMESPACE, chart::RELEASE).await,
            prometheus: prometheus.url(),
            gitea: self.gitea.url(),
            token: &self.gitea.token(&self.bot.name, &["write:repository", "write:issue"]).await,
            repository: &repository.full_name,
            namespace: scene.namespace,
            history: &folder.path().join("history"),
        };
        settings.write(folder.path(), &json!({ "server": { "listen": listen }, "passes": { "every": "1s" } }))
    }
}

impl<A> Installation<A> {
    /// Starts kubeopt again after its end, with what it kept; the log of this run has a name of its own.
    pub(crate) fn start_again(&mut self, name: &str) {
        self.kubeopt = run(name, self.folder.path(), &self.config);
    }

    /// What a command of kubeopt's own prints with this configuration.
    pub(crate) async fn command(&self, name: &str, args: &[&str]) -> String {
        launch(name, self.folder.path()).args(args).arg("--config").arg(&self.config).run().await
    }

    /// Waits until so many passes have ended from now on.
    pub(crate) async fn passes_more(&self, count: usize) {
        let done = || log_lines(&self.kubeopt).iter().filter(|line| line["message"] == "pass done").count();
        // The pass that runs now may have looked before what the test has just done.
        let wanted = done() + 1 + count;
        self.kubeopt
            .until("more passes", PASSES, async || {
                let done = done();
                if done >= wanted { Ok(()) } else { Err(format!("{done} of {wanted}")) }
            })
            .await;
    }

    /// All that kubeopt could have changed on the forge.
    async fn on_the_forge(&self) -> Vec<Value> {
        let gitea = &self.platform.gitea;
        let mut all = gitea.pulls(&self.repository, "all").await;
        for branch in gitea.branches(&self.repository).await {
            let head = gitea.head(&self.repository, &branch).await;
            all.push(json!([branch, head]));
        }
        all
    }
}

fn run(name: &str, folder: &Path, config: &Path) -> Process {
    launch(name, folder).args(["run", "--log-format", "json", "--config"]).arg(config).spawn(folder)
}

async fn start_cluster() -> (Kubernetes, Kwok) {
    let kubernetes = Kubernetes::start().await;
    let kwok = Kwok::start(&kubernetes).await;
    kwok.nodes(&kubernetes, 2, ("8", "32Gi")).await;
    chart::install(&kubernetes).await;
    (kubernetes, kwok)
}

async fn start_forge() -> (Gitea, Account, Account) {
    let gitea = Gitea::start().await;
    let reviewer = gitea.user("reviewer").await;
    let bot = gitea.user("kubeopt-bot").await;
    (gitea, reviewer, bot)
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
