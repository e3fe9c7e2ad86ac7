//! What Prometheus and its relatives answer, played by a mock server.

use std::collections::BTreeMap;
use std::time::Duration;

use kubeopt_model::cluster::Pod;
use kubeopt_model::usage::{Signal, UsageSeries};
use kubeopt_model::{
    ClusterFacts, ClusterName, Namespace, ObjectName, Window, Workload, WorkloadId, WorkloadKind,
};
use kubeopt_net::{Client, ClientPolicy, HostRule, Url};
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, method, path, query_param_contains};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;

mod aftermath;
mod failures;
mod nodes;
mod raw;
mod sampled;
mod signals;

const CPU: &str = "container_cpu_usage_seconds_total";
const MEMORY: &str = "container_memory_working_set_bytes";
const THROTTLED: &str = "container_cpu_cfs_throttled_periods_total";
const SLICE: Window = Window { from_unix_s: 1_700_006_400, to_unix_s: 1_700_013_600 };

fn id(kind: WorkloadKind, name: &str) -> WorkloadId {
    WorkloadId {
        cluster: ClusterName::new("test").unwrap(),
        namespace: Namespace::new("shop").unwrap(),
        kind,
        name: ObjectName::new(name).unwrap(),
    }
}

fn owners() -> PodOwners {
    let mut facts = ClusterFacts::empty(ClusterName::new("test").unwrap());
    for (kind, name) in
        [(WorkloadKind::Deployment, "api"), (WorkloadKind::DaemonSet, "sync"), (WorkloadKind::Job, "sync")]
    {
        facts.workloads.push(Workload {
            id: id(kind, name),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            replicas: 1,
            containers: vec![],
            scaler: None,
            applied_by: None,
            owner: None,
            vpa: None,
        });
    }
    facts.pods.push(Pod {
        namespace: Namespace::new("shop").unwrap(),
        name: "live".to_owned(),
        workload: Some(id(WorkloadKind::Deployment, "api")),
        node: None,
        ready: true,
        started_unix_s: None,
        oom_kills: vec![],
        running: vec![],
        cgroups: kubeopt_model::cluster::PodCgroups::default(),
    });
    PodOwners::from_facts(&facts)
}

async fn source(server: &MockServer, change: impl FnOnce(&mut PrometheusOptions)) -> Prometheus {
    source_at(&server.uri(), change)
}

fn source_at(uri: &str, change: impl FnOnce(&mut PrometheusOptions)) -> Prometheus {
    kubeopt_net::install_crypto_provider();
    let url = Url::parse(uri).unwrap();
    let client = Client::new(ClientPolicy::new(vec![HostRule::for_url(&url).unwrap()])).unwrap();
    let mut options = PrometheusOptions::new(url);
    options.first_wait = Duration::from_millis(1);
    change(&mut options);
    Prometheus::new(client, options).unwrap()
}

fn row(pod: &str, values: Value) -> Value {
    json!({"metric": {"namespace": "shop", "pod": pod, "container": "main"}, "values": values})
}

fn matrix(rows: &[Value]) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({"status": "success", "data": {"resultType": "matrix", "result": rows}}))
}

fn vector(rows: &[Value]) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({"status": "success", "data": {"resultType": "vector", "result": rows}}))
}

async fn answers(server: &MockServer, metric: &str, answer: ResponseTemplate) {
    Mock::given(method("POST"))
        .and(body_string_contains(metric))
        .respond_with(answer)
        .with_priority(5)
        .mount(server)
        .await;
}

/// Everything that no other mock answers is empty.
async fn else_empty(server: &MockServer) {
    Mock::given(path("/api/v1/query_range")).respond_with(matrix(&[])).with_priority(9).mount(server).await;
    Mock::given(path("/api/v1/query")).respond_with(vector(&[])).with_priority(9).mount(server).await;
}

async fn read(source: &Prometheus) -> Result<(SliceReport, Vec<UsageSeries>), ObserveError> {
    let mut series = Vec::new();
    let report = source.read(SLICE, &owners(), &mut |one| series.push(one)).await?;
    Ok((report, series))
}

/// One sample in the slice, given as Prometheus stamps it: at the end of its step.
fn at(step: i64) -> i64 {
    SLICE.from_unix_s + step * STEP_S
}

