//! Findings of a real Prometheus as the program tells them: a leak that keeps memory from being raised, throttling, a spike, what
//! a policy silences, and what is over. The cluster is a server that answers lists as an API server does.

use std::path::Path;
use std::process::{Command, Output};

use kubeopt_forge::{Forge as _, LocalForge, PullRequestQuery, StateFilter};
use kubeopt_model::{ForgeName, RepoPath, RepositoryId, Timestamp};
use kubeopt_tests::prometheus::Prometheus;
use kubeopt_tests::usage::{Container, Shape, Usage};
use kubeopt_tests::{OrFail, servers_enabled};
use serde_json::{Value, json};

use crate::costs::serve_lists;
use crate::program::binary;

const MIB: f64 = 1024.0 * 1024.0;
const HOUR_S: i64 = 3600;

/// Name, requests, and limits of a Deployment with one container and one pod.
type Sized = (&'static str, [&'static str; 2], [&'static str; 2]);

/// What leaks, what is throttled and spikes, and what is sized.
const SHOP: [Sized; 3] = [
    ("cache", ["500m", "192Mi"], ["1", "1Gi"]),
    ("api", ["2", "1Gi"], ["250m", "1Gi"]),
    ("web", ["2", "2Gi"], ["4", "2Gi"]),
];

fn pod(name: &str) -> String {
    format!("{name}-6d5f9c7b8-x2x2x")
}

fn list(path: &str) -> Option<Value> {
    let template = |(name, requests, limits): &Sized| {
        let amounts = |[cpu, memory]: &[&str; 2]| json!({"cpu": cpu, "memory": memory});
        let resources = json!({"requests": amounts(requests), "limits": amounts(limits)});
        json!({"containers": [{"name": name, "image": "example/app:1", "resources": resources}]})
    };
    let named = |name: &str, owner: Option<(&str, String)>| {
        let owners = owner.map(|(kind, owner)| {
            json!([{"apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": owner, "controller": true}])
        });
        json!({"name": name, "namespace": "shop", "uid": name, "labels": {"app": name}, "ownerReferences": owners})
    };
    let set = |name: &str| format!("{name}-6d5f9c7b8");
    let items = |item: &dyn Fn(&Sized) -> Value| SHOP.iter().map(item).collect::<Vec<_>>();
    let (api_version, kind, items) = match path {
        "/apis/apps/v1/deployments" => {
            let item = |one: &Sized| {
                json!({"metadata": named(one.0, None), "spec": {"replicas": 1,
                    "selector": {"matchLabels": {"app": one.0}},
                    "template": {"metadata": {"labels": {"app": one.0}}, "spec": template(one)}}})
            };
            ("apps/v1", "DeploymentList", items(&item))
        }
        "/apis/apps/v1/replicasets" => {
            let owner = |one: &Sized| Some(("Deployment", one.0.to_owned()));
            let item = |one: &Sized| json!({"metadata": named(&set(one.0), owner(one)), "spec": {}});
            ("apps/v1", "ReplicaSetList", items(&item))
        }
        "/api/v1/pods" => {
            let owner = |one: &Sized| Some(("ReplicaSet", set(one.0)));
            let item = |one: &Sized| {
                json!({"metadata": named(&pod(one.0), owner(one)), "spec": template(one),
                    "status": {"phase": "Running"}})
            };
            ("v1", "PodList", items(&item))
        }
        path if path.starts_with("/api/v1/") => ("v1", "List", vec![]),
        // Built-in kinds of which there are none; what others define is not known at all.
        path => {
            let groups = ["apps/v1", "batch/v1", "autoscaling/v2"];
            let group = groups.into_iter().find(|group| path.starts_with(&format!("/apis/{group}/")))?;
            (group, "List", vec![])
        }
    };
    Some(
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"resourceVersion": "1"}, "items": items}),
    )
}

/// A fortnight, in which the cache leaks 12 MiB an hour since 30 hours until some hours ago, with what it used after that.
fn usage(now_s: i64, mended_hours_ago: Option<i64>) -> Usage {
    let leaks_from = now_s - 30 * HOUR_S;
    let steady = || Shape::flat(200.0 * MIB).noise(0.01);
    let growth = steady().growth(12.0 * 24.0 / 200.0, leaks_from);
    let cache = |shape: Shape, from_s: i64, to_s: i64| {
        Container::new("shop", &pod("cache"), "cache")
            .cpu(Shape::flat(0.1).noise(0.1))
            .memory(shape)
            .never_killed()
            .lived(from_s, to_s)
    };
    let mended_s = mended_hours_ago.map_or(now_s, |hours| now_s - hours * HOUR_S);
    let api = Container::new("shop", &pod("api"), "api")
        .cpu(Shape::flat(0.3).noise(0.1))
        .cpu_limit(0.25)
        .memory(Shape::flat(300.0 * MIB).noise(0.01));
    let web = |cores: f64, from_s: i64, to_s: i64| {
        Container::new("shop", &pod("web"), "web")
            .cpu(Shape::flat(cores).noise(0.05))
            .memory(Shape::flat(250.0 * MIB).noise(0.01))
            .lived(from_s, to_s)
    };
    let spike = (now_s.div_euclid(HOUR_S) - 1) * HOUR_S;
    Usage::days_before(14, now_s)
        .step_s(60)
        .container(cache(steady(), 0, leaks_from))
        .container(cache(growth, leaks_from, mended_s))
        .container(cache(steady(), mended_s, now_s))
        .container(api)
        .container(web(0.2, 0, spike))
        .container(web(3.0, spike, spike + 1200))
        .container(web(0.2, spike + 1200, now_s))
}

