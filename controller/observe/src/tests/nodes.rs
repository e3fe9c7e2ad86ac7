//! What node agents sent, as history gets it: joined to pods, alone and beside a server, again when it changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kubeopt_model::agents::{
    CfsPeriods, CgroupId, NodeHour, NodePart, NodeReading, NodeSeries, NodeStanding,
};
use kubeopt_model::cluster::{Pod, PodCgroups};
use kubeopt_model::usage::{OomKill, Signal, UsageSeries};
use kubeopt_model::{
    Bytes, ClusterFacts, ClusterName, ContainerId, ContainerName, Namespace, Timestamp, Window, WorkloadKind,
};
use proptest::prelude::*;

use super::id;
use crate::error::ObserveError;
use crate::nodes::{NodeAgents, NodeReader};
use crate::owners::PodOwners;
use crate::recorded::RecordedMetrics;
use crate::source::{MetricsSource, Reach, STEP_S, SliceReport};

mod doubted;
mod gpus;

/// 10:00 UTC.
const TEN: i64 = 1_795_341_600;
const HOUR_S: i64 = 3600;
const DAY_S: i64 = 86_400;

fn hour(n: i64) -> Window {
    Window { from_unix_s: TEN + n * HOUR_S, to_unix_s: TEN + (n + 1) * HOUR_S }
}

fn at(unix_s: i64) -> Timestamp {
    Timestamp::from_second(unix_s).unwrap()
}

/// Parts by hour, and how often each hour changed.
type Hours = BTreeMap<i64, (u64, Vec<NodePart>)>;

/// What a controller keeps, and the hours of it that its disk does not give.
#[derive(Clone, Default)]
struct Spool(Arc<Mutex<Hours>>, Arc<Mutex<BTreeSet<i64>>>);

impl Spool {
    fn remove(&self, hour: Window) {
        self.0.lock().unwrap().remove(&hour.from_unix_s);
    }

    fn put(&self, hour: Window, part: impl Into<NodePart>) {
        let mut hours = self.0.lock().unwrap();
        let (mark, parts) = hours.entry(hour.from_unix_s).or_default();
        *mark += 1;
        parts.push(part.into());
    }

    fn source(&self) -> NodeAgents {
        NodeAgents::new(Box::new(self.clone()), 2 * DAY_S, None)
    }
}

#[async_trait]
impl NodeReader for Spool {
    async fn hours(&self) -> Result<Vec<NodeHour>, ObserveError> {
        let hours = self.0.lock().unwrap();
        let of = |(from, (mark, _)): (&i64, &(u64, Vec<NodePart>))| NodeHour {
            hour: Window { from_unix_s: *from, to_unix_s: from + HOUR_S },
            mark: *mark,
        };
        Ok(hours.iter().map(of).collect())
    }

    async fn read(&self, hour: Window, sink: &mut (dyn FnMut(NodePart) + Send)) -> Result<(), ObserveError> {
        let parts = self.0.lock().unwrap().get(&hour.from_unix_s).map(|(_, parts)| parts.clone());
        parts.into_iter().flatten().for_each(sink);
        match self.1.lock().unwrap().contains(&hour.from_unix_s) {
            true => {
                Err(ObserveError::Agents { code: "E-X-1", text: "a bad disk".to_owned(), help: "mend it" })
            }
            false => Ok(()),
        }
    }

    fn standing(&self) -> Vec<NodeStanding> {
        Vec::new()
    }
}

fn cgroup(pod: &str, container: char) -> CgroupId {
    CgroupId { pod_uid: format!("{pod}_uid"), container_id: container.to_string().repeat(64) }
}

/// Readings every ten seconds from one second of the hour to another.
fn readings(hour: Window, seconds: std::ops::Range<i64>, cpu: impl Fn(i64) -> u64) -> Vec<NodeReading> {
    let reading = |second: i64| NodeReading {
        at_unix_ms: (hour.from_unix_s + second + 10) * 1000,
        span_ms: 10_000,
        cpu_used_us: Some(cpu(second) * 10_000),
        working_set_bytes: Some(1 << 20),
        ..NodeReading::default()
    };
    (seconds.start..seconds.end).step_by(10).map(reading).collect()
}

