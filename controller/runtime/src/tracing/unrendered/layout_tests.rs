//! Which container a value is for, with what the cluster runs and without.

use kubeopt_gitops::releases;

use super::*;

/// `kind/name [container] cpu memory` of each container that was found.
fn found(values: &[&str], running: &[(&str, &str, &[&str])]) -> Vec<String> {
    found_of(&release(), values, running)
}

fn release() -> Release {
    let text = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web, namespace: apps}\nspec: {chart: {spec: {chart: shop, sourceRef: {kind: HelmRepository, name: charts}}}}\n";
    releases(text.as_bytes()).0.remove(0)
}

fn found_of(release: &Release, values: &[&str], running: &[(&str, &str, &[&str])]) -> Vec<String> {
    let layers: Vec<String> = values.iter().map(|text| (*text).to_owned()).collect();
    let running: Vec<Running> = running
        .iter()
        .map(|(kind, name, containers)| Running {
            workload: RenderedWorkload {
                kind: WorkloadKind::ALL.into_iter().find(|known| known.as_str() == *kind).unwrap(),
                namespace: None,
                name: ObjectName::new(*name).unwrap(),
            },
            containers: containers.iter().map(|name| ContainerName::new(*name).unwrap()).collect(),
        })
        .collect();
    let Some(found) = by_layout(release, "shop", &layers, &running) else { return Vec::new() };
    let workloads = kubeopt_manifest::workloads(&found.manifests).unwrap();
    assert_eq!(workloads.problems, []);
    workloads
        .containers
        .iter()
        .map(|container| {
            let texts: Vec<&str> = container.texts.values().map(String::as_str).collect();
            format!("{} [{}] {}", container.workload, container.container, texts.join(" "))
        })
        .collect()
}

const TOP: &str = "resources: {requests: {cpu: 1, memory: 2Gi}}\n";
const PARTS: &str =
    "server: {resources: {requests: {cpu: 300m}}}\nqueryFrontend: {resources: {limits: {memory: 1Gi}}}\n";
const CONTROLLERS: &str =
    "controllers: {main: {type: statefulset, containers: {app: {resources: {requests: {cpu: 2}}}}}}\n";

#[test]
fn what_the_cluster_runs_tells_whom_values_are_for() {
    let sts = "StatefulSet";
    assert_eq!(found(&[TOP], &[(sts, "db-0", &["postgres"])]), ["sts/db-0 [postgres] 1 2Gi"]);
    assert_eq!(
        found(&[TOP], &[(sts, "web-shop", &["metrics", "shop"]), (sts, "other", &["shop"])]),
        ["sts/web-shop [shop] 1 2Gi"],
        "of several the one that is called like the release"
    );
    assert_eq!(found(&[TOP], &[(sts, "db", &["postgres", "metrics"])]), [""; 0], "which of the two?");
    assert_eq!(
        found(&[PARTS], &[("Deployment", "web-server", &["server"]), (sts, "x-query-frontend", &["nginx"])]),
        ["deploy/web-server [server] 300m", "sts/x-query-frontend [nginx] 1Gi"]
    );
    assert_eq!(
        found(&[PARTS], &[("Deployment", "observer", &["app"])]),
        [""; 0],
        "`server` is no part of it"
    );
    assert_eq!(
        found(&[CONTROLLERS], &[("Deployment", "any", &["app", "sidecar"])]),
        ["deploy/any [app] 2"],
        "the only controller, by the key of its container"
    );
    let operator = "prometheus: {prometheusSpec: {resources: {requests: {memory: 4Gi}}}}\n";
    assert_eq!(
        found(&[operator], &[(sts, "prometheus-web-prometheus", &["prometheus", "config-reloader"])]),
        ["sts/prometheus-web-prometheus [prometheus] 4Gi"]
    );
}

#[test]
fn two_places_that_may_mean_one_container_mean_none() {
    let both = format!("{TOP}web: {{resources: {{requests: {{cpu: 3}}}}}}\n");
    assert_eq!(found(&[&both], &[("Deployment", "web", &["web"])]), [""; 0]);
}

#[test]
fn without_a_cluster_names_are_those_of_charts_that_helm_creates() {
    assert_eq!(found(&[TOP], &[]), ["apps/deploy/web-shop [shop] 1 2Gi"]);
    assert_eq!(found(&["fullnameOverride: cart\n", TOP], &[]), ["apps/deploy/cart [shop] 1 2Gi"]);
    assert_eq!(
        found(&[PARTS], &[]),
        [
            "apps/deploy/web-shop-query-frontend [query-frontend] 1Gi",
            "apps/deploy/web-shop-server [server] 300m"
        ]
    );
    assert_eq!(found(&[CONTROLLERS], &[]), ["apps/sts/web [app] 2"]);
    assert_eq!(found(&["replicas: 2\nresources: {}\n"], &[]), [""; 0]);
}

#[test]
fn the_highest_layer_counts_and_null_takes_a_value_away() {
    let higher = "resources: {requests: {cpu: 5, memory: null}}\n";
    assert_eq!(found(&[TOP, higher], &[]), ["apps/deploy/web-shop [shop] 5"]);
    assert_eq!(found(&[TOP, "resources: null\n"], &[]), [""; 0]);
}

#[test]
fn a_single_value_goes_above_all_layers_and_one_that_is_not_understood_ends_it() {
    let with = |name: &str| Release {
        parameters: vec![Parameter { name: name.to_owned(), value: "7".to_owned(), force_string: false }],
        ..release()
    };
    assert_eq!(found_of(&with("resources.requests.cpu"), &[TOP], &[]), ["apps/deploy/web-shop [shop] 7 2Gi"]);
    assert_eq!(found_of(&with("list[0].cpu"), &[TOP], &[]), [""; 0]);
}
