//! 5-minute points beside the hours: means and maxima over pods, their retention, and what they take.

use kubeopt_model::usage::ContainerPoints;

use super::*;

async fn points(store: &dyn UsageStore, window: Window) -> Vec<ContainerPoints> {
    store.points(&cluster(), None, window).await.unwrap()
}

#[tokio::test]
async fn points_are_the_mean_of_pods_for_cpu_the_highest_for_memory_and_hours_for_restarts() {
    stores(async |store| {
        let all = [
            flat("api", "a", Signal::CpuMillicores, window(0, 30), 100.0),
            flat("api", "b", Signal::CpuMillicores, window(0, 6), 300.0),
            flat("api", "a", Signal::MemoryBytes, window(0, 30), 1e8),
            flat("api", "b", Signal::MemoryBytes, window(0, 6), 3e8),
            series("web", "w", Signal::CpuMillicores, vec![(900, 0.0), (HOUR_S, f64::NAN)]),
            series("api", "a", Signal::Restarts, vec![(5 * HOUR_S, 1.0), (25 * HOUR_S, 2.0)]),
            series("api", "b", Signal::Restarts, vec![(5 * HOUR_S, 3.0), (6 * HOUR_S, 0.0)]),
        ];
        append(store, window(0, 24), &all).await;
        append(store, window(24, 30), &all).await;
        // The same slice again, and a part of it.
        append(store, window(24, 30), &all).await;
        append(store, window(3, 4), &all).await;

        let found = points(store, window(0, 30)).await;
        let [api, web] = found.as_slice() else { panic!("{found:?}") };
        let close = |got: f64, want: f64| (got - want).abs() <= want * POINT_ERROR;
        assert_eq!((api.cpu.len(), api.memory.len()), (360, 360));
        assert!(api.cpu.windows(2).all(|pair| pair[0].0 + STEP_S == pair[1].0));
        for (n, (cpu, memory)) in api.cpu.iter().zip(&api.memory).enumerate() {
            let both = n < 72;
            assert!(close(cpu.1, if both { 200.0 } else { 100.0 }), "{n}: {cpu:?}");
            assert!(close(memory.1, if both { 3e8 } else { 1e8 }), "{n}: {memory:?}");
        }
        assert_eq!((web.cpu.as_slice(), web.memory.as_slice()), (&[(900, 0.0)][..], &[][..]));

        assert_eq!(
            (api.restarts.as_slice(), web.restarts.as_slice()),
            (&[5 * HOUR_S, 25 * HOUR_S][..], &[][..])
        );

        let part = Window { from_unix_s: 23 * HOUR_S + 600, to_unix_s: 24 * HOUR_S + 600 };
        let some = store.points(&cluster(), Some(&[container("api")]), part).await.unwrap();
        assert_eq!((some.len(), some[0].cpu.len()), (1, 12));
        assert_eq!(some[0].cpu[0].0, part.from_unix_s);
    })
    .await;
}

#[tokio::test]
async fn points_reach_back_fourteen_days_and_hours_further() {
    let folder = tempfile::tempdir().unwrap();
    let store = ParquetUsage::open(folder.path()).unwrap();
    for day in 0..20 {
        let hours = window(day * 24, day * 24 + 24);
        append(&store, hours, &[flat("api", "a", Signal::CpuMillicores, hours, 1.0)]).await;
    }
    let days_with_points = || {
        let files = std::fs::read_dir(folder.path().join("test")).unwrap();
        files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().contains("points")).count()
    };
    assert_eq!(days_with_points(), POINT_DAYS as usize + 1);
    assert_eq!(points(&store, window(0, 480)).await[0].cpu.len(), 288 * (POINT_DAYS as usize + 1));
    assert_eq!(usage(&store, window(0, 480)).await[0].cpu.as_ref().unwrap().sketch.count(), 288 * 20);
    let now = Timestamp::from_second(21 * DAY_S + 5).unwrap();
    assert_eq!(store.prune(&cluster(), now).await.unwrap(), 0);
    assert_eq!(days_with_points(), 13);
}

#[tokio::test]
async fn a_day_without_its_points_still_tells_its_hours() {
    // As an earlier version left it.
    let folder = tempfile::tempdir().unwrap();
    let store = ParquetUsage::open(folder.path()).unwrap();
    let all = [flat("api", "a", Signal::CpuMillicores, window(0, 3), 1.0)];
    append(&store, window(0, 2), &all).await;
    std::fs::remove_file(folder.path().join("test/1970-01-01.points.parquet")).unwrap();
    append(&store, window(2, 3), &all).await;
    assert_eq!(usage(&store, window(0, 3)).await[0].cpu.as_ref().unwrap().sketch.count(), 36);
    assert_eq!(points(&store, window(0, 3)).await[0].cpu.len(), 12);
    assert!(store.take_problems().is_empty());
}

#[tokio::test]
async fn points_take_about_two_bytes_each_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = ParquetUsage::open(folder.path()).unwrap();
    let day = window(0, 24);
    let mut seed = 1_u64;
    let mut noise = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as f64 / f64::from(u32::MAX >> 1)
    };
    let all: Vec<UsageSeries> = (0..200)
        .map(|n| {
            let points = (0..288).map(|step| (step * STEP_S, 200.0 + 100.0 * noise())).collect();
            series(&format!("app-{n}"), "a", Signal::CpuMillicores, points)
        })
        .collect();
    append(&store, day, &all).await;
    let bytes = std::fs::metadata(folder.path().join("test/1970-01-01.points.parquet")).unwrap().len();
    let each = bytes as f64 / (200.0 * 288.0);
    assert!(each < 2.3, "{each} bytes");
}
