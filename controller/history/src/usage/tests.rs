//! Slices in, summaries out: on every shelf, in any order, whatever was interrupted.

use kubeopt_model::usage::{OomKill, Signal, UsageSeries};
use kubeopt_model::{
    Bytes, ClusterName, ContainerId, ContainerName, ContainerUsage, Namespace, ObjectName, Timestamp, Window,
    WorkloadId, WorkloadKind,
};
use proptest::prelude::*;

use super::*;

mod points;
mod portable;
mod signals;

fn cluster() -> ClusterName {
    ClusterName::new("test").unwrap()
}

fn container(name: &str) -> ContainerId {
    let workload = WorkloadId {
        cluster: cluster(),
        namespace: Namespace::new("shop").unwrap(),
        kind: WorkloadKind::Deployment,
        name: ObjectName::new(name).unwrap(),
    };
    ContainerId { workload, container: ContainerName::new("main").unwrap() }
}

fn window(from_hour: i64, to_hour: i64) -> Window {
    Window { from_unix_s: from_hour * HOUR_S, to_unix_s: to_hour * HOUR_S }
}

fn series(name: &str, pod: &str, signal: Signal, points: Vec<(i64, f64)>) -> UsageSeries {
    UsageSeries { container: container(name), pod: pod.to_owned(), signal, points }
}

fn flat(name: &str, pod: &str, signal: Signal, hours: Window, value: f64) -> UsageSeries {
    let points =
        (hours.from_unix_s..hours.to_unix_s).step_by(STEP_S as usize).map(|at| (at, value)).collect();
    series(name, pod, signal, points)
}

async fn append(store: &dyn UsageStore, window: Window, all: &[UsageSeries]) {
    append_partial(store, window, all, None).await;
}

async fn append_partial(store: &dyn UsageStore, window: Window, all: &[UsageSeries], partial: Option<&str>) {
    let mut rollup = store.begin(&cluster(), window);
    all.iter().for_each(|series| rollup.add(series.clone()));
    store.append(rollup, partial.map(str::to_owned)).await.unwrap();
}

async fn usage(store: &dyn UsageStore, window: Window) -> Vec<ContainerUsage> {
    store.usage(&cluster(), window, None).await.unwrap()
}

/// Runs a part of the contract on every implementation.
async fn stores(test: impl AsyncFn(&dyn UsageStore)) {
    let folder = tempfile::tempdir().unwrap();
    test(&ParquetUsage::open(folder.path().join("history")).unwrap()).await;
    test(&MemoryUsage::default()).await;
}

#[tokio::test]
async fn a_window_is_summed_up_per_container() {
    stores(async |store| {
        let day = window(0, 24);
        let kill = |hour: i64| OomKill {
            container: container("api"),
            at_unix_s: hour * HOUR_S,
            limit: Some(Bytes(1 << 30)),
        };
        let all = [
            flat("api", "api-a", Signal::CpuMillicores, day, 200.0),
            flat("api", "api-b", Signal::CpuMillicores, window(0, 12), 100.0),
            flat("api", "api-a", Signal::MemoryBytes, day, 5e8),
            series("api", "api-a", Signal::ThrottledRatio, vec![(0, 0.5), (HOUR_S, 0.1)]),
            series("api", "api-a", Signal::CpuMillicores, vec![(-5, 9e9), (5 * HOUR_S, f64::NAN)]),
        ];
        append(store, day, &all).await;
        let peak = series("api", "api-a", Signal::CpuMillicores, vec![(24 * HOUR_S + 600, 900.0)]);
        append(store, window(24, 25), &[peak]).await;
        for kills in [vec![kill(3), kill(200)], vec![kill(3)]] {
            store.remember_oom_kills(&cluster(), &kills).await.unwrap();
        }

        let all = usage(store, window(0, 25)).await;
        let [api] = all.as_slice() else { panic!("{all:?}") };
        let cpu = api.cpu.as_ref().unwrap();
        assert_eq!((cpu.max, cpu.max_at_unix_s), (900.0, 24 * HOUR_S + 600));
        assert_eq!(cpu.sketch.count(), 288 + 144 + 1);
        assert_eq!((cpu.coverage.have, cpu.coverage.expected), (433, 288 + 2 + 144 + 1));
        assert!((cpu.sketch.quantile(0.9).unwrap() - 200.0).abs() < 2.1);
        assert_eq!(api.memory.as_ref().unwrap().max, 5e8);
        assert_eq!((api.pods, api.oom_kills.as_slice()), (2, &[kill(3)][..]));
        assert!((api.throttled_ratio.unwrap() - 0.3).abs() < 1e-9);
        assert_eq!(api.seen, Window { from_unix_s: 0, to_unix_s: 24 * HOUR_S + 900 });
        let hours: Vec<_> = api.cpu_hours.iter().collect();
        assert_eq!((hours.len(), hours[24].max, hours[24].at_unix_s), (25, 900.0, 24 * HOUR_S));
        assert!((hours[0].p95 - 200.0).abs() < 2.1 && api.partial.is_none());
        assert!((api.replica_hours - f64::from(288 + 3 + 144) / 12.0).abs() < 0.1, "{}", api.replica_hours);
    })
    .await;
}

