//! What is sent is what happened: against the truth of the player, in every layout, and with hostile files.

use std::collections::BTreeMap;

use kubeopt_player::{Account, Container, Layout, Load, Player, Point, synthetic};
use kubeopt_proto::{Batch, ContainerSeries, FindingKind, NodeFinding};

use crate::controller::Controller;
use crate::drive::{BEGIN_MS, Drive, STEP_MS, on_one_thread};

fn by_container(batches: &[Batch]) -> BTreeMap<String, Vec<&ContainerSeries>> {
    let mut all: BTreeMap<String, Vec<&ContainerSeries>> = BTreeMap::new();
    for series in batches.iter().flat_map(|batch| &batch.containers) {
        all.entry(series.container_id.clone()).or_default().push(series);
    }
    all
}

fn sum(series: &[&ContainerSeries], list: impl Fn(&ContainerSeries) -> &Vec<u64>) -> u64 {
    series.iter().flat_map(|one| list(one)).sum()
}

#[test]
fn counters_add_up_to_the_truth_in_every_layout() {
    for layout in Layout::ALL {
        on_one_thread(async move {
            let mut drive = Drive::new(layout, 9);
            let controller = Controller::start(drive.path());
            drive.start(Some(&controller), &[]).await;
            drive.steps(1).await;
            let before: Vec<_> = (0..9).map(|at| *drive.player.account(at).unwrap()).collect();
            // Nine minutes of batches, the first of which begins with a step that has none before it.
            drive.steps(53).await;
            drive.until(|told| told.acknowledged_seq >= 9).await;
            let batches = controller.first_batches(9);
            assert_eq!(
                batches.iter().map(|batch| batch.seq).collect::<Vec<_>>(),
                (1..=9).collect::<Vec<_>>()
            );
            assert_eq!(batches[1].begin_unix_ms, BEGIN_MS + 6 * STEP_MS);
            let all = by_container(&batches);
            let truth = truth_after(layout, 54);
            for (at, container) in drive.player.containers().enumerate() {
                let series = &all[&container.container_id.to_string()];
                assert_eq!(series[0].pod_uid, container.pod_uid.to_string());
                assert_eq!(series.iter().map(|one| one.step.len()).sum::<usize>(), 53, "{layout:?}");
                assert!(series.iter().flat_map(|one| &one.span_ms).all(|span| *span == 10_000));
                let after = &truth[at];
                let used = sum(series, |one| &one.cpu_used_us);
                assert_eq!(used, after.cpu_used_us - before[at].cpu_used_us, "{layout:?}");
                if container.quota_millicores.is_some() {
                    let throttled = sum(series, |one| &one.cpu_throttled_us);
                    assert_eq!(throttled, after.cpu_throttled_us - before[at].cpu_throttled_us, "{layout:?}");
                }
                let kills: u32 = series.iter().map(|one| one.oom_kills).sum();
                assert_eq!(u64::from(kills), after.oom_kills - before[at].oom_kills);
                let last = *series[8].memory_working_set_bytes.last().unwrap();
                assert_eq!(last, after.working_set_bytes, "{layout:?}");
                assert_eq!(series[8].memory_limit_bytes, container.limit_bytes.unwrap_or(0));
                assert_eq!(series[8].cpu_quota_millicores, container.quota_millicores.unwrap_or(0));
                assert_eq!(series[0].seen_unix_ms, 0, "it was there before the agent");
            }
            drive.kill().await;
        });
    }
}

/// The truth after so many steps, of the same containers played again.
fn truth_after(layout: Layout, steps: u64) -> Vec<Account> {
    let folder = tempfile::tempdir().unwrap();
    let mut player = Player::new(folder.path(), layout, synthetic::containers(9, 7)).unwrap();
    player.advance(steps * STEP_MS).unwrap();
    (0..9).map(|at| *player.account(at).unwrap()).collect()
}

#[test]
fn a_peak_of_one_second_is_seen_where_the_mean_of_ten_hides_it() {
    on_one_thread(async {
        let (pod_uid, container_id) = synthetic::ids(1, 1);
        // A second of a whole core in ten seconds of a tenth, throttled at two cores now and then so that it is hot.
        let point = |from_ms: u64| Point {
            from_ms,
            cpu_millicores: 100,
            memory_bytes: 50 << 20,
            burst: Some((1000, 1000)),
        };
        let container = Container {
            pod_uid,
            container_id,
            quota_millicores: Some(900),
            limit_bytes: None,
            load: Load::Points((0..60).map(|step| point(step * STEP_MS)).collect()),
        };
        let mut drive = Drive::with(Layout::SystemdV2, vec![container]);
        let controller = Controller::start(drive.path());
        drive.start(Some(&controller), &[]).await;
        // Second by second: the tree must move too.
        for _ in 0..(4 * 60) {
            drive.advance(1000).await;
        }
        drive.until(|told| told.acknowledged_seq >= 4).await;
        let batches = controller.first_batches(4);
        let last = &batches[3].containers[0];
        let mean = last.cpu_used_us.iter().max().unwrap() / 10_000;
        assert!(mean < 250, "{mean}m");
        assert!(last.cpu_peak_millicores.iter().all(|peak| *peak >= 500), "{:?}", last.cpu_peak_millicores);
        assert!(last.cpu_throttled_us.iter().all(|time| *time > 0));
        drive.kill().await;
    });
}

