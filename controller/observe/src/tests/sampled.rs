//! metrics-server as a source: whose samples are told, what of a start is told apart, and what is said of its limits.

use std::sync::Mutex;

use async_trait::async_trait;
use kubeopt_model::usage::{Moment, MomentSample};
use kubeopt_model::{ContainerName, Timestamp};

use super::*;

/// 10:00 UTC.
const TEN: i64 = 1_795_341_600;
const HOUR: Window = Window { from_unix_s: TEN, to_unix_s: TEN + 3600 };

/// Tells what it was told to tell.
#[derive(Default)]
struct Told(Mutex<Moment>);

#[async_trait]
impl MomentReader for &Told {
    async fn moment(&self) -> Result<Moment, ObserveError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

impl Told {
    fn set(&self, pods: &[(&str, f64)], at_unix_s: i64) {
        let samples = pods.iter().map(|(pod, cpu)| MomentSample {
            namespace: Namespace::new("shop").unwrap(),
            pod: ObjectName::new(*pod).unwrap(),
            container: ContainerName::new("main").unwrap(),
            at_unix_s,
            window_s: 15.0,
            cpu_millicores: Some(*cpu),
            memory_bytes: Some(1024.0),
        });
        *self.0.lock().unwrap() = Moment { samples: samples.collect(), requests: 1, ..Moment::default() };
    }
}

fn at(unix_s: i64) -> Timestamp {
    Timestamp::from_second(unix_s).unwrap()
}

async fn read(
    source: &impl MetricsSource,
    owners: &PodOwners,
) -> (SliceReport, Vec<(Signal, Vec<(i64, f64)>)>) {
    let mut series = Vec::new();
    let report = source.read(HOUR, owners, &mut |one| series.push((one.signal, one.points))).await.unwrap();
    (report, series)
}

#[tokio::test]
async fn the_running_hour_is_told_of_known_owners_with_what_sampling_took() {
    let told = Told::default();
    let source = MetricsServer::new(&told);
    for (minute, cpu) in [(1, 10.0), (2, 30.0), (6, 50.0)] {
        let now = TEN + minute * 60;
        told.set(&[("live", cpu), ("stranger", 1.0)], now - 5);
        assert_eq!(source.reach(at(now)).await.unwrap(), Reach::Sampled(vec![HOUR]));
    }
    let (report, series) = read(&source, &owners()).await;
    assert_eq!(
        series,
        [
            (Signal::CpuMillicores, vec![(TEN, 20.0), (TEN + STEP_S, 50.0)]),
            (Signal::MemoryBytes, vec![(TEN, 1024.0), (TEN + STEP_S, 1024.0)]),
        ]
    );
    let expected =
        SliceReport { queries: 3, samples: 4, series: 2, unowned_series: 1, ..SliceReport::default() };
    assert_eq!(report, expected);
    let (again, _) = read(&source, &owners()).await;
    assert_eq!((again.queries, again.samples), (0, 4), "what it took is told once");
}

#[tokio::test]
async fn cpu_of_a_pod_that_starts_is_told_apart_and_its_memory_counts() {
    let mut facts = ClusterFacts::empty(ClusterName::new("test").unwrap());
    facts.pods.push(Pod {
        namespace: Namespace::new("shop").unwrap(),
        name: "live".to_owned(),
        workload: Some(id(WorkloadKind::Deployment, "api")),
        node: None,
        ready: true,
        started_unix_s: Some(TEN + 30),
        oom_kills: vec![],
        running: vec![],
        cgroups: kubeopt_model::cluster::PodCgroups::default(),
    });
    let told = Told::default();
    let source = MetricsServer::new(&told);
    for (minute, cpu) in [(2, 900.0), (7, 500.0), (12, 20.0)] {
        told.set(&[("live", cpu)], TEN + minute * 60 - 5);
        source.reach(at(TEN + minute * 60)).await.unwrap();
    }
    let (_, series) = read(&source, &PodOwners::from_facts(&facts)).await;
    let of =
        |wanted: Signal| series.iter().find(|(signal, _)| *signal == wanted).map(|(_, points)| points.len());
    assert_eq!(of(Signal::CpuStartupMillicores), Some(2));
    assert_eq!(of(Signal::CpuMillicores), Some(1));
    assert_eq!(of(Signal::MemoryStartupBytes), Some(2));
    assert_eq!(of(Signal::MemoryBytes), Some(3));
}

#[tokio::test]
async fn hours_that_nobody_sampled_are_empty_and_no_fault() {
    let told = Told::default();
    let source = MetricsServer::new(&told);
    let (report, series) = read(&source, &owners()).await;
    assert_eq!((report.empty, series.len()), (Some(Emptiness::NoDataThen), 0));
    assert!(source.oom_kills(HOUR, &owners()).await.unwrap().is_empty());
}

#[tokio::test]
async fn check_says_that_there_is_only_the_moment_and_silence_is_an_error() {
    let told = Told::default();
    let source = MetricsServer::new(&told);
    for error in [source.check().await.unwrap_err(), source.reach(at(TEN)).await.unwrap_err()] {
        assert_eq!(error.code(), "E-OBS-008");
        assert!(error.problem().help.contains("log of metrics-server"), "{}", error.problem());
    }
    told.set(&[("live", 1.0)], TEN);
    let facts = source.check().await.unwrap();
    assert_eq!((facts.cpu_containers, facts.memory_containers, facts.scrape_interval_s), (1, 1, Some(15)));
    assert!(facts.only_now && !facts.kube_state_metrics);
}

#[tokio::test]
async fn a_merge_cannot_be_judged_by_it_and_that_is_said() {
    let told = Told::default();
    let container = kubeopt_model::ContainerId {
        workload: id(WorkloadKind::Deployment, "api"),
        container: ContainerName::new("main").unwrap(),
    };
    let asked = SignsAsked { window: HOUR, containers: [container.clone()].into(), objective: None };
    let read = MetricsServer::new(&told).window_signs(&asked, &owners()).await.unwrap();
    let signs = &read.containers[&container];
    assert_eq!((signs.window, signs.hours.len()), (HOUR, 0));
    assert!(signs.partial.as_ref().is_some_and(|why| why.starts_with("metrics-server tells of no kill")));
}
