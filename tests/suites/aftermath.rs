//! The signs by which a merge is judged, out of a real Prometheus, through the queries that kubeopt sends.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;

use kubeopt_model::outcome::{
    BadSide, HourSigns, NodeSize, Objective, RevertOn, SeenImage, Settled, Sign, Watched, WindowSigns,
};
use kubeopt_model::{
    Amount, Bytes, Change, ClusterFacts, ClusterName, ContainerId, ContainerName, Field, MilliCores,
    Namespace, ObjectName, Resources, Window, Workload, WorkloadId, WorkloadKind,
};
use kubeopt_net::{Client, ClientPolicy, HostRule, Url};
use kubeopt_observe::{
    LabelMatcher, MetricsSource, PodOwners, Prometheus as Source, PrometheusOptions, Selector, SignsAsked,
    SignsRead,
};
use kubeopt_recommend::{FREEZE_DAYS, bound_from, settle_outcome};
use kubeopt_tests::prometheus::Prometheus;
use kubeopt_tests::servers_enabled;

/// Midnight UTC.
const START: i64 = 1_763_596_800;
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const GIB: f64 = 1_073_741_824.0;

/// The API, the gateway whose name begins alike, and nobody else.
const API: &str = r#"cluster="eu",namespace="shop",container="main",pod="api-0""#;
const SECOND: &str = r#"cluster="eu",namespace="shop",container="main",pod="api-1""#;
const GATEWAY: &str = r#"cluster="eu",namespace="shop",container="main",pod="api-gateway-0""#;
const OTHER_CLUSTER: &str = r#"cluster="us",namespace="shop",container="main",pod="api-0""#;

