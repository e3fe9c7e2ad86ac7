//! Argo CD: what it makes of a repository on Gitea, and the whole story with kubeopt behind it: a parent Application whose
//! children are kept in Git, charts with values in layers, in lent files and in an Application, a kustomize overlay.

mod shop;

use kubeopt_tests::argocd::{self, ArgoCd};
use kubeopt_tests::gitea::{Gitea, Repository};
use kubeopt_tests::kubernetes::Kubernetes;
use kubeopt_tests::{OrFail, servers_enabled};
use serde_json::{Value, json};

use crate::installation::{Applies, Installation, Platform};

#[tokio::test]
async fn argocd_applies_what_gitea_holds_and_follows_it() {
    if !servers_enabled() {
        return;
    }
    let (gitea, kubernetes) = tokio::join!(Gitea::start(), Kubernetes::start());
    let argocd = ArgoCd::start(&kubernetes).await;
    let owner = gitea.user("platform").await;
    // No replicas: without nodes no pod would ever run, and health waits for pods.
    let jobs = |cpu| shop::DEPLOYMENT.replace("$NAME", "jobs").replace("$CPU", cpu);
    let repository = gitea.repository(&owner, "fleet", &[("apps/jobs.yaml", &jobs("500m"))]).await;
    kubernetes.namespace("shop").await;

    argocd.application(&kubernetes, "apps", "shop", &source(&repository, "apps")).await;
    let first = gitea.head(&repository, "main").await;
    let application = argocd.until_synced(&kubernetes, "apps", &first).await;

    let resources: Vec<_> =
        application.data["status"]["resources"].as_array().into_iter().flatten().collect();
    let [resource] = resources[..] else { panic!("there is more than the Deployment: {resources:?}") };
    let named = ["group", "kind", "namespace", "name"].map(|key| resource[key].as_str());
    assert_eq!(named, ["apps", "Deployment", "shop", "jobs"].map(Some));
    let jobs_now = || kubernetes.get("apps/v1", "Deployment", "shop", "jobs");
    let found = jobs_now().await.expect("Argo CD applied the Deployment");
    let annotations = found.metadata.annotations.expect("Argo CD marks what it applies");
    assert_eq!(annotations["argocd.argoproj.io/tracking-id"], "apps:apps/Deployment:shop/jobs");

    let less = [("apps/jobs.yaml", &*jobs("120m"))];
    let second = gitea.commit(&owner, &repository, "main", &less, "Ask for less").await;
    argocd.until_synced(&kubernetes, "apps", &second).await;
    let found = jobs_now().await.expect("the Deployment is still there");
    let container = &found.data["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["resources"]["requests"]["cpu"], "120m");
}

#[tokio::test]
async fn usage_becomes_one_pull_request_that_edits_values_where_they_are_written() {
    if !servers_enabled() {
        return;
    }
    let platform = Platform::start().await;
    let repository = platform.repository(&shop::files()).await;
    let argocd = deploy(&platform, &repository).await;
    let all = platform.install(argocd, repository, shop::scene()).await;
    tells_where_workloads_come_from(&all).await;
    all.tell().await;
}

/// `kubeopt get sources`, with the same configuration as the controller that runs beside it.
async fn tells_where_workloads_come_from(all: &Installation<ArgoCd>) {
    let said = all.command("get", &["get", "sources", "--output", "json", "--quiet"]).await;
    let table: Value = serde_json::from_str(&said).or_fail("read what get printed");
    let rows = table["rows"].as_array().into_iter().flatten();
    let told: Vec<_> = rows
        .filter(|row| row["workload"].as_str().is_some_and(|name| name.starts_with("shop/")))
        .map(|row| {
            assert_eq!(row["problem"], Value::Null, "{row}");
            assert_eq!(row["describedIn"]["path"], shop::APPLICATIONS, "{row}");
            let from = &row["sources"][0];
            let keys = ["repository", "branch", "path", "renderer", "knownFrom"];
            (row["workload"].clone(), keys.map(|key| from[key].clone()))
        })
        .collect();
    let expected = shop::SOURCES.map(|(workload, path, renderer, application)| {
        let known_from = format!("Argo CD Application argocd/{application}");
        let from = ["reviewer/gitops", "main", path, renderer, &known_from].map(Value::from);
        (Value::from(workload), from)
    });
    assert_eq!(told, expected, "{table:#}");
}

impl Applies for ArgoCd {
    const MANAGER: &'static str = "argocd-controller";

    async fn until_applied(&self, kubernetes: &Kubernetes, commit: &str) {
        self.until_synced(kubernetes, shop::PARENT, commit).await;
        for name in shop::CHILDREN {
            self.until_synced(kubernetes, name, commit).await;
        }
    }
}

/// Only the parent is applied by hand: its children are files of the repository.
async fn deploy(platform: &Platform, repository: &Repository) -> ArgoCd {
    let kubernetes = &platform.kubernetes;
    let argocd = ArgoCd::start(kubernetes).await;
    kubernetes.namespace(shop::NAMESPACE).await;
    let files = shop::applications(&repository.clone_url);
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let head = platform.gitea.commit(&platform.reviewer, repository, "main", &files, "Deploy the shop").await;
    let parent = source(repository, shop::APPLICATIONS);
    argocd.application(kubernetes, shop::PARENT, argocd::NAMESPACE, &parent).await;
    Applies::until_applied(&argocd, kubernetes, &head).await;
    argocd
}

/// A folder on the branch `main`.
fn source(repository: &Repository, path: &str) -> Value {
    json!({ "repoURL": repository.clone_url, "targetRevision": "main", "path": path })
}
