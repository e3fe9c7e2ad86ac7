//! The signs by which a merge is judged, as servers tell them, and as they do not.

use kubeopt_model::outcome::{BadSide, HourSigns, NodeSize, Objective, SeenImage};
use kubeopt_model::{ContainerId, ContainerName};

use super::*;
use crate::aftermath::{CONTAINERS_MAX, OBJECTIVE_CHARS_MAX, WINDOW_DAYS_MAX};

/// Metrics that only one of the queries names.
const USAGE: &str = "container_pressure_cpu_waiting_seconds_total";
const STATE: &str = "kube_pod_container_info";

fn container(kind: WorkloadKind, workload: &str, name: &str) -> ContainerId {
    ContainerId { workload: id(kind, workload), container: ContainerName::new(name).unwrap() }
}

fn asked(objective: Option<&str>) -> SignsAsked {
    SignsAsked {
        window: SLICE,
        containers: [container(WorkloadKind::Deployment, "api", "main")].into(),
        objective: objective.map(|query| Objective { query: query.to_owned(), bad: BadSide::Ratio }),
    }
}

/// A series of a part, one value an hour, stamped with the end of the hour.
fn told(pod: &str, part: &str, values: &[&str]) -> Value {
    let values: Vec<Value> =
        (1_i64..).zip(values).map(|(hour, value)| json!([SLICE.from_unix_s + hour * 3600, value])).collect();
    json!({
        "metric": {"namespace": "shop", "pod": pod, "container": "main", "kubeopt_signal": part},
        "values": values,
    })
}

fn with_label(mut row: Value, name: &str, value: &str) -> Value {
    row["metric"][name] = json!(value);
    row
}

/// A server that tells these of usage and of state, and nothing else.
async fn telling(usage: &[Value], state: &[Value]) -> MockServer {
    let server = MockServer::start().await;
    answers(&server, USAGE, matrix(usage)).await;
    answers(&server, STATE, matrix(state)).await;
    else_empty(&server).await;
    server
}

async fn signs(server: &MockServer, asked: &SignsAsked) -> SignsRead {
    source(server, |_| {}).await.window_signs(asked, &owners()).await.unwrap()
}

async fn hours(server: &MockServer) -> Vec<HourSigns> {
    let read = signs(server, &asked(None)).await;
    read.containers[&container(WorkloadKind::Deployment, "api", "main")].hours.clone()
}

#[tokio::test]
async fn the_pods_of_a_container_are_added_up_by_the_hour() {
    let (live, gone) = ("live", "api-5d8c7b9f6d-x7k2p");
    let usage = [
        told(live, "ran", &["1", "1"]),
        told(gone, "ran", &["0.5"]),
        told(live, "cpu", &["100", "300"]),
        told(gone, "cpu", &["200"]),
        told(live, "throttled-periods", &["10", "0"]),
        told(gone, "throttled-periods", &["20"]),
        told(live, "periods", &["100", "50"]),
        told(gone, "periods", &["100"]),
        told(live, "cpu-pressure", &["0.2", "1.01"]),
        told(live, "counts-ooms", &["60", "60"]),
        // Of other containers and workloads.
        with_label(told(live, "ran", &["1", "1"]), "container", "proxy"),
        told("sync-x7k2p", "ran", &["1", "1"]),
        told("nobody-knows", "ran", &["1"]),
    ];
    let node = |cores: &str| {
        json!({"metric": {"namespace": "shop", "pod": live, "kubeopt_signal": "node-cores"},
            "values": [[SLICE.from_unix_s + 3600, cores], [SLICE.from_unix_s + 7200, cores]]})
    };
    let state = [
        told(live, "restarts", &["2", "0"]),
        told(gone, "restarts", &["1"]),
        told(live, "cpu-request", &["500", "250"]),
        told(live, "memory-request", &["2e9", "1e9"]),
        with_label(told(live, "image", &["1", "1"]), "image", "registry/api:2"),
        with_label(told(gone, "image", &["1"]), "image", "registry/api:1\u{1b}[31m"),
        node("8"),
    ];
    let server = telling(&usage, &state).await;
    let kills = json!([[at(3), "1"], [at(4), "1"]]);
    answers(&server, "last_terminated_reason", matrix(&[row("live", kills)])).await;
    let read = signs(&server, &asked(None)).await;
    assert_eq!(read.containers.len(), 1);
    let told = &read.containers[&container(WorkloadKind::Deployment, "api", "main")];
    let [first, second] = told.hours.as_slice() else { panic!("{told:?}") };
    assert_eq!(
        *first,
        HourSigns {
            at_unix_s: SLICE.from_unix_s,
            replica_hours: 1.5,
            oom_kills: Some(1),
            restarts: Some(3),
            throttled: Some(0.15),
            cpu_pressure: Some(0.2),
            objective: None,
            cpu_millicores: Some(150.0),
            requested_cpu_millicores: Some(500.0),
            requested_memory_bytes: Some(2e9),
        }
    );
    assert_eq!((second.oom_kills, second.restarts, second.throttled), (Some(0), Some(0), Some(0.0)));
    assert_eq!(second.cpu_pressure, Some(1.0), "a rate may be a little more than all of the time");
    let image = |image: &str| SeenImage { image: image.to_owned(), first_unix_s: SLICE.from_unix_s };
    assert_eq!(told.images, [image("registry/api:1[31m"), image("registry/api:2")]);
    assert_eq!(told.nodes, [NodeSize { cores: 8, replica_hours: 2.0 }]);
    assert_eq!((told.window, told.partial.as_deref()), (SLICE, None));
}

