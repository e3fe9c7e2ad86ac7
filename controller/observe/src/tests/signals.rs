//! What samples may be wrong or told apart: starts, gaps, duplicates, clocks.

use kubeopt_model::{Container, ContainerName, ContainerRole, Resources};

use super::*;

const STARTS: &str = "container_start_time_seconds";

fn hourly(signal: &str, values: &Value) -> Value {
    json!({"metric": {"namespace": "shop", "pod": "live", "container": "main", "kubeopt_signal": signal}, "values": values})
}

/// (signal, points) of everything that arrives for a pod's container.
fn points_of(series: &[UsageSeries], signal: Signal) -> Vec<(i64, f64)> {
    series.iter().filter(|one| one.signal == signal).flat_map(|one| one.points.iter().copied()).collect()
}

fn steps(values: impl Iterator<Item = (i64, f64)>) -> Value {
    values.map(|(step, value)| json!([at(step), value.to_string()])).collect()
}

/// A server where the container started a minute into the third step.
async fn started_anew(pod: &str) -> MockServer {
    let server = MockServer::start().await;
    let usage = |start: f64| {
        steps((1..=8).map(move |step| (step, if (3..=4).contains(&step) { start } else { 100.0 })))
    };
    answers(&server, CPU, matrix(&[row(pod, usage(2000.0))])).await;
    answers(&server, MEMORY, matrix(&[row(pod, usage(500.0))])).await;
    let start = at(2) + 60;
    answers(&server, STARTS, matrix(&[row(pod, json!([[SLICE.from_unix_s + 3600, start.to_string()]]))]))
        .await;
    else_empty(&server).await;
    server
}

#[tokio::test]
async fn the_first_five_minutes_of_a_container_do_not_speak_for_its_cpu() {
    let server = started_anew("live").await;
    let (report, series) = read(&source(&server, |_| {}).await).await.unwrap();
    let startup = [(at(2), 2000.0), (at(3), 2000.0)];
    assert_eq!(points_of(&series, Signal::CpuStartupMillicores), startup);
    let cpu = points_of(&series, Signal::CpuMillicores);
    assert!(cpu.len() == 6 && cpu.iter().all(|(_, value)| *value == 100.0), "{cpu:?}");
    // A container that has too little memory while it starts never starts.
    assert_eq!(points_of(&series, Signal::MemoryStartupBytes), [(at(2), 500.0), (at(3), 500.0)]);
    assert_eq!(points_of(&series, Signal::MemoryBytes).len(), 8);
    assert!(report.samples == 16 && report.partial.is_none(), "{report:?}");
}

#[tokio::test]
async fn all_of_a_job_and_of_an_init_container_speaks() {
    let server = started_anew("live").await;
    let mut facts = ClusterFacts::empty(ClusterName::new("test").unwrap());
    let owner_of = |facts: &mut ClusterFacts, kind: WorkloadKind, role: ContainerRole| {
        let name = ContainerName::new("main").unwrap();
        facts.workloads = vec![Workload {
            id: id(kind, "api"),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            replicas: 1,
            containers: vec![Container {
                name,
                role,
                image: "a:1".into(),
                resources: Resources::default(),
                java: None,
                gpus: 0,
            }],
            scaler: None,
            applied_by: None,
            owner: None,
            vpa: None,
        }];
        facts.pods = vec![Pod {
            namespace: Namespace::new("shop").unwrap(),
            name: "live".to_owned(),
            workload: Some(id(kind, "api")),
            node: None,
            ready: true,
            started_unix_s: None,
            oom_kills: vec![],
            running: vec![],
            cgroups: kubeopt_model::cluster::PodCgroups::default(),
        }];
        PodOwners::from_facts(facts)
    };
    for (kind, role, kept) in [
        (WorkloadKind::CronJob, ContainerRole::Main, 8),
        (WorkloadKind::Job, ContainerRole::Main, 8),
        (WorkloadKind::Deployment, ContainerRole::Init, 8),
        (WorkloadKind::Deployment, ContainerRole::Sidecar, 6),
        (WorkloadKind::Deployment, ContainerRole::Main, 6),
    ] {
        let owners = owner_of(&mut facts, kind, role);
        let mut series = Vec::new();
        source(&server, |_| {}).await.read(SLICE, &owners, &mut |one| series.push(one)).await.unwrap();
        assert_eq!(points_of(&series, Signal::CpuMillicores).len(), kept, "{kind:?} {role:?}");
    }
}

