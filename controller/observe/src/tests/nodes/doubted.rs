//! What is not there any more, cannot be read, or cannot be: it is counted, and the rest is as it would be without it.

use kubeopt_model::cluster::{Node, NodeMachine};
use kubeopt_model::workload::ResourceList;
use kubeopt_model::{MilliCores, Problem};

use super::*;
use crate::nodes::NodeCounts;

#[tokio::test]
async fn an_hour_that_goes_before_it_is_read_is_counted_and_the_others_are_read() {
    let spool = Spool::default();
    let source = spool.source();
    let owners = showing("api-1", &['a']);
    for n in [0, 1] {
        spool.put(hour(n), series(cgroup("api-1", 'a'), readings(hour(n), 0..3600, |_| 100)));
    }
    let both = Window { to_unix_s: hour(1).to_unix_s, ..hour(0) };
    assert_eq!(source.reach(at(both.to_unix_s)).await.unwrap(), Reach::Sampled(vec![both]));
    spool.remove(hour(0));
    let (report, by_signal) = read(&source, both, &owners).await;
    assert_eq!((by_signal[&Signal::CpuMillicores].len(), report.unread), (12, None));
    assert_eq!(source.counts(), NodeCounts { gone_hours: 1, ..NodeCounts::default() });
    source.reach(at(both.to_unix_s)).await.unwrap();
    assert_eq!(source.counts().gone_hours, 1, "it is told once");
}

#[tokio::test]
async fn an_hour_that_cannot_be_read_gives_nothing_and_is_tried_some_times() {
    let spool = Spool::default();
    let source = spool.source();
    let owners = showing("api-1", &['a']);
    let put = |n| spool.put(hour(n), series(cgroup("api-1", 'a'), readings(hour(n), 0..3600, |_| 100)));
    (0..3).for_each(put);
    spool.1.lock().unwrap().insert(TEN + HOUR_S);
    let all = Window { to_unix_s: hour(2).to_unix_s, ..hour(0) };
    let now = at(all.to_unix_s);
    let (report, by_signal) = read(&source, all, &owners).await;
    let steps: Vec<i64> =
        by_signal[&Signal::CpuMillicores].iter().map(|(at, _)| (at - TEN) / HOUR_S).collect();
    assert_eq!(steps, [[0; 12], [2; 12]].concat(), "no part of it stands for the hour");
    assert_eq!(report.unread, Some(Problem::new("E-X-1", "a bad disk".to_owned(), "mend it")));
    for times in 2..=3 {
        assert_eq!(source.reach(now).await.unwrap(), Reach::Sampled(vec![hour(1)]));
        assert_eq!(read(&source, hour(1), &owners).await.0.unread_hours, 1);
        assert_eq!(source.counts().unreadable_hours, times);
    }
    assert_eq!(source.reach(now).await.unwrap(), Reach::Sampled(vec![]), "not in each pass for ever");
    put(1);
    spool.1.lock().unwrap().clear();
    assert_eq!(source.reach(now).await.unwrap(), Reach::Sampled(vec![hour(1)]), "more of it came");
    assert_eq!(read(&source, hour(1), &owners).await.0.unread_hours, 0);
}

#[tokio::test]
async fn a_node_tells_only_of_pods_that_run_on_it() {
    let spool = Spool::default();
    let source = spool.source();
    let owners = showing("api-1", &['a', 'b']);
    spool.put(hour(0), series(cgroup("api-1", 'a'), readings(hour(0), 0..3600, |_| 100)));
    for container in ['a', 'b'] {
        let told = readings(hour(0), 0..3600, |_| 90_000);
        let mut told = series_of("n2", cgroup("api-1", container), told);
        (told.oom_kills, told.seen_unix_ms) = (1, Some(TEN * 1000 + 5));
        spool.put(hour(0), told);
    }
    for _ in 0..2 {
        let (report, by_signal) = read_kept(&source, &owners).await;
        let cpu = &by_signal[&Signal::CpuMillicores];
        assert_eq!(cpu.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [100.0; 12]);
        assert!(!by_signal.contains_key(&Signal::CpuStartupMillicores), "{by_signal:?}");
        assert_eq!((report.unowned_series, source.unresolved()), (0, 0));
        assert_eq!(source.oom_kills(hour(0), &owners).await.unwrap(), []);
        assert_eq!(source.counts().other_node, 2, "read again, each counts once");
    }
}