fn config(folder: &Path, prometheus: &str, history: &str, kubeconfig: &Path) {
    let config = json!({
        "clusters": [{"name": "prod", "kubeconfig": {"file": kubeconfig},
            "metrics": {"prometheus": {"url": prometheus}}}],
        "forges": [{"name": "local", "type": "local", "path": folder.join("forge")}],
        "bindings": [{"clusters": ["prod"], "namespaces": ["shop"], "forge": "local",
            "repository": "acme/gitops", "paths": ["apps/**"]}],
        "sources": [{"cluster": "prod", "namespaces": ["shop"], "forge": "local",
            "repository": "acme/gitops", "path": "apps/", "renderer": "plain"}],
        "store": {"database": format!("sqlite://{}", folder.join("kubeopt.db").display()),
            "history": folder.join(history), "git": folder.join("git")},
        "policy": {"pullRequests": {"onboarding": false},
            "allowedOverrides": ["sizing", "pullRequests", "findings.silences"]},
    });
    std::fs::write(folder.join("kubeopt.yaml"), config.to_string()).or_fail("write kubeopt.yaml");
}

fn kubeopt(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(args).args(["--config", "kubeopt.yaml"]).current_dir(folder);
    command.env("NO_COLOR", "1").env("HOME", folder).env_remove("KUBECONFIG");
    command.env_remove("KUBEOPT_PROMETHEUS").output().or_fail("run kubeopt")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Container, kind and state of each row.
fn found(folder: &Path, more: &[&str]) -> Vec<[String; 3]> {
    let args = [&["get", "findings", "--all", "-o", "json", "-q"][..], more].concat();
    let output = kubeopt(folder, &args);
    let table: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    let rows = table["rows"].as_array().cloned().unwrap_or_default();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let mut rows: Vec<_> =
        rows.iter().map(|row| ["container", "kind", "state"].map(|key| text(row, key))).collect();
    rows.sort();
    rows
}

fn row(name: &str, kind: &str, state: &str) -> [String; 3] {
    [format!("shop/deploy/{name}/{name}"), kind.to_owned(), state.to_owned()]
}

fn manifest((name, requests, limits): &Sized) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n      - name: {name}\n        image: example/app:1\n        resources:\n          requests:\n            cpu: {}\n            memory: {}\n          limits:\n            cpu: {}\n            memory: {}\n",
        requests[0], requests[1], limits[0], limits[1]
    )
}

/// The body of the one pull request.
async fn body(forge: &LocalForge) -> String {
    let name = ForgeName::new("local").expect("a name");
    let repository = RepositoryId { forge: name, owner: "acme".to_owned(), name: "gitops".to_owned() };
    let query = PullRequestQuery::with_prefix("kubeopt/", StateFilter::Open);
    let pulls = forge.pull_requests(&repository, &query).await.or_fail("read pull requests");
    let [pull] = pulls.as_slice() else { panic!("{pulls:#?}") };
    pull.body.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_prometheus_shows_is_found_told_in_the_pull_request_and_over_when_it_is_mended() {
    if !servers_enabled() {
        return;
    }
    let folder = kubeopt_tests::folder("findings");
    let folder = folder.path();
    let now_s = Timestamp::now().as_second();
    let kubeconfig = serve_lists(folder, list);
    let files = SHOP.iter().map(|one| {
        let path = RepoPath::new(&format!("apps/{}.yaml", one.0)).expect("a path");
        (path, manifest(one).into_bytes())
    });
    let silence = "findings:\n  silences:\n  - {match: {name: api}, kinds: [saturation], from: 2020-01-01, reason: load test}\n";
    let policy = (RepoPath::new("apps/.kubeopt.yaml").expect("a path"), silence.as_bytes().to_vec());
    let forge = LocalForge::open(folder.join("forge")).or_fail("open a forge");
    let files = files.chain([policy]).collect();
    forge.create_repository("acme", "gitops", &files, "main").await.or_fail("make a repository");

    let leaking = Prometheus::start(&usage(now_s, None)).await;
    config(folder, leaking.url(), "history", &kubeconfig);
    let planned = said(&kubeopt(folder, &["propose", "-q"]));
    let open = found(folder, &[]);
    let expected =
        [row("api", "saturation", "silenced"), row("cache", "leak", "open"), row("web", "spike", "open")];
    assert_eq!(open, expected, "{planned}");
    assert_eq!(found(folder, &["--severity", "critical"]).len(), 1, "the throttling alone is critical");

    let body = body(&forge).await;
    let noticed = body.split("**Noticed:**").nth(1).unwrap_or_default();
    let line =
        noticed.lines().find(|line| line.contains("leak suspected")).unwrap_or_else(|| panic!("{body}"));
    assert!(
        line.contains("shop/deploy/cache/cache") && line.contains("limit of 1Gi reached in about"),
        "{line}"
    );
    assert!(line.contains("Memory stays as it is"), "{line}");
    assert!(!body.contains("load test"), "{body}");
    let explained = said(&kubeopt(folder, &["explain", "shop/deploy/cache", "-q"]));
    assert!(explained.contains("leak") && explained.contains("memory stays as it is"), "{explained}");

    // The same hours of another history: an hour that was read is not read again.
    let mended = Prometheus::start(&usage(now_s, Some(14))).await;
    config(folder, mended.url(), "history-after", &kubeconfig);
    let _proposed = kubeopt(folder, &["propose", "-q"]);
    let over = found(folder, &[]);
    assert!(over.contains(&row("cache", "leak", "resolved")), "{over:?}");
    assert!(over.contains(&row("api", "saturation", "silenced")), "{over:?}");
}
