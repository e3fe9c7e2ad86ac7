//! What Prometheus and its relatives answer on good days and bad ones, played by a mock server.

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
async fn reads_all_containers_with_three_queries() {
    let server = MockServer::start().await;
    let cpu = [
        row("live", json!([[at(1), "250.5"], [at(2), "300"]])),
        row("api-5d8c7b9f6d-x7k2p", json!([[at(24), "1"]])),
    ];
    answers(&server, CPU, matrix(&cpu)).await;
    answers(&server, MEMORY, matrix(&[row("live", json!([[at(1), "1e9"]]))])).await;
    answers(&server, THROTTLED, matrix(&[row("live", json!([[SLICE.from_unix_s + 3600, "1.2"]]))])).await;
    else_empty(&server).await;
    let (report, mut series) = read(&source(&server, |_| {}).await).await.unwrap();
    series.sort_by_key(|one| (one.signal, one.pod.clone()));
    assert_eq!((report.queries, report.series, report.samples), (3, 4, 5));
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
    assert_eq!(range.len(), 3);
    for request in range {
        let body = String::from_utf8(request.body.clone()).unwrap();
        assert!(body.contains("cluster%3D%22prod-eu%22%2Cnamespace%3D%7E%22shop%22"), "{body}");
        assert!(body.contains("dedup=true") && body.contains("timeout=120s"), "{body}");
        assert_eq!(request.headers["x-scope-orgid"], "team-a");
    }
}

#[tokio::test]
async fn a_refused_size_is_halved_until_it_fits() {
    let server = MockServer::start().await;
    let refused = json!({"status": "error", "errorType": "execution", "error": "query processing would load too many samples into memory in query execution"});
    let whole = format!("start={}&end={}&", at(1), at(24));
    Mock::given(body_string_contains(&whole))
        .and(body_string_contains(CPU))
        .respond_with(ResponseTemplate::new(422).set_body_json(&refused))
        .with_priority(1)
        .mount(&server)
        .await;
    for (first, last) in [(1, 12), (13, 24)] {
        Mock::given(body_string_contains(format!("start={}&end={}&", at(first), at(last))))
            .and(body_string_contains(CPU))
            .respond_with(matrix(&[row("live", json!([[at(first), "1"], [at(last), "2"]]))]))
            .with_priority(2)
            .mount(&server)
            .await;
    }
    answers(&server, MEMORY, matrix(&[row("live", json!([[at(1), "1"]]))])).await;
    else_empty(&server).await;
    let (report, series) = read(&source(&server, |_| {}).await).await.unwrap();
    assert_eq!((report.queries, report.samples), (5, 5));
    let cpu: Vec<i64> = series
        .iter()
        .filter(|one| one.signal == Signal::CpuMillicores)
        .flat_map(|one| one.points.iter().map(|(at, _)| *at))
        .collect();
    assert_eq!(cpu, [at(0), at(11), at(12), at(23)]);
}

#[tokio::test]
async fn what_is_too_much_for_an_hour_is_given_up_with_the_reason() {
    for answer in [
        ResponseTemplate::new(503).set_body_string("query timed out in expression evaluation"),
        ResponseTemplate::new(422).set_body_string("the query exceeded the maximum number of samples"),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        let error = read(&source(&server, |_| {}).await).await.unwrap_err();
        assert!(matches!(error, ObserveError::TooMuch { seconds: 3600, .. }), "{error}");
        assert!(server.received_requests().await.unwrap().len() <= 6);
    }
}

#[tokio::test]
async fn an_outage_is_borne_for_a_while() {
    let server = MockServer::start().await;
    Mock::given(body_string_contains(CPU))
        .respond_with(ResponseTemplate::new(502))
        .up_to_n_times(2)
        .with_priority(1)
        .mount(&server)
        .await;
    answers(&server, CPU, matrix(&[row("live", json!([[at(1), "1"]]))])).await;
    answers(&server, MEMORY, matrix(&[row("live", json!([[at(1), "1"]]))])).await;
    else_empty(&server).await;
    let (report, _) = read(&source(&server, |_| {}).await).await.unwrap();
    assert_eq!((report.queries, report.samples), (5, 2));

    server.reset().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(500).set_body_string("panic"))
        .mount(&server)
        .await;
    let error = read(&source(&server, |_| {}).await).await.unwrap_err();
    assert!(
        matches!(&error, ObserveError::Refused { status: 500, excerpt } if excerpt == "panic"),
        "{error}"
    );
    assert!(error.is_transient());
}