#[tokio::test]
async fn ids_that_are_made_up_take_no_memory() {
    let spool = Spool::default();
    let source = spool.source();
    let owners = showing("api-1", &['a']);
    let made_up = |n: usize| CgroupId { pod_uid: format!("{n}"), container_id: "c".repeat(64) };
    for n in 0..3000 {
        spool.put(hour(0), series(made_up(n), Vec::new()));
        spool.put(hour(0), series(made_up(n), readings(hour(5), 0..10, |_| 1)));
    }
    spool.put(hour(0), series(cgroup("api-1", 'a'), readings(hour(0), 0..600, |_| 100)));
    let (report, _) = read_kept(&source, &owners).await;
    assert_eq!((report.unowned_series, source.unresolved()), (0, 0), "they have no readings of the hour");
    (0..3000).for_each(|n| spool.put(hour(0), series(made_up(n), readings(hour(0), 0..10, |_| 1))));
    let other = series_of("n2", made_up(9), readings(hour(0), 0..10, |_| 1));
    spool.put(hour(0), other);
    let spelled = |uid: &str| CgroupId { pod_uid: uid.to_owned(), container_id: "C".repeat(64) };
    spool.put(hour(0), series_of("n2", spelled("-9"), readings(hour(0), 10..20, |_| 1)));
    let (report, by_signal) = read_kept(&source, &owners).await;
    assert_eq!((report.unowned_series, source.unresolved()), (1001, 1001), "a thousand of n1, and one of n2");
    assert_eq!(by_signal[&Signal::CpuMillicores].len(), 2);
}

/// A cluster that shows the node of the pod, with two cores and 1 GiB.
fn on_small_node() -> PodOwners {
    let mut facts = shown("api-1", &['a']);
    let capacity = ResourceList { cpu: Some(MilliCores(2000)), memory: Some(Bytes(1 << 30)) };
    facts.nodes.push(Node {
        name: "n1".to_owned(),
        instance_type: None,
        region: None,
        allocatable_cpu: MilliCores(1000),
        allocatable_memory: Bytes(1 << 29),
        schedulable: true,
        machine: NodeMachine { capacity, ..NodeMachine::default() },
    });
    PodOwners::from_facts(&facts)
}

#[tokio::test]
async fn no_container_uses_much_more_than_its_node_has() {
    let spool = Spool::default();
    let source = spool.source();
    let mut told = readings(hour(0), 0..600, |second| if second == 300 { 4001 } else { 100 });
    told[0].cpu_peak_millicores = Some(4001);
    told[1].cpu_peak_millicores = Some(1900);
    told[2].working_set_bytes = Some((2 << 30) + 1);
    told[3].cfs = Some(CfsPeriods { all: 100, throttled: 100, throttled_us: u64::MAX });
    spool.put(hour(0), series(cgroup("api-1", 'a'), told));
    let (report, by_signal) = read_kept(&source, &on_small_node()).await;
    assert_eq!(report.unusable_samples, 3, "a mean, a second, a working set");
    assert_eq!(by_signal[&Signal::CpuReadingMillicores], [(TEN, 100.0), (TEN + STEP_S, 100.0)]);
    assert_eq!(by_signal[&Signal::CpuSecondMillicores], [(TEN, 1900.0)]);
    assert_eq!(by_signal[&Signal::MemoryBytes], [(TEN, 1_048_576.0), (TEN + STEP_S, 1_048_576.0)]);
    assert_eq!(by_signal[&Signal::ThrottledSeconds], [(TEN, 20.0)], "two cores for ten seconds");
}

#[tokio::test]
async fn what_could_not_be_written_down_is_written_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("later").join("pods.json");
    let spool = Spool::default();
    let source = || NodeAgents::new(Box::new(spool.clone()), 2 * DAY_S, Some(file.clone()));
    let first = source();
    first.learn(&showing("api-1", &['a']), at(TEN)).await;
    assert!(!file.exists());
    std::fs::create_dir(folder.path().join("later")).unwrap();
    first.save().await;
    let written = std::fs::metadata(&file).unwrap().modified().unwrap();
    first.save().await;
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), written, "nothing is new");

    spool.put(hour(0), series(cgroup("api-1", 'a'), readings(hour(0), 0..600, |_| 100)));
    let (report, _) = read(&source(), hour(0), &PodOwners::default()).await;
    assert_eq!(report.unowned_series, 0, "the pod is known");
}
