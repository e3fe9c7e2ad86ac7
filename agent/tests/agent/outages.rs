//! Nothing is lost and nothing is doubled: outages, crashes, restarts, acknowledgements of all kinds.

use kubeopt_player::Layout;
use kubeopt_proto::Batch;

use crate::controller::{Answers, Controller};
use crate::drive::{Drive, on_one_thread};

/// Every number from 1 on is there, and steps follow each other without a hole or an overlap.
fn assert_whole(batches: &[Batch], batches_min: u64) {
    let seqs: Vec<u64> = batches.iter().map(|batch| batch.seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    assert!(seqs.len() as u64 >= batches_min, "{} batches", seqs.len());
    for pair in batches.windows(2) {
        let end = pair[0].begin_unix_ms + u64::from(pair[0].steps * pair[0].step_ms);
        assert!(pair[1].begin_unix_ms >= end, "{} and {} overlap", pair[0].seq, pair[1].seq);
    }
}

#[test]
fn two_hours_without_a_controller_are_told_afterwards() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::SystemdV2, 3);
        let mut controller = Controller::start(drive.path());
        drive.start(Some(&controller), &[]).await;
        drive.steps(60).await;
        drive.until(|told| told.acknowledged_seq >= 10).await;
        controller.switch_off();
        let told = drive.steps(720).await;
        assert!(told.kept_seq >= 130);
        controller.switch_on();
        let told = drive.until(|told| told.acknowledged_seq >= 130).await;
        let batches = controller.batches();
        assert_whole(&batches, 130);
        assert!(told.acknowledged_seq >= 130);
        assert!(batches.iter().all(|batch| batch.dropped_batches == 0 && batch.steps == 6));
        let registered = &controller.state.lock().unwrap().registered;
        assert!(registered.len() >= 2 && registered.iter().all(|one| one.node_name == "node-1"));
        assert_eq!(registered[0].boot_id, batches[0].boot_id);
    });
}

#[test]
fn an_agent_that_dies_again_and_again_gives_no_number_twice() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::CgroupfsV1, 3);
        let controller = Controller::start(drive.path());
        for round in 0..8 {
            if round == 3 {
                controller.answer(Answers::EndsAfter(2));
            }
            drive.start(Some(&controller), &[]).await;
            drive.steps(7 + 5 * round).await;
            drive.kill().await;
        }
        controller.answer(Answers::Each);
        drive.start(Some(&controller), &[]).await;
        let kept = drive.steps(13).await.kept_seq;
        drive.until(|told| told.acknowledged_seq >= kept).await;
        // `distinct` compares batches that came twice; one stream over all lives.
        let batches = controller.batches();
        assert_whole(&batches, 20);
        assert!(batches.windows(2).all(|pair| pair[0].boot_id == pair[1].boot_id));
        drive.kill().await;
    });
}

#[test]
fn acknowledgements_twice_and_of_too_much_lose_nothing() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::SystemdV2, 2);
        let controller = Controller::start(drive.path());
        controller.answer(Answers::TwiceAndTooMuch);
        drive.start(Some(&controller), &[]).await;
        drive.steps(120).await;
        drive.until(|told| told.acknowledged_seq >= 20).await;
        assert_whole(&controller.batches(), 20);
        let sent = controller.state.lock().unwrap().batches.len();
        assert_eq!(sent, controller.batches().len(), "each was sent once");
        drive.kill().await;
    });
}

#[test]
fn a_controller_that_acknowledges_nothing_gets_a_few_batches_and_no_more() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::SystemdV2, 2);
        let mut controller = Controller::start(drive.path());
        controller.answer(Answers::Nothing);
        drive.start(Some(&controller), &[]).await;
        drive.steps(300).await;
        let told = drive.until(|told| told.kept_seq >= 51).await;
        assert_eq!(told.acknowledged_seq, 0);
        assert!(controller.batches().len() <= 8);
        // Another one, which does: it has what the first one kept.
        controller.switch_off();
        controller.answer(Answers::Each);
        controller.switch_on();
        drive.until(|told| told.acknowledged_seq >= 50).await;
        assert_whole(&controller.batches(), 50);
        drive.kill().await;
    });
}

#[test]
fn a_day_is_bounded_on_disk_and_what_was_dropped_is_told() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::SystemdV2, 40);
        let mut controller = Controller::start(drive.path());
        controller.switch_off();
        // One megabyte of 40 containers is less than six hours; hour by hour the tree stands still.
        drive.start(Some(&controller), &["--buffer-mib=1"]).await;
        for _ in 0..6 {
            drive.advance(3_600_000).await;
        }
        let size: u64 = std::fs::read_dir(drive.path().join("buffer"))
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len())
            .sum();
        assert!(size <= (1 << 20) + 8 * 1024, "{size}");
        controller.switch_on();
        let kept = drive.steps(1).await.kept_seq;
        drive.until(|told| told.acknowledged_seq >= kept).await;
        let batches = controller.batches();
        let dropped = batches.last().unwrap().dropped_batches;
        assert!(dropped > 0);
        assert_eq!(batches.len() as u64 + dropped, batches.last().unwrap().seq);
        drive.kill().await;
    });
}

#[test]
fn a_full_disk_loses_the_batches_of_that_time_and_says_so() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::SystemdV2, 30);
        let buffer = drive.path().join("buffer");
        std::fs::create_dir(&buffer).unwrap();
        let mount = |arguments: &[&str]| {
            let ran = std::process::Command::new(arguments[0]).args(&arguments[1..]).arg(&buffer).output();
            ran.is_ok_and(|ran| ran.status.success())
        };
        if !mount(&["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs"]) {
            println!("skipped: a small disk needs the right to mount");
            return;
        }
        let mut controller = Controller::start(drive.path());
        controller.switch_off();
        drive.start(Some(&controller), &[]).await;
        drive.steps(360).await;
        controller.switch_on();
        let kept = drive.steps(6).await.kept_seq;
        drive.until(|told| told.acknowledged_seq >= kept).await;
        // There is space again, and all goes on.
        let seq = drive.steps(60).await.kept_seq;
        drive.until(|told| told.acknowledged_seq >= seq).await;
        let batches = controller.batches();
        drive.kill().await;
        let unmounted = mount(&["umount"]);
        let last = batches.last().unwrap();
        assert!(last.dropped_batches > 0 && last.seq >= 5, "{} dropped", last.dropped_batches);
        assert_eq!(
            batches.iter().map(|batch| batch.seq).collect::<Vec<_>>(),
            (1..=last.seq).collect::<Vec<_>>()
        );
        assert!(unmounted);
    });
}

#[test]
fn an_agent_that_is_told_to_stop_keeps_the_minute_that_it_is_in() {
    on_one_thread(async {
        let mut drive = Drive::new(Layout::SystemdV2, 2);
        let controller = Controller::start(drive.path());
        drive.start(None, &[]).await;
        drive.steps(9).await;
        drive.stop().await;
        drive.start(Some(&controller), &[]).await;
        drive.until(|told| told.acknowledged_seq >= 2).await;
        let steps: Vec<u32> = controller.first_batches(2).iter().map(|batch| batch.steps).collect();
        assert_eq!(steps, [6, 3]);
        drive.kill().await;
    });
}
