//! Each server of the harness starts, answers, and does the job that suites rely on.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use kubeopt_tests::flux::Flux;
use kubeopt_tests::gitea::Gitea;
use kubeopt_tests::kubernetes::Kubernetes;
use kubeopt_tests::kwok::Kwok;
use kubeopt_tests::process::Launch;
use kubeopt_tests::prometheus::Prometheus;
use kubeopt_tests::usage::{Container, Shape, Usage};
use kubeopt_tests::{servers, servers_enabled, wait};

fn shop() -> String {
    kubeopt_tests::manifest::web(2, &[("requests", ["500m", "256Mi"])])
}

/// Reads pods, and nothing else.
const READER: &str = r"apiVersion: v1
kind: ServiceAccount
metadata: {name: reader, namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: shop}
rules: [{apiGroups: [''], resources: [pods], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: shop}]
";

#[tokio::test]
async fn deployment_runs_on_nodes_without_machines() {
    if !servers_enabled() {
        return;
    }
    let kubernetes = Kubernetes::start().await;
    let kwok = Kwok::start(&kubernetes).await;
    kwok.nodes(&kubernetes, 1, ("4", "16Gi")).await;
    kubernetes.namespace("shop").await;
    kubernetes.apply(&shop()).await;

    let pods = kubernetes.running_pods("shop", "app=web", 2, wait::RECONCILE).await;
    let nodes: Vec<_> =
        pods.iter().map(|pod| pod.spec.as_ref().and_then(|spec| spec.node_name.clone())).collect();
    assert_eq!(nodes, [Some("node-0".to_owned()), Some("node-0".to_owned())]);

    let node = kubernetes.get("v1", "Node", "", "node-0").await.expect("the node was made");
    assert_eq!(node.data["status"]["allocatable"]["cpu"], "4");
}

#[tokio::test]
async fn killed_container_looks_as_a_kubelet_reports_it() {
    if !servers_enabled() {
        return;
    }
    let kubernetes = Kubernetes::start().await;
    let kwok = Kwok::start(&kubernetes).await;
    kwok.nodes(&kubernetes, 1, ("4", "16Gi")).await;
    kubernetes.namespace("shop").await;
    kubernetes.apply(&shop()).await;
    let pods = kubernetes.running_pods("shop", "app=web", 2, wait::RECONCILE).await;
    let name = pods[0].metadata.name.clone().expect("a pod has a name");

    kubernetes.kill_for_memory("shop", &name, "web").await;

    let pods = kubernetes.running_pods("shop", "app=web", 2, wait::RECONCILE).await;
    let killed =
        pods.iter().find(|pod| pod.metadata.name.as_deref() == Some(&name)).expect("the pod lives on");
    let status = killed.status.as_ref().and_then(|status| status.container_statuses.as_ref());
    let web = status.and_then(|all| all.first()).expect("the container has a status");
    assert_eq!(web.restart_count, 1);
    let last =
        web.last_state.as_ref().and_then(|state| state.terminated.as_ref()).expect("it was terminated");
    assert_eq!((last.exit_code, last.reason.as_deref()), (137, Some("OOMKilled")));
}

#[tokio::test]
async fn service_account_may_do_what_its_role_says_and_no_more() {
    if !servers_enabled() {
        return;
    }
    let kubernetes = Kubernetes::start_api_only().await;
    kubernetes.namespace("shop").await;
    kubernetes.apply(READER).await;
    let kubeconfig = kubernetes.service_account_kubeconfig("shop", "reader").await;
    let client = kubernetes.client_of(&kubeconfig).await;

    let own: Api<Pod> = Api::namespaced(client.clone(), "shop");
    // A new role takes a moment to reach the authorizer.
    wait::until("the role to count", wait::RECONCILE, async || {
        own.list(&ListParams::default()).await.map(drop).map_err(|error| error.to_string())
    })
    .await;
    let others: Api<Pod> = Api::namespaced(client, "default");
    let refused = others.list(&ListParams::default()).await.expect_err("the role is for one namespace");
    assert!(refused.to_string().contains("forbidden"), "{refused}");
}