#[tokio::test]
async fn what_no_series_tells_is_unknown_and_not_nothing() {
    let [first, _] = hours(&telling(&[told("live", "ran", &["1", "1"])], &[]).await).await[..] else {
        panic!("two hours");
    };
    let wanted = HourSigns { at_unix_s: SLICE.from_unix_s, replica_hours: 1.0, ..HourSigns::default() };
    assert_eq!(first, wanted);
    // Either exporter knows of kills; only one of restarts.
    let ran = || told("live", "ran", &["1", "1"]);
    let by_cadvisor = telling(&[ran(), told("live", "counts-ooms", &["60"])], &[]).await;
    let told_by = hours(&by_cadvisor).await;
    assert_eq!((told_by[0].oom_kills, told_by[0].restarts), (Some(0), None));
    assert_eq!(told_by[1].oom_kills, None, "it was not scraped in that hour");
    let by_state = telling(&[ran()], &[told("live", "restarts", &["0", "0"])]).await;
    assert_eq!(hours(&by_state).await[0].oom_kills, Some(0));
    // Without a limit there are no periods; no share of nothing.
    let unlimited = telling(&[ran(), told("live", "periods", &["0"])], &[]).await;
    assert_eq!(hours(&unlimited).await[0].throttled, None);
    // No pod ran.
    assert!(hours(&telling(&[], &[told("live", "restarts", &["1"])]).await).await.is_empty());
}

#[tokio::test]
async fn numbers_and_labels_that_cannot_be_are_dropped_and_make_it_partial() {
    let far = json!([[SLICE.to_unix_s + 3600, "1"], [SLICE.from_unix_s, "1"]]);
    let mut misplaced = told("live", "cpu", &[]);
    misplaced["values"] = far;
    let usage = [
        told("live", "ran", &["1", "1"]),
        told("live", "cpu", &["NaN", "-1"]),
        misplaced,
        told("live", "throttled-periods", &["+Inf"]),
        told("live", "something-new", &["1"]),
        json!({"metric": {"namespace": "shop"}, "values": [[SLICE.to_unix_s, "1"]]}),
        with_label(told("live", "ran", &["1"]), "container", "Not_A_Container"),
    ];
    let state = [told("live", "restarts", &["1e300", "0"])];
    let read = signs(&telling(&usage, &state).await, &asked(None)).await;
    let told = &read.containers[&container(WorkloadKind::Deployment, "api", "main")];
    // The series with the same labels came twice; the second one counts as odd, as do three others.
    assert_eq!((read.report.unusable_samples, read.report.odd_series), (3, 4));
    assert_eq!(told.hours[0].restarts, Some(900));
    assert_eq!((told.hours[0].cpu_millicores, told.hours.len()), (None, 2));
    let why = told.partial.clone().unwrap();
    assert!(why.ends_with("samples are no usable numbers or of another time"), "{why}");
}

