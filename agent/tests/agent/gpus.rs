//! GPUs, from what a node's files and its exporter tell to what is sent.

use std::fs;

use kubeopt_player::Layout;
use kubeopt_player::gpus::{FakeCard, FakeExporter, FakeGpu, dcgm_page};
use kubeopt_proto::{Batch, GpuUse};

use crate::controller::Controller;
use crate::drive::{Drive, on_one_thread};

fn gpus(batches: &[Batch]) -> Vec<&GpuUse> {
    batches.iter().flat_map(|batch| &batch.gpus).collect()
}

/// Lets the agent go on until the controller has such a GPU.
async fn until_told(drive: &mut Drive, controller: &Controller, is_so: impl Fn(&GpuUse) -> bool) -> GpuUse {
    loop {
        // Enough for the agent to ask, and for a batch to end.
        drive.steps(6).await;
        let batches = controller.batches();
        if let Some(found) = gpus(&batches).into_iter().find(|gpu| is_so(gpu)) {
            return found.clone();
        }
    }
}

#[test]
fn cards_are_told_with_the_one_container_that_was_given_each() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::CgroupfsV1, 3);
        let sys = drive.path().join("sys");
        let card = |number, unique_id: Option<&str>, busy: &str| FakeCard {
            number,
            unique_id: unique_id.map(str::to_owned),
            busy_percent: busy.to_owned(),
            memory_bytes: (3 << 30, 16 << 30),
        };
        card(0, Some("4c1e2f0a9b7d3355"), "7\n").write(&sys).unwrap();
        card(1, None, "93\n").write(&sys).unwrap();
        card(2, Some("00000000"), "lots\n").write(&sys).unwrap();
        // What is there beside cards.
        fs::create_dir_all(sys.join("class/drm/card0-DP-1")).unwrap();
        fs::write(sys.join("class/drm/version"), "drm 1.1.0 20060810\n").unwrap();
        let lists = ["c 1:3 rwm\nc 226:128 rw\n", "c 226:129 rw\n", "c 226:129 rw\na *:* rwm\n"];
        let containers: Vec<_> = drive.player.containers().cloned().collect();
        for (container, list) in containers.iter().zip(lists) {
            let folder = drive
                .cgroup()
                .join("devices")
                .join(Layout::CgroupfsV1.folder(container).trim_start_matches('/'));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("devices.list"), list).unwrap();
        }
        let controller = Controller::start(drive.path());
        drive.start(Some(&controller), &[]).await;
        drive.steps(12).await;
        drive.until(|told| told.acknowledged_seq >= 2).await;
        let batches = controller.first_batches(2);
        let told = &batches[1].gpus;
        assert_eq!(told.len(), 3, "{told:?}");
        let of = |id: &str| told.iter().find(|gpu| gpu.id == id).unwrap_or_else(|| panic!("{id}: {told:?}"));
        let own = of("4c1e2f0a9b7d3355");
        assert_eq!((own.readings, own.busy_mean_permille, own.busy_max_permille), (6, 70, 70));
        assert_eq!((own.memory_used_max_bytes, own.memory_total_bytes), (3 << 30, 16 << 30));
        assert_eq!(own.pod_uid, containers[0].pod_uid.to_string());
        assert_eq!(own.container_id, containers[0].container_id.to_string());
        let shared = of("0000:04:00.0");
        assert_eq!((shared.busy_max_permille, shared.container_id.as_str()), (930, ""), "two were given it");
        let mute = of("0000:05:00.0");
        assert_eq!(
            (mute.readings, mute.memory_used_max_bytes),
            (0, 3 << 30),
            "what is no percentage is none"
        );
        drive.kill().await;
    });
}

#[test]
fn an_exporter_is_asked_and_what_is_no_answer_is_none() {
    on_one_thread(async {
        let gpu = |number, user: Option<&str>, busy_percent| FakeGpu {
            number,
            user: user.map(|pod| ("ml".to_owned(), pod.to_owned(), "main".to_owned())),
            busy_percent,
            memory_mib: (1024, 3072),
        };
        let exporter =
            FakeExporter::start(&dcgm_page(&[gpu(0, Some("train-0"), 4), gpu(1, None, 0)])).unwrap();
        let mut drive = Drive::new(Layout::SystemdV2, 1);
        let controller = Controller::start(drive.path());
        let url = format!("--dcgm-url={}", exporter.url());
        drive.start(Some(&controller), &[&url]).await;
        let told = until_told(&mut drive, &controller, |gpu| gpu.pod == "train-0").await;
        assert_eq!(
            (told.namespace.as_str(), told.container.as_str(), told.pod_uid.as_str()),
            ("ml", "main", "")
        );
        assert_eq!((told.busy_max_permille, told.memory_total_bytes), (40, 4 << 30));
        assert_eq!(told.id, gpu(0, None, 0).uuid());
        let idle = until_told(&mut drive, &controller, |told| told.pod.is_empty()).await;
        assert_eq!((idle.id, idle.busy_max_permille), (gpu(1, None, 0).uuid(), 0));
        assert!(idle.readings > 0, "idle is not unknown");
        for answer in [
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/metrics\r\ncontent-length: 0\r\n\r\n"
                .to_owned(),
            "\u{0}\u{1} no HTTP at all".to_owned(),
            format!("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n{}", "x".repeat(5 << 20)),
            format!("HTTP/1.1 200 OK\r\ncontent-length: 40000\r\n\r\n{}", "DCGM_FI_DEV_GPU_UTIL{".repeat(10)),
        ] {
            exporter.answer_with(answer);
            drive.steps(90).await;
        }
        exporter.tell(&dcgm_page(&[gpu(0, Some("train-1"), 88)]));
        let told = until_told(&mut drive, &controller, |gpu| gpu.pod == "train-1").await;
        assert_eq!(told.busy_max_permille, 880, "it is asked again");
        drive.kill().await;
    });
}

#[test]
fn without_anything_that_tells_nothing_is_told() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::SystemdV2, 1);
        let controller = Controller::start(drive.path());
        // Nobody listens on a port that was let go.
        let gone = FakeExporter::start("").unwrap().url();
        drive.start(Some(&controller), &[&format!("--dcgm-url={gone}")]).await;
        drive.steps(60).await;
        drive.until(|told| told.acknowledged_seq >= 10).await;
        assert_eq!(gpus(&controller.batches()), Vec::<&GpuUse>::new());
        drive.kill().await;
    });
}
