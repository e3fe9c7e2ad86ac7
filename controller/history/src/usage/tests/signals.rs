//! Starts, restarts and pressure beside usage.

use kubeopt_model::Coverage;
use kubeopt_model::usage::{CpuPeak, SeenByNodes, Startup, Strain};

use super::*;

#[tokio::test]
async fn a_start_is_kept_apart_and_counts_as_time_of_the_pod() {
    stores(async |store| {
        let day = window(0, 24);
        let (start, rest) = (window(0, 1), window(1, 24));
        let mut steady = flat("api", "a", Signal::CpuMillicores, rest, 100.0);
        // A restart in the middle.
        steady.points.retain(|(at, _)| *at != 12 * HOUR_S);
        let all = [
            flat("api", "a", Signal::CpuStartupMillicores, start, 2000.0),
            series("api", "a", Signal::CpuStartupMillicores, vec![(12 * HOUR_S, 1500.0)]),
            steady,
            flat("api", "a", Signal::MemoryBytes, day, 1e8),
            series("api", "a", Signal::MemoryStartupBytes, vec![(0, 9e7)]),
            series("api", "a", Signal::Restarts, vec![(12 * HOUR_S, 1.0), (20 * HOUR_S, 2.0)]),
            series("api", "b", Signal::Restarts, vec![(12 * HOUR_S, 1.0)]),
            series("api", "a", Signal::CpuPressure, vec![(0, 0.2), (HOUR_S, 0.4)]),
        ];
        append(store, day, &all).await;
        let found = usage(store, day).await.remove(0);
        let cpu = found.cpu.as_ref().unwrap();
        assert_eq!((cpu.max, cpu.sketch.count()), (100.0, 275));
        assert_eq!((cpu.coverage.have, cpu.coverage.expected), (288, 288));
        assert_eq!(cpu.days.len(), 1);
        assert_eq!(found.startup, Startup { cpu_max: Some(2000.0), memory_max: Some(9e7) });
        let pressure = found.strain.cpu_pressure.unwrap();
        assert!((pressure - 0.3).abs() < 1e-9);
        assert_eq!(found.strain, Strain { restarts: 4, cpu_pressure: Some(pressure), memory_pressure: None });
        assert_eq!((found.pods, found.replica_hours), (1, 24.0));
    })
    .await;
}

#[tokio::test]
async fn pods_weigh_as_long_as_they_live() {
    // Twenty pods of five minutes each, beside one of a day: 20 samples of 288 + 20.
    let store = MemoryUsage::default();
    let day = window(0, 24);
    let mut all = vec![flat("api", "long", Signal::CpuMillicores, day, 100.0)];
    all.extend(
        (0..20)
            .map(|n| series("api", &format!("short-{n}"), Signal::CpuMillicores, vec![(n * HOUR_S, 2000.0)])),
    );
    append(&store, day, &all).await;
    let found = usage(&store, day).await.remove(0);
    let cpu = found.cpu.as_ref().unwrap();
    assert!((cpu.sketch.share_above(1000.0) - 20.0 / 308.0).abs() < 1e-9);
    assert!((found.replica_hours - 308.0 / 12.0).abs() < 1e-9);
}

#[tokio::test]
async fn the_pods_of_a_daemon_set_are_told_apart() {
    let mut node_agent = container("agent");
    node_agent.workload.kind = WorkloadKind::DaemonSet;
    let of = |pod: &str, signal, hours, value| {
        let series = flat("agent", pod, signal, hours, value);
        UsageSeries { container: node_agent.clone(), ..series }
    };
    stores(async |store| {
        let all = [
            of("a", Signal::MemoryBytes, window(0, 48), 1e8),
            of("b", Signal::MemoryBytes, window(0, 30), 2e8),
            of("b", Signal::MemoryBytes, window(30, 48), 9e8),
            of("a", Signal::CpuMillicores, window(0, 48), 50.0),
        ];
        append(store, window(0, 48), &all).await;
        let found = usage(store, window(0, 48)).await.remove(0);
        let of = |pod: &str| {
            let peak = found
                .pod_peaks
                .iter()
                .find(|peak| peak.pod == pod_id(&container("x").workload.namespace, pod));
            peak.map(|peak| (peak.cpu_max, peak.memory_max))
        };
        assert_eq!(of("a"), Some((Some(50.0), Some(1e8))));
        assert_eq!(of("b"), Some((None, Some(9e8))));
        assert_eq!(found.pod_peaks.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_node_agents_told_stands_beside_usage_and_changes_none_of_it() {
    stores(async |store| {
        let day = window(0, 24);
        let usual = [
            flat("api", "a", Signal::CpuMillicores, day, 200.0),
            flat("api", "b", Signal::CpuMillicores, window(0, 12), 100.0),
        ];
        append(store, day, &usual).await;
        let without = usage(store, day).await.remove(0);
        assert_eq!(without.nodes, None);

        let told = [
            flat("api", "a", Signal::CpuReadingMillicores, window(0, 12), 260.0),
            series("api", "a", Signal::CpuSecondMillicores, vec![(0, 700.0), (5 * HOUR_S + 300, 1900.0)]),
            series("api", "a", Signal::ThrottledSeconds, vec![(0, 2.5), (HOUR_S, 0.5)]),
        ];
        append(store, day, &[&usual[..], &told[..]].concat()).await;
        let mut with = usage(store, day).await.remove(0);
        let expected = SeenByNodes {
            steps: Coverage { have: 144, expected: 432 },
            reading: CpuPeak { millicores: 260.0, at_unix_s: 0 },
            second: Some(CpuPeak { millicores: 1900.0, at_unix_s: 5 * HOUR_S + 300 }),
            throttled_seconds: Some(3.0),
        };
        assert_eq!(with.nodes.take(), Some(expected));
        assert_eq!(with, without);
    })
    .await;
}

#[tokio::test]
async fn gpus_are_known_for_as_long_as_somebody_told_of_them() {
    stores(async |store| {
        let day = window(0, 24);
        // Two pods that nobody told of from six to twelve, and the second of which used another GPU.
        let told = |pod: &str, signal, value: f64| {
            let mut series = flat("api", pod, signal, day, value);
            series.points.retain(|(at, _)| !(6 * HOUR_S..12 * HOUR_S).contains(at));
            series
        };
        let all = [
            flat("api", "a", Signal::CpuMillicores, day, 100.0),
            flat("none", "a", Signal::CpuMillicores, day, 100.0),
            told("a", Signal::GpuBusy, 0.1),
            told("b", Signal::GpuBusy, 0.3),
            told("a", Signal::GpuBusyMax, 0.2),
            told("b", Signal::GpuBusyMax, 0.9),
            told("b", Signal::GpuMemory, 0.5),
        ];
        append(store, day, &all).await;
        let found = usage(store, day).await;
        let of = |name: &str| found.iter().find(|one| one.container.workload.name.as_str() == name).unwrap();
        let seen = of("api").gpus.unwrap();
        assert_eq!((seen.known_s, seen.busy_max, seen.memory_max), (18 * HOUR_S, 0.9, Some(0.5)));
        assert!((seen.busy_mean - 0.2).abs() < 1e-9, "{seen:?}");
        assert_eq!(of("none").gpus, None);
    })
    .await;
}