#[tokio::test]
async fn a_warning_of_any_query_makes_all_of_it_partial() {
    for metric in [USAGE, STATE, "last_terminated_reason", "my_errors_total"] {
        let server = MockServer::start().await;
        let warned = json!({"status": "success", "warnings": ["no store matched"], "data": {"resultType": "matrix",
            "result": [told("live", "ran", &["1", "1"])]}});
        answers(&server, metric, ResponseTemplate::new(200).set_body_json(warned)).await;
        else_empty(&server).await;
        let read = signs(&server, &asked(Some("sum(my_errors_total) / sum(my_requests_total)"))).await;
        let why = read.containers.values().next().and_then(|told| told.partial.clone());
        assert_eq!(why.as_deref(), Some("the metrics source warned: no store matched"), "{metric}");
    }
}

#[tokio::test]
async fn an_objective_is_one_ratio_and_nothing_else_and_never_costs_the_rest() {
    let ratio =
        |labels: Value, value: &str| json!({"metric": labels, "values": [[SLICE.from_unix_s + 3600, value]]});
    let broken = |status: u16, text: &str| {
        ResponseTemplate::new(status)
            .set_body_json(json!({"status": "error", "errorType": "bad_data", "error": text}))
    };
    let endless = format!("\"{}\"", "a".repeat(2 << 20));
    for (answer, wanted) in [
        (matrix(&[ratio(json!({}), "0.02")]), Ok(0.02)),
        (
            matrix(&[ratio(json!({"a": "1"}), "0.02"), ratio(json!({"a": "2"}), "0.02")]),
            Err("it gives 2 series"),
        ),
        (matrix(&[ratio(json!({}), "0.02"), ratio(json!({}), "0.03")]), Err("it gives 2 series")),
        (matrix(&[ratio(json!({}), "17")]), Err("it gives 17, which is no ratio")),
        (matrix(&[]), Err("it gives no series")),
        (broken(400, "parse error: unexpected <\u{1b}[31m>"), Err("parse error")),
        (broken(422, "query processing would load too many samples"), Err("it is too expensive")),
        (ResponseTemplate::new(503).set_body_string("query timed out"), Err("it is too expensive")),
        (ResponseTemplate::new(200).set_body_string(endless), Err("is larger than")),
    ] {
        let server = MockServer::start().await;
        Mock::given(body_string_contains("my_errors_total"))
            .respond_with(answer)
            .with_priority(1)
            .expect(1)
            .mount(&server)
            .await;
        answers(&server, USAGE, matrix(&[told("live", "ran", &["1", "1"])])).await;
        else_empty(&server).await;
        let read = signs(&server, &asked(Some("my_errors_total"))).await;
        let told = read.containers.values().next().unwrap();
        assert_eq!((told.hours.len(), told.partial.as_deref()), (2, None), "{wanted:?}");
        assert_eq!(told.hours[0].objective, wanted.ok());
        match (wanted, read.problems.as_slice()) {
            (Ok(_), problems) => assert_eq!(problems, []),
            (Err(why), [problem]) => {
                assert_eq!(problem.code, "E-OBS-009");
                assert!(problem.text.contains(why) && !problem.text.contains('\u{1b}'), "{}", problem.text);
            }
            (Err(why), problems) => panic!("{why}: {problems:?}"),
        }
        let requests = server.received_requests().await.unwrap();
        let sent = requests.iter().map(|one| String::from_utf8_lossy(&one.body).into_owned());
        let sent = sent.filter(|body| body.contains("my_errors_total")).collect::<Vec<String>>();
        assert!(sent.len() == 1 && sent[0].contains("timeout=20s"), "{sent:?}");
    }
}