#[tokio::test]
async fn restarts_and_pressure_come_with_what_is_told_by_the_hour() {
    let server = MockServer::start().await;
    let end = SLICE.from_unix_s + 3600;
    let rows = [
        hourly("throttled", &json!([[end, "0.25"]])),
        hourly("restarts", &json!([[end, "3"]])),
        hourly("cpu-pressure", &json!([[end, "1.01"]])),
        hourly("memory-pressure", &json!([[end, "0.02"]])),
        hourly("something-new", &json!([[end, "1"]])),
    ];
    answers(&server, "container_pressure_cpu_waiting_seconds_total", matrix(&rows)).await;
    else_empty(&server).await;
    let (report, series) = read(&source(&server, |_| {}).await).await.unwrap();
    let first = SLICE.from_unix_s;
    for (signal, value) in [
        (Signal::ThrottledRatio, 0.25),
        (Signal::Restarts, 3.0),
        (Signal::CpuPressure, 1.0),
        (Signal::MemoryPressure, 0.02),
    ] {
        assert_eq!(points_of(&series, signal), [(first, value)], "{signal:?}");
    }
    assert_eq!((report.series, report.odd_series), (4, 1));
}

#[tokio::test]
async fn gaps_and_clocks_make_the_slice_partial_where_they_are_more_than_a_sample_in_a_hundred() {
    let far = i64::from(u32::MAX);
    for (bad, count, wanted) in [
        ("NaN", 12, Some("12 of 48 samples are no usable numbers")),
        ("-4", 1, Some("1 of 48 samples are no usable numbers")),
        ("future", 3, Some("3 of 48 samples lie in the future")),
        ("none", 0, None),
    ] {
        let server = MockServer::start().await;
        let value = |step: i64| match bad {
            _ if step > count => json!([at(step), "100"]),
            "future" => json!([far + step, "100"]),
            bad => json!([at(step), bad]),
        };
        let cpu: Value = (1..=24).map(value).collect();
        answers(&server, CPU, matrix(&[row("live", cpu)])).await;
        answers(&server, MEMORY, matrix(&[row("live", steps((1..=24).map(|step| (step, 1e8))))])).await;
        else_empty(&server).await;
        let (report, series) = read(&source(&server, |_| {}).await).await.unwrap();
        assert_eq!(points_of(&series, Signal::CpuMillicores).len(), 24 - count as usize, "{bad}");
        match wanted {
            Some(wanted) => assert!(report.partial.as_deref().unwrap().starts_with(wanted), "{report:?}"),
            None => assert_eq!(report.partial, None),
        }
    }
    // One in a hundred is nothing to wait for.
    let server = MockServer::start().await;
    let rows: Vec<Value> = (0..10)
        .map(|n| json!({"metric": {"namespace": "shop", "pod": "live", "container": format!("c{n}")}, "values": steps((1..=24).map(|step| (step, if step == 1 && n < 2 { f64::NAN } else { 1.0 })))}))
        .collect();
    for metric in [CPU, MEMORY] {
        answers(&server, metric, matrix(&rows)).await;
    }
    else_empty(&server).await;
    let (report, _) = read(&source(&server, |_| {}).await).await.unwrap();
    assert_eq!((report.unusable_samples, report.partial), (4, None));
}

#[tokio::test]
async fn series_of_two_replicas_of_prometheus_count_once() {
    let server = MockServer::start().await;
    // What a store without deduplication answers: every series twice. The labels that tell the replicas apart are gone,
    // since every query is by namespace, pod and container.
    let twice = |value: &str| {
        let one = row("live", json!([[at(1), value]]));
        matrix(&[one.clone(), one])
    };
    answers(&server, CPU, twice("250")).await;
    answers(&server, MEMORY, twice("1e8")).await;
    else_empty(&server).await;
    let (report, series) = read(&source(&server, |_| {}).await).await.unwrap();
    assert_eq!((report.series, report.odd_series), (2, 2));
    assert_eq!(points_of(&series, Signal::CpuMillicores), [(at(0), 250.0)]);
    let selector = Selector::default();
    for query in [selector.cpu_millicores(), selector.memory_bytes(), selector.starts()] {
        assert!(query.starts_with("max by (namespace, pod, container) ("), "{query}");
    }
    assert_eq!(selector.hourly().matches("by (namespace, pod, container)").count(), 5);
}