#[tokio::test]
async fn reads_all_containers_with_four_queries() {
    let server = MockServer::start().await;
    let cpu = [
        row("live", json!([[at(1), "250.5"], [at(2), "300"]])),
        row("api-5d8c7b9f6d-x7k2p", json!([[at(24), "1"]])),
    ];
    answers(&server, CPU, matrix(&cpu)).await;
    answers(&server, MEMORY, matrix(&[row("live", json!([[at(1), "1e9"]]))])).await;
    let hourly = |pod: &str, signal: &str, value: &str| json!({"metric": {"namespace": "shop", "pod": pod, "container": "main", "kubeopt_signal": signal}, "values": [[SLICE.from_unix_s + 3600, value]]});
    answers(&server, THROTTLED, matrix(&[hourly("live", "throttled", "1.2")])).await;
    else_empty(&server).await;
    let (report, mut series) = read(&source(&server, |_| {}).await).await.unwrap();
    series.sort_by_key(|one| (one.signal, one.pod.clone()));
    assert_eq!((report.queries, report.series, report.samples), (4, 4, 5));
    assert!(report.partial.is_none() && report.empty.is_none() && report.bytes > 0);
    assert_eq!(series[0].points, [(at(23), 1.0)]);
    assert_eq!(series[1].points, [(at(0), 250.5), (at(1), 300.0)]);
    assert_eq!(
        (series[3].signal, series[3].points.as_slice()),
        (Signal::ThrottledRatio, &[(at(0), 1.0)][..])
    );
    assert!(series.iter().all(|one| one.container.workload == id(WorkloadKind::Deployment, "api")));
}

#[tokio::test]
async fn asks_by_cluster_namespace_and_tenant() {
    let server = MockServer::start().await;
    else_empty(&server).await;
    let source = source(&server, |options| {
        options.headers.push(("X-Scope-OrgID".into(), "team-a".into()));
        options.parameters.push(("dedup".into(), "true".into()));
        options.selector = Selector {
            cluster: vec![LabelMatcher::new("cluster", "prod-eu").unwrap()],
            namespaces: vec![Namespace::new("shop").unwrap()],
        };
    })
    .await;
    read(&source).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let range: Vec<&Request> =
        requests.iter().filter(|one| one.url.path().ends_with("query_range")).collect();
    assert_eq!(range.len(), 4);
    for request in range {
        let body = String::from_utf8(request.body.clone()).unwrap();
        assert!(body.contains("cluster%3D%22prod-eu%22%2Cnamespace%3D%7E%22shop%22"), "{body}");
        assert!(body.contains("dedup=true") && body.contains("timeout=120s"), "{body}");
        assert_eq!(request.headers["x-scope-orgid"], "team-a");
    }
}

#[tokio::test]
async fn warnings_make_the_slice_partial() {
    let server = MockServer::start().await;
    let warned = json!({"status": "success", "data": {"resultType": "matrix", "result": [row("live", json!([[at(1), "1"]]))]}, "warnings": ["no store matched"]});
    answers(&server, CPU, ResponseTemplate::new(200).set_body_json(warned)).await;
    answers(&server, MEMORY, matrix(&[row("live", json!([[at(1), "1"]]))])).await;
    else_empty(&server).await;
    let (report, _) = read(&source(&server, |_| {}).await).await.unwrap();
    assert_eq!(report.partial.as_deref(), Some("the metrics source warned: no store matched"));
}

#[tokio::test]
async fn processors_are_added_up_where_cadvisor_exports_them_singly() {
    let server = MockServer::start().await;
    answers(&server, MEMORY, matrix(&[row("live", json!([[at(1), "1"]]))])).await;
    answers(&server, "without+%28cpu%29", matrix(&[row("live", json!([[at(1), "700"]]))])).await;
    else_empty(&server).await;
    let (report, series) = read(&source(&server, |_| {}).await).await.unwrap();
    assert!(report.queries == 5 && report.partial.is_none(), "{report:?}");
    assert!(series.iter().any(|one| one.signal == Signal::CpuMillicores && one.points == [(at(0), 700.0)]));
}

#[tokio::test]
async fn memory_without_cpu_is_partial_with_the_likely_cause() {
    let server = MockServer::start().await;
    answers(&server, MEMORY, matrix(&[row("live", json!([[at(1), "1"]]))])).await;
    else_empty(&server).await;
    let (report, _) = read(&source(&server, |_| {}).await).await.unwrap();
    assert!(report.partial.unwrap().contains("scrape interval"));
}

