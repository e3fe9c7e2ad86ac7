//! What nodes tell of GPUs: of their own pods only, whichever way these are named.

use kubeopt_model::agents::{GpuUser, NodeGpu};

use super::*;

fn gpu(node: &str, user: GpuUser, minutes: std::ops::Range<i64>, busy: (f64, f64)) -> NodeGpu {
    NodeGpu {
        node: node.to_owned(),
        id: "GPU-1".to_owned(),
        user,
        from_unix_ms: (TEN + minutes.start * 60) * 1000,
        to_unix_ms: (TEN + minutes.end * 60) * 1000,
        busy: Some(busy),
        memory_max: Some(0.25),
    }
}

fn named(pod: &str, container: &str) -> GpuUser {
    GpuUser::Named("shop".to_owned(), pod.to_owned(), container.to_owned())
}

#[tokio::test]
async fn a_gpu_is_its_users_by_cgroup_and_by_name() {
    for user in [GpuUser::Cgroup(cgroup("api-1", 'a')), named("api-1", "main")] {
        let spool = Spool::default();
        spool.put(hour(0), NodePart::Gpu(gpu("n1", user.clone(), 0..5, (0.1, 0.4))));
        spool.put(hour(0), NodePart::Gpu(gpu("n1", user, 5..6, (0.3, 0.3))));
        let (report, by_signal) = read(&spool.source(), hour(0), &showing("api-1", &['a'])).await;
        assert_eq!(by_signal[&Signal::GpuBusy], [(TEN, 0.1), (TEN + STEP_S, 0.3)]);
        assert_eq!(by_signal[&Signal::GpuBusyMax], [(TEN, 0.4), (TEN + STEP_S, 0.3)]);
        assert_eq!(by_signal[&Signal::GpuMemory], [(TEN, 0.25), (TEN + STEP_S, 0.25)]);
        assert_eq!((by_signal.len(), report.series), (3, 3));
    }
}

#[tokio::test]
async fn what_nobody_has_or_another_node_has_is_not_told() {
    let spool = Spool::default();
    for (node, user) in [
        ("n2", GpuUser::Cgroup(cgroup("api-1", 'a'))),
        ("n2", named("api-1", "main")),
        ("n1", named("api-1", "other")),
        ("n1", named("api-2", "main")),
        ("n1", named("api-1", "not/a name")),
        ("n1", GpuUser::Named("else".to_owned(), "api-1".to_owned(), "main".to_owned())),
        ("n1", GpuUser::Unknown),
    ] {
        spool.put(hour(0), NodePart::Gpu(gpu(node, user, 0..5, (0.1, 0.4))));
    }
    // Of the future.
    let ahead = NodeGpu { to_unix_ms: i64::MAX, ..gpu("n1", named("api-1", "main"), 0..5, (0.1, 0.4)) };
    spool.put(hour(0), NodePart::Gpu(ahead));
    let source = spool.source();
    let (report, by_signal) = read(&source, hour(0), &showing("api-1", &['a'])).await;
    assert_eq!((by_signal, report.misplaced_samples), (BySignal::new(), 1));
    assert_eq!(source.counts().other_node, 2, "by its cgroup, and by its names");
}

#[tokio::test]
async fn beside_a_server_gpus_are_told_however_little_is_known_of_the_hour() {
    let spool = Spool::default();
    spool.put(hour(0), NodePart::Gpu(gpu("n1", named("api-1", "main"), 0..5, (0.1, 0.4))));
    let source = spool.source().beside(Box::new(RecordedMetrics::default()));
    let (_, by_signal) = read(&source, hour(0), &showing("api-1", &['a'])).await;
    assert_eq!(by_signal[&Signal::GpuBusy], [(TEN, 0.1)]);
}
