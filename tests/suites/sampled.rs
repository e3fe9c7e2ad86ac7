//! A cluster without Prometheus: what metrics-server tells through a real API server, from the list to the row of a scan, under
//! the permissions that the chart gives.

use std::path::Path;
use std::process::{Command, Output};

use kubeopt_model::Timestamp;
use kubeopt_tests::kubernetes::Kubernetes;
use kubeopt_tests::kwok::Kwok;
use kubeopt_tests::{OrFail, metrics_server, servers_enabled, wait};
use serde_json::Value;

use crate::chart::{NAMESPACE, RELEASE, connect, install, install_with};
use crate::program::binary;

/// A cluster whose usage metrics-server tells.
const SAMPLED: &str = "config: {clusters: [{name: in-cluster, metrics: {metricsServer: {}}}]}";

const SHOP: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: registry.example/web:1, resources: {requests: {cpu: 500m, memory: 256Mi}}}
      - {name: proxy, image: registry.example/proxy:1, resources: {requests: {cpu: 100m, memory: 64Mi}}}
";

fn kubeopt(folder: &Path, kubeconfig: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.args(args).arg("--kubeconfig").arg(kubeconfig);
    command.current_dir(folder).env("NO_COLOR", "1").env("HOME", folder).env_remove("KUBEOPT_PROMETHEUS");
    command.output().or_fail("run kubeopt")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// All that a command says, in one text.
fn said(output: &Output) -> String {
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_of_a_cluster_without_prometheus_is_that_of_its_metrics_server() {
    if !servers_enabled() {
        return;
    }
    let folder = kubeopt_tests::folder("sampled");
    let kubernetes = Kubernetes::start().await;
    let kwok = Kwok::start(&kubernetes).await;
    kwok.nodes(&kubernetes, 1, ("4", "16Gi")).await;
    install(&kubernetes).await;
    kubernetes.namespace("shop").await;
    kubernetes.apply(SHOP).await;
    let pods = kubernetes.running_pods("shop", "app=web", 2, wait::RECONCILE).await;

    // An administrator may list it, and nothing serves it.
    let checked = kubeopt(folder.path(), kubernetes.kubeconfig(), &["check", "--pre"]);
    let missing = said(&checked);
    assert!(missing.contains("nothing serves metrics.k8s.io"), "{missing}");
    assert!(missing.contains("or install metrics-server"), "{missing}");

    // It is served, and the chart that names a Prometheus does not let kubeopt list it.
    metrics_server::serve(&kubernetes).await;
    let cluster = connect(&kubernetes, NAMESPACE, RELEASE).await;
    assert_eq!(cluster.moment().await.map_err(|error| error.code()), Err("E-CLU-011"));
    install_with(&kubernetes, SAMPLED).await;
    let moment = wait::until("the role of the chart to count", wait::RECONCILE, async || {
        cluster.moment().await.map_err(|error| error.problem().to_string())
    })
    .await;
    assert!(moment.samples.is_empty() && moment.unusable == 0, "{moment:?}");

    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    for pod in &pods {
        let name = pod.metadata.name.as_deref().expect("a pod has a name");
        let used = [("web", "123456789n", "204800Ki"), ("proxy", "1500u", "1Mi")];
        metrics_server::measured(&kubernetes, ("shop", name), (&now, "15.032s"), &used).await;
    }
    let moment = cluster.moment().await.or_fail("ask for usage");
    assert_eq!((moment.samples.len(), moment.unusable), (4, 0));
    let web = moment.samples.iter().find(|sample| sample.container.as_str() == "web").expect("web is told");
    assert_eq!((web.cpu_millicores, web.memory_bytes), (Some(123.456_789), Some(209_715_200.0)));

    let account = kubernetes.service_account_kubeconfig(NAMESPACE, RELEASE).await;
    let table = kubeopt(folder.path(), &account, &["scan", "-o", "table"]);
    let table = said(&table);
    assert!(table.starts_with("metrics-server: samples since kubeopt runs, none of the past"), "{table}");
    let scan = kubeopt(folder.path(), &account, &["scan", "-o", "json"]);
    assert!(scan.status.success(), "{}", said(&scan));
    let report: Value = serde_json::from_slice(&scan.stdout).or_fail("read the scan");
    let rows = report["rows"].as_array().expect("there are rows");
    let row = rows.iter().find(|row| row["container"] == "web").expect("web has a row");
    assert_eq!(row["verdict"], "unknown", "{row}");

    let explained = said(&kubeopt(folder.path(), &account, &["explain", "shop/deploy/web"]));
    assert!(explained.contains("usage from metrics-server"), "{explained}");
    // The pods have just started, so that their CPU does not speak for the request yet.
    assert!(
        explained.contains("CPU no samples; memory 2 samples"),
        "two pods were sampled once: {explained}"
    );
    let checked = said(&kubeopt(folder.path(), &account, &["check", "--pre"]));
    let fine =
        "metrics-server (metrics.k8s.io/v1beta1): CPU of 4 containers, memory of 4, CPU a mean over 15 s";
    assert!(checked.contains(fine), "{checked}");
}