#[tokio::test]
async fn flux_applies_what_gitea_holds_and_follows_it() {
    if !servers_enabled() {
        return;
    }
    let (gitea, kubernetes) = tokio::join!(Gitea::start(), Kubernetes::start_api_only());
    let flux = Flux::start(&kubernetes).await;
    let owner = gitea.user("platform").await;
    let kustomization = "resources: [shop.yaml]\n";
    let shop = shop();
    let files = [("apps/kustomization.yaml", kustomization), ("apps/shop.yaml", shop.as_str())];
    let repository = gitea.repository(&owner, "fleet", &files).await;
    kubernetes.namespace("shop").await;

    flux.git_repository(&kubernetes, ("flux-system", "fleet"), &repository.clone_url, "main").await;
    flux.kustomization(&kubernetes, ("flux-system", "apps"), "fleet", "./apps").await;
    let first = gitea.head(&repository, "main").await;
    flux.until_applied(&kubernetes, ("flux-system", "apps"), &first).await;

    let web =
        kubernetes.get("apps/v1", "Deployment", "shop", "web").await.expect("Flux applied the Deployment");
    let labels = web.metadata.labels.expect("Flux labels what it applies");
    assert_eq!(labels["kustomize.toolkit.fluxcd.io/name"], "apps");
    assert_eq!(labels["kustomize.toolkit.fluxcd.io/namespace"], "flux-system");

    let smaller = shop.replace("500m", "120m");
    let second =
        gitea.commit(&owner, &repository, "main", &[("apps/shop.yaml", &smaller)], "Ask for less").await;
    flux.until_applied(&kubernetes, ("flux-system", "apps"), &second).await;
    let web =
        kubernetes.get("apps/v1", "Deployment", "shop", "web").await.expect("the Deployment is still there");
    let container = &web.data["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["resources"]["requests"]["cpu"], "120m");

    // A bare repository that no server offers stands behind an address of its own.
    let bare = gitea.repositories_folder().join("platform/fleet.git");
    flux.read_from("https://git.example/fleet.git", &bare);
    flux.git_repository(&kubernetes, ("flux-system", "bare"), "https://git.example/fleet.git", "main").await;
    let kind = ("source.toolkit.fluxcd.io/v1", "GitRepository");
    let revision = format!("main@sha1:{second}");
    kubernetes
        .until(kind, ("flux-system", "bare"), wait::RECONCILE, |object| {
            object.data["status"]["artifact"]["revision"] == revision.as_str()
        })
        .await;
}

#[tokio::test]
async fn gitea_takes_a_pull_request_from_branch_to_merge() {
    if !servers_enabled() {
        return;
    }
    let gitea = Gitea::start().await;
    let (owner, bot) = (gitea.user("platform").await, gitea.user("kubeopt").await);
    let repository = gitea.repository(&owner, "fleet", &[("shop.yaml", "cpu: 500m\n")]).await;
    gitea.collaborator(&repository, &bot, "write").await;

    let branch = serde_json::json!({ "new_branch_name": "less", "old_branch_name": "main" });
    let path = format!("/repos/{}/branches", repository.full_name);
    gitea.call_as(&bot.token, reqwest::Method::POST, &path, Some(&branch)).await;
    gitea.commit(&bot, &repository, "less", &[("shop.yaml", "cpu: 120m\n")], "Ask for less").await;
    let number = gitea.open_pull(&bot, &repository, "less", "Ask for less", "It uses little.").await;
    gitea.comment(&owner, &repository, number, "Good.").await;
    assert_eq!(gitea.branches(&repository).await, ["less", "main"]);
    assert_eq!(gitea.pulls(&repository, "open").await.len(), 1);
    assert_eq!(gitea.pull_commits(&repository, number).await.len(), 1);
    let diff = gitea.pull_diff(&repository, number).await;
    assert!(diff.contains("-cpu: 500m\n+cpu: 120m\n"), "{diff}");

    let merged = gitea.merge(&owner, &repository, number).await;

    assert_eq!(gitea.head(&repository, "main").await, merged);
    assert_eq!(gitea.file(&repository, "main", "shop.yaml").await.as_deref(), Some("cpu: 120m\n"));
    let comments = gitea.comments(&repository, number).await;
    assert_eq!((comments[0]["body"].as_str(), comments.len()), (Some("Good."), 1));
}

#[tokio::test]
async fn prometheus_answers_from_history_written_before_it_started() {
    if !servers_enabled() {
        return;
    }
    // A Monday at noon; nothing here depends on the clock.
    let end = 1_763_380_800;
    let web =
        Container::new("shop", "web-1", "web").cpu(Shape::flat(0.25)).memory(Shape::flat(1e8).daily(0.5));
    let busy = Container::new("shop", "web-2", "web").cpu(Shape::flat(2.0)).cpu_limit(1.0);
    let usage = Usage::days_before(14, end).step_s(300).container(web).container(busy);
    let prometheus = Prometheus::start(&usage).await;

    let (first, last) = usage.range_s();
    let rate = "sum by (pod) (rate(container_cpu_usage_seconds_total{namespace=\"shop\"}[1h]))";
    let rates = prometheus.query_range(rate, (first + 3_600, last), 3_600).await;
    for (pod, cores) in [("web-1", 0.25), ("web-2", 1.0)] {
        let series =
            rates.iter().find(|series| series["metric"]["pod"] == pod).expect("each pod has a series");
        let values = series["values"].as_array().expect("a range has values");
        assert_eq!(values.len(), 14 * 24 - 1, "one value an hour over the whole fortnight");
        for value in values {
            let measured: f64 = value[1].as_str().and_then(|text| text.parse().ok()).expect("a number");
            assert!((measured - cores).abs() < 1e-6, "{pod} used {measured} cores");
        }
    }
    let memory = prometheus.query("container_memory_working_set_bytes{pod=\"web-1\"}", first + 6_000).await;
    let expected = format!("{}", usage.memory_bytes_at(0, first + 6_000));
    assert_eq!(memory[0]["value"][1], expected.as_str());
    let throttled = "increase(container_cpu_cfs_throttled_periods_total[1d])
        / increase(container_cpu_cfs_periods_total[1d])";
    let share = prometheus.query(throttled, last).await;
    assert_eq!(share[0]["value"][1], "0.5", "half of what web-2 wants is above its limit");
}

#[tokio::test]
async fn pinned_kustomize_renders() {
    if !servers_enabled() {
        return;
    }
    let folder = kubeopt_tests::folder("suite");
    std::fs::write(folder.path().join("shop.yaml"), shop()).expect("a temporary file can be written");
    std::fs::write(folder.path().join("kustomization.yaml"), "namePrefix: my-\nresources: [shop.yaml]\n")
        .expect("a temporary file can be written");
    let rendered =
        Launch::new("kustomize", servers::kustomize()).home(folder.path()).args(["build", "."]).run().await;
    assert!(rendered.contains("name: my-web"), "{rendered}");
}

#[tokio::test]
async fn child_ends_with_its_value_and_leaves_its_log() {
    let folder = kubeopt_tests::folder("suite");
    let child =
        Launch::new("talker", "sh").args(["-c", "echo started; exec sleep 1000"]).spawn(folder.path());
    child
        .until("the first line", Duration::from_secs(10), async || {
            child.log().contains("started").then_some(()).ok_or_else(|| child.log())
        })
        .await;
    let id = child.id();
    assert!(child.ended().is_none());
    drop(child);
    assert!(
        !std::path::Path::new(&format!("/proc/{id}")).exists(),
        "the child is gone and has been waited for"
    );
}

#[test]
fn usage_is_the_same_for_the_same_seed_and_has_the_size_it_says() {
    let text = |seed| {
        let web = Container::new("shop", "web-1", "web").cpu(Shape::flat(0.25).noise(0.2).spikes(2.0, 4.0));
        let usage = Usage::days_before(2, 1_763_380_800).step_s(300).seed(seed).container(web);
        let mut text = Vec::new();
        usage.write(&mut text).expect("a Vec takes every byte");
        assert_eq!(text.iter().filter(|byte| **byte == b'\n').count() as u64, usage.samples());
        text
    };
    assert_eq!(text(1), text(1));
    assert_ne!(text(1), text(2));
}
