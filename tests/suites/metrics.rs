//! Usage out of a real Prometheus, through the queries that kubeopt sends, into history.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;

use kubeopt_history::{MemoryUsage, UsageStore, missing};
use kubeopt_model::cluster::Pod;
use kubeopt_model::usage::{Signal, UsageSeries};
use kubeopt_model::{
    Bytes, ClusterFacts, ClusterName, ContainerId, ContainerName, Namespace, ObjectName, Window, Workload,
    WorkloadId, WorkloadKind,
};
use kubeopt_net::{Client, ClientPolicy, HostRule, Url};
use kubeopt_observe::{
    Emptiness, LabelMatcher, MetricsSource, PodOwners, Prometheus as Source, PrometheusOptions, Selector,
    SliceReport,
};
use kubeopt_tests::prometheus::Prometheus;
use kubeopt_tests::servers_enabled;
use kubeopt_tests::usage::{Container, Shape, Usage};

/// Midnight UTC.
const START: i64 = 1_763_596_800;
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const MIB: f64 = 1_048_576.0;

/// One metric of a hand-written history, in OpenMetrics.
struct Family {
    text: String,
    name: &'static str,
}

impl Family {
    fn gauge(name: &'static str) -> Self {
        Self { text: format!("# TYPE {name} gauge\n"), name }
    }

    fn counter(name: &'static str) -> Self {
        Self { text: format!("# TYPE {} counter\n", name.trim_end_matches("_total")), name }
    }

    /// One sample a minute between two minutes of the history.
    fn series(mut self, labels: &str, minutes: std::ops::Range<i64>, value: impl Fn(i64) -> f64) -> Self {
        for minute in minutes {
            let at = START + minute * MINUTE;
            writeln!(self.text, "{}{{{labels}}} {} {at}", self.name, value(minute))
                .expect("a string takes all");
        }
        self
    }
}

async fn prometheus(families: Vec<Family>) -> Prometheus {
    let write = move |out: &mut dyn Write| {
        for family in &families {
            out.write_all(family.text.as_bytes()).expect("write the history");
        }
    };
    Prometheus::start_with([write]).await
}

fn source(prometheus: &Prometheus, selector: Selector) -> Source {
    kubeopt_net::install_crypto_provider();
    let url = Url::parse(prometheus.url()).expect("the harness gives a URL");
    let rule = HostRule::for_url(&url).expect("loopback is named");
    let client = Client::new(ClientPolicy::new(vec![rule])).expect("no certificates are named");
    Source::new(client, PrometheusOptions { selector, ..PrometheusOptions::new(url) })
        .expect("the settings are fine")
}

fn workload(kind: WorkloadKind, name: &str) -> WorkloadId {
    WorkloadId {
        cluster: ClusterName::new("test").expect("a name"),
        namespace: Namespace::new("shop").expect("a name"),
        kind,
        name: ObjectName::new(name).expect("a name"),
    }
}