#[tokio::test]
async fn a_day_knows_its_samples_what_is_missing_of_it_and_whether_all_of_it_was_read() {
    stores(async |store| {
        // A pod that is not seen from 20:00 until 06:00 of the next day, and one that ends at noon.
        let cpu = |pod, hours| flat("api", pod, Signal::CpuMillicores, hours, 200.0);
        let first = [cpu("api-a", window(0, 20)), cpu("api-b", window(0, 12))];
        append(store, window(0, 24), &first).await;
        append(store, window(24, 48), &[cpu("api-a", window(30, 48))]).await;
        append_partial(store, window(48, 72), &[cpu("api-a", window(48, 72))], Some("a gap")).await;
        append(store, window(72, 80), &[cpu("api-a", window(72, 80))]).await;
        let all = usage(store, window(0, 80)).await;
        let days = &all[0].cpu.as_ref().unwrap().days;
        let told: Vec<(u64, u64, bool)> =
            days.iter().map(|day| (day.coverage.have, day.coverage.expected, day.partial)).collect();
        let hours = |count: u64| count * 12;
        assert_eq!(
            told,
            [
                (hours(32), hours(36), false),
                (hours(18), hours(24), false),
                (hours(24), hours(24), true),
                (hours(8), hours(8), true),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn a_pod_of_minutes_does_not_speak_for_the_workload() {
    let store = MemoryUsage::default();
    let day = window(0, 24);
    let short = series("api", "api-b", Signal::CpuMillicores, vec![(HOUR_S, 2000.0)]);
    append(&store, day, &[flat("api", "api-a", Signal::CpuMillicores, day, 100.0), short]).await;
    let cpu = usage(&store, day).await.remove(0).cpu.unwrap();
    assert!(cpu.sketch.quantile(0.98).unwrap() < 102.0);
    assert_eq!(cpu.max, 2000.0);
}

#[tokio::test]
async fn reading_a_slice_again_changes_nothing() {
    stores(async |store| {
        let all = [
            flat("api", "a", Signal::CpuMillicores, window(0, 30), 100.0),
            flat("web", "w", Signal::MemoryBytes, window(3, 9), 7e7),
        ];
        append(store, window(0, 30), &all).await;
        let once = usage(store, window(0, 30)).await;
        append(store, window(0, 30), &all).await;
        append(store, window(4, 6), &all).await;
        assert_eq!(usage(store, window(0, 30)).await, once);
        assert_eq!(once.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_hour_read_again_with_less_stays_as_it_is() {
    stores(async |store| {
        let pod =
            |pod: &str, hours: Window, value: f64| flat("api", pod, Signal::CpuMillicores, hours, value);
        let append = async |hours: Window, all: &[UsageSeries], partial: Option<&str>| {
            let mut rollup = store.begin(&cluster(), hours);
            all.iter().for_each(|series| rollup.add(series.clone()));
            store.append(rollup, partial.map(str::to_owned)).await.unwrap()
        };
        let both = window(0, 2);
        assert_eq!(append(both, &[pod("a", both, 1.0), pod("b", both, 1.0)], None).await, 0);
        let before = usage(store, both).await;
        let points = store.points(&cluster(), None, both).await.unwrap();
        // A pod is not known any more, a part of the readings is gone, all of them are.
        let part = pod("b", Window { from_unix_s: 0, to_unix_s: HOUR_S / 2 }, 7.0);
        for less in [vec![pod("b", both, 7.0)], vec![pod("a", window(0, 1), 7.0), part], Vec::new()] {
            assert_eq!(append(both, &less, None).await, 2);
            assert_eq!(append(window(0, 1), &less, Some("the store warned")).await, 1);
            assert_eq!(usage(store, both).await, before);
        }
        // An hour with less, one with as much and one that is new: each as it is.
        let other = [pod("a", window(1, 2), 5.0), pod("b", window(1, 2), 5.0), pod("a", window(2, 3), 5.0)];
        assert_eq!(append(window(0, 3), &other, None).await, 1);
        let after = usage(store, window(0, 3)).await.remove(0);
        let by_hour: Vec<f64> = after.cpu_hours.iter().map(|hour| hour.max).collect();
        assert_eq!((by_hour, after.cpu.unwrap().sketch.count()), (vec![1.0, 5.0, 5.0], 60));
        let first = |points: &[kubeopt_model::usage::ContainerPoints]| points[0].cpu[..12].to_vec();
        let now = store.points(&cluster(), None, window(0, 3)).await.unwrap();
        assert_eq!((first(&now), now[0].cpu.len()), (first(&points), 36));
    })
    .await;
}

#[tokio::test]
async fn an_incomplete_hour_gives_way_to_a_complete_one_with_less() {
    let store = MemoryUsage::default();
    let hour = window(0, 1);
    let pod = |pod: &str, value: f64| flat("api", pod, Signal::CpuMillicores, hour, value);
    append_partial(&store, hour, &[pod("a", 1.0), pod("b", 1.0)], Some("a store was down")).await;
    append(&store, hour, &[pod("a", 2.0)]).await;
    let usage = usage(&store, hour).await.remove(0);
    assert_eq!((usage.partial, usage.cpu.unwrap().max), (None, 2.0));
}

#[tokio::test]
async fn asks_for_some_containers_of_part_of_a_window() {
    stores(async |store| {
        let day = window(0, 24);
        let all = [
            flat("api", "a", Signal::CpuMillicores, day, 1.0),
            flat("web", "w", Signal::CpuMillicores, day, 0.0),
        ];
        append(store, day, &all).await;
        let found = store.usage(&cluster(), window(10, 12), Some(&[container("web")])).await.unwrap();
        assert_eq!(found.len(), 1);
        let cpu = found[0].cpu.as_ref().unwrap();
        assert_eq!((cpu.sketch.zeros(), cpu.max, found[0].cpu_hours.len()), (24, 0.0, 2));
        assert!(store.usage(&ClusterName::new("other").unwrap(), day, None).await.unwrap().is_empty());
        assert!(store.usage(&cluster(), window(30, 40), None).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn incomplete_hours_are_read_again_but_not_for_ever() {
    let store = MemoryUsage::default();
    let hours = window(0, 2);
    let all = [flat("api", "a", Signal::CpuMillicores, hours, 1.0)];
    for reads in 1..=3 {
        append_partial(&store, hours, &all, Some("a store was down")).await;
        let covered = store.covered(&cluster()).await.unwrap();
        assert_eq!(missing(window(0, 2), &covered).is_empty(), reads == 3);
    }
    assert_eq!(usage(&store, hours).await[0].partial.as_deref(), Some("a store was down"));
    append(&store, hours, &all).await;
    assert_eq!(usage(&store, hours).await[0].partial, None);
}

#[tokio::test]
async fn a_gap_makes_the_window_partial() {
    let store = MemoryUsage::default();
    let all = [flat("api", "a", Signal::CpuMillicores, window(0, 30), 1.0)];
    append(&store, window(0, 5), &all).await;
    assert_eq!(usage(&store, window(0, 48)).await[0].partial, None);
    append(&store, window(26, 30), &all).await;
    assert_eq!(
        usage(&store, window(0, 48)).await[0].partial.as_deref(),
        Some("21 hours of the window have not been read yet")
    );
    assert_eq!(store.covered(&cluster()).await.unwrap(), [window(0, 5), window(26, 30)]);
}

#[tokio::test]
async fn hours_that_the_ledger_does_not_name_do_not_count() {
    // A kill between the tables and the ledger: the new tables are there, the old ledger too.
    let folder = tempfile::tempdir().unwrap();
    let store = ParquetUsage::open(folder.path()).unwrap();
    let all = [flat("api", "a", Signal::CpuMillicores, window(0, 2), 1.0)];
    append(&store, window(0, 1), &all).await;
    let ledger = folder.path().join("test/1970-01-01.json");
    let before = std::fs::read(&ledger).unwrap();
    let once = usage(&store, window(0, 24)).await;
    append(&store, window(1, 2), &all).await;
    let both = usage(&store, window(0, 24)).await;
    std::fs::write(&ledger, before).unwrap();
    assert_eq!(usage(&store, window(0, 24)).await, once);
    assert_eq!(store.covered(&cluster()).await.unwrap(), [window(0, 1)]);
    append(&store, window(1, 2), &all).await;
    assert_eq!(usage(&store, window(0, 24)).await, both);
}

#[tokio::test]
async fn damaged_files_are_set_aside_and_their_hours_read_again() {
    for (name, bytes) in [
        ("1970-01-01.bins.parquet", &b"PAR1 nonsense PAR1"[..]),
        ("1970-01-01.pods.parquet", b""),
        ("1970-01-01.json", b"{\"version\":99}"),
        ("1970-01-01.points.parquet", b"PAR1 nonsense PAR1"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let store = ParquetUsage::open(folder.path()).unwrap();
        let all = [flat("api", "a", Signal::CpuMillicores, window(0, 48), 1.0)];
        append(&store, window(0, 48), &all).await;
        std::fs::write(folder.path().join("test").join(name), bytes).unwrap();
        // As long as there is a digest, nobody reads the tables.
        std::fs::remove_file(folder.path().join("test/1970-01-01.digest.parquet")).unwrap();
        store.points(&cluster(), None, window(0, 24)).await.unwrap();
        let found = usage(&store, window(0, 48)).await;
        assert_eq!(found[0].cpu.as_ref().unwrap().sketch.count(), 288, "{name}");
        let problems = store.take_problems();
        assert!(problems.len() == 1 && problems[0].code == "E-HIS-002", "{name}: {problems:?}");
        let covered = store.covered(&cluster()).await.unwrap();
        assert_eq!(missing(window(0, 48), &covered), [window(0, 24)]);
        append(&store, window(0, 24), &all).await;
        assert_eq!(usage(&store, window(0, 48)).await[0].cpu.as_ref().unwrap().sketch.count(), 576);
        assert!(folder.path().join("test/1970-01-01.json.damaged").exists());
    }
}

#[tokio::test]
async fn a_digest_that_is_missing_damaged_or_outdated_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = ParquetUsage::open(folder.path()).unwrap();
    let day = window(0, 24);
    let all = |value: f64| {
        [
            flat("api", "a", Signal::CpuMillicores, day, value),
            series("api", "a", Signal::ThrottledRatio, vec![(0, 0.5), (HOUR_S, 0.1)]),
            flat("web", "w", Signal::MemoryBytes, day, 7e7),
        ]
    };
    append(&store, day, &all(1.0)).await;
    let file = folder.path().join("test/1970-01-01.digest.parquet");
    let whole = std::fs::read(&file).unwrap();
    let once = usage(&store, day).await;
    for damaged in [None, Some(&b"PAR1 nonsense PAR1"[..]), Some(&whole[..whole.len() / 2]), Some(b"")] {
        std::fs::remove_file(&file).unwrap();
        if let Some(bytes) = damaged {
            std::fs::write(&file, bytes).unwrap();
        }
        assert_eq!(usage(&store, day).await, once);
        assert_eq!(std::fs::read(&file).unwrap(), whole);
    }
    append(&store, window(3, 4), &all(2.0)).await;
    assert!(!file.exists(), "an hour was replaced");
    let twice = usage(&store, day).await;
    std::fs::write(&file, whole).unwrap();
    assert_eq!(usage(&store, day).await, twice);
    assert_eq!(twice[0].cpu.as_ref().unwrap().max, 2.0);
    assert!(store.take_problems().is_empty());
}

#[tokio::test]
async fn hours_that_come_one_by_one_are_segments_and_at_the_end_of_the_day_one() {
    let folder = tempfile::tempdir().unwrap();
    let (one, many) = (MemoryUsage::default(), ParquetUsage::open(folder.path()).unwrap());
    let all: Vec<UsageSeries> = (0..3)
        .map(|pod| {
            flat("api", &format!("pod-{pod}"), Signal::CpuMillicores, window(0, 24), f64::from(pod) * 10.0)
        })
        .collect();
    append(&one, window(0, 24), &all).await;
    let files = || {
        let files = std::fs::read_dir(folder.path().join("test")).unwrap();
        let mut names: Vec<String> =
            files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name.contains("bins"));
        names.sort();
        names
    };
    for hour in 0..24 {
        append(&many, window(hour, hour + 1), &all).await;
        assert!(files().len() <= 12, "{:?}", files());
        let hours = usage(&many, window(0, 24)).await.remove(0).cpu_hours;
        assert_eq!(hours.len() as i64, hour + 1);
        if hour == 1 {
            assert_eq!(files(), ["1970-01-01.bins.1.parquet", "1970-01-01.bins.parquet"]);
        }
    }
    assert_eq!(files(), ["1970-01-01.bins.23.parquet"]);
    for part in [window(0, 24), window(5, 20)] {
        assert_eq!(usage(&many, part).await, usage(&one, part).await);
        let points = many.points(&cluster(), None, part).await.unwrap();
        assert_eq!(points, one.points(&cluster(), None, part).await.unwrap());
    }
}

#[tokio::test]
async fn a_day_of_the_version_before_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = ParquetUsage::open(folder.path()).unwrap();
    let all = [flat("api", "a", Signal::CpuMillicores, window(0, 3), 1.0)];
    append(&store, window(0, 2), &all).await;
    let once = usage(&store, window(0, 24)).await;
    std::fs::remove_file(folder.path().join("test/1970-01-01.digest.parquet")).unwrap();
    let path = folder.path().join("test/1970-01-01.json");
    let mut ledger: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    ledger["version"] = 1.into();
    ledger.as_object_mut().unwrap().remove("writes");
    for state in ledger["hours"].as_object_mut().unwrap().values_mut() {
        state.as_object_mut().unwrap().remove("segment");
    }
    std::fs::write(&path, ledger.to_string()).unwrap();
    assert_eq!(usage(&store, window(0, 24)).await, once);
    append(&store, window(2, 3), &all).await;
    assert_eq!(usage(&store, window(0, 24)).await[0].cpu.as_ref().unwrap().sketch.count(), 36);
    assert!(store.take_problems().is_empty());
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_a_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history");
    std::fs::write(&path, "a file").unwrap();
    let error = ParquetUsage::open(&path).unwrap_err();
    assert!(error.code() == "E-HIS-001" && error.to_string().contains("history"), "{error}");
    std::fs::remove_file(&path).unwrap();
    let store = ParquetUsage::open(&path).unwrap();
    std::fs::write(path.join("test"), "a file where a folder shall be").unwrap();
    let mut rollup = store.begin(&cluster(), window(0, 1));
    rollup.add(flat("api", "a", Signal::CpuMillicores, window(0, 1), 1.0));
    assert_eq!(store.append(rollup, None).await.unwrap_err().code(), "E-HIS-001");
}

#[tokio::test]
async fn days_beyond_retention_are_removed() {
    stores(async |store| {
        for day in [0, 1, 2] {
            let hours = window(day * 24, day * 24 + 1);
            append(store, hours, &[flat("api", "a", Signal::CpuMillicores, hours, 1.0)]).await;
        }
        let now = Timestamp::from_second((RETENTION_DAYS + 1) * DAY_S + 5).unwrap();
        assert_eq!(store.prune(&cluster(), now).await.unwrap(), 1);
        let covered = store.covered(&cluster()).await.unwrap();
        assert_eq!(covered, [window(24, 25), window(48, 49)]);
    })
    .await;
}

#[tokio::test]
async fn slices_lie_on_whole_hours() {
    let store = MemoryUsage::default();
    for bad in [
        Window { from_unix_s: 0, to_unix_s: 1800 },
        Window { from_unix_s: 60, to_unix_s: 3600 },
        window(1, 1),
    ] {
        let rollup = store.begin(&cluster(), bad);
        assert_eq!(store.append(rollup, None).await.unwrap_err().code(), "E-HIS-004");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn slices_in_any_order_and_cut_give_the_same(
        values in proptest::collection::vec((0_usize..3, 0_i64..576, 0.0_f64..1e4), 1..200),
        order in Just((0_i64..8).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        // 48 hours in one go, against eight slices of six hours in any order.
        let mut all: Vec<UsageSeries> =
            (0..3).map(|pod| series(["api", "api", "web"][pod], &format!("pod-{pod}"), Signal::CpuMillicores, vec![])).collect();
        for (pod, step, value) in values {
            all[pod].points.push((step * STEP_S, value));
        }
        for series in &mut all {
            series.points.sort_by_key(|(at, _)| *at);
            series.points.dedup_by_key(|(at, _)| *at);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (whole, parts) = runtime.block_on(async {
            let (one, many) = (MemoryUsage::default(), MemoryUsage::default());
            append(&one, window(0, 48), &all).await;
            for part in &order {
                append(&many, window(part * 6, part * 6 + 6), &all).await;
            }
            (usage(&one, window(0, 48)).await, usage(&many, window(0, 48)).await)
        });
        let samples: u64 = all.iter().map(|series| series.points.len() as u64).sum();
        prop_assert_eq!(whole.iter().map(|found| found.cpu.as_ref().unwrap().sketch.count()).sum::<u64>(), samples);
        prop_assert_eq!(whole, parts);
    }
}