#[test]
fn containers_come_go_and_begin_again() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::CgroupfsV2, 4);
        let controller = Controller::start(drive.path());
        drive.start(Some(&controller), &[]).await;
        drive.steps(7).await;
        drive.player.vanish(0).unwrap();
        drive.player.reset(1).unwrap();
        let (_, new_id) = synthetic::ids(99, 1);
        let old_id = drive.player.containers().nth(2).unwrap().container_id;
        drive.player.restart(2, new_id).unwrap();
        let told = drive.steps(18).await;
        assert_eq!(told.containers, 3);
        drive.until(|told| told.acknowledged_seq >= 4).await;
        let batches = controller.first_batches(4);
        let all = by_container(&batches);
        let gone = drive.player.containers().next().unwrap().container_id.to_string();
        assert!(all[&gone].len() <= 2, "it ends with the batch in which it went");
        assert!(all[&old_id.to_string()].len() <= 2);
        let new = &all[&new_id.to_string()];
        assert!(new[0].seen_unix_ms > BEGIN_MS, "it came after the agent");
        // What began again from zero told nothing that is not so: less than a whole machine's worth.
        let reset = drive.player.containers().nth(1).unwrap().container_id.to_string();
        assert!(all[&reset].iter().flat_map(|one| &one.cpu_used_us).all(|used| *used < 60_000_000));
        drive.kill().await;
    });
}

#[test]
fn hostile_files_are_counted_and_never_told() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::SystemdV2, 5);
        let controller = Controller::start(drive.path());
        let folders: Vec<_> = drive
            .player
            .containers()
            .map(|container| drive.cgroup().join(Layout::SystemdV2.folder(container).trim_start_matches('/')))
            .collect();
        drive.start(Some(&controller), &[]).await;
        drive.steps(5).await;
        let garbage: [&[u8]; 5] =
            [b"", b"usage_usec -5\n", b"\xff\xfe\x00usage_usec", &[b'9'; 4096], b"18446744073709551615\n"];
        for (folder, bytes) in folders.iter().zip(garbage) {
            for file in [
                "cpu.stat",
                "memory.current",
                "memory.stat",
                "memory.max",
                "cpu.max",
                "io.stat",
                "cpu.pressure",
            ] {
                std::fs::write(folder.join(file), bytes).unwrap();
            }
        }
        // The clock moves and the player does not: what is there stays there.
        drive.frozen_steps(13).await;
        drive.until(|told| told.acknowledged_seq >= 3).await;
        // The controller has checked each batch; no sample says more than a machine can do.
        for series in controller.batches().iter().flat_map(|batch| &batch.containers) {
            assert!(series.cpu_used_us.iter().all(|used| *used < 82_000_000_000), "{series:?}");
        }
        drive.kill().await;
    });
}

#[test]
fn kills_throttling_and_leaks_are_told_by_the_node() {
    on_one_thread(async {
        let (pod_uid, container_id) = synthetic::ids(3, 3);
        let point = |from_ms, cpu_millicores, memory_bytes| Point {
            from_ms,
            cpu_millicores,
            memory_bytes,
            burst: None,
        };
        let points =
            vec![point(0, 100, 40 << 20), point(120_000, 900, 40 << 20), point(900_000, 100, 90 << 20)];
        let container = Container {
            pod_uid,
            container_id,
            quota_millicores: Some(500),
            limit_bytes: Some(64 << 20),
            load: Load::Points(points),
        };
        let mut drive = Drive::with(Layout::SystemdV2, vec![container]);
        let controller = Controller::start(drive.path());
        drive.start(Some(&controller), &[]).await;
        drive.steps(6 * 17).await;
        drive.until(|told| told.acknowledged_seq >= 17).await;
        let findings: Vec<NodeFinding> =
            controller.batches().into_iter().flat_map(|batch| batch.findings).collect();
        let of = |kind: FindingKind| findings.iter().filter(|one| one.kind == i32::from(kind)).count();
        assert_eq!(of(FindingKind::Kill), 1, "{findings:?}");
        assert!(of(FindingKind::Saturation) >= 1, "{findings:?}");
        drive.kill().await;
    });
}