#[tokio::test]
async fn what_came_before_a_broken_connection_is_not_given_twice() {
    let rows: Vec<Value> =
        (0..3).map(|n| json!({"metric": {"pod": format!("p{n}")}, "values": [[1, "1"], [2, "2"]]})).collect();
    let body = json!({"status": "success", "data": {"result": rows}}).to_string();
    let cut = body.find("p2").unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        for part in [&body[..cut], &body[..]] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0_u8; 4096];
            let _some = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await.unwrap();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            tokio::io::AsyncWriteExt::write_all(&mut stream, format!("{head}{part}").as_bytes())
                .await
                .unwrap();
            tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
        }
    });
    let source = source_at(&uri, |_| {});
    let mut found = Vec::new();
    let steps = attempt::Steps { first: 300, last: 3600, step: 300 };
    let tally = source
        .api
        .range("up", steps, &mut |labels, points| found.push((labels["pod"].clone(), points.len())))
        .await;
    server.await.unwrap();
    assert_eq!(found, [("p0".to_owned(), 2), ("p1".to_owned(), 2), ("p2".to_owned(), 2)]);
    assert_eq!(tally.unwrap().queries, 2);
}

#[tokio::test]
async fn a_slow_server_is_not_waited_for_for_ever() {
    let server = MockServer::start().await;
    let late = matrix(&[]).set_delay(Duration::from_secs(600));
    Mock::given(method("POST")).respond_with(late).mount(&server).await;
    let client = {
        let url = Url::parse(&server.uri()).unwrap();
        kubeopt_net::install_crypto_provider();
        Client::new(ClientPolicy::new(vec![HostRule::for_url(&url).unwrap()])).unwrap()
    };
    let api = attempt::Api::new(
        client,
        Url::parse(&format!("{}/", server.uri())).unwrap(),
        Duration::ZERO,
        Duration::from_millis(1),
    )
    .with_patience(Duration::from_millis(20));
    let error = api.instant("up", None, &mut |_, _| {}).await.unwrap_err();
    assert!(
        matches!(&error, ObserveError::TooMuch { excerpt, .. } if excerpt.contains("in time")),
        "{error}"
    );
}

#[tokio::test]
async fn refusals_that_waiting_does_not_cure_are_told_at_once() {
    for (status, code, help) in
        [(401, "E-OBS-002", "credentials"), (403, "E-OBS-002", "tenant"), (404, "E-OBS-002", "path")]
    {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(status).set_body_string("no\u{1b}[31m"))
            .mount(&server)
            .await;
        let error = read(&source(&server, |_| {}).await).await.unwrap_err();
        let problem = error.problem();
        assert!(problem.code == code && problem.help.contains(help), "{problem}");
        assert!(!problem.text.contains('\u{1b}'));
        // One per signal: none is repeated.
        assert!(server.received_requests().await.unwrap().len() <= 3);
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_named() {
    let error = read(&source_at("http://127.0.0.1:9", |_| {})).await.unwrap_err();
    let problem = error.problem();
    assert!(problem.code == "E-OBS-001" && problem.text.contains("127.0.0.1"), "{problem}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn what_is_no_answer_of_prometheus_is_said() {
    for body in [
        "<html>log in</html>",
        "",
        "{\"status\":\"success\",\"data\":{\"result\":[{\"values\":[[1,",
        "{}",
        "[]",
    ] {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(200).set_body_string(body))
            .mount(&server)
            .await;
        let code = read(&source(&server, |_| {}).await).await.unwrap_err().code();
        assert!(code == "E-OBS-004" || (body == "{}" && code == "E-OBS-005"), "{body}: {code}");
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
    assert!(report.queries == 4 && report.partial.is_none(), "{report:?}");
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
    assert_eq!((report.queries, report.unowned_series), (6, 1));
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
async fn a_huge_answer_is_read_in_bounded_memory() {
    // 40 MB in one answer; each series must leave before the next is read whole.
    let server = MockServer::start().await;
    let values: Vec<Value> = (1..=24).map(|step| json!([at(step), "123456789.123456789"])).collect();
    let rows: Vec<Value> = (0..10_000).map(|n| json!({"metric": {"namespace": "shop", "pod": "live", "container": format!("c{n}")}, "values": values})).collect();
    answers(&server, MEMORY, matrix(&rows)).await;
    else_empty(&server).await;
    let (mut count, mut longest) = (0_u64, 0);
    let report = source(&server, |_| {})
        .await
        .read(SLICE, &owners(), &mut |one| {
            count += 1;
            longest = longest.max(one.points.capacity());
        })
        .await
        .unwrap();
    assert_eq!((count, report.samples, longest), (10_000, 240_000, 24));
}

#[tokio::test]
async fn falls_back_to_get_where_post_is_not_allowed() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(405))
        .with_priority(1)
        .mount(&server)
        .await;
    for metric in [CPU, MEMORY] {
        Mock::given(method("GET"))
            .and(query_param_contains("query", metric))
            .respond_with(matrix(&[row("live", json!([[at(1), "1"]]))]))
            .mount(&server)
            .await;
    }
    else_empty(&server).await;
    let (report, _) = read(&source(&server, |_| {}).await).await.unwrap();
    assert_eq!(report.samples, 2);
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
    let recorded = RecordedMetrics { series, oom_kills: vec![] };
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