fn owners(workloads: &[WorkloadId], pods: &[(&str, &WorkloadId)]) -> PodOwners {
    let mut facts = ClusterFacts::empty(ClusterName::new("test").expect("a name"));
    facts.workloads.extend(workloads.iter().map(|id| Workload {
        id: id.clone(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        replicas: 1,
        containers: vec![],
        scaler: None,
        applied_by: None,
        owner: None,
        vpa: None,
    }));
    facts.pods.extend(pods.iter().map(|(name, id)| Pod {
        namespace: id.namespace.clone(),
        name: (*name).to_owned(),
        workload: Some((*id).clone()),
        node: None,
        ready: true,
        started_unix_s: None,
        oom_kills: vec![],
        running: vec![],
        cgroups: kubeopt_model::cluster::PodCgroups::default(),
    }));
    PodOwners::from_facts(&facts)
}

fn hours(from: i64, to: i64) -> Window {
    Window { from_unix_s: START + from * HOUR, to_unix_s: START + to * HOUR }
}

async fn read(source: &Source, slice: Window, owners: &PodOwners) -> (SliceReport, Vec<UsageSeries>) {
    let mut series = Vec::new();
    let report = source.read(slice, owners, &mut |one| series.push(one)).await.expect("Prometheus answers");
    series.sort_by(|a, b| (a.signal, &a.pod).cmp(&(b.signal, &b.pod)));
    (report, series)
}

fn near(value: f64, wanted: f64) -> bool {
    (value - wanted).abs() <= wanted * 0.01
}

#[tokio::test]
async fn duplicated_and_restarted_series_count_once() {
    if !servers_enabled() {
        return;
    }
    let labels = |more: &str| format!(r#"namespace="shop",pod="api-0",container="main",cpu="total",{more}"#);
    let pod_sum = r#"namespace="shop",pod="api-0",container="",id="/kubepods/pod1""#;
    let pause = r#"namespace="shop",pod="api-0",container="POD",id="/kubepods/pod1/pause""#;
    // 250 millicores. Two replicas of Prometheus scrape alike; the container restarts after two hours, and its old
    // cgroup is still scraped for three minutes.
    let (old, old_too) = (labels(r#"id="a",prometheus="one""#), labels(r#"id="a",prometheus="two""#));
    let new = labels(r#"id="b",prometheus="one""#);
    let steady = |minute: i64| minute as f64 * 15.0;
    let prometheus = prometheus(vec![
        Family::counter("container_cpu_usage_seconds_total")
            .series(&old, 0..123, steady)
            .series(&old_too, 0..123, steady)
            .series(&new, 120..240, steady)
            .series(pod_sum, 0..240, |minute| minute as f64 * 600.0)
            .series(pause, 0..240, |minute| minute as f64 * 600.0),
        Family::gauge("container_memory_working_set_bytes")
            .series(&old, 0..123, |minute| if minute == 33 { 900.0 * MIB } else { 100.0 * MIB })
            .series(&old_too, 0..123, |_| 100.0 * MIB)
            .series(&new, 120..240, |_| 50.0 * MIB)
            .series(pod_sum, 0..240, |_| 4000.0 * MIB),
        Family::counter("container_cpu_cfs_periods_total")
            .series(&old, 0..240, |minute| minute as f64 * 600.0),
        Family::counter("container_cpu_cfs_throttled_periods_total")
            .series(&old, 0..240, |minute| minute as f64 * 150.0),
    ])
    .await;
    let api = workload(WorkloadKind::StatefulSet, "api");
    let (report, series) = read(
        &source(&prometheus, Selector::default()),
        hours(0, 4),
        &owners(std::slice::from_ref(&api), &[]),
    )
    .await;
    assert_eq!((report.queries, report.series, report.unowned_series), (4, 3, 0), "{report:?}");
    let [cpu, memory, throttled] = series.as_slice() else { panic!("{series:?}") };
    assert!(series.iter().all(|one| one.container.workload == api));
    assert_eq!(cpu.signal, Signal::CpuMillicores);
    assert!(cpu.points.len() >= 46, "{}", cpu.points.len());
    assert!(cpu.points.iter().all(|(_, value)| near(*value, 250.0)), "{:?}", cpu.points);
    // Minute 33 lies in the step that begins at minute 30, and that is where its maximum is.
    let peaks: Vec<i64> =
        memory.points.iter().filter(|(_, value)| near(*value, 900.0 * MIB)).map(|(at, _)| *at).collect();
    assert_eq!(peaks, [START + 30 * MINUTE]);
    assert!(memory.points.iter().all(|(_, value)| *value <= 900.0 * MIB));
    assert!(throttled.points.iter().all(|(_, value)| near(*value, 0.25)), "{:?}", throttled.points);
    assert_eq!(throttled.points.first().map(|(at, _)| *at), Some(START));
}

#[tokio::test]
async fn starts_restarts_and_pressure_are_read_beside_usage() {
    if !servers_enabled() {
        return;
    }
    let pod = r#"namespace="shop",pod="api-0",container="main""#;
    let total = format!(r#"{pod},cpu="total",id="a""#);
    // The container starts again at minute 90, in the same cgroup: its counter begins anew. It takes 2 cores for four
    // minutes then, and 100 millicores otherwise.
    let seconds = |minute: i64| match minute {
        ..90 => 1000.0 + minute as f64 * 6.0,
        90..94 => (minute - 90) as f64 * 120.0,
        _ => 480.0 + (minute - 94) as f64 * 6.0,
    };
    let started = |minute: i64| (START + if minute < 90 { -10 * HOUR } else { 90 * MINUTE }) as f64;
    let restarts = |minute: i64| if minute < 90 { 1.0 } else { 2.0 };
    let prometheus = prometheus(vec![
        Family::counter("container_cpu_usage_seconds_total").series(&total, 0..240, seconds),
        Family::gauge("container_memory_working_set_bytes").series(pod, 0..240, |_| 10.0 * MIB),
        Family::gauge("container_start_time_seconds").series(pod, 0..240, started),
        Family::counter("kube_pod_container_status_restarts_total")
            .series(&format!(r#"{pod},prometheus="one""#), 0..240, restarts)
            .series(&format!(r#"{pod},prometheus="two""#), 0..240, restarts),
        Family::counter("container_pressure_cpu_waiting_seconds_total")
            .series(pod, 0..240, |minute| minute as f64 * 6.0),
    ])
    .await;
    let owners = owners(&[workload(WorkloadKind::StatefulSet, "api")], &[]);
    let (report, series) = read(&source(&prometheus, Selector::default()), hours(0, 4), &owners).await;
    assert!(report.partial.is_none(), "{report:?}");
    let of = |signal: Signal| -> Vec<(i64, f64)> {
        let found = series.iter().filter(|one| one.signal == signal);
        found.flat_map(|one| one.points.iter().copied()).collect()
    };
    let minutes =
        |points: &[(i64, f64)]| points.iter().map(|(at, _)| (at - START) / MINUTE).collect::<Vec<_>>();
    // The step that ends with the new counter's first sample misses what the old one did since its last: a minute.
    let within = |(_, value): &(i64, f64)| (79.0..101.0).contains(value);
    assert!(of(Signal::CpuMillicores).iter().all(within), "{series:?}");
    let startup = of(Signal::CpuStartupMillicores);
    assert_eq!(minutes(&startup), [90]);
    assert!(startup[0].1 > 1500.0, "{startup:?}");
    assert_eq!(minutes(&of(Signal::MemoryStartupBytes)), [90]);
    assert_eq!(of(Signal::Restarts), [(START + HOUR, 1.0)]);
    assert!(of(Signal::CpuPressure).iter().all(|(_, share)| near(*share, 0.1)), "{series:?}");
    assert_eq!((of(Signal::CpuPressure).len(), of(Signal::MemoryPressure).len()), (4, 0));
}

#[tokio::test]
async fn raw_samples_give_what_queries_give() {
    if !servers_enabled() {
        return;
    }
    let labels = |pod: &str, more: &str| {
        format!(r#"namespace="shop",pod="{pod}",container="main",cpu="total",id="{more}",cluster="a.b""#)
    };
    // Steady, wandering, begun anew, young, with a gap; the last in two series that differ.
    let wandering = |minute: i64| minute as f64 * 6.0 + (minute as f64 / 7.0).sin() * 3.0;
    let anew = |minute: i64| if minute < 75 { wandering(minute) } else { wandering(minute - 75) };
    let memory = |minute: i64| (100.0 + (minute * 37 % 61) as f64 * 1.37) * MIB;
    let mut cpu = Family::counter("container_cpu_usage_seconds_total")
        .series(&labels("api-0", "a"), 0..240, |minute| minute as f64 * 15.0)
        .series(&labels("api-1", "a"), 0..240, wandering)
        .series(&labels("api-2", "a"), 0..240, anew)
        .series(&labels("api-3", "a"), 62..240, |minute| (minute - 62) as f64)
        .series(&labels("api-4", "a"), 0..70, wandering)
        .series(&labels("api-5", "a"), 0..150, wandering)
        .series(&labels("api-5", "b"), 140..240, |minute| minute as f64 * 60.0);
    let mut bytes = Family::gauge("container_memory_working_set_bytes");
    for pod in ["api-0", "api-1", "api-2", "api-3", "api-4", "api-5"] {
        bytes = bytes.series(&labels(pod, "a"), 0..200, memory).series(&labels(pod, "b"), 150..240, memory);
    }
    // Of another cluster, and of no container.
    let other = labels("api-0", "c").replace("a.b", "a-b");
    let none = labels("api-0", "d").replace(r#"container="main""#, r#"container="POD""#);
    cpu = cpu.series(&other, 0..240, |minute| minute as f64 * 600.0).series(&none, 0..240, wandering);
    let prometheus = prometheus(vec![cpu, bytes]).await;
    let owners = owners(&[workload(WorkloadKind::StatefulSet, "api")], &[]);
    let selector = || Selector {
        cluster: vec![LabelMatcher::new("cluster", "a.b").expect("a label")],
        namespaces: vec![Namespace::new("shop").expect("a name")],
    };
    let url = Url::parse(prometheus.url()).expect("the harness gives a URL");
    let rule = HostRule::for_url(&url).expect("loopback is named");
    let client = Client::new(ClientPolicy::new(vec![rule])).expect("no certificates are named");
    let options =
        PrometheusOptions { selector: selector(), remote_read: true, ..PrometheusOptions::new(url) };
    let raw = Source::new(client, options).expect("the settings are fine");
    let (queried, wanted) = read(&source(&prometheus, selector()), hours(0, 4), &owners).await;
    let (report, found) = read(&raw, hours(0, 4), &owners).await;
    assert_eq!((report.series, report.samples), (queried.series, queried.samples));
    // Were it not offered, each of the two would have been asked for twice.
    assert_eq!((report.queries, queried.queries), (4, 4));
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(&wanted) {
        assert_eq!((&found.pod, found.signal), (&wanted.pod, wanted.signal));
        for (found, wanted) in found.points.iter().zip(&wanted.points) {
            let close = (found.1 - wanted.1).abs() <= wanted.1.abs() * 1e-9;
            assert!(found.0 == wanted.0 && close, "{found:?} {wanted:?}");
        }
    }
}

#[tokio::test]
async fn processors_that_are_exported_singly_are_added_up() {
    if !servers_enabled() {
        return;
    }
    let of = |cpu: u8, job: &str| {
        format!(r#"namespace="shop",pod="api-0",container="main",cpu="cpu0{cpu}",job="{job}""#)
    };
    let steady = |minute: i64| minute as f64 * 6.0;
    let prometheus = prometheus(vec![
        Family::counter("container_cpu_usage_seconds_total")
            .series(&of(0, "a"), 0..60, steady)
            .series(&of(1, "a"), 0..60, steady)
            .series(&of(0, "b"), 0..60, steady)
            .series(&of(1, "b"), 0..60, steady),
        Family::gauge("container_memory_working_set_bytes").series(
            r#"namespace="shop",pod="api-0",container="main""#,
            0..60,
            |_| 10.0 * MIB,
        ),
    ])
    .await;
    let owners = owners(&[workload(WorkloadKind::StatefulSet, "api")], &[]);
    let (report, series) = read(&source(&prometheus, Selector::default()), hours(0, 1), &owners).await;
    assert!(report.partial.is_none() && series[0].signal == Signal::CpuMillicores, "{report:?}");
    assert!(series[0].points.iter().all(|(_, value)| near(*value, 200.0)), "{:?}", series[0].points);
}

#[tokio::test]
async fn kills_and_past_owners_come_from_kube_state_metrics() {
    if !servers_enabled() {
        return;
    }
    let pod = r#"namespace="shop",pod="api-0",container="main",uid="1""#;
    let gone = r#"namespace="shop",pod="sync-x7k2p",container="main""#;
    let killed = format!(r#"{pod},reason="OOMKilled""#);
    let prometheus = prometheus(vec![
        // Killed at minute 62, and again at minute 150.
        Family::gauge("kube_pod_container_status_last_terminated_reason").series(&killed, 62..240, |_| 1.0),
        Family::counter("kube_pod_container_status_restarts_total").series(pod, 0..240, |minute| match minute {
            ..62 => 3.0,
            62..150 => 4.0,
            _ => 5.0,
        }),
        Family::gauge("kube_pod_container_resource_limits")
            .series(&format!(r#"{pod},resource="memory",unit="byte""#), 0..240, |_| 512.0 * MIB)
            .series(&format!(r#"{pod},resource="cpu",unit="core""#), 0..240, |_| 2.0),
        // A process within the container was killed, the container lived on.
        Family::counter("container_oom_events_total")
            .series(&format!(r#"{pod},id="a""#), 0..240, |minute| if minute < 200 { 0.0 } else { 1.0 }),
        Family::gauge("kube_pod_owner").series(
            r#"namespace="shop",pod="sync-x7k2p",owner_kind="Job",owner_name="sync",owner_is_controller="true""#,
            10..20,
            |_| 1.0,
        ),
        Family::gauge("container_memory_working_set_bytes").series(gone, 10..20, |_| 10.0 * MIB),
        Family::counter("container_cpu_usage_seconds_total").series(gone, 10..20, |minute| minute as f64),
    ])
    .await;
    let source = source(&prometheus, Selector::default());
    let api = workload(WorkloadKind::StatefulSet, "api");
    let (daemon, job) = (workload(WorkloadKind::DaemonSet, "sync"), workload(WorkloadKind::Job, "sync"));
    let owners = owners(&[api.clone(), daemon, job.clone()], &[("api-0", &api)]);

    let kills = source.oom_kills(hours(0, 4), &owners).await.expect("Prometheus answers");
    let found: Vec<_> = kills.iter().map(|kill| ((kill.at_unix_s - START) / MINUTE, kill.limit)).collect();
    let limit = Some(Bytes::mebi(512));
    assert_eq!(found, [(65, limit), (150, limit), (200, limit)]);
    assert!(source.oom_kills(hours(2, 2), &owners).await.expect("nothing is asked").is_empty());
    let later = source.oom_kills(hours(3, 4), &owners).await.expect("Prometheus answers");
    assert_eq!(later.len(), 1, "what was so before the window is not new: {later:?}");

    // The name alone fits a DaemonSet and a Job.
    let (report, series) = read(&source, hours(0, 1), &owners).await;
    assert_eq!(report.unowned_series, 0, "{report:?}");
    assert!(!series.is_empty() && series.iter().all(|one| one.container.workload == job), "{series:?}");

    let facts = source.check().await.expect("Prometheus answers");
    assert!(facts.version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit())));
}

#[tokio::test]
async fn a_shared_store_is_read_by_its_cluster_label() {
    if !servers_enabled() {
        return;
    }
    let of = |cluster: &str| format!(r#"namespace="shop",pod="api-0",container="main",cluster="{cluster}""#);
    let prometheus =
        prometheus(vec![
            Family::gauge("container_memory_working_set_bytes")
                .series(&of("a"), 0..60, |_| 10.0 * MIB)
                .series(&of("b"), 0..60, |_| 99.0 * MIB),
        ])
        .await;
    let owners = owners(&[workload(WorkloadKind::StatefulSet, "api")], &[]);
    let selector = |cluster: &str, namespace: &str| Selector {
        cluster: vec![LabelMatcher::new("cluster", cluster).expect("a label")],
        namespaces: vec![Namespace::new(namespace).expect("a name")],
    };
    let (report, series) = read(&source(&prometheus, selector("a", "shop")), hours(0, 1), &owners).await;
    assert!(series[0].points.iter().all(|(_, value)| near(*value, 10.0 * MIB)));
    assert!(report.partial.is_some_and(|why| why.contains("no CPU")));
    let (report, _) = read(&source(&prometheus, selector("c", "shop")), hours(0, 1), &owners).await;
    assert_eq!(report.empty, Some(Emptiness::NothingSelected));
    let (report, _) = read(&source(&prometheus, selector("a", "web")), hours(0, 1), &owners).await;
    assert_eq!(report.empty, Some(Emptiness::NothingSelected));
}

#[tokio::test]
async fn a_fortnight_reaches_history_and_is_not_read_again() {
    if !servers_enabled() {
        return;
    }
    let end = START + 14 * 24 * HOUR;
    let usage = Usage::days_before(14, end).step_s(60).containers((0..3).map(|replica| {
        Container::new("shop", &format!("api-5d8c7b9f6d-x7k2{}", ["p", "q", "r"][replica]), "main")
            .cpu(Shape::flat(0.2))
            .memory(Shape::flat(300.0 * MIB))
    }));
    let prometheus = Prometheus::start(&usage).await;
    let source = source(&prometheus, Selector::default());
    let api = workload(WorkloadKind::Deployment, "api");
    let owners = owners(std::slice::from_ref(&api), &[]);
    let (store, cluster) = (MemoryUsage::default(), ClusterName::new("test").expect("a name"));
    let window = Window { from_unix_s: START, to_unix_s: end };
    let mut sum = SliceReport::default();
    for slice in missing(window, &store.covered(&cluster).await.expect("memory")) {
        let mut rollup = store.begin(&cluster, slice);
        let report =
            source.read(slice, &owners, &mut |series| rollup.add(series)).await.expect("Prometheus answers");
        store.append(rollup, report.partial.clone()).await.expect("memory");
        sum.absorb(&report);
    }
    assert!(sum.queries <= 14 * 4 && sum.partial.is_none(), "{sum:?}");
    assert!(missing(window, &store.covered(&cluster).await.expect("memory")).is_empty());

    let found = store.usage(&cluster, window, None).await.expect("memory");
    let [found] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        found.container,
        ContainerId { workload: api, container: ContainerName::new("main").expect("a name") }
    );
    let (cpu, memory) = (found.cpu.as_ref().expect("CPU"), found.memory.as_ref().expect("memory"));
    assert!(near(cpu.sketch.quantile(0.5).expect("samples"), 200.0), "{:?}", cpu.sketch.quantile(0.5));
    assert!(near(memory.max, 300.0 * MIB) && cpu.coverage.ratio() > 0.99, "{memory:?}");
    assert_eq!((found.pods, found.cpu_hours.len()), (3, 14 * 24));
    assert!((found.replica_hours - 3.0 * 14.0 * 24.0).abs() < 2.0, "{}", found.replica_hours);
}