fn series(id: CgroupId, readings: Vec<NodeReading>) -> NodeSeries {
    series_of("n1", id, readings)
}

fn series_of(node: &str, id: CgroupId, readings: Vec<NodeReading>) -> NodeSeries {
    let node = node.to_owned();
    NodeSeries { node, id, seen_unix_ms: None, oom_kills: 0, memory_limit: None, cpu_quota: None, readings }
}

/// A cluster with one pod of `deploy/api` on a node, whose containers run under these ids.
fn showing(pod: &str, containers: &[char]) -> PodOwners {
    PodOwners::from_facts(&shown(pod, containers))
}

fn shown(pod: &str, containers: &[char]) -> ClusterFacts {
    let mut facts = ClusterFacts::empty(ClusterName::new("test").unwrap());
    let main = || ContainerName::new("main").unwrap();
    facts.pods.push(Pod {
        namespace: Namespace::new("shop").unwrap(),
        name: pod.to_owned(),
        workload: Some(id(WorkloadKind::Deployment, "api")),
        node: Some("n1".to_owned()),
        ready: true,
        started_unix_s: None,
        oom_kills: vec![],
        running: vec![],
        cgroups: PodCgroups {
            // The kubelet writes a dash where the cgroup has an underscore.
            uid: format!("{pod}-uid"),
            containers: containers.iter().map(|one| (one.to_string().repeat(64), main())).collect(),
        },
    });
    facts
}

type BySignal = BTreeMap<Signal, Vec<(i64, f64)>>;

async fn read(source: &NodeAgents, slice: Window, owners: &PodOwners) -> (SliceReport, BySignal) {
    let mut by_signal = BySignal::new();
    let sink = &mut |one: UsageSeries| by_signal.entry(one.signal).or_default().extend(one.points);
    let report = source.read(slice, owners, sink).await.unwrap();
    source.stored(slice);
    (report, by_signal)
}

#[tokio::test]
async fn ten_seconds_become_steps_with_the_peaks_that_a_mean_hides() {
    let spool = Spool::default();
    let mut told = readings(hour(0), 0..600, |second| if second == 300 { 1200 } else { 100 });
    told[30].cpu_peak_millicores = Some(3900);
    told[30].cfs = Some(CfsPeriods { all: 100, throttled: 40, throttled_us: 2_500_000 });
    told[31].cfs = Some(CfsPeriods { all: 100, throttled: 0, throttled_us: 0 });
    told[31].cpu_waited_us = Some(5_000_000);
    let (first, second) = told.split_at(25);
    // Parts come in any order.
    spool.put(hour(0), series(cgroup("api-1", 'a'), second.to_vec()));
    spool.put(hour(0), series(cgroup("api-1", 'a'), first.to_vec()));
    let (report, by_signal) = read(&spool.source(), hour(0), &showing("api-1", &['a'])).await;

    let second_step = TEN + STEP_S;
    let mean = (1200.0 + 29.0 * 100.0) / 30.0;
    assert_eq!(by_signal[&Signal::CpuMillicores], [(TEN, 100.0), (second_step, mean)]);
    assert_eq!(by_signal[&Signal::CpuReadingMillicores], [(TEN, 100.0), (second_step, 1200.0)]);
    assert_eq!(by_signal[&Signal::CpuSecondMillicores], [(second_step, 3900.0)]);
    assert_eq!(by_signal[&Signal::MemoryBytes], [(TEN, 1_048_576.0), (second_step, 1_048_576.0)]);
    assert_eq!(by_signal[&Signal::ThrottledRatio], [(TEN, 0.2)]);
    assert_eq!(by_signal[&Signal::ThrottledSeconds], [(TEN, 2.5)]);
    assert_eq!(by_signal[&Signal::CpuPressure], [(TEN, 0.5)]);
    assert_eq!((report.unowned_series, report.unusable_samples), (0, 0));
}

