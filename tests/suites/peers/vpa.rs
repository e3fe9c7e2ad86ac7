//! `vpa` against the recommender of kubernetes/autoscaler.
//!
//! Both read the same answers of one Prometheus: the recommender on its own, the strategy by asking the recommender's own
//! queries again. So the whole of it is compared, from samples to targets: truncation, daily peaks, decay, buckets,
//! percentiles, margin. The targets must be the same, to the millicore and to the byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;

use kubeopt_model::{Bytes, MilliCores};
use kubeopt_strategies::{History, Series as Points, Strategy, Vpa};
use kubeopt_tests::kubernetes::Kubernetes;
use kubeopt_tests::prometheus::Prometheus;
use kubeopt_tests::vpa::{Recommender, install_kinds};
use kubeopt_tests::{OrFail, servers_enabled};
use serde_json::Value;

use super::series::{STEP_S, Series, generated};

const NAMESPACE: &str = "peers";

/// A day more than the recommender looks back.
const DAYS: i64 = 9;

/// Three samples make a rate, and a target comes of 769 of them.
const RESOLUTION: &str = "15m";

/// Samples end this long before the recommender asks, so that none of them lies at the very moment of its question.
const SILENCE_S: i64 = 3600;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_targets_are_those_of_the_real_recommender() {
    if !servers_enabled() {
        return;
    }
    let now = k8s_openapi::jiff::Timestamp::now().as_second();
    let all = generated(DAYS, (now - SILENCE_S) / STEP_S * STEP_S);
    let text = history(&all);
    let write = move |out: &mut dyn Write| out.write_all(text.as_bytes()).or_fail("write the history");
    let (kubernetes, prometheus) =
        tokio::join!(Kubernetes::start_api_only(), Prometheus::start_with([write]));
    install_kinds(&kubernetes).await;
    kubernetes.namespace(NAMESPACE).await;
    kubernetes.apply(&all.iter().map(objects).collect::<String>()).await;
    let recommender = Recommender::start(&kubernetes, &prometheus, RESOLUTION);

    let mut wanted = BTreeMap::new();
    for one in &all {
        let (cpu, memory) = recommender.target(&kubernetes, NAMESPACE, &one.name).await;
        let cpu: MilliCores = cpu.parse().or_fail("read the CPU of a target");
        let memory: Bytes = memory.parse().or_fail("read the memory of a target");
        wanted.insert(one.name.clone(), (cpu.0, memory.0));
    }
    let seen = what_it_read(&prometheus).await;
    let given: BTreeMap<String, (u64, u64)> =
        wanted.keys().map(|name| (name.clone(), give(&seen[name]))).collect();
    assert_eq!(given, wanted);
    // Were they all alike, or all the least that there is, it would say little.
    let distinct: std::collections::BTreeSet<&(u64, u64)> = wanted.values().collect();
    assert!(distinct.len() > 80, "{distinct:?}");
}

/// The series as cAdvisor's, labelled as the recommender's defaults expect, and what tells it the labels of pods.
fn history(all: &[Series]) -> String {
    let mut text = "# TYPE container_cpu_usage_seconds counter\n".to_owned();
    let labels = |one: &Series| {
        format!(
            "job=\"kubernetes-cadvisor\",namespace=\"{NAMESPACE}\",pod_name=\"{}\",name=\"web\"",
            one.name
        )
    };
    for one in all {
        let (labels, mut seconds) = (labels(one), 0.0);
        for (at, cores, _) in &one.samples {
            seconds += cores * STEP_S as f64;
            // Writing to a String cannot fail.
            let _ = writeln!(text, "container_cpu_usage_seconds_total{{{labels}}} {seconds:.6} {at}");
        }
    }
    text.push_str("# TYPE container_memory_working_set_bytes gauge\n");
    for one in all {
        let labels = labels(one);
        for (at, _, bytes) in &one.samples {
            let _ = writeln!(text, "container_memory_working_set_bytes{{{labels}}} {bytes} {at}");
        }
    }
    text.push_str("# TYPE up gauge\n");
    for one in all {
        let (name, at) = (&one.name, one.samples.last().map_or(0, |sample| sample.0));
        let _ = writeln!(
            text,
            "up{{job=\"kubernetes-pods\",kubernetes_namespace=\"{NAMESPACE}\",kubernetes_pod_name=\"{name}\",\
             pod_label_app=\"{name}\"}} 1 {at}"
        );
    }
    text
}

/// A Deployment whose pods would have the label of the series, and what asks for a recommendation for it.
fn objects(one: &Series) -> String {
    let name = &one.name;
    format!(
        r#"---
apiVersion: apps/v1
kind: Deployment
metadata: {{namespace: {NAMESPACE}, name: {name}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: web, image: "registry.example/web:1"}}]}}
---
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {{namespace: {NAMESPACE}, name: {name}}}
spec:
  targetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}
  updatePolicy: {{updateMode: "Off"}}
"#
    )
}

/// What the recommender was told of one resource of one container, and when it asked.
#[derive(Debug, Default)]
struct Answer {
    points: Vec<(i64, f64)>,
    asked_unix_s: i64,
}

/// CPU in millicores, memory in bytes.
#[derive(Debug, Default)]
struct Known {
    cpu: Answer,
    memory: Answer,
}

/// The answers that the recommender got, by pod.
async fn what_it_read(prometheus: &Prometheus) -> BTreeMap<String, Known> {
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    let queries = prometheus.range_queries();
    assert_eq!(queries.len(), 2, "CPU and memory: {queries:?}");
    for query in &queries {
        let is_cpu = query["query"].as_str().is_some_and(|text| text.contains("cpu_usage"));
        for one in prometheus.answer_again(query).await {
            let pod = one["metric"]["pod_name"].as_str().unwrap_or_default().to_owned();
            let of_pod = known.entry(pod).or_default();
            let (answer, factor) = if is_cpu { (&mut of_pod.cpu, 1000.0) } else { (&mut of_pod.memory, 1.0) };
            let asked_unix_s = unix_s(&query["end"]);
            *answer = Answer { points: points(&one["values"], factor), asked_unix_s };
        }
    }
    known
}

fn unix_s(time: &Value) -> i64 {
    let text = time.as_str().unwrap_or_default();
    text.parse::<k8s_openapi::jiff::Timestamp>().or_fail("read the time of a query").as_second()
}

fn points(values: &Value, factor: f64) -> Vec<(i64, f64)> {
    let point = |pair: &Value| {
        let value: f64 = pair[1].as_str()?.parse().ok()?;
        Some((pair[0].as_f64()? as i64, value * factor))
    };
    values.as_array().into_iter().flatten().filter_map(point).collect()
}

/// The target of the strategy: millicores and bytes.
fn give(known: &Known) -> (u64, u64) {
    // The recommender asks for memory a moment after CPU, and each window ends when it was asked for.
    let given_at = |asked_unix_s: i64| {
        Vpa.give(&History {
            cpu: Points { points: &known.cpu.points, ..Points::default() },
            memory: Points { points: &known.memory.points, ..Points::default() },
            now_unix_s: asked_unix_s,
            ..History::default()
        })
    };
    let millicores = given_at(known.cpu.asked_unix_s).cpu_request.expect("there are samples of CPU");
    let bytes = given_at(known.memory.asked_unix_s).memory_request.expect("there are samples of memory");
    assert_eq!((millicores.fract(), bytes.fract()), (0.0, 0.0), "the recommender gives whole amounts");
    (millicores as u64, bytes as u64)
}