/// One metric of a hand-written history, in OpenMetrics, one sample a minute.
struct Family(&'static str, String);

impl Family {
    fn new(kind: &str, name: &'static str) -> Self {
        Self(name, format!("# TYPE {} {kind}\n", name.trim_end_matches("_total")))
    }

    fn series(mut self, labels: &str, minutes: std::ops::Range<i64>, value: impl Fn(i64) -> f64) -> Self {
        for minute in minutes {
            let at = START + minute * MINUTE;
            writeln!(self.1, "{}{{{labels}}} {} {at}", self.0, value(minute)).expect("a string takes all");
        }
        self
    }

    /// The same series as two replicas of Prometheus scrape it.
    fn twice(self, labels: &str, minutes: std::ops::Range<i64>, value: impl Fn(i64) -> f64) -> Self {
        self.series(&format!(r#"{labels},prometheus="one""#), minutes.clone(), &value).series(
            &format!(r#"{labels},prometheus="two""#),
            minutes,
            value,
        )
    }
}

/// Eight hours. api-0 begins anew after two hours, as the pod of a StatefulSet does, restarts in the fourth hour because it was
/// killed, and has another image from the sixth on. api-1 runs for an hour and a half.
fn history() -> Vec<Family> {
    let all = 0..480;
    let restarts = |minute: i64| match minute {
        ..120 => 5.0,
        120..200 => 0.0,
        _ => 1.0,
    };
    let rate = |per_minute: f64| move |minute: i64| minute as f64 * per_minute;
    // The counter begins anew with the pod.
    let anew = |per_minute: f64| {
        move |minute: i64| if minute < 120 { minute as f64 } else { (minute - 120) as f64 } * per_minute
    };
    let image = |labels: &str, image: &str| format!(r#"{labels},image="{image}""#);
    let pod = |name: &str, node: &str| format!(r#"cluster="eu",namespace="shop",pod="{name}",node="{node}""#);
    vec![
        Family::new("gauge", "container_memory_working_set_bytes")
            .twice(API, all.clone(), |_| GIB)
            .twice(SECOND, 0..90, |_| GIB)
            .series(GATEWAY, all.clone(), |_| GIB)
            .series(OTHER_CLUSTER, all.clone(), |_| GIB),
        Family::new("counter", "container_cpu_usage_seconds_total")
            .twice(&format!(r#"{API},cpu="total""#), all.clone(), anew(15.0))
            .series(&format!(r#"{GATEWAY},cpu="total""#), all.clone(), rate(600.0)),
        Family::new("counter", "container_cpu_cfs_periods_total").twice(API, all.clone(), anew(600.0)),
        Family::new("counter", "container_cpu_cfs_throttled_periods_total").twice(
            API,
            all.clone(),
            anew(150.0),
        ),
        Family::new("counter", "container_pressure_cpu_waiting_seconds_total").twice(
            API,
            all.clone(),
            anew(6.0),
        ),
        Family::new("gauge", "container_oom_events_total")
            .twice(API, all.clone(), |minute| if minute < 200 { 0.0 } else { 1.0 }),
        Family::new("gauge", "kube_pod_container_status_restarts_total")
            .twice(API, all.clone(), restarts)
            .series(GATEWAY, all.clone(), |minute| minute as f64),
        Family::new("gauge", "kube_pod_container_status_last_terminated_reason").twice(
            &format!(r#"{API},reason="OOMKilled""#),
            201..480,
            |_| 1.0,
        ),
        Family::new("gauge", "kube_pod_container_resource_requests")
            .twice(&format!(r#"{API},resource="cpu",unit="core""#), all.clone(), |minute| {
                if minute < 300 { 0.5 } else { 0.25 }
            })
            .twice(&format!(r#"{API},resource="memory",unit="byte""#), all.clone(), |_| GIB),
        Family::new("gauge", "kube_pod_container_info")
            .twice(&image(API, "registry/api:1"), 0..300, |_| 1.0)
            .twice(&image(API, "registry/api:2"), 301..480, |_| 1.0),
        Family::new("gauge", "kube_pod_info").twice(&pod("api-0", "n1"), all.clone(), |_| 1.0).series(
            &pod("api-gateway-0", "n2"),
            all.clone(),
            |_| 1.0,
        ),
        Family::new("gauge", "kube_node_status_capacity")
            .twice(r#"cluster="eu",node="n1",resource="cpu""#, all.clone(), |_| 4.0)
            .series(r#"cluster="eu",node="n2",resource="cpu""#, all.clone(), |_| 64.0)
            .series(r#"cluster="us",node="n1",resource="cpu""#, all.clone(), |_| 96.0),
        Family::new("counter", "requests_total").series(r#"job="api""#, all.clone(), rate(600.0)),
        Family::new("counter", "errors_total")
            .series(r#"job="api",code="500""#, all.clone(), rate(18.0))
            .series(r#"job="api",code="503""#, all, rate(12.0)),
    ]
}

async fn prometheus(history: Vec<Family>) -> Prometheus {
    let write = move |out: &mut dyn Write| {
        for family in &history {
            out.write_all(family.1.as_bytes()).expect("write the history");
        }
    };
    Prometheus::start_with([write]).await
}

fn source(prometheus: &Prometheus) -> Source {
    kubeopt_net::install_crypto_provider();
    let url = Url::parse(prometheus.url()).expect("the harness gives a URL");
    let rule = HostRule::for_url(&url).expect("loopback is named");
    let client = Client::new(ClientPolicy::new(vec![rule])).expect("no certificates are named");
    let cluster = vec![LabelMatcher::new("cluster", "eu").expect("a label")];
    let selector = Selector { cluster, namespaces: vec![] };
    Source::new(client, PrometheusOptions { selector, ..PrometheusOptions::new(url) })
        .expect("the settings are fine")
}

fn workload(name: &str) -> WorkloadId {
    WorkloadId {
        cluster: ClusterName::new("eu").expect("a name"),
        namespace: Namespace::new("shop").expect("a name"),
        kind: WorkloadKind::StatefulSet,
        name: ObjectName::new(name).expect("a name"),
    }
}

fn container(name: &str) -> ContainerId {
    ContainerId { workload: workload(name), container: ContainerName::new("main").expect("a name") }
}

fn api() -> ContainerId {
    container("api")
}

/// The pods are gone; their names tell whose they were.
fn owners() -> PodOwners {
    let mut facts = ClusterFacts::empty(ClusterName::new("eu").expect("a name"));
    facts.workloads.extend(["api", "api-gateway", "web"].map(|name| Workload {
        id: workload(name),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        replicas: 1,
        containers: vec![],
        scaler: None,
        applied_by: None,
        owner: None,
        vpa: None,
    }));
    PodOwners::from_facts(&facts)
}

async fn read(source: &Source, objective: Option<(&str, BadSide)>) -> SignsRead {
    let asked = SignsAsked {
        window: Window { from_unix_s: START, to_unix_s: START + 8 * HOUR },
        containers: [api()].into(),
        objective: objective.map(|(query, bad)| Objective { query: query.to_owned(), bad }),
    };
    source.window_signs(&asked, &owners()).await.expect("Prometheus answers")
}

fn near(value: Option<f64>, wanted: f64) -> bool {
    value.is_some_and(|value| (value - wanted).abs() <= wanted * 0.02)
}

#[tokio::test]
async fn the_signs_of_a_merge_are_told_by_the_hour_and_what_is_not_measured_is_unknown() {
    if !servers_enabled() {
        return;
    }
    let prometheus = prometheus(history()).await;
    let read = read(&source(&prometheus), None).await;
    assert!(read.problems.is_empty(), "{:?}", read.problems);
    let WindowSigns { hours, images, nodes, partial, .. } = &read.containers[&api()];
    assert_eq!((hours.len(), partial.as_deref()), (8, None), "{hours:?}");
    let of = |value: fn(&HourSigns) -> Option<u32>| hours.iter().map(value).collect::<Vec<Option<u32>>>();
    // The counter of restarts fell to 0 with the new pod in the third hour, which is no restart.
    let once_in_the_fourth = [0, 0, 0, 1, 0, 0, 0, 0].map(Some);
    assert_eq!(of(|hour| hour.restarts), once_in_the_fourth);
    assert_eq!(of(|hour| hour.oom_kills), once_in_the_fourth, "two exporters tell of one kill");
    for hour in hours {
        assert!(near(hour.throttled, 0.25) && near(hour.cpu_pressure, 0.1), "{hour:?}");
        assert!(near(hour.cpu_millicores, 250.0) && near(hour.requested_memory_bytes, GIB), "{hour:?}");
        assert_eq!(hour.objective, None);
    }
    // api-1 runs for an hour and a half, and a sample counts for five minutes more.
    let ran: Vec<f64> = hours.iter().map(|hour| hour.replica_hours).collect();
    assert!((ran[0] - 2.0).abs() < 0.1 && (1.45..1.65).contains(&ran[1]), "{ran:?}");
    assert!(ran[2..].iter().all(|ran| (ran - 1.0).abs() < 1e-9), "{ran:?}");
    let requested: Vec<u64> =
        hours.iter().map(|hour| hour.requested_cpu_millicores.unwrap_or(0.0).round() as u64).collect();
    assert_eq!((requested[3], requested[6]), (500, 250), "{requested:?}");
    let image = |tag: u8, hour: i64| SeenImage {
        image: format!("registry/api:{tag}"),
        first_unix_s: START + hour * HOUR,
    };
    assert_eq!(*images, [image(1, 0), image(2, 5)]);
    assert_eq!(*nodes, [NodeSize { cores: 4, replica_hours: 8.0 }]);
}

#[tokio::test]
async fn an_objective_is_read_by_the_hour_or_refused_with_what_prometheus_says() {
    if !servers_enabled() {
        return;
    }
    let prometheus = prometheus(history()).await;
    let source = source(&prometheus);
    let ratio = "sum(rate(errors_total[1h])) / sum(rate(requests_total[1h]))";
    for (query, bad) in [(ratio.to_owned(), BadSide::Ratio), (format!("1 - {ratio}"), BadSide::Rest)] {
        let read = read(&source, Some((&query, bad))).await;
        let hours = &read.containers[&api()].hours;
        assert!(hours.len() == 8 && hours.iter().all(|hour| near(hour.objective, 0.05)), "{hours:?}");
        assert!(read.problems.is_empty());
    }
    for (query, why) in [
        ("rate(errors_total", "parse error"),
        ("rate(errors_total[1h]) > 0", "2 series"),
        ("sum(requests_total)", "no ratio"),
        ("sum(nothing_of_the_kind)", "no series"),
        ("errors_total[1h]", "invalid expression type"),
        (r#""text""#, "invalid expression type"),
        // No requests, no errors: 0 / 0 is unknown and no problem.
        ("0 * sum(requests_total) / (0 * sum(requests_total))", ""),
    ] {
        let read = read(&source, Some((query, BadSide::Ratio))).await;
        let hours = &read.containers[&api()].hours;
        assert!(hours.len() == 8 && hours.iter().all(|hour| hour.objective.is_none()), "{query}");
        match (why, read.problems.as_slice()) {
            ("", problems) => assert!(problems.is_empty(), "{problems:?}"),
            (why, [problem]) => {
                assert!(problem.code == "E-OBS-009" && problem.text.contains(why), "{}", problem.text);
            }
            (why, problems) => panic!("{query}: {why}: {problems:?}"),
        }
    }
}

/// Ten days and an hour of two alike workloads; what was merged after nine of them starves `api` and not `web`.
fn nine_days_and_a_merge() -> Vec<Family> {
    let merge = 9 * 24 * 60;
    let end = merge + 25 * 60;
    let labels = |name: &str| format!(r#"cluster="eu",namespace="shop",container="main",pod="{name}-0""#);
    let (api, web) = (labels("api"), labels("web"));
    let both = |family: Family, of: &dyn Fn(&str, i64) -> f64| {
        family
            .series(&api, 0..end, |minute| of("api", minute))
            .series(&web, 0..end, |minute| of("web", minute))
    };
    let counter = |name| Family::new("counter", name);
    // A tenth of the periods is throttled, and of api half of them from the merge on.
    let throttled = |name: &str, minute: i64| {
        let more = if name == "api" { (minute - merge).max(0) as f64 * 240.0 } else { 0.0 };
        minute as f64 * 60.0 + more
    };
    let killed = |name: &str, minute: i64| {
        let kills = [100, 400, 700].iter().filter(|after| minute >= merge + **after).count();
        if name == "api" { kills as f64 } else { 0.0 }
    };
    vec![
        both(Family::new("gauge", "container_memory_working_set_bytes"), &|_, _| GIB),
        both(counter("container_cpu_cfs_periods_total"), &|_, minute| minute as f64 * 600.0),
        both(counter("container_cpu_cfs_throttled_periods_total"), &throttled),
        both(Family::new("gauge", "container_oom_events_total"), &killed),
    ]
}

#[tokio::test]
async fn a_merge_that_starves_one_container_is_reverted_for_that_one_and_kept_for_the_other() {
    if !servers_enabled() {
        return;
    }
    let prometheus = prometheus(nine_days_and_a_merge()).await;
    let source = source(&prometheus);
    let synced_unix_s = START + 9 * 24 * HOUR;
    let now_unix_s = synced_unix_s + 25 * HOUR;
    let windows = Watched::windows(synced_unix_s, 24 * HOUR, now_unix_s);
    let containers = [api(), container("web")];
    let mut sides = Vec::new();
    for window in [windows.before, windows.after] {
        let asked = SignsAsked { window, containers: containers.clone().into(), objective: None };
        sides.push(source.window_signs(&asked, &owners()).await.expect("Prometheus answers").containers);
    }
    let resources = |cpu: u64, memory: u64| {
        let mut resources = Resources::default();
        resources.limits.cpu = Some(MilliCores(cpu));
        resources.limits.memory = Some(Bytes::mebi(memory));
        resources
    };
    let outcome = |id: &ContainerId| {
        let watched = Watched {
            container: id.clone(),
            resources: Change { before: resources(2000, 2048), after: resources(1000, 1024) },
            synced_unix_s,
            soak_s: 24 * HOUR,
            sides: Change { before: sides[0][id].clone(), after: sides[1][id].clone() },
            others: Vec::new(),
        };
        settle_outcome(&watched, &RevertOn::default(), now_unix_s)
    };
    let kept = outcome(&containers[1]);
    assert_eq!(kept.settled, Settled::Keep, "{}", kept.text);
    let reverted = outcome(&containers[0]);
    assert_eq!(reverted.settled, Settled::Revert { why: vec![Sign::OomKills] }, "{}", reverted.text);
    let told = "OOM kills 2 in 6.0 replica-hours, before 0 in 216";
    assert!(reverted.text.contains(told), "{}", reverted.text);
    let lessons = bound_from(&reverted, FREEZE_DAYS, now_unix_s);
    let floors: Vec<(Field, Amount)> = lessons.iter().map(|lesson| (lesson.field, lesson.floor)).collect();
    // Without a request the limit stands for it; what is written in Git is the limit.
    assert_eq!(floors, [(Field::MEMORY_LIMIT, Amount::Memory(Bytes::mebi(1536)))]);
}