#[tokio::test]
async fn numbers_that_cannot_be_and_readings_of_other_hours_are_left_out() {
    let spool = Spool::default();
    let mut told = readings(hour(0), 0..60, |_| 100);
    told[0].cpu_used_us = Some(u64::MAX);
    told[1].working_set_bytes = Some(u64::MAX);
    told[2].span_ms = 0;
    told[3].at_unix_ms = i64::MAX;
    told[4].at_unix_ms = i64::MIN;
    told.extend(readings(hour(1), 0..60, |_| 900));
    spool.put(hour(0), series(cgroup("api-1", 'a'), told));
    let (report, by_signal) = read(&spool.source(), hour(0), &showing("api-1", &['a'])).await;
    assert_eq!(by_signal[&Signal::CpuMillicores], [(TEN, 100.0)]);
    assert_eq!(by_signal[&Signal::MemoryBytes], [(TEN, 1_048_576.0)]);
    assert_eq!(report.unusable_samples, 3);
}

#[tokio::test]
async fn an_hour_is_read_again_when_more_of_it_came_in_and_not_otherwise() {
    let spool = Spool::default();
    let source = spool.source();
    let owners = showing("api-1", &['a']);
    spool.put(hour(0), series(cgroup("api-1", 'a'), readings(hour(0), 0..1200, |_| 100)));
    spool.put(hour(1), series(cgroup("api-1", 'a'), readings(hour(1), 0..1200, |_| 100)));
    let now = at(TEN + 2 * HOUR_S);
    let both = Window { to_unix_s: hour(1).to_unix_s, ..hour(0) };
    assert_eq!(source.reach(now).await.unwrap(), Reach::Sampled(vec![both]));
    source.read(both, &owners, &mut |_| {}).await.unwrap();
    assert_eq!(source.reach(now).await.unwrap(), Reach::Sampled(vec![both]), "it was read and not stored");
    read(&source, both, &owners).await;
    assert_eq!(source.reach(now).await.unwrap(), Reach::Sampled(vec![]));

    // The end of an outage.
    spool.put(hour(0), series(cgroup("api-1", 'a'), readings(hour(0), 1200..3600, |_| 100)));
    assert_eq!(source.reach(now).await.unwrap(), Reach::Sampled(vec![hour(0)]));
    let (_, by_signal) = read(&source, hour(0), &owners).await;
    assert_eq!(by_signal[&Signal::CpuMillicores].len(), 12);
}

#[tokio::test]
async fn a_pod_that_is_gone_is_recognised_over_a_restart_and_a_late_one_when_it_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pods.json");
    let spool = Spool::default();
    let source = || NodeAgents::new(Box::new(spool.clone()), 2 * DAY_S, Some(file.clone()));
    spool.put(hour(0), series(cgroup("api-1", 'a'), readings(hour(0), 0..3600, |_| 100)));
    spool.put(hour(0), series(cgroup("api-2", 'b'), readings(hour(0), 0..3600, |_| 300)));
    let now = at(TEN + HOUR_S);
    let first = source();
    first.reach(now).await.unwrap();
    let (report, _) = read(&first, hour(0), &showing("api-1", &['a'])).await;
    assert_eq!((report.unowned_series, first.unresolved()), (1, 1));
    assert_eq!(first.reach(now).await.unwrap(), Reach::Sampled(vec![]));
    // Its status comes late: the hour is read once more.
    first.learn(&showing("api-2", &['b']), now).await;
    assert_eq!(first.reach(now).await.unwrap(), Reach::Sampled(vec![hour(0)]));
    drop(first);

    let again = source();
    again.reach(now).await.unwrap();
    let (report, by_signal) = read(&again, hour(0), &PodOwners::default()).await;
    assert_eq!(report.unowned_series, 0);
    assert_eq!(by_signal[&Signal::CpuMillicores].len(), 24);
    again.save().await;
    assert_eq!(source().reach(now).await.unwrap(), Reach::Sampled(vec![]), "that it is stored is known too");

    std::fs::write(&file, "{").unwrap();
    assert_eq!(source().reach(now).await.unwrap(), Reach::Sampled(vec![hour(0)]));
}