#[tokio::test]
async fn drops_and_counts_what_cannot_be_used() {
    let server = MockServer::start().await;
    let cpu = [
        row(
            "live",
            json!([
                [at(1), "NaN"],
                [at(2), "+Inf"],
                [at(3), "-1"],
                [at(4), "7"],
                [at(999_999_999), "8"],
                [at(-5), "9"]
            ]),
        ),
        row("live", json!([[at(5), "50"]])),
        row("Not_A_Pod", json!([[at(1), "1"]])),
        row("api-vvvvvvvv-vvvvv-x", json!([[at(1), "1"]])),
        json!({"metric": {"namespace": "shop", "pod": "live"}, "values": [[at(1), "1"]]}),
    ];
    answers(&server, CPU, matrix(&cpu)).await;
    answers(&server, MEMORY, matrix(&[row("live", json!([[at(1), "1"]]))])).await;
    else_empty(&server).await;
    let (report, series) = read(&source(&server, |_| {}).await).await.unwrap();
    assert_eq!((report.unusable_samples, report.misplaced_samples), (3, 2));
    assert_eq!((report.odd_series, report.unowned_series, report.samples), (3, 1, 2));
    assert!(series.iter().any(|one| one.points == [(at(3), 7.0)]));
}

#[tokio::test]
async fn asks_kube_state_metrics_about_pods_that_are_gone() {
    let server = MockServer::start().await;
    answers(
        &server,
        CPU,
        matrix(&[row("sync-x7k2p", json!([[at(1), "1"]])), row("gone-b2b2b", json!([[at(1), "1"]]))]),
    )
    .await;
    answers(
        &server,
        MEMORY,
        matrix(&[row("sync-x7k2p", json!([[at(1), "1"]])), row("odd", json!([[at(1), "1"]]))]),
    )
    .await;
    let owned = |pod: &str, kind: &str, name: &str| json!({"metric": {"namespace": "shop", "pod": pod, "owner_kind": kind, "owner_name": name}, "value": [at(24), "1"]});
    answers(
        &server,
        "kube_pod_owner",
        vector(&[owned("sync-x7k2p", "Job", "sync"), owned("odd", "ReplicaSet", "api-rs")]),
    )
    .await;
    let replicaset = json!({"metric": {"namespace": "shop", "replicaset": "api-rs", "owner_kind": "Deployment", "owner_name": "api"}, "value": [at(24), "1"]});
    answers(&server, "kube_replicaset_owner", vector(&[replicaset])).await;
    else_empty(&server).await;
    let (report, series) = read(&source(&server, |_| {}).await).await.unwrap();
    let of = |pod: &str| {
        series
            .iter()
            .filter(|one| one.pod == pod)
            .map(|one| one.container.workload.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of("sync-x7k2p"), [id(WorkloadKind::Job, "sync"), id(WorkloadKind::Job, "sync")]);
    assert_eq!(of("odd"), [id(WorkloadKind::Deployment, "api")]);
    assert_eq!((report.queries, report.unowned_series), (7, 1));
}

#[tokio::test]
async fn empty_answers_say_why() {
    for (then, now, wanted) in
        [(1, 1, Emptiness::NothingSelected), (0, 1, Emptiness::NoDataThen), (0, 0, Emptiness::NoSuchMetric)]
    {
        let server = MockServer::start().await;
        let one = vector(&[json!({"metric": {}, "value": [1, "3"]})]);
        for (there, marker) in [(then, "time="), (now, "query=count")] {
            if there == 1 {
                Mock::given(path("/api/v1/query"))
                    .and(body_string_contains(marker))
                    .respond_with(one.clone())
                    .with_priority(if marker == "time=" { 1 } else { 3 })
                    .mount(&server)
                    .await;
            } else if marker == "time=" {
                Mock::given(path("/api/v1/query"))
                    .and(body_string_contains(marker))
                    .respond_with(vector(&[]))
                    .with_priority(1)
                    .mount(&server)
                    .await;
            }
        }
        else_empty(&server).await;
        let (report, _) = read(&source(&server, |_| {}).await).await.unwrap();
        assert_eq!(report.empty, Some(wanted));
    }
}

#[tokio::test]
async fn finds_oom_kills_with_their_limit() {
    let server = MockServer::start().await;
    answers(
        &server,
        "kube_pod_container_status_restarts_total",
        matrix(&[row("live", json!([[at(3), "1"], [at(20), "2"]]))]),
    )
    .await;
    answers(
        &server,
        "kube_pod_container_resource_limits",
        matrix(&[row("live", json!([[at(3), "1073741824"]]))]),
    )
    .await;
    answers(
        &server,
        "last_terminated_reason",
        matrix(&[row("live", json!([[at(3), "1"], [at(4), "1"], [at(20), "1"]]))]),
    )
    .await;
    else_empty(&server).await;
    let kills = source(&server, |_| {}).await.oom_kills(SLICE, &owners()).await.unwrap();
    let found: Vec<_> = kills.iter().map(|kill| (kill.at_unix_s, kill.limit.map(|limit| limit.0))).collect();
    assert_eq!(found, [(at(3), Some(1 << 30)), (at(20), Some(1 << 30))]);
}

#[tokio::test]
async fn check_tells_what_there_is() {
    let server = MockServer::start().await;
    let number = |text: &str| vector(&[json!({"metric": {}, "value": [1, text]})]);
    answers(&server, "count_over_time", number("10")).await;
    answers(&server, CPU, number("12")).await;
    Mock::given(path("/api/v1/status/buildinfo"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"data": {"version": "2.42.0"}})))
        .mount(&server)
        .await;
    else_empty(&server).await;
    let facts = source(&server, |_| {}).await.check().await.unwrap();
    let wanted = SourceFacts {
        version: Some("2.42.0".into()),
        cpu_containers: 12,
        scrape_interval_s: Some(60),
        ..SourceFacts::default()
    };
    assert_eq!(facts, wanted);
}