#[tokio::test]
async fn an_objective_that_cannot_be_is_not_sent() {
    for query in ["", "a\u{0}", &"x".repeat(OBJECTIVE_CHARS_MAX + 1)] {
        let server = telling(&[told("live", "ran", &["1"])], &[]).await;
        let read = signs(&server, &asked(Some(query))).await;
        assert_eq!(read.problems.len(), 1);
        assert_eq!(server.received_requests().await.unwrap().len() as u64, read.report.queries);
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_an_error_of_all_of_it() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(500)).mount(&server).await;
    let error = source(&server, |_| {}).await.window_signs(&asked(None), &owners()).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn more_containers_are_not_more_queries_and_too_many_are_told() {
    let mut many = asked(None);
    let mut counts = Vec::new();
    for containers in [1, 60, CONTAINERS_MAX + 2] {
        many.containers = (0..containers)
            .map(|n| container(WorkloadKind::Deployment, &format!("api-{n}"), "main"))
            .collect();
        let server = telling(&[], &[]).await;
        let read = signs(&server, &many).await;
        counts.push((server.received_requests().await.unwrap().len(), read.containers.len()));
        let left_out: Vec<&str> = read.problems.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(left_out, if containers > CONTAINERS_MAX { vec!["E-OBS-010"] } else { vec![] });
    }
    assert_eq!(counts, [(4, 1), (4, 60), (4, CONTAINERS_MAX)]);
}

#[tokio::test]
async fn pods_that_could_be_of_several_workloads_are_looked_up_or_make_it_partial() {
    let of_job =
        SignsAsked { containers: [container(WorkloadKind::Job, "sync", "main")].into(), ..asked(None) };
    for is_known in [true, false] {
        let server = telling(&[told("sync-x7k2p", "ran", &["1", "1"])], &[]).await;
        if is_known {
            let owned = json!({"metric": {"namespace": "shop", "pod": "sync-x7k2p", "owner_kind": "Job", "owner_name": "sync"}, "value": [1, "1"]});
            answers(&server, "kube_pod_owner", vector(&[owned])).await;
        }
        let read = signs(&server, &of_job).await;
        let told = read.containers.values().next().unwrap();
        assert_eq!((told.hours.len(), told.partial.is_some()), if is_known { (2, false) } else { (0, true) });
    }
}

#[tokio::test]
async fn windows_that_cannot_be_read_are_refused_before_anything_is_sent() {
    let server = telling(&[], &[]).await;
    for (from, to) in [(0, 0), (0, 1800), (60, 3660), (7200, 3600), (0, (WINDOW_DAYS_MAX + 1) * 86_400)] {
        let wrong = SignsAsked { window: Window { from_unix_s: from, to_unix_s: to }, ..asked(None) };
        let error = source(&server, |_| {}).await.window_signs(&wrong, &owners()).await.unwrap_err();
        assert_eq!(error.code(), "E-OBS-007");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn recorded_usage_tells_the_signs_that_it_holds() {
    let id = container(WorkloadKind::Deployment, "api", "main");
    let series = |signal: Signal, pod: &str, points: Vec<(i64, f64)>| UsageSeries {
        container: id.clone(),
        pod: pod.to_owned(),
        signal,
        points,
    };
    let steps = |value: f64| (0..24).map(|step| (at(step), value)).collect::<Vec<_>>();
    let kill =
        |at_unix_s: i64| kubeopt_model::usage::OomKill { container: id.clone(), at_unix_s, limit: None };
    let recorded = RecordedMetrics {
        series: vec![
            series(Signal::MemoryBytes, "a", steps(1e8)),
            series(Signal::MemoryBytes, "b", steps(1e8)[..6].to_vec()),
            series(Signal::CpuMillicores, "a", steps(200.0)),
            series(Signal::ThrottledRatio, "a", vec![(at(0), 0.25)]),
            series(Signal::Restarts, "a", vec![(at(12), 2.0)]),
        ],
        oom_kills: vec![kill(at(0)), kill(at(13))],
        gpus: Vec::new(),
    };
    let read = recorded.window_signs(&asked(Some("up")), &owners()).await.unwrap();
    let hours = &read.containers[&id].hours;
    assert_eq!(hours.len(), 2);
    assert!((hours[0].replica_hours - 1.5).abs() < 1e-9 && (hours[1].replica_hours - 1.0).abs() < 1e-9);
    assert_eq!((hours[0].throttled, hours[0].cpu_millicores), (Some(0.25), Some(200.0)));
    assert_eq!(
        (hours[0].oom_kills, hours[1].oom_kills),
        (Some(0), Some(1)),
        "the first was before the window"
    );
    assert_eq!((hours[0].restarts, hours[1].restarts), (Some(0), Some(2)));
    assert_eq!(read.problems.len(), 1, "it holds no objective");
}