#[tokio::test]
async fn what_is_remembered_ends_with_the_retention() {
    let spool = Spool::default();
    let source = spool.source();
    source.learn(&showing("api-1", &['a']), at(TEN)).await;
    source.learn(&PodOwners::default(), at(TEN + 6 * DAY_S)).await;
    let late = Window { from_unix_s: TEN + 6 * DAY_S, to_unix_s: TEN + 6 * DAY_S + HOUR_S };
    source.reach(at(late.to_unix_s)).await.unwrap();
    spool.put(late, series(cgroup("api-1", 'a'), readings(late, 0..600, |_| 100)));
    let (report, by_signal) = read(&source, late, &PodOwners::default()).await;
    assert_eq!((report.unowned_series, by_signal.len()), (1, 0));
}

#[tokio::test]
async fn a_restart_is_a_start_a_restart_and_a_kill() {
    let spool = Spool::default();
    let source = spool.source();
    let owners = showing("api-1", &['a', 'b']);
    let mut before = series(cgroup("api-1", 'a'), readings(hour(0), 0..1200, |_| 100));
    (before.oom_kills, before.memory_limit) = (1, Some(Bytes::mebi(64)));
    let mut after = series(cgroup("api-1", 'b'), readings(hour(0), 1210..3600, |_| 200));
    after.seen_unix_ms = Some((TEN + 1210) * 1000);
    spool.put(hour(0), before);
    spool.put(hour(0), after);
    let (_, by_signal) = read_kept(&source, &owners).await;
    assert_eq!(by_signal[&Signal::Restarts], [(TEN, 1.0)]);
    assert_eq!(by_signal[&Signal::CpuStartupMillicores], [(TEN + 1200, 200.0), (TEN + 1500, 200.0)]);
    assert_eq!(by_signal[&Signal::CpuMillicores].len(), 10);
    let container = ContainerId {
        workload: id(WorkloadKind::Deployment, "api"),
        container: ContainerName::new("main").unwrap(),
    };
    let kill = OomKill { container, at_unix_s: TEN + 1200, limit: Some(Bytes::mebi(64)) };
    assert_eq!(source.oom_kills(hour(0), &owners).await.unwrap(), [kill]);
    source.stored(hour(0));
    assert_eq!(source.oom_kills(hour(0), &owners).await.unwrap(), [], "they are in history");
}

/// As [`read`], and not stored yet.
async fn read_kept(source: &NodeAgents, owners: &PodOwners) -> (SliceReport, BySignal) {
    let mut by_signal = BySignal::new();
    let sink = &mut |one: UsageSeries| by_signal.entry(one.signal).or_default().extend(one.points);
    (source.read(hour(0), owners, sink).await.unwrap(), by_signal)
}

/// A server that scraped all pods of two hours, at 50m.
fn scraped(pods: &[&str]) -> Box<dyn MetricsSource> {
    let container = ContainerId {
        workload: id(WorkloadKind::Deployment, "api"),
        container: ContainerName::new("main").unwrap(),
    };
    let steps = || (0..24).map(|n| TEN + n * STEP_S);
    let all = pods.iter().flat_map(|pod| {
        let of = |signal, points| UsageSeries {
            container: container.clone(),
            pod: (*pod).to_owned(),
            signal,
            points,
        };
        [
            of(Signal::CpuMillicores, steps().map(|at| (at, 50.0)).collect()),
            of(Signal::ThrottledRatio, vec![(TEN, 0.7), (TEN + HOUR_S, 0.7)]),
        ]
    });
    Box::new(RecordedMetrics { series: all.collect(), oom_kills: vec![], gpus: Vec::new() })
}