#[tokio::test]
async fn slices_and_settings_are_checked_before_anything_is_sent() {
    let server = MockServer::start().await;
    let source = source(&server, |_| {}).await;
    for (from, to) in [(0, 0), (0, 3599), (60, 3660), (0, 90_000), (7200, 3600)] {
        let slice = Window { from_unix_s: from, to_unix_s: to };
        assert_eq!(source.read(slice, &owners(), &mut |_| {}).await.unwrap_err().code(), "E-OBS-007");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
    let url = Url::parse("http://127.0.0.1:9").unwrap();
    let client = || Client::new(ClientPolicy::new(vec![HostRule::for_url(&url).unwrap()])).unwrap();
    let mut options = PrometheusOptions::new(url.clone());
    options.parameters.push(("query".into(), "up".into()));
    assert_eq!(Prometheus::new(client(), options).err().map(|error| error.code()), Some("E-OBS-006"));
    let mut options = PrometheusOptions::new(url.clone());
    options.headers.push(("X-Bad".into(), "a\nb".into()));
    assert_eq!(Prometheus::new(client(), options).err().map(|error| error.code()), Some("E-OBS-006"));
}

#[tokio::test]
async fn recorded_usage_keeps_the_same_contract() {
    let container = kubeopt_model::ContainerId {
        workload: id(WorkloadKind::Deployment, "api"),
        container: kubeopt_model::ContainerName::new("main").unwrap(),
    };
    let points = (0..48).map(|step| (at(step), 1.0)).collect();
    let series = vec![UsageSeries { container, pod: "a".into(), signal: Signal::CpuMillicores, points }];
    let recorded = RecordedMetrics { series, oom_kills: vec![], gpus: Vec::new() };
    let mut found = Vec::new();
    let report = recorded.read(SLICE, &PodOwners::default(), &mut |one| found.push(one)).await.unwrap();
    assert_eq!((report.samples, found.len(), found[0].points.len()), (24, 1, 24));
    let later = Window { from_unix_s: SLICE.to_unix_s + 7200, to_unix_s: SLICE.to_unix_s + 10_800 };
    let report = recorded.read(later, &PodOwners::default(), &mut |_| {}).await.unwrap();
    assert_eq!(report.empty, Some(Emptiness::NoDataThen));
}

#[test]
fn codes_are_listed_once_and_in_order() {
    let listed: Vec<&str> = codes::CODES.iter().map(|(code, _)| *code).collect();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(listed, sorted);
}