#[tokio::test]
async fn a_counter_that_begins_anew_is_left_to_rate() {
    // rate() and increase() take a drop as a reset. Nothing is asked of a bare counter, whose drops would be negative.
    let selector = Selector::default();
    assert!(selector.cpu_millicores().contains("rate(container_cpu_usage_seconds_total{"));
    let hourly = selector.hourly();
    for part in [
        "increase(container_cpu_cfs_throttled_periods_total{",
        "changes(kube_pod_container_status_restarts_total{",
        "rate(container_pressure_cpu_waiting_seconds_total{",
        "rate(container_pressure_memory_waiting_seconds_total{",
    ] {
        assert!(hourly.contains(part), "{part}: {hourly}");
    }
}

#[tokio::test]
async fn a_store_s_own_parameters_are_sent_and_its_partial_answers_count() {
    let server = MockServer::start().await;
    // As VictoriaMetrics says it.
    let partial = json!({"status": "success", "isPartial": true, "data": {"resultType": "matrix", "result": [row("live", json!([[at(1), "1"]]))]}});
    answers(&server, CPU, ResponseTemplate::new(200).set_body_json(partial)).await;
    answers(&server, MEMORY, matrix(&[row("live", json!([[at(1), "1"]]))])).await;
    else_empty(&server).await;
    let source = source(&server, |options| {
        options.parameters = vec![
            ("dedup".into(), "true".into()),
            ("partial_response".into(), "false".into()),
            ("extra_label".into(), "cluster=eu&x".into()),
        ];
    })
    .await;
    let (report, _) = read(&source).await.unwrap();
    assert!(report.partial.is_some_and(|why| why.contains("partial")), "it is not whole");
    for request in server.received_requests().await.unwrap() {
        let body = String::from_utf8(request.body).unwrap();
        let wanted = "dedup=true&partial_response=false&extra_label=cluster%3Deu%26x";
        assert!(body.ends_with(wanted), "{body}");
    }
}

#[tokio::test]
async fn gpus_are_read_by_one_query_whichever_labels_name_the_pod() {
    let server = MockServer::start().await;
    let row = |sign: &str, prefix: &str, value: &str| {
        let mut labels = json!({"namespace": "gpu-operator", "pod": "dcgm-1", "container": "exporter"});
        for (name, own) in [("namespace", "shop"), ("pod", "live"), ("container", "main")] {
            labels[format!("{prefix}{name}")] = json!(own);
        }
        labels["kubeopt_signal"] = json!(sign);
        json!({"metric": labels, "value": [1_700_000_000, value]})
    };
    let rows = [
        row("gpu-mean", "exported_", "0.02"),
        row("gpu-max", "exported_", "0.4"),
        row("gpu-memory", "", "0.25"),
        row("gpu-max", "", "NaN"),
        row("gpu-mean", "", "7"),
        json!({"metric": {"namespace": "other", "pod": "x", "container": "y", "kubeopt_signal": "gpu-max"}, "value": [1, "1"]}),
    ];
    answers(&server, "DCGM_FI_DEV_GPU_UTIL", vector(&rows)).await;
    else_empty(&server).await;
    let source = source(&server, |_| {}).await;
    let found = source.gpu_use(&owners()).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].busy_mean, found[0].busy_max, found[0].memory_max), (0.02, 0.4, Some(0.25)));
    assert_eq!(source.totals().queries, 1);
}

#[tokio::test]
async fn without_an_exporter_nothing_is_said_of_gpus() {
    let server = MockServer::start().await;
    else_empty(&server).await;
    assert_eq!(source(&server, |_| {}).await.gpu_use(&owners()).await.unwrap(), []);
}