#[tokio::test]
async fn beside_a_server_agents_count_where_they_know_nine_tenths_of_an_hour() {
    let owners = showing("api-1", &['a']);
    for (seconds, from_agents) in [(3600, true), (3250, true), (3200, false)] {
        let spool = Spool::default();
        let source = spool.source().beside(scraped(&["api-1", "api-9"]));
        spool.put(hour(0), series(cgroup("api-1", 'a'), readings(hour(0), 0..seconds, |_| 100)));
        let now = at(TEN + 2 * HOUR_S);
        assert_eq!(source.reach(now).await.unwrap(), Reach::PastAndAgain(vec![hour(0)]));
        let both = Window { to_unix_s: hour(1).to_unix_s, ..hour(0) };
        let (_, by_signal) = read(&source, both, &owners).await;
        let cpu = &by_signal[&Signal::CpuMillicores];
        let of = |wanted: f64| cpu.iter().filter(|(_, value)| *value == wanted).count();
        let own = usize::try_from(seconds).unwrap().div_ceil(300);
        // The other pod and the other hour are the server's.
        let expected = if from_agents { (own, 36) } else { (0, 48) };
        assert_eq!((of(100.0), of(50.0)), expected, "{seconds}");
        assert_eq!(by_signal[&Signal::ThrottledRatio].len(), 4, "agents told nothing of it");
        assert_eq!(source.reach(now).await.unwrap(), Reach::PastAndAgain(vec![]));
    }
}

#[tokio::test]
async fn the_running_hour_waits_where_a_server_tells_the_past() {
    let spool = Spool::default();
    let source = spool.source().beside(scraped(&[]));
    spool.put(hour(0), series(cgroup("api-1", 'a'), readings(hour(0), 0..600, |_| 100)));
    assert_eq!(source.reach(at(TEN + 700)).await.unwrap(), Reach::PastAndAgain(vec![]));
    assert!(!source.check().await.unwrap().only_now && spool.source().check().await.unwrap().only_now);
}

fn any_reading() -> impl Strategy<Value = NodeReading> {
    let near = (-4_000_000_i64..8_000_000).prop_map(|ms| TEN * 1000 + ms);
    let at = prop_oneof![8 => near, 1 => any::<i64>()];
    let span = prop_oneof![8 => 1_u32..20_000, 1 => any::<u32>()];
    let big = || proptest::option::of(prop_oneof![8 => 0_u64..1 << 32, 1 => any::<u64>()]);
    let cfs = proptest::option::of((any::<u32>(), any::<u32>(), any::<u64>()));
    (at, span, big(), proptest::option::of(any::<u32>()), cfs, big(), big()).prop_map(
        |(at_unix_ms, span_ms, cpu_used_us, cpu_peak_millicores, cfs, working_set_bytes, cpu_waited_us)| {
            NodeReading {
                at_unix_ms,
                span_ms,
                cpu_used_us,
                cpu_peak_millicores,
                cfs: cfs.map(|(all, throttled, throttled_us)| CfsPeriods { all, throttled, throttled_us }),
                working_set_bytes,
                cpu_waited_us,
                ..NodeReading::default()
            }
        },
    )
}

proptest! {
    #[test]
    fn whatever_a_node_sends_is_a_number_of_this_hour_or_nothing(
        parts in proptest::collection::vec(
            (proptest::collection::vec(any_reading(), 0..40), any::<Option<i64>>(), any::<u32>()), 1..4),
    ) {
        let spool = Spool::default();
        for (readings, seen_unix_ms, oom_kills) in parts {
            let part = NodeSeries { seen_unix_ms, oom_kills, ..series(cgroup("api-1", 'a'), readings) };
            spool.put(hour(0), part);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (_, by_signal) = runtime.block_on(read(&spool.source(), hour(0), &showing("api-1", &['a'])));
        for (signal, points) in by_signal {
            for (at, value) in points {
                prop_assert!((TEN..TEN + HOUR_S).contains(&at) && at % STEP_S == 0, "{signal:?} {at}");
                prop_assert!(value.is_finite() && value >= 0.0, "{signal:?} {value}");
                let is_share = matches!(signal, Signal::ThrottledRatio | Signal::CpuPressure);
                prop_assert!(!is_share || value <= 1.0, "{signal:?} {value}");
            }
        }
    }
}
